"""Loop dependence: whether the iterations of a loop commute, and whether two loops may be fused.

Accesses to storage commute with other iterations in two cases: if all iterations only add to the storage, and if each
iteration touches only the part that its own index selects (`d_v[i]`, `H[:, i]`). A loop-carried value allows any order
of the iterations if the iterations only add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from srcdiff.ir.alias import Roots, reads_of, writes_of
from srcdiff.ir.core import Call, For, If, Op, Statement, walk
from srcdiff.ir.types import Clamp
from srcdiff.ir.values import Atom, Const, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import is_place
from srcdiff.ops.core.index_patterns import axes_taken, items, operands_in
from srcdiff.transforms.analysis.defuse import defined_in, definitions_in

_ADD = "adds"  # a kind of access; the other kinds are pairs: an array, and the axis of the iteration's own index


@dataclass
class Access:
    """How a loop uses one root: the kinds that all uses have, and whether any use writes."""

    kinds: set[object] = field(default_factory=set)
    writes: bool = False
    seen: bool = False

    def note(self, kinds: set[object], writes: bool) -> None:
        self.kinds = self.kinds & kinds if self.seen else kinds
        self.writes, self.seen = self.writes or writes, True


Accesses = dict[Value, Access]


def accesses(loop: For, roots: Roots) -> Accesses:
    """How the iterations of a loop use each root from outside."""
    return _Look(loop, roots).found


class _Look:
    def __init__(self, loop: For, roots: Roots) -> None:
        self.index, self.roots = loop.index, roots
        self.may_wrap = not counts_from_front(loop)
        self.inside = set(defined_in(loop.body))
        self.own_views: dict[Value, object] = {}  # view at the iteration's index -> its kind
        self.found: Accesses = {}
        for statement in walk(loop.body):
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        if not isinstance(statement, Op | Call):
            return
        kind = self.own_part(statement) if isinstance(statement, Op) else None
        own: set[object] = set() if kind is None else {kind}
        if isinstance(statement, Op) and statement.view_of is not None and kind is not None:
            self.own_views.update(dict.fromkeys(statement.results, kind))
        written = writes_of(statement, self.roots)
        adds: set[object] = (
            {_ADD}
            if isinstance(statement, Op) and statement.decl in (memory.add_into, memory.add_at)
            else set()
        )
        target = statement.operands[0] if written and isinstance(statement, Op) else None
        for root in written:
            self.note(root, own | adds, writes=True)
        for operand in statement.operands:
            if isinstance(operand, Value) and operand is not target:
                self.note_read(statement, operand, own)

    def note_read(self, statement: Op | Call, operand: Value, own: set[object]) -> None:
        for root in reads_of(statement, self.roots) & self.roots.get(operand, frozenset()):
            is_base = operand is statement.operands[0]
            view = self.own_views.get(operand)
            self.note(
                root, own if is_base and own else set() if view is None else {view}, writes=False
            )

    def note(self, root: Value, kinds: set[object], writes: bool) -> None:
        if root not in self.inside:
            self.found.setdefault(root, Access()).note(kinds, writes)

    def own_part(self, op: Op) -> object | None:
        """The array, and its axis, at which an operation uses the iteration's own index; None for other accesses. The
        array is part of the kind: through another view of the storage, the same index selects another part.
        """
        if not op.operands or not isinstance(base := op.operands[0], Value):
            return None
        if base in self.own_views:
            return self.own_views[base]
        where = op.attrs.get("where")
        if (
            where is None
            or self.may_wrap
            or base in self.inside
            or len(self.roots.get(base, ())) != 1
        ):
            return None
        first = 2 if op.decl.writes else 1
        axis = _axis_of(self.index, where, op.operands[first:])
        return None if axis is None else (base, axis)


def counts_from_front(loop: For) -> bool:
    """Whether the index is certain not to be negative: -1 may be the same place as another iteration's index."""
    if is_place(loop.start) and (is_place(loop.step) or _is_up(loop.step)):
        return True
    if not isinstance(loop.step, Const):
        return False
    if loop.step.value > 0:
        return never_negative(loop.start)
    return isinstance(loop.stop, Const) and loop.stop.value >= -1


def never_negative(atom: Atom) -> bool:
    """Whether the form of a number shows that it is never negative: 2, `max(k, 0)`."""
    if isinstance(atom, Const):
        return bool(atom.value >= 0)
    known = known_dim(atom)
    is_clamped = known is not None and all(isinstance(s, Clamp) and k > 0 for s, k in known.terms)
    return known is not None and is_clamped and known.const >= 0


def _is_up(step: Atom) -> bool:
    return isinstance(step, Const) and step.value > 0


def _axis_of(index: Value, where: str, operands: tuple[Atom, ...]) -> int | None:
    axis = k = 0
    for item in items(where):
        if item == "...":
            return None
        if item == "None":
            continue
        if item == "i" and operands[k] is index:
            return axis
        k += operands_in(item)
        axis += axes_taken(item)
    return None


def storage_commutes(found: Accesses) -> bool:
    """Whether the iterations may run in any order, by their accesses to storage."""
    return all(a.kinds or not a.writes for a in found.values())


def storage_is_separate(first: Accesses, second: Accesses) -> bool:
    """Whether an iteration of the second loop may run before later iterations of the first, by their accesses."""
    for root in first.keys() & second.keys():
        one, two = first[root], second[root]
        if (one.writes or two.writes) and not one.kinds & two.kinds:
            return False
    return True


# ---- loop-carried values -----------------------------------------------------------------------


def carries_only_add(loop: For, uses: Mapping[Value, int]) -> bool:
    """Whether each iteration only adds to each loop-carried value (`p + ...`), and does not use it otherwise."""
    made = definitions_in(walk(loop.body))
    return all(
        only_adds(yielded, param, made, uses)
        for param, yielded in zip(loop.body.params[1:], loop.carried_yields, strict=True)
    )


def only_adds(
    yielded: Atom, param: Value, made: Mapping[Atom, Statement], uses: Mapping[Value, int]
) -> bool:
    """Whether an iteration yields `param + ...` for a loop-carried value, and does not use the value otherwise."""
    places: list[int] = []
    return _adds_to(yielded, param, made, uses, places) and len(places) == uses.get(param, 0)


def _adds_to(
    atom: Atom,
    param: Value,
    made: Mapping[Atom, Statement],
    uses: Mapping[Value, int],
    places: list[int],
) -> bool:
    """Whether a value is `param` plus other terms; `places` counts the uses of `param` in the sum."""
    if atom is param:
        places.append(1)
        return True
    statement = made.get(atom)
    if not isinstance(atom, Value) or statement is None or uses.get(atom) != 1:
        return False
    if isinstance(statement, Op):
        sides = {"add": statement.operands, "subtract": statement.operands[:1]}.get(
            statement.decl.name, ()
        )
        return any(_adds_to(side, param, made, uses, places) for side in sides)
    if isinstance(statement, If):
        k = statement.results.index(atom)
        return all(
            _adds_to(region.yields[k], param, made, uses, places)
            for region in (statement.then, statement.orelse)
        )
    if isinstance(statement, For) and not statement.breaks:
        k = statement.results.index(atom)
        inner = only_adds(statement.carried_yields[k], statement.body.params[k + 1], made, uses)
        return inner and _adds_to(statement.carried[k], param, made, uses, places)
    return False
