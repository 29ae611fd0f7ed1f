"""Constants as operands: tests for particular constants, and results of operations on constants."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.types import Scalar, Type, is_float
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import memory

_OPERATORS: dict[str, Callable[..., object]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
    "power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "not": operator.not_,
    "logical_not": operator.not_,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "logical_and": lambda x, y: bool(x and y),
    "logical_or": lambda x, y: bool(x or y),
}


def zero(type_: Scalar) -> Const:
    """The number 0 of a type."""
    python = {"float64": 0.0, "complex128": 0j}
    number = np.dtype(type_.dtype).type(0) if is_float(type_) else 0.0
    return const(python.get(type_.dtype, number))


def zeros(b: Builder, type_: Type, name: str = "") -> Value:
    """Fresh zeros of a type: an array, or a container of them."""
    return b.op(memory.zeros_of, name=name, type=type_)


def is_number(atom: Atom) -> bool:
    return isinstance(atom, Const) and isinstance(atom.value, int | float)


def is_zero_constant(atom: Atom) -> bool:
    if not isinstance(atom, Const) or not isinstance(atom.value, int | float | np.floating):
        return False
    return bool(atom.value == 0)


def is_one(atom: Atom) -> bool:
    return isinstance(atom, Const) and isinstance(atom.value, int | float) and atom.value == 1


def known_constant(atom: Atom) -> Const | None:
    """A constant, or the integer that a value's type determines."""
    if isinstance(atom, Const):
        return atom
    expr = known_dim(atom)
    return const(expr.const) if expr is not None and expr.is_const else None


def constant_value(op: Op) -> Const | None:
    """The result of an operation on constants, or an integer that the types determine."""
    if len(op.results) != 1:
        return None
    type_ = op.result.type
    if not isinstance(type_, Scalar):
        return None
    known = known_constant(op.result)
    if known is not None:
        return known
    if op.decl.name not in _OPERATORS or not all(map(is_number, op.operands)):
        return None
    try:
        value = _OPERATORS[op.decl.name](*(a.value for a in op.operands if isinstance(a, Const)))
    except (ArithmeticError, ValueError):
        return None
    result = const(value)
    own = result.type
    return result if isinstance(own, Scalar) and own.dtype == type_.dtype else None
