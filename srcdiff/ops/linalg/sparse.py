"""Sparse matrices: products and systems, for matrices whose pattern is constant.

A matrix from outside of the program is printed by its name; other matrices are built in the program from their
elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, known_dim
from srcdiff.ops.arrays.memory import expand
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, numeric, promote

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder

# ---- matrices from outside ---------------------------------------------------------------------------


def _named(op: Op) -> str:
    return f"{op.attrs['called']}{'.T' if op.attrs['transposed'] else ''}"


def _matrix(attrs: Attrs) -> object:
    (matrix,) = attrs["bindings"].values()
    return matrix.T if attrs["transposed"] else matrix


def _product_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    rows, columns = attrs["shape"][::-1] if attrs["transposed"] else attrs["shape"]
    shape = _vectors(operands[0])
    shapes.must_equal(shape[0], Dim(columns), "axes of lengths")
    (matrix,) = attrs["bindings"].values()
    dtype = np.promote_types(matrix.dtype, numeric(operands[0]).dtype).name
    return (Array(dtype, (Dim(rows), *shape[1:])),)


def _solution_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return _of_floats(_product_type(shapes, operands, attrs))


def _of_floats(types: tuple[Type, ...]) -> tuple[Type, ...]:
    """The dtype of SciPy's solutions for integers."""
    (type_,) = types
    assert isinstance(type_, Array)
    return (Array("float64", type_.shape) if type_.dtype[0] in "biu" else type_,)


def _vectors(x: Atom) -> tuple[Dim, ...]:
    shape = shape_of(x.type)
    if not 1 <= len(shape) <= 2:
        raise TypeMistake("a sparse matrix is multiplied with an array of one or two axes here")
    return shape


def _transposed(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[object]:
    attrs = {**op.attrs, "transposed": not op.attrs["transposed"]}
    (d_out,), type_ = d_outs, op.results[0].type
    if shape_of(d_out.type) != shape_of(type_):
        d_out = b.op(expand, d_out, type=type_)
    return [b.op(op.decl, d_out, **attrs)]


def _sample(is_transposed: bool, *shape: int) -> Sample:
    """A product or a system with a matrix. The matrix is dense, so that declaring the sample does not import SciPy."""
    matrix = np.array([[4.0, 0.0, 1.5], [0.0, -2.0, 0.0], [-1.0, 0.5, 3.0]])
    attrs = {"bindings": {"A": matrix}, "called": "A", "shape": matrix.shape}
    return Sample(
        lambda rng: (rng.normal(size=(3, *shape)),), {**attrs, "transposed": is_transposed}
    )


_SAMPLES = (_sample(False), _sample(True), _sample(False, 2))


# `A @ {0}`: `bindings` holds the matrix by its name, `shape` its shape
sparse_product = operation(
    "sparse_product",
    template=lambda op: f"{_named(op)} @ {{0}}",
    infer=_product_type,
    build=_transposed,
    linear=True,
    raises=True,
    cost="heavy",
    samples=_SAMPLES,
    evaluate=lambda operands, attrs: _matrix(attrs) @ operands[0],
)


def _solve(operands: Sequence[np.ndarray], attrs: Attrs) -> object:
    from scipy.sparse.linalg import spsolve  # delayed: programs that call it have imported SciPy

    return spsolve(_matrix(attrs), operands[0])


sparse_solve = operation(
    "sparse_solution",
    template=lambda op: f"scipy.sparse.linalg.spsolve({_named(op)}, {{0}})",
    infer=_solution_type,
    build=_transposed,
    linear=True,
    raises=True,
    cost="heavy",
    samples=_SAMPLES,
    evaluate=_solve,
)


# ---- matrices made of elements -------------------------------------------------------------------------


_COO = "scipy.sparse.coo_array(({0}, ({1}, {2})), shape=({3}, {4}))"
_CSC = "scipy.sparse.csc_array(({0}, ({1}, {2})), shape=({3}, {4}))"


def _coo_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    rows, columns = (known_dim(a) for a in operands[3:5])
    shape = _vectors(operands[5])
    if columns is not None:
        shapes.must_equal(shape[0], columns, "axes of lengths")
    dtype, _ = promote((operands[0], operands[5]))
    return (Array(dtype, (shapes.fresh("k") if rows is None else rows, *shape[1:])),)


def _coo_solution_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return _of_floats(_coo_type(shapes, operands, attrs))


def _coo(operands: Sequence[object]) -> object:
    # delayed: programs that build such a matrix have imported SciPy
    from scipy.sparse import csc_array

    data, rows, columns, m, n, _ = operands
    return csc_array((data, (rows, columns)), shape=(m, n))


def _coo_sample(*shape: int) -> Sample:
    """A matrix with five elements, two of them at one place, and an operand to multiply with."""

    def args(rng: np.random.Generator) -> tuple[object, ...]:
        data = np.array([3.0, 1.0, -2.0, 0.5, 4.0])
        rows, columns = np.array([0, 0, 1, 2, 2]), np.array([0, 0, 1, 0, 2])
        return (data, rows, columns, 3, 3, rng.normal(size=(3, *shape)))

    return Sample(args, wrt=(0, 5))


_COO_SAMPLES = (_coo_sample(), _coo_sample(2))


def _product_rule(data, rows, columns, m, n, x, *, out, d_out):
    d_x = coo_product(data, columns, rows, n, m, d_out)
    d_data = d_out[rows] * x[columns] if x.ndim == 1 else np.sum(d_out[rows] * x[columns], axis=1)


# the elements, their rows and columns, the numbers of rows and columns, and the right factor
coo_product: Any = operation(
    "matvec",
    template=f"{_COO} @ {{5}}",
    infer=_coo_type,
    rule=_product_rule,
    signature="data, rows, columns, m, n, x",
    multilinear=True,
    raises=True,
    cost="heavy",
    samples=_COO_SAMPLES,
    evaluate=lambda operands, attrs: _coo(operands) @ operands[5],
)


def _solve_coo(operands: Sequence[object], attrs: Attrs) -> object:
    from scipy.sparse.linalg import spsolve  # delayed: programs that call it have imported SciPy

    return spsolve(_coo(operands), operands[5])


def _solve_rule(data, rows, columns, m, n, b, *, out, d_out):
    d_b = coo_solve(data, columns, rows, n, m, d_out)
    d_data = -d_b[rows] * out[columns] if b.ndim == 1 else -np.sum(d_b[rows] * out[columns], axis=1)


def _solve_forward(
    data, rows, columns, m, n, b, *, out, data_dot, rows_dot, columns_dot, m_dot, n_dot, b_dot
):
    change = b_dot - coo_product(data_dot, rows, columns, m, n, out)
    out_dot = coo_solve(data, rows, columns, m, n, change)


coo_solve: Any = operation(
    "solution",
    template=f"scipy.sparse.linalg.spsolve({_CSC}, {{5}})",
    infer=_coo_solution_type,
    rule=_solve_rule,
    forward=_solve_forward,
    signature="data, rows, columns, m, n, b",
    raises=True,
    cost="heavy",
    samples=_COO_SAMPLES,
    evaluate=_solve_coo,
)

SPARSE = (sparse_product, sparse_solve, coo_product, coo_solve)
