"""Normal distribution functions (erfc, ndtr, log_ndtr) for loops that LLVM vectorises: float64, float32, no branches.

erfc(x) = exp(-x**2) p(t) / (1 + 2 x) with t = (x - 3.75) / (x + 3.75) for x >= 0 (Shepherd and Laframboise, Chebyshev
approximation of (1 + 2 x) exp(x**2) erfc x, Mathematics of Computation 36, 1981). The square is a sum of two numbers.
Constants are printed by `tools/vmath_coefficients.py`; errors are the largest met by `tests/runtime/test_vmath.py`, as
in `exponential`.
"""

from numba import njit

from srcdiff.runtime.math.exponential import exp_parts, reduced
from srcdiff.runtime.math.llvm_primitives import (
    STRICT,
    absolute,
    constants,
    like,
    muladd,
    polynomial,
    real,
    scaled,
    select,
    two_product,
    two_sum,
)
from srcdiff.runtime.math.logarithm import log, log1p
from srcdiff.runtime.math.special import erf_near_zero

ERFCX_F64 = (
    1.2375126308378275,
    (-0.14024059858554702, 0.0035854154854644583, 0.08227673849015109, -0.10880393014175023,
     0.09230432116019638, -0.05869339858961116, 0.02836227742154398, -0.009746579558275152,
     0.0017556258321915355, 0.0002937136669846131, -0.0002901539781378384, 5.1649093885821704e-05,
     2.238390827660038e-05, -1.1444134389658475e-05, -9.728413451815077e-07, 1.7516189406943677e-06,
     -5.827501862768691e-08, -2.586489910718322e-07, 2.4301839484503084e-08, 3.866242066283792e-08,
     -4.396921916762906e-09, -5.169080644815932e-09, 5.485084520083625e-10, 4.2433038251096756e-10,
     -3.7980647235900285e-11,),
)  # fmt: skip
ERFCX_F32 = (
    1.2375125885009766,
    (-0.1402406543493271, 0.003585438011214137, 0.08227843046188354, -0.10880456119775772,
     0.09229069203138351, -0.05868825316429138, 0.028409430757164955, -0.00976469088345766,
     0.0016757342964410782, 0.00032538847881369293, -0.00022405205527320504, 2.363482053624466e-05,),
)  # fmt: skip
ERFCX_CENTRE = 3.75


@njit(**STRICT)
def scaled_erfc_parts(x):
    """Numerator and denominator of exp(x**2) erfc(x) for x >= 0, each as a sum of two numbers."""
    centre, one = like(x, ERFCX_CENTRE), like(x, 1.0)
    t = (x - centre) / (x + centre)
    below, below_rest = two_sum(x + x, one)
    middle, slope = constants(x, ERFCX_F64, ERFCX_F32)
    away = t * polynomial(t, slope)
    above = middle + away
    return above, away - (above - middle), below, below_rest


@njit(**STRICT)
def with_gaussian(x, exponent, above, above_rest, below, below_rest):
    """exp(exponent x**2) above / below, for a power of two `exponent`; `above` and `below` are sums of two numbers."""
    square, square_rest = two_product(x, x)
    k, r, r_rest = reduced(exponent * square)
    r, r_rest = two_sum(r, r_rest + exponent * square_rest)
    total, rest = exp_parts(r, r_rest)
    total, rest = two_sum(total, rest)
    product, product_rest = two_product(total, above)
    product_rest = muladd(total, above_rest, muladd(rest, above, product_rest))
    y = product / below
    back, back_rest = two_product(y, below)
    rest = ((product - back) - back_rest) + (product_rest - y * below_rest)
    return scaled(y + rest / below, k)


ERFC_END_F64 = (30.0, 40.0)  # beyond these, `erfc` is 0, and so is `ndtr` of the negative argument
ERFC_END_F32 = (12.0, 16.0)


@njit(**STRICT)
def erfc(x):
    """1 - erf(x); errors at most 1.9 and 1.9."""
    x = real(x)
    size = absolute(x)
    end, _ = constants(x, ERFC_END_F64, ERFC_END_F32)
    bounded = select(size < end, size, end)
    above, above_rest, below, below_rest = scaled_erfc_parts(bounded)
    far = with_gaussian(bounded, like(x, -1.0), above, above_rest, below, below_rest)
    y = select(size < like(x, 0.5), like(x, 1.0) - erf_near_zero(size), far)
    return select(x == x, select(x < like(x, 0.0), like(x, 2.0) - y, y), x)


LARGE = 1e10  # from here on, the square is the only term that matters
SQRT_HALF_F64 = (0.7071067811865475, 6.268583589525109e-17)
SQRT_HALF_F32 = (0.7071067690849304, 1.2101617485882343e-08)


@njit(**STRICT)
def ndtr(x):
    """The probability that a standard normal number is at most x; errors at most 1.9 and 2.0."""
    x = real(x)
    size = absolute(x)
    _, end = constants(x, ERFC_END_F64, ERFC_END_F32)
    bounded = select(size < end, size, end)
    half, (sqrt_half, sqrt_rest) = like(x, 0.5), constants(x, SQRT_HALF_F64, SQRT_HALF_F32)
    root, root_rest = two_product(bounded, sqrt_half)
    root_rest = muladd(bounded, sqrt_rest, root_rest)
    above, above_rest, below, below_rest = scaled_erfc_parts(root)
    below_rest = below_rest + (root_rest + root_rest)
    far = with_gaussian(bounded, -half, half * above, half * above_rest, below, below_rest)
    y = select(size < half, half - half * erf_near_zero(root), far)
    return select(x == x, select(x > like(x, 0.0), like(x, 1.0) - y, y), x)


@njit(**STRICT)
def log_ndtr(x):
    """The logarithm of `ndtr`; errors at most 2.9 and 2.9."""
    x = real(x)
    size, half = absolute(x), like(x, 0.5)
    tail = ndtr(-size)
    is_far = x < like(x, -1.0)
    bounded = select(size < like(x, LARGE), size, like(x, LARGE))
    above, _, below, _ = scaled_erfc_parts(bounded * constants(x, SQRT_HALF_F64, SQRT_HALF_F32)[0])
    y = log(select(is_far, half * above / below, tail))
    y = select(is_far, y - half * x * x, y)
    return select(x < like(x, 0.0), y, log1p(-tail))
