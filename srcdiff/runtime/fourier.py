"""Fourier transforms for compiled code: the inner loops of NumPy's ufuncs, which call pocketfft.

A transform acts along one axis of an array with any number of axes. `n` is its length (the length of the axis if `n` is
negative); a shorter array is padded with zeros. The result is divided by the length to a `power`: 0, 1 or 0.5.
"""

import math

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic
from numpy.fft import _pocketfft_umath as pocketfft

from srcdiff.runtime.math.ufunc_inner_loops import NUMBA_TYPES, call_loop, loop_of


def lines(ufunc):
    """The transform of the rows of one matrix into the rows of another one, times a factor."""
    loops = {NUMBA_TYPES[kinds[-1]]: (loop_of(ufunc, kinds), kinds) for kinds in ufunc.types[:2]}

    @intrinsic
    def transformed(typingctx, a, factor, out):
        loop, kinds = loops[out.dtype]
        number = NUMBA_TYPES[kinds[1]]
        assert a.dtype == NUMBA_TYPES[kinds[0]] and a.ndim == out.ndim == 2

        def emit(context, builder, signature, values):
            source, target = (
                context.make_array(t)(context, builder, v)
                for t, v in ((a, values[0]), (out, values[2]))
            )
            scale = cgutils.alloca_once_value(
                builder, context.cast(builder, values[1], factor, number)
            )
            (count, n), (_, m) = (
                cgutils.unpack_tuple(builder, s.shape, 2) for s in (source, target)
            )
            (over, along), (out_over, out_along) = (
                cgutils.unpack_tuple(builder, s.strides, 2) for s in (source, target)
            )
            args = [source.data, scale, target.data]
            call_loop(builder, loop, args, [count, n, m], [over, 0, out_over, along, out_along])
            return context.get_dummy_value()

        return types.void(a, factor, out), emit

    return transformed


fft_lines = lines(pocketfft.fft)
ifft_lines = lines(pocketfft.ifft)
rfft_lines_even = lines(pocketfft.rfft_n_even)
rfft_lines_odd = lines(pocketfft.rfft_n_odd)
irfft_lines = lines(pocketfft.irfft)


@njit
def scale_of(n, power):
    """1 over the length to a power."""
    if n < 1:
        raise ValueError("a Fourier transform needs at least one number")
    return 1.0 / math.sqrt(n) if power == 0.5 else 1.0 / n if power == 1.0 else 1.0


def along_axis(transform):
    """The transform `transform(lines, scale, out)` of all lines along an axis of an array."""

    @njit
    def transformed(a, scale, out, axis):
        before, after = 1, 1
        for k in range(axis):
            before *= a.shape[k]
        for k in range(axis + 1, a.ndim):
            after *= a.shape[k]
        if before == 0 or after == 0:
            return
        whole = np.ascontiguousarray(a).reshape((before, a.shape[axis], after))
        results = out.reshape((before, out.shape[axis], after))
        if after == 1:
            transform(whole[:, :, 0], scale, results[:, :, 0])
        else:
            for k in range(before):
                transform(whole[k].T, scale, results[k].T)

    return transformed


fft_along = along_axis(fft_lines)
ifft_along = along_axis(ifft_lines)
rfft_along_even = along_axis(rfft_lines_even)
rfft_along_odd = along_axis(rfft_lines_odd)
irfft_along = along_axis(irfft_lines)


@njit
def fft(a, axis, n=-1, power=0.0):
    """`np.fft.fft` for complex numbers."""
    n = a.shape[axis] if n < 0 else n
    out = np.empty(tuple_setitem(a.shape, axis, n), a.dtype)
    fft_along(a, scale_of(n, power), out, axis)
    return out


@njit
def ifft(a, axis, n=-1, power=1.0):
    """`np.fft.ifft` for complex numbers."""
    n = a.shape[axis] if n < 0 else n
    out = np.empty(tuple_setitem(a.shape, axis, n), a.dtype)
    ifft_along(a, scale_of(n, power), out, axis)
    return out


@njit
def rfft(a, axis, n=-1, power=0.0):
    """`np.fft.rfft` for floats."""
    n = a.shape[axis] if n < 0 else n
    dtype = (np.empty(0, a.dtype) * np.complex64(1.0)).dtype
    out = np.empty(tuple_setitem(a.shape, axis, n // 2 + 1), dtype)
    if n % 2 == 0:
        rfft_along_even(a, scale_of(n, power), out, axis)
    else:
        rfft_along_odd(a, scale_of(n, power), out, axis)
    return out


@njit
def irfft(a, axis, n=-1, power=1.0):
    """`np.fft.irfft` for complex numbers."""
    n = 2 * (a.shape[axis] - 1) if n < 0 else n
    out = np.empty(tuple_setitem(a.shape, axis, n), np.empty(0, a.dtype).real.dtype)
    irfft_along(a, scale_of(n, power), out, axis)
    return out
