"""Helpers of rules for banded, Toeplitz and block matrices."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import evaluated


def upper_blocks(a, e):
    """The matrix [[a, e], [0, a]]: functions of it have their derivative along e in the upper right block."""
    above = np.concatenate((a, e), axis=-1)
    below = np.concatenate((np.zeros_like(a), a), axis=-1)
    return np.concatenate((above, below), axis=-2)


def corner_block(e):
    """The matrix [[0, e], [0, 0]]."""
    none = np.zeros_like(e)
    return np.concatenate((np.concatenate((none, e), 1), np.concatenate((none, none), 1)))


def upper_right(blocks):
    count = blocks.shape[-1] // 2
    return blocks[..., :count, count:]


@evaluated
def _shifts(below: int, above: int) -> tuple[int, ...]:
    """The distance of each band below the diagonal."""
    return tuple(range(-above, below + 1))


def transposed_bands(bands, below, above):
    return np.stack([np.roll(bands[above - s], -s) for s in _shifts(above, below)])


def banded_product(bands, x, below, above):
    """The product of a banded matrix with a vector, or with a matrix of columns."""
    product = 0.0
    for s in _shifts(below, above):
        band = bands[above + s] if x.ndim == 1 else np.expand_dims(bands[above + s], -1)
        product = product + _shifted(band * x, -s)
    return product


def banded_outer(x, y, below, above):
    """The bands of the matrix x y^T, with zeros where a band leaves the matrix."""
    return np.stack([_row_products(_shifted(x, s), y) for s in _shifts(below, above)])


def _shifted(x, shift):
    """The rows x[i + shift], with zeros for rows outside of x."""
    if shift > 0:
        return np.concatenate((x[shift:], np.zeros_like(x[:shift])))
    if shift < 0:
        return np.concatenate((np.zeros_like(x[shift:]), x[:shift]))
    return x


def _row_products(x, y):
    if x.ndim == 1:
        return x * y
    return np.sum(x * y, axis=1)


def lagged_products(x, y):
    """The sums over j of x[j + k] y[j], for each k."""
    lags = np.expand_dims(np.arange(len(x)), -1) + np.arange(len(x))
    padded = np.concatenate((x, np.zeros_like(x)))
    if x.ndim == 1:
        return padded[lags] @ y
    return np.sum(padded[lags] * y, axis=(1, 2))


def lagged_sums(x, y, count):
    """The sums over j of x[j + k] y[j], for the first k."""
    lags = np.expand_dims(np.arange(count), -1) + np.arange(len(y))
    return np.concatenate((x, np.zeros(count, x.dtype)))[lags] @ y
