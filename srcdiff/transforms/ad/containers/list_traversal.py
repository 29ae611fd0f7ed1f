"""List traversals: the lists of which one loop takes each item once, in order, and no other statement takes any.

    for x in xs: ...        becomes, backwards,        for ...: d_xs.append(...)
                                                       d_xs.reverse()

The adjoint of such a list grows by one item in each iteration. The adjoint of any other list starts as a list of zeros.
"""

from __future__ import annotations

from collections.abc import Set

from srcdiff.ir.core import For, Op, Statement
from srcdiff.ir.types import List
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers
from srcdiff.transforms.ad.containers.nested_lists import inner_item, is_changed
from srcdiff.transforms.analysis.dependence.load_stability import Program


def lists_by_element(program: Program, buffers: Set[Value]) -> dict[Atom, For]:
    """The lists, each with its loop. Lists of arrays that are written (`buffers`) are left out: the adjoint of a
    written item is the item of the adjoint list itself.
    """
    yielded = {y for region in (program.top, *program.owner) for y in region.yields}
    return {
        xs: loop
        for xs, used in _uses(program).items()
        if xs not in yielded and (loop := _only_loop(xs, used, program, buffers)) is not None
    }


_Uses = list[tuple[Statement, Statement | None]]  # each with the statement that contains it


def _uses(program: Program) -> dict[Value, _Uses]:
    """The uses of each list, except for its length."""
    out: dict[Value, _Uses] = {}
    for region, owner in ((program.top, None), *program.owner.items()):
        for statement in region.body:
            if _is_list_length(statement):
                continue
            for a in statement.operands:
                if isinstance(a, Value) and isinstance(a.type, List):
                    out.setdefault(a, []).append((statement, owner))
    return out


def _only_loop(xs: Value, used: _Uses, program: Program, buffers: Set[Value]) -> For | None:
    (item, loop), *others = used[::-1]
    if not all(isinstance(s, Op) and s.decl is containers.append for s, _ in others):
        return None
    taken = inner_item(xs, program)
    if taken is not None and is_changed(xs, program):
        return None  # the change may be by another name
    if not isinstance(loop, For) or not isinstance(item, Op) or item not in loop.body.body:
        return None
    if not buffers.isdisjoint(item.results):
        return None
    is_near = program.region_of[id(loop)] is program.home[xs]
    is_item = item.decl is containers.list_item and item.operands[1] is loop.index
    return loop if is_near and is_item and _covers(loop, xs, program) else None


def _covers(loop: For, xs: Value, program: Program) -> bool:
    """Whether the loop runs over the positions of the list, from the first to the last."""
    stop = program.maker.get(loop.stop)
    is_length = stop is not None and _is_list_length(stop) and stop.operands[0] is xs
    return is_length and loop.start == const(0) and loop.step == const(1) and not loop.breaks


def _is_list_length(statement: Statement) -> bool:
    return isinstance(statement, Op) and statement.decl is containers.list_length
