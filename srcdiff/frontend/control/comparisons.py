"""Comparisons: of numbers, of containers part by part, `is`, `in`, and chains of these."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import gast

from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.containers.dunder_methods import call_dunder, compared, refuse_own_items
from srcdiff.frontend.containers.optional import found_flag
from srcdiff.frontend.control.conditions import negate, only_if_decisive, owner_of, truth_of
from srcdiff.frontend.core.frame import Frame, describe, reads
from srcdiff.frontend.core.restarts import MustInline
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import (
    FrontValue,
    Generated,
    Items,
    Known,
    Parts,
    ShapeOf,
    Text,
    is_none,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.iteration.iterables import left_early, taken
from srcdiff.frontend.joins.may_alias import may_be_one
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, is_complex
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays.memory import axis_length
from srcdiff.ops.control.control import and_, or_
from srcdiff.ops.elementwise import arithmetic

_COMPARISONS: dict[type, tuple[Any, Callable[[Any, Any], Any]]] = {
    gast.Lt: (arithmetic.less, operator.lt),
    gast.LtE: (arithmetic.less_equal, operator.le),
    gast.Gt: (arithmetic.greater, operator.gt),
    gast.GtE: (arithmetic.greater_equal, operator.ge),
    gast.Eq: (arithmetic.equal, operator.eq),
    gast.NotEq: (arithmetic.not_equal, operator.ne),
}


@reads(gast.Compare)
def _compare(fr: Frame, node: gast.AST) -> FrontValue:
    """A chain: each operand is evaluated once, and only as far as the chain holds."""
    left = fr.value_or_none(node.left)
    return _chain(fr, node, left, 0)


def _chain(fr: Frame, node: gast.AST, left: FrontValue, k: int) -> FrontValue:
    right = fr.value_or_none(node.comparators[k])
    result = compare(fr, node, node.ops[k], left, right)
    if k + 1 == len(node.ops):
        return result
    known = fr.session.static_truth(result)
    if known is not None:
        return _chain(fr, node, right, k + 1) if known else result
    both = gast.copy_location(gast.BoolOp(gast.And(), []), node)
    return only_if_decisive(
        fr, both, result, truth_of(fr, result, node), lambda: _chain(fr, node, right, k + 1)
    )


def compare(fr: Frame, node: gast.AST, op: gast.cmpop, left: FrontValue, right: FrontValue) -> Atom:
    left, right = fr.narrow(left), fr.narrow(right)
    for value, other in ((left, right), (right, left)):
        flag = found_flag(fr, value)
        if flag is not None and is_none(other) and not isinstance(op, gast.In | gast.NotIn):
            is_there = isinstance(op, gast.IsNot | gast.NotEq)
            return flag if is_there else negate(fr, node, flag)
        if flag is not None and isinstance(op, gast.Eq | gast.NotEq):
            return _equal_if_there(fr, node, op, flag, value, other)
    left, right = (_known_text(fr, fr.unwrap(v, node), node) for v in (left, right))
    if isinstance(op, gast.Is | gast.IsNot):
        for value, other in ((left, right), (right, left)):
            if isinstance(value, Const) and isinstance(value.value, bool) and _is_flag(other):
                return _same_flag(fr, node, value.value == isinstance(op, gast.Is), other)
        return const(_identical(fr, node, left, right) == isinstance(op, gast.Is))
    if isinstance(op, gast.In | gast.NotIn):
        contained = _contained(fr, node, left, right)
        return contained if isinstance(op, gast.In) else negate(fr, node, contained)
    found = compared(fr, node, op, left, right)
    if found is not None:
        return truth_of(fr, found, node)
    _, function = _COMPARISONS[type(op)]
    if is_static(left) and is_static(right):
        return const(bool(fr.evaluated(node, function, static(left), static(right))))
    left, right = _plain(fr, left, node), _plain(fr, right, node)
    if isinstance(left, Parts) and isinstance(right, Parts):
        if isinstance(op, gast.Eq | gast.NotEq):
            return _equal_parts(fr, node, left, right, isinstance(op, gast.Eq))
        if _are_ordered(left, right):
            pairs = list(zip(left.values, right.values, strict=False))
            by_length = function(len(left.values), len(right.values))
            return _first_difference(fr, node, op, pairs, by_length)
    return _of_numbers(fr, node, op, left, right)


def _of_numbers(
    fr: Frame, node: gast.AST, op: gast.cmpop, left: FrontValue, right: FrontValue
) -> Atom:
    """The comparison of two numbers or arrays."""
    decl, _ = _COMPARISONS[type(op)]
    if isinstance(op, gast.Eq | gast.NotEq):
        if _never_equal(left, right) or _never_equal(right, left):
            return const(isinstance(op, gast.NotEq))
        same = _same_lengths(fr, left, right) if not fr.session.user_names else None
        if same is not None:
            return const(same == isinstance(op, gast.Eq))
    if any(
        isinstance(v, Parts) or isinstance(getattr(v, "type", None), List) for v in (left, right)
    ):
        fr.untyped(
            node,
            f"{describe(left)} and {describe(right)} are compared",
            "Compare their items one by one.",
        )
    a, b = fr.as_atom(left, node), fr.as_atom(right, node)
    is_array = isinstance(a.type, Array) or isinstance(b.type, Array)
    if is_array and not decl.takes_complex and (is_complex(a.type) or is_complex(b.type)):
        return fr.as_atom(fr.call(node, Known(decl.callables[0]), [a, b]), node)
    result = fr.op(node, decl, a, b)
    if isinstance(a.type, Scalar) and isinstance(b.type, Scalar):
        before = fr.session.compared.setdefault((decl, a, b), result)
        if before is not result:
            fr.session.implies[result] = ((True, ((before, True),)), (False, ((before, False),)))
    owners = [owner_of(fr, value) for value in (left, right) if not isinstance(value, Const)]
    if all(owners):
        fr.session.decided_by[result] = tuple(o for o in owners if o is not None)
    return result


def _equal_if_there(
    fr: Frame, node: gast.AST, op: gast.cmpop, flag: Atom, value: FrontValue, other: FrontValue
) -> Atom:
    """`best == 3.0`, where `best` may be None, which equals no number."""
    if found_flag(fr, other) is not None:
        fr.untyped(node, "two values that may be None are compared", "Test first whether they are.")
    both = gast.copy_location(gast.BoolOp(gast.And(), []), node)
    equal = only_if_decisive(
        fr, both, flag, flag, lambda: compare(fr, node, gast.Eq(), value, other)
    )
    same = truth_of(fr, equal, node)
    return same if isinstance(op, gast.Eq) else negate(fr, node, same)


def _is_flag(value: FrontValue) -> bool:
    """Whether this is a truth value that only the run knows."""
    type_ = value.type if isinstance(value, Value) else None
    return isinstance(type_, Scalar) and type_.dtype == "bool"


def _same_flag(fr: Frame, node: gast.AST, wanted: bool, flag: FrontValue) -> Atom:
    """`flag is True`, which NumPy's truth values never are: that an argument is Python's is known. Functions of the
    library's own ask so whether something is known.
    """
    if not fr.session.user_names:
        return const(False)
    if fr.session.is_callee:
        raise MustInline
    assert isinstance(flag, Value) and isinstance(flag.type, Scalar)
    if flag not in fr.session.params or not flag.type.weak:
        fr.untyped(
            node,
            "whether this is Python's True or False, and not NumPy's, is not known",
            "Test it: `if flag`.",
        )
    return flag if wanted else negate(fr, node, flag)


def _known_text(fr: Frame, value: FrontValue, node: gast.AST) -> FrontValue:
    """An f-string that is compared is known when compiling: the loop whose number it has is written out."""
    if not isinstance(value, Text):
        return value
    if value.operands:
        need_static(fr, value, node)
    return Const(value.template, Static(value.template))


def _same_lengths(fr: Frame, left: FrontValue, right: FrontValue) -> bool | None:
    """Whether two lengths are equal, where that is known of them: an axis of an argument that is not of length 1 is
    never so.
    """
    shapes = fr.session.shapes
    dims = [known_dim(v) if isinstance(v, Value | Const) else None for v in (left, right)]
    known = [shapes.resolve(d) for d in dims if d is not None]
    if len(known) < 2:
        return None
    if known[0] == known[1]:
        return True
    return (
        False if Dim(1) in known and all(d == Dim(1) or shapes.not_one(d) for d in known) else None
    )


def _never_equal(value: FrontValue, other: FrontValue) -> bool:
    """A string or None beside a number."""
    is_object = isinstance(value, Known) or (
        isinstance(value, Const) and isinstance(value.type, Static)
    )
    return is_object and isinstance(other, Value | Const) and isinstance(other.type, Scalar | Array)


def _plain(fr: Frame, value: FrontValue, node: gast.AST) -> FrontValue:
    """A shape as a tuple of lengths; a container of known parts as these."""
    if isinstance(value, Const) and isinstance(value.value, tuple):
        return sequence([const(v) for v in value.value])
    if isinstance(value, Value) and isinstance(value.type, Struct):
        return unpack_struct(fr, value, node) if value.type.kind != "object" else value
    if not isinstance(value, ShapeOf):
        return value
    ndim = value.array.type.ndim if isinstance(value.array.type, Array) else 0
    return sequence(
        [fr.op(node, axis_length, value.array, spelling=".shape", axis=k) for k in range(ndim)]
    )


def _equal_parts(fr: Frame, node: gast.AST, left: Parts, right: Parts, equal: bool) -> Atom:
    if "object" in (left.kind, right.kind):
        same = left.cell == right.cell
        return const(same == equal)
    if left.kind == "dataclass" and left.cls is right.cls and not _compares_fields(left.cls):
        fr.fail(node, "these objects are compared by identity", "Compare their fields.")
    if not _may_be_equal(left, right):
        return const(not equal)
    others = right.values
    if left.kind == "dict":
        others = tuple(right.values[right.keys.index(k)] for k in left.keys)
    result: Atom = TRUE
    for x, y in zip(left.values, others, strict=True):
        each = compare(fr, node, gast.Eq(), x, y)
        if each == FALSE:
            return const(not equal)
        if each != TRUE:
            result = each if result == TRUE else fr.op(node, and_, result, each)
    return result if equal else negate(fr, node, result)


def _are_ordered(left: Parts, right: Parts) -> bool:
    kinds = {"tuple" if p.kind == "namedtuple" else p.kind for p in (left, right)}
    return kinds == {"tuple"} or kinds == {"list"}


def _first_difference(
    fr: Frame,
    node: gast.AST,
    op: gast.cmpop,
    pairs: list[tuple[FrontValue, FrontValue]],
    otherwise: bool,
) -> Atom:
    """`left < right` of tuples: that of the first parts that differ; if there are none, of their lengths."""
    if not pairs:
        return const(otherwise)
    (x, y), *others = pairs
    same = compare(fr, node, gast.Eq(), x, y)
    if same == TRUE:
        return _first_difference(fr, node, op, others, otherwise)
    if not others:  # the parts that both have
        return compare(fr, node, _OR_EQUAL[type(op)] if otherwise else _STRICTLY[type(op)], x, y)
    before = compare(fr, node, _STRICTLY[type(op)], x, y)
    after = _first_difference(fr, node, op, others, otherwise) if same != FALSE else FALSE
    if after == FALSE:
        return before
    tied = same if after == TRUE else fr.op(node, and_, same, after)
    return tied if before == FALSE else fr.op(node, or_, before, tied)


_LESS, _GREATER = (gast.Lt, gast.LtE), (gast.Gt, gast.GtE)
_STRICTLY = {op: row[0]() for row in (_LESS, _GREATER) for op in row}
_OR_EQUAL = {op: row[1]() for row in (_LESS, _GREATER) for op in row}


def _compares_fields(cls: Any) -> bool:
    return all(f.compare for f in dataclasses.fields(cls)) and cls.__dataclass_params__.eq


def _may_be_equal(left: Parts, right: Parts) -> bool:
    """Whether containers of such kinds and keys are compared part by part."""
    if "dataclass" in (left.kind, right.kind):
        return left.cls is right.cls
    kinds = ["tuple" if p.kind == "namedtuple" else p.kind for p in (left, right)]
    if kinds[0] != kinds[1]:
        return False
    if kinds[0] == "dict":
        return set(left.keys) == set(right.keys)
    return len(left.keys) == len(right.keys)


def _identical(fr: Frame, node: gast.AST, left: FrontValue, right: FrontValue) -> bool:
    for value in (left, right):
        if (isinstance(value, Const | Known) and value.value is None) or (
            isinstance(value, Const) and isinstance(value.value, bool)
        ):
            other = right if value is left else left
            return is_static(other) and static(other) is value.value
    if is_static(left) and is_static(right):
        return static(left) is static(right)
    cells = [v.cell if isinstance(v, Parts) else "" for v in (left, right)]
    if all(cells) and (cells[0] == cells[1] or not may_be_one(fr.session.twins, *cells)):
        return cells[0] == cells[1]
    fr.untyped(node, "`is` is supported for None, True, False and constants", "Compare with `==`.")


def _in_range(fr: Frame, node: gast.AST, item: FrontValue, bounds: tuple[Atom, Atom, Atom]) -> Atom:
    """`k in range(start, stop, step)` of a whole number."""
    start, stop, step = bounds
    number = fr.as_atom(item, node)
    if not isinstance(step, Const) or number.type.dtype != "int64":  # type: ignore[union-attr]
        fr.untyped(
            node, "`in` takes a whole number and a range of known step", "Compare with the bounds."
        )
    low, high = (start, stop) if step.value > 0 else (stop, start)
    inside = fr.op(
        node,
        and_,
        compare(fr, node, gast.LtE() if step.value > 0 else gast.Lt(), low, number),
        compare(fr, node, gast.Lt() if step.value > 0 else gast.LtE(), number, high),
    )
    if abs(step.value) == 1:
        return inside
    remainder = fr.op(node, arithmetic.mod, fr.op(node, arithmetic.subtract, number, start), step)
    return fr.op(node, and_, inside, compare(fr, node, gast.Eq(), remainder, const(0)))


def _contained(fr: Frame, node: gast.AST, item: FrontValue, container: FrontValue) -> Atom:
    found = call_dunder(fr, node, container, "__contains__", item)
    if found is not None:
        return truth_of(fr, found, node)
    if isinstance(container, Generated):
        listed = taken(fr, container, node)
        left_early(fr, container)
        container = listed
    container = taken(fr, container, node)
    refuse_own_items(fr, node, container)
    if is_static(container) and is_static(item):
        return const(fr.evaluated(node, operator.contains, static(container), static(item)))
    if isinstance(container, Items) and container.bounds is not None:
        return _in_range(fr, node, item, container.bounds)
    container = _plain(fr, container, node)
    if isinstance(container, Parts):
        result: Atom = FALSE
        for part in container.values:
            each = compare(fr, node, gast.Eq(), item, part)
            if each == TRUE:
                return TRUE
            if each != FALSE:
                result = each if result == FALSE else fr.op(node, or_, result, each)
        return result
    fr.untyped(
        node,
        "`in` is supported for tuples, lists and dicts of known parts",
        "Compare with each item in a loop.",
    )
