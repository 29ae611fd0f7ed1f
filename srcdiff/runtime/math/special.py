"""The error function, log gamma and digamma for loops that LLVM vectorises, for float64 and float32.

Polynomials serve near 0 and up to 4; beyond, Stirling's series is a polynomial in 1 / x**2 (Abramowitz and Stegun,
Handbook of Mathematical Functions, 6.1.40 and 6.3.18). Negative arguments of log gamma and digamma are rare: the
reflection formulas (6.1.17, 6.3.7) compute them one by one, in a call that LLVM makes for a vector if any element needs
it. Constants are printed by `tools/vmath_coefficients.py`; errors are the largest met by `tests/runtime/test_vmath.py`,
as in `exponential`.
"""

import math

from numba import njit

from srcdiff.runtime.math.exponential import exp_parts, reduced
from srcdiff.runtime.math.llvm_primitives import (
    STRICT,
    absolute,
    constants,
    floor,
    like,
    muladd,
    polynomial,
    power_of_two,
    rarely,
    real,
    select,
    two_product,
    two_sum,
    with_sign,
)
from srcdiff.runtime.math.logarithm import log, log_as_sum
from srcdiff.runtime.math.trig import cos_parts, sin_rest

ERF_F64 = (
    0.12837916709551256, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777,
    0.0052239776071164225, -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05,
    1.6447424703317362e-06, -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
ERF_F32 = (
    0.12837916612625122, -0.3761262595653534, 0.11283594369888306, -0.02685421146452427,
    0.005189087241888046, -0.000801686430349946, 7.875874871388078e-05,
)  # fmt: skip
ERFC_F64 = (  # -log(1 - erf(1 + t))
    1.8496055099332482, 2.6389675142347744, 0.8431072563594807, 0.041561098023837915,
    -0.010033825167484797, 0.0019779011511439834, -0.00023731620282075629, -2.629689397627133e-05,
    2.719995151564821e-05, -9.672597492284834e-06, 2.1330535859889783e-06, -2.0555917976671973e-07,
    -5.764440993766577e-08, 3.326096942819428e-08, -8.486338670451862e-09, 1.3137378532698464e-09,
    -1.18796980332842e-10, 4.841533560447098e-12,
)  # fmt: skip
ERFC_F32 = (
    1.8496055603027344, 2.6389667987823486, 0.8431187868118286, 0.04149932414293289,
    -0.009889265522360802, 0.00182534649502486, -0.00018542476755101234,
)  # fmt: skip
ERF_END_F64 = 6.0  # the result is 1 from here on
ERF_END_F32 = 4.0


@njit(**STRICT)
def erf_near_zero(size):
    """erf(size) for size up to 1."""
    return muladd(size, polynomial(size * size, constants(size, ERF_F64, ERF_F32)), size)


@njit(**STRICT)
def erf(x):
    """The error function; errors at most 1.2 and 1.2.

    x + x p(x**2) up to 1, otherwise 1 - exp(-q(x - 1)).
    """
    x = real(x)
    size = absolute(x)
    small = erf_near_zero(size)
    one, end = like(x, 1.0), constants(x, ERF_END_F64, ERF_END_F32)
    decay = polynomial(select(size < end, size, end) - one, constants(x, ERFC_F64, ERFC_F32))
    k, r, r_rest = reduced(-decay)
    total, rest = exp_parts(r, r_rest)
    large = one - (total + rest) * power_of_two(k)
    return select(x == x, with_sign(select(size < one, small, large), x), x)


# log(gamma(2 + d)) / d; log(2 pi) / 2 - 1 / 2 in two parts; (log(gamma(x)) - ...) x of 1 / x**2
LGAMMA_F64 = (
    0.42278433509846713, 0.32246703342411276, -0.06735230105315392, 0.020580808426093205,
    -0.007385550994468451, 0.0028905099092988804, -0.0011927504708616357, 0.0005096498775058962,
    -0.00022307340973614113, 9.920719737440423e-05, -4.434429266466537e-05, 1.9474032684790926e-05,
    -8.029176213047633e-06, 2.886878253165098e-06, -8.157095534193105e-07, 1.5540880982714287e-07,
    -1.4586003484400256e-08,
)  # fmt: skip
LGAMMA_F32 = (
    0.42278432846069336, 0.3224668502807617, -0.06734823435544968, 0.02054719068109989,
    -0.007245772518217564, 0.002562539651989937, -0.0007337695569731295, 0.0001140505846706219,
)  # fmt: skip
STIRLING_F64 = (
    0.08333333333333331, -0.0027777777777176055, 0.0007936507676291937, -0.0005952337085914222,
    0.0008413741438815142, -0.0018988790775843355, 0.005842830219816524, -0.018529842349409912,
    0.03686739114470535,
)  # fmt: skip
STIRLING_F32 = (
    0.0833333358168602, -0.0027777377981692553, 0.000790374877396971, -0.0005066983285360038,
)  # fmt: skip
LOG_2_PI_F64 = (0.4189385332046727, 1.6728209650585413e-17)
LOG_2_PI_F32 = (0.4189385175704956, 1.563417661998301e-08)


@njit(**STRICT)
def lgamma_parts(x):
    """log(gamma(x)) for x > 0 as a sum of two numbers: shifted to [2, 3) below 4, Stirling's series from there on."""
    one = like(x, 1.0)
    d = x - floor(x)
    near = d * polynomial(d, constants(x, LGAMMA_F64, LGAMMA_F32))
    shift = select(x < like(x, 3.0), one, select(x < like(x, 4.0), x - one, x))
    shift = select(x < one, x * (x + one), select(x < like(x, 2.0), x, shift))
    total, rest = log_as_sum(shift)

    above = x >= like(x, 3.0)
    close, close_rest = two_sum(near, select(above, total, -total))
    close_rest = close_rest + select(above, rest, -rest)

    # (x - 1/2) (log(x) - 1) + log(2 pi) / 2 - 1/2 + s(1 / x**2) / x
    constant, constant_rest = constants(x, LOG_2_PI_F64, LOG_2_PI_F32)
    inverse = one / x
    series = inverse * polynomial(inverse * inverse, constants(x, STIRLING_F64, STIRLING_F32))
    factor = x - like(x, 0.5)
    total, total_rest = two_sum(total, -one)
    total, rest = two_sum(total, total_rest + rest)  # the product overflows only if the result does
    product, product_rest = two_product(factor, total)
    far, far_rest = two_sum(product, constant)
    far_rest = far_rest + muladd(factor, rest, product_rest) + (constant_rest + series)

    is_far = x >= like(x, 4.0)
    return select(is_far, far, close), select(is_far, far_rest, close_rest)


@njit(**STRICT)
def lgamma(x):
    """The logarithm of |gamma(x)|; errors at most 1.4 and 1.7 in units of max(1, |result|)."""
    x = real(x)
    total, rest = lgamma_parts(x)
    infinity = like(x, math.inf)
    y = select(absolute(total) < infinity, total + rest, infinity)
    if x >= like(x, 0.0):
        return select(x == like(x, 0.0), infinity, y)
    return rarely(x, lgamma_below_zero)


PI_F64 = (3.141592653589793, 1.2246467991473532e-16)
PI_F32 = (3.141592502593994, 1.5099580252808664e-07)
LOG_PI_F64 = (1.1447298858494002, 1.0265951162707826e-17)
LOG_PI_F32 = (1.1447298526763916, 3.317300922844879e-08)
EULER = 0.5772156649015329
NEAR_ZERO_F64 = 1e-10  # up to here, the first two terms of the series at 0 suffice
NEAR_ZERO_F32 = 1e-5


@njit(**STRICT)
def sin_cos_of_pi(r):
    """sin(pi r) and cos(pi r) for 0 <= r <= 1/2, each as a sum of two numbers."""
    pi, pi_rest = constants(r, PI_F64, PI_F32)
    swapped = r > like(r, 0.25)
    r = select(swapped, like(r, 0.5) - r, r)
    angle, angle_rest = two_product(r, pi)
    angle_rest = muladd(r, pi_rest, angle_rest)
    sine, sine_rest = two_sum(angle, sin_rest(angle, angle_rest))
    cosine, cosine_rest = cos_parts(angle, angle_rest)
    _, square_rest = two_product(angle, angle)
    cosine, cosine_rest = two_sum(cosine, cosine_rest - like(r, 0.5) * square_rest)
    if swapped:
        return cosine, cosine_rest, sine, sine_rest
    return sine, sine_rest, cosine, cosine_rest


@njit(**STRICT)
def lgamma_below_zero(x):
    """log(pi / |x sin(pi x)|) - log(gamma(-x))."""
    size = -x
    fraction = size - floor(size)
    if not size > like(x, 0.0):
        return x  # NaN
    if fraction == like(x, 0.0) or size == like(x, math.inf):
        return like(x, math.inf)
    if size < constants(x, NEAR_ZERO_F64, NEAR_ZERO_F32):
        return like(x, EULER) * size - log(size)
    sine, sine_rest, _, _ = sin_cos_of_pi(min(fraction, like(x, 1.0) - fraction))
    product, product_rest = two_product(size, sine)
    product_rest = muladd(size, sine_rest, product_rest)
    log_product, log_rest = log_as_sum(product)
    log_rest = log_rest + product_rest / product
    log_pi, log_pi_rest = constants(x, LOG_PI_F64, LOG_PI_F32)
    total, total_rest = two_sum(log_pi, -log_product)
    mirrored, mirrored_rest = lgamma_parts(size)
    y, y_rest = two_sum(total, -mirrored)
    return y + (y_rest + (total_rest + log_pi_rest - log_rest - mirrored_rest))


# digamma(3/2 + t); (log(x) - 1 / (2 x) - digamma(x)) x**2 of 1 / x**2
DIGAMMA_F64 = (
    0.0364899739785765, 0.9348022005446793, -0.41439832211714145, 0.2348485056670605,
    -0.14476040944742982, 0.09261290502227053, -0.06035822732016626, 0.0397258303531183,
    -0.02628873997739475, 0.017450359657481877, -0.011603964516989923, 0.007724363719574517,
    -0.005146270287365128, 0.0034290235129665596, -0.0022756632720680203, 0.0015168198257324674,
    -0.001057307667036133, 0.0007048256845646838, -0.0003321422165075934, 0.00022142097826186263,
    -0.00037956591857904963, 0.00025304247775313944,
)  # fmt: skip
DIGAMMA_F32 = (
    0.036489974707365036, 0.9348022937774658, -0.4143984019756317, 0.23483963310718536,
    -0.14475449919700623, 0.09280868619680405, -0.06048865243792534, 0.03798675537109375,
    -0.025130217894911766, 0.023982297629117966, -0.015955312177538872,
)  # fmt: skip
DIGAMMA_FAR_F64 = (
    0.0833333333333333, -0.00833333333322018, 0.003968253907681641, -0.00416665393289541,
    0.007574376314502456, -0.021004729764303443, 0.07978585893797804, -0.3487583555569305,
    1.317667749896685, -2.7632461441771197,
)  # fmt: skip
DIGAMMA_FAR_F32 = (
    0.0833333358168602, -0.008332990109920502, 0.003940102178603411, -0.00339705403894186,
)  # fmt: skip


@njit(**STRICT)
def digamma_parts(x):
    """The digamma function for x > 0 as a sum of two numbers: shifted to [1, 2) below 4, the series from there on."""
    zero, half, one = like(x, 0.0), like(x, 0.5), like(x, 1.0)
    two, three, four = like(x, 2.0), like(x, 3.0), like(x, 4.0)
    t = x - floor(x) - half
    near = polynomial(t, constants(x, DIGAMMA_F64, DIGAMMA_F32))
    # digamma(x) - digamma(1 + x % 1) below 4, 1 / x above: in one division
    above = select(x < three, one, select(x < four, x + x - three, one))
    above = select(x < one, -one, select(x < two, zero, above))
    below = select(x < three, x - one, select(x < four, (x - one) * (x - two), x))
    below = select(x < one, x, select(x < two, one, below))
    quotient = above / below
    close, close_rest = two_sum(near, quotient)

    total, rest = log_as_sum(x)
    square = quotient * quotient
    far, far_rest = two_sum(total, -half * quotient)
    far_rest = far_rest + (
        rest - square * polynomial(square, constants(x, DIGAMMA_FAR_F64, DIGAMMA_FAR_F32))
    )
    return select(x >= four, far, close), select(x >= four, far_rest, close_rest)


@njit(**STRICT)
def digamma(x):
    """The derivative of `lgamma`; errors at most 1.7 and 1.9 in units of max(1, |result|)."""
    x = real(x)
    total, rest = digamma_parts(x)
    infinity = like(x, math.inf)
    y = select(absolute(total) < infinity, total + rest, total)
    if x > like(x, 0.0):
        return select(x < infinity, y, x)
    return rarely(x, digamma_up_to_zero)


@njit(**STRICT)
def digamma_up_to_zero(x):
    """digamma(-x) - 1 / x - pi cot(pi x)."""
    size = -x
    one = like(x, 1.0)
    fraction = size - floor(size)
    if size < constants(x, NEAR_ZERO_F64, NEAR_ZERO_F32):  # zeros of both signs included
        return one / size - like(x, EULER)
    if not size < like(x, math.inf) or fraction == like(x, 0.0):
        return like(x, math.nan)
    sine, sine_rest, cosine, cosine_rest = sin_cos_of_pi(min(fraction, one - fraction))
    cotangent = cosine / sine
    product, product_rest = two_product(cotangent, sine)
    cotangent_rest = (
        (cosine - product) - product_rest + (cosine_rest - cotangent * sine_rest)
    ) / sine
    pi, pi_rest = constants(x, PI_F64, PI_F32)
    reflected, reflected_rest = two_product(cotangent, pi)
    reflected_rest = reflected_rest + muladd(cotangent, pi_rest, cotangent_rest * pi)
    if fraction > like(x, 0.5):
        reflected, reflected_rest = -reflected, -reflected_rest

    # digamma(1 + size): one step down from there, or all of them to [1, 2)
    is_far = size >= like(x, 4.0)
    t = fraction - like(x, 0.5)
    mirrored, mirrored_rest = polynomial(t, constants(x, DIGAMMA_F64, DIGAMMA_F32)), like(x, 0.0)
    if is_far:
        mirrored, mirrored_rest = digamma_parts(size)
    step = size
    while step >= one:
        inverse = one / step
        product, product_rest = two_product(inverse, step)
        mirrored, more = two_sum(mirrored, inverse)
        mirrored_rest = mirrored_rest + more + ((one - product) - product_rest) * inverse
        step = like(x, 0.0) if is_far else step - one
    y, y_rest = two_sum(reflected, mirrored)
    return y + (y_rest + (reflected_rest + mirrored_rest))


# B(2 j) / (2 j)! of Bernoulli's numbers
BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000, 43867 / 5109094217170944000,
)  # fmt: skip


@njit(**STRICT)
def polygamma_sum(n, x):
    """The sum of n! / (x + k)**(n + 1) over k >= 0, for n > 0."""
    s = float(n + 1)
    total = k = 0.0
    while x + k < 10.0 + n:
        total += (x + k) ** -s
        k += 1.0
    x += k
    tail, last, term = 0.5, s, s / x
    for c in BERNOULLI:
        tail += c * term
        term *= (last + 1.0) / x * ((last + 2.0) / x)
        last += 2.0
    return math.gamma(s) * (total + x**-s * (x / n + tail))


@njit(**STRICT)
def polygamma(n, x):
    """The derivative of order `n` of `digamma`, n >= 0; errors at most 5.0 and 0.6 for x > 0 and n from 1 to 4.

    The sum of n! / (x + k)**(n + 1) by Euler and Maclaurin's formula (Abramowitz and Stegun, 23.2.9), in float64: loops
    that call it are not vectorised.
    """
    x = real(x)
    if n == 0:
        return digamma(x)
    wide = float(x)
    if wide == math.inf:
        result = 0.0
    elif wide <= 0.0 and math.floor(wide) == wide:
        result = math.inf
    else:
        result = polygamma_sum(n, wide)
    return like(x, result if n % 2 else -result)
