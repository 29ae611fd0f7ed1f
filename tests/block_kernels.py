"""Kernels whose blocks share memory and wait: reductions, tiles, solvers, sorting."""

from __future__ import annotations

import math

import numpy as np
from numba import float64
from user_kernels import Case, _of

from srcdiff.runtime.cuda.numba_cuda_api import cuda

TPB = 4


@cuda.jit
def softmax_shared(x, out):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.x
    v = x[row, t]
    s[t] = v
    cuda.syncthreads()
    k = 4
    while k > 0:
        if t < k:
            s[t] = max(s[t], s[t + k])
        cuda.syncthreads()
        k >>= 1
    m = s[0]
    cuda.syncthreads()
    e = math.exp(v - m)
    s[t] = e
    cuda.syncthreads()
    k = 4
    while k > 0:
        if t < k:
            s[t] += s[t + k]
        cuda.syncthreads()
        k >>= 1
    out[row, t] = e / s[0]


@cuda.jit
def shared_transpose(x, y):
    t = cuda.shared.array((4, 4), float64)
    i, j = cuda.grid(2)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    if i < x.shape[1] and j < x.shape[0]:
        t[ty, tx] = x[j, i] * x[j, i]
    cuda.syncthreads()
    i = cuda.blockIdx.y * 4 + tx
    j = cuda.blockIdx.x * 4 + ty
    if i < y.shape[1] and j < y.shape[0]:
        y[j, i] = t[tx, ty]


@cuda.jit
def time_loop_shared(u, steps, out):
    """heat in shared with two buffers and halo"""
    s = cuda.shared.array(10, float64)
    t = cuda.threadIdx.x
    s[t + 1] = u[t]
    if t == 0:
        s[0] = 0.0
        s[9] = 0.0
    cuda.syncthreads()
    for k in range(steps):
        new = s[t + 1] + 0.2 * (s[t] - 2.0 * s[t + 1] + s[t + 2]) * (1.0 + s[t + 1])
        cuda.syncthreads()
        s[t + 1] = new
        cuda.syncthreads()
        if k % 2 == 1:
            out[k // 2, t] = s[t + 1]


@cuda.jit
def min_reduction(x, out):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    s[t] = x[cuda.blockIdx.x * cuda.blockDim.x + t]
    cuda.syncthreads()
    n = cuda.blockDim.x
    while n > 1:
        n //= 2
        if t < n and s[t + n] < s[t]:
            s[t] = s[t + n]
        cuda.syncthreads()
    if t == 0:
        out[cuda.blockIdx.x] = s[0] * s[0]


@cuda.jit
def block_dot_then_use(x, y, out):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    acc = 0.0
    for k in range(t, x.shape[0], cuda.blockDim.x):
        acc += x[k] * y[k]
    s[t] = acc
    cuda.syncthreads()
    if t == 0:
        tot = 0.0
        for k in range(cuda.blockDim.x):
            tot += s[k]
        s[0] = tot
    cuda.syncthreads()
    for k in range(t, x.shape[0], cuda.blockDim.x):
        out[k] = x[k] * s[0] * s[0]


@cuda.jit
def odd_even(x):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    for phase in range(8):
        p = t * 2 + phase % 2
        if t < 4 and p + 1 < 8:
            a = s[p]
            b = s[p + 1]
            if a > b:
                s[p] = b
                s[p + 1] = a
        cuda.syncthreads()
    x[t] = s[t] * (t + 1)


@cuda.jit
def hist_private(x, w, bins):
    loc = cuda.shared.array(4, float64)
    t = cuda.threadIdx.x
    if t < 4:
        loc[t] = 0.0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        cuda.atomic.add(loc, x[i], w[i] * w[i])
    cuda.syncthreads()
    if t < 4:
        cuda.atomic.add(bins, t, loc[t] * loc[t])


@cuda.jit
def until_converged(A, b, x):
    """Jacobi until no change, in shared memory."""
    s = cuda.shared.array(4, float64)
    err = cuda.shared.array(4, float64)
    t = cuda.threadIdx.x
    s[t] = 0.0
    err[t] = 1.0
    cuda.syncthreads()
    go = True
    while go:
        v = b[t]
        for j in range(4):
            if j != t:
                v -= A[t, j] * s[j]
        v /= A[t, t]
        err[t] = abs(v - s[t])
        cuda.syncthreads()
        s[t] = v
        m = 0.0
        for j in range(4):
            m = max(m, err[j])
        go = m > 1e-3
        cuda.syncthreads()
    x[t] = s[t]


@cuda.jit
def stride_then_reduce(x, out):
    s = cuda.shared.array(TPB, float64)
    t = cuda.threadIdx.x
    acc = 0.0
    i = cuda.grid(1)
    while i < x.shape[0]:
        acc += math.sin(x[i]) * x[i]
        i += cuda.gridsize(1)
    s[t] = acc
    cuda.syncthreads()
    i = cuda.blockDim.x // 2
    while i != 0:
        if t < i:
            s[t] += s[t + i]
        cuda.syncthreads()
        i //= 2
    if t == 0:
        out[cuda.blockIdx.x] = math.sqrt(s[0] + 3.0)


@cuda.jit
def blocks_of_rows(x, out):
    s = cuda.shared.array(TPB, float64)
    t = cuda.threadIdx.x
    for row in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        acc = 1.0
        for k in range(t, x.shape[1], cuda.blockDim.x):
            acc *= x[row, k]
        s[t] = acc
        cuda.syncthreads()
        if t == 0:
            p = 1.0
            for k in range(TPB):
                p *= s[k]
            out[row] = p
        cuda.syncthreads()


@cuda.jit
def atomic_then_barrier(x, y):
    s = cuda.shared.array(2, float64)
    t = cuda.threadIdx.x
    if t < 2:
        s[t] = 0.0
    cuda.syncthreads()
    cuda.atomic.add(s, t % 2, x[t] * x[t])
    cuda.syncthreads()
    v = s[0] * s[1]
    cuda.syncthreads()
    cuda.atomic.add(s, 0, v * x[t])
    cuda.syncthreads()
    y[t] = s[0] * x[t]


@cuda.jit
def lu_block(A):
    """LU in place by a block of threads, a row each."""
    n = A.shape[0]
    t = cuda.threadIdx.x
    for k in range(n):
        if t > k and t < n:
            A[t, k] /= A[k, k]
        cuda.syncthreads()
        if t > k and t < n:
            for j in range(k + 1, n):
                A[t, j] -= A[t, k] * A[k, j]
        cuda.syncthreads()


@cuda.jit
def ping_pong(x, y, steps):
    t = cuda.threadIdx.x
    n = x.shape[0]
    for k in range(steps):
        if k % 2 == 0:
            y[t] = x[t] * x[(t + 1) % n]
        else:
            x[t] = y[t] * y[(t + 1) % n] + x[t]
        cuda.syncthreads()


@cuda.jit
def gather_scatter_same(x, p):
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[p[i]]
        cuda.syncthreads()
        x[i] = v * v


@cuda.jit
def tile_halo(x, y):
    s = cuda.shared.array((6, 6), float64)
    i, j = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    h, w = x.shape
    s[tx + 1, ty + 1] = x[i, j] if i < h and j < w else 0.0
    if tx == 0:
        s[0, ty + 1] = x[i - 1, j] if i > 0 and j < w else 0.0
        s[5, ty + 1] = x[i + 4, j] if i + 4 < h and j < w else 0.0
    if ty == 0:
        s[tx + 1, 0] = x[i, j - 1] if j > 0 and i < h else 0.0
        s[tx + 1, 5] = x[i, j + 4] if j + 4 < w and i < h else 0.0
    cuda.syncthreads()
    if i < h and j < w:
        y[i, j] = s[tx, ty + 1] * s[tx + 2, ty + 1] - s[tx + 1, ty] * s[tx + 1, ty + 2]


@cuda.jit
def array_sum(data):
    """Numba's own example: shared memory is declared in a branch."""
    tid = cuda.threadIdx.x
    size = len(data)
    if tid < size:
        i = cuda.grid(1)
        shr = cuda.shared.array(8, float64)
        shr[tid] = data[i]
        cuda.syncthreads()
        s = 1
        while s < cuda.blockDim.x:
            if tid % (2 * s) == 0:
                shr[tid] += shr[tid + s]
            s *= 2
            cuda.syncthreads()
        if tid == 0:
            data[tid] = shr[tid]


@cuda.jit(device=True)
def pull(me, body, a):
    dx = body[0] - me[0]
    dy = body[1] - me[1]
    d2 = dx * dx + dy * dy + 0.1
    w = body[2] / (d2 * math.sqrt(d2))
    return a[0] + dx * w, a[1] + dy * w


@cuda.jit
def bodies_in_tiles(pos, acc):
    """A device function takes rows of shared memory, which a loop has filled."""
    tile = cuda.shared.array((4, 3), float64)
    i = cuda.grid(1)
    n = pos.shape[0]
    me = (0.0, 0.0)
    if i < n:
        me = (pos[i, 0], pos[i, 1])
    a = (0.0, 0.0)
    for first in range(0, n, 4):
        j = first + cuda.threadIdx.x
        for k in range(3):
            tile[cuda.threadIdx.x, k] = pos[j, k] if j < n else 0.0
        cuda.syncthreads()
        for k in range(4):
            a = pull(me, tile[k], a)
        cuda.syncthreads()
    if i < n:
        acc[i, 0] = a[0]
        acc[i, 1] = a[1]


@cuda.jit
def heat_in_a_tile(u, out, a):
    """The same guard before and after a barrier."""
    sh = cuda.shared.array((6, 6), float64)
    i, j = cuda.grid(2)
    ti, tj = cuda.threadIdx.x + 1, cuda.threadIdx.y + 1
    n, m = u.shape
    inside = i < n and j < m
    if inside:
        sh[ti, tj] = u[i, j]
        if ti == 1 and i > 0:
            sh[0, tj] = u[i - 1, j]
        if ti == 4 and i + 1 < n:
            sh[5, tj] = u[i + 1, j]
    cuda.syncthreads()
    if inside:
        if 0 < i < n - 1:
            out[i, j] = sh[ti, tj] + a[0] * (sh[ti - 1, tj] + sh[ti + 1, tj] - 2.0 * sh[ti, tj])
        else:
            out[i, j] = sh[ti, tj] ** 2


@cuda.jit
def halo_in_strides(x, w, y):
    """Tiles of neighbouring blocks overlap."""
    tile = cuda.shared.array(12, float64)
    t = cuda.threadIdx.x
    first = cuda.blockIdx.x * cuda.blockDim.x
    n = x.shape[0]
    for k in range(t, cuda.blockDim.x + 4, cuda.blockDim.x):
        at = first + k - 2
        tile[k] = x[at] if 0 <= at < n else 0.0
    cuda.syncthreads()
    i = first + t
    if i < n:
        total = 0.0
        for k in range(5):
            total += w[k] * tile[t + k] * tile[t + 2]
        y[i] = total


CASES = [
    Case(softmax_shared, ((2, 8),), lambda r, t: _of(t, r.normal(size=(2, 8)), np.zeros((2, 8)))),
    Case(
        shared_transpose,
        (((2, 2), (4, 4)),),
        lambda r, t: _of(t, r.random((5, 7)), np.zeros((7, 5))),
    ),
    Case(
        time_loop_shared,
        ((1, 8),),
        lambda r, t: (*_of(t, r.random(8)), 4, *_of(t, np.zeros((2, 8)))),
    ),
    Case(min_reduction, ((2, 8),), lambda r, t: _of(t, r.random(16), np.zeros(2))),
    Case(block_dot_then_use, ((1, 4),), lambda r, t: _of(t, r.random(6), r.random(6), np.zeros(6))),
    Case(odd_even, ((1, 8),), lambda r, t: _of(t, r.random(8))),
    Case(
        hist_private,
        ((2, 4),),
        lambda r, t: (np.array([0, 1, 3, 3, 2, 1, 0, 0, 3, 1]), *_of(t, r.random(10), np.zeros(4))),
    ),
    Case(
        until_converged,
        ((1, 4),),
        lambda r, t: _of(t, r.random((4, 4)) + 4 * np.eye(4), r.random(4), np.zeros(4)),
    ),
    Case(stride_then_reduce, ((2, 4),), lambda r, t: _of(t, r.random(11), np.zeros(2))),
    Case(blocks_of_rows, ((2, 4),), lambda r, t: _of(t, 0.5 + r.random((3, 6)), np.zeros(3))),
    Case(atomic_then_barrier, ((1, 4),), lambda r, t: _of(t, r.random(4), np.zeros(4))),
    Case(lu_block, ((1, 4),), lambda r, t: _of(t, r.random((4, 4)) + 3 * np.eye(4))),
    Case(ping_pong, ((1, 4),), lambda r, t: (*_of(t, r.random(4), r.random(4)), 3)),
    Case(
        gather_scatter_same, ((1, 4),), lambda r, t: (*_of(t, r.random(4)), np.array([1, 1, 3, 0]))
    ),
    Case(tile_halo, (((2, 2), (4, 4)),), lambda r, t: _of(t, r.random((6, 5)), np.zeros((6, 5)))),
    Case(array_sum, ((1, 8),), lambda r, t: _of(t, r.normal(size=8))),
    Case(bodies_in_tiles, ((2, 4),), lambda r, t: _of(t, r.normal(size=(7, 3)), np.zeros((7, 2)))),
    Case(
        halo_in_strides,
        ((2, 8),),
        lambda r, t: _of(t, r.normal(size=13), r.normal(size=5), np.zeros(13)),
    ),
    Case(
        heat_in_a_tile,
        (((2, 1), (4, 2)),),
        lambda r, t: _of(t, r.normal(size=(7, 2)), np.zeros((7, 2)), np.array([0.2])),
    ),
]
