"""A heat stencil that writes its arrays in place: the misfit after so many steps, gradient in the start and in k."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 256, "steps": 1000}]
QUICK = [{"n": 64, "steps": 100}]
SMALL = {"n": 7, "steps": 4}
WRT = (0, 1)


def make(n, steps):
    rng = generator(n, steps)
    return rng.random(n), 0.2, rng.random(n), steps


def objective(u0, k, target, steps):
    u = u0.copy()
    for _ in range(steps):
        u[1:-1] += k * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return np.sum((u - target) ** 2)


def loops(u0, k, target, steps):
    u = u0.copy()
    v = np.zeros_like(u)
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        for i in range(1, len(u) - 1):
            u[i] = v[i]
    s = 0.0
    for i in range(len(u)):
        s += (u[i] - target[i]) ** 2
    return s


@vm.hand
def _stencil(u, k, new):
    n = len(u)
    for i in range(1, n - 1):
        new[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    new[0], new[n - 1] = u[0], u[n - 1]


@vm.hand
def hand_value(u0, k, target, steps):
    u, v = u0.copy(), np.empty(len(u0))
    for _ in range(steps):
        _stencil(u, k, v)
        u, v = v, u
    s = 0.0
    for i in range(len(u)):
        s += (u[i] - target[i]) ** 2
    return s


@vm.hand
def hand(u0, k, target, steps):
    """Every u is kept, for the gradient in k; the two ends never change and gather on the way back."""
    n = len(u0)
    us = np.empty((steps + 1, n))
    for i in range(n):
        us[0, i] = u0[i]
    for t in range(steps):
        _stencil(us[t], k, us[t + 1])
    s = 0.0
    d, new = np.empty(n), np.empty(n)
    for i in range(n):
        difference = us[steps, i] - target[i]
        s += difference * difference
        d[i] = 2.0 * difference
    d_k, first, last = 0.0, d[0], d[n - 1]
    d[0], d[n - 1], new[0], new[n - 1] = 0.0, 0.0, 0.0, 0.0
    for t in range(steps - 1, -1, -1):
        first += k * d[1]
        last += k * d[n - 2]
        d_k += _back(us[t], k, d, new)
        d, new = new, d
    d[0], d[n - 1] = first, last
    return s, (d, d_k)


@vm.hand
def _back(u, k, d, new):
    d_k = 0.0
    for i in range(1, len(u) - 1):
        d_k += d[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        new[i] = d[i] + k * (d[i - 1] - 2.0 * d[i] + d[i + 1])
    return d_k
