"""Effects: the storage and slots that a statement touches, and whether two statements may be exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, may_raise, reads_of, writes_of
from srcdiff.ir.core import Call, Function, Op, Statement, regions_of, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import adjoint_hooks, control, random, semiring_ops
from srcdiff.ops.core.registry import own_rule

# effects that end with the call, and draws: generators are arguments, whose states can be restored
_PASSING = frozenset(
    decl.name
    for decl in (
        memory.save, memory.restore, adjoint_hooks.adjoint_block, adjoint_hooks.comment, control.assert_,
        control.raise_, *control.CLOCKS, random.draw, semiring_ops.random_numbers,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Footprint:
    """The storage that statements read and write, the slots that they use, and whether they have other effects or may
    raise.
    """

    reads: frozenset[Value] = frozenset()
    writes: frozenset[Value] = frozenset()
    slots: frozenset[object] = frozenset()
    effect: bool = False
    raises: bool = False

    def without(self, roots: frozenset[Value]) -> Footprint:
        if not roots:
            return self
        return replace(self, reads=self.reads - roots, writes=self.writes - roots)


NOTHING = Footprint()


def footprint(statement: Statement, roots: Roots) -> Footprint:
    inner = [statement, *walk(*regions_of(statement))]
    ops = [s for s in inner if isinstance(s, Op)]
    slots = frozenset(op.attrs["slot"] for op in ops if "slot" in op.attrs)
    effect = any(op.decl.effect and "slot" not in op.attrs for op in ops)
    effect = effect or any(runs_effects(s.function) for s in inner if isinstance(s, Call))
    return Footprint(
        reads_of(statement, roots), writes_of(statement, roots), slots, effect, may_raise(statement)
    )


def added_to(statement: Statement, roots: Roots) -> frozenset[Value]:
    added: set[Value] = set()
    other = set(reads_of(statement, roots))
    for s in (statement, *walk(*regions_of(statement))):
        if isinstance(s, Op):
            is_sum = s.decl in (memory.add_into, memory.add_at)
            (added if is_sum else other).update(writes_of(s, roots))
    return frozenset(added - other)


def together(footprints: Iterable[Footprint]) -> Footprint:
    parts = list(footprints)
    return Footprint(
        frozenset().union(*(f.reads for f in parts)),
        frozenset().union(*(f.writes for f in parts)),
        frozenset().union(*(f.slots for f in parts)),
        any(f.effect for f in parts),
        any(f.raises for f in parts),
    )


def conflict(left: Footprint, right: Footprint) -> bool:
    """Whether two statements must keep their order."""
    if (
        left.writes & (right.reads | right.writes)
        or right.writes & left.reads
        or left.slots & right.slots
    ):
        return True
    return (left.effect and (right.effect or right.raises)) or (right.effect and left.raises)


def may_move(statement: Statement, over: Iterable[Statement], roots: Roots) -> bool:
    """Whether the program means the same with a statement on the other side of its neighbours `over`, as far as
    storage and effects are concerned. The caller takes care of values.
    """
    own = footprint(statement, roots)
    return not any(conflict(own, footprint(other, roots)) for other in over)


def runs_effects(fn: Function) -> bool:
    for statement in walk(fn.body):
        if isinstance(statement, Op) and statement.decl.effect and "slot" not in statement.attrs:
            return True
        if isinstance(statement, Call) and runs_effects(statement.function):
            return True
    return False


def is_repeatable(fn: Function) -> bool:
    """Whether calls can be abandoned and run again. Functions with rules of the user may do anything."""
    ops = [s for f in callees_first(fn) for s in walk(f.body) if isinstance(s, Op)]
    return not any(
        (op.decl.effect and op.decl.name not in _PASSING) or any(map(own_rule, op.decl.callables))
        for op in ops
    )
