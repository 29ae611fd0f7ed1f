"""Logarithms and related functions for loops that LLVM vectorises: float64 and float32, without branches.

log(x) = k log 2 + log(1 + f) with x = 2**k (1 + f) and f near 0. log(1 + f) comes from the series of the inverse
hyperbolic tangent of s = f / (2 + f), arranged as in FreeBSD's msun (e_log.c):
f - (f**2 / 2 - s (f**2 / 2 + s**2 p(s**2))). Constants are printed by `tools/vmath_coefficients.py`; errors are the
largest met by `tests/runtime/test_vmath.py`, in units of the last place of the true result, float64 first.
"""

import math

from numba import njit

from srcdiff.runtime.math.exponential import exp
from srcdiff.runtime.math.llvm_primitives import (
    STEP,
    STRICT,
    absolute,
    constants,
    like,
    mantissa_and_exponent,
    muladd,
    polynomial,
    power_of_two,
    real,
    select,
    two_product,
    two_sum,
    wider,
    with_sign,
)

LN2_F64 = (0.6931471803691238, 1.9082149292705877e-10)
LN2_F32 = (0.693145751953125, 1.428606765330187e-06)
ATANH_F64 = (
    0.6666666666666666, 0.4000000000000088, 0.28571428570803614, 0.22222222391713917,
    0.18181795640132906, 0.15386239702814658, 0.13268773138656886, 0.13086626147840102,
)  # fmt: skip
ATANH_F32 = (0.6666666865348816, 0.4000012278556824, 0.2855082154273987, 0.2333046793937683)


@njit(**STEP)
def log_series(f, half_square):
    """The pair f / (2 + f) and log(1 + f) - f + f**2 / 2."""
    s = f / (f + like(f, 2.0))
    z = s * s
    return s, s * muladd(z, polynomial(z, constants(f, ATANH_F64, ATANH_F32)), half_square)


@njit(**STEP)
def log_limits(x, y):
    """`y`, except where `x` is 0, inf, NaN or negative: there, the logarithm of `x`."""
    zero, infinity = like(x, 0.0), like(x, math.inf)
    y = select(x < infinity, y, x)
    y = select(x >= zero, y, like(x, math.nan))
    return select(x == zero, -infinity, y)


@njit(**STRICT)
def log(x):
    """The natural logarithm; errors at most 0.8 and 0.9."""
    x = real(x)
    head, tail = constants(x, LN2_F64, LN2_F32)
    m, k = mantissa_and_exponent(x)
    f = m - like(x, 1.0)
    half_square = like(x, 0.5) * f * f
    _, rest = log_series(f, half_square)
    return log_limits(x, muladd(k, head, f - (half_square - muladd(k, tail, rest))))


INVERSE = (1.0, -2.0, 2.0, -2.0)


@njit(**STRICT)
def log1p(x):
    """log(1 + x); errors at most 0.9 and 0.9.

    The logarithm of the rounded 1 + x, corrected by the rounding error.
    """
    x = real(x)
    head, tail = constants(x, LN2_F64, LN2_F32)
    one, most = like(x, 1.0), like(x, 100.0)  # from 2**100 on, the rounding error does not matter
    near, left_out = two_sum(one, x)
    m, k = mantissa_and_exponent(near)
    f = m - one
    half_square = like(x, 0.5) * f * f
    s, rest = log_series(f, half_square)
    slope = polynomial(s, constants(x, INVERSE, INVERSE))  # 1 / (1 + f), to 2 in 1000
    left_out = left_out * power_of_two(-select(k < most, k, most))
    rest = muladd(left_out, slope, muladd(k, tail, rest))
    y = muladd(k, head, f - (half_square - rest))
    y = select(x < like(x, math.inf), with_sign(y, x), x)
    y = select(x >= -one, y, like(x, math.nan))
    return select(x == -one, like(x, -math.inf), y)


@njit(**STEP)
def log_parts(f):
    """log(1 + f) as a sum of two numbers, to about 2**-57 of it (2**-28 in float32)."""
    half_square, square_rest = two_product(like(f, 0.5) * f, f)
    _, rest = log_series(f, half_square)
    total, total_rest = two_sum(f, -half_square)
    return total, total_rest + (rest - square_rest)


@njit(**STRICT)
def log_as_sum(x):
    """log(x) for a positive finite `x`, as a sum of two numbers with the accuracy of `log_parts`."""
    head, tail = constants(x, LN2_F64, LN2_F32)
    m, k = mantissa_and_exponent(x)
    y, y_rest = log_parts(m - like(x, 1.0))
    total, rest = two_sum(k * head, y)
    return total, rest + muladd(k, tail, y_rest)


# log2(e) and log10(e), each with its rounding error; log10(2) in two parts
LOG2_F64 = (1.4426950408889634, 2.0355273740931033e-17, 1.0, 0.0)
LOG2_F32 = (1.4426950216293335, 1.925963033500011e-08, 1.0, 0.0)
LOG10_F64 = (0.4342944819032518, 1.098319650216765e-17, 0.3010299955494702, 1.1451100898021838e-10)
LOG10_F32 = (0.4342944622039795, 1.9699271547324315e-08, 0.301025390625, 4.605039066518657e-06)


@njit(**STEP)
def log_in_base(x, scale, scale_rest, head, tail):
    m, k = mantissa_and_exponent(x)
    y, y_rest = log_parts(m - like(x, 1.0))
    product, rest = two_product(y, scale)
    rest = rest + muladd(y_rest, scale, y * scale_rest)
    total, total_rest = two_sum(k * head, product)
    return log_limits(x, total + (total_rest + muladd(k, tail, rest)))


@njit(**STRICT)
def log2(x):
    """The logarithm in base 2; exact for powers of 2; errors at most 0.7 and 0.8."""
    x = real(x)
    scale, scale_rest, head, tail = constants(x, LOG2_F64, LOG2_F32)
    return log_in_base(x, scale, scale_rest, head, tail)


@njit(**STRICT)
def log10(x):
    """The logarithm in base 10; errors at most 0.7 and 0.7."""
    x = real(x)
    scale, scale_rest, head, tail = constants(x, LOG10_F64, LOG10_F32)
    return log_in_base(x, scale, scale_rest, head, tail)


ROOT_TWO = 1.4142135623730951


@njit(**STEP)
def log1p_exp_minus(size):
    """log(1 + exp(-size)) for size >= 0: `log1p` for arguments between 0 and 1."""
    head, tail = constants(size, LN2_F64, LN2_F32)
    zero, half, one = like(size, 0.0), like(size, 0.5), like(size, 1.0)
    x = exp(-size)
    near = one + x
    left_out = x - (near - one)
    above = near > like(size, ROOT_TWO)
    f = select(above, half * near, near) - one
    left_out = select(above, half * left_out, left_out)
    half_square = half * f * f
    s, rest = log_series(f, half_square)
    slope = polynomial(s, constants(size, INVERSE, INVERSE))
    rest = muladd(left_out, slope, rest) + select(above, tail, zero)
    return select(above, head, zero) + (f - (half_square - rest))


@njit(**STRICT)
def log_expit(x):
    """log(1 / (1 + exp(-x))); errors at most 1.4 and 1.6."""
    x = real(x)
    zero = like(x, 0.0)
    return select(x < zero, x, zero) - log1p_exp_minus(absolute(x))


@njit(**STRICT)
def softplus(x):
    """log(1 + exp(x)); errors at most 1.4 and 1.6."""
    x = real(x)
    zero = like(x, 0.0)
    return select(x > zero, x, zero) + log1p_exp_minus(absolute(x))


LN2 = 0.6931471805599453  # log(exp(x) + exp(x)) - x


@njit(**STRICT)
def logaddexp(x, y):
    """log(exp(x) + exp(y)); errors at most 1.2 and 1.2 in units of max(1, |x|, |y|)."""
    zero = wider(x, y)
    x, y = x + zero, y + zero
    between = log1p_exp_minus(absolute(x - y))
    between = select(x == y, like(zero, LN2), between)  # both may be infinite
    return select(x > y, x, y) + between
