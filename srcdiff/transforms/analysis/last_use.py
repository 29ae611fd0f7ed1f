"""Last uses: the order of statements, the last use of each value, and the arrays that are passed on as storage."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcdiff.ir.core import Call, For, Function, Op, Region, Statement, While, regions_of
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Value


@dataclass
class Survey:
    """The uses of a function's values, in the order of the text.

    Attributes
    ----------
    number : dict
        The place of each statement in the text; statements inside a statement follow it.
    last : dict
        The number of the last statement that uses a value. A yield has a number after all statements of its region.
    deep : set
        The values that are used inside a loop, and defined outside of it.
    held : set
        The arrays that are passed on as storage: carried, yielded, put into containers, passed to functions.
    """

    number: dict[Statement, int] = field(default_factory=dict)
    last: dict[Value, int] = field(default_factory=dict)
    deep: set[Value] = field(default_factory=set)
    held: set[Value] = field(default_factory=set)
    count: int = 0


def survey(fn: Function) -> Survey:
    found = Survey()
    _region(fn.body, (), {}, found)
    return found


def _region(
    region: Region,
    loops: tuple[Statement, ...],
    home: dict[Value, tuple[Statement, ...]],
    found: Survey,
) -> None:
    home.update(dict.fromkeys(region.params, loops))
    for s in region.body:
        found.count += 1
        found.number[s] = found.count
        _use(s.operands, loops, home, found)
        found.held.update(a for a in _held(s) if isinstance(a, Value))
        inner = (*loops, s) if isinstance(s, For | While) else loops
        for r in regions_of(s):
            _region(r, inner, home, found)
        home.update(dict.fromkeys(s.results, loops))
    found.count += 1
    _use(region.yields, loops, home, found)
    found.held.update(
        y for y in region.yields if isinstance(y, Value) and isinstance(y.type, Array)
    )


def _use(
    atoms: tuple[Atom, ...],
    loops: tuple[Statement, ...],
    home: dict[Value, tuple[Statement, ...]],
    found: Survey,
) -> None:
    for a in atoms:
        if isinstance(a, Value):
            found.last[a] = found.count
            if len(home[a]) < len(loops):
                found.deep.add(a)


def _held(s: Statement) -> tuple[Atom, ...]:
    """The operands whose storage a statement passes on: to a loop, a function or a container."""
    if isinstance(s, For | While):
        return s.carried
    if isinstance(s, Call):
        return s.operands
    if not isinstance(s, Op):
        return ()
    kinds = [a.type for a in (*s.operands, *s.results)]
    is_container = s.decl.holds or not all(isinstance(t, Array | Scalar) for t in kinds)
    return s.operands if is_container else ()
