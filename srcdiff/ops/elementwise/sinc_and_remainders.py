"""Further elementwise functions: `np.sinc`, `np.logaddexp2`, `np.fmod`."""

from __future__ import annotations

import math

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Atom, const
from srcdiff.ops.core.registry import OPERATIONS, declare
from srcdiff.ops.core.samples import binary, draw, fixed, unary
from srcdiff.ops.core.type_rules import arithmetic, floating
from srcdiff.ops.elementwise.elementary import UNREACHABLE


def sinc_expanded(x):
    u = np.where(x == 0.0, 1.0e-20, np.pi * x)
    result = np.sin(u) / u


# near 0, the difference of two nearly equal numbers is computed by its series, which has the right derivatives, too
@declare(
    np.sinc,
    expansion=sinc_expanded,
    infer=floating,
    elementwise=True,
    samples=(*unary(), fixed([0.0, 1e-9, 0.03, 0.0499, 0.0501, 1.0]), fixed(0.0)),
    takes_complex=True,
)
def sinc(x, *, out, d_out):
    square = (np.pi * x) ** 2
    series = 1.0 - square / 10.0 * (1.0 - square / 28.0 * (1.0 - square / 54.0))
    slope = np.where(
        np.abs(x) < 0.05,
        -(np.pi**2) * x / 3.0 * series,
        (np.cos(np.pi * x) - out) / np.where(x == 0.0, 1.0, x),
    )
    d_x = d_out * slope


def logaddexp2_expanded(x, y):
    scale = 0.6931471805599453  # log(2), as a Python number: it does not widen the dtype
    result = np.logaddexp(x * scale, y * scale) / scale


# the guard: for two operands -inf, the difference would be NaN
@declare(
    np.logaddexp2,
    expansion=logaddexp2_expanded,
    infer=floating,
    elementwise=True,
    samples=(*binary(), UNREACHABLE),
)
def logaddexp2(x, y, *, out, d_out):
    d_x = d_out * np.exp2(x - np.where(out == -np.inf, 0.0, out))
    d_y = d_out * np.exp2(y - np.where(out == -np.inf, 0.0, out))


def _of_whole_numbers(b: Builder, op: Op) -> tuple[Atom] | None:
    """`fmod` of integers: Numba's `fmod` would treat them as unsigned integers."""
    if is_float(op.result.type):
        return None
    call, (x, y), zero = OPERATIONS, op.operands, const(0)
    rest = b.op(call["mod"], x, y)  # has the sign of y
    is_over = b.op(call["not_equal"], b.op(call["less"], rest, zero), b.op(call["less"], x, zero))
    is_over = b.op(call["bitwise_and"], b.op(call["not_equal"], rest, zero), is_over)
    return (b.op(call["where"], is_over, b.op(call["subtract"], rest, y), rest),)


@declare(
    np.fmod,
    math.fmod,
    infer=arithmetic,
    simpler=_of_whole_numbers,
    elementwise=True,
    samples=(
        draw((4,), (), low=0.5, high=2.0, wrt=(0,)),
        fixed([5.3, -5.3, 1.0], [2.0, 2.0, -0.7], wrt=(0, 1)),
    ),
)
def fmod(x, y, *, out, d_out):
    d_x = d_out
    d_y = -d_out * np.trunc(x / y)
