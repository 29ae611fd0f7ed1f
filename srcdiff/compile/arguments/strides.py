"""Where the elements of arrays lie in memory, and other memory with the same layout."""

from __future__ import annotations

import numpy as np


def owner(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def extent(array: np.ndarray) -> tuple[int, int]:
    """The addresses of the first byte of an array's elements, and of the byte after the last one."""
    start = array.__array_interface__["data"][0]
    reach = [s * (n - 1) for s, n in zip(array.strides, array.shape, strict=True)]
    low, high = (start + sum(r for r in reach if r * sign > 0) for sign in (-1, 1))
    return low, high + array.itemsize


def placed(array: np.ndarray, memory: bytearray, low: int) -> np.ndarray:
    """An array over `memory` with the strides of `array`, whose memory begins at the address `low`."""
    offset = array.__array_interface__["data"][0] - low
    return np.ndarray(array.shape, array.dtype, memory, offset, array.strides)


def copy_of(array: np.ndarray) -> np.ndarray:
    """A copy with the strides of the array, on which depends what `reshape` copies."""
    if not array.size or not has_own_places(array) or array.dtype.hasobject:
        return array.copy()
    low, high = extent(array)
    made = placed(array, bytearray(high - low), low)
    made[...] = array
    return made


def has_own_places(view: np.ndarray) -> bool:
    """Whether each element of a view has its own place in memory."""
    reach = view.itemsize
    for stride, count in sorted(
        (abs(s), n) for s, n in zip(view.strides, view.shape, strict=True) if n > 1
    ):
        if stride < reach:
            return False
        reach += stride * (count - 1)
    return True
