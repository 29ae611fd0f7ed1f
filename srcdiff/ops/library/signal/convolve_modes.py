"""Convolution modes: `np.convolve` and `np.correlate` with `mode=`, as parts of the full convolution."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import vector
from srcdiff.ops.signal.convolve import full_convolution


@composite(
    np.convolve,
    samples=(
        call("np.convolve(x, y)", (4,), (3,)),
        call("np.convolve(x, y, 'valid')", (5,), (2,)),
        call("np.convolve(x, y, mode='valid')", (2,), (5,)),
        call("np.convolve(x, y, 'same')", (5,), (3,)),
        call("np.convolve(x, y, 'same')", (2,), (5,)),
        call("np.convolve(x, [1.0, -1.0])", (3,)),
    ),
    takes_complex=True,
)
def convolve(a, v, mode="full"):
    a, v = vector(a), vector(v)
    whole = full_convolution(a, v)
    less, more = min(a.shape[0], v.shape[0]), max(a.shape[0], v.shape[0])
    if mode == "valid":
        return whole[less - 1 : more]
    return whole[(less - 1) // 2 : (less - 1) // 2 + more] if mode == "same" else whole


@composite(
    np.correlate,
    samples=(
        call("np.correlate(x, y)", (5,), (2,)),
        call("np.correlate(x, y)", (2,), (5,)),
        call("np.correlate(x, y, 'full')", (4,), (3,)),
        call("np.correlate(x, y, mode='same')", (5,), (2,)),
        call("np.correlate(x, y, mode='same')", (2,), (5,)),
    ),
    takes_complex=True,
)
def correlate(a, v, mode="valid"):
    a, v = vector(a), vector(v)
    if v.dtype.kind == "c":
        v = np.conj(v)
    if mode != "same":
        return convolve(a, v[::-1], mode)
    less, more = min(a.shape[0], v.shape[0]), max(a.shape[0], v.shape[0])
    start = (less - 1) // 2 if a.shape[0] >= v.shape[0] else less // 2
    return full_convolution(a, v[::-1])[start : start + more]
