"""Graph colouring: columns of one colour share no row, so one product with their sum has all their values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile
from typing import Any

import numpy as np
import scipy.sparse

Pattern = Any  # a sparse array in CSR form
Colours = np.ndarray  # of integers


def _greedy(pattern: Pattern, order: np.ndarray) -> Colours:
    """Greedy colouring: first fit, in this order of the columns.

    A row's colours are the bits of a number, so the time is that of two passes over the entries.
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
    """Colours for the columns, in their order or with those with most entries first; the one with fewer colours.

    Coleman and More, Estimation of sparse Jacobian matrices and graph coloring problems (1983).
    """
    length = pattern.shape[1]
    if not length:
        return np.zeros(0, dtype=np.int64)
    found = _greedy(pattern, np.arange(length))
    if found.max() + 1 > np.diff(pattern.indptr).max(initial=1):  # a lower bound
        sizes = np.bincount(pattern.indices, minlength=length)
        other = _greedy(pattern, np.argsort(-sizes, kind="stable"))
        found = min(found, other, key=np.max)
    return found


def coloured_by(mode: str, pattern: Pattern) -> tuple[Colours, Colours]:
    """Colours for the columns and for the rows of a Jacobian; see `Plan` in `derivatives.py`.

    Without a mode, the result is the one that needs fewer products. A full row gives all columns different colours, so
    the rows with most entries may be computed by products of their own.
    """
    none = np.zeros(0, dtype=np.int64)
    if mode == "forward":
        return coloured(pattern), none
    if mode == "reverse":
        return none, coloured(scipy.sparse.csr_array(pattern.T))
    entries = np.diff(pattern.indptr)
    longest = entries.max(initial=0)
    highest = np.bincount(pattern.indices, minlength=1).max(initial=0)
    chosen = coloured_by("forward", pattern)
    if longest > highest or _number(chosen) > highest:  # otherwise rows cannot need fewer products
        chosen = min(chosen, coloured_by("reverse", pattern), key=_number)
    order = np.argsort(-entries, kind="stable")
    for aside in _powers_of_two(len(order)):
        if aside + entries[order[aside]] < _number(chosen):
            rows = np.full(len(order), -1)
            rows[order[:aside]] = np.arange(aside)
            chosen = min(chosen, (coloured(pattern[rows < 0]), rows), key=_number)
    return chosen


def _powers_of_two(end: int) -> Iterator[int]:
    return takewhile(lambda n: n < end, (1 << k for k in count()))


def _number(colours: tuple[Colours, Colours]) -> int:
    return sum(int(c.max(initial=-1)) + 1 for c in colours)


def coloured_symmetric(pattern: Pattern) -> tuple[Colours, np.ndarray]:
    """Colours for the columns of a symmetric matrix, and the columns that have one of their own.

    The entries of a full column are in its row, too. So the columns with most entries are set aside as long as the
    number of colours decreases, and their rows do not constrain the other columns.
    """
    length = pattern.shape[1]
    best, kept = coloured(pattern), np.zeros(length, dtype=bool)
    order = np.argsort(-np.diff(pattern.indptr), kind="stable")
    entries = np.diff(pattern.indptr)
    for aside in _powers_of_two(length):
        if max(aside, entries[order[aside]] - aside) > best.max():
            continue
        alone = np.zeros(length, dtype=bool)
        alone[order[:aside]] = True
        rest = coloured(pattern[~alone][:, ~alone])
        if aside + rest.max(initial=-1) + 1 <= best.max():
            best, kept = np.zeros(length, dtype=np.int64), alone
            best[order[:aside]] = np.arange(aside)
            best[~alone] = aside + rest
    return best, kept
