"""Reductions along axes: sums, means, maxima, minima, products.

The adjoint of a sum is `d_out`, which stands for its broadcast. Ties of `max` and `min` share the derivative evenly, as
in autograd and JAX. `prod` divides by nothing that may be zero.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import literal
from srcdiff.ir.types import Dim, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, const
from srcdiff.ops.core.axes import axes_of, of_number, reduced, reduction_samples
from srcdiff.ops.core.registry import OPERATIONS, declare, operation
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import numeric
from srcdiff.ops.loopforms import searches

_empty = (draw((0,)), draw((0, 3), axis=0), draw((0, 3), axis=1))
_KEEP = "x, axis=None, *, keepdims=False"


# ---- the number of elements in a reduction -----------------------------------------------------


def reduced_count(x: np.ndarray, axis: object = None) -> int:
    """The number of elements that are reduced to one along `axis`."""
    return int(np.prod([np.shape(x)[k] for k in axes_of(np.ndim(x), axis)], dtype=int))


def count_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    shape = shape_of(operands[0].type)
    lengths = [shape[k] for k in axes_of(len(shape), attrs.get("axis"))]
    open_ones = [d for d in lengths if not d.is_const]
    if len(open_ones) > 1:
        return (Scalar("int64", True, shapes.fresh("i")),)
    times = reduce(operator.mul, (d.const for d in lengths if d.is_const), 1)
    return (Scalar("int64", True, open_ones[0].scaled(times) if open_ones else Dim(times)),)


def _count_text(op: Op) -> str:
    ndim = len(shape_of(op.operands[0].type))
    axes = axes_of(ndim, op.attrs.get("axis"))
    if ndim == 0:
        return "1"
    if len(axes) == ndim:
        return "len({0})" if ndim == 1 else "{0}.size"
    return " * ".join("len({0})" if k == 0 else f"{{0}}.shape[{k}]" for k in axes) or "1"


count = operation(
    "count",
    reduced_count,
    template=_count_text,
    infer=count_type,
    differentiable=False,
    cost="free",
    shape_of=(0,),
    signature="x, axis=None",
    takes_complex=True,
)


# ---- sums ------------------------------------------------------------------------------------


@declare(
    np.sum, method="sum", fold=("add", 0), signature=_KEEP, infer=reduced("sum"), linear=True, sign="of sums",
    adjoint="scalar",
    samples=(*reduction_samples(), *_empty), takes_complex=True,
)  # fmt: skip
def sum(x, axis=None, keepdims=False, *, out, d_out):
    if axis is None or axis == 0 or keepdims or d_out.ndim == 0:
        d_x = d_out
    else:
        d_x = np.expand_dims(d_out, axis)


def mean_expanded(x, axis=None, keepdims=False):
    result = np.sum(x, axis=axis, keepdims=keepdims) / reduced_count(x, axis=axis)


@declare(
    np.mean, method="mean", expansion=mean_expanded, signature=_KEEP, infer=reduced("float"), linear=True,
    sign="of sums", adjoint="scalar",
    samples=reduction_samples(), takes_complex=True,
)  # fmt: skip
def mean(x, axis=None, keepdims=False, *, out, d_out):
    if axis is None or axis == 0 or keepdims or d_out.ndim == 0:
        d_x = d_out / reduced_count(x, axis=axis)
    else:
        d_x = np.expand_dims(d_out, axis) / reduced_count(x, axis=axis)


# ---- extremes --------------------------------------------------------------------------------


def extreme_forward(x, axis=None, keepdims=False, *, x_dot, out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        hits = x == out
    else:
        hits = x == np.expand_dims(out, axis)
    out_dot = np.sum(hits * x_dot, axis=axis, keepdims=keepdims) / np.sum(
        hits, axis=axis, keepdims=keepdims
    )


def extreme(x, axis=None, keepdims=False, *, out, d_out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        hits = x == out
        d_best = d_out
    else:
        hits = x == np.expand_dims(out, axis)
        if d_out.ndim == 0:
            d_best = d_out
        else:
            d_best = np.expand_dims(d_out, axis)
    if axis is None or out.ndim == 0:
        d_x = hits * (d_best / np.sum(hits))
    else:
        d_x = hits * (d_best / np.sum(hits, axis=axis, keepdims=True))


_ties = (
    fixed([1.0, 3.0, 3.0, 1.0], avoid="ties", gradients=([0.0, 0.5, 0.5, 0.0],)),
    fixed([[1.0, 2.0], [1.0, 3.0]], axis=0, avoid="ties", gradients=([[0.5, 0.0], [0.5, 1.0]],)),
)
_extreme: dict[str, object] = {
    "signature": _KEEP, "infer": reduced("same"), "adjoint": "scalar", "rule": extreme, "forward": extreme_forward,
    "raises": True, "sign": "of operands",
}  # fmt: skip
max = operation(
    "max",
    np.max,
    np.amax,
    method="max",
    fold=("maximum", -np.inf),
    samples=(*reduction_samples(), *_ties),
    **_extreme,
)
min = operation(
    "min",
    np.min,
    np.amin,
    method="min",
    fold=("minimum", np.inf),
    samples=reduction_samples(),
    **_extreme,
)


def extreme_of_any_forward(x, axis=None, keepdims=False, *, x_dot, out):
    if axis is None or keepdims or out.ndim == 0:
        hits = x == out
    else:
        hits = x == np.expand_dims(out, axis)
    count = np.maximum(np.sum(hits, axis=axis, keepdims=keepdims), 1)
    out_dot = np.sum(hits * x_dot, axis=axis, keepdims=keepdims) / count


def extreme_of_any(x, axis=None, keepdims=False, *, out, d_out):
    if axis is None or keepdims or out.ndim == 0:
        hits = x == out
        d_best = d_out
    else:
        hits = x == np.expand_dims(out, axis)
        d_best = np.expand_dims(d_out, axis)
    d_x = hits * (d_best / np.maximum(np.sum(hits, axis=axis, keepdims=True), 1))


def _bounded_text(op: Op) -> str:
    """NumPy's maximum (minimum) with the dtype's least (greatest) number as the initial value."""
    assert op.decl.fold is not None
    name, sign = ("max", "-") if op.decl.fold[0] == "maximum" else ("min", "")
    given = "".join(
        f", {k}={literal(v)}" for k, v in op.attrs.items() if v != op.decl.defaults.get(k)
    )
    dtype = numeric(op.operands[0]).dtype
    if dtype[0] in "iu":
        bound = f"np.iinfo(np.{dtype}).{'min' if name == 'max' else 'max'}"
    else:
        bound = str(name == "min") if dtype == "bool" else f"{sign}np.inf"
    return f"np.{name}({{0}}{given}, initial={bound})"


_of_nothing = (
    fixed(np.zeros(0), avoid="of nothing", gradients=(np.zeros(0),)),
    fixed(np.zeros((0, 2)), axis=0, avoid="of nothing", gradients=(np.zeros((0, 2)),)),
)
_of_any: dict[str, Any] = {
    "template": _bounded_text, "signature": _KEEP, "infer": reduced("same"), "rule": extreme_of_any,
    "forward": extreme_of_any_forward,
}  # fmt: skip
# for no elements, the dtype's least (greatest) number, which `initial=` is compared with
max_of_any: Any = operation(
    "max_of_any", fold=("maximum", -np.inf), samples=(*reduction_samples(), *_ties, *_of_nothing), **_of_any,
)  # fmt: skip
min_of_any: Any = operation(
    "min_of_any", fold=("minimum", np.inf), samples=(*reduction_samples(), *_of_nothing), **_of_any,
)  # fmt: skip


def ptp_forward(x, axis=None, keepdims=False, *, x_dot, out):
    top = x == np.max(x, axis=axis, keepdims=True)
    bottom = x == np.min(x, axis=axis, keepdims=True)
    rise = np.sum(top * x_dot, axis=axis, keepdims=keepdims) / np.sum(
        top, axis=axis, keepdims=keepdims
    )
    out_dot = rise - np.sum(bottom * x_dot, axis=axis, keepdims=keepdims) / np.sum(
        bottom, axis=axis, keepdims=keepdims
    )


def ptp_expanded(x, axis=None, keepdims=False):
    result = np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


@declare(
    np.ptp,
    expansion=ptp_expanded,
    signature=_KEEP,
    infer=reduced("same"),
    adjoint="scalar",
    forward=ptp_forward,
    raises=True,
    samples=reduction_samples(),
)
def ptp(x, axis=None, keepdims=False, *, out, d_out):
    top = x == np.max(x, axis=axis, keepdims=True)
    bottom = x == np.min(x, axis=axis, keepdims=True)
    shares = top / np.sum(top, axis=axis, keepdims=True) - bottom / np.sum(
        bottom, axis=axis, keepdims=True
    )
    if axis is None or axis == 0 or keepdims or d_out.ndim == 0:
        d_x = d_out * shares
    else:
        d_x = np.expand_dims(d_out, axis) * shares


# ---- products --------------------------------------------------------------------------------


def prod_forward(x, axis=None, keepdims=False, *, x_dot, out):
    if axis is None:
        row, row_dot = np.reshape(x, (-1,)), np.reshape(x_dot, (-1,))
    elif isinstance(axis, tuple):
        last = tuple(range(-len(axis), 0))
        moved, moved_dot = np.moveaxis(x, axis, last), np.moveaxis(x_dot, axis, last)
        kept = moved.shape[: moved.ndim - len(axis)]
        row, row_dot = np.reshape(moved, (*kept, -1)), np.reshape(moved_dot, (*kept, -1))
    else:
        row, row_dot = np.moveaxis(x, axis, -1), np.moveaxis(x_dot, axis, -1)
    k = np.arange(row.shape[-1])
    before = np.cumprod(np.where(k == 0, 1.0, row[..., k - 1]), axis=-1)
    after = np.flip(np.cumprod(np.where(k == 0, 1.0, row[..., -k]), axis=-1), -1)
    out_dot = np.reshape(np.sum(before * after * row_dot, axis=-1), out.shape)


# the product of the other factors is the product before an element times the product after it: correct with zeros, too
@declare(
    np.prod, method="prod", fold=("multiply", 1), signature=_KEEP, infer=reduced("sum"), adjoint="scalar",
    forward=prod_forward,
    samples=(
        *reduction_samples(0.5, 2.0),
        fixed([2.0, 0.0, 3.0]),
        fixed([[0.0, 0.0], [0.0, 3.0]], axis=0),
        fixed([[0.0, 0.0], [0.0, 3.0]], axis=1),
        fixed([0.0, 0.0, 3.0]),
        draw((0,)),
        draw((2, 3), axis=()),
    ), takes_complex=True,
)  # fmt: skip
def prod(x, axis=None, keepdims=False, *, out, d_out):
    if x.ndim == 1:
        k = np.arange(len(x))
        before = np.cumprod(np.where(k == 0, 1.0, x[k - 1]))
        d_x = d_out * before * np.cumprod(np.where(k == 0, 1.0, x[-k]))[::-1]
    else:
        if axis is None:
            row = np.reshape(x, (-1,))
        elif isinstance(axis, tuple):
            moved = np.moveaxis(x, axis, tuple(range(-len(axis), 0)))
            row = np.reshape(moved, (*moved.shape[: moved.ndim - len(axis)], -1))
        else:
            row = np.moveaxis(x, axis, -1)
        k = np.arange(row.shape[-1])
        before = np.cumprod(np.where(k == 0, 1.0, row[..., k - 1]), axis=-1)
        others = before * np.flip(np.cumprod(np.where(k == 0, 1.0, row[..., -k]), axis=-1), -1)
        if axis is None:
            others = np.reshape(others, x.shape)
        elif isinstance(axis, tuple):
            others = np.moveaxis(np.reshape(others, moved.shape), tuple(range(-len(axis), 0)), axis)
        else:
            others = np.moveaxis(others, -1, axis)
        if axis is None or axis == 0 or keepdims or d_out.ndim == 0:
            d_x = d_out * others
        else:
            d_x = np.expand_dims(d_out, axis) * others


# ---- no derivative ---------------------------------------------------------------------------


def highest_of(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`np.max` that is -inf for no elements."""
    return np.max(x, axis=axis, keepdims=keepdims, initial=-np.inf)


def _inactive(name: str, function: Any, kind: str, **fields: Any) -> OpDecl:
    return operation(
        name, function, infer=reduced(kind), differentiable=False, signature=_KEEP, **fields
    )


# the maximum, -inf for no elements: the initial value of loops
highest = _inactive(
    "highest", highest_of, "same", fold=("maximum", -np.inf), template=_bounded_text
)
argmax = _inactive(
    "argmax", np.argmax, "int64", method="argmax", raises=True, cost="heavy",
    loops=searches.place_of_extreme("greater"), simpler=of_number(0), reads_once=True,
)  # fmt: skip
argmin = _inactive(
    "argmin", np.argmin, "int64", method="argmin", raises=True, cost="heavy",
    loops=searches.place_of_extreme("less"), simpler=of_number(0), reads_once=True,
)  # fmt: skip


def _of_truth_values(b: Builder, op: Op) -> object:
    """Loops write `any` and `all` as Python's `or` and `and`, which return an operand: operands become truth values."""
    x = op.operands[0]
    if numeric(x).dtype == "bool":
        return None
    truths = b.op(OPERATIONS["not_equal"], x, const(0))
    return (b.op(op.decl, truths, **op.attrs),)


_truth: dict[str, Any] = {"simpler": _of_truth_values, "takes_complex": True}
any = _inactive("any", np.any, "bool", method="any", fold=("or", False), **_truth)
all = _inactive("all", np.all, "bool", method="all", fold=("and", True), **_truth)


def count_nonzero_expanded(x, axis=None, keepdims=False):
    result = np.sum(x != 0, axis=axis, keepdims=keepdims)


count_nonzero = _inactive(
    "count_nonzero", np.count_nonzero, "int64", expansion=count_nonzero_expanded, takes_complex=True
)
