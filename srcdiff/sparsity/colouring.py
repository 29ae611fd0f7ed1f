"""Colours of columns: those of one colour share no row, so that one product with their sum has all their values."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["coloured", "coloured_symmetric"]

Pattern = Any  # a sparse array in CSR form
Colours = Any  # an array of integers


def _greedy(pattern: Pattern, order: Any) -> Colours:
    """First fit, in this order of the columns.

    A row's colours are the bits of a number, so the time is that of going through the entries twice.
    """
    columns = pattern.tocsc()
    rows, ends = columns.indices.tolist(), columns.indptr.tolist()
    taken = [0] * pattern.shape[0]
    colours = np.zeros(pattern.shape[1], dtype=np.int64)
    for column in order.tolist():
        own = rows[ends[column] : ends[column + 1]]
        used = 0
        for row in own:
            used |= taken[row]
        bit = ~used & (used + 1)
        colours[column] = bit.bit_length() - 1
        for row in own:
            taken[row] |= bit
    return colours


def coloured(pattern: Pattern) -> Colours:
    """Colours for the columns: as they stand, or those with most entries first, where that needs fewer.

    Coleman and More, Estimation of sparse Jacobian matrices and graph coloring problems (1983).
    """
    count = pattern.shape[1]
    if not count:
        return np.zeros(0, dtype=np.int64)
    found = _greedy(pattern, np.arange(count))
    if found.max() + 1 > np.diff(pattern.indptr).max(initial=1):  # else there are none fewer
        sizes = np.bincount(pattern.indices, minlength=count)
        other = _greedy(pattern, np.argsort(-sizes, kind="stable"))
        found = min(found, other, key=np.max)
    return found


def coloured_symmetric(pattern: Pattern) -> tuple[Colours, Any]:
    """Colours for the columns of a symmetric matrix, and which columns have one of their own.

    What a full column has is found in its row, too; so the columns with most entries are put aside as long as the
    number of colours falls, and their rows do not keep others apart.
    """
    count = pattern.shape[1]
    best, kept = coloured(pattern), np.zeros(count, dtype=bool)
    order = np.argsort(-np.diff(pattern.indptr), kind="stable")
    aside = 1
    while aside < count and aside < best.max(initial=0) + 1:
        alone = np.zeros(count, dtype=bool)
        alone[order[:aside]] = True
        rest = coloured(pattern[~alone][:, ~alone])
        needed = aside + rest.max(initial=-1) + 1
        if needed <= best.max():
            best, kept = np.zeros(count, dtype=np.int64), alone
            best[order[:aside]] = np.arange(aside)
            best[~alone] = aside + rest
        aside *= 2
    return best, kept
