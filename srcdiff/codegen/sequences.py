"""`for` over the sequences themselves where an index does nothing but pick their elements.

for t in reversed(range(len(xs))): for (W, _), x in zip(reversed(params), reversed(xs)): W, _ =
params[t] becomes ... x = xs[t]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from srcdiff.codegen.plan import Pattern
from srcdiff.ir.core import Atom, Const, For, Op, Statement, Value, regions_of, walk
from srcdiff.ir.types import Array, Dim, List, Scalar, shape_of

__all__ = ["Header", "sequence_form"]


_MANY = 4  # sequences that a `zip` may have


@dataclass(frozen=True)
class Header:
    """What stands between `for` and `:`; `absorbed` are the statements of the body that it stands for."""

    form: Literal["range", "each", "enumerate"]
    operands: tuple[Atom, ...]
    index: Value | None
    patterns: tuple[Pattern, ...] = ()
    absorbed: frozenset[Statement] = frozenset()


def sequence_form(
    loop: For,
    definer: Mapping[Value, Statement],
    at: Callable[[Atom], Atom],
    keeps: Callable[[Statement], bool],
) -> Header:
    plain = Header("range", loop.operands[:3], loop.index)
    if not (_is(loop.start, 0) and _is(loop.step, 1)):
        return plain
    loads = _loads(loop, keeps)
    if not loads:
        return plain
    uses = Counter(a for s in walk(loop.body) for a in _reads(s) if keeps(s))
    uses.update(a for a in loop.body.yields if isinstance(a, Value))
    index_left = uses[loop.index] - len(loads)
    if (index_left and loop.reverse) or len(loads) > _MANY:
        return plain
    sequences = [load.operands[0] for load in loads]
    if any(_grows(s, loop) for s in sequences) or not _all_turns(sequences, loop, definer):
        return plain
    patterns, unpacks = _patterns(loop, loads, uses, keeps)
    form: Literal["each", "enumerate"] = "enumerate" if index_left else "each"
    index = loop.index if index_left else None
    return Header(form, tuple(sequences), index, patterns, frozenset([*loads, *unpacks]))


def _is(atom: Atom, value: int) -> bool:
    return isinstance(atom, Const) and atom.value == value


def _reads(s: Statement) -> list[Value]:
    yields = [y for r in regions_of(s) for y in r.yields]
    return [a for a in (*s.operands, *yields) if isinstance(a, Value)]


def _loads(loop: For, keeps: Callable[[Statement], bool]) -> list[Op]:
    """The statements of the body that pick the index's element of a sequence, and may stand in the header."""
    inside = {r for s in walk(loop.body) for r in s.results} | set(loop.body.params)
    writes = any(isinstance(s, Op) and s.decl.writes for s in walk(loop.body))
    found: dict[Atom, Op] = {}
    for s in loop.body.body:
        if not isinstance(s, Op):
            if writes:
                break
            continue
        if s.decl.writes and writes:
            break
        if not keeps(s):
            continue
        if (
            _picks(s, loop.index)
            and s.operands[0] not in inside
            and s.operands[0] not in found
            and _may_absorb(s, loop)
        ):
            found[s.operands[0]] = s
    return list(found.values())


def _picks(op: Op, index: Value) -> bool:
    if len(op.operands) != 2 or op.operands[1] is not index:
        return False
    if op.decl.name == "list_item":
        return True
    return op.decl.name == "index" and op.attrs["where"] == "i"


def _may_absorb(load: Op, loop: For) -> bool:
    """Not where the user wrote `for i in range(...)` and picks the element himself."""
    if not loop.index.user:
        return True
    here, there = load.location, loop.location
    return (
        here is not None
        and there is not None
        and (here.file, here.line) == (there.file, there.line)
    )


def _patterns(
    loop: For, loads: Sequence[Op], uses: Counter[Value], keeps: Callable[[Statement], bool]
) -> tuple[tuple[Pattern, ...], list[Op]]:
    unpacks = {
        s.operands[0]: s
        for s in loop.body.body
        if isinstance(s, Op) and s.decl.name == "unpack" and keeps(s) and uses[s.operands[0]] == 1  # type: ignore[index]
    }
    used: list[Op] = []

    def pattern(value: Value) -> Pattern:
        op = unpacks.get(value)
        if op is None:
            return value
        used.append(op)
        return tuple(pattern(r) for r in op.results)

    return tuple(pattern(load.result) for load in loads), used


# ---- lengths of sequences -------------------------------------------------------------------------


def _all_turns(sequences: Sequence[Atom], loop: For, definer: Mapping[Value, Statement]) -> bool:
    """Whether going over the sequences together makes the loop's turns; backwards, all must have the same length."""
    if loop.reverse:
        return all(has_length(s, loop.stop, loop, definer) for s in sequences)
    stops = _shortest_of(loop.stop, definer)
    return all(any(has_length(s, stop, loop, definer) for s in sequences) for stop in stops)


def _shortest_of(stop: Atom, definer: Mapping[Value, Statement]) -> list[Atom]:
    """The lengths of which `stop` is the smallest: `zip` takes that by itself."""
    made = definer.get(stop) if isinstance(stop, Value) else None
    if isinstance(made, Op) and made.decl.name == "minimum":
        return [leaf for a in made.operands for leaf in _shortest_of(a, definer)]
    return [stop]


def has_length(sequence: Atom, stop: Atom, loop: For, definer: Mapping[Value, Statement]) -> bool:
    """Whether `stop`, the loop's last bound, is the number of the sequence's elements."""
    length = stop.type.expr if isinstance(stop.type, Scalar) else None
    if isinstance(sequence.type, Array):
        return length is not None and shape_of(sequence.type)[0] == length
    source = definer.get(stop) if isinstance(stop, Value) else None
    if (
        isinstance(source, Op)
        and source.decl.name in ("list_length", "axis_length")
        and source.operands[0] is sequence
    ):
        return True
    if not isinstance(sequence.type, List) or not isinstance(sequence, Value):
        return False
    if _filled_alike(sequence, loop, definer):
        return True
    filler = (
        _filler(source.operands[0], definer) if isinstance(source, Op) and source.operands else None
    )
    return (
        filler is not None
        and _counts(filler)
        and has_length(sequence, filler.stop, filler, definer)
    )


def _counts(loop: For) -> bool:
    return _is(loop.start, 0) and _is(loop.step, 1)


def _grows(sequence: Atom, loop: For) -> bool:
    """Whether the loop changes the list's length: Python's loop over it would follow that."""
    return isinstance(sequence.type, List) and any(
        isinstance(s, Op) and s.operands[position] is sequence
        for s in walk(loop.body)
        for position in writes(s)
    )


def writes(s: Statement) -> tuple[int, ...]:
    return s.decl.writes if isinstance(s, Op) else ()


def _filled_alike(sequence: Value, loop: For, definer: Mapping[Value, Statement]) -> bool:
    """Whether the list was filled by one `append` in each turn of a loop that has the same bounds."""
    filler = _filler(sequence, definer)
    return filler is not None and same_bounds(filler, loop)


def _filler(sequence: Atom, definer: Mapping[Value, Statement]) -> For | None:
    """The one loop that fills a list, by one `append` in each turn."""
    made = definer.get(sequence) if isinstance(sequence, Value) else None
    if not isinstance(sequence, Value) or not (
        isinstance(made, Op) and made.decl.name == "list_new" and not made.operands
    ):
        return None
    fillers = [
        s
        for s in dict.fromkeys(definer.values())
        if isinstance(s, For) and any(_appends(inner, sequence) for inner in s.body.body)
    ]
    if (
        len(fillers) != 1
        or sum(_appends(s, sequence) for s in walk(fillers[0].body)) != 1
        or fillers[0].breaks
    ):
        return None
    return fillers[0]


def _appends(s: Statement, sequence: Value) -> bool:
    return isinstance(s, Op) and s.decl.name == "append" and s.operands[0] is sequence


def same_bounds(a: For, b: For) -> bool:
    return all(_same(p, q) for p, q in zip(a.operands[:3], b.operands[:3], strict=True))


def _same(a: Atom, b: Atom) -> bool:
    if a is b or a == b:
        return True
    known: list[Dim | None] = [t.expr if isinstance(t, Scalar) else None for t in (a.type, b.type)]
    return known[0] is not None and known[0] == known[1]
