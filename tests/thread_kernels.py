"""Kernels whose threads do not wait for each other: physics, images, small matrices, sparse rows, state machines."""

from __future__ import annotations

import math

import numpy as np
from numba import float64, int32
from user_kernels import Case, _of

from srcdiff.runtime.cuda.numba_cuda_api import cuda

TABLE = np.array([0.5, 1.5, 2.5])


@cuda.jit(device=True)
def sq(a):
    return a * a


@cuda.jit(device=True)
def dist2(a, b):
    return sq(a[0] - b[0]) + sq(a[1] - b[1])


@cuda.jit(device=True)
def lj(r2):
    i6 = 1.0 / (r2 * r2 * r2)
    return 4.0 * (i6 * i6 - i6)


@cuda.jit
def lennard_jones(pos, cutoff, e):
    i = cuda.grid(1)
    n = pos.shape[0]
    if i >= n:
        return
    s = 0.0
    for j in range(n):
        if j == i:
            continue
        r2 = 1.0 + dist2(pos[i], pos[j])
        if r2 > cutoff * cutoff:
            continue
        s += lj(r2)
    e[i] = 0.5 * s


@cuda.jit
def conv2d(img, k, out):
    r, c = cuda.grid(2)

    if r >= out.shape[0] or c >= out.shape[1]:
        return
    s = 0.0
    for i in range(k.shape[0]):
        for j in range(k.shape[1]):
            s += img[r + i, c + j] * k[i, j]
    out[r, c] = s if s > 0.0 else 0.1 * s


@cuda.jit
def wave3d(u, u_old, c):
    i, j, k = cuda.grid(3)
    n0, n1, n2 = u.shape
    if 0 < i < n0 - 1 and 0 < j < n1 - 1 and 0 < k < n2 - 1:
        lap = (
            u[i + 1, j, k]
            + u[i - 1, j, k]
            + u[i, j + 1, k]
            + u[i, j - 1, k]
            + u[i, j, k + 1]
            + u[i, j, k - 1]
            - 6.0 * u[i, j, k]
        )
        u_old[i, j, k] = 2.0 * u[i, j, k] - u_old[i, j, k] + c[i, j, k] ** 2 * lap


@cuda.jit
def stride_by_block(x, y):
    bs = cuda.blockDim.x
    start = cuda.blockIdx.x * bs * 4 + cuda.threadIdx.x
    for u in range(4):
        i = start + u * bs
        if i < x.shape[0]:
            y[i] = math.sin(x[i]) * y[i]


@cuda.jit
def collatz_like(x, n, y):
    i = cuda.grid(1)
    if i < n.shape[0]:
        k = n[i]
        v = x[i]
        while k != 1:
            if k % 2 == 0:
                k = k // 2
                v = v * 0.9 + 0.1 * v * v
            else:
                k = 3 * k + 1
                v = math.sin(v)
        y[i] = v


@cuda.jit
def cube_root(a, y):
    i = cuda.grid(1)
    if i < a.shape[0]:
        x = a[i]
        it = 0
        while True:
            step = (x * x * x - a[i]) / (3.0 * x * x)
            x -= step
            it += 1
            if abs(step) < 1e-2 or it > 30:
                break
        y[i] = x


@cuda.jit
def tri_solve(a, b, c, d, x):
    """Thomas algorithm for each system; local arrays."""
    s = cuda.grid(1)
    if s >= a.shape[0]:
        return
    cp = cuda.local.array(5, float64)
    dp = cuda.local.array(5, float64)
    n = 5
    cp[0] = c[s, 0] / b[s, 0]
    dp[0] = d[s, 0] / b[s, 0]
    for i in range(1, n):
        m = b[s, i] - a[s, i] * cp[i - 1]
        cp[i] = c[s, i] / m
        dp[i] = (d[s, i] - a[s, i] * dp[i - 1]) / m
    x[s, n - 1] = dp[n - 1]
    for i in range(n - 2, -1, -1):
        x[s, i] = dp[i] - cp[i] * x[s, i + 1]


@cuda.jit
def spmv(data, indices, indptr, x, y):
    row = cuda.grid(1)
    if row < indptr.shape[0] - 1:
        s = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            s += data[k] * x[indices[k]]
        y[row] = s


@cuda.jit
def scatter_edges(src, dst, feat, wgt, out):
    e = cuda.grid(1)
    if e < src.shape[0]:
        for f in range(feat.shape[1]):
            cuda.atomic.add(out, (dst[e], f), wgt[e] * math.tanh(feat[src[e], f]))


@cuda.jit
def subtract_atomically(x, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.sub(out, i % 2, x[i] ** 3)


@cuda.jit
def rk4(y0, p, out, steps):
    i = cuda.grid(1)
    if i < y0.shape[0]:
        a = y0[i, 0]
        b = y0[i, 1]
        h = 0.1
        for _ in range(steps):
            k1a = p[0] * a - p[1] * a * b
            k1b = p[1] * a * b - p[2] * b
            am = a + 0.5 * h * k1a
            bm = b + 0.5 * h * k1b
            k2a = p[0] * am - p[1] * am * bm
            k2b = p[1] * am * bm - p[2] * bm
            a += h * k2a
            b += h * k2b
        out[i, 0] = a
        out[i, 1] = b


@cuda.jit
def mandel(c, steps, out):
    i = cuda.grid(1)
    if i < c.shape[0]:
        zr = 0.0
        zi = 0.0
        for k in range(steps):
            r2 = zr * zr + zi * zi
            if r2 > 4.0:
                out[i] = k + math.log(r2)
                return
            zr, zi = zr * zr - zi * zi + c[i, 0], 2.0 * zr * zi + c[i, 1]
        out[i] = zr * zi


@cuda.jit
def swap_ends(x):
    i = cuda.grid(1)
    n = x.shape[0]
    if i < n // 2:
        a = x[i]
        b = x[n - 1 - i]
        x[i] = b * b
        x[n - 1 - i] = a * b


@cuda.jit
def int_table(x, table, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        k = int(x[i])
        f = x[i] - k
        y[i] = table[k] * (1.0 - f) + table[k + 1] * f


@cuda.jit
def trilinear(vol, p, out):
    i = cuda.grid(1)
    if i < p.shape[0]:
        s = 0.0
        x0 = int(p[i, 0])
        y0 = int(p[i, 1])
        for dx in range(2):
            wx = p[i, 0] - x0 if dx else 1.0 - (p[i, 0] - x0)
            for dy in range(2):
                wy = p[i, 1] - y0 if dy else 1.0 - (p[i, 1] - y0)
                s += wx * wy * vol[x0 + dx, y0 + dy]
        out[i] = s


@cuda.jit
def cumprod_row(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i, 0] = x[i, 0]
        for k in range(1, x.shape[1]):
            y[i, k] = y[i, k - 1] * x[i, k]


@cuda.jit
def prefixes_in_place(x):
    i = cuda.grid(1)
    if i < x.shape[0]:
        for k in range(1, x.shape[1]):
            x[i, k] *= x[i, k - 1]
        for k in range(x.shape[1] - 2, -1, -1):
            x[i, k] += 0.5 * x[i, k + 1] ** 2


@cuda.jit
def views_of_rows(x, y):
    row = cuda.blockIdx.x
    xr = x[row, :]
    yr = y[row]
    for c in range(cuda.threadIdx.x, xr.shape[0], cuda.blockDim.x):
        yr[c] = xr[c] * xr[xr.shape[0] - 1 - c]


@cuda.jit
def tuple_device(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        a, b = both(x[i], 2.0)
        y[i] = a * b


@cuda.jit(device=True)
def both(a, k):
    if a > 0.5:
        return a * k, math.cos(a)
    return a, a * a


@cuda.jit(device=True)
def fill(buf, x, n):
    for k in range(n):
        buf[k] = x * (k + 1)


@cuda.jit
def writes_in_device(x, y):
    i = cuda.grid(1)
    buf = cuda.local.array(4, float64)
    if i < x.shape[0]:
        fill(buf, x[i], 4)
        s = 0.0
        for k in range(4):
            s += buf[k] * buf[3 - k]
        y[i] = s


@cuda.jit
def gauss_elim(A, b, x):
    s = cuda.grid(1)
    if s >= A.shape[0]:
        return
    n = 3
    M = cuda.local.array((3, 4), float64)
    for i in range(n):
        for j in range(n):
            M[i, j] = A[s, i, j]
        M[i, n] = b[s, i]
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(M[i, k]) > abs(M[p, k]):
                p = i
        if p != k:
            for j in range(k, n + 1):
                t = M[k, j]
                M[k, j] = M[p, j]
                M[p, j] = t
        for i in range(k + 1, n):
            f = M[i, k] / M[k, k]
            for j in range(k, n + 1):
                M[i, j] -= f * M[k, j]
    for i in range(n - 1, -1, -1):
        v = M[i, n]
        for j in range(i + 1, n):
            v -= M[i, j] * x[s, j]
        x[s, i] = v / M[i, i]


@cuda.jit
def batched_mlp(x, W1, b1, W2, out):
    i = cuda.grid(1)
    h = cuda.local.array(3, float64)
    if i < x.shape[0]:
        for j in range(3):
            a = b1[j]
            for k in range(x.shape[1]):
                a += W1[j, k] * x[i, k]
            h[j] = math.tanh(a)
        o = 0.0
        for j in range(3):
            o += W2[j] * h[j]
        out[i] = 1.0 / (1.0 + math.exp(-o))


@cuda.jit
def minmax_clamp(x, lo, hi, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = min(max(x[i], lo[0]), hi[0]) * abs(x[i])


@cuda.jit
def overwritten_twice(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = x[i] * 2.0
        y[i] = y[i] * y[i] + x[i]
        x[i] = y[i] * x[i]
        y[i] = x[i]


@cuda.jit
def nested_while(x, n, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        k = 0
        v = x[i]
        while k < n[i]:
            j = 0
            while j < k:
                v = v * v * 0.5 + x[i]
                j += 1
            k += 1
        y[i] = v


@cuda.jit
def by_thread_only(x, y):
    i = cuda.grid(1)
    if i < y.shape[0]:
        y[i] = x[cuda.threadIdx.x] ** 2


@cuda.jit
def shared_places(x, y):
    i = cuda.grid(1)
    if i < y.shape[0]:
        y[i] = x[i // 2] ** 2 + x[i % 3]


@cuda.jit
def rows_of_grid2(x, y):
    i, j = cuda.grid(2)
    if i < y.shape[0] and j < y.shape[1]:
        y[i, j] = x[i] * y[i, j]


@cuda.jit
def flattened(x, y, w):
    i, j = cuda.grid(2)
    k = i * w + j
    if j < w and k < x.shape[0]:
        y[k] = x[k] ** 3


@cuda.jit
def blockdim_stride(x, y):
    for k in range(cuda.threadIdx.x, x.shape[0], cuda.blockDim.x):
        cuda.atomic.add(y, k, x[k] ** 2)


@cuda.jit
def shifted_views(x, y):
    i = cuda.grid(1)
    xv = x[1:]
    if i < xv.shape[0]:
        y[i] = xv[i] * x[i]


@cuda.jit
def rnn_thread(xs, W, U, out):
    b = cuda.grid(1)
    if b < xs.shape[0]:
        h = cuda.local.array(3, float64)
        hn = cuda.local.array(3, float64)
        for k in range(3):
            h[k] = 0.0
        for t in range(xs.shape[1]):
            for k in range(3):
                a = U[k] * xs[b, t]
                for l in range(3):
                    a += W[k, l] * h[l]
                hn[k] = math.tanh(a)
            for k in range(3):
                h[k] = hn[k]
        for k in range(3):
            out[b, k] = h[k]


@cuda.jit
def argmax_too(x, idx, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        best = 0
        for k in range(1, x.shape[1]):
            if x[i, k] > x[i, best]:
                best = k
        idx[i] = best
        y[i] = x[i, idx[i]] ** 2


@cuda.jit
def functions(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[i]
        y[i, 0] = math.erf(v) + math.erfc(v) * v
        y[i, 1] = math.lgamma(v + 1.5) + math.hypot(v, 2.0)
        y[i, 2] = math.atan2(v, 0.3) + math.log1p(v) * math.expm1(v)
        y[i, 3] = math.pow(v + 1.0, 2.5) + math.fmod(v, 0.3)
        y[i, 4] = v % 0.4 + math.copysign(v, -1.0) + math.floor(v) * v
        y[i, 5] = (
            math.fabs(v - 0.5)
            + math.asinh(v)
            + math.acosh(v + 1.5)
            + math.atanh(0.3 * v)
            + math.log2(v + 1)
            + math.log10(v + 2.0)
            + math.tan(v)
            + math.sinh(v)
            + math.cosh(v) * math.asin(0.5 * v) * math.acos(0.5 * v)
            + math.ceil(v)
        )


@cuda.jit
def const_table(x, y):
    t = cuda.const.array_like(TABLE)
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = x[i] * t[i % 3] * TABLE[0]


@cuda.jit
def binary_search(x, knots, vals, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        lo = 0
        hi = knots.shape[0] - 1
        while hi - lo > 1:
            mid = (lo + hi) // 2
            if knots[mid] <= x[i]:
                lo = mid
            else:
                hi = mid
        f = (x[i] - knots[lo]) / (knots[hi] - knots[lo])
        y[i] = vals[lo] + f * (vals[hi] - vals[lo])


@cuda.jit
def backwards_steps(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        s = 0.0
        for k in range(x.shape[1] - 1, -1, -2):
            if x[i, k] < 0.3:
                continue
            s = s * x[i, k] + x[i, k]
        y[i] = s


@cuda.jit
def cholesky_thread(A, L):
    b = cuda.grid(1)
    if b < A.shape[0]:
        n = A.shape[1]
        for i in range(n):
            for j in range(i + 1):
                s = A[b, i, j]
                for k in range(j):
                    s -= L[b, i, k] * L[b, j, k]
                if i == j:
                    L[b, i, j] = math.sqrt(s)
                else:
                    L[b, i, j] = s / L[b, j, j]


@cuda.jit
def forward_algorithm(log_pi, log_A, log_B, obs, out):
    """log-likelihood of each sequence; in a thread, local arrays."""
    s = cuda.grid(1)
    if s >= obs.shape[0]:
        return
    K = 3
    a = cuda.local.array(3, float64)
    b = cuda.local.array(3, float64)
    for k in range(K):
        a[k] = log_pi[k] + log_B[k, obs[s, 0]]
    for t in range(1, obs.shape[1]):
        for k in range(K):
            m = -1e300
            for j in range(K):
                m = max(m, a[j] + log_A[j, k])
            z = 0.0
            for j in range(K):
                z += math.exp(a[j] + log_A[j, k] - m)
            b[k] = m + math.log(z) + log_B[k, obs[s, t]]
        for k in range(K):
            a[k] = b[k]
    m = max(a[0], max(a[1], a[2]))
    out[s] = m + math.log(math.exp(a[0] - m) + math.exp(a[1] - m) + math.exp(a[2] - m))


@cuda.jit
def conversions(x, n, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        k = int32(n[i])
        v = float64(x[i]) * np.float64(k)
        v = v + float(k) * x[i] / x.size + x.ndim
        y[i] = v * v


@cuda.jit
def ternaries(x, y):
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    a = x[i]
    b = a if a > 0.3 else (2.0 * a if a > 0 else -a)
    if not (a < 0.1 or a > 0.9) and i != 1:
        b *= a
    elif i == 1:
        b = b**2
    else:
        return
    y[i] += b


@cuda.jit
def grid2_strides(x, y):
    i0, j0 = cuda.grid(2)
    si, sj = cuda.gridsize(2)
    for i in range(i0, x.shape[0], si):
        for j in range(j0, x.shape[1], sj):
            y[i, j] += x[i, j] * x[i, j]


@cuda.jit
def horner_global_acc(c, x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = 0.0
        for k in range(c.shape[0] - 1, -1, -1):
            y[i] = y[i] * x[i] + c[k]


WAYS = (0, 1, -1)


@cuda.jit
def lattice(f, new, omega):
    """A line of lattice Boltzmann, in double precision inside."""
    i = cuda.grid(1)
    n = f.shape[1]
    if i >= n:
        return
    own = cuda.local.array(3, float64)
    rho = 0.0
    u = 0.0
    for q in range(3):
        v = f[q, (i - WAYS[q]) % n]
        own[q] = v
        rho += v
        u += WAYS[q] * v
    u /= rho
    for q in range(3):
        eq = rho * (1.0 + 3.0 * WAYS[q] * u) / 3.0
        new[q, i] = own[q] - omega[0] * (own[q] - eq)


@cuda.jit
def of_cuda_itself(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = cuda.fma(x[i], x[i], 1.0) + cuda.cbrt(x[i]) + cuda.selp(x[i] > 0.5, x[i], 2.0 * x[i])


@cuda.jit
def online_softmax(x, out):
    row = cuda.grid(1)
    if row < x.shape[0]:
        highest = -math.inf
        norm = 0.0
        for j in range(x.shape[1]):
            new = max(highest, x[row, j])
            norm = norm * math.exp(highest - new) + math.exp(x[row, j] - new)
            highest = new
        for j in range(x.shape[1]):
            out[row, j] = math.exp(x[row, j] - highest) / norm


CASES = [
    Case(online_softmax, ((1, 4),), lambda r, t: _of(t, r.normal(size=(3, 5)), np.zeros((3, 5)))),
    Case(
        lennard_jones,
        ((2, 3),),
        lambda r, t: (*_of(t, r.normal(size=(5, 2))), 2.3, *_of(t, np.zeros(5))),
    ),
    Case(
        conv2d,
        (((2, 2), (2, 3)),),
        lambda r, t: _of(t, r.normal(size=(5, 6)), r.normal(size=(2, 3)), np.zeros((4, 4))),
    ),
    Case(wave3d, (((2, 2, 2), (2, 2, 2)),), lambda r, t: _of(t, *r.normal(size=(3, 4, 4, 3)))),
    Case(stride_by_block, ((2, 3),), lambda r, t: _of(t, r.normal(size=20), r.normal(size=20))),
    Case(
        collatz_like,
        ((2, 4),),
        lambda r, t: (*_of(t, r.random(6)), np.array([1, 2, 3, 6, 7, 8]), *_of(t, np.zeros(6))),
    ),
    Case(cube_root, ((1, 4),), lambda r, t: _of(t, 1.5 + r.random(4), np.zeros(4))),
    Case(
        tri_solve,
        ((1, 4),),
        lambda r, t: _of(
            t,
            r.random((3, 5)),
            3 + r.random((3, 5)),
            r.random((3, 5)),
            r.random((3, 5)),
            np.zeros((3, 5)),
        ),
    ),
    Case(
        spmv,
        ((1, 4),),
        lambda r, t: (
            *_of(t, r.random(5)),
            np.array([0, 2, 1, 0, 2]),
            np.array([0, 2, 3, 5]),
            *_of(t, r.random(3), np.zeros(3)),
        ),
    ),
    Case(
        scatter_edges,
        ((2, 3),),
        lambda r, t: (
            np.array([0, 1, 2, 0, 1]),
            np.array([1, 0, 1, 1, 2]),
            *_of(t, r.random((3, 2)), r.random(5), np.zeros((3, 2))),
        ),
    ),
    Case(subtract_atomically, ((2, 3),), lambda r, t: _of(t, r.random(5), r.random(2))),
    Case(
        rk4, ((1, 4),), lambda r, t: (*_of(t, r.random((3, 2)), r.random(3), np.zeros((3, 2))), 4)
    ),
    Case(
        mandel,
        ((1, 4),),
        lambda r, t: (
            *_of(t, np.array([[0.3, 0.4], [1.0, 0.5], [2.0, 2.0], [-0.3, 0.1]])),
            6,
            *_of(t, np.zeros(4)),
        ),
    ),
    Case(swap_ends, ((1, 4),), lambda r, t: _of(t, r.random(7))),
    Case(int_table, ((1, 4),), lambda r, t: _of(t, 3 * r.random(4), r.random(5), np.zeros(4))),
    Case(
        trilinear,
        ((1, 4),),
        lambda r, t: _of(t, r.random((4, 4)), 2.5 * r.random((4, 2)), np.zeros(4)),
    ),
    Case(cumprod_row, ((1, 3),), lambda r, t: _of(t, r.random((3, 4)), np.zeros((3, 4)))),
    Case(prefixes_in_place, ((1, 3),), lambda r, t: _of(t, r.random((3, 4)))),
    Case(views_of_rows, ((2, 3),), lambda r, t: _of(t, r.random((2, 5)), np.zeros((2, 5)))),
    Case(tuple_device, ((1, 4),), lambda r, t: _of(t, r.random(4), np.zeros(4))),
    Case(writes_in_device, ((1, 4),), lambda r, t: _of(t, r.random(4), np.zeros(4))),
    Case(
        gauss_elim,
        ((1, 2),),
        lambda r, t: _of(t, r.normal(size=(2, 3, 3)), r.random((2, 3)), np.zeros((2, 3))),
    ),
    Case(
        batched_mlp,
        ((1, 4),),
        lambda r, t: _of(
            t, r.random((4, 2)), r.random((3, 2)), r.random(3), r.random(3), np.zeros(4)
        ),
    ),
    Case(
        minmax_clamp,
        ((1, 6),),
        lambda r, t: _of(t, r.normal(size=6), np.array([-0.3]), np.array([0.4]), np.zeros(6)),
    ),
    Case(overwritten_twice, ((1, 4),), lambda r, t: _of(t, r.random(4), r.random(4))),
    Case(
        nested_while,
        ((1, 4),),
        lambda r, t: (*_of(t, r.random(4)), np.array([0, 2, 3, 1]), *_of(t, np.zeros(4))),
    ),
    Case(by_thread_only, ((2, 3),), lambda r, t: _of(t, r.random(3), np.zeros(6))),
    Case(shared_places, ((2, 3),), lambda r, t: _of(t, r.random(3), np.zeros(6))),
    Case(rows_of_grid2, (((2, 2), (2, 2)),), lambda r, t: _of(t, r.random(3), r.random((3, 4)))),
    Case(flattened, (((2, 2), (2, 2)),), lambda r, t: (*_of(t, r.random(9), np.zeros(9)), 3)),
    Case(blockdim_stride, ((2, 3),), lambda r, t: _of(t, r.random(7), np.zeros(7))),
    Case(shifted_views, ((2, 3),), lambda r, t: _of(t, r.random(6), np.zeros(6))),
    Case(
        rnn_thread,
        ((1, 3),),
        lambda r, t: _of(t, r.random((2, 4)), r.random((3, 3)), r.random(3), np.zeros((2, 3))),
    ),
    Case(
        argmax_too,
        ((1, 3),),
        lambda r, t: (*_of(t, r.random((3, 4))), np.zeros(3, int), *_of(t, np.zeros(3))),
    ),
    Case(functions, ((1, 3),), lambda r, t: _of(t, 0.05 + 0.8 * r.random(3), np.zeros((3, 6)))),
    Case(const_table, ((1, 4),), lambda r, t: _of(t, r.random(4), np.zeros(4))),
    Case(
        binary_search,
        ((1, 4),),
        lambda r, t: _of(t, 4 * r.random(4), np.arange(6.0), r.random(6), np.zeros(4)),
    ),
    Case(backwards_steps, ((1, 4),), lambda r, t: _of(t, r.random((3, 6)), np.zeros(3))),
    Case(
        cholesky_thread,
        ((1, 2),),
        lambda r, t: _of(t, 0.3 * r.random((2, 3, 3)) + 3 * np.eye(3), np.zeros((2, 3, 3))),
    ),
    Case(
        forward_algorithm,
        ((1, 3),),
        lambda r, t: (
            *_of(t, np.log(r.random(3)), np.log(r.random((3, 3))), np.log(r.random((3, 2)))),
            np.array([[0, 1, 1, 0], [1, 1, 0, 0]]),
            *_of(t, np.zeros(2)),
        ),
    ),
    Case(
        conversions,
        ((1, 4),),
        lambda r, t: (*_of(t, r.random(4)), np.arange(4), *_of(t, np.zeros(4))),
    ),
    Case(ternaries, ((1, 6),), lambda r, t: _of(t, r.random(6) - 0.1, np.zeros(6))),
    Case(
        grid2_strides, (((1, 2), (2, 1)),), lambda r, t: _of(t, r.random((3, 5)), r.random((3, 5)))
    ),
    Case(horner_global_acc, ((1, 4),), lambda r, t: _of(t, r.random(4), r.random(3), r.random(3))),
    Case(
        lattice,
        ((2, 2),),
        lambda r, t: _of(t, 1.0 + 0.1 * r.random((3, 4)), np.zeros((3, 4)), np.array([0.8])),
    ),
    Case(of_cuda_itself, ((1, 4),), lambda r, t: _of(t, 0.2 + r.random(4), np.zeros(4))),
]
