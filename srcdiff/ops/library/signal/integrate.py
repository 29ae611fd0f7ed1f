"""Composites of `scipy.signal` and `scipy.integrate`: convolutions, and integrals over samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, numbers
from srcdiff.ops.library.stats.loc_scale import wide
from srcdiff.ops.signal.filters import convolved, correlated, filtered

signal = LazyModule("scipy.signal")


# ---- convolutions ----------------------------------------------------------------------------


@composite(
    "scipy.signal.convolve",
    "scipy.signal.fftconvolve",
    samples=(
        call("scipy.signal.convolve(x, y)", (4,), (3,)),
        call("scipy.signal.convolve(x, y, mode='same')", (5,), (3,)),
        call("scipy.signal.convolve(x, y, 'same')", (4, 3), (2, 3)),
        call("scipy.signal.convolve(x, y, mode='valid')", (5,), (2,)),
        call("scipy.signal.convolve(x, y, mode='valid')", (2,), (5,)),
    ),
    ignores=("method",),
)
def scipy_convolve(
    in1: Any, in2: Any, mode: object = "full", method: object = "auto", axes: object = None
) -> Any:
    if axes is not None:
        refuse("fftconvolve along some axes is not differentiated", "Loop over the others.")
    whole = convolved(in1, in2)
    if mode == "full":
        return whole
    for axis in numbers(in1.ndim):
        size, width = in1.shape[axis], in2.shape[axis]
        if mode == "same":
            start = (width - 1) // 2
            whole = _between(whole, axis, start, start + size)
        else:
            whole = _between(whole, axis, min(size, width) - 1, max(size, width))
    return whole


def _between(a, axis, start, stop):
    """A slice along one axis."""
    if a.ndim == 1:
        return a[start:stop]
    return np.moveaxis(np.moveaxis(a, axis, 0)[start:stop], 0, axis)


@composite(
    "scipy.signal.correlate",
    samples=(
        call("scipy.signal.correlate(x, y)", (4,), (3,)),
        call("scipy.signal.correlate(x, y, mode='valid')", (4, 3), (3, 2)),
        call("scipy.signal.correlate(x, y, 'same')", (5,), (3,)),
    ),
    ignores=("method",),
)
def scipy_correlate(in1: Any, in2: Any, mode: Any = "full", method: object = "auto") -> Any:
    if mode == "valid":
        return correlated(in1, in2)
    return signal.convolve(in1, np.flip(in2), mode=mode)


@composite(
    "scipy.signal.lfilter",
    samples=(
        call("scipy.signal.lfilter(x, [1.0, 0.3], y)", (2,), (5,)),
        call("scipy.signal.lfilter([1.0], x, y)", [1.5, 0.2], (5,)),
        call("scipy.signal.lfilter([1.0, 0.3], x, y, axis=0)", [1.5, 0.2], (4, 2)),
        call("scipy.signal.lfilter(x, [1.0, 0.3], y)", (2,), (2, 3, 4)),
    ),
)
def lfilter(b: Any, a: Any, x: Any, axis: Any = -1, zi: object = None) -> Any:
    if zi is not None:
        refuse("lfilter with an initial state is not differentiated", "Leave zi out.")
    if np.ndim(x) == 1:
        return filtered(array(b), array(a), x)
    return np.apply_along_axis(lambda signal: filtered(array(b), array(a), signal), axis, x)


# ---- integrals -------------------------------------------------------------------------------


@composite(
    "scipy.integrate.simpson",
    samples=(
        call("scipy.integrate.simpson(x)", (5,)),
        call("scipy.integrate.simpson(x, dx=0.5)", (2, 6)),
        call("scipy.integrate.simpson(x, axis=0)", (2, 3)),
        call("scipy.integrate.simpson(x, x=np.cumsum(np.exp(y)))", (5,), (5,)),
        call("scipy.integrate.simpson(x, x=np.cumsum(np.exp(y)))", (2, 4), (4,)),
    ),
    takes_complex=True,
)
def simpson(y, *, x=None, dx=1.0, axis=-1):
    values = y if y.ndim == 1 else np.moveaxis(y, axis, -1)
    places = x
    if x is not None:
        values = wide(values)
        places = wide(x) if x.ndim == 1 else np.moveaxis(wide(x), axis, -1)
    count = values.shape[-1]
    if count % 2 == 1:
        return _parabolas(values, places, dx)
    if count == 2:
        width = dx if places is None else places[..., 1] - places[..., 0]
        return 0.5 * width * (values[..., 0] + values[..., 1])
    inner = None if places is None else places[..., :-1]
    return _parabolas(values[..., :-1], inner, dx) + _last_interval(values, places, dx)


def _parabolas(y, x, dx):
    """Simpson's rule for an odd number of samples."""
    first, middle, last = y[..., :-2:2], y[..., 1:-1:2], y[..., 2::2]
    if x is None:
        total = np.sum(first, axis=-1) + 4.0 * np.sum(middle, axis=-1) + np.sum(last, axis=-1)
        return dx / 3.0 * total
    near = x[..., 1:-1:2] - x[..., :-2:2]
    far = x[..., 2::2] - x[..., 1:-1:2]
    both = near + far
    ends = first * (2.0 - far / near) + last * (2.0 - near / far)
    return np.sum(both / 6.0 * (ends + middle * both**2 / (near * far)), axis=-1)


def _last_interval(y, x, dx):
    """The integral over the last interval of the parabola through the last three samples."""
    if x is None:
        return dx * (5.0 * y[..., -1] + 8.0 * y[..., -2] - y[..., -3]) / 12.0
    near = x[..., -2] - x[..., -3]
    far = x[..., -1] - x[..., -2]
    last = (2.0 * far**2 + 3.0 * near * far) / (6.0 * (near + far))
    middle = (far**2 + 3.0 * near * far) / (6.0 * near)
    first = far**3 / (6.0 * near * (near + far))
    return last * y[..., -1] + middle * y[..., -2] - first * y[..., -3]
