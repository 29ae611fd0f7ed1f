"""`scipy.linalg`'s solvers of stacks of matrices: each system for itself, as SciPy has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.places import array
from srcdiff.ops.lazy import LazyModule
from srcdiff.ops.matrix_functions import cho_solve, solve_banded
from srcdiff.ops.registry import composite
from srcdiff.ops.samples import said

linalg: Any = LazyModule("scipy.linalg")

_lower = "np.tril(x) + 4.0 * np.eye(3)"


def in_turn(solve: Any, a: Any, b: Any) -> Any:
    """`solve` of each matrix and right-hand side of two stacks that are broadcast; one vector is a stack of none."""
    own = b.shape[-2:] if b.ndim > 1 else b.shape
    stacked = b.ndim > 1
    lengths = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if stacked else a.shape[:-2]
    count = 1
    for n in lengths:
        count = count * n
    matrices = np.reshape(np.broadcast_to(a, (*lengths, *a.shape[-2:])), (count, *a.shape[-2:]))
    sides = np.reshape(np.broadcast_to(b, (*lengths, *own)), (count, *own))
    found = np.empty((count, *own), np.result_type(a, b, 1.0))
    for k in range(count):
        found[k] = solve(matrices[k], sides[k])
    return np.reshape(found, (*lengths, *own))


@composite(
    "scipy.linalg.solve_triangular",
    ndim=2,
    at=(0, 1),
    samples=(
        said(f"scipy.linalg.solve_triangular({_lower}, y, lower=True)", (2, 3, 3), (2, 3, 2)),
        said(f"scipy.linalg.solve_triangular({_lower}, y, 'T', True)", (2, 3, 3), (3,)),
        said(f"scipy.linalg.solve_triangular({_lower}, y, lower=True)", (3, 3), (2, 1, 3, 2)),
    ),
    takes_complex=True,
)
def solve_triangular_stacks(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: Any = False,
    unit_diagonal: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
) -> Any:
    def solve(matrix: Any, side: Any) -> Any:
        return linalg.solve_triangular(
            matrix, side, trans=trans, lower=lower, unit_diagonal=unit_diagonal
        )

    return in_turn(solve, array(a), array(b))


@composite(
    "scipy.linalg.cho_solve",
    samples=(
        said(
            "scipy.linalg.cho_solve(scipy.linalg.cho_factor(x @ np.conj(x).T + 2.0 * np.eye(3)), y)",
            (3, 3),
            (3,),
        ),
        said(
            "scipy.linalg.cho_solve(scipy.linalg.cho_factor(x @ np.conj(x).T + 2.0 * np.eye(3), True), y)",
            (3, 3),
            (3, 2),
        ),
        said(f"scipy.linalg.cho_solve(({_lower}, True), y)", (2, 3, 3), (3, 2)),
    ),
    takes_complex=True,
)
def scipy_cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: Any = False, check_finite: Any = True
) -> Any:
    c, lower = c_and_lower
    b = array(b)

    def solve(factor: Any, side: Any) -> Any:
        return cho_solve(factor, side, lower=lower)

    return in_turn(solve, c, b) if c.ndim > 2 or b.ndim > 2 else solve(c, b)


@composite(
    "scipy.linalg.solve_banded",
    samples=(
        said("scipy.linalg.solve_banded((1, 1), x + 5.0, y)", (3, 4), (4,)),
        said(
            "scipy.linalg.solve_banded((2, 0), x + np.array([[9.0], [0.0], [0.0]]), y)",
            (3, 4),
            (4, 2),
        ),
        said(
            "scipy.linalg.solve_banded((1, 1), x + np.array([[0.0], [5.0], [0.0]]), y)",
            (2, 3, 4),
            (4,),
        ),
    ),
    takes_complex=True,
)
def scipy_solve_banded(
    l_and_u: Any,
    ab: Any,
    b: Any,
    overwrite_ab: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
) -> Any:
    below, above = l_and_u
    ab, b = array(ab), array(b)

    def solve(bands: Any, side: Any) -> Any:
        return solve_banded(bands, side, below=below, above=above)

    return in_turn(solve, ab, b) if ab.ndim > 2 or b.ndim > 2 else solve(ab, b)
