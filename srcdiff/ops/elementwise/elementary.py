"""Elementary functions of each element; the functions of NumPy and of `math` are one operation (see `Op.spelling`).

Derivatives at ties and kinks, the same in every mode:

* `maximum`, `minimum`, `fmax`, `fmin`: half for each operand at a tie, as in autograd and JAX;
* `abs`, `hypot` (and `norm`, `std`): 0 at 0, the subgradient that leaves an optimiser where it is;
* `sqrt`, `cbrt`, `log` at 0: infinite, as the formula gives (a division by a Python number raises as in Python);
* `clip`: 1 inside and at the bounds; if the lower bound exceeds the upper one, the result is the upper bound;
* steps (`floor`, `sign`, `round`, ...): 0 everywhere; `heaviside` with respect to its value at 0: 1 there;
* `logaddexp` and `logsumexp` of -inf only: 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import NONE, Array, Type
from srcdiff.ir.values import Atom, Attrs, Const
from srcdiff.ops.arrays.memory import copy
from srcdiff.ops.core.bind import Bound
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import METHODS, declare, operation
from srcdiff.ops.core.samples import binary, draw, fixed, unary
from srcdiff.ops.core.type_rules import (
    TypeMistake,
    arithmetic,
    broadcast_shape,
    floating,
    make,
    numeric,
    promote,
)
from srcdiff.ops.core.ufuncs import smooth
from srcdiff.ops.elementwise.arithmetic import divide, maximum, minimum
from srcdiff.ops.elementwise.rounding import round_

special = LazyModule("scipy.special")


def _quotient(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    types: tuple[Type, ...] = divide.infer(shapes, operands[:2], attrs)
    return types


# ---- exponentials and logarithms -------------------------------------------------------------


# a quotient that equals 1 / (1 + exp(-u)): see `transforms/rewrite/named_sigmoid.py`
@declare(
    template="{0} / {1}", infer=_quotient, elementwise=True, raises=True,
    samples=(
        fixed(1.0, [4.0, 2.0], [-math.log(3.0), 0.0], avoid="of the third by the first two", wrt=(0, 1, 2),
        gradients=(0.0, 0.0, [0.1875, 0.25])),
    ),
)  # fmt: skip
def sigmoid_quotient(x, y, u, *, out, d_out):
    d_x = 0.0
    d_y = 0.0
    d_u = d_out * out * (1.0 - out)


# a quotient by a norm; its derivatives are such quotients, too, because the square of the norm may overflow
@declare(
    template="{0} / {1}", infer=_quotient, elementwise=True, raises=True, compiled="quotient", device="{0} / {1}",
    samples=binary(0.5, 2.0),
)  # fmt: skip
def unit_part(x, y, *, out, d_out):
    d_x = unit_part(d_out, y)
    d_y = -unit_part(d_out * out, y)


# a quotient by a scale, in which an infinite number stays infinite: the bounds of censored data
@declare(
    template="{0} / {1}", infer=_quotient, elementwise=True, raises=True, device="{0} / {1}",
    samples=(
        *binary(0.5, 2.0),
        fixed([math.inf, -math.inf], [2.0, 3.0], avoid="infinite", wrt=(0, 1), gradients=([0.5, 1 / 3], [0.0, 0.0])),
    ),
)  # fmt: skip
def in_scale(x, scale, *, out, d_out):
    d_x = d_out / scale
    d_scale = -d_out * np.where(np.isinf(out), 0.0, out) / scale


def _first(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (operands[0].type,)


# values that rewritings introduce, with derivatives with respect to `u`; see `transforms/rewrite/named_values.py`
_known: dict[str, Any] = {"template": "{0}", "infer": _first, "elementwise": True}


held = operation(
    "held", template="{0}", infer=_first, elementwise=True, differentiable=False, signature="x",
)  # fmt: skip


_LESS = np.array([-1.0, -3.0])


@declare(**_known, samples=(
    fixed(np.log(-np.expm1(_LESS)), _LESS, avoid="of the second by the first", wrt=(0, 1),
    gradients=([0.0, 0.0], np.exp(_LESS) / np.expm1(_LESS))),
))  # fmt: skip
def log_one_less_exp(x, u, *, out, d_out):
    d_x = 0.0
    d_u = d_out * np.exp(u) / np.expm1(u)


@declare(**_known, samples=(
    fixed(np.log(np.cosh(_LESS)), _LESS, avoid="of the second by the first", wrt=(0, 1),
    gradients=([0.0, 0.0], np.tanh(_LESS))),
))  # fmt: skip
def log_cosh(x, u, *, out, d_out):
    d_x = 0.0
    d_u = d_out * np.tanh(u)


@declare(**_known, samples=(
    fixed(np.sqrt(-_LESS) - 1.0, np.sqrt(-_LESS), avoid="of the first", wrt=(0, 1), gradients=([0.0, 0.0], [1.0, 1.0])),
))  # fmt: skip
def computed_as(x, u, *, out, d_out):
    """`x` equals `u` up to a constant, and is computed in another way: the derivative is that of `u`."""
    d_x = 0.0
    d_u = d_out


@declare(**_known, samples=(
    fixed(1.0 / (1.0 + np.exp(-_LESS)), _LESS, avoid="of the second by the first", wrt=(0, 1),
    gradients=([0.0, 0.0], np.exp(_LESS) / (1.0 + np.exp(_LESS)) ** 2)),
))  # fmt: skip
def one_less_sigmoid(x, u, *, out, d_out):
    """`x` is the sigmoid of `u`. Near 1, the derivative takes its digits from the other factor, the sigmoid of -u."""
    d_x = 0.0
    d_u = d_out * out * special.expit(-u)


@declare(np.exp, math.exp, **smooth(), sign="positive", compiled="exp", takes_complex=True)
def exp(x, *, out, d_out):
    d_x = d_out * out


@declare(np.expm1, math.expm1, **smooth(), compiled="expm1", takes_complex=True)
def expm1(x, *, out, d_out):
    d_x = d_out * np.exp(x)  # out + 1 would lose the digits of small exponentials


@declare(np.exp2, math.exp2, **smooth(), compiled="exp2", takes_complex=True)
def exp2(x, *, out, d_out):
    d_x = d_out * out * np.log(2.0)


@declare(np.log, math.log, **smooth(0.1, 3.0), compiled="log", takes_complex=True)
def log(x, *, out, d_out):
    d_x = d_out / x


@declare(np.log1p, math.log1p, **smooth(-0.9, 3.0), compiled="log1p", takes_complex=True)
def log1p(x, *, out, d_out):
    d_x = d_out / (1.0 + x)


@declare(np.log2, math.log2, **smooth(0.1, 3.0), compiled="log2", takes_complex=True)
def log2(x, *, out, d_out):
    d_x = d_out / (x * np.log(2.0))


@declare(np.log10, math.log10, **smooth(0.1, 3.0), compiled="log10", takes_complex=True)
def log10(x, *, out, d_out):
    d_x = d_out / (x * np.log(10.0))


UNREACHABLE = fixed(
    [-np.inf, -np.inf, 0.5, 1.0], [-np.inf, 0.5, -np.inf, 1.0], wrt=(0, 1), avoid="infinite operands",
    gradients=([0.0, 0.0, 1.0, 0.5], [0.0, 1.0, 0.0, 0.5]),
)  # fmt: skip


# the guard: for two operands -inf, the difference would be NaN
@declare(
    np.logaddexp,
    compiled="logaddexp",
    device="logaddexp",
    **smooth(-2.0, 2.0, fixed(0.3, [0.3, 0.3], wrt=(0, 1)), UNREACHABLE, two=True),
)
def logaddexp(x, y, *, out, d_out):
    d_x = d_out * special.expit(x - np.where(out == -np.inf, 0.0, y))
    d_y = d_out * special.expit(y - np.where(out == -np.inf, 0.0, x))


# ---- powers ----------------------------------------------------------------------------------


@declare(np.sqrt, math.sqrt, **smooth(0.1, 3.0), takes_complex=True)
def sqrt(x, *, out, d_out):
    d_x = d_out / (2.0 * out)


@declare(np.cbrt, math.cbrt, **smooth(0.1, 3.0), device="cbrt")
def cbrt(x, *, out, d_out):
    d_x = d_out / (3.0 * out**2)


@declare(
    np.square,
    infer=arithmetic,
    elementwise=True,
    samples=unary(),
    device="{0} ** 2",
    takes_complex=True,
)
def square(x, *, out, d_out):
    d_x = d_out * 2.0 * x


@declare(
    np.reciprocal,
    infer=arithmetic,
    elementwise=True,
    samples=unary(0.3, 2.0),
    device="{0} ** -1",
    takes_complex=True,
)
def reciprocal(x, *, out, d_out):
    d_x = -d_out * out**2


@declare(
    np.hypot,
    math.hypot,
    **smooth(
        0.2, 2.0, fixed(0.0, [0.0, 2.0], wrt=(1,), avoid="0", gradients=([0.0, 1.0],)), two=True
    ),
)
def hypot(x, y, *, out, d_out):
    d_x = d_out * x / np.where(out == 0.0, 1.0, out)
    d_y = d_out * y / np.where(out == 0.0, 1.0, out)


# ---- selection -------------------------------------------------------------------------------


@declare(
    np.fmax, infer=arithmetic, elementwise=True, device="np.fmax({0}, {1})",
    samples=(*binary(), fixed([np.nan, 1.0], [2.0, np.nan], wrt=(0,),
    avoid="NaN", gradients=([0.0, 1.0],))),
)  # fmt: skip
def fmax(x, y, *, out, d_out):
    d_x = d_out * np.where(x == y, 0.5, (x > y) | np.isnan(y))
    d_y = d_out * np.where(x == y, 0.5, (x < y) | np.isnan(x))


@declare(np.fmin, infer=arithmetic, elementwise=True, device="np.fmin({0}, {1})", samples=binary())
def fmin(x, y, *, out, d_out):
    d_x = d_out * np.where(x == y, 0.5, (x < y) | np.isnan(y))
    d_y = d_out * np.where(x == y, 0.5, (x > y) | np.isnan(x))


def _clipped(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return arithmetic(shapes, [a for a in operands if a.type != NONE], attrs)


_ABSENT = Const(None, NONE)


def _bind_clip(args: Sequence[Any], kwargs: Mapping[str, object]) -> Bound:
    """NumPy's two names for each bound; a bound that is None becomes an operand None."""
    given = {"a_min": _ABSENT, "a_max": _ABSENT}
    renamed = {{"min": "a_min", "max": "a_max", "a": "x"}.get(k, k): v for k, v in kwargs.items()}
    given |= dict(zip(("x", "a_min", "a_max"), args, strict=False)) | renamed
    if len(args) > 3 or set(given) != {"x", "a_min", "a_max"}:
        raise TypeMistake("clip takes an array, a lower and an upper bound")
    return (given["x"], given["a_min"], given["a_max"]), {}


def _between(b: Builder, op: Op) -> tuple[Atom]:
    """`clip` as `maximum` and `minimum`; a bound that is None is left out."""
    x, low, high = op.operands
    if low.type == NONE and high.type == NONE:
        return (b.op(copy, x) if isinstance(x.type, Array) else x,)
    x = x if low.type == NONE else b.op(maximum, x, low)
    return (x if high.type == NONE else b.op(minimum, x, high),)


@declare(
    np.clip, method="clip", simpler=_between, infer=_clipped, bind=_bind_clip, elementwise=True,
    samples=(
        fixed([-2.0, 0.3, 2.0], -1.0, 1.0, wrt=(0, 1, 2)),
        fixed([[-2.0, 0.3, 2.0]], [-1.0, 0.5, 1.0], [[1.5], [1.7]], wrt=(0, 1, 2)),
        fixed([-1.0, 1.0], -1.0, 1.0, avoid="the bounds", gradients=([1.0, 1.0],)),
        fixed([-2.0, -0.5, 0.5, 3.0], 0.0, -1.0, wrt=(0, 1, 2)),  # the upper bound for all elements
        fixed([-2.0, 0.3, 2.0], None, 1.0, wrt=(0, 2)),
        fixed([-2.0, 0.3, 2.0], 0.0, None, wrt=(0, 1)),
        fixed([-2.0, 0.3, 2.0], None, None, wrt=(0,)),
    ),
)  # fmt: skip
def clip(x, a_min, a_max, *, out, d_out):
    if a_min is None and a_max is None:
        d_x = d_out
    elif a_min is None:
        d_x = d_out * (x <= a_max)
        d_a_max = d_out * (x > a_max)
    elif a_max is None:
        d_x = d_out * (x >= a_min)
        d_a_min = d_out * (x < a_min)
    else:
        d_x = d_out * ((x >= a_min) & (x <= a_max))
        d_a_min = d_out * ((x < a_min) & (a_min <= a_max))
        d_a_max = d_out * ((x > a_max) | (a_min > a_max))


def _chosen(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if numeric(operands[0]).dtype != "bool":
        raise TypeMistake("the condition of np.where is not boolean; write x != 0")
    dtype, _ = promote(operands[1:])
    return (make(dtype, broadcast_shape(shapes, operands)),)


_mask = [True, False, True]


@declare(
    np.where, infer=_chosen, elementwise=True, linear=True, boxes=True, device="{1} if {0} else {2}",
    samples=(
        fixed(_mask, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], wrt=(1, 2)),
        fixed(_mask, 1.5, [[4.0, 5.0, 6.0]], wrt=(1, 2)),
        fixed([[True], [False]], [1.0, 2.0], 0.5, wrt=(1, 2)),
        fixed(True, 1.5, 0.5, wrt=(1, 2)),
    ), takes_complex=True,
)  # fmt: skip
def where(condition, x, y, *, out, d_out):
    d_x = np.where(condition, d_out, 0.0)
    d_y = np.where(condition, 0.0, d_out)


@declare(
    np.copysign,
    math.copysign,
    **smooth(0.3, 2.0, fixed([-1.0, 2.0, -3.0], [-0.5, -0.5, 0.5], wrt=(0, 1)), two=True),
)
def copysign(x, y, *, out, d_out):
    d_x = d_out * np.copysign(1.0, x) * np.copysign(1.0, y)
    d_y = 0.0


def heaviside_expanded(x, h0):
    result = np.where(x == 0.0, h0, np.where(x < 0.0, 0.0, np.where(x > 0.0, 1.0, x)))


@declare(
    np.heaviside, infer=floating, elementwise=True, device="heaviside", expansion=heaviside_expanded,
    samples=(
        fixed([-1.5, 2.0, 0.5], [0.5, 0.3, -2.0], wrt=(0, 1)),
        fixed([0.0, 2.0, -1.0], [0.5, 0.3, 0.7], wrt=(1,)),
    ),
)  # fmt: skip
def heaviside(x, h0, *, out, d_out):
    d_x = 0.0
    d_h0 = d_out * (x == 0)


@declare(
    np.nan_to_num, infer=arithmetic, elementwise=True, device="nan_to_num",
    samples=(draw((3,)), fixed([1.0, np.nan, np.inf],
    avoid="not finite", gradients=([1.0, 0.0, 0.0],))),
)  # fmt: skip
def nan_to_num(x, *, out, d_out):
    d_x = np.where(np.isfinite(x), d_out, 0.0)


# ---- steps and predicates: no derivative -----------------------------------------------------


METHODS["round"] = round_
