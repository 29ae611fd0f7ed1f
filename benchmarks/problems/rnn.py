"""A recurrent network over a long sequence: a linear reading of the last state, squared; gradient in all weights."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator, weights

SIZES = [{"T": 1000, "H": 64, "D": 16}]
QUICK = [{"T": 100, "H": 64, "D": 16}]
SMALL = {"T": 5, "H": 4, "D": 3}
WRT = (0, 1, 2, 3)
LEFT_OUT = {"srcdiff (NumPy), loop source": lambda size: size["T"] > 100}


def make(T, H, D):
    rng = generator(T, H, D)
    W, U = weights(rng, H, H, H), weights(rng, D, H, D)
    return W, U, 0.1 * rng.normal(size=H), rng.normal(size=H), rng.normal(size=(T, D)), rng.normal(size=T)  # fmt: skip


def objective(W, U, b, v, xs, ys):
    h = np.zeros(len(b))
    loss = 0.0
    for t in range(len(xs)):
        h = np.tanh(W @ h + U @ xs[t] + b)
        loss = loss + (v @ h - ys[t]) ** 2
    return loss


def loops(W, U, b, v, xs, ys):
    T, D = xs.shape
    H = len(b)
    h, new = np.zeros(H), np.zeros(H)
    loss = 0.0
    for t in range(T):
        y = 0.0
        for i in range(H):
            s = b[i]
            for j in range(H):
                s += W[i, j] * h[j]
            for j in range(D):
                s += U[i, j] * xs[t, j]
            new[i] = np.tanh(s)
            y += v[i] * new[i]
        for i in range(H):
            h[i] = new[i]
        loss += (y - ys[t]) ** 2
    return loss


@vm.hand
def _forward(W, U, b, v, xs, ys, hs, errors):
    """`hs` starts with the zero state; inputs of all steps are one product."""
    T, H = len(xs), len(b)
    WT = np.ascontiguousarray(W.T)
    inputs = np.dot(xs, U.T)
    total = np.empty(H)
    loss = 0.0
    for i in range(H):
        hs[0, i] = 0.0
    for t in range(T):
        for i in range(H):
            total[i] = inputs[t, i] + b[i]
        _add_product(hs[t], WT, total)
        y = 0.0
        for i in range(H):
            hs[t + 1, i] = vm.tanh(total[i])
            y += v[i] * hs[t + 1, i]
        errors[t] = y - ys[t]
        loss += errors[t] * errors[t]
    return loss


@vm.hand
def _add_product(x, A, out):
    """Out += x @ A, four rows of A a pass."""
    full = len(x) - len(x) % 4
    for i in range(0, full, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(len(out)):
            out[j] += a * A[i, j] + b * A[i + 1, j] + c * A[i + 2, j] + d * A[i + 3, j]
    for i in range(full, len(x)):
        for j in range(len(out)):
            out[j] += x[i] * A[i, j]


@vm.hand
def hand_value(W, U, b, v, xs, ys):
    return _forward(W, U, b, v, xs, ys, np.empty((len(xs) + 1, len(b))), np.empty(len(xs)))


@vm.hand
def hand(W, U, b, v, xs, ys):
    """The weights' gradients are one product each, of all steps at once."""
    T, H = len(xs), len(b)
    hs, errors = np.empty((T + 1, H)), np.empty(T)
    loss = _forward(W, U, b, v, xs, ys, hs, errors)
    d_sums = np.empty((T, H))
    d_h, d_b, d_v = np.zeros(H), np.zeros(H), np.zeros(H)
    for t in range(T - 1, -1, -1):
        d_y = 2.0 * errors[t]
        for i in range(H):
            h = hs[t + 1, i]
            d_v[i] += d_y * h
            d = (d_h[i] + d_y * v[i]) * (1.0 - h * h)
            d_sums[t, i] = d
            d_b[i] += d
            d_h[i] = 0.0
        _add_product(d_sums[t], W, d_h)
    return loss, (np.dot(d_sums.T, hs[:T]), np.dot(d_sums.T, xs), d_b, d_v)
