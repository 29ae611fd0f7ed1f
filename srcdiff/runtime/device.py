"""Device functions: scalar functions for CUDA kernels that Python, `math` and NumPy's scalars lack on a device.

    from srcdiff.runtime.device import digamma      # for float64
    from srcdiff.runtime.device import digammaf     # for float32: no operation in double precision

Numba compiles them for the device, and its simulator runs them as Python. Functions of libdevice are called through
`math`, and are as accurate as CUDA's documentation states (1 or 2 units of the last place for most).
"""

from __future__ import annotations

import math

import numpy as np

from srcdiff.runtime.cuda.numba_cuda_api import cuda

# Stirling's series of digamma: B_2k / 2k
_STIRLING = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
# Stirling's series of the derivatives of digamma: B_2k
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


# Each of the following functions makes device functions for one float type, in which all their numbers are.
_inline = cuda.jit(device=True)


def _signs(real):
    """Signs, steps, and replacement of NaN and infinities."""
    zero, one = real(0.0), real(1.0)
    most = real(np.finfo(real).max)

    @_inline
    def sign(x):
        """-1, 0 or 1; NaN for NaN."""
        return one if x > zero else -one if x < zero else x

    @_inline
    def signbit(x):
        """Whether the sign bit is set, also for zeros."""
        return math.copysign(one, x) < zero

    @_inline
    def nan_to_num(x):
        """0 for NaN, the largest finite numbers for infinities."""
        return zero if x != x else min(max(x, -most), most)

    @_inline
    def heaviside(x, h0):
        """0 below 0, `h0` at 0, 1 above; NaN for NaN."""
        return one if x > zero else zero if x < zero else h0 if x == zero else x

    return sign, signbit, nan_to_num, heaviside


def _whole_numbers(real, whole):
    """Rounding to integers; from `whole` on, all floats are integers."""
    zero, half, one, two = real(0.0), real(0.5), real(1.0), real(2.0)
    whole = real(whole)

    @_inline
    def floor(x):
        """The largest integer that is not larger than x."""
        return math.copysign(real(math.floor(x)), x) if abs(x) < whole else x

    @_inline
    def ceil(x):
        """The smallest integer that is not smaller than x."""
        return math.copysign(real(math.ceil(x)), x) if abs(x) < whole else x

    @_inline
    def trunc(x):
        """The integer part."""
        return math.copysign(real(math.floor(abs(x))), x) if abs(x) < whole else x

    @_inline
    def rint(x):
        """The nearest integer; at ties, the even one."""
        if not abs(x) < whole:
            return x
        low = real(math.floor(x))
        rest = x - low
        up = rest > half or (rest == half and low - two * real(math.floor(low * half)) != zero)
        return math.copysign(low + one if up else low, x)

    return floor, ceil, trunc, rint


def _logistic(real):
    """The logistic function, its inverse and logarithm, and sums of exponentials."""
    zero, one, two = real(0.0), real(1.0), real(2.0)

    @_inline
    def expit(x):
        """1 / (1 + exp(-x))."""
        return one / (one + math.exp(-x))

    @_inline
    def softplus(x):
        """log(1 + exp(x))."""
        top = x if x > zero or x != x else zero
        return top + math.log1p(math.exp(-abs(x)))

    @_inline
    def log_expit(x):
        """log(1 / (1 + exp(-x)))."""
        return -softplus(-x)

    @_inline
    def logaddexp(x, y):
        """log(exp(x) + exp(y)); equal infinities are returned as they are."""
        if x == y:
            return x + math.log(two)
        low, high = (x, y) if x < y else (y, x)
        return high + math.log1p(math.exp(low - high))

    @_inline
    def logit(x):
        """log(x / (1 - x))."""
        return math.log(x / (one - x))

    return expit, softplus, log_expit, logaddexp, logit


def _logarithms(real):
    """Products with logarithms, which are 0 if the factor is 0; entropy; and the cube root."""
    zero, third = real(0.0), real(1.0 / 3.0)
    infinity = real(np.inf)

    @_inline
    def cbrt(x):
        """The cube root."""
        if x == zero or not abs(x) < infinity:
            return x
        y = math.exp(math.log(abs(x)) * third)
        y -= (y - abs(x) / (y * y)) * third
        return math.copysign(y, x)

    @_inline
    def xlogy(x, y):
        """`x log(y)`: 0 where x is 0 and y is not NaN."""
        return zero if x == zero and y == y else x * math.log(y)

    @_inline
    def xlog1py(x, y):
        """`x log(1 + y)`: 0 where x is 0 and y is not NaN."""
        return zero if x == zero and y == y else x * math.log1p(y)

    @_inline
    def entr(x):
        """-x log(x); 0 at 0, -inf below."""
        return zero if x == zero else -infinity if x < zero else -x * math.log(x)

    return cbrt, xlogy, xlog1py, entr


def _normal(real, tail):
    """The normal distribution; below `tail`, the asymptotic series is accurate."""
    half, one = real(0.5), real(1.0)
    root_half, log_root = real(math.sqrt(0.5)), real(0.5 * math.log(2.0 * math.pi))
    t2, t3, t4, t5 = real(3.0), real(-15.0), real(105.0), real(-945.0)
    tail = real(tail)

    @_inline
    def ndtr(x):
        """The distribution function of the standard normal distribution."""
        return half * math.erfc(-x * root_half)

    @_inline
    def log_ndtr(x):
        """The logarithm of `ndtr`: by an asymptotic series below `tail`."""
        if x > one:
            return math.log1p(-half * math.erfc(x * root_half))
        if x > tail:
            return math.log(half * math.erfc(-x * root_half))
        r = one / (x * x)
        series = math.log1p(r * (-one + r * (t2 + r * (t3 + r * (t4 + r * t5)))))
        return -half * x * x - math.log(-x) - log_root + series

    return ndtr, log_ndtr


def _digamma(real, large, floor):
    """The digamma function, and the logarithm of the beta function; from `large` on, Stirling's series is accurate."""
    zero, half, one = real(0.0), real(0.5), real(1.0)
    infinity, nan, pi = real(np.inf), real(np.nan), real(math.pi)
    s1, s2, s3, s4, s5, s6, s7 = map(real, _STIRLING)
    large = real(large)

    @_inline
    def digamma(x):
        """The derivative of lgamma; by reflection below 0, recurrence and Stirling's series (A&S 6.3.5 to 6.3.18)."""
        if x == -infinity or (x <= zero and x == floor(x)):
            return nan if x != zero else math.copysign(infinity, -x)
        shift = zero
        if x < zero:
            fraction = x - floor(x)
            shift = -pi / math.tan(pi * fraction)
            x = one - x
        while x < large:
            shift -= one / x
            x += one
        r = one / (x * x)
        series = r * (s1 + r * (s2 + r * (s3 + r * (s4 + r * (s5 + r * (s6 + r * s7))))))
        return shift + math.log(x) - half / x - series

    @_inline
    def betaln(a, b):
        """The logarithm of |B(a, b)|."""
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    return digamma, betaln


def _next_factor(real):
    """(n + k)(n + k + 1) / ((k + 1)(k + 2)) x^-2 times a factor of the series below."""
    one, two = real(1.0), real(2.0)

    @_inline
    def more(rising, order, r, k):
        j = real(k)
        return rising * (order + j) * (order + j + one) * r / ((j + one) * (j + two))

    return more


def _polygamma(real, large):
    """Derivatives of digamma; from `large` plus the order on, Stirling's series is accurate."""
    zero, half, one = real(0.0), real(0.5), real(1.0)
    infinity, nan, large = real(np.inf), real(np.nan), real(large)
    b1, b2, b3, b4, b5, b6, b7 = map(real, _BERNOULLI)

    more = _next_factor(real)

    @_inline
    def polygamma(n, x):
        """The n-th derivative of digamma, for n from 1 to 4 and positive x (A&S 6.4.6, 6.4.11)."""
        if n < 1 or n > 4 or not x > zero:
            return nan if x != zero else infinity
        order = real(n)
        factorial = one  # (n - 1)!
        for k in range(2, n):
            factorial *= real(k)
        total = zero
        while x < large + order:
            total += factorial * order * x ** (-n - 1)
            x += one
        r = one / (x * x)
        total += factorial * x ** (-n) + factorial * order * half * x ** (-n - 1)
        # B_2k (2k + n - 1)! / (2k)! x^-(2k + n)
        rising = factorial * order * (order + one) * half * x ** (-n) * r
        total += b1 * rising
        rising = more(rising, order, r, 2)
        total += b2 * rising
        rising = more(rising, order, r, 4)
        total += b3 * rising
        rising = more(rising, order, r, 6)
        total += b4 * rising
        rising = more(rising, order, r, 8)
        total += b5 * rising
        rising = more(rising, order, r, 10)
        total += b6 * rising
        rising = more(rising, order, r, 12)
        total += b7 * rising
        return total if n % 2 else -total

    return polygamma


_double, _single = np.float64, np.float32

sign, signbit, nan_to_num, heaviside = _signs(_double)
signf, signbitf, nan_to_numf, heavisidef = _signs(_single)
floor, ceil, trunc, rint = _whole_numbers(_double, 2.0**52)
floorf, ceilf, truncf, rintf = _whole_numbers(_single, 2.0**23)
expit, softplus, log_expit, logaddexp, logit = _logistic(_double)
expitf, softplusf, log_expitf, logaddexpf, logitf = _logistic(_single)
cbrt, xlogy, xlog1py, entr = _logarithms(_double)
cbrtf, xlogyf, xlog1pyf, entrf = _logarithms(_single)
ndtr, log_ndtr = _normal(_double, -30.0)
ndtrf, log_ndtrf = _normal(_single, -10.0)
digamma, betaln = _digamma(_double, 10.0, floor)
digammaf, betalnf = _digamma(_single, 6.0, floorf)
polygamma = _polygamma(_double, 10.0)
polygammaf = _polygamma(_single, 6.0)
