"""Kernels whose threads take values from each other by shuffles, which the simulator has not."""

from __future__ import annotations

import numpy as np
from user_kernels import Case, _of

from srcdiff.runtime.cuda.numba_cuda_api import cuda

ALL = 0xFFFFFFFF


@cuda.jit
def warp_sum_down(x, out):
    i = cuda.grid(1)
    v = x[i] * x[i]
    offset = 16
    while offset > 0:
        v += cuda.shfl_down_sync(ALL, v, offset)
        offset //= 2
    if cuda.laneid == 0:
        cuda.atomic.add(out, 0, v)


@cuda.jit
def warp_scan(x, y):
    i = cuda.grid(1)
    v = x[i] * x[i]
    for k in range(5):
        below = cuda.shfl_up_sync(-1, v, 1 << k)
        if cuda.laneid >= 1 << k:
            v += below
    y[i] = v * v


@cuda.jit
def neighbours_of_lanes(x, y):
    i = cuda.grid(1)
    v = x[i]
    y[i] = v * cuda.shfl_up_sync(ALL, v, 3) + cuda.shfl_down_sync(ALL, v * v, 2)


@cuda.jit
def over_the_norm(x, y):
    i = cuda.grid(1)
    v = x[i] * x[i]
    for k in range(5):
        v += cuda.shfl_xor_sync(ALL, v, 16 >> k)
    total = cuda.shfl_sync(ALL, v, 3)
    y[i] = x[i] / total


@cuda.jit
def warp_sum(x, out):
    i = cuda.grid(1)
    v = x[i] * x[i]
    for k in range(5):
        v += cuda.shfl_xor_sync(ALL, v, 16 >> k)
    if cuda.laneid == 0:
        cuda.atomic.add(out, 0, v)


CASES = [
    Case(warp_sum, ((1, 32),), lambda r, t: _of(t, r.normal(size=32), np.zeros(1))),
    Case(warp_sum_down, ((1, 32),), lambda r, t: _of(t, r.normal(size=32), np.zeros(1))),
    Case(warp_scan, ((1, 32),), lambda r, t: _of(t, r.normal(size=32), np.zeros(32))),
    Case(neighbours_of_lanes, ((1, 32),), lambda r, t: _of(t, r.normal(size=32), np.zeros(32))),
    Case(over_the_norm, ((1, 32),), lambda r, t: _of(t, r.normal(size=32), np.zeros(32))),
]
