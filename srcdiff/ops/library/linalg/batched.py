"""Functions of `scipy.linalg` on stacks of matrices: SciPy treats each matrix on its own."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.linalg.factor_solves import cho_solve
from srcdiff.ops.linalg.matrix_functions import solve_banded

linalg = LazyModule("scipy.linalg")

_lower = "np.tril(x) + 4.0 * np.eye(3)"


def in_turn(solve, dtype, b, axes, *stacks):
    """`solve` for each item of the stacks and its right-hand side, all of them broadcast; a vector is a single item.

    The last `axes` of each stack are its items.
    """
    own = b.shape[-2:] if b.ndim > 1 else b.shape
    fronts = [s.shape[: s.ndim - n] for s, n in zip(stacks, axes, strict=True)]
    lengths = np.broadcast_shapes(b.shape[: b.ndim - len(own)], *fronts)
    sides = one_by_one(b, lengths, own)
    items = [
        one_by_one(s, lengths, s.shape[s.ndim - n :]) for s, n in zip(stacks, axes, strict=True)
    ]
    found = np.empty(sides.shape, dtype)
    for k in range(len(sides)):
        found[k] = solve(*[each[k] for each in items], sides[k])
    return np.reshape(found, (*lengths, *own))


def of_each(function, a, dtype):
    """`function` of each matrix of a stack; the results have the shape of the matrices and the dtype `dtype`."""
    matrices = one_by_one(a, a.shape[:-2], a.shape[-2:])
    found = np.empty(matrices.shape, dtype)
    for k in range(len(matrices)):
        found[k] = function(matrices[k])
    return np.reshape(found, a.shape)


def one_by_one(a, lengths, own):
    """A stack, broadcast to these lengths, with its leading axes as one."""
    return np.reshape(np.broadcast_to(a, (*lengths, *own)), (number_of(lengths), *own))


def number_of(lengths):
    """The number of items in a stack with these lengths."""
    count = 1
    for n in lengths:
        count = count * n
    return count


@composite(
    "scipy.linalg.solve_triangular",
    ndim=2,
    at=(0, 1),
    samples=(
        call(f"scipy.linalg.solve_triangular({_lower}, y, lower=True)", (2, 3, 3), (2, 3, 2)),
        call(f"scipy.linalg.solve_triangular({_lower}, y, 'T', True)", (2, 3, 3), (3,)),
        call(f"scipy.linalg.solve_triangular({_lower}, y, lower=True)", (3, 3), (2, 1, 3, 2)),
    ),
    takes_complex=True,
)
def solve_triangular_stacks(
    a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=True
):
    def solve(matrix, side):
        return linalg.solve_triangular(
            matrix, side, trans=trans, lower=lower, unit_diagonal=unit_diagonal
        )

    a, b = array(a), array(b)
    return in_turn(solve, np.result_type(a, b, 1.0), b, (2,), a)


@composite(
    "scipy.linalg.cho_solve",
    samples=(
        call(
            "scipy.linalg.cho_solve(scipy.linalg.cho_factor(x @ np.conj(x).T + 2.0 * np.eye(3)), y)",
            (3, 3),
            (3,),
        ),
        call(
            "scipy.linalg.cho_solve(scipy.linalg.cho_factor(x @ np.conj(x).T + 2.0 * np.eye(3), True), y)",
            (3, 3),
            (3, 2),
        ),
        call(f"scipy.linalg.cho_solve(({_lower}, True), y)", (2, 3, 3), (3, 2)),
    ),
    takes_complex=True,
)
def scipy_cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    c, lower = c_and_lower
    b = array(b)

    def solve(factor, side):
        return cho_solve(factor, side, lower=lower)

    if c.ndim > 2 or b.ndim > 2:
        return in_turn(solve, np.result_type(c, b, 1.0), b, (2,), c)
    return solve(c, b)


@composite(
    "scipy.linalg.solve_banded",
    samples=(
        call("scipy.linalg.solve_banded((1, 1), x + 5.0, y)", (3, 4), (4,)),
        call(
            "scipy.linalg.solve_banded((2, 0), x + np.array([[9.0], [0.0], [0.0]]), y)",
            (3, 4),
            (4, 2),
        ),
        call(
            "scipy.linalg.solve_banded((1, 1), x + np.array([[0.0], [5.0], [0.0]]), y)",
            (2, 3, 4),
            (4,),
        ),
    ),
    takes_complex=True,
)
def scipy_solve_banded(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    below, above = l_and_u
    ab, b = array(ab), array(b)

    def solve(bands, side):
        return solve_banded(bands, side, below=below, above=above)

    if ab.ndim > 2 or b.ndim > 2:
        return in_turn(solve, np.result_type(ab, b, 1.0), b, (2,), ab)
    return solve(ab, b)


# ---- matrix equations ------------------------------------------------------------------------


@composite(
    "scipy.linalg.solve_sylvester",
    ndim=2,
    at=(0, 1, 2),
    samples=(
        call("scipy.linalg.solve_sylvester(x + 6.0 * np.eye(3), y, z)", (2, 3, 3), (2, 2), (3, 2)),
    ),
    takes_complex=True,
)
def solve_sylvester_stacks(a, b, q):
    return in_turn(linalg.solve_sylvester, np.result_type(a, b, q, 1.0), q, (2, 2), a, b)


@composite(
    "scipy.linalg.solve_continuous_lyapunov",
    "scipy.linalg.solve_lyapunov",
    ndim=2,
    at=(0, 1),
    samples=(
        call("scipy.linalg.solve_continuous_lyapunov(x + 6.0 * np.eye(3), y)", (2, 3, 3), (3, 3)),
    ),
    takes_complex=True,
)
def solve_continuous_lyapunov_stacks(a, q):
    return in_turn(linalg.solve_continuous_lyapunov, np.result_type(a, q, 1.0), q, (2,), a)


@composite(
    "scipy.linalg.solve_discrete_lyapunov",
    ndim=2,
    at=(0, 1),
    samples=(call("scipy.linalg.solve_discrete_lyapunov(0.1 * x, y)", (3, 3), (2, 3, 3)),),
    takes_complex=True,
)
def solve_discrete_lyapunov_stacks(a, q, method=None):
    def solve(matrix, side):
        return linalg.solve_discrete_lyapunov(matrix, side, method)

    return in_turn(solve, np.result_type(a, q, np.float64), q, (2,), a)
