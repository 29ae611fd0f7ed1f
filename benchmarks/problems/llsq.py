"""GradBench's least squares: a polynomial fitted to a sign, gradient in its coefficients."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 16392, "m": 128}]
QUICK = [{"n": 2000, "m": 16}]
SMALL = {"n": 10, "m": 5}
WRT = 0
LEFT_OUT = {"srcdiff (NumPy), loop source": lambda size: size["n"] * size["m"] > 3e5}


def make(n, m):
    return generator(n, m).normal(size=m), n


def objective(x, n):
    t = np.linspace(-1.0, 1.0, n)
    powers = t[:, None] ** np.arange(len(x))
    return 0.5 * np.sum((np.sign(t) - powers @ x) ** 2)


def loops(x, n):
    total = 0.0
    for i in range(n):
        t = -1.0 + i * 2.0 / (n - 1)
        residual = np.sign(t)
        power = 1.0
        for j in range(len(x)):
            residual -= x[j] * power
            power *= t
        total += residual**2
    return 0.5 * total


TILE = 512


@vm.hand
def _residuals(x, n, start, size, t, residual):
    """By Horner's rule, eight coefficients a pass, so that a pass loads and stores once for eight products."""
    m = len(x)
    rest = m % 8
    for p in range(size):
        t[p] = -1.0 + (start + p) * 2.0 / (n - 1)
        residual[p] = 0.0
    for j in range(m - 1, m - 1 - rest, -1):
        for p in range(size):
            residual[p] = residual[p] * t[p] + x[j]
    for j in range(m - rest - 8, -1, -8):
        a0, a1, a2, a3 = x[j], x[j + 1], x[j + 2], x[j + 3]
        a4, a5, a6, a7 = x[j + 4], x[j + 5], x[j + 6], x[j + 7]
        for p in range(size):
            z, y = t[p], residual[p]
            y = (((y * z + a7) * z + a6) * z + a5) * z + a4
            residual[p] = (((y * z + a3) * z + a2) * z + a1) * z + a0
    total = 0.0
    for p in range(size):
        residual[p] -= np.sign(t[p])
        total += residual[p] * residual[p]
    return total


@vm.hand
def hand_value(x, n):
    t, residual = np.empty(TILE), np.empty(TILE)
    total = 0.0
    for start in range(0, n, TILE):
        total += _residuals(x, n, start, min(TILE, n - start), t, residual)
    return 0.5 * total


@vm.hand
def hand(x, n):
    t, residual = np.empty(TILE), np.empty(TILE)
    d_x = np.zeros(len(x))
    total = 0.0
    for start in range(0, n, TILE):
        size = min(TILE, n - start)
        total += _residuals(x, n, start, size, t, residual)
        _back(size, t, residual, d_x)
    return 0.5 * total, d_x


@vm.hand
def _back(size, t, power, d_x):
    """`power` starts as the residual and is multiplied by t from coefficient to coefficient."""
    full = len(d_x) - len(d_x) % 4
    for j in range(0, full, 4):
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for p in range(size):
            z, w = t[p], power[p]
            s0 += w
            w *= z
            s1 += w
            w *= z
            s2 += w
            w *= z
            s3 += w
            power[p] = w * z
        d_x[j] += s0
        d_x[j + 1] += s1
        d_x[j + 2] += s2
        d_x[j + 3] += s3
    for j in range(full, len(d_x)):
        s0 = 0.0
        for p in range(size):
            s0 += power[p]
            power[p] *= t[p]
        d_x[j] += s0
