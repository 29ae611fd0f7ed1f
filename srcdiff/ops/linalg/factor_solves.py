"""Solutions from factors of `scipy.linalg`: `cho_solve`, `lu_factor`, `lu_solve`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.library.linalg.matrix_checks import adjoined, conjugated, outer_product
from srcdiff.ops.linalg.matrix_functions import linalg, solution_type
from srcdiff.ops.linalg.matrix_types import (
    HEAVY,
    SYSTEMS,
    as_float,
    called,
    regular,
    square,
)  # fmt: skip


def cho_solve_forward(c, b, lower=False, *, c_dot, b_dot, out):
    if lower:
        part = np.tril(c_dot)
        change = part @ (adjoined(c) @ out) + c @ (adjoined(part) @ out)
    else:
        part = np.triu(c_dot)
        change = adjoined(part) @ (c @ out) + adjoined(c) @ (part @ out)
    out_dot = linalg.cho_solve((c, lower), b_dot - change)


def cho_solve_expanded(c, b, lower=False):
    if lower:
        half = linalg.solve_triangular(c, b, lower=True)
        result = linalg.solve_triangular(conjugated(c), half, trans="T", lower=True)
    else:
        half = linalg.solve_triangular(conjugated(c), b, trans="T")
        result = linalg.solve_triangular(c, half)


def _with_factor(lower: bool, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        full = rng.normal(size=(3, 3)) + 4 * np.eye(3)
        return (np.tril(full) if lower else np.triu(full), rng.normal(size=shape))

    return Sample(args, {"lower": lower}, wrt=(0, 1))


@declare(
    template=lambda op: f"scipy.linalg.cho_solve(({{0}}, {op.attrs['lower']}), {{1}})",
    infer=solution_type(1),
    forward=cho_solve_forward,
    expansion=cho_solve_expanded,
    samples=tuple(
        _with_factor(lower, shape) for lower in (True, False) for shape in ((3,), (3, 2))
    ),
    **HEAVY,
    takes_complex=True,
)
def cho_solve(c, b, lower=False, *, out, d_out):
    across = conjugated(c)
    d_b = linalg.cho_solve((across, lower), d_out)
    product = outer_product(d_b, out)
    if lower:
        d_c = -np.tril((product + adjoined(product)) @ across)
    else:
        d_c = -np.triu(across @ (product + adjoined(product)))


def _lu_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "lu_factor", stacks=False)
    return Array(as_float(a.dtype), a.shape), Array("int32", a.shape[:1])


def lu_factor_forward(a, *, a_dot, out):
    lu, pivots = out
    change = linalg.lu_solve((lu, pivots), a_dot)
    inner = linalg.solve_triangular(lu, (np.triu(lu) @ change).T, trans="T").T
    lower = np.tril(lu, -1) + np.eye(len(lu))
    lu_dot = np.tril(lower @ np.tril(inner, -1), -1) + np.triu(inner) @ np.triu(lu)
    out_dot = (lu_dot, np.zeros_like(pivots))


@declare(
    spelling="scipy.linalg.lu_factor",
    infer=_lu_type,
    routine=called(SYSTEMS, "lu_factor", own_complex=False),
    forward=lu_factor_forward,
    optional=True,
    samples=(Sample(lambda rng: (regular(rng)[::-1].copy(),)),),
    **HEAVY,
    takes_complex=True,
)
def lu_factor(a, *, out, d_out):
    lu, pivots = out
    d_lu, _ = d_out
    lower, upper = np.tril(lu, -1) + np.eye(len(lu)), np.triu(lu)
    middle = np.tril(lower.T @ np.tril(d_lu, -1), -1) + np.triu(np.triu(d_lu) @ upper.T)
    scaled = upper.T @ linalg.solve_triangular(lu, middle.T).T
    d_a = linalg.lu_solve((lu, pivots), scaled, trans=1)


def lu_solve_forward(lu, pivots, b, trans=0, *, lu_dot, pivots_dot, b_dot, out):
    lower, upper = np.tril(lu, -1) + np.eye(len(lu)), np.triu(lu)
    lower_dot, upper_dot = np.tril(lu_dot, -1), np.triu(lu_dot)
    if trans == 0:
        change = lower_dot @ (upper @ out) + lower @ (upper_dot @ out)
        half = linalg.solve_triangular(lu, change, lower=True, unit_diagonal=True)
        out_dot = linalg.lu_solve((lu, pivots), b_dot) - linalg.solve_triangular(lu, half)
    else:
        half = linalg.solve_triangular(lu, b, trans="T")
        inner = linalg.solve_triangular(lu, half, trans="T", lower=True, unit_diagonal=True)
        change = upper_dot.T @ (lower.T @ inner) + upper.T @ (lower_dot.T @ inner)
        out_dot = linalg.lu_solve((lu, pivots), b_dot - change, trans=trans)


def _with_lu(trans: int, shape: tuple[int, ...]) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        lu, pivots = linalg.lu_factor(regular(rng)[::-1])
        return lu, pivots, rng.normal(size=shape)

    return Sample(args, {"trans": trans}, wrt=(0, 2))


def _lu_text(op: Op) -> str:
    trans = op.attrs.get("trans", 0)
    return f"scipy.linalg.lu_solve(({{0}}, {{1}}), {{2}}{f', trans={trans}' if trans else ''})"


def _trans_argument(op: Op) -> str:
    return f", {op.attrs.get('trans', 0)}"


# with A = P L U, neither derivative needs P: the rows of solutions with L and U are in order
@declare(
    template=_lu_text,
    infer=solution_type(2),
    routine=called(SYSTEMS, "lu_solve", rest=_trans_argument, own_complex=False, given=(0, 2)),
    forward=lu_solve_forward,
    samples=tuple(_with_lu(trans, shape) for trans in (0, 1) for shape in ((3,), (3, 2))),
    **HEAVY,
    takes_complex=True,
)
def lu_solve(lu, pivots, b, trans=0, *, out, d_out):
    if trans == 0:
        d_b = linalg.lu_solve((lu, pivots), d_out, trans=1)
        d_half = linalg.solve_triangular(lu, d_out, trans="T")
        d_inner = linalg.solve_triangular(lu, d_half, trans="T", lower=True, unit_diagonal=True)
        lower = outer_product(d_inner, np.triu(lu) @ out)
        d_lu = -np.triu(outer_product(d_half, out)) - np.tril(lower, -1)
    else:
        d_b = linalg.lu_solve((lu, pivots), d_out)
        half = linalg.solve_triangular(lu, b, trans="T")
        inner = linalg.solve_triangular(lu, half, trans="T", lower=True, unit_diagonal=True)
        d_lower = outer_product(inner, np.triu(lu) @ d_b)
        d_lu = -np.triu(outer_product(half, d_b)) - np.tril(d_lower, -1)
