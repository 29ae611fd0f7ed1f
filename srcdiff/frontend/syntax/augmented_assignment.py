"""`target op= value`: in place where the target is an array or a container, and otherwise an assignment.

Python reads the target before the value, and so does this if computing the value may change the target:

    y[0] += step(y)            old = y[0]; value = step(y); y[0] = old + value
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Sequence

import gast

from srcdiff.frontend.arrays.stores import add_to, update_item, write_item
from srcdiff.frontend.arrays.subscripts import array_of, read_item, subscripted
from srcdiff.frontend.callees.dispatch import SPECIAL
from srcdiff.frontend.callees.list_methods import repeat_in_place
from srcdiff.frontend.callees.objects import write_attribute
from srcdiff.frontend.containers.dunder_methods import method_of, record_class
from srcdiff.frontend.containers.lists import is_list
from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.naming import bind_name
from srcdiff.frontend.core.values import MISSING, Args, FrontValue, Kwargs, Method, Parts
from srcdiff.frontend.syntax.attributes import attribute
from srcdiff.frontend.syntax.calls import call_value
from srcdiff.frontend.syntax.expressions import combine
from srcdiff.ir.alias import written_operands
from srcdiff.ir.core import Call, Op, Statement, regions_of, walk
from srcdiff.ir.types import Array, List
from srcdiff.ir.values import Atom, Value, const


@reads(gast.AugAssign)
def _augmented(fr: Frame, node: gast.AST) -> None:
    target = node.target
    if isinstance(target, gast.Subscript):
        _augment_item(fr, node, *subscripted(fr, target))
        return
    if isinstance(target, gast.Attribute):
        _augment_attribute(fr, node)
        return
    if not isinstance(target, gast.Name):
        fr.fail(
            target,
            f"assigning to `{gast.unparse(target).strip()}` is not supported",
            "Assign to a name or a subscript.",
        )
    old = fr.unwrap(fr.name(target.id, target), node)
    since = len(fr.b.body)
    value = fr.expr(node.value)
    if _changed_in_place(fr, node, old, value):
        if _calls(node.value) and fr.name(target.id, target) is not fr.session.current(old):
            fr.bind(target.id, old)  # the value has bound the name to something else meanwhile
        return
    new = fr.updated(node, old, combine(fr, node)(node.op, old, value))
    bind_name(fr, target.id, new, since)


def _changed_in_place(fr: Frame, node: gast.AST, old: FrontValue, value: FrontValue) -> bool:
    """Whether an array or a container was changed, and its name stands for what it did."""
    if isinstance(old, Value) and isinstance(old.type, Array):
        add_to(fr, old, node.op, array_of(fr, value, node), node, combine(fr, node))
        return True
    if isinstance(node.op, gast.Mult) and is_list(old):
        repeat_in_place(fr, node, old, value)
        return True
    changes = _changed_by(node.op, old)
    if changes:
        call_value(fr, node, Method(old, changes), [value], {})
    return bool(changes)


def _changed_by(op: gast.operator, value: FrontValue) -> str:
    """The method that an augmented assignment to a container is."""
    if isinstance(op, gast.Add) and is_list(value):
        return "extend"
    is_dict = isinstance(value, Parts) and value.kind == "dict"
    return "update" if isinstance(op, gast.BitOr) and is_dict else ""


def _augment_attribute(fr: Frame, node: gast.AST) -> None:
    """`base.name op= value`."""
    target = node.target
    base = fr.expr(target.value)
    old = fr.unwrap(attribute(fr, base, target.attr, target), node)
    value = fr.expr(node.value)
    if _changed_in_place(fr, node, old, value):
        if _has_setter(base, target.attr):
            write_attribute(fr, base, target.attr, fr.session.current(old), target)
            return
        now = _calls(node.value) and attribute(fr, fr.session.current(base), target.attr, target)
        if now and now is not fr.session.current(old):
            write_attribute(fr, base, target.attr, old, target)
        return
    new = fr.updated(node, old, combine(fr, node)(node.op, old, value))
    write_attribute(fr, base, target.attr, new, target)


def _has_setter(base: FrontValue, name: str) -> bool:
    """Whether a method of the user's is given what an attribute is to be."""
    cls = record_class(base)
    return cls is not None and isinstance(inspect.getattr_static(cls, name, None), property)


# ---- items ---------------------------------------------------------------------------------------------------


def _augment_item(fr: Frame, node: gast.AST, base: FrontValue, key: FrontValue) -> None:
    if method_of(base, "__setitem__") is not None:
        _augment_own_item(fr, node, base, key)
        return
    if isinstance(node.op, gast.Add | gast.Mult) and is_list(
        part := _list_in(fr, base, key, node.target)
    ):
        _changed_in_place(fr, node, part, fr.expr(node.value))
        return
    session, since = fr.session, len(fr.b.body)
    mark = session.mark() if _calls(node.value) else None
    value = fr.expr(node.value)
    if mark is None or not _may_change(fr, base, since, mark.cells):
        update_item(fr, base, key, node.op, value, node, combine(fr, node))
        return
    session.reset(mark)
    del fr.b.body[since:]
    old = fr.unwrap(read_item(fr, session.current(base), key, node), node)
    value = fr.expr(node.value)
    if isinstance(old, Value) and isinstance(old.type, Array):  # in place, after all
        add_to(fr, old, node.op, array_of(fr, value, node), node, combine(fr, node))
        return
    new = fr.updated(node, old, combine(fr, node)(node.op, old, value))
    write_item(fr, session.current(base), key, new, node)


def _augment_own_item(fr: Frame, node: gast.AST, base: FrontValue, key: FrontValue) -> None:
    """An item of an object of the user's: what its methods give, and what they are given."""
    item = read_item(fr, base, key, node)
    value = fr.expr(node.value)
    if not _changed_in_place(fr, node, item, value):
        item = fr.updated(node, item, combine(fr, node)(node.op, item, value))
    write_item(fr, fr.session.current(base), key, fr.session.current(item), node)


def _list_in(fr: Frame, base: FrontValue, key: FrontValue, node: gast.AST) -> FrontValue:
    """The value under a key of a container of lists."""
    holds = isinstance(base, Parts) or (
        isinstance(base, Value)
        and isinstance(base.type, List)
        and isinstance(base.type.element, List)
    )
    return fr.session.current(read_item(fr, base, key, node)) if holds else MISSING


def _calls(node: gast.AST) -> bool:
    return any(isinstance(part, gast.Call) for part in gast.walk(node))


def _may_change(fr: Frame, base: FrontValue, since: int, cells: dict[str, Parts]) -> bool:
    """Whether statements that were just read may write into a container or an array."""
    if isinstance(base, Parts):
        return fr.session.cells.get(base.cell) is not cells.get(base.cell) or any(
            isinstance(v, Value) and isinstance(v.type, List) for v in _written(fr.b.body[since:])
        )
    if not isinstance(base, Value) or not isinstance(base.type, Array | List):
        return False
    kind, dtype = type(base.type), getattr(base.type, "dtype", None)
    return any(
        isinstance(v.type, kind) and getattr(v.type, "dtype", None) == dtype
        for v in _written(fr.b.body[since:])
    )


def _written(body: Sequence[Statement]) -> Iterator[Value]:
    """The values that statements write and that existed before them."""
    made: dict[Atom, Op] = {}
    for statement in body:
        inner = [statement, *walk(*regions_of(statement))]
        for s in inner:
            if not isinstance(s, Op | Call):
                continue
            for position in written_operands(s):
                v = s.operands[position]
                while v in made and made[v].view_of is not None:
                    v = made[v].operands[made[v].view_of or 0]
                if isinstance(v, Value) and v not in made:
                    yield v
            if isinstance(s, Op):
                made.update(dict.fromkeys(s.results, s))


# ---- functions that do the same ------------------------------------------------------------------------------


def _called(op: gast.operator) -> Callable[..., FrontValue]:
    """`operator.iadd(target, value)`: gives the target, where that was changed in place."""

    def call(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if len(args) != 2 or kwargs:
            fr.fail(node, "the functions of `operator` take two arguments by position")
        old, value = args
        change = gast.copy_location(gast.AugAssign(target=node, op=op, value=node), node)
        if _changed_in_place(fr, change, old, value):
            return fr.session.current(old)
        return combine(fr, change)(op, old, value)

    return call


def _set_item(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`operator.setitem(target, key, value)`."""
    if len(args) != 3 or kwargs:
        fr.fail(node, "operator.setitem takes three arguments by position")
    write_item(fr, args[0], args[1], args[2], node)
    return const(None)


SPECIAL.update({
    operator.iadd: _called(gast.Add()), operator.isub: _called(gast.Sub()), operator.imul: _called(gast.Mult()),
    operator.itruediv: _called(gast.Div()), operator.ifloordiv: _called(gast.FloorDiv()),
    operator.imod: _called(gast.Mod()), operator.ipow: _called(gast.Pow()), operator.imatmul: _called(gast.MatMult()),
    operator.iand: _called(gast.BitAnd()), operator.ior: _called(gast.BitOr()), operator.ixor: _called(gast.BitXor()),
    operator.setitem: _set_item,
})  # fmt: skip
