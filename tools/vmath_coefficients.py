"""The constants of `srcdiff.runtime`: polynomials by Chebyshev interpolation, and numbers split in two or three.

    python tools/vmath_coefficients.py [NAME ...]

prints each as it stands in the runtime's modules, with the largest error of the polynomial before its coefficients are
rounded. A polynomial through the zeros of a Chebyshev polynomial is within a small factor of the best one of its degree
(Trefethen, Approximation Theory and Approximation Practice, 2013, chapter 16), so a Remez exchange is not needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np

mp.mp.dps = 80


@dataclass(frozen=True)
class Fit:
    """A polynomial of so many coefficients in z, close to `function` on [low, high]."""

    function: Callable[[mp.mpf], mp.mpf]
    low: float | mp.mpf
    high: float | mp.mpf
    double: int  # coefficients in float64
    single: int
    weight: Callable[[mp.mpf], mp.mpf] = lambda z: mp.mpf(1)  # of an error in the polynomial
    weighted: bool = False  # whether the fit looks at the weight, or only the report


def coefficients(fit: Fit, n: int) -> list[mp.mpf]:
    return weighted(fit, n) if fit.weighted else interpolated(fit, n)


def interpolated(fit: Fit, n: int) -> list[mp.mpf]:
    """Of the polynomial through the function's values at the zeros of the Chebyshev polynomial of degree `n`."""
    nodes = zeros(fit, n)
    divided = [fit.function(z) for z in nodes]
    for level in range(1, n):
        for k in range(n - 1, level - 1, -1):
            divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - level])
    result = [mp.mpf(0)] * n
    for k in range(n - 1, -1, -1):  # Newton's form to powers: result * (z - nodes[k]) + divided[k]
        result = [
            below - nodes[k] * same
            for below, same in zip([mp.mpf(0), *result[:-1]], result, strict=True)
        ]
        result[0] += divided[k]
    return result


def weighted(fit: Fit, n: int, rounds: int = 15) -> list[mp.mpf]:
    """Least squares whose weights grow where the error is large: Lawson's way to the smallest largest error."""
    nodes = zeros(fit, 5 * n)
    values, weights = [fit.function(z) for z in nodes], [fit.weight(z) for z in nodes]
    emphasis = [mp.mpf(1)] * len(nodes)
    best, smallest = [mp.mpf(0)] * n, mp.inf
    for _ in range(rounds):
        scale = [w**2 * e for w, e in zip(weights, emphasis, strict=True)]
        powers = [[z**k for k in range(n)] for z in nodes]
        normal = mp.matrix(n, n)
        right = mp.matrix(n, 1)
        for row, value, factor in zip(powers, values, scale, strict=True):
            for a in range(n):
                right[a] += factor * row[a] * value
                for b in range(n):
                    normal[a, b] += factor * row[a] * row[b]
        found = list(mp.lu_solve(normal, right))
        errors = [
            abs(mp.polyval(found[::-1], z) - v) * w
            for z, v, w in zip(nodes, values, weights, strict=True)
        ]
        if max(errors) < smallest:
            best, smallest = found, max(errors)
        emphasis = [e * error for e, error in zip(emphasis, errors, strict=True)]
        emphasis = [e / sum(emphasis) for e in emphasis]
    return best


def zeros(fit: Fit, n: int) -> list[mp.mpf]:
    """Of the Chebyshev polynomial of degree `n` on the interval."""
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    return [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * n))
        for k in range(n)
    ]


def largest_error(fit: Fit, found: list[mp.mpf]) -> mp.mpf:
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    points = [low + (high - low) * (k + mp.mpf("0.37")) / 200 for k in range(200)]
    return max(abs((mp.polyval(found[::-1], z) - fit.function(z)) * fit.weight(z)) for z in points)


def text(number: mp.mpf, dtype: type) -> str:
    return repr(float(dtype(float(number)) if dtype is np.float64 else nearest_single(number)))


def nearest_single(number: mp.mpf) -> float:
    mantissa, exponent = mp.frexp(number)
    return float(mp.ldexp(mp.nint(mp.ldexp(mantissa, 24)), exponent - 24))


def split(number: mp.mpf, *bits: int) -> list[mp.mpf]:
    """Parts of so many bits each, and what is left: Cody and Waite's splitting."""
    parts = []
    for b in bits:
        _, exponent = mp.frexp(number)
        head = mp.ldexp(mp.floor(mp.ldexp(number, b - exponent)), exponent - b)
        parts.append(head)
        number -= head
    return [*parts, number]


LN2 = mp.log(2)


def exp_rest(r: mp.mpf) -> mp.mpf:
    return sum((r**k / mp.factorial(k + 2) for k in range(60)), mp.mpf(0))


def log_rest(z: mp.mpf) -> mp.mpf:
    """(log(1 + f) - f + f**2 / 2 - s f**2 / 2) / (s z) with s = f / (2 + f) and z = s**2: see `log`."""
    return sum((2 * z**k / (2 * k + 3) for k in range(200)), mp.mpf(0))


def tanh_rest(z: mp.mpf) -> mp.mpf:
    if z < mp.mpf(10) ** -20:
        return mp.mpf(-1) / 3
    x = mp.sqrt(z)
    return (mp.tanh(x) - x) / x**3


def sinh_rest(z: mp.mpf) -> mp.mpf:
    return sum((z**k / mp.factorial(2 * k + 3) for k in range(40)), mp.mpf(0))


def sin_rest(z: mp.mpf) -> mp.mpf:
    return sum(((-1) ** (k + 1) * z**k / mp.factorial(2 * k + 3) for k in range(40)), mp.mpf(0))


def cos_rest(z: mp.mpf) -> mp.mpf:
    return sum(((-1) ** k * z**k / mp.factorial(2 * k + 4) for k in range(40)), mp.mpf(0))


def erf_rest(z: mp.mpf) -> mp.mpf:
    return (
        2
        / mp.sqrt(mp.pi)
        * sum(((-z) ** k / mp.factorial(k) / (2 * k + 1) for k in range(60)), mp.mpf(0))
        - 1
    )


def stirling_rest(w: mp.mpf) -> mp.mpf:
    """(log(gamma(x)) - (x - 1/2) log(x) + x - log(2 pi) / 2) x, of w = 1 / x**2."""
    if w < mp.mpf(10) ** -12:
        return mp.mpf(1) / 12 - w / 360
    x = 1 / mp.sqrt(w)
    return (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2) * x


def digamma_rest(w: mp.mpf) -> mp.mpf:
    """(log(x) - 1 / (2 x) - digamma(x)) x**2, of w = 1 / x**2."""
    if w < mp.mpf(10) ** -12:
        return mp.mpf(1) / 12 - w / 120
    x = 1 / mp.sqrt(w)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / w


def erfcx_rest(t: mp.mpf) -> mp.mpf:
    """(1 + 2 x) exp(x**2) erfc(x) of t = (x - 3.75) / (x + 3.75)."""
    if 1 - t < mp.mpf(10) ** -30:
        return 2 / mp.sqrt(mp.pi)
    x = 3.75 * (1 + t) / (1 - t)
    if x < 200:
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)
    terms = [mp.fac2(2 * k - 1) / (-2 * x * x) ** k for k in range(12)]
    return (1 + 2 * x) * sum(terms, mp.mpf(0)) / (x * mp.sqrt(mp.pi))


FITS = {
    "EXP": Fit(exp_rest, -LN2 / 2, LN2 / 2, 10, 5, lambda r: r**2),
    "LOG": Fit(log_rest, 0, (3 - 2 * mp.sqrt(2)) ** 2, 8, 4, lambda z: z ** mp.mpf(1.5)),
    "TANH": Fit(tanh_rest, 0, 0.36, 11, 5, lambda z: z),
    "SIN": Fit(sin_rest, 0, 0.62, 7, 4, lambda z: z),
    "COS": Fit(cos_rest, 0, 0.62, 6, 3, lambda z: z**2),
    "ERF": Fit(erf_rest, 0, 1, 12, 7),
    "ERFC": Fit(
        lambda t: -mp.log(mp.erfc(t + 1)), 0, 5, 18, 7, lambda t: mp.erfc(t + 1), weighted=True
    ),
    "ERFCX": Fit(erfcx_rest, -1, 1, 26, 13),
    "STIRLING": Fit(stirling_rest, 0, mp.mpf(1) / 16, 9, 4, mp.sqrt),
    "LGAMMA": Fit(lambda d: mp.loggamma(2 + d) / d, 0, 1, 17, 8, lambda d: d),
    "DIGAMMA_FAR": Fit(digamma_rest, 0, mp.mpf(1) / 16, 10, 4, lambda w: w),
    "DIGAMMA": Fit(lambda t: mp.digamma(1.5 + t), -0.5, 0.5, 22, 11),
    "SINH": Fit(sinh_rest, 0, 1, 7, 4, lambda z: z),
}
SPLITS = {  # number, bits of the leading parts in float64 and in float32
    "LN2": (LN2, (32,), (15,)),  # k times the head is exact for every exponent k
    "PI": (mp.pi, (53,), (24,)),
    "SQRT_HALF": (mp.sqrt(0.5), (53,), (24,)),
    "LOG_PI": (mp.log(mp.pi), (53,), (24,)),
    "LOG_2_PI": (mp.log(2 * mp.pi) / 2 - 0.5, (53,), (24,)),
    "HALF_PI": (mp.pi / 2, (33, 33, 33), (13, 13, 13)),
    "TWO_OVER_PI": (2 / mp.pi, (53,), (24,)),
    "LN2_FULL": (LN2, (53,), (24,)),
    "LOG2_E": (1 / LN2, (53,), (24,)),
    "LOG10_2": (mp.log(2, 10), (32,), (15,)),
    "LOG10_E": (1 / mp.log(10), (53,), (24,)),
}


def show(name: str) -> None:
    for dtype in (np.float64, np.float32):
        label = f"{name} {dtype.__name__}"
        if name in SPLITS:
            number, double, single = SPLITS[name]
            parts = split(number, *(double if dtype is np.float64 else single))
            print(f"{label}: {', '.join(text(p, dtype) for p in parts)}")
            continue
        fit = FITS[name]
        found = coefficients(fit, fit.double if dtype is np.float64 else fit.single)
        print(f"{label}: largest error {mp.nstr(largest_error(fit, found), 3)}")
        texts = [text(c, dtype) for c in found]
        print("".join(f"    {', '.join(texts[k : k + 4])},\n" for k in range(0, len(texts), 4)))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*SPLITS, *FITS]:
        show(wanted)
