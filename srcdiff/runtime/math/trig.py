"""Sine, cosine and tangent for loops that LLVM vectorises, for float64 and float32.

x = n pi / 2 + r, with pi / 2 in four parts (Cody and Waite, Software Manual for the Elementary Functions, 1980), r as a
sum of two numbers, and polynomials for |r| <= pi / 4. The parts suffice up to 1.6e6 (3200 in float32). The C library
computes larger arguments one by one, in a call that LLVM makes for a vector if any element needs it. Constants are
printed by `tools/vmath_coefficients.py`; errors are the largest met by `tests/runtime/test_vmath.py`, as in
`exponential`.
"""

import math

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
    rarely,
    real,
    select,
    two_sum,
)

# The largest |x|, 2 / pi, and pi / 2 in parts of 33 bits (13 in float32): n times each is exact
QUARTERS_F64 = (
    1.6e6, 0.6366197723675813,
    1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32,
)  # fmt: skip
QUARTERS_F32 = (
    3200.0, 0.6366197466850281,
    1.570556640625, 0.0002396702766418457, 1.5890691429376602e-08, 2.5633440682570896e-12,
)  # fmt: skip


@njit(**STEP)
def reduced_by_half_pi(x):
    """The numbers n, r and the rounding error of r, with x = n pi / 2 + r and |r| <= pi / 4."""
    _, two_over_pi, first, second, third, fourth = constants(x, QUARTERS_F64, QUARTERS_F32)
    n = floor(muladd(x, two_over_pi, like(x, 0.5)))
    near, near_rest = two_sum(x - n * first, -(n * second))
    nearer, nearer_rest = two_sum(near, -(n * third))
    r, r_rest = two_sum(nearer, (near_rest + nearer_rest) - n * fourth)
    return n, r, r_rest


SIN_F64 = (
    -0.16666666666666666, 0.008333333333333331, -0.0001984126984126494, 2.7557319219243677e-06,
    -2.505210619936182e-08, 1.6058526388142101e-10, -7.586389554705215e-13,
)  # fmt: skip
SIN_F32 = (
    -0.1666666716337204, 0.008333331905305386, -0.00019840073946397752, 2.7248365768173244e-06,
)  # fmt: skip
COS_F64 = (
    0.041666666666666664, -0.0013888888888887359, 2.48015872987077e-05, -2.755731724172776e-07,
    2.0876140031390975e-09, -1.138218421447753e-11,
)  # fmt: skip
COS_F32 = (
    0.0416666641831398, -0.001388829667121172, 2.454665445839055e-05,
)  # fmt: skip


@njit(**STEP)
def sin_rest(r, r_rest):
    """sin(r + r_rest) - r."""
    z = r * r
    return muladd(r * z, polynomial(z, constants(r, SIN_F64, SIN_F32)), r_rest)


@njit(**STEP)
def cos_parts(r, r_rest):
    """cos(r + r_rest) as a sum of two numbers."""
    z = r * r
    half, one = like(r, 0.5) * z, like(r, 1.0)
    total = one - half
    rest = muladd(z * z, polynomial(z, constants(r, COS_F64, COS_F32)), -(r * r_rest))
    return total, ((one - total) - half) + rest


@njit(**STEP)
def is_odd(n):
    half = n * like(n, 0.5)
    return floor(half) != half


@njit(**STEP)
def sine_after(n, r, r_rest):
    """sin(n pi / 2 + r + r_rest)."""
    total, rest = cos_parts(r, r_rest)
    y = select(is_odd(n), total + rest, r + sin_rest(r, r_rest))
    return select(is_odd(floor(n * like(n, 0.5))), -y, y)


@njit(**STRICT)
def sin_of_library(x):
    return math.sin(x)


@njit(**STRICT)
def sin(x):
    """The sine; errors at most 0.9 and 0.9."""
    x = real(x)
    n, r, r_rest = reduced_by_half_pi(x)
    y = select(x == like(x, 0.0), x, sine_after(n, r, r_rest))
    if absolute(x) <= constants(x, QUARTERS_F64, QUARTERS_F32)[0]:
        return y
    return rarely(x, sin_of_library)


@njit(**STRICT)
def cos_of_library(x):
    return math.cos(x)


@njit(**STRICT)
def cos(x):
    """The cosine; errors at most 0.9 and 0.9."""
    x = real(x)
    n, r, r_rest = reduced_by_half_pi(x)
    y = sine_after(n + like(x, 1.0), r, r_rest)
    if absolute(x) <= constants(x, QUARTERS_F64, QUARTERS_F32)[0]:
        return y
    return rarely(x, cos_of_library)


@njit(**STRICT)
def tan_of_library(x):
    return math.tan(x)


@njit(**STRICT)
def tan(x):
    """The tangent; errors at most 1.5 and 1.7."""
    x = real(x)
    n, r, r_rest = reduced_by_half_pi(x)
    rest = sin_rest(r, r_rest)
    sine = r + rest
    rest = rest - (sine - r)
    total, total_rest = cos_parts(r, r_rest)
    cosine = total + total_rest
    total_rest = total_rest - (cosine - total)
    odd = is_odd(n)  # tan(r + pi / 2) = -cos(r) / sin(r)
    above, above_rest = select(odd, -cosine, sine), select(odd, -total_rest, rest)
    below, below_rest = select(odd, sine, cosine), select(odd, rest, total_rest)
    y = above / below
    y = y + (above_rest - y * below_rest) / below
    y = select(x == like(x, 0.0), x, y)
    if absolute(x) <= constants(x, QUARTERS_F64, QUARTERS_F32)[0]:
        return y
    return rarely(x, tan_of_library)
