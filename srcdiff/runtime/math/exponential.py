"""Exponential, hyperbolic and logistic functions for loops that LLVM vectorises: float64, float32, no branches.

exp(x) = 2**k exp(r) with r = x - k log 2 in two parts (Cody and Waite, Software Manual for the Elementary Functions,
1980) and a polynomial for exp(r). Constants are printed by `tools/vmath_coefficients.py`; errors are the largest met by
`tests/runtime/test_vmath.py`, in units of the last place of the true result, float64 first.
"""

from numba import njit

from srcdiff.runtime.math.llvm_primitives import (
    STEP,
    STRICT,
    absolute,
    constants,
    floor,
    like,
    muladd,
    polynomial,
    power_of_two,
    real,
    scaled,
    select,
    two_product,
    two_sum,
    with_sign,
)

# 1 / log 2, log 2 in two parts, ((exp(r) - 1 - r) / r**2) on |r| <= log(2) / 2
REDUCTION_F64 = (1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10)
REDUCTION_F32 = (1.4426950216293335, 0.693145751953125, 1.428606765330187e-06)
SERIES_F64 = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065,
    0.0013888888917196719, 0.00019841269863040545, 2.4801521322368692e-05, 2.7557268480310024e-06,
    2.7620075879983367e-07, 2.5100375832561234e-08,
)  # fmt: skip
SERIES_F32 = (
    0.5, 0.16666577756404877, 0.041666556149721146, 0.008363173343241215, 0.0013926175888627768,
)  # fmt: skip


@njit(**STEP)
def reduced(x):
    """The numbers k, r and the rounding error of r, with x = k log 2 + r and |r| <= log(2) / 2, for a finite `x`."""
    log2_e, head, tail = constants(x, REDUCTION_F64, REDUCTION_F32)
    k = floor(muladd(x, log2_e, like(x, 0.5)))
    near = muladd(-k, head, x)
    r = muladd(-k, tail, near)
    return k, r, muladd(-k, tail, near - r)


@njit(**STEP)
def exp_parts(r, r_rest):
    """exp(r + r_rest) as a sum of two numbers, to less than a tenth of a unit in the last place."""
    one = like(r, 1.0)
    rest = muladd(r * r, polynomial(r, constants(r, SERIES_F64, SERIES_F32)), r_rest)
    total = one + r
    return total, rest + (r - (total - one))


EXP_F64 = (-746.0, 710.0)  # the result is 0 below and inf above
EXP_F32 = (-104.0, 89.0)


@njit(**STRICT)
def exp(x):
    """The exponential; errors at most 0.8 and 0.8."""
    x = real(x)
    lowest, highest = constants(x, EXP_F64, EXP_F32)
    bounded = select(x > lowest, x, lowest)
    bounded = select(bounded < highest, bounded, highest)
    k, r, r_rest = reduced(bounded)
    total, rest = exp_parts(r, r_rest)
    return select(x == x, scaled(total + rest, k), x)


EXP2_F64 = (-1076.0, 1024.0, 0.6931471805599453, 2.3190468138462996e-17)
EXP2_F32 = (-151.0, 128.0, 0.6931471228599548, 5.769998878690785e-08)


@njit(**STRICT)
def exp2(x):
    """2**x; exact for integers; errors at most 0.8 and 0.9."""
    x = real(x)
    lowest, highest, ln2, ln2_rest = constants(x, EXP2_F64, EXP2_F32)
    bounded = select(x > lowest, x, lowest)
    bounded = select(bounded < highest, bounded, highest)
    k = floor(bounded + like(x, 0.5))
    d = bounded - k
    r, r_rest = two_product(d, ln2)
    total, rest = exp_parts(r, muladd(d, ln2_rest, r_rest))
    return select(x == x, scaled(total + rest, k), x)


EXPM1_F64 = (-40.0, 710.0, 1000.0)
EXPM1_F32 = (-20.0, 89.0, 100.0)


@njit(**STRICT)
def expm1(x):
    """exp(x) - 1; errors at most 1.3 and 1.3."""
    x = real(x)
    lowest, highest, most = constants(x, EXPM1_F64, EXPM1_F32)
    bounded = select(x > lowest, x, lowest)
    bounded = select(bounded < highest, bounded, highest)
    k, r, r_rest = reduced(bounded)
    rest = muladd(r * r, polynomial(r, constants(x, SERIES_F64, SERIES_F32)), r_rest)
    # exp(x) - 1 = 2**k (1 - 2**-k + exp(r) - 1)
    total, total_rest = two_sum(like(x, 1.0) - power_of_two(-select(k < most, k, most)), r)
    return select(x == x, with_sign(scaled(total + (total_rest + rest), k), x), x)


TANH_F64 = (
    # the end of the polynomial's interval, and the argument from which on the result is 1
    0.6, 22.0,
    (-0.33333333333333326, 0.13333333333330197, -0.05396825396475762, 0.02186948838378093,
     -0.008863232113541474, 0.0035920831663434575, -0.001455464802800745, 0.0005880541548418729,
     -0.0002322510406793851, 8.154737806525365e-05, -1.833596211003942e-05),
)  # fmt: skip
TANH_F32 = (
    0.6, 10.0,
    (-0.3333333134651184, 0.13332915306091309, -0.053873948752880096, 0.021110959351062775,
     -0.006269119679927826),
)  # fmt: skip


@njit(**STRICT)
def tanh(x):
    """The hyperbolic tangent: x + x**3 p(x**2) near 0, otherwise 1 - 2 / (exp(2 x) + 1); errors at most 1.4 and 1.4."""
    x = real(x)
    near, highest, series = constants(x, TANH_F64, TANH_F32)
    size = absolute(x)
    square = size * size
    small = muladd(size * square, polynomial(square, series), size)
    bounded = select(size < highest, size, highest)
    one, two = like(x, 1.0), like(x, 2.0)
    k, r, r_rest = reduced(bounded + bounded)
    total, rest = exp_parts(r, r_rest)
    large = one - two / (muladd(total + rest, power_of_two(k), one))
    return select(x == x, with_sign(select(size < near, small, large), x), x)


SINH_F64 = (
    -711.0,
    (0.16666666666666666, 0.008333333333333299, 0.00019841269841324198, 2.7557319191381816e-06,
     2.5052117695907823e-08, 1.6057679623801638e-10, 7.746178593018827e-13),
)  # fmt: skip
SINH_F32 = (
    -90.0,
    (0.1666666716337204, 0.008333339355885983, 0.00019838102161884308, 2.806280235745362e-06),
)  # fmt: skip


@njit(**STEP)
def half_exp(size):
    """exp(size) / 2 for size >= 0; inf only if the result is."""
    lowest, _ = constants(size, SINH_F64, SINH_F32)
    k, r, r_rest = reduced(select(size < -lowest, size, -lowest))
    total, rest = exp_parts(r, r_rest)
    return scaled(total + rest, k - like(size, 1.0))


@njit(**STRICT)
def sinh(x):
    """The hyperbolic sine: x + x**3 p(x**2) near 0, otherwise exp(x) / 2 - exp(-x) / 2; errors at most 1.6 and 1.7."""
    x = real(x)
    _, series = constants(x, SINH_F64, SINH_F32)
    size = absolute(x)
    square = size * size
    small = muladd(size * square, polynomial(square, series), size)
    half = half_exp(size)
    large = half - like(x, 0.25) / half
    return select(x == x, with_sign(select(size < like(x, 1.0), small, large), x), x)


@njit(**STRICT)
def cosh(x):
    """The hyperbolic cosine; errors at most 1.1 and 1.2."""
    x = real(x)
    half = half_exp(absolute(x))
    return select(x == x, half + like(x, 0.25) / half, x)


@njit(**STRICT)
def expit(x):
    """1 / (1 + exp(-x)), the logistic sigmoid; errors at most 1.2 and 1.3.

    It takes one division, which is corrected by the rounding error before it.
    """
    x = real(x)
    lowest, _ = constants(x, EXP_F64, EXP_F32)
    one = like(x, 1.0)
    bounded = -absolute(x)
    k, r, r_rest = reduced(select(bounded > lowest, bounded, lowest))
    total, rest = exp_parts(r, r_rest)
    nearest = total + rest
    small, small_rest = scaled(nearest, k), scaled(rest - (nearest - total), k)
    below, below_rest = one + small, small_rest
    below_rest = below_rest + (small - (below - one))
    negative = x < like(x, 0.0)
    quotient = select(negative, small, one) / below
    rest = select(negative, small_rest, like(x, 0.0)) - quotient * below_rest
    inverse = select(negative, one - quotient, quotient)  # 1 / below, approximately
    return select(x == x, muladd(rest, inverse, quotient), x)
