"""Elementary functions that LLVM vectorises, for the hand-written adjoints.

Numba calls libm for `math.exp` and its like, one element at a time. These are branch-free: a clamp, a reduction, a
polynomial. They are their own compiled functions with their own flags, because a caller's `reassoc` would fold the
reductions away. Accurate to about 1 ulp (`tanh` and `sigmoid` 3) for finite arguments; `exp` gives 0 below -708, `log`
gives -inf at 0, `sin_cos` wants |x| < 1e5. They serve benchmarks: subnormal results and nan are not looked after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

FLAGS = {"contract", "reassoc", "arcp", "nsz"}  # nnan and ninf would lose -inf, which is log 0


def hand(function: Callable[..., Any]) -> Any:
    """What a hand-written adjoint is compiled with."""
    return njit(error_model="numpy", fastmath=FLAGS)(function)


def elementary(function: Callable[..., Any]) -> Any:
    return njit(forceinline=True, error_model="numpy", fastmath={"contract"})(function)


@intrinsic
def _float_of_bits(context, bits):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def _bits_of_float(context, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@elementary
def exp(x):
    """2^k times a polynomial of the rest, which is at most ln(2)/2."""
    y = min(max(x, -708.0), 709.7)
    k = np.floor(y * LOG2_E + 0.5)
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    scaled = p * _float_of_bits((np.int64(k) + 1023) << 52)
    return scaled if x > -708.0 else 0.0


SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
EXPONENT_BITS = np.int64(-0x10000000000000)  # sign and exponent: 0xFFF0...


@elementary
def log(x):
    """fdlibm's: the mantissa is taken between sqrt(1/2) and sqrt(2)."""
    bits = _bits_of_float(x)
    above = bits - SQRT_HALF_BITS
    k = np.float64(above >> 52)
    f = _float_of_bits(bits - (above & EXPONENT_BITS)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = 1.479819860511658591e-01
    r = r * z + 1.531383769920937332e-01
    r = r * z + 1.818357216161805012e-01
    r = r * z + 2.222219843214978396e-01
    r = r * z + 2.857142874366239149e-01
    r = r * z + 3.999999999940941908e-01
    r = r * z + 6.666666666666735130e-01
    half = 0.5 * f * f
    value = k * LN2_HIGH - ((half - (s * (half + r * z) + k * LN2_LOW)) - f)
    return value if x > 0.0 else -np.inf


@elementary
def sigmoid(x):
    return 1.0 / (1.0 + exp(-x))


@elementary
def tanh(x):
    """Cephes' fraction for |x| < 0.625, 1 - 2/(exp(2|x|) + 1) above; one division serves both."""
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
    q += 4.84406305325125486048e3
    small = abs(x) < 0.625
    sign = 1.0 if x > 0.0 else -1.0
    above = x * z * p if small else -2.0 * sign
    below = q if small else exp(2.0 * abs(x)) + 1.0
    return (x if small else sign) + above / below


HALF_PI_HIGH, HALF_PI_MIDDLE = 1.5707963267341256, 6.077100506303966e-11
HALF_PI_LOW = 2.0222662487959506e-21


@elementary
def sin_cos(x):
    """Both at once, from the rest after multiples of pi/2."""
    k = np.floor(x * 0.6366197723675814 + 0.5)
    r = ((x - k * HALF_PI_HIGH) - k * HALF_PI_MIDDLE) - k * HALF_PI_LOW
    z = r * r
    s = 1.58969099521155010221e-10
    s = s * z - 2.50507602534068634195e-08
    s = s * z + 2.75573137070700676789e-06
    s = s * z - 1.98412698298579493134e-04
    s = s * z + 8.33333333332248946124e-03
    s = s * z - 1.66666666666666324348e-01
    s = r + r * z * s
    c = -1.13596475577881948265e-11
    c = c * z + 2.08757232129817482790e-09
    c = c * z - 2.75573143513906633035e-07
    c = c * z + 2.48015872894767294178e-05
    c = c * z - 1.38888888888741095749e-03
    c = c * z + 4.16666666666666019037e-02
    c = 1.0 - 0.5 * z + z * z * c
    quadrant = np.int64(k) & 3
    sine = c if quadrant & 1 else s
    cosine = s if quadrant & 1 else c
    return (-sine if quadrant & 2 else sine), (-cosine if (quadrant + 1) & 2 else cosine)
