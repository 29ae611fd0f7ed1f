"""Structured matrices of `scipy.linalg`: Toeplitz matrices and their systems, block-diagonal matrices."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.linalg.batched import in_turn
from srcdiff.ops.library.linalg.matrix_checks import conjugated
from srcdiff.ops.linalg.matrix_functions import levinson


@composite(
    "scipy.linalg.solve_toeplitz",
    samples=(
        call("scipy.linalg.solve_toeplitz(x + np.array([9.0, 0.0, 0.0]), y)", (3,), (3,)),
        call(
            "scipy.linalg.solve_toeplitz((x + np.array([9.0, 0.0, 0.0]), y), z)", (3,), (3,), (3, 2)
        ),
        call("scipy.linalg.solve_toeplitz(x + np.array([9.0, 0.0, 0.0]), y)", (2, 3), (3,)),
    ),
    takes_complex=True,
)
def solve_toeplitz(c_or_cr, b, check_finite=True):
    if isinstance(c_or_cr, tuple):
        c, r = c_or_cr
    else:
        c, r = c_or_cr, conjugated(c_or_cr)
    if c.ndim > 1 or r.ndim > 1 or b.ndim > 2:
        return in_turn(levinson, np.result_type(c, r, b, np.float64), b, (1, 1), c, r)
    return levinson(c, r, b)


@composite(
    "scipy.linalg.toeplitz",
    samples=(
        call("scipy.linalg.toeplitz(x)", (4,)),
        call("scipy.linalg.toeplitz(x, y)", (4,), (3,)),
        call("scipy.linalg.toeplitz(x, y)", (2,), (3,)),
        call("scipy.linalg.toeplitz(x)", (2, 3)),
        call("scipy.linalg.toeplitz(x, y)", (2, 1, 4), (3, 3)),
    ),
    takes_complex=True,
)
def toeplitz(c, r=None):
    n = c.shape[-1]
    down = np.expand_dims(np.arange(n), -1)
    if r is None and c.dtype.kind != "c":
        return c[..., np.abs(down - np.arange(n))]
    if r is None:
        r = np.conj(c)
    m = r.shape[-1]
    above = np.flip(r[..., 1:], axis=-1)
    if c.ndim > 1 or r.ndim > 1:
        lengths = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
        above = np.broadcast_to(above, (*lengths, m - 1))
        c = np.broadcast_to(c, (*lengths, n))
    entries = np.concatenate((above, c), axis=-1)
    return entries[..., m - 1 + down - np.arange(m)]


@composite(
    "scipy.linalg.block_diag",
    samples=(
        call("scipy.linalg.block_diag(x, y)", (2, 3), (1, 2)),
        call("scipy.linalg.block_diag(x, y, z)", (2, 2), (3,), ()),
        call("scipy.linalg.block_diag(x)", (2, 2)),
    ),
    takes_complex=True,
)
def block_diag(*arrs):
    blocks = [a if np.ndim(a) >= 2 else np.reshape(a, (1, np.size(a))) for a in arrs]
    rows = sum([b.shape[-2] for b in blocks])
    columns = sum([b.shape[-1] for b in blocks])
    stack = blocks[_deepest(*[b.ndim for b in blocks])].shape[:-2]
    whole = np.zeros((*stack, rows, columns), _common_dtype(*[b.dtype for b in blocks]))
    row = 0
    column = 0
    for block in blocks:
        here = (slice(row, row + block.shape[-2]), slice(column, column + block.shape[-1]))
        whole[(..., *here) if stack else here] = block
        row = row + block.shape[-2]
        column = column + block.shape[-1]
    return whole


@evaluated
def _deepest(*ndims: int) -> int:
    """The block with the most axes, whose stack the others share or are repeated along."""
    return ndims.index(max(ndims))


@evaluated
def _common_dtype(*dtypes):
    return np.result_type(*dtypes)
