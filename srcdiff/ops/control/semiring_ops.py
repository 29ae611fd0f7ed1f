"""Operations of the semiring passes: values whose adjoint goes to one chosen term, random numbers, and sums whose
tangents are expected log-weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type, ndim_of
from srcdiff.ir.values import Atom, Attrs, const, known_dim
from srcdiff.ops.arrays import reductions
from srcdiff.ops.control.control import raise_if
from srcdiff.ops.core.axes import reduced, reduction_samples
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import binary, fixed
from srcdiff.ops.core.type_rules import floating, make, same_as_first
from srcdiff.ops.elementwise import arithmetic, special


def _second(x, y, *, out, d_out):
    d_y = d_out


# `x`, whose adjoint goes to `y`: of all terms of the sum `x`, `y` was chosen. Reverse mode removes the operation;
# everywhere else this is `x` (`transforms/ad/directives/hook_reverse.py`)
_FOLLOWS: dict[str, Any] = {
    "template": "{0}", "infer": same_as_first, "elementwise": True, "adjoint": "any", "signature": "x, y",
    "shape_of": (1,), "cost": "free",
    "samples": (fixed([0.3, 2.0], [0.3, 2.0], avoid="the adjoint is that of y", wrt=(1,), gradients=([1.0, 1.0],)),),
}  # fmt: skip
follows = operation("follows", rule=_second, takes_complex=True, **_FOLLOWS)


def _raise_if_drawn_twice(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    """The adjoint counts the uses of a drawn term: a second use would need another draw, and raises."""
    (uses,) = d_outs
    most = b.op(reductions.max, uses) if ndim_of(uses.type) else uses
    raise_if(b, b.op(arithmetic.greater, most, const(1.0)), ValueError, _TWICE)
    return [None, uses]


_TWICE = "a term has a sum twice, which is drawn once: write that sum for each use"

# as `follows`, if it is not known that a term contains a sum at most once
follows_once = operation("follows_once", build=_raise_if_drawn_twice, **_FOLLOWS)


def _random_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    lengths = [known_dim(a) or shapes.fresh() for a in operands[1:]]
    return (make("float64", lengths) if lengths else Scalar("float64"),)


def _random_text(op: Op) -> str:
    lengths = ", ".join(f"{{{k}}}" for k in range(1, len(op.operands)))
    return f"{{0}}.random({lengths})" if len(op.operands) < 3 else f"{{0}}.random(({lengths}))"


# numbers in [0, 1) from the generator in the first operand; the other operands are lengths
random_numbers = operation(
    "random_numbers",
    template=_random_text,
    infer=_random_type,
    differentiable=False,
    effect=True,
)


def _weighed_along(a, axis=None, keepdims=False, *, a_dot, out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        norm = out
    else:
        norm = np.expand_dims(out, axis)
    weights = np.exp(a - np.where(norm == -np.inf, 0.0, norm))
    weighed = weights * np.where(weights == 0.0, 0.0, a_dot)
    out_dot = np.sum(weighed, axis=axis, keepdims=keepdims)


def _weighed(x, y, *, x_dot, y_dot, out):
    norm = np.where(out == -np.inf, 0.0, out)
    x_weight = np.exp(x - norm)
    y_weight = np.exp(y - norm)
    x_part = x_weight * np.where(x_weight == 0.0, 0.0, x_dot)
    out_dot = x_part + y_weight * np.where(y_weight == 0.0, 0.0, y_dot)


def _largest_along(a, axis=None, keepdims=False, *, a_dot, out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        largest = out
    else:
        largest = np.expand_dims(out, axis)
    hits = np.where(a > -np.inf, a == largest, False)
    total = np.sum(np.where(hits, a_dot, 0.0), axis=axis, keepdims=keepdims)
    out_dot = total / np.maximum(np.sum(hits, axis=axis, keepdims=keepdims), 1)


def _larger(x, y, *, x_dot, y_dot, out):
    out_dot = np.where(out == -np.inf, 0.0, np.where(x >= y, x_dot, y_dot))


# as `logsumexp` and `logaddexp`; a term without weight has no part in the tangent, even if its tangent is -inf
weighed_logsumexp = operation(
    "weighed_logsumexp",
    spelling="scipy.special.logsumexp",
    expansion=special.logsumexp.expansion,
    infer=reduced("float"),
    signature="a, axis=None, *, keepdims=False",
    forward=_weighed_along,
    raises=True,
    samples=reduction_samples(),
)
weighed_logaddexp = operation(
    "weighed_logaddexp",
    spelling="np.logaddexp",
    infer=floating,
    elementwise=True,
    signature="x, y",
    forward=_weighed,
    samples=binary(),
)
# as `max` and `maximum`, for a maximum that shifts the terms of a sum
weighed_max = operation(
    "weighed_max",
    spelling="np.max",
    infer=reduced("same"),
    signature="a, axis=None, *, keepdims=False",
    forward=_largest_along,
    raises=True,
    samples=reduction_samples(),
)
weighed_maximum = operation(
    "weighed_maximum",
    spelling="np.maximum",
    infer=arithmetic.maximum.infer,
    elementwise=True,
    signature="x, y",
    forward=_larger,
    samples=binary(),
)
