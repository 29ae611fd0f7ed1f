"""Lists on lists: the adjoint of one that is taken from another is on the adjoint of that.

    row = rows[k]                    d_row = d_rows[k]
    row.append(v)          ->        d_v += d_row.pop()

That holds as long as the outer list stays as it is while the inner one is in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from srcdiff.ir.core import Const, For, Op, OpDecl, Statement, Value, While, const, regions_of, walk
from srcdiff.ir.types import Array, List, Type
from srcdiff.ops.arrays import containers
from srcdiff.transforms.analysis.defuse import used_atoms
from srcdiff.transforms.analysis.dependence.load_stability import Program

__all__ = ["inner_item", "is_changed", "items_change", "keeps_place", "stays"]

_CHANGES = (
    containers.append,
    containers.list_pop,
    containers.list_reverse,
    containers.list_set,
    containers.list_add,
)
_MOVES = _CHANGES[:-1]  # by which other items are at a place


def inner_item(value: Value, program: Program) -> Op | None:
    """The operation that takes a list from a list, if one does."""
    made = program.maker.get(value)
    is_item = isinstance(made, Op) and made.decl is containers.list_item
    return made if is_item and isinstance(value.type, List) else None  # type: ignore[return-value]


def stays(item: Op, program: Program) -> bool:
    """Whether the outer list is the same from where an item is taken to its last use."""
    outer, value = item.operands[0], item.results[0]
    if not isinstance(outer, Value) or value in program.region_of[id(item)].yields:
        return False
    return not any(_changes(s, outer, program) for s in _in_use(item, value, program))


def _behind(item: Statement, program: Program) -> Sequence[Statement]:
    """What may run when an item has been taken that its region passes on."""
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
    """What stands between where an item is taken and its last use."""
    body = program.region_of[id(item)].body
    start = next(k for k, s in enumerate(body) if s is item)
    uses = [k for k, s in enumerate(body) if k > start and value in set(used_atoms(s))]
    return body[start + 1 : max(uses, default=start) + 1]


def keeps_place(item: Op, value: Value, program: Program) -> bool:
    """Whether an array that is taken from a list is at that place of it as long as it is in use."""
    xs = item.operands[0]
    assert isinstance(xs, Value)
    at = item.operands[1] if item.decl is containers.list_item else const(0)
    from_front = (
        isinstance(at, Const) and at.value >= 0
    )  # appending moves nothing that is counted from there
    moves = [c for c in _MOVES if c is not containers.append or not from_front]
    region = program.region_of[id(item)]
    if value in region.yields:
        return not any(_changes(s, xs, program, moves) for s in _behind(item, program))
    return not any(_changes(s, xs, program, moves) for s in _in_use(item, value, program))


def is_changed(value: Value, program: Program) -> bool:
    """Whether a list, by whatever name, is changed anywhere."""
    return any(_changes(s, value, program) for s in program.top.body)


def items_change(xs: Value, program: Program) -> bool:
    """Whether any array or list on a list is changed anywhere."""
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
    inner = (s for region in regions_of(statement) for s in walk(region))
    return (s for s in (statement, *inner) if isinstance(s, Op))


def _depth(type_: Type) -> int:
    return 1 + _depth(type_.element) if isinstance(type_, List) else 0
