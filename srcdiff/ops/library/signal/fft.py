"""Fourier transforms with a given length, along several axes, and of real arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated, same_length
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import along, array, numbers
from srcdiff.ops.signal import fft


@evaluated
def opposite(norm):
    """The normalisation of the inverse transform."""
    return fft.OPPOSITE[norm]


@evaluated
def axes_or_all(axes: Any, count: int | None, ndim: int) -> tuple[int, ...]:
    """The axes of a transform in the given order; `count` is the number of given lengths."""
    if axes is None:
        axes = range(ndim) if count is None else range(ndim - count, ndim)
    return tuple(axis_in_range(k, ndim) for k in axes)


def axis_in_range(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise TypeError(f"axis {axis} is out of bounds: the array has {ndim} axes")
    return axis % ndim


# ---- along one axis --------------------------------------------------------------------------------


def _shortened(a, n, axis):
    """The array, cut off at `n` elements along an axis."""
    longest = np.empty(n)[: a.shape[axis]]
    if same_length(longest.shape[0], a.shape[axis]):  # the array is no longer than n
        return a
    return a[along(a.ndim, axis, slice(None, n))]


def _of_length(transform, a, n, axis, norm):
    """A transform of length `n`: the array is cut off at `n`, or padded with zeros."""
    if n is None or same_length(n, a.shape[axis]):
        return transform(a, axis=axis, norm=norm)
    a = _shortened(a, n, axis)
    if same_length(n, a.shape[axis]):
        return transform(a, axis=axis, norm=norm)
    return transform(a, n, axis=axis, norm=norm)


@composite(
    np.fft.fft,
    given=("n",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.fft(x, 6))", (4,)), call("np.abs(np.fft.fft(x, n=3))", (4,))),
)
def fft_of_length(a, n=None, axis=-1, norm=None):
    return _of_length(fft.fft, array(a), n, axis, norm)


@composite(
    np.fft.ifft,
    given=("n",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.ifft(x, 6))", (4,)), call("np.abs(np.fft.ifft(x, n=3))", (4,))),
)
def ifft_of_length(a, n=None, axis=-1, norm=None):
    return _of_length(fft.ifft, array(a), n, axis, norm)


@composite(
    np.fft.rfft,
    given=("n",),
    samples=(call("np.abs(np.fft.rfft(x, 6))", (4,)), call("np.abs(np.fft.rfft(x, n=3))", (4,))),
)
def rfft_of_length(a, n=None, axis=-1, norm=None):
    return _of_length(fft.rfft, array(a), n, axis, norm)


@composite(
    np.fft.irfft,
    given=("n",),
    takes_complex=True,
    samples=(
        call("np.fft.irfft(x + 1j * y, 5)", (4,), (4,)),
        call("np.fft.irfft(x + 1j * y, n=8)", (4,), (4,)),
        call("np.fft.irfft(np.fft.rfft(x), len(x))", (5,)),
    ),
)
def irfft_of_length(a, n=None, axis=-1, norm=None):
    a = array(a)
    if n is None:
        return fft.irfft(a, axis=axis, norm=norm)
    if not same_length(a.shape[axis], n // 2 + 1):
        a = _shortened(a, n // 2 + 1, axis)
    return fft.irfft(a, n, axis=axis, norm=norm)


@composite(
    np.fft.hfft,
    takes_complex=True,
    samples=(
        call("np.fft.hfft(x + 1j * y)", (4,), (4,)),
        call("np.fft.hfft(x + 1j * y, 5, norm='ortho')", (3,), (3,)),
    ),
)
def hfft(a, n=None, axis=-1, norm=None):
    return np.fft.irfft(np.conj(a), n, axis, opposite(norm))


@composite(
    np.fft.ihfft,
    samples=(call("np.abs(np.fft.ihfft(x))", (4,)), call("np.abs(np.fft.ihfft(x, 5))", (3,))),
)
def ihfft(a, n=None, axis=-1, norm=None):
    return np.conj(np.fft.rfft(a, n, axis, opposite(norm)))


# ---- along several ---------------------------------------------------------------------------------


@composite(
    np.fft.fftn,
    given=("s",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.fftn(x, (4, 2)))", (3, 3)),),
)
def fftn_of_lengths(a, s=None, axes=None, norm=None):
    a = array(a)
    if s is None:
        return fft.fftn(a, axes=axes, norm=norm)
    found = axes_or_all(axes, len(s), a.ndim)
    for k in numbers(len(found)):
        a = np.fft.fft(a, s[k], found[k], norm)
    return a


@composite(
    np.fft.ifftn,
    given=("s",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.ifftn(x, (4, 2)))", (3, 3)),),
)
def ifftn_of_lengths(a, s=None, axes=None, norm=None):
    a = array(a)
    if s is None:
        return fft.ifftn(a, axes=axes, norm=norm)
    found = axes_or_all(axes, len(s), a.ndim)
    for k in numbers(len(found)):
        a = np.fft.ifft(a, s[k], found[k], norm)
    return a


@composite(
    np.fft.fft2,
    given=("s",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.fft2(x, s=(4, 2)))", (3, 3)),),
)
def fft2_of_lengths(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.fftn(a, s, axes, norm)


@composite(
    np.fft.ifft2,
    given=("s",),
    takes_complex=True,
    samples=(call("np.abs(np.fft.ifft2(x, s=(4, 2)))", (3, 3)),),
)
def ifft2_of_lengths(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.ifftn(a, s, axes, norm)


@composite(
    np.fft.rfftn,
    samples=(
        call("np.abs(np.fft.rfftn(x))", (3, 4)),
        call("np.abs(np.fft.rfftn(x, (3, 2), axes=(0, 1)))", (4, 4)),
    ),
)
def rfftn(a, s=None, axes=None, norm=None):
    a = array(a)
    found = axes_or_all(axes, None if s is None else len(s), a.ndim)
    last = len(found) - 1
    a = np.fft.rfft(a, None if s is None else s[last], found[last], norm)
    if last == 0:
        return a
    return np.fft.fftn(a, None if s is None else s[:last], found[:last], norm)


@composite(
    np.fft.irfftn,
    takes_complex=True,
    samples=(
        call("np.fft.irfftn(x + 1j * y)", (3, 4), (3, 4)),
        call("np.fft.irfftn(np.fft.rfftn(x), x.shape)", (3, 5)),
    ),
)
def irfftn(a, s=None, axes=None, norm=None):
    a = array(a)
    found = axes_or_all(axes, None if s is None else len(s), a.ndim)
    last = len(found) - 1
    if last > 0:
        a = np.fft.ifftn(a, None if s is None else s[:last], found[:last], norm)
    return np.fft.irfft(a, None if s is None else s[last], found[last], norm)


@composite(np.fft.rfft2, samples=(call("np.abs(np.fft.rfft2(x))", (3, 4)),))
def rfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.rfftn(a, s, axes, norm)


@composite(
    np.fft.irfft2,
    takes_complex=True,
    samples=(call("np.fft.irfft2(x + 1j * y)", (3, 4), (3, 4)),),
)
def irfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.irfftn(a, s, axes, norm)
