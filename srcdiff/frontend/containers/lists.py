"""Lists that grow. `[]` is made with an element type that is not known; the first `append` settles it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gast

from srcdiff.frontend.containers.closure_lists import packed
from srcdiff.frontend.containers.container_views import refuse_viewed
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.operands import as_operand
from srcdiff.frontend.core.restarts import MustInline, Restart
from srcdiff.frontend.core.session import Session, retype_list
from srcdiff.frontend.core.values import FrontValue, Parts, sequence
from srcdiff.frontend.joins.join_types import UNKNOWN, Unjoinable, coerced, join_types
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.core import Op
from srcdiff.ir.types import FLOAT, Array, Dim, List, Scalar, Struct, Type, map_dims, strip
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.containers import append, list_copy, list_new, list_set

# what is taken to be on a list that is read before anything was put there: until that is read, or does not fit
_GUESSES: tuple[Type, ...] = (
    FLOAT,
    Array("float64", (Dim.of("k*"),)),
    Array("float64", (Dim.of("k*"), Dim.of("m*"))),
)


def known_list(fr: Frame, values: Sequence[FrontValue], node: gast.AST) -> FrontValue:
    """A list of known parts, made at a node; a list of the IR where a loop or branch was seen to change its length."""
    if grows(fr, node):
        return new_list(fr, values, node)
    return fr.session.new_cell(sequence(values, "list"), ((fr.session.path, id(node)),))


def grows(fr: Frame, node: gast.AST) -> bool:
    """Whether the list that is made at a node has to be one of the IR."""
    return ("grows", (fr.session.path, id(node))) in fr.session.hints


def new_list(fr: Frame, values: Sequence[FrontValue], node: gast.AST) -> Value:
    """A list that may grow, with its first elements."""
    session = fr.session
    values = [packed(fr, node, v) for v in values]
    operands = [as_item(fr, node, v) for v in values]
    key = (session.path, id(node))
    element: Type = session.hints.get(key, UNKNOWN)
    for operand in operands:
        element = joint_type(fr, element, strip(operand.type), node)
    operands = [
        fitted(fr, node, value, operand, element)
        for value, operand in zip(values, operands, strict=True)
    ]
    result = fr.op(node, list_new, *operands, element=element)
    (op,) = fr.b.body[-1:]
    assert isinstance(op, Op)
    session.lists[result] = (key, len(session.loops), op)
    for operand in operands:
        _hold(session, result, operand)
    return result


def joint_type(fr: Frame, own: Type, new: Type, node: gast.AST) -> Type:
    if own == UNKNOWN:
        return new
    try:
        return strip(_starred_join(fr, own, new))
    except Unjoinable:
        fr.untyped(
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
        case Array(), Array() if own.dtype != new.dtype:
            raise Unjoinable("holds arrays of two dtypes")  # no array becomes another by that
        case Struct(), Struct() if (own.kind, own.keys, own.cls) == (new.kind, new.keys, new.cls):
            parts = [_starred_join(fr, a, b) for a, b in zip(own.parts, new.parts, strict=True)]
            return Struct(own.kind, own.keys, tuple(parts), own.cls)
    return join_types(shapes, own, new)


def _is_star(dim: Dim) -> bool:
    return bool(dim.terms) and all(s.endswith("*") for s in dim.symbols())


def _star(dim: Dim) -> Dim:
    name = "_".join(sorted(s.rstrip("*_") for s in dim.symbols())) or "k"
    return dim if _is_star(dim) else Dim.of(f"{name}*")


# ---- what is put on lists ------------------------------------------------------------------------------------


def put_on(fr: Frame, node: gast.AST, target: Value, value: FrontValue) -> None:
    """`target.append(value)`."""
    value = packed(fr, node, value)
    operand = as_item(fr, node, value)
    _settle(fr, target, strip(operand.type), node)
    refuse_viewed(fr, target, node)
    fr.ops(node, append, target, fitted(fr, node, value, operand, _element(target)))
    _hold(fr.session, target, operand)


def put_in(fr: Frame, node: gast.AST, target: Value, position: Atom, value: FrontValue) -> None:
    value = packed(fr, node, value)
    operand = as_item(fr, node, value)
    element = strip(operand.type)
    if target in fr.session.lists or _kind(element) != _kind(_element(target)):
        _settle(fr, target, element, node)
    fr.ops(node, list_set, target, position, fitted(fr, node, value, operand, _element(target)))
    _hold(fr.session, target, operand)


def _hold(session: Session, target: Value, item: Atom) -> None:
    """Note that a list made here was put on another one."""
    if item in session.lists and target in session.lists:
        assert isinstance(item, Value)
        session.held.setdefault(session.lists[target][0], set()).add(item)


def _element(target: Value) -> Type:
    assert isinstance(target.type, List)
    return target.type.element


def fitted(fr: Frame, node: gast.AST, value: FrontValue, item: Atom, element: Type) -> Atom:
    """`item`, what `value` is on a list, with numbers of the dtypes that the list has: compiled code has one type for
    all items.
    """
    if _kind(strip(item.type)) == _kind(element):
        return item
    if not isinstance(element, Struct) or not isinstance(item.type, Struct):
        return coerced(fr, node, item, element)
    own = fr.session.current(value)
    if isinstance(own, Value):
        own = unpack_struct(fr, own, node)
    assert isinstance(own, Parts)
    parts = [
        fitted(fr, node, part, as_operand(fr, node, part), type_)
        for part, type_ in zip(own.values, element.parts, strict=True)
    ]
    return as_operand(fr, node, replace(own, values=tuple(parts)))


def _kind(type_: Type) -> Type:
    """The type of an element, for which it does not matter whether a number is NumPy's or Python's."""
    match type_:
        case Scalar():
            return Scalar(type_.dtype)
        case Struct():
            return replace(type_, parts=tuple(map(_kind, type_.parts)))
    return type_


def copied(fr: Frame, node: gast.AST, xs: Value, as_tuple: bool = False) -> Value:
    """`list(xs)`, or `tuple(xs)`. What is put on the copy may widen the type of both."""
    made = marked(fr, fr.op(node, list_copy, xs), as_tuple)
    if xs in fr.session.lists:
        fr.session.lists[made] = fr.session.lists[xs]
    return made


def readable(fr: Frame, xs: Value) -> None:
    """Give the elements of a list a type: a guess, until an item is appended."""
    session = fr.session
    if not is_empty(xs):
        return
    if session.is_callee:
        raise MustInline
    if xs in session.lists:
        key = session.lists[xs][0]
        session.hints[key] = _GUESSES[0]
        session.hints["guessed", key] = 0
        raise Restart


def guess_again(hints: dict[Any, Any]) -> bool:
    """Take the next guess of what is on lists, and forget what loops learned with the last; whether there is one."""
    guessed = [k for k in hints if isinstance(k, tuple) and k[0] == "guessed"]
    if not guessed or any(hints[k] + 1 == len(_GUESSES) for k in guessed):
        return False
    for k in guessed:
        hints[k] += 1
        hints[k[1]] = _GUESSES[hints[k]]
    for k in [k for k, learned in hints.items() if isinstance(learned, dict)]:
        del hints[k]
    return True


def as_item(fr: Frame, node: gast.AST, value: FrontValue) -> Atom:
    """A value as an item of a list. A container is packed, so no later change of it may be made."""
    session = fr.session
    for cell in _cells(session.current(value)):
        session.on_lists.add(cell)
        session.items.update(session.origins.get(cell, ()))
    if isinstance(value, Value) and value in session.lists and is_empty(value):
        session.empty_items.add(session.lists[value][0])
    return as_operand(fr, node, value)


def _cells(value: FrontValue) -> Iterator[str]:
    if isinstance(value, Parts):
        if value.cell:
            yield value.cell
        for part in value.values:
            yield from _cells(part)


def is_list(value: FrontValue) -> bool:
    kind = value.kind if isinstance(value, Parts) else ""
    return kind == "list" or (
        isinstance(value, Value) and isinstance(value.type, List) and not value.type.is_tuple
    )


def is_long_tuple(value: FrontValue) -> bool:
    """Whether this is a tuple of a length that only the run knows: a list of the IR that nobody changes."""
    return isinstance(value, Value) and isinstance(value.type, List) and value.type.is_tuple


def marked(fr: Frame, made: Value, as_tuple: bool) -> Value:
    """A list of the IR that was just made, as a list or as a tuple."""
    if as_tuple and fr.session.is_callee:
        raise MustInline  # a finished function does not say what it gives
    if as_tuple:
        fr.session.functions["%tuples"] = True
    assert isinstance(made.type, List)
    object.__setattr__(made, "type", replace(made.type, is_tuple=as_tuple))
    return made


def is_empty(xs: FrontValue) -> bool:
    """Whether this is a list on which nothing has been put."""
    if not isinstance(xs, Value) or not isinstance(xs.type, List):
        return False
    return xs.type.element == UNKNOWN


def _settle(fr: Frame, target: Value, element: Type, node: gast.AST) -> None:
    """Fit the list's element type to a new element."""
    session = fr.session
    assert isinstance(target.type, List)
    own = target.type.element
    known = session.lists.get(target)
    if own == UNKNOWN and session.empty_items:
        _settle_items(fr, known, _outside(session, element, 0))
    if known is None:
        if strip(joint_type(fr, own, element, node)) != own:
            _widen_origin(fr, target, element, node)
        return
    key, depth, op = known
    element = _outside(session, element, depth)
    if ("guessed", key) in session.hints and own == _GUESSES[session.hints["guessed", key]]:
        own = UNKNOWN
        del session.hints["guessed", key]
    joined = joint_type(fr, own, element, node)
    if joined == target.type.element:
        return
    if target.type.element != UNKNOWN or op.results[0] is not target:
        session.hints[key] = joined
        raise Restart
    session.patches.append((target, op, target.type))
    retype_list(target, op, replace(target.type, element=joined))


def _outside(session: Session, element: Type, depth: int) -> Type:
    """An element's type outside of all loops but the first `depth`: lengths that belong to an iteration are its own."""
    if len(session.loops) <= depth:
        return element
    start = session.loops[depth]
    inside = {s for s, k in session.shapes.order.items() if k >= start}
    return map_dims(element, lambda d: _star(d) if d.symbols() & inside else d)


def _settle_items(fr: Frame, known: Any, element: Type) -> None:
    """Read again with the element type of lists that were empty when they were put on a list."""
    session = fr.session
    if known is None or known[0] in session.empty_items:
        keys = session.empty_items if known is None else {known[0]}
        session.hints.update(dict.fromkeys(keys, element))
        raise Restart


def _held(session: Session, item: Value) -> Iterator[Value]:
    """The lists made here that an item of a list may be; of all lists where it is not known whose item it is."""
    root = item
    while root in session.item_of:
        root = session.item_of[root]
    pending = {session.lists[root][0]} if root in session.lists else set(session.held)
    seen: set[object] = set()
    while pending:
        key = pending.pop()
        seen.add(key)
        for value in session.held.get(key, ()):
            yield value
            pending |= {session.lists[value][0]} - seen


def _widen_origin(fr: Frame, target: Value, element: Type, node: gast.AST) -> None:
    """Read again with a wider type of the lists that were put on lists, of which this may be one."""
    session = fr.session
    inner = [v for v in _held(session, target) if v.type == target.type]
    if inner and isinstance(target.type, List):
        wider = joint_type(fr, target.type.element, element, node)
        session.hints.update({session.lists[v][0]: wider for v in inner})
        raise Restart
    if fr.session.is_callee:
        raise MustInline  # the list may be the caller's, who knows where it is made
    if isinstance(target.type, List) and target.type.element == UNKNOWN:
        fr.untyped(
            node,
            "what is put on this list is not known where the list is made: a loop or branch passes on one or another",
            "Start the lists with an item, or use one list.",
        )
    fr.untyped(
        node,
        f"the type of what is put on this list, {element}, does not fit the list's, {target.type}",
        "Put only values of one type on a list.",
    )
