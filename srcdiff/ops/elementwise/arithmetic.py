"""Arithmetic operators on numbers and arrays: arithmetic, comparisons, logic, conversions.

Results of Python scalars are Python scalars. Integer scalars carry a symbolic value (`Scalar.expr`), so that the
compiler knows lengths that the user computes.

At edges: `x**0` has derivative 0 with respect to x, and `0**y` has derivative 0 with respect to y. `%` has derivative 1
with respect to x at its jumps.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import BOOL, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, known_dim
from srcdiff.ops.core.bind import Bound
from srcdiff.ops.core.integer_facts import constants, integers, largest, product, quotient, times
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import binary, fixed, unary
from srcdiff.ops.core.type_rules import (
    TypeMistake,
    TypeRule,
    arithmetic,
    boolean,
    broadcast_shape,
    floating,
    make,
    numeric,
    promote,
    real_dtype,
)

# ---- type rules ------------------------------------------------------------------------------


def _no_booleans(infer: TypeRule, verb: str) -> TypeRule:
    """NumPy refuses `-` on booleans."""

    def checked(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        dtype, weak = promote(operands)
        if dtype == "bool" and not weak:
            raise TypeMistake(f"NumPy does not {verb} booleans; use ^ or ~")
        return infer(shapes, operands, attrs)

    return checked


def true_division(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """As `floating`, but Python scalars give a Python float."""
    _, weak = promote(operands)
    (result,) = floating(shapes, operands, attrs)
    return (Scalar(result.dtype, True),) if weak and isinstance(result, Scalar) else (result,)


def _powered(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """Integers stay integers unless the exponent is a negative constant."""
    exponent = known_dim(operands[1])
    dtype, weak = promote(operands)
    if (
        weak
        and dtype in ("int64", "bool")
        and exponent is not None
        and exponent.is_const
        and exponent.const < 0
    ):
        return (Scalar("float64", True),)
    return _integer_power(shapes, operands, attrs)


_integer_power = integers(constants(operator.pow))


# ---- arithmetic ------------------------------------------------------------------------------


@declare(
    np.add, operator.add, template="{0} + {1}", infer=integers(operator.add), elementwise=True,
    linear=True,
    samples=binary(), takes_complex=True,
)  # fmt: skip
def add(x, y, *, out, d_out):
    d_x = d_out
    d_y = d_out


@declare(
    np.subtract, operator.sub, template="{0} - {1}", infer=_no_booleans(integers(operator.sub),
    "subtract"),
    elementwise=True, linear=True, samples=binary(), takes_complex=True,
)  # fmt: skip
def subtract(x, y, *, out, d_out):
    d_x = d_out
    d_y = -d_out


@declare(
    np.multiply, operator.mul, template="{0} * {1}", infer=integers(times, product), elementwise=True,
    multilinear=True, samples=binary(), takes_complex=True,
)  # fmt: skip
def multiply(x, y, *, out, d_out):
    d_x = d_out * y
    d_y = d_out * x


# it raises for Python scalars only (see `ir/alias.py:may_raise`)
@declare(
    np.divide, operator.truediv, template="{0} / {1}", infer=true_division, elementwise=True,
    raises=True,
    samples=binary(0.5, 2.0), takes_complex=True,
)  # fmt: skip
def divide(x, y, *, out, d_out):
    d_x = d_out / y
    d_y = -d_out * out / y


@declare(
    np.power, operator.pow, pow, math.pow, template="{0} ** {1}", infer=_powered, elementwise=True,
    raises=True,
    samples=(
        *binary(0.5, 2.0),
        fixed([-1.5, 2.0, 0.5], 2),
        fixed([-1.5, 0.0, 0.5], 3),
        fixed([-1.5, 2.0, 0.5], -1),
        fixed([0.0, 2.0, -1.0], 0, avoid="0**0", gradients=([0.0, 0.0, 0.0],)),
        fixed([0.0, 2.0], 1, gradients=([1.0, 1.0],)),
        fixed(0.0, [0.0, 1.0, 2.0], wrt=(1,), avoid="0**y jumps at 0", gradients=([0.0, 0.0, 0.0],)),
    ), takes_complex=True,
)  # fmt: skip
def power(x, y, *, out, d_out):
    if y.dtype == int:
        d_x = d_out * y * x ** np.where(y == 0, 1, y - 1)
    else:
        d_x = d_out * y * np.where((x == 0) & (y == 0), 1.0, x) ** (y - 1)
    if out.dtype.kind == "c" and x.dtype.kind != "c":
        d_y = d_out * out * np.log(np.where(x == 0, 1.0, x) + 0j)
    else:
        d_y = d_out * out * np.log(np.where(x == 0, 1.0, x))


@declare(
    np.negative, operator.neg, template="-{0}", infer=_no_booleans(integers(operator.neg), "negate"), elementwise=True,
    linear=True, samples=unary(), takes_complex=True,
)  # fmt: skip
def negative(x, *, out, d_out):
    d_x = -d_out


@declare(
    np.positive, operator.pos, template="+{0}", infer=integers(lambda a: a), elementwise=True, linear=True,
    cost="cheap",
    samples=unary(), takes_complex=True,
)  # fmt: skip
def positive(x, *, out, d_out):
    d_x = d_out


def _magnitude(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """A real dtype, for complex numbers too."""
    (result,) = _absolute(shapes, operands, attrs)
    type_ = numeric(operands[0])
    if type_.dtype == real_dtype(type_.dtype):
        return (result,)
    weak = isinstance(type_, Scalar) and type_.weak
    return (make(real_dtype(type_.dtype), shape_of(type_), weak),)


_absolute = integers(constants(abs))


# the derivative at 0 is 0, the middle of -1 and 1
@declare(
    np.absolute, abs, operator.abs, spelling="np.abs", infer=_magnitude, device="abs({0})",
    elementwise=True,
    samples=(*unary(0.1, 1.0), *unary(-1.0, -0.1), fixed([0.0, -0.0], avoid="a kink", gradients=([0.0, 0.0],))),
    takes_complex=True,
)  # fmt: skip
def absolute(x, *, out, d_out):
    if x.dtype.kind == "c":
        d_x = d_out * np.conj(x) / np.where(out == 0.0, 1.0, out)
    else:
        d_x = d_out * np.sign(x)


@declare(np.fabs, math.fabs, infer=floating, elementwise=True, samples=unary(0.1, 1.0))
def fabs(x, *, out, d_out):
    d_x = d_out * np.sign(x)


floor_divide = operation(
    "floor_divide", np.floor_divide, operator.floordiv, template="{0} // {1}",
    infer=integers(quotient),
    elementwise=True, differentiable=False, raises=True, signature="x, y",
)  # fmt: skip


@declare(
    np.mod, operator.mod, template="{0} % {1}", infer=integers(constants(operator.mod)), elementwise=True, raises=True,
    samples=(fixed([2.3, -0.7, 0.4], [1.0, 1.0, -0.3], wrt=(0, 1)), fixed(2.3, [1.0, 0.7], wrt=(0, 1)), fixed(-2.3,
    0.9, wrt=(0, 1))),
)  # fmt: skip
def mod(x, y, *, out, d_out):
    d_x = d_out
    d_y = -d_out * (x // y)


# ---- maximum and minimum ---------------------------------------------------------------------


def _bind_extreme(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    if len(args) != 2 or kwargs:
        raise TypeMistake(
            "min and max are differentiated for two numbers, or for one array with np.min, np.max"
        )
    return tuple(args), {}


# at ties, half the derivative for each, as in autograd and JAX
@declare(
    np.maximum, max, infer=integers(largest), bind=_bind_extreme, elementwise=True, device="np.maximum({0}, {1})",
    samples=(
        *binary(),
        fixed([1.0, 2.0, -np.inf], [1.0, 0.5, -np.inf], wrt=(0, 1), avoid="ties", gradients=([0.5, 1.0, 0.5], [0.5,
        0.0, 0.5])),
    ),
)  # fmt: skip
def maximum(x, y, *, out, d_out):
    d_x = d_out * np.where(x == y, 0.5, x > y)
    d_y = d_out * np.where(x == y, 0.5, x < y)


@declare(
    np.minimum, min, infer=integers(constants(min)), bind=_bind_extreme, elementwise=True,
    device="np.minimum({0}, {1})",
    samples=(
        *binary(),
        fixed([1.0, 2.0, np.inf], [1.0, 0.5, np.inf], wrt=(0, 1), avoid="ties", gradients=([0.5, 0.0, 0.5], [0.5,
        1.0, 0.5])),
    ),
)  # fmt: skip
def minimum(x, y, *, out, d_out):
    d_x = d_out * np.where(x == y, 0.5, x < y)
    d_y = d_out * np.where(x == y, 0.5, x > y)


# ---- comparisons and logic -------------------------------------------------------------------

_comparison: dict[str, Any] = {
    "infer": boolean,
    "elementwise": True,
    "differentiable": False,
    "signature": "x, y",
    "cost": "cheap",
}
less = operation("less", np.less, operator.lt, template="{0} < {1}", **_comparison)
less_equal = operation(
    "less_equal", np.less_equal, operator.le, template="{0} <= {1}", **_comparison
)
greater = operation("greater", np.greater, operator.gt, template="{0} > {1}", **_comparison)
greater_equal = operation(
    "greater_equal", np.greater_equal, operator.ge, template="{0} >= {1}", **_comparison
)
equal = operation(
    "equal", np.equal, operator.eq, template="{0} == {1}", **_comparison, takes_complex=True
)
not_equal = operation(
    "not_equal", np.not_equal, operator.ne, template="{0} != {1}", **_comparison, takes_complex=True
)

logical_and = operation(
    "logical_and", np.logical_and, **_comparison, device="{0} != 0 and {1} != 0", takes_complex=True
)
logical_or = operation(
    "logical_or", np.logical_or, **_comparison, device="{0} != 0 or {1} != 0", takes_complex=True
)
logical_xor = operation(
    "logical_xor",
    np.logical_xor,
    **_comparison,
    device="({0} != 0) != ({1} != 0)",
    takes_complex=True,
)
logical_not = operation(
    "logical_not",
    np.logical_not,
    **_comparison | {"signature": "x"},
    device="{0} == 0",
    takes_complex=True,
)


def truth_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if broadcast_shape(shapes, [a for a in operands if numeric(a)]):
        raise TypeMistake("the truth value of an array is ambiguous; use np.any or np.all")
    return (BOOL,)


# Python's `not`, for one truth value
not_ = operation(
    "not",
    operator.not_,
    template="not {0}",
    infer=truth_type,
    differentiable=False,
    cost="cheap",
    signature="x",
    takes_complex=True,
)


def _bits(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    dtype, weak = promote(operands)
    if dtype[0] not in "biu":
        raise TypeMistake("&, |, ^ and ~ take booleans and integers")
    (result,) = arithmetic(shapes, operands, attrs)
    return (
        Scalar("int64", weak, shapes.fresh("i")) if result == Scalar("int64", weak) else result,
    )


_bitwise: dict[str, Any] = {
    "infer": _bits,
    "elementwise": True,
    "differentiable": False,
    "signature": "x, y",
    "cost": "cheap",
}


def _logic_text(symbol: str, word: str) -> Callable[[Op], str]:
    """`x == 0 and y == 0` for two truth values; the user's own operators stay."""

    def text(op: Op) -> str:
        truths = all(isinstance(a.type, Scalar) and a.type.dtype == "bool" for a in op.operands)
        return f"{{0}} {word if truths and op.origin != 'user' else symbol} {{1}}"

    return text


bitwise_and = operation(
    "bitwise_and", np.bitwise_and, operator.and_, template=_logic_text("&", "and"), **_bitwise
)  # fmt: skip
bitwise_or = operation(
    "bitwise_or", np.bitwise_or, operator.or_, template=_logic_text("|", "or"), **_bitwise
)  # fmt: skip
bitwise_xor = operation(
    "bitwise_xor", np.bitwise_xor, operator.xor, template="{0} ^ {1}", **_bitwise
)
left_shift = operation(
    "left_shift", np.left_shift, operator.lshift, template="{0} << {1}", **_bitwise
)
right_shift = operation(
    "right_shift", np.right_shift, operator.rshift, template="{0} >> {1}", **_bitwise
)
invert = operation(
    "invert", np.invert, operator.invert, template="~{0}", **_bitwise | {"signature": "x"}
)
