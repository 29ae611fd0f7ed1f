"""The potential energy of bodies, by loops over pairs with a softened distance; gradient in all positions."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 200}, {"n": 1000}]
QUICK = [{"n": 200}]
SMALL = {"n": 5}
WRT = 0
LEFT_OUT = {"srcdiff (NumPy), loop source": lambda size: size["n"] > 200}


def make(n):
    rng = generator(n)
    return rng.normal(size=(n, 3)), rng.random(n), 0.1


def objective(x, m, eps):
    difference = x[:, None, :] - x[None, :, :]
    r2 = np.sum(difference**2, axis=2) + eps**2
    weight = m[:, None] * m[None, :] / np.sqrt(r2)
    return -0.5 * (np.sum(weight) - np.sum(m**2) / eps)


def loops(x, m, eps):
    n = len(x)
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx = x[i, 0] - x[j, 0]
            dy = x[i, 1] - x[j, 1]
            dz = x[i, 2] - x[j, 2]
            energy -= m[i] * m[j] / np.sqrt(dx * dx + dy * dy + dz * dz + eps * eps)
    return energy


@vm.hand
def hand_value(x, m, eps):
    """Every pair twice: rows of full length are worth it."""
    xs, ys, zs = x[:, 0].copy(), x[:, 1].copy(), x[:, 2].copy()
    energy = 0.0
    for i in range(len(m)):
        a, b, c, s = xs[i], ys[i], zs[i], 0.0
        for j in range(len(m)):
            dx, dy, dz = a - xs[j], b - ys[j], c - zs[j]
            s += m[j] * np.sqrt(1.0 / (dx * dx + dy * dy + dz * dz + eps * eps))
        energy -= 0.5 * m[i] * (s - m[i] / eps)
    return energy


@vm.hand
def hand(x, m, eps):
    """Restructured: every pair twice, so that a body's row is one vectorised sum and nothing is scattered."""
    n = len(m)
    xs, ys, zs = x[:, 0].copy(), x[:, 1].copy(), x[:, 2].copy()
    d_x = np.empty((n, 3))
    energy = 0.0
    for i in range(n):
        a, b, c = xs[i], ys[i], zs[i]
        s, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
        for j in range(n):
            dx, dy, dz = a - xs[j], b - ys[j], c - zs[j]
            inverse = 1.0 / (dx * dx + dy * dy + dz * dz + eps * eps)
            w = m[j] * np.sqrt(inverse)
            s += w
            w *= inverse
            gx += w * dx
            gy += w * dy
            gz += w * dz
        energy -= 0.5 * m[i] * (s - m[i] / eps)
        d_x[i, 0], d_x[i, 1], d_x[i, 2] = m[i] * gx, m[i] * gy, m[i] * gz
    return energy, d_x


@vm.hand
def hand_line_by_line(x, m, eps):
    """The adjoint of `loops`, statement by statement, with its += to both bodies of a pair."""
    n = len(m)
    d_x = np.zeros((n, 3))
    energy = 0.0
    for i in range(n):
        gx, gy, gz = 0.0, 0.0, 0.0
        for j in range(i + 1, n):
            dx, dy, dz = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            inverse = 1.0 / (dx * dx + dy * dy + dz * dz + eps * eps)
            w = m[i] * m[j] * np.sqrt(inverse)
            energy -= w
            w *= inverse
            gx += w * dx
            gy += w * dy
            gz += w * dz
            d_x[j, 0] -= w * dx
            d_x[j, 1] -= w * dy
            d_x[j, 2] -= w * dz
        d_x[i, 0] += gx
        d_x[i, 1] += gy
        d_x[i, 2] += gz
    return energy, d_x


OTHERS = {"hand, line by line": hand_line_by_line}
