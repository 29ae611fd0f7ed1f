"""Maximum, minimum and exact quotients of two numbers, as in NumPy, for compiled loops."""

from numba import njit

from srcdiff.runtime.math.llvm_primitives import STRICT, larger, wider


@njit(**STRICT)
def maximum(x, y):
    """The larger of two numbers, or NaN if one is NaN."""
    zero = wider(x, y)
    return larger(x + zero, y + zero)


@njit(**STRICT)
def minimum(x, y):
    """The smaller of two numbers, or NaN if one is NaN."""
    zero = wider(x, y)
    return -larger(-(x + zero), -(y + zero))


@njit(**STRICT)
def quotient(x, y):
    """The quotient, correctly rounded: LLVM does not combine it with factors of other products and quotients."""
    return x / y
