"""Systems of linear equations, inverses and least squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, promote, real_dtype
from srcdiff.ops.library.linalg import unpivoted_loops
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    conjugated,
    lower_part,
    outer_product,
    symmetric_part,
    transpose_of,
    triangle_of,
)
from srcdiff.ops.linalg.matrix_types import (
    HEAVY,
    IN_STACKS,
    SYSTEMS,
    again,
    as_float,
    called,
    like_matrix,
    matrices,
    matrix,
    regular,
    square,
)
from srcdiff.ops.loopforms import storage

linalg = LazyModule("scipy.linalg")


# ---- square systems --------------------------------------------------------------------------


def _solved(name: str, stacks: bool = False) -> Callable[..., object]:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a, b = square(shapes, operands[0], name, stacks), shape_of(numeric(operands[1]))
        if not b or (len(b) > 2 and not stacks):
            raise TypeMistake(f"the right-hand side of {name} must be a vector or a matrix")
        batch = a.shape[:-2]
        if len(b) == a.ndim - 1 > 1 and np.lib.NumpyVersion(np.__version__) < "2.0.0":
            raise TypeMistake(
                f"right-hand sides of {name} with one axis less than a stack of matrices mean something else in "
                "NumPy 2; give them an axis of length 1"
            )
        own = b if len(b) == 1 else b[-2:]
        shapes.must_equal(a.shape[-1], own[0], f"the rows of {name} of lengths")
        batch = shapes.broadcast([batch, b[:-2]]) if stacks else ()
        return (make(as_float(promote(operands)[0]), (*batch, *own)),)

    return infer


def _system(a: Sequence[int], b: Sequence[int]) -> Sample:
    return Sample(lambda rng: (regular(rng, a[-1], *a[:-2]), rng.normal(size=b)), wrt=(0, 1))


def solve_forward(a, b, *, a_dot, b_dot, out):
    if a_dot is None:
        out_dot = np.linalg.solve(a, b_dot)
    else:
        if a.ndim > 2 and b.ndim == 1:
            change = (a_dot @ np.expand_dims(out, -1))[..., 0]
        else:
            change = a_dot @ out
        if b_dot is None:
            right = -change
        else:
            right = b_dot - change
        if a.ndim > 2 and b.ndim == 1:
            out_dot = np.linalg.solve(a, np.expand_dims(right, -1))[..., 0]
        else:
            out_dot = np.linalg.solve(a, right)


def _solver(op: Op) -> str:
    """The runtime's `solve`: Numba's own takes seconds to compile. Stacks are loops already (`in_stacks`)."""
    is_vector = len(shape_of(op.operands[1].type)) == 1
    return called(SYSTEMS, "solve_vector" if is_vector else "solve", own_complex=False)(op)


@declare(
    np.linalg.solve,
    device_form=unpivoted_loops.solve_in_loops,
    infer=_solved("solve", stacks=True),
    forward=solve_forward,
    routine=_solver,
    samples=(
        _system((3, 3), (3,)),
        _system((3, 3), (3, 2)),
        _system((1, 1), (1,)),
        _system((2, 3, 3), (2, 3, 4)),
        _system((2, 3, 3), (3,)),
        _system((2, 3, 3), (3, 4)),
        _system((3, 3), (2, 3, 4)),
        _system((2, 1, 3, 3), (4, 3, 2)),
        _system((1, 3, 3), (2, 3, 1)),
    ),
    **IN_STACKS,
    stacks=True,
    takes_complex=True,
)
def solve(a, b, *, out, d_out):
    if a.ndim > 2 and b.ndim == 1:
        d_right = np.linalg.solve(transpose_of(a), np.expand_dims(d_out, -1))
        d_b = d_right[..., 0]
        d_a = -d_right * np.expand_dims(out, -2)
    else:
        d_right = np.linalg.solve(transpose_of(a), d_out)
        if b.ndim == 1:
            d_a = -np.outer(d_right, out)
        else:
            d_a = -d_right @ transpose_of(out)
        d_b = d_right


def inv_forward(a, *, a_dot, out):
    out_dot = -out @ a_dot @ out


@declare(
    np.linalg.inv,
    device_form=unpivoted_loops.inv_in_loops,
    infer=like_matrix("inv"),
    forward=inv_forward,
    samples=matrices,
    **IN_STACKS,
    takes_complex=True,
)
def inv(a, *, out, d_out):
    d_a = -transpose_of(out) @ d_out @ transpose_of(out)


# ---- triangular systems -----------------------------------------------------------------------


def _triangular(rng: np.random.Generator, lower: bool) -> np.ndarray:
    full = rng.normal(size=(3, 3)) + 4 * np.eye(3)
    return np.tril(full) if lower else np.triu(full)


def solve_triangular_forward(
    a, b, trans=0, lower=False, unit_diagonal=False, check_finite=True, *, a_dot, b_dot, out
):
    if a_dot is None:
        change = b_dot
    else:
        triangle = triangle_of(a_dot, lower, unit_diagonal)
        if trans == 0 or trans == "N":
            moved = triangle @ out
        elif trans == 2 or trans == "C":
            moved = adjoined(triangle) @ out
        else:
            moved = triangle.T @ out
        if b_dot is None:
            change = -moved
        else:
            change = b_dot - moved
    out_dot = linalg.solve_triangular(
        a, change, trans=trans, lower=lower, unit_diagonal=unit_diagonal, check_finite=check_finite
    )


def _triangular_system(
    lower: bool, trans: object, shape: tuple[int, ...], **more: object
) -> Sample:
    attrs = {"lower": lower} | ({"trans": trans} if trans else {}) | more
    return Sample(lambda rng: (_triangular(rng, lower), rng.normal(size=shape)), attrs, wrt=(0, 1))


_triangular_systems = tuple(
    _triangular_system(lower, trans, shape)
    for lower in (True, False)
    for trans in (0, "T", 2)
    for shape in ((3,), (3, 2))
)


@declare(
    "scipy.linalg.solve_triangular",
    loops=storage.substituted,
    infer=_solved("solve_triangular"),
    forward=solve_triangular_forward,
    ignored=("overwrite_b",),
    samples=(
        *_triangular_systems,
        _triangular_system(True, 0, (3,), unit_diagonal=True),
        _triangular_system(False, "T", (3, 2), unit_diagonal=True),
    ),
    **HEAVY,
    takes_complex=True,
)
def solve_triangular(
    a, b, trans=0, lower=False, unit_diagonal=False, check_finite=True, *, out, d_out
):
    if trans == 0 or trans == "N":
        d_b = linalg.solve_triangular(
            a, d_out, trans="T", lower=lower, unit_diagonal=unit_diagonal, check_finite=check_finite
        )
        left, right = d_b, out
    elif trans == 2 or trans == "C":
        d_b = linalg.solve_triangular(
            conjugated(a),
            d_out,
            lower=lower,
            unit_diagonal=unit_diagonal,
            check_finite=check_finite,
        )
        left, right = conjugated(out), conjugated(d_b)
    else:
        d_b = linalg.solve_triangular(
            a, d_out, lower=lower, unit_diagonal=unit_diagonal, check_finite=check_finite
        )
        left, right = out, d_b
    d_a = -triangle_of(outer_product(left, right), lower, unit_diagonal)


# ---- least squares ---------------------------------------------------------------------------


def _inverted(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = matrix(operands[0], "pinv")
    return (Array(as_float(a.dtype), (*a.shape[:-2], a.shape[-1], a.shape[-2])),)


def _full_rank(shape: Sequence[int]) -> Sample:
    return Sample(lambda rng: (rng.normal(size=shape),))


def pinv_forward(a, rcond=None, hermitian=False, *, a_dot, out):
    if hermitian:
        a, a_dot = symmetric_part(a), symmetric_part(a_dot)
    moved = adjoined(a_dot)
    rest, other = moved - moved @ a @ out, moved - out @ a @ moved
    out_dot = -out @ a_dot @ out + out @ adjoined(out) @ rest + other @ adjoined(out) @ out


# for matrices of constant rank: Golub and Pereyra, The differentiation of pseudo-inverses, 1973
@declare(
    np.linalg.pinv,
    infer=_inverted,
    forward=pinv_forward,
    samples=(
        _full_rank((3, 3)),
        _full_rank((4, 2)),
        _full_rank((2, 4)),
        _full_rank((2, 4, 3)),
        Sample(lambda rng: (regular(rng),), {"hermitian": True}),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def pinv(a, rcond=None, hermitian=False, *, out, d_out):
    if hermitian:
        a = symmetric_part(a)
    across = transpose_of(d_out) @ out @ adjoined(out)
    along = adjoined(out) @ out @ transpose_of(d_out)
    rest = conjugated(across - a @ out @ across + along - along @ out @ a)
    d_a = rest - transpose_of(out) @ d_out @ transpose_of(out)
    if hermitian:
        d_a = lower_part(d_a)


def _least_squares(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a, b = matrix(operands[0], "lstsq"), shape_of(numeric(operands[1]))
    if a.ndim > 2 or len(b) not in (1, 2):
        raise TypeMistake("lstsq is differentiated for one matrix and vectors or matrices")
    shapes.must_equal(a.shape[0], b[0], "the rows of lstsq of lengths")
    return (Array(as_float(promote(operands)[0]), (a.shape[1], *b[1:])),)


def least_squares_forward(a, b, rcond=None, *, a_dot, b_dot, out):
    inverse = np.linalg.pinv(a)
    if a_dot is None:
        out_dot = inverse @ b_dot
    else:
        if b_dot is None:
            change = -a_dot @ out
        else:
            change = b_dot - a_dot @ out
        moved = adjoined(a_dot) @ (adjoined(inverse) @ out)
        rest = adjoined(inverse) @ (adjoined(a_dot) @ (b - a @ out))
        out_dot = inverse @ (change + rest - a @ moved) + moved


# Numba's function takes no None
def least_squares_expanded(a, b, rcond=None):
    if rcond is None:
        result = np.linalg.pinv(a) @ b
    else:
        result = np.linalg.pinv(a, rcond) @ b


def _overdetermined(a: Sequence[int], b: Sequence[int]) -> Sample:
    return Sample(lambda rng: (rng.normal(size=a), rng.normal(size=b)), {"rcond": None}, wrt=(0, 1))


@declare(
    spelling="np.linalg.lstsq",
    template=lambda op: f"np.linalg.lstsq({{0}}, {{1}}, rcond={op.attrs.get('rcond')})[0]",
    infer=_least_squares,
    expansion=least_squares_expanded,
    forward=least_squares_forward,
    samples=(
        _overdetermined((4, 2), (4,)),
        _overdetermined((4, 2), (4, 3)),
        _overdetermined((2, 4), (2,)),
        _overdetermined((3, 3), (3,)),
    ),
    **HEAVY,
    takes_complex=True,
)
def least_squares(a, b, rcond=None, *, out, d_out):
    inverse = np.linalg.pinv(a)
    d_b = inverse.T @ d_out
    rest = conjugated(b - a @ out)
    left, right = inverse.T @ conjugated(out), conjugated(d_out - a.T @ d_b)
    moved = inverse @ conjugated(d_b)
    if b.ndim == 1:
        d_a = np.outer(rest, moved) + np.outer(left, right) - np.outer(d_b, out)
    else:
        d_a = rest @ moved.T + left @ right.T - d_b @ out.T


def _other_results(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    dtype = as_float(promote(operands)[0])
    residuals, values = (Array(real_dtype(dtype), (shapes.fresh(),)) for _ in range(2))
    return residuals, Scalar("int64", False, shapes.fresh("i")), values


def _rest_text(op: Op) -> str:
    rcond = op.attrs.get("rcond")
    if rcond == "default":  # NumPy's default
        rcond = f"{np.finfo(numeric(op.results[0]).dtype).eps!s} * max({{0}}.shape)"
    return f"np.linalg.lstsq({{0}}, {{1}}, rcond={rcond})[1:]"


def _given_rcond(b: Builder, op: Op) -> tuple[Atom, ...] | None:
    """Numba's function takes no None: the default is computed in the program."""
    is_given = op.attrs.get("rcond") is not None
    return None if is_given else again(b, op, *op.operands, rcond="default")


# the results after the solution
rest_of_lstsq: Any = operation(
    "rest_of_lstsq",
    spelling="np.linalg.lstsq",
    template=_rest_text,
    simpler=_given_rcond,
    infer=_other_results,
    signature="a, b, rcond=None",
    **HEAVY,
    takes_complex=True,
)
