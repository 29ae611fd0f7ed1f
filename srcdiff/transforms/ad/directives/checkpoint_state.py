"""The state of a checkpointed loop: the values and array contents that pass from one iteration to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import writes_of
from srcdiff.ir.core import For, walk
from srcdiff.ir.types import Array, Scalar, Static
from srcdiff.ir.values import Value
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.analysis.defuse import all_regions, defined_in


def state_of(r: Reversal, loop: For) -> list[tuple[Value | None, Value]]:
    """The parts of the state: parameters of the body with their initial values, and arrays from outside (no parameter,
    and the array).
    """
    program = r.forward.program
    inside = set(defined_in(loop.body))
    found: list[tuple[Value | None, Value]] = []
    for param, start in zip(loop.body.params[1:], loop.carried, strict=True):
        if isinstance(param.type, Static):
            continue
        if not isinstance(param.type, Scalar | Array):
            _refuse(loop, f"`{param.name}`, a container, is carried from iteration to iteration")
        found.append((param, start if isinstance(start, Value) else param))
    covered: set[Value] = set()
    starts: set[Value] = set()
    ends: set[Value] = set()
    for p, start, end in zip(loop.body.params[1:], loop.carried, loop.body.yields, strict=True):
        if p not in r.buffers or not isinstance(start, Value):
            continue
        from_, to = set(program.roots.get(start, ())), set(r.forward.bases(end))
        if from_ & starts or to & ends:
            _refuse(loop, f"`{p.name}` is another name of an array that the loop carries")
        starts |= from_
        ends |= to
        covered |= set(program.roots.get(p, ())) - inside
    written = {w for w in writes_of(loop, program.roots) if w not in inside}
    for v in free_values(r, loop):
        mine = written & program.roots.get(v, frozenset())
        if not mine:
            continue
        base = r.forward.base(v)
        if not isinstance(base.type, Array) or base not in r.buffers or mine & covered:
            _refuse(loop, f"`{v.name}`, which the loop writes, is in a container or has two names")
        if (None, base) not in found:
            found.append((None, base))
    named = {w for _, v in found for w in program.roots.get(v, ())} | covered
    if not written <= named:
        _refuse(loop, "the loop writes into a container")
    return found


def _refuse(loop: For, what: str) -> NoReturn:
    raise UnsupportedError(
        f"a loop over srcdiff.checkpointed keeps numbers and arrays, but {what}",
        "Carry arrays of fixed lengths, each under one name, or loop over the range itself.",
        loop.location,
    )


def read_only(r: Reversal, loop: For, state: Sequence[tuple[Value | None, Value]]) -> list[Value]:
    """The arrays that the loop reads, and whose contents may be different when it runs again."""
    program = r.forward.program
    own = {w for p, v in state if p is None for w in program.roots.get(v, ())}
    around = program.around[id(loop)]
    found = []
    for v in free_values(r, loop):
        if v not in r.buffers or own & program.roots.get(v, frozenset()):
            continue
        later = program.is_written_from(loop, v, is_after=True)
        if later or around or r.forward.home[v] is not program.top:
            found.append(v)
    return found


def changing(r: Reversal, loop: For) -> set[Value]:
    """The arrays from outside that the loop writes, by the values that the body uses."""
    roots = r.forward.program.roots
    written = writes_of(loop, roots)
    return {v for v in free_values(r, loop) if written & roots.get(v, frozenset())}


def free_values(r: Reversal, loop: For) -> list[Value]:
    """The values from outside that the body uses."""
    inside = set(defined_in(loop.body))
    used = {a for region in all_regions(loop.body) for a in region.yields}
    used |= {a for s in walk(loop.body) for a in s.operands}
    free = [a for a in used if isinstance(a, Value) and a not in inside]
    return sorted(free, key=r.forward.program.order)
