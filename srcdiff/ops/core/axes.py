"""The `axis` and `keepdims` arguments of reductions: type rules and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Dim, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, const
from srcdiff.ops.core.samples import Sample, draw
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, make, numeric, real_dtype


def axes_of(ndim: int, axis: object) -> tuple[int, ...]:
    """The axes of an `axis` argument, counted from the front; None means all axes."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    for k in given:
        if not isinstance(k, int | np.integer) or not -ndim <= k < ndim:
            raise TypeMistake(f"axis {k} is out of bounds: the array has {ndim} axes")
    found = tuple(sorted(int(k) % ndim for k in given))
    if len(set(found)) != len(found):
        raise TypeMistake(f"axis {tuple(given)} names an axis twice")
    return found


def reduced_shape(shape: Sequence[Dim], attrs: Attrs) -> tuple[Dim, ...]:
    along = axes_of(len(shape), attrs.get("axis"))
    if attrs.get("keepdims"):
        return tuple(Dim(1) if k in along else d for k, d in enumerate(shape))
    return tuple(d for k, d in enumerate(shape) if k not in along)


def reduced(kind: str) -> TypeRule:
    """The type rule of a reduction: the shape without the reduced axes. `kind` is the dtype: "same", "sum" (integers as
    int64), "float", "real" (the dtype of the parts of complex numbers), or a name.
    """

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        source = numeric(operands[0])
        dtype = reduced_dtype(kind, source.dtype)
        result = make(dtype, reduced_shape(shape_of(source), attrs))
        if isinstance(result, Scalar) and dtype == "int64":
            return (Scalar("int64", False, shapes.fresh("i")),)
        return (result,)

    return infer


def of_number(found: int) -> Callable[[Builder, Op], tuple[Atom] | None]:
    """The result of a reduction that is given a number: its place, or its count."""
    return lambda b, op: (const(found),) if isinstance(op.operands[0].type, Scalar) else None


def reduced_dtype(kind: str, dtype: str) -> str:
    whole = dtype[0] in "biu"
    if kind == "same":
        return dtype
    if kind == "sum":
        return "uint64" if dtype[0] == "u" else "int64" if whole else dtype
    if kind in ("float", "real"):
        return "float64" if whole else real_dtype(dtype) if kind == "real" else dtype
    return kind


def reduction_samples(
    low: float = -2.0, high: float = 2.0, alone: bool = True
) -> tuple[Sample, ...]:
    """A whole array, one axis, two axes, the last axis, with and without `keepdims`; with `alone`, a single element."""
    attrs: list[dict[str, Any]] = [
        {},
        {"axis": 0},
        {"axis": 1},
        {"axis": -1, "keepdims": True},
        {"axis": (0, 2)},
        {"keepdims": True},
    ]
    cube = [draw((2, 3, 2), low=low, high=high, **a) for a in attrs]
    rows: list[dict[str, Any]] = [{}, {"axis": 0}, {"axis": 0, "keepdims": True}]
    flat = [draw((4,), low=low, high=high, **a) for a in rows]
    pair = draw((2, 3), low=low, high=high, axis=(0, 1))
    if not alone:
        return (*cube, *flat, pair)
    single = [draw((1,), low=low, high=high, **a) for a in rows]
    return (*cube, *flat, pair, *single, draw((3, 1), low=low, high=high, axis=1))
