"""Reshapes: other shapes for the same elements in the same order.

The adjoint of a view is the inverse view. `reshape` and `ravel` count as views: where NumPy copies, or may copy, and
the difference is visible, `transforms/prepare/reshape_copies.py` has made the result a copy or refused the program.
Lengths are operands; axes are static.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import (
    Array,
    Dim,
    Type,
    factors_of,
    ndim_of,
    product_of,
    quotient_of,
    shape_of,
)
from srcdiff.ir.values import Atom, Attrs, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.arrays.creation import array_of
from srcdiff.ops.control import control
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.bind import Bound, length_operands
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample, draw
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric
from srcdiff.ops.loopforms import element_maps


def positional(*names: str) -> Callable[[Op], str]:
    """The text of a call with its static arguments by position."""

    def text(op: Op) -> str:
        given = [
            repr(op.attrs[n])
            for n in names
            if op.attrs.get(n, op.decl.defaults.get(n)) != op.decl.defaults.get(n)
        ]
        spelling = op.spelling or op.decl.spelling
        call = (
            f"{{0}}{spelling}("
            if spelling.startswith(".")
            else f"{spelling}({{0}}{', ' if given else ''}"
        )
        return call + ", ".join(given) + ")"

    return text


# ---- reshape ---------------------------------------------------------------------------------


def missing_length(shapes: Shapes, old: Sequence[Dim], given: Sequence[Dim]) -> Dim:
    """The length for -1 in `reshape`."""
    number, factors = factors_of([shapes.resolve(d) for d in old])
    divisor, others = factors_of([shapes.resolve(d) for d in given])
    for d in others:
        if d not in factors:
            return shapes.fresh()
        factors.remove(d)
    return (
        quotient_of(product_of([Dim(number), *factors]), divisor) if divisor > 0 else shapes.fresh()
    )


def _reshaped(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    given = [known_dim(a) or shapes.fresh() for a in operands[1:]]
    open_ones = [k for k, d in enumerate(given) if d == Dim(-1)]
    old = shape_of(source)
    if len(open_ones) > 1:
        raise TypeMistake("reshape can find only one unknown length")
    if open_ones:
        given[open_ones[0]] = missing_length(shapes, old, [d for d in given if d != Dim(-1)])
    elif all(d.is_const for d in (*old, *given)) and factors_of(old) != factors_of(given):
        raise TypeMistake(
            f"an array of shape ({', '.join(map(str, old))}) cannot be reshaped to ({', '.join(map(str, given))})"
        )
    return (make(source.dtype, given),)


def _reshape_text(op: Op) -> str:
    lengths = ", ".join(f"{{{k}}}" for k in range(1, len(op.operands)))
    if (op.spelling == "np.reshape" and op.origin == "user") or not ndim_of(op.operands[0].type):
        return f"np.reshape({{0}}, ({lengths}{',' if len(op.operands) == 2 else ''}))"
    return f"{{0}}.reshape({lengths})" if lengths else "{0}.reshape(())"


def _bind_reshape(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    named = {"a": None, "shape": None, "newshape": None} | dict(kwargs)
    if set(named) != {"a", "shape", "newshape"}:
        raise TypeMistake("reshape takes an array and a shape, in C order")
    lengths = args[1:] if len(args) > 1 else (named["shape"] or named["newshape"],)
    array = args[0] if args else named["a"]
    return (array, *length_operands(lengths[0] if len(lengths) == 1 else lengths)), {}


@declare(
    np.reshape, method="reshape", template=_reshape_text, infer=_reshaped, bind=_bind_reshape, linear=True,
    view_of=0, cost="free", boxes=True, place=element_maps.reshaped,
    raises=True,
    samples=(
        Sample(lambda rng: (rng.normal(size=(2, 3)), 3, 2)),
        Sample(lambda rng: (rng.normal(size=6), 2, -1)),
        Sample(lambda rng: (rng.normal(size=(2, 1, 3)), -1)),
        Sample(lambda rng: (rng.normal(size=(1,)), 1, 1, 1)),
        Sample(lambda rng: (rng.normal(size=(0, 3)), 3, 0)),
    ),
    signature="x, *shape", takes_complex=True,
)  # fmt: skip
def reshape(x, *shape, out, d_out):
    d_x = np.reshape(d_out, x.shape)


def _in_a_row(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    return (Array(source.dtype, (product_of(shape_of(source)),)),)


_rows = (draw((2, 3)), draw((4,)), draw((2, 1, 2)), draw((0, 2)))


@declare(
    np.ravel,
    method="ravel",
    infer=_in_a_row,
    linear=True,
    view_of=0,
    cost="free",
    samples=_rows,
    place=element_maps.reshaped,
    takes_complex=True,
)
def ravel(x, *, out, d_out):
    if x.ndim == 1:
        d_x = d_out
    else:
        d_x = np.reshape(d_out, x.shape)


@declare(
    method="flatten",
    template="{0}.flatten()",
    infer=_in_a_row,
    linear=True,
    samples=_rows,
    place=element_maps.reshaped,
    takes_complex=True,
)
def flatten(x, *, out, d_out):
    if x.ndim == 1:
        d_x = d_out
    else:
        d_x = np.reshape(d_out, x.shape)


# ---- axes of length 1 ------------------------------------------------------------------------


def _expanded(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    shape = list(shape_of(base))
    axis = attrs["axis"]
    new = axes_of(len(shape) + (len(axis) if isinstance(axis, tuple | list) else 1), axis)
    for k in new:
        shape.insert(k, Dim(1))
    return (make(base.dtype, shape),)


def _expand_text(op: Op) -> str:
    """`x[:, None]`."""
    if (op.origin == "user" and op.spelling) or not isinstance(op.operands[0].type, Array):
        return positional("axis")(op)
    ndim = ndim_of(op.result.type)
    new = axes_of(ndim, op.attrs["axis"])
    items = ["None" if k in new else ":" for k in range(ndim)]
    while len(items) > 2 and items[-1] == ":":
        items.pop()
    return f"{{0}}[{', '.join(items)}]"


def _with_axes(b: Builder, op: Op) -> tuple[Atom]:
    """`expand_dims` as a subscript; a number becomes an array."""
    (x,), ndim = op.operands, ndim_of(op.result.type)
    if not ndim_of(x.type):
        return (b.op(array_of, x, layout=(1,) * ndim),)
    new = axes_of(ndim, op.attrs["axis"])
    where = ", ".join("None" if k in new else ":" for k in range(ndim))
    return (b.op(memory.index, x, where=where),)


@declare(
    np.expand_dims, simpler=_with_axes, infer=_expanded, template=_expand_text, linear=True, view_of=0, cost="free",
    place=element_maps.without_new,
    samples=(draw((3,), axis=0), draw((3,), axis=-1), draw((2, 3), axis=1), draw((2, 3), axis=(0, 2)), draw((),
    axis=0)), takes_complex=True,
)  # fmt: skip
def expand_dims(x, axis=..., *, out, d_out):
    d_x = np.squeeze(d_out, axis)


def _squeezed(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    shape = [shapes.resolve(d) for d in shape_of(base)]
    axis = attrs.get("axis")
    ones = (k for k, d in enumerate(shape) if shapes.is_one(d, f"axis {k}"))
    removed = tuple(ones) if axis is None else axes_of(len(shape), axis)
    for k in removed:
        if shapes.not_one(shape[k]):
            raise TypeMistake(
                f"axis {k} has length {shape[k]}; only axes of length 1 can be dropped"
            )
    return (make(base.dtype, [d for k, d in enumerate(shape) if k not in removed]),)


def _squeeze_text(op: Op) -> str:
    axis = op.attrs.get("axis")
    is_method = op.spelling.startswith(".") or op.origin != "user"
    # a number may be a Python number, which has no methods
    if is_method and shape_of(op.operands[0].type):
        return f"{{0}}.squeeze({'' if axis is None else axis})"
    return positional("axis")(op)


def _without_axes(b: Builder, op: Op) -> tuple[Atom] | None:
    """`squeeze` as a subscript, if the dropped axes are known to have length 1, or if a run-time check shows it."""
    (x,) = op.operands
    shape, kept = list(shape_of(x.type)), ndim_of(op.result.type)
    axis = op.attrs.get("axis")
    if not shape:
        return (x,)
    ones = [k for k, d in enumerate(shape) if d == Dim(1)]
    removed = ones if axis is None else axes_of(len(shape), axis)
    for k in (k for k in removed if shape[k] != Dim(1)):
        is_long = b.op(control.test, length_of(b, shape[k]), text="{0} != 1")
        message = "cannot select an axis to squeeze out which has size not equal to one"
        control.raise_if(b, is_long, ValueError, message)
    where = ", ".join("i" if k in removed else ":" for k in range(len(shape)))
    found = b.op(memory.index, x, *[const(0)] * len(removed), where=where)
    return (found,) if ndim_of(found.type) == kept else None


@declare(
    np.squeeze, method="squeeze", simpler=_without_axes, infer=_squeezed,
    template=_squeeze_text, linear=True, view_of=0, cost="free",
    place=element_maps.with_dropped,
    raises=True, boxes=True,
    samples=(draw((1, 3)), draw((3, 1, 1), axis=1), draw((3, 1, 1), axis=(1, 2)), draw((1,)), draw((1, 1), axis=-1)),
    takes_complex=True,
)  # fmt: skip
def squeeze(x, axis=None, *, out, d_out):
    if axis is None:
        d_x = np.reshape(d_out, x.shape)
    else:
        d_x = np.expand_dims(d_out, axis)
