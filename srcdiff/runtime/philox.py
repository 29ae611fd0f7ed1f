"""Counter-based random numbers: number `i` of stream `stream` of a key is the same on the CPU and on a device.

    from srcdiff.runtime.philox import normal, normals

    normals((3, 5), key=1)            # NumPy, on the CPU
    normal(1, 0, i)                   # in a kernel of your own: number i of the same; normalf for float32
    fill_normals(array, key=1)        # a device array

The generator is Philox 4x32 with 10 rounds [1]_; normal numbers come from the Box-Muller transform. There is no state:
the same arguments give the same number, in any order and with any number of threads. Words and uniform numbers are the
same everywhere. Normal numbers are written in arithmetic with one order of rounding, but devices fuse products and
sums, which makes a difference of at most 2 units of the last place. They are accurate to 4 units.

.. [1] Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.runtime.cuda.numba_cuda_api import cuda, is_simulator

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_WORD, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
# from fdlibm: sine and cosine up to pi / 4, the logarithm between sqrt(1/2) and its double
_SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
_LOGARITHM = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_THREADS = 4 if is_simulator() else 128
_ROUNDS = 10


def _words(c0, c1, c2, c3, k0, k1):
    """Four random words for four counter words and two key words, all of 32 bits in uint64; numbers or arrays."""
    for _ in range(_ROUNDS):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _WORD, (p0 >> _32) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    return c0, c1, c2, c3


def _arithmetic(real: object, shifts: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Uniform numbers from two words, and the cosine and sine of Box and Muller, for numbers and for arrays."""
    quarter, half, one, two, three = map(real, (0.25, 0.5, 1.0, 2.0, 3.0))
    bits = (32 - shifts[0]) + (32 - shifts[1])
    unit, shifted = real(0.5**bits), real(2.0 ** (32 - shifts[1]))
    high, low = np.uint64(shifts[0]), np.uint64(shifts[1])
    two_pi, root_half = real(2.0 * math.pi), real(math.sqrt(0.5))
    s = tuple(map(real, _SINE))
    c = tuple(map(real, _COSINE))
    g = tuple(map(real, _LOGARITHM))
    s1, s2, s3, s4, s5, s6 = s
    c1, c2, c3, c4, c5, c6 = c
    g1, g2, g3, g4, g5, g6, g7 = g
    log2_high, log2_low = real(6.93147180369123816490e-01), real(1.90821492927058770002e-10)
    if real is np.float32:
        log2_high, log2_low = real(6.9313812256e-01), real(9.0580006145e-06)

    def uniform_of(first, second):
        """A multiple of 2^-53 (2^-24) in [0, 1)."""
        return (real(first >> high) * shifted + real(second >> low)) * unit

    def radius_of(mantissa, exponent):
        """sqrt(-2 log(mantissa 2^exponent))."""
        is_small = real(mantissa < root_half)
        f = mantissa * (one + is_small) - one
        k = exponent - is_small
        r = f / (two + f)
        z = r * r
        tail = z * (g1 + z * (g2 + z * (g3 + z * (g4 + z * (g5 + z * (g6 + z * g7))))))
        square = half * f * f
        log = k * log2_high - ((square - (r * (square + tail) + k * log2_low)) - f)
        return abs(two * log)

    def wave(u, whole, is_second):
        """The cosine of 2 pi u, or the sine; `whole` is 4 u, rounded."""
        x = (u - whole * quarter) * two_pi
        z = x * x
        sine = x + x * z * (s1 + z * (s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)))))
        cosine = one - (
            half * z - z * z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * c6)))))
        )
        is_odd = real((whole == one) | (whole == three))
        is_minus = real((whole == two) | (whole == one + two * is_second))
        is_sine = abs(is_odd - is_second)
        return (one - two * is_minus) * (is_sine * sine + (one - is_sine) * cosine)

    return uniform_of, radius_of, wave


_DOUBLE = _arithmetic(np.float64, (5, 6))
_SINGLE = _arithmetic(np.float32, (8, 32))


# ---- in kernels ----------------------------------------------------------------------------------


def _device_functions(real: object, parts: tuple[object, object, object]) -> tuple[Any, Any]:
    inline = cuda.jit(device=True)
    uniform_of, radius_of, wave = map(inline, parts)
    one, four, half = real(1.0), real(4.0), real(0.5)
    least = real(0.5**53 if real is np.float64 else 0.5**24)

    @inline
    def uniform(key, stream, i):
        """Number `i` of a stream, in [0, 1)."""
        a, b, c, d = _numbered(key, stream, i)
        if i % 2 == 0:
            return uniform_of(a, b)
        return uniform_of(c, d)

    @inline
    def normal(key, stream, i):
        """Number `i` of a stream, of the standard normal distribution."""
        a, b, c, d = _numbered(key, stream, i)
        mantissa, exponent = math.frexp(uniform_of(a, b) + least)
        u = uniform_of(c, d)
        whole = real(math.floor(four * u + half))
        second = one if i % 2 == 1 else one - one
        return math.sqrt(radius_of(real(mantissa), real(exponent))) * wave(u, whole, second)

    return uniform, normal


philox_words = cuda.jit(device=True)(_words)


@cuda.jit(device=True)
def _numbered(key: object, stream: object, i: object) -> Any:
    """The four words that determine numbers `i` and its neighbour in a stream."""
    place, of, k = np.uint64(i // 2), np.uint64(stream), np.uint64(key)
    return philox_words(place & _WORD, place >> _32, of & _WORD, of >> _32, k & _WORD, k >> _32)


uniform, normal = _device_functions(np.float64, _DOUBLE)
uniformf, normalf = _device_functions(np.float32, _SINGLE)


@cuda.jit
def _fill(array: object, key: object, stream: object) -> None:
    for i in range(cuda.grid(1), len(array), cuda.gridsize(1)):
        array[i] = normal(key, stream, i)


@cuda.jit
def _fill_single(array: object, key: object, stream: object) -> None:
    for i in range(cuda.grid(1), len(array), cuda.gridsize(1)):
        array[i] = normalf(key, stream, i)


def fill_normals(array: object, key: int, stream: int = 0) -> None:
    """Fill a contiguous device array of floats with `normals(array.shape, key, stream, array.dtype)`."""
    dtype = np.dtype(array.dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"fill_normals takes an array of float32 or float64, not of {dtype}")
    flat = array.reshape(int(np.prod(array.shape, dtype=int)))
    if len(flat):
        kernel = _fill if dtype == np.float64 else _fill_single
        blocks = min(-(-len(flat) // _THREADS), 1 if is_simulator() else 4096)
        kernel[blocks, _THREADS](flat, *_seeds(key, stream))


# ---- on the CPU -----------------------------------------------------------------------------------


def philox(counter: object, key: object) -> Any:
    """The four 32-bit words for counters (..., 4) and keys (..., 2)."""
    counter, key = np.asarray(counter, np.uint64), np.asarray(key, np.uint64)
    words = _words(*np.moveaxis(counter, -1, 0), *np.moveaxis(key, -1, 0))
    return np.stack(np.broadcast_arrays(*words), axis=-1).astype(np.uint32)


def uniforms(
    shape: int | Sequence[int], key: int, stream: int = 0, dtype: object = np.float64
) -> Any:
    """Numbers in [0, 1): element `i` in C order is `uniform(key, stream, i)` in a kernel."""
    return _array(shape, key, stream, dtype, _uniforms)


def normals(
    shape: int | Sequence[int], key: int, stream: int = 0, dtype: object = np.float64
) -> Any:
    """Numbers of the standard normal distribution: element `i` in C order is `normal(key, stream, i)` in a kernel.

    Parameters
    ----------
    shape : int or tuple of int
    key, stream : int
        From 0 to 2^63 - 1. Other keys, and other streams of a key, are independent.
    dtype
        float64 or float32.
    """
    return _array(shape, key, stream, dtype, _normals)


class Uniforms:
    """The numbers in [0, 1) of a key, in order: the numbers that a kernel draws with this key as its generator.

    It replaces a `np.random.Generator` in programs on the CPU that call `random`.
    """

    def __init__(self, key: int) -> None:
        self.key, self.drawn = int(key), 0

    def random(self, size: int | Sequence[int] | None = None) -> Any:
        """The next number, or an array of the next numbers."""
        shape = () if size is None else size
        found = _array(shape, self.key, 0, np.float64, _uniforms, self.drawn)
        self.drawn += found.size
        return found if size is not None else float(found)


def _array(
    shape: int | Sequence[int], key: int, stream: int, dtype: object, made: object, first: int = 0
) -> Any:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"random numbers are of float32 or float64, not of {dtype}")
    key, stream = _seeds(key, stream)
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    count = int(np.prod(shape, dtype=int))
    blocks = np.arange(first // 2, (first + count + 1) // 2, dtype=np.uint64)
    k, of = np.uint64(key), np.uint64(stream)
    words = _words(blocks & _WORD, blocks >> _32, of & _WORD, of >> _32, k & _WORD, k >> _32)
    parts = _SINGLE if dtype == np.float32 else _DOUBLE
    pairs = np.stack(made(words, parts, dtype.type), axis=-1)
    return pairs.reshape(-1)[first % 2 :][:count].reshape(shape)


def _uniforms(words: object, parts: object, real: object) -> tuple[Any, Any]:
    a, b, c, d = words
    return parts[0](a, b).astype(real), parts[0](c, d).astype(real)


def _normals(words: object, parts: object, real: object) -> tuple[Any, Any]:
    _, radius_of, wave = parts
    first, u = _uniforms(words, parts, real)
    mantissa, exponent = np.frexp(first + real(0.5**53 if real is np.float64 else 0.5**24))
    radius = np.sqrt(radius_of(mantissa, exponent.astype(real)))
    whole = np.floor(real(4.0) * u + real(0.5))
    return radius * wave(u, whole, real(0.0)), radius * wave(u, whole, real(1.0))


def _seeds(key: int, stream: int) -> tuple[int, int]:
    for name, number in (("key", key), ("stream", stream)):
        if not 0 <= number < 1 << 63:
            raise ValueError(f"{name}={number!r}: expected a number from 0 to 2^63 - 1")
    return int(key), int(stream)
