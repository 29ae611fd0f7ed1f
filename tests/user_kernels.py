"""Kernels as users write them, with launches to try them by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import float32, float64

from srcdiff.runtime.cuda.numba_cuda_api import cuda

TILE = 4


@cuda.jit
def potential(x, weight, energy):
    """energy[i] = sum over j of weight[j] / sqrt(1 + |x_i - x_j|^2); x (N, 3), weight (N,), energy (N,)."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        e = 0.0
        for j in range(x.shape[0]):
            r2 = 1.0
            for k in range(3):
                r2 += (x[i, k] - x[j, k]) ** 2
            e += weight[j] / math.sqrt(r2)
        energy[i] = e


# ---- five that may not be refused ----------------------------------------------------------------


@cuda.jit
def stencil(x, y):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i >= 1 and i < x.shape[0] - 1:
        y[i] = 0.25 * x[i - 1] + 0.5 * x[i] + 0.25 * x[i + 1] * x[i]


@cuda.jit
def histogram(x, w, bins):
    i = cuda.grid(1)
    if i < x.shape[0]:
        b = int(x[i])
        cuda.atomic.add(bins, b, w[i] * w[i])


@cuda.jit
def particle(x, v, dt, steps):
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    for _ in range(steps):
        r2 = 1.0
        for d in range(3):
            r2 += x[i, d] ** 2
        for d in range(3):
            v[i, d] -= dt * x[i, d] / r2
            x[i, d] += dt * v[i, d]


def reductions(dtype):
    """Sums of squares, and products, of a block in shared memory."""

    @cuda.jit
    def reduction(x, out):
        tile = cuda.shared.array(8, dtype)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        if i < x.shape[0]:
            tile[t] = x[i] * x[i]
        else:
            tile[t] = 0.0
        cuda.syncthreads()
        s = cuda.blockDim.x // 2
        while s > 0:
            if t < s:
                tile[t] += tile[t + s]
            cuda.syncthreads()
            s //= 2
        if t == 0:
            cuda.atomic.add(out, 0, tile[0])

    @cuda.jit
    def product(x, out):
        tile = cuda.shared.array(8, dtype)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        tile[t] = x[i] if i < x.shape[0] else 1.0
        cuda.syncthreads()
        s = 1
        while s < cuda.blockDim.x:
            if t % (2 * s) == 0:
                tile[t] *= tile[t + s]
            cuda.syncthreads()
            s *= 2
        if t == 0:
            cuda.atomic.add(out, 0, tile[0])

    return reduction, product


def tiled(dtype):
    """A product of matrices by tiles."""

    @cuda.jit
    def matmul(A, B, C):
        sA = cuda.shared.array((TILE, TILE), dtype)
        sB = cuda.shared.array((TILE, TILE), dtype)
        x, y = cuda.grid(2)
        tx = cuda.threadIdx.x
        ty = cuda.threadIdx.y
        total = 0.0
        for i in range((A.shape[1] + TILE - 1) // TILE):
            sA[ty, tx] = 0.0
            sB[ty, tx] = 0.0
            if y < A.shape[0] and tx + i * TILE < A.shape[1]:
                sA[ty, tx] = A[y, tx + i * TILE]
            if x < B.shape[1] and ty + i * TILE < B.shape[0]:
                sB[ty, tx] = B[ty + i * TILE, x]
            cuda.syncthreads()
            for j in range(TILE):
                total += sA[ty, j] * sB[j, tx]
            cuda.syncthreads()
        if y < C.shape[0] and x < C.shape[1]:
            C[y, x] = total * total

    return matmul


reduction, product = reductions(float64)
reduction_single, product_single = reductions(float32)
matmul, matmul_single = tiled(float64), tiled(float32)


# ---- three whose gradients Warp gets wrong -------------------------------------------------------


@cuda.jit
def sum_then_scale(x, y, n):
    i = cuda.grid(1)
    if i < y.shape[0]:
        s = 0.0
        for k in range(n):
            s += x[k]
        for k in range(n):
            s *= x[k]
        y[i] = s


@cuda.jit
def square_twice(x):
    i = cuda.grid(1)
    if i < x.shape[0]:
        x[i] = x[i] * x[i]
        x[i] = x[i] * x[i]


@cuda.jit
def repeated_squares(x, n, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        s = x[i]
        for _ in range(n):
            s = s * s
        y[i] = s


# ---- loops whose length depends on data ----------------------------------------------------------


@cuda.jit
def ragged(x, n, y):
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        s = x[i]
        for _ in range(n[i]):
            s = s * s + 0.1 * x[i]
        y[i] = s


@cuda.jit
def newton(a, y):
    i = cuda.grid(1)
    if i < a.shape[0]:
        x = 1.0
        while abs(x * x - a[i]) > 1e-3:
            x = x - 0.3 * (x * x - a[i]) / x
        y[i] = x


@cuda.jit
def until_large(x, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        s = 0.0
        for k in range(x.shape[0]):
            if s > 2.0:
                break
            s += x[k] * x[i]
        out[i] = s


# ---- strides, device functions, local arrays, views, indices from data ---------------------------


@cuda.jit
def strided(x, y):
    k = cuda.grid(1)
    while k < x.shape[0]:
        y[k] += math.exp(x[k]) * x[k]
        k += cuda.gridsize(1)


@cuda.jit(device=True)
def closeness(a, b):
    r = a - b
    return r * r / (1.0 + r * r)


@cuda.jit
def neighbours(x, e):
    i = cuda.grid(1)
    if i < x.shape[0]:
        w = cuda.local.array(3, float64)
        for k in range(3):
            w[k] = closeness(x[i], x[(i + k) % x.shape[0]])
        for k in range(1, 3):
            w[k] = w[k] + w[k] * w[k - 1]
        e[i] = w[2]


@cuda.jit
def rows(x, place, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        r = x[i]
        out[place[i]] = r[0] * r[1]


@cuda.jit
def scan_in_block(x, y):
    """Prefix sums of squares in shared memory, and what follows from neighbours."""
    tile = cuda.shared.array((2, 8), float64)
    t = cuda.threadIdx.x
    tile[0, t] = x[t] * x[t]
    cuda.syncthreads()
    side = 0
    for k in range(3):
        tile[1 - side, t] = tile[side, t]
        if t >= 2**k:
            tile[1 - side, t] += tile[side, t - 2**k]
        side = 1 - side
        cuda.syncthreads()
    y[t] = tile[side, t] * tile[side, 7 - t]


@cuda.jit
def powers_in_a_plane(x, n, y):
    i, j = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        s = x[i, j]
        for _ in range(n[i]):
            s = s * s + 0.2 * x[i, 0]
        y[i, j] = s


@cuda.jit
def image(img, mask, gain, out):
    i, j, c = cuda.grid(3)
    if i < img.shape[0] and j < img.shape[1] and c < 2 and mask[i, j]:
        out[i, j, c] = gain[c] * img[i, j] * gain[1 - c]


# ---- shared memory that is loaded, waited for, and written over ------------------------------------


@cuda.jit
def carried_tiles(A, y):
    s = cuda.shared.array(4, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    acc = 1.0
    for k in range(A.shape[0] // 4):
        s[t] = A[4 * k + t]
        cuda.syncthreads()
        for j in range(4):
            acc = acc * (1.0 + 0.1 * s[j] * (t + 1)) + 0.05 * acc * acc
        cuda.syncthreads()
    y[i] = acc


@cuda.jit
def in_place_with_barriers(x, y):
    t = cuda.threadIdx.x
    n = x.shape[0]
    x[t] = x[t] * x[t]
    cuda.syncthreads()
    v = x[(t + 1) % n] * x[t]
    cuda.syncthreads()
    x[t] = v * v
    cuda.syncthreads()
    y[t] = x[(t + 2) % n] * v


@cuda.jit
def jacobi(x, steps):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    for _ in range(steps):
        v = s[t]
        if t > 0 and t < 7:
            v = 0.5 * s[t - 1] * s[t + 1] + 0.1 * s[t] * s[t]
        cuda.syncthreads()
        s[t] = v
        cuda.syncthreads()
    x[t] = s[t]


@cuda.jit
def layer_norm(x, g, out):
    row = cuda.blockIdx.x
    t = cuda.threadIdx.x
    part = cuda.shared.array(4, float64)
    s = 0.0
    for k in range(t, x.shape[1], cuda.blockDim.x):
        s += x[row, k]
    part[t] = s
    cuda.syncthreads()
    mean = 0.0
    for k in range(cuda.blockDim.x):
        mean += part[k]
    mean /= x.shape[1]
    cuda.syncthreads()
    s = 0.0
    for k in range(t, x.shape[1], cuda.blockDim.x):
        s += (x[row, k] - mean) ** 2
    part[t] = s
    cuda.syncthreads()
    var = 0.0
    for k in range(cuda.blockDim.x):
        var += part[k]
    r = 1.0 / math.sqrt(var / x.shape[1] + 1e-5)
    for k in range(t, x.shape[1], cuda.blockDim.x):
        out[row, k] = (x[row, k] - mean) * r * g[k]


@cuda.jit
def attention(q, K, V, out):
    i = cuda.grid(1)
    if i < q.shape[0]:
        m = -1e30
        for j in range(K.shape[0]):
            s = 0.0
            for d in range(q.shape[1]):
                s += q[i, d] * K[j, d]
            if s > m:
                m = s
        z = 0.0
        for j in range(K.shape[0]):
            s = 0.0
            for d in range(q.shape[1]):
                s += q[i, d] * K[j, d]
            p = math.exp(s - m)
            z += p
            for d in range(V.shape[1]):
                out[i, d] += p * V[j, d]
        for d in range(V.shape[1]):
            out[i, d] /= z


@cuda.jit
def one_thread(x, out):
    for k in range(x.shape[0]):
        out[0] += x[k] * x[k]


@dataclass(frozen=True)
class Case:
    """A kernel, one or more launch configurations, and arguments for each."""

    kernel: Any
    launches: tuple[tuple[Any, Any], ...]
    arguments: Callable[[Any, Any], tuple[Any, ...]]

    def __repr__(self) -> str:
        return str(self.kernel.py_func.__name__)


def _of(dtype, *values):
    return tuple(v.astype(dtype) if getattr(v, "dtype", None) == np.float64 else v for v in values)


CASES = [
    Case(potential, ((1, 8), (3, 2)), lambda r, t: _of(t, r.normal(size=(5, 3)), r.random(5), np.zeros(5))),
    Case(stencil, ((2, 4), (3, 3)), lambda r, t: _of(t, r.normal(size=7), r.normal(size=7))),
    Case(histogram, ((2, 4),), lambda r, t: _of(t, np.array([0.2, 1.1, 1.9, 2.4, 0.3]), r.normal(size=5), np.zeros(3))),
    Case(particle, ((2, 2),), lambda r, t: (*_of(t, r.normal(size=(3, 3)), r.normal(size=(3, 3))), 0.1, 3)),
    Case(reduction, ((1, 8), (3, 4)), lambda r, t: _of(t, r.normal(size=10), np.zeros(1))),
    Case(product, ((2, 8), (3, 4)), lambda r, t: _of(t, 0.5 + r.random(10), np.zeros(1))),
    Case(matmul, (((2, 2), (4, 4)),), lambda r, t: _of(t, r.random((7, 6)), r.random((6, 5)), np.zeros((7, 5)))),
    Case(sum_then_scale, ((1, 2),), lambda r, t: (*_of(t, 0.5 + r.random(3), np.zeros(2)), 3)),
    Case(square_twice, ((1, 4), (2, 2)), lambda r, t: _of(t, 0.3 + r.random(3))),
    Case(repeated_squares, ((1, 4),), lambda r, t: (*_of(t, 0.3 + r.random(3)), 3, *_of(t, np.zeros(3)))),
    Case(ragged, ((2, 2),), lambda r, t: (*_of(t, r.random(6)), np.array([3, 0, 2, 5, 1, 2]), *_of(t, np.zeros(6)))),
    Case(newton, ((2, 4),), lambda r, t: _of(t, 1.5 + r.random(6), np.zeros(6))),
    Case(until_large, ((1, 4),), lambda r, t: _of(t, 0.7 + 0.1 * r.random(6), np.zeros(3))),
    Case(strided, ((2, 2),), lambda r, t: _of(t, r.normal(size=11), r.normal(size=11))),
    Case(neighbours, ((2, 4),), lambda r, t: _of(t, r.normal(size=6), np.zeros(6))),
    Case(rows, ((1, 4),), lambda r, t: (*_of(t, r.random((3, 2))), np.array([2, 0, 1]), *_of(t, r.random(4)))),
    Case(scan_in_block, ((1, 8),), lambda r, t: _of(t, r.normal(size=8), np.zeros(8))),
    Case(powers_in_a_plane, (((2, 2), (2, 3)),),
         lambda r, t: (*_of(t, r.random((3, 4))), np.arange(3), *_of(t, np.zeros((3, 4))))),
    Case(image, (((1, 2, 1), (2, 2, 2)),), lambda r, t: (
        np.ones((2, 3), np.uint8), np.eye(2, 3) > 0, *_of(t, r.random(2), np.zeros((2, 3, 2)))
    )),
    Case(carried_tiles, ((2, 4),), lambda r, t: _of(t, 0.3 * r.normal(size=12), np.zeros(8))),
    Case(in_place_with_barriers, ((1, 5),), lambda r, t: _of(t, r.normal(size=5), np.zeros(5))),
    Case(jacobi, ((1, 8),), lambda r, t: (*_of(t, r.normal(size=8)), 3)),
    Case(layer_norm, ((2, 4),), lambda r, t: _of(t, r.normal(size=(2, 6)), r.random(6), np.zeros((2, 6)))),
    Case(attention, ((1, 4),), lambda r, t: _of(t, *r.random((2, 4, 2)), r.random((4, 2)), np.zeros((4, 2)))),
    Case(one_thread, ((1, 1),), lambda r, t: _of(t, r.normal(size=4), np.zeros(1))),
]  # fmt: skip
_DOUBLE = (neighbours, scan_in_block, carried_tiles, jacobi, layer_norm)
# the same in single precision, where shared memory is, too
SINGLE = [
    *(c for c in CASES if c.kernel not in (reduction, product, matmul, *_DOUBLE)),
    *(
        Case(single, c.launches, c.arguments)
        for c in CASES
        for own, single in (
            (reduction, reduction_single),
            (product, product_single),
            (matmul, matmul_single),
        )
        if c.kernel is own
    ),
]
