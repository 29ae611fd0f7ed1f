"""Lists of lists: the adjoint of an inner list is an item of the outer list's adjoint.

    row = rows[k]                    d_row = d_rows[k]
    row.append(v)          ->        d_v += d_row.pop()

This holds if the outer list does not change while the inner list is in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from srcdiff.ir.core import For, Op, OpDecl, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, List, Type
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.arrays import containers
from srcdiff.transforms.analysis.defuse import used_atoms
from srcdiff.transforms.analysis.dependence.load_stability import Program

_CHANGES = (
    containers.append,
    containers.list_pop,
    containers.list_reverse,
    containers.list_set,
    containers.list_add,
)
_MOVES = _CHANGES[:-1]  # operations that move items to other places


def inner_item(value: Value, program: Program) -> Op | None:
    """The operation that takes a value, which is a list, from a list; None if there is none."""
    made = program.maker.get(value)
    if not isinstance(made, Op) or made.decl is not containers.list_item:
        return None
    return made if isinstance(value.type, List) else None


def stays(item: Op, program: Program) -> bool:
    """Whether the outer list does not change from the statement that takes an item to the item's last use."""
    outer, value = item.operands[0], item.results[0]
    if not isinstance(outer, Value) or value in program.region_of[id(item)].yields:
        return False
    return not any(_changes(s, outer, program) for s in _in_use(item, value, program))


def _after(item: Statement, program: Program) -> Sequence[Statement]:
    """The statements that may run after an item is taken, if the region yields the item."""
    found: list[Statement] = []
    statement: Statement | None = item
    while statement is not None:
        region = program.region_of[id(statement)]
        found += region.body[region.body.index(statement) + 1 :]
        statement = program.owner.get(region)
        if isinstance(statement, For | While):
            return program.top.body
    return found


def _in_use(item: Op, value: Value, program: Program) -> Sequence[Statement]:
    """The statements after an item is taken, up to its last use in the region."""
    body = program.region_of[id(item)].body
    start = next(k for k, s in enumerate(body) if s is item)
    uses = [k for k, s in enumerate(body) if k > start and value in set(used_atoms(s))]
    return body[start + 1 : max(uses, default=start) + 1]


def keeps_place(item: Op, value: Value, program: Program) -> bool:
    """Whether an array that is taken from a list stays at its place there while it is in use."""
    xs = item.operands[0]
    assert isinstance(xs, Value)
    at = item.operands[1] if item.decl is containers.list_item else const(0)
    # an append does not move items that are counted from the front
    from_front = isinstance(at, Const) and at.value >= 0
    moves = [c for c in _MOVES if c is not containers.append or not from_front]
    region = program.region_of[id(item)]
    if value in region.yields:
        return not any(_changes(s, xs, program, moves) for s in _after(item, program))
    return not any(_changes(s, xs, program, moves) for s in _in_use(item, value, program))


def is_changed(value: Value, program: Program) -> bool:
    return any(_changes(s, value, program) for s in program.top.body)


def items_change(xs: Value, program: Program) -> bool:
    """Whether any item of a list, an array or a list, is written anywhere."""
    assert isinstance(xs.type, List)
    depth, kind = _depth(xs.type), type(xs.type.element)
    for root in program.roots.get(xs, frozenset()):
        inner = _depth(root.type) < depth if kind is List else isinstance(root.type, Array)
        if inner and program.writes.get(root):
            return True
    return False


def _changes(
    statement: Statement, xs: Value, program: Program, changes: Collection[OpDecl] = _CHANGES
) -> bool:
    for op in _ops(statement):
        target = op.operands[0] if op.decl in changes else None
        if not isinstance(target, Value) or _depth(target.type) != _depth(xs.type):
            continue
        if program.roots.get(target, frozenset()) & program.roots.get(xs, frozenset()):
            return True
    return False


def _ops(statement: Statement) -> Iterator[Op]:
    inner = walk(*regions_of(statement))
    return (s for s in (statement, *inner) if isinstance(s, Op))


def _depth(type_: Type) -> int:
    return 1 + _depth(type_.element) if isinstance(type_, List) else 0
