"""Differences and what undoes them: `np.diff`, `np.ediff1d`, `np.gradient`, `np.trapezoid`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.places import along, numbers, slice_shape
from srcdiff.ops.registry import composite
from srcdiff.ops.samples import said


@composite(
    np.diff,
    samples=(
        said("np.diff(x)", (5,)),
        said("np.diff(x, axis=0)", (3, 4)),
        said("np.diff(x, 2)", (2, 5)),
        said("np.diff(x, 3, axis=-2)", (2, 5, 3)),
        said("np.diff(x, 0)", (3,)),
        said("np.diff(x)", (1,)),
        said("np.diff(x, prepend=y, append=1.0)", (2, 4), (2, 3)),
        said("np.diff(x, n=2, axis=0, prepend=y)", (3, 4), ()),
    ),
)
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    if prepend is not None:
        a = np.concatenate((_like_slice(prepend, a, axis), a), axis=axis)
    if append is not None:
        a = np.concatenate((a, _like_slice(append, a, axis)), axis=axis)
    d = a
    for _ in numbers(n):
        d = d[along(a.ndim, axis, slice(1, None))] - d[along(a.ndim, axis, slice(None, -1))]
    return d


def _like_slice(value: Any, a: Any, axis: Any) -> Any:
    """A number as it is put before or behind an array; arrays are as they are."""
    if np.ndim(value) > 0:
        return value
    return np.full(slice_shape(a, axis), value)
