"""Functions that return index arrays, written with other functions: `np.ix_`, `np.diag_indices`, `np.argwhere`, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gast
import numpy as np

from srcdiff.frontend.arrays.apply_op import apply
from srcdiff.frontend.arrays.static_keys import specialise_on
from srcdiff.frontend.arrays.subscripts import array_of, length_along, shape_parts
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    ShapeOf,
    sequence,
    static_int,
)
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.types import Array, shape_of
from srcdiff.ir.values import Atom, const, known_dim
from srcdiff.ops.arrays.creation import arange
from srcdiff.ops.arrays.memory import index
from srcdiff.ops.core.registry import find
from srcdiff.ops.core.type_rules import promote
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.indices import triangles
from srcdiff.ops.indices.masks import nonzero, places_of_true


def _where(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.where(condition)` is `np.nonzero(condition)`."""
    if len(args) == 1 and not kwargs:
        return apply(fr, node, nonzero, args, kwargs, "")
    decl = find(np.where)
    assert decl is not None
    return apply(fr, node, decl, args, kwargs, "")


def _argwhere(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    stack = find(np.stack)
    assert stack is not None
    places = apply(fr, node, nonzero, args, kwargs, "")
    return apply(fr, node, stack, [places], {"axis": const(1)}, "")


def _diagonal(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.diag_indices(n, ndim=2)`: one array of numbers for each axis."""
    n, *rest = (*args, *kwargs.values())
    count = static_int(rest[0]) if rest else 2
    if count is None:
        specialise_on(fr, rest[0])
        fr.fail(node, "the number of axes must be known when compiling", "Use a constant.")
    return sequence([fr.op(node, arange, fr.as_atom(n, node))] * count)


def _diagonal_of(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    array = _matrix(fr, node, (*args, *kwargs.values())[0], least=2)
    numbers = fr.op(node, arange, length_along(fr, array, 0, node))
    return sequence([numbers] * len(shape_of(array.type)))


def _triangle_of(decl: OpDecl) -> Callable[..., FrontValue]:
    """`np.triu_indices_from(a, k=0)`."""

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        array = _matrix(fr, node, args[0])
        rest = [*args[1:], *kwargs.values()]
        rows, columns = shape_of(array.type)
        given: list[FrontValue] = [length_along(fr, array, 0, node), rest[0] if rest else const(0)]
        if not fr.session.shapes.same(rows, columns):
            given.append(length_along(fr, array, 1, node))
        return apply(fr, node, decl, given, {}, "")

    return read


def _matrix(fr: Frame, node: gast.AST, value: FrontValue, least: int = 0) -> Atom:
    array = fr.as_atom(value, node)
    ndim = len(shape_of(array.type))
    if ndim != 2 and not (least and ndim >= least):
        fr.fail(node, f"a matrix is expected, the array has {ndim} axes")
    return array


def _open_mesh(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.ix_`: each of the vectors along an axis of its own."""
    found: list[FrontValue] = []
    for k, value in enumerate(args):
        vector = array_of(fr, value, node)
        if not isinstance(vector.type, Array) or vector.type.ndim != 1:
            fr.fail(node, "np.ix_ takes vectors", "Index with arrays that broadcast.")
        if vector.type.dtype == "bool":
            vector = fr.op(node, places_of_true, vector)
        where = ", ".join(":" if k == n else "None" for n in range(len(args)))
        found.append(fr.op(node, index, vector, where=where) if len(args) > 1 else vector)
    return sequence(found)


def _result_type(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.result_type` of arrays, numbers and dtypes."""
    dtypes = [a.value for a in args if isinstance(a, Known)]
    dtype, _ = promote([fr.as_atom(a, node) for a in args if not isinstance(a, Known)], *dtypes)
    return Known(np.dtype(dtype))


def _broadcast_shapes(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.broadcast_shapes`: on each axis, the length of one of those that are not 1."""
    shapes = fr.session.shapes
    rows = [[fr.as_atom(v, node) for v in _lengths(fr, node, a)] for a in args]
    found: list[FrontValue] = []
    for k in range(max(map(len, rows), default=0), 0, -1):
        atoms = {known_dim(row[-k]) or shapes.fresh(): row[-k] for row in rows if len(row) >= k}
        try:
            (whole,) = shapes.broadcast([(d,) for d in atoms])
        except ShapeMismatch as mistake:
            fr.fail(node, str(mistake), "Check the shapes of the operands on this line.")
        same = [a for d, a in atoms.items() if shapes.same(d, whole)]
        found.append(same[0] if same else _largest(fr, node, list(atoms.values())))
    return sequence(found)


def _lengths(fr: Frame, node: gast.AST, shape: FrontValue) -> Sequence[FrontValue]:
    if isinstance(shape, ShapeOf):
        return shape_parts(fr, shape, node).values
    return shape.values if isinstance(shape, Parts) else (shape,)


def _largest(fr: Frame, node: gast.AST, numbers: Sequence[Atom]) -> Atom:
    largest = numbers[0]
    for each in numbers[1:]:
        largest = fr.op(node, arithmetic.maximum, largest, each, spelling="max")
    return largest


INDEX_CALLS: dict[object, Callable[..., FrontValue]] = {
    np.where: _where,
    np.broadcast_shapes: _broadcast_shapes,
    np.result_type: _result_type,
    np.argwhere: _argwhere,
    np.diag_indices: _diagonal,
    np.diag_indices_from: _diagonal_of,
    np.triu_indices_from: _triangle_of(triangles.triu_indices),
    np.tril_indices_from: _triangle_of(triangles.tril_indices),
    np.ix_: _open_mesh,
}
