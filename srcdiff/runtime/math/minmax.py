"""The larger and the smaller of two numbers, as NumPy has them, and quotients that stay whole: for loops."""

from numba import njit

from srcdiff.runtime.math.llvm_primitives import STRICT, larger, wider


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


@njit(**STRICT)
def quotient(x, y):
    """The quotient, exactly rounded; LLVM puts no factors of other products and quotients in between."""
    return x / y
