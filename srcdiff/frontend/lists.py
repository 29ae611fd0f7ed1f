"""Lists that grow. `[]` is made with an element type that is not known; the first `append` settles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from srcdiff.frontend.apart import as_operand
from srcdiff.frontend.frame import Frame
from srcdiff.frontend.iteration import iterable
from srcdiff.frontend.joins import UNKNOWN, Unjoinable, join_types
from srcdiff.frontend.session import Restart, retype_list
from srcdiff.frontend.values import FrontValue, Items, is_static, static_int
from srcdiff.ir.core import Op, Value, const
from srcdiff.ir.types import Array, Dim, List, Struct, Type, map_dims, strip
from srcdiff.ops.containers import append, list_new, list_pop, list_reverse

__all__ = ["METHODS", "new_list"]


def new_list(fr: Frame, values: Sequence[FrontValue], node: Any) -> Value:
    """A list that may grow, with its first elements."""
    session = fr.session
    operands = [as_operand(fr, node, v) for v in values]
    key = (session.path, id(node))
    element: Type = session.hints.get(key, UNKNOWN)
    for operand in operands:
        element = _joined(fr, element, strip(operand.type), node)
    result = fr.op(node, list_new, *operands, element=element)
    (op,) = fr.b.body[-1:]
    assert isinstance(op, Op)
    session.lists[result] = (key, len(session.loops), op)
    return result


def _joined(fr: Frame, own: Type, new: Type, node: Any) -> Type:
    if own == UNKNOWN:
        return new
    try:
        return _starred_join(fr, own, new)
    except Unjoinable:
        fr.fail(
            node,
            f"the list holds {own}, and {new} is put on it",
            "A list that grows holds values of one type; use a tuple for others.",
        )


def _starred_join(fr: Frame, own: Type, new: Type) -> Type:
    """The type of either element; a length that differs becomes the element's own."""
    shapes = fr.session.shapes
    match own, new:
        case Array(), Array() if own.ndim == new.ndim and own.dtype == new.dtype:
            pairs = zip(own.shape, new.shape, strict=True)
            return Array(
                own.dtype,
                tuple(a if _is_star(a) or shapes.same(a, b) else _star(a) for a, b in pairs),
            )
        case Struct(), Struct() if (own.kind, own.keys, own.cls) == (new.kind, new.keys, new.cls):
            parts = [_starred_join(fr, a, b) for a, b in zip(own.parts, new.parts, strict=True)]
            return Struct(own.kind, own.keys, tuple(parts), own.cls)
    return join_types(shapes, own, new)


def _is_star(dim: Dim) -> bool:
    return bool(dim.terms) and all(s.endswith("*") for s in dim.symbols())


def _star(dim: Dim) -> Dim:
    name = "_".join(sorted(s.rstrip("*_") for s in dim.symbols())) or "k"
    return dim if _is_star(dim) else Dim.of(f"{name}*")


# ---- methods ------------------------------------------------------------------------------------------------


def _append(fr: Frame, node: Any, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    operand = as_operand(fr, node, args[0])
    _settle(fr, target, strip(operand.type), node)
    fr.ops(node, append, target, operand)
    return const(None)


def _settle(fr: Frame, target: Value, element: Type, node: Any) -> None:
    """Fit the list's element type to a new element."""
    session = fr.session
    assert isinstance(target.type, List)
    own = target.type.element
    known = session.lists.get(target)
    if known is None:
        if own == UNKNOWN or strip(_starred_join(fr, own, element)) != own:
            _joined(fr, own, element, node)
            _widen_origin(fr, target, element, node)
        return
    key, depth, op = known
    if len(session.loops) > depth:
        start = session.loops[depth]
        inside = {s for s, k in session.shapes.order.items() if k >= start}
        element = map_dims(element, lambda d: _star(d) if d.symbols() & inside else d)
    joined = _joined(fr, own, element, node)
    if joined == own:
        return
    if own != UNKNOWN:
        session.hints[key] = joined
        raise Restart
    session.patches.append((target, op, target.type))
    retype_list(target, op, List(joined))


def _widen_origin(fr: Frame, target: Value, element: Type, node: Any) -> None:
    fr.fail(
        node,
        f"the type of what is put on this list, {element}, does not fit the list's, {target.type}",
        "Put only values of one type on a list.",
    )


def _pop(fr: Frame, node: Any, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    if args and not (is_static(args[0]) and static_int(args[0]) == -1):
        fr.fail(
            node,
            "pop() is supported for the last item only",
            "Reverse the list, or keep a position.",
        )
    return fr.op(node, list_pop, target)


def _extend(fr: Frame, node: Any, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    parts = iterable(fr, args[0], node)
    if isinstance(parts, Items):
        fr.fail(
            node,
            "extend() takes a tuple or list of known length here",
            "Append the items in a loop.",
        )
    for value in parts.values:
        _append(fr, node, target, [value])
    return const(None)


def _reverse(fr: Frame, node: Any, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    fr.ops(node, list_reverse, target)
    return const(None)


METHODS: Mapping[str, Callable[[Frame, Any, Value, Sequence[FrontValue]], FrontValue]] = {
    "append": _append, "pop": _pop, "extend": _extend, "reverse": _reverse,
}  # fmt: skip
