"""Axes in another order, and elements in another order along axes: transposes, reversals and rotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import call_text
from srcdiff.ir.types import Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.adjoint_builders import whole
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.bind import Bound
from srcdiff.ops.core.registry import METHODS, declare, operation
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import (
    TypeMistake,
    UnknownMistake,
    make,
    numeric,
    same_as_first,
)
from srcdiff.ops.loopforms import element_maps
from srcdiff.ops.shapes.reshapes import positional

_ENDS: dict[str, Any] = {"infer": same_as_first, "linear": True, "cost": "free", "view_of": 0}


def permutation(ndim: int, axes: Any) -> tuple[int, ...]:
    """The operand's axis for each axis of `transpose`'s result."""
    if axes is None:
        return tuple(reversed(range(ndim)))
    found = tuple(int(k) % ndim for k in axes)
    if sorted(found) != list(range(ndim)):
        raise TypeMistake(f"axes {tuple(axes)} are not the {ndim} axes in another order")
    return found


def _transposed(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    shape = shape_of(source)
    return (make(source.dtype, [shape[k] for k in permutation(len(shape), attrs.get("axes"))]),)


def _transpose_text(op: Op) -> str:
    axes = op.attrs.get("axes")
    if op.origin == "user" and op.spelling and op.spelling not in (".T", ".transpose"):
        return call_text(op)
    if not op.spelling and not ndim_of(op.operands[0].type):
        return "np.transpose({0})"
    if not op.spelling and not ndim_of(op.operands[0].type):
        return "np.transpose({0})"
    if axes is None:
        return "{0}.transpose()" if op.spelling == ".transpose" else "{0}.T"
    return f"{{0}}.transpose({', '.join(map(str, axes))})"


def _bind_transpose(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    """`x.transpose(1, 0)`, `x.transpose((1, 0))`, `np.transpose(x, axes)`."""
    if set(kwargs) - {"axes"}:
        raise TypeMistake("transpose takes an array and its axes")
    given: Any = kwargs.get("axes", args[1] if len(args) == 2 else args[1:] or None)
    if isinstance(given, Const) and isinstance(given.value, int):
        given = (given,)
    if given is None or (isinstance(given, Const) and given.value is None):
        return (args[0],), {}
    if isinstance(given, Value):
        raise UnknownMistake("the axes of transpose must be known when compiling")
    axes = [a.value if isinstance(a, Const) else a for a in given]
    if not all(isinstance(a, int) for a in axes):
        raise UnknownMistake("the axes of transpose must be known when compiling")
    return (args[0],), {"axes": tuple(axes)}


def _untranspose(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    axes, d = op.attrs.get("axes"), whole(b, op, d_outs[0])
    if axes is None:
        return [b.op(transpose, d)]
    inverse = tuple(int(k) for k in np.argsort(permutation(len(axes), axes)))
    return [b.op(transpose, d, axes=inverse)]


transpose = operation(
    "transpose", np.transpose, method="transpose", template=_transpose_text, infer=_transposed, bind=_bind_transpose,
    build=_untranspose, linear=True, view_of=0, cost="free", boxes=True, signature="x, axes=None",
    place=element_maps.permuted(lambda op: permutation(ndim_of(op.result.type), op.attrs.get("axes"))),
    samples=(draw((2, 3)), draw((3,)), draw((2, 3, 1)), draw((2, 3, 4), axes=(1, 2, 0)), draw((2, 3, 4), axes=(0, -1,
    1))), takes_complex=True,
)  # fmt: skip
METHODS["T"] = transpose


def swapped_axes(ndim: int, attrs: Attrs) -> list[int]:
    """The operand's axis for each axis of `swapaxes`'s result."""
    out = list(range(ndim))
    (i,), (k,) = axes_of(ndim, attrs["axis1"]), axes_of(ndim, attrs["axis2"])
    out[i], out[k] = k, i
    return out


def _swapped(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    shape = list(shape_of(source))
    (i,), (k,) = axes_of(len(shape), attrs["axis1"]), axes_of(len(shape), attrs["axis2"])
    shape[i], shape[k] = shape[k], shape[i]
    return (make(source.dtype, shape),)


@declare(
    np.swapaxes, method="swapaxes", infer=_swapped, template=positional("axis1", "axis2"), linear=True, view_of=0,
    place=element_maps.permuted(lambda op: swapped_axes(ndim_of(op.result.type), op.attrs)),
    cost="free",
    samples=(draw((2, 3), axis1=0, axis2=1), draw((2, 3, 1), axis1=-1, axis2=0)), takes_complex=True,
)  # fmt: skip
def swapaxes(x, axis1=..., axis2=..., *, out, d_out):
    d_x = np.swapaxes(d_out, axis1, axis2)


def moved_axes(ndim: int, source: object, destination: object) -> list[int]:
    """The operand's axis for each axis of `moveaxis`'s result."""
    sources, places = (
        [int(k) % ndim for k in (a if isinstance(a, tuple | list) else (a,))]
        for a in (source, destination)
    )
    order = [k for k in range(ndim) if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        order.insert(place, k)
    return order


def _moved(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    shape = shape_of(base)
    return (
        make(
            base.dtype,
            [shape[k] for k in moved_axes(len(shape), attrs["source"], attrs["destination"])],
        ),
    )


@declare(
    np.moveaxis, infer=_moved, template=positional("source", "destination"), linear=True, view_of=0, cost="free",
    place=element_maps.permuted(
        lambda op: moved_axes(ndim_of(op.result.type), op.attrs["source"], op.attrs["destination"])
    ),
    samples=(draw((2, 3, 1), source=0, destination=-1), draw((2, 3, 4), source=(0, 1), destination=(1, 2))),
    takes_complex=True,
)  # fmt: skip
def moveaxis(x, source=..., destination=..., *, out, d_out):
    d_x = np.moveaxis(d_out, destination, source)


def _backwards(axes: Any) -> Callable[..., object]:
    """`flip` and its variants as subscripts with steps of -1."""

    def simpler(b: Builder, op: Op) -> tuple[Atom]:
        (x,) = op.operands
        reversed_axes = axes(op)
        items = ["::s" if k in reversed_axes else ":" for k in range(ndim_of(x.type))]
        return (b.op(memory.index, x, *[const(-1)] * len(reversed_axes), where=", ".join(items)),)

    return simpler


@declare(
    np.flip,
    simpler=_backwards(lambda op: axes_of(ndim_of(op.result.type), op.attrs.get("axis"))),
    template=positional("axis"),
    place=element_maps.reversed_along(
        lambda op: axes_of(ndim_of(op.result.type), op.attrs.get("axis"))
    ),
    samples=(draw((3,)), draw((2, 3)), draw((2, 3), axis=1), draw((2, 3), axis=0)),
    **_ENDS,
    takes_complex=True,
)
def flip(x, axis=None, *, out, d_out):
    d_x = np.flip(d_out, axis)


@declare(
    np.flipud,
    simpler=_backwards(lambda op: (0,)),
    samples=(draw((3,)), draw((2, 3))),
    place=element_maps.reversed_along(lambda op: (0,)),
    **_ENDS,
    takes_complex=True,
)
def flipud(x, *, out, d_out):
    d_x = np.flipud(d_out)


@declare(
    np.fliplr,
    simpler=_backwards(lambda op: (1,)),
    samples=(draw((2, 3)),),
    place=element_maps.reversed_along(lambda op: (1,)),
    **_ENDS,
    takes_complex=True,
)
def fliplr(x, *, out, d_out):
    d_x = np.fliplr(d_out)


@declare(
    np.roll, place=element_maps.rolled, infer=same_as_first, linear=True,
    samples=(fixed([1.0, 2.0, 3.0], 1), fixed([[1.0, 2.0, 3.0]] * 2, -2, axis=1), fixed([[1.0, 2.0, 3.0]] * 2, 1)),
    takes_complex=True,
)  # fmt: skip
def roll(x, shift, axis=None, *, out, d_out):
    d_x = np.roll(d_out, -shift, axis=axis)
