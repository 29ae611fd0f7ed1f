"""GradBench's ODE: y_0' = x_0, y_i' = x_i y_(i-1) from zero to time 2, by s steps of Runge-Kutta; the mean there."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 1000, "s": 100}]
QUICK = [{"n": 1000, "s": 10}]
SMALL = {"n": 6, "s": 3}
WRT = 0


def make(n, s):
    return 1.0 + 0.5 * generator(n, s).random(n), s


def derivative(x, y):
    return x * np.concatenate((np.ones(1), y[:-1]))


def solve(x, s):
    h = 2.0 / s
    y = np.zeros(len(x))
    for _ in range(s):
        k1 = derivative(x, y)
        k2 = derivative(x, y + 0.5 * h * k1)
        k3 = derivative(x, y + 0.5 * h * k2)
        k4 = derivative(x, y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


def objective(x, s):
    return np.mean(solve(x, s))


def loops(x, s):
    n = len(x)
    h = 2.0 / s
    y = np.zeros(n)
    k1, k2, k3, k4 = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for _ in range(s):
        k1[0] = k2[0] = k3[0] = k4[0] = x[0]
        for i in range(1, n):
            k1[i] = x[i] * y[i - 1]
        for i in range(1, n):
            k2[i] = x[i] * (y[i - 1] + 0.5 * h * k1[i - 1])
        for i in range(1, n):
            k3[i] = x[i] * (y[i - 1] + 0.5 * h * k2[i - 1])
        for i in range(1, n):
            k4[i] = x[i] * (y[i - 1] + h * k3[i - 1])
        for i in range(n):
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
    total = 0.0
    for i in range(n):
        total += y[i]
    return total / n


@vm.hand
def _stage(x, y, step, k, out):
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = x[i] * (y[i - 1] + step * k[i - 1])


@vm.hand
def _advance(x, y, h, k1, k2, k3, new):
    _stage(x, y, 0.0, y, k1)
    _stage(x, y, 0.5 * h, k1, k2)
    _stage(x, y, 0.5 * h, k2, k3)
    new[0] = y[0] + h * x[0]
    for i in range(1, len(x)):
        k4 = x[i] * (y[i - 1] + h * k3[i - 1])
        new[i] = y[i] + h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4)


@vm.hand
def hand_value(x, s):
    n = len(x)
    k1, k2, k3 = np.empty(n), np.empty(n), np.empty(n)
    y, new = np.zeros(n), np.empty(n)
    for _ in range(s):
        _advance(x, y, 2.0 / s, k1, k2, k3, new)
        y, new = new, y
    return np.sum(y) / n


@vm.hand
def hand(x, s):
    """Keeps y of each step, and computes the stages again."""
    n, h = len(x), 2.0 / s
    k1, k2, k3 = np.empty(n), np.empty(n), np.empty(n)
    ys = np.empty((s + 1, n))
    for i in range(n):
        ys[0, i] = 0.0
    for t in range(s):
        _advance(x, ys[t], h, k1, k2, k3, ys[t + 1])
    d_x, d_y = np.zeros(n), np.full(n + 1, 1.0 / n)  # one more, always 0: what is beyond the end
    d_y[n] = 0.0
    d_1, d_2, d_3, d_4 = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    for t in range(s - 1, -1, -1):
        y = ys[t]
        _stage(x, y, 0.0, y, k1)
        _stage(x, y, 0.5 * h, k1, k2)
        _stage(x, y, 0.5 * h, k2, k3)
        d_x[0] += h * d_y[0]
        _back(x, y, h, k1, k2, k3, d_x, d_y, d_1, d_2, d_3, d_4)
    return np.sum(ys[s]) / n, d_x


@vm.hand
def _back(x, y, h, k1, k2, k3, d_x, d_y, d_1, d_2, d_3, d_4):
    """d_k[i] is the adjoint of the stage's *argument* at i - 1, which is x[i] times that of k[i]."""
    n = len(x)
    d_x0 = 0.0
    for i in range(1, n):
        d_k = h / 6.0 * d_y[i]
        d_x[i] += d_k * (y[i - 1] + h * k3[i - 1])
        d_4[i] = x[i] * d_k
    for i in range(1, n):
        d_k = h / 3.0 * d_y[i] + h * d_4[i + 1]
        d_x[i] += d_k * (y[i - 1] + 0.5 * h * k2[i - 1])
        d_3[i] = x[i] * d_k
    for i in range(1, n):
        d_k = h / 3.0 * d_y[i] + 0.5 * h * d_3[i + 1]
        d_x[i] += d_k * (y[i - 1] + 0.5 * h * k1[i - 1])
        d_2[i] = x[i] * d_k
    for i in range(1, n):
        d_k = h / 6.0 * d_y[i] + 0.5 * h * d_2[i + 1]
        d_x[i] += d_k * y[i - 1]
        d_1[i] = x[i] * d_k
    if n > 1:
        d_x0 += h * d_4[1] + 0.5 * h * (d_3[1] + d_2[1])
    d_x[0] += d_x0
    for i in range(n):
        d_y[i] += d_1[i + 1] + d_2[i + 1] + d_3[i + 1] + d_4[i + 1]
