"""Filters on grids: `scipy.ndimage`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, in_dtype, numbers
from srcdiff.ops.library.signal.interpolate import signal


@composite(
    "scipy.ndimage.convolve",
    samples=(
        call("scipy.ndimage.convolve(x, y)", (5,), (3,)),
        call("scipy.ndimage.convolve(x, y, mode='nearest')", (5, 4), (3, 3)),
        call("scipy.ndimage.convolve(x, y, mode='constant', cval=0.5)", (5, 4), (3, 2)),
        call("scipy.ndimage.convolve(x, y, mode='wrap')", (5,), (2,)),
        call("scipy.ndimage.convolve(x, y, mode='mirror')", (5,), (3,)),
    ),
)
def ndimage_convolve(input, weights, output=None, mode="reflect", cval=0.0, origin=0):
    input, weights = array(input), array(weights)
    found = _correlated(input, np.flip(weights), mode, cval, output, origin, 1)
    # SciPy keeps the input's dtype, whatever the weights' dtype is
    return in_dtype(found, input.dtype)


@composite(
    "scipy.ndimage.correlate",
    samples=(
        call("scipy.ndimage.correlate(x, y)", (5,), (3,)),
        call("scipy.ndimage.correlate(x, y, mode='nearest')", (5, 4), (2, 3)),
    ),
)
def ndimage_correlate(input, weights, output=None, mode="reflect", cval=0.0, origin=0):
    input, weights = array(input), array(weights)
    return in_dtype(_correlated(input, weights, mode, cval, output, origin, 0), input.dtype)


def _correlated(input, weights, mode, cval, output, origin, flipped):
    """Correlation with the weights around each element; of an even number of weights, more stand before it."""
    if output is not None or origin != 0:
        refuse("ndimage filters with output= or origin= are not differentiated", "Leave them out.")
    padded = input
    for axis in numbers(input.ndim):
        padded = _padded(padded, axis, weights.shape[axis], mode, cval, flipped)
    return signal.correlate(padded, weights, mode="valid")


def _padded(a, axis, width, mode, cval, flipped):
    """The array, extended along an axis so that a filter of this width fits around each original element."""
    n = a.shape[axis]
    front = width // 2 - flipped * (1 - width % 2)
    places = np.arange(n + width - 1) - front
    if mode == "nearest" or mode == "constant":
        found = np.clip(places, 0, n - 1)
    elif mode == "wrap":
        found = places % n
    elif mode == "reflect":
        reflected = places % (2 * n)
        found = np.where(reflected < n, reflected, 2 * n - 1 - reflected)
    elif mode == "mirror":
        period = np.maximum(2 * n - 2, 1)
        reflected = places % period
        found = np.where(reflected < n, reflected, period - reflected)
    else:
        refuse(f"ndimage filters with mode={mode!r} are not differentiated", "Use another mode.")
    padded = np.take(a, found, axis=axis)
    if mode != "constant":
        return padded
    inside = (places >= 0) & (places < n)
    if a.ndim > 1:
        inside = np.reshape(inside, (-1, *numbers_of_ones(a.ndim - 1 - axis)))
    return np.where(inside, padded, cval)


@evaluated
def numbers_of_ones(count: int) -> tuple[int, ...]:
    return (1,) * count


@composite(
    "scipy.ndimage.map_coordinates",
    samples=(
        call("scipy.ndimage.map_coordinates(x, y, order=1)", (5,), [[0.3, 2.2, 3.9]]),
        call(
            "scipy.ndimage.map_coordinates(x, y, order=1, mode='nearest')",
            (4, 5),
            [[0.3, 2.2, -0.9], [1.4, 3.7, 6.2]],
        ),
        call(
            "scipy.ndimage.map_coordinates(x, y, order=1, mode='constant', cval=0.5)",
            (4, 5),
            [[0.3, 2.2, 1.1], [1.4, 3.7, 2.3]],
        ),
    ),
    ignores=("prefilter",),
)
def map_coordinates(
    input, coordinates, output=None, order=3, mode="constant", cval=0.0, prefilter=True
):
    input, places = array(input), array(coordinates)
    if order != 1:
        refuse(
            "map_coordinates by splines is not differentiated",
            "Pass order=1, for linear interpolation.",
        )
    if output is not None or mode not in ("constant", "nearest"):
        refuse(
            "map_coordinates is differentiated with mode='constant' and mode='nearest'",
            "Pass one of these.",
        )
    inside = True
    total = 0.0
    for corner in numbers(2**input.ndim):
        weight = 1.0
        index: Any = ()
        for axis in numbers(input.ndim):
            top = input.shape[axis] - 1
            at = places[axis] if mode == "constant" else np.clip(places[axis], 0.0, top)
            k = np.clip(np.floor(at).astype(np.int64), 0, top - 1)
            t = at - k
            if mode == "constant" and corner == 0:
                within = (at >= 0.0) & (at <= top)
                inside = within if axis == 0 else inside & within
            high = bit(corner, axis)
            weight = weight * (t if high else 1.0 - t)
            index = (*index, k + high)
        total = total + weight * input[index]
    found = np.where(inside, total, cval) if mode == "constant" else total
    # SciPy keeps the input's dtype, whatever the dtype of the coordinates is
    return in_dtype(found, input.dtype)


@evaluated
def bit(number: int, place: int) -> int:
    return number >> place & 1
