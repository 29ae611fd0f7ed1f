"""The larger and the smaller of two numbers, as NumPy has them, for loops over arrays."""

from numba import njit

from srcdiff.runtime.parts import STRICT, larger, wider


@njit(**STRICT)
def maximum(x, y):
    """The larger of two numbers, and NaN where one is."""
    zero = wider(x, y)
    return larger(x + zero, y + zero)


@njit(**STRICT)
def minimum(x, y):
    """The smaller of two numbers, and NaN where one is."""
    zero = wider(x, y)
    return -larger(-(x + zero), -(y + zero))
