"""Host staging: device arrays are copied to the host for a call of host code, and results back to the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import map_leaves
from srcdiff.runtime.cuda import device_arrays as device


def is_on_device(value: object) -> bool:
    """Whether a value is an array on a device."""
    return device.is_device_array(value)


def through_host(
    call: Callable[..., object],
    library: object,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> Any:
    """`call` with copies of device arrays, and the arrays of its result as arrays like `library` on its device."""
    own = [map_leaves(_on_host, a) for a in args]
    found = call(*own, **{k: map_leaves(_on_host, a) for k, a in kwargs.items()})
    return map_leaves(lambda leaf: _sent(leaf, library), found)


def _on_host(leaf: object) -> object:
    if not device.is_device_array(leaf):
        return leaf
    return np.ascontiguousarray(device.as_device_array(leaf).copy_to_host())


def _sent(leaf: object, library: object) -> object:
    if not isinstance(leaf, np.ndarray) or not leaf.ndim or leaf.dtype.kind not in "biufc":
        return leaf
    return device.like(library, device.to_device(leaf))
