"""Names, constants, operators, containers, lambdas, strings."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeGuard

import gast

from srcdiff.frontend.arrays.sparse import is_matrix, product
from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.arrays.subscripts import array_of, shape_parts
from srcdiff.frontend.callees.list_methods import concatenated, repeated, repeated_list
from srcdiff.frontend.containers.dunder_methods import call_dunder, operated
from srcdiff.frontend.containers.lists import grows, is_list, is_long_tuple, known_list
from srcdiff.frontend.control.conditions import negate
from srcdiff.frontend.core.frame import Frame, an, describe, reads
from srcdiff.frontend.core.naming import bind_name
from srcdiff.frontend.core.string_formatting import is_text, joined, text_of
from srcdiff.frontend.core.values import (
    Closure,
    FrontValue,
    Items,
    Known,
    Method,
    Parts,
    Piece,
    ShapeOf,
    Text,
    is_static,
    sequence,
    static,
    static_int,
)
from srcdiff.frontend.joins.phi import known_dict, unpack_struct
from srcdiff.ir.types import Array, List, Scalar, Static, Struct
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products


@reads(gast.Name)
def _name(fr: Frame, node: gast.AST) -> FrontValue:
    return fr.name(node.id, node)


@reads(gast.Constant)
def _constant(fr: Frame, node: gast.AST) -> FrontValue:
    return const(node.value)


# ---- operators -----------------------------------------------------------------------------------------------

_BINARY: dict[type, tuple[Any, Callable[[Any, Any], Any]]] = {
    gast.Add: (arithmetic.add, operator.add),
    gast.Sub: (arithmetic.subtract, operator.sub),
    gast.Mult: (arithmetic.multiply, operator.mul),
    gast.Div: (arithmetic.divide, operator.truediv),
    gast.FloorDiv: (arithmetic.floor_divide, operator.floordiv),
    gast.Mod: (arithmetic.mod, operator.mod),
    gast.Pow: (arithmetic.power, operator.pow),
    gast.MatMult: (products.matmul, operator.matmul),
    gast.BitAnd: (arithmetic.bitwise_and, operator.and_),
    gast.BitOr: (arithmetic.bitwise_or, operator.or_),
    gast.BitXor: (arithmetic.bitwise_xor, operator.xor),
    gast.LShift: (arithmetic.left_shift, operator.lshift),
    gast.RShift: (arithmetic.right_shift, operator.rshift),
}


@reads(gast.BinOp)
def _binary_node(fr: Frame, node: gast.AST) -> FrontValue:
    left = fr.expr(node.left)
    return binary(fr, node, node.op, left, fr.expr(node.right))


def binary(
    fr: Frame, node: gast.AST, op: gast.operator, left: FrontValue, right: FrontValue
) -> FrontValue:
    found = operated(fr, node, op, left, right)
    if found is not None:
        return found
    if _is_number(left) and _is_number(right):
        if _is_of_ours(fr, left) and _is_of_ours(fr, right):
            return const(fr.evaluated(node, _BINARY[type(op)][1], static(left), static(right)))
        return fr.op(node, _BINARY[type(op)][0], fr.as_atom(left, node), fr.as_atom(right, node))
    return _of_containers(fr, node, op, left, right)


def _is_of_ours(fr: Frame, value: FrontValue) -> bool:
    """Whether it is a number in one of our functions, whose lines need not stay as they are."""
    session = fr.session
    is_ours = not session.user_names and not session.of_rule
    return is_ours and isinstance(value, Const) and isinstance(value.value, int | float)


def _is_number(value: FrontValue) -> bool:
    return isinstance(value, Value | Const) and not isinstance(value.type, Static | List | Struct)


def is_array(value: FrontValue) -> bool:
    return isinstance(value, Value | Const) and isinstance(value.type, Array)


def _union(fr: Frame, node: gast.AST, left: FrontValue, right: FrontValue) -> FrontValue | None:
    """`left | right` of two dicts."""
    known = [known_dict(fr, v, node) for v in (left, right)]
    if None in known:
        return None
    if isinstance(node, gast.AugAssign):
        fr.untyped(node, "`|=` changes a dict inside of another container", "Call `.update` on it.")
    found = {k: v for d in known if d is not None for k, v in zip(d.keys, d.values, strict=True)}
    return fr.session.new_cell(Parts("dict", tuple(found), tuple(found.values())))


def _operands(node: gast.AST) -> list[gast.AST]:
    return [getattr(node, "left", None), getattr(node, "right", None)]


def _is_view_of_keys(node: gast.AST) -> bool:
    function = node.func if isinstance(node, gast.Call) else None
    return isinstance(function, gast.Attribute) and function.attr in ("keys", "items")


def _of_containers(
    fr: Frame, node: gast.AST, op: gast.operator, left: FrontValue, right: FrontValue
) -> FrontValue:
    """Operators on tuples, lists, strings, sparse matrices, and on parts of containers that may be None."""
    if any(isinstance(v, Parts) and v.kind == "maybe" for v in (left, right)):
        return binary(fr, node, op, *(fr.unwrap(v, node) for v in (left, right)))
    if any(_is_packed(v) for v in (left, right)) and _are_sequences(op, left, right):
        unpacked = (unpack_struct(fr, v, node) if _is_packed(v) else v for v in (left, right))
        return binary(fr, node, op, *unpacked)
    is_of_sets = isinstance(op, gast.BitAnd | gast.BitXor | gast.Sub)
    if is_of_sets and all(_is_view_of_keys(v) for v in _operands(node)):
        fr.untyped(
            node,
            "sets of keys are not supported",
            "Write a comprehension: `[k for k in d.keys() if k in e]`.",
        )
    if isinstance(op, gast.MatMult) and (is_matrix(left) or is_matrix(right)):
        return product(
            fr, node, left, right, (getattr(node, "left", node), getattr(node, "right", node))
        )
    left, right = (shape_parts(fr, v, node) if isinstance(v, ShapeOf) else v for v in (left, right))
    if (
        isinstance(op, gast.Add)
        and isinstance(left, Parts)
        and isinstance(right, Parts)
        and left.kind == right.kind != "dict"
    ):
        both = [*left.values, *right.values]
        return known_list(fr, both, node) if left.kind == "list" else sequence(both)
    if isinstance(op, gast.BitOr) and (joint := _union(fr, node, left, right)) is not None:
        return joint
    if isinstance(op, gast.Add) and _are_joined(left, right):
        return concatenated(fr, node, left, right)
    arrays = [v for v in (left, right) if is_array(v)]
    if isinstance(op, gast.Mult) and not arrays:
        for values, times in ((left, right), (right, left)):
            if isinstance(values, Parts) and values.kind in ("tuple", "list"):
                return _repeated(fr, node, values, times)
            if isinstance(values, Value) and isinstance(values.type, List):
                return repeated_list(fr, node, values, times)
    if is_static(left) and is_static(right):
        return const(fr.evaluated(node, _BINARY[type(op)][1], static(left), static(right)))
    if isinstance(op, gast.Mod) and isinstance(left, Const) and isinstance(left.value, str):
        operands: list[Atom] = []
        text = f"{text_of(fr, left, node, operands)} % {_bracketed(fr, right, node, operands)}"
        return Text(text, tuple(operands))
    if isinstance(op, gast.Add) and is_text(left) and is_text(right):
        return joined(fr, left, right, node)
    if arrays and any(
        isinstance(v, Parts) for v in (left, right)
    ):  # NumPy makes an array of the tuple or list
        left, right = array_of(fr, left, node), array_of(fr, right, node)
        return fr.op(node, _BINARY[type(op)][0], left, right)
    advice = next(
        filter(None, map(_instead, (left, right))), "Use numbers or arrays on both sides."
    )
    fr.fail(node, f"this operator does not take {_in_words(left)} and {_in_words(right)}", advice)


def _is_packed(value: FrontValue) -> TypeGuard[Value]:
    """Whether this is a tuple or list of known parts that was an item of a list, or an argument."""
    type_ = value.type if isinstance(value, Value) else None
    return isinstance(type_, Struct) and type_.kind in ("tuple", "list")


def _are_sequences(op: gast.operator, left: FrontValue, right: FrontValue) -> bool:
    """Whether this adds tuples or lists, or repeats one."""
    if isinstance(op, gast.Add):
        return all(_kind(v) in ("tuple", "list") for v in (left, right))
    return isinstance(op, gast.Mult) and any(map(_is_whole_number, (left, right)))


def _is_whole_number(value: FrontValue) -> bool:
    type_ = value.type if isinstance(value, Value | Const) else None
    return isinstance(type_, Scalar) and type_.dtype == "int64"


def _are_joined(left: FrontValue, right: FrontValue) -> bool:
    """Whether `left + right` is of two lists, or of two tuples."""
    several = [is_list(v) or is_long_tuple(v) or isinstance(v, Parts) for v in (left, right)]
    return all(several) and _kind(left) == _kind(right) in ("list", "tuple")


def _in_words(value: FrontValue) -> str:
    """A value in the user's words, where its type is more specific."""
    kind = _kind(value)
    if kind:
        return an(kind)
    return "an array" if is_array(value) else describe(value)


def _kind(value: FrontValue) -> str:
    if is_list(value):
        return "list"
    if is_long_tuple(value):
        return "tuple"
    if isinstance(value, Value) and isinstance(value.type, Struct):
        return value.type.cls.__name__ if value.type.cls else value.type.kind
    return value.kind if isinstance(value, Parts) and value.cls is None else ""


def _instead(value: FrontValue) -> str:
    """Advice for a container or a function that an operator is applied to."""
    kind = _kind(value)
    if kind in ("list", "tuple"):
        return f"Pass an array, np.array(...), for the {kind}, or make one of it here."
    if kind == "dict":
        return "Take its parts by their keys, as in `d[key]`."
    if isinstance(value, Closure | Piece | Method) or (
        isinstance(value, Known) and callable(value.value)
    ):
        return "Call the function first, as in `f(x)`."
    if isinstance(value, Items):
        return "Make an array of it: np.arange(...), or np.array(list(...))."
    return ""


def _bracketed(fr: Frame, value: FrontValue, node: gast.AST, operands: list[Atom]) -> str:
    if isinstance(value, Parts):
        return "(" + "".join(f"{text_of(fr, v, node, operands)}, " for v in value.values) + ")"
    return text_of(fr, value, node, operands)


def _repeated(fr: Frame, node: gast.AST, values: Parts, times: FrontValue) -> FrontValue:
    """`(0.0,) * n`, `[0.0] * n`."""
    count = static_int(times)
    if values.kind == "list" and (count is None or grows(fr, node)):
        numbers = [v for v in values.values if _is_number(v) and not is_array(v)]
        if len(values.values) == len(numbers) == 1:
            return repeated(fr, node, numbers[0], fr.as_atom(times, node))
    if count is None:
        need_static(fr, times, node)
    items = list(values.values) * count
    return known_list(fr, items, node) if values.kind == "list" else sequence(items)


def combine(fr: Frame, node: gast.AST) -> Callable[[Any, FrontValue, FrontValue], FrontValue]:
    """`binary` for augmented assignment at a node."""

    def combined(op: gast.operator, old: FrontValue, value: FrontValue) -> FrontValue:
        found = operated(fr, node, op, old, value, in_place=True)
        return binary(fr, node, op, old, value) if found is None else found

    return combined


@reads(gast.UnaryOp)
def _unary(fr: Frame, node: gast.AST) -> FrontValue:
    operand = fr.expr(node.operand)
    if isinstance(node.op, gast.Not):
        return negate(fr, node, operand)
    if isinstance(node.op, gast.USub) and isinstance(node.operand, gast.Constant):
        return const(fr.evaluated(node, operator.neg, node.operand.value))
    name = {gast.USub: "__neg__", gast.UAdd: "__pos__", gast.Invert: "__invert__"}[type(node.op)]
    found = call_dunder(fr, node, operand, name)
    if found is not None:
        return found
    decl = {
        gast.USub: arithmetic.negative,
        gast.UAdd: arithmetic.positive,
        gast.Invert: arithmetic.invert,
    }[type(node.op)]
    if (
        isinstance(operand, Const)
        and (
            isinstance(operand.value, int) or operand.value == math.inf or _is_of_ours(fr, operand)
        )
        and isinstance(node.op, gast.USub)
    ):
        return const(-operand.value)
    return fr.op(node, decl, fr.as_atom(operand, node))


@reads(gast.NamedExpr)
def _walrus(fr: Frame, node: gast.AST) -> FrontValue:
    since = len(fr.b.body)
    value = fr.value_or_none(node.value)
    bind_name(fr, node.target.id, value, since)
    return value


# ---- functions and strings -------------------------------------------------------------------------------------


@reads(gast.Lambda)
def _lambda(fr: Frame, node: gast.AST) -> FrontValue:
    return Closure(node, fr, defaults_of(fr, node.args))


def defaults_of(fr: Frame, arguments: gast.arguments) -> dict[str, FrontValue]:
    """Defaults are evaluated where the function is defined."""
    positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
    found = {
        name: fr.expr(node)
        for name, node in zip(
            positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
        )
    }
    for name, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if node is not None:
            found[name.id] = fr.expr(node)
    return found
