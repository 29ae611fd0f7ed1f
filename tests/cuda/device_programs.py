"""Programs as people write them for devices: each runs as a batched kernel and as a device function, and compiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function of one item; `arguments(rng)` gives three items, along the first axis where `axes` says 0."""

    function: Callable[..., Any]
    argnums: tuple[int, ...]
    axes: tuple[Any, ...]
    arguments: Callable[[Any], tuple[Any, ...]]

    def __repr__(self) -> str:
        return self.function.__name__


def runge_kutta(y0, rates, h, steps):
    y = y0.copy()
    k1, k2, k3, k4 = np.empty(2), np.empty(2), np.empty(2), np.empty(2)

    def slope(y, k):
        k[0] = rates[0] * y[0] - rates[1] * y[0] * y[1]
        k[1] = rates[2] * y[0] * y[1] - rates[3] * y[1]

    for _ in range(steps):
        slope(y, k1)
        slope(y + 0.5 * h * k1, k2)
        slope(y + 0.5 * h * k2, k3)
        slope(y + h * k3, k4)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y[0] ** 2 + y[1]


def rotated(angles, points):
    total = 0.0
    R = np.eye(3)
    for k in range(len(angles)):
        c, s = math.cos(angles[k]), math.sin(angles[k])
        R = R @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    for p in points:
        total += np.sum((R @ p - 1.0) ** 2)
    return total


def looked_up(table, bias, symbols):
    score = bias[symbols[0]]
    for t in range(1, len(symbols)):
        score = score * 0.5 + table[symbols[t - 1], symbols[t]] * bias[symbols[t]]
    return math.tanh(score)


def escapes(c, limit):
    x = y = 0.0
    size = 0.0
    for _ in range(30):
        x, y = x * x - y * y + c[0], 2.0 * x * y + c[1]
        size = x * x + y * y
        if size > limit:
            break
    return math.log(size + 1.0)


def kepler(M, e):
    E = M
    while abs(E - e * math.sin(E) - M) > 1e-4:
        E = E - (E - e * math.sin(E) - M) / (1.0 - e * math.cos(E))
    return E


class Spring(NamedTuple):
    ends: tuple[float, float]
    material: tuple[float, tuple[float, float]]


def strained(spring, load):
    (a, b), (k, (cubic, rest)) = spring
    x = b - a - rest
    return 0.5 * k * x**2 + cubic * x**4 - load[0] * a - load[1] * b


def activations(w, x):
    def layer(scale):
        def act(z):
            return z if z > 0.0 else scale * (math.exp(z) - 1.0)

        return act

    sharp, soft = layer(0.5), layer(2.0)
    total = 0.0
    for i in range(len(x)):
        z = w[0] * x[i] + w[1]
        total += sharp(z) * soft(-z + w[2])
    return total


def option_price(spot, strikes, vol, rate):
    paid = 0.0
    for strike in strikes:
        d1 = (math.log(spot / strike) + (rate + 0.5 * vol**2)) / vol
        d2 = d1 - vol
        n1 = 0.5 * math.erfc(-d1 / math.sqrt(2.0))
        n2 = 0.5 * math.erfc(-d2 / math.sqrt(2.0))
        paid += max(spot * n1 - strike * math.exp(-rate) * n2, 0.0)
    return paid


def first_passage(x, steps, level):
    place = 0.0
    for t in range(len(steps)):
        place += x * steps[t]
        if place > level:
            return place**2 + t
        if place < -level:
            return -place
    return place * x


def eliminated(A, b):
    U, y = A.copy(), b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            factor = U[i, k] / U[k, k]
            for j in range(k, n):
                U[i, j] -= factor * U[k, j]
            y[i] -= factor * y[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            y[i] -= U[i, j] * y[j]
        y[i] /= U[i, i]
    return np.sum(y**2)


def edit_distance(costs, a, b):
    row = np.arange(len(b) + 1) * costs[0]
    for i in range(len(a)):
        new = np.empty(len(b) + 1)
        new[0] = row[0] + costs[1]
        for j in range(len(b)):
            swap = row[j] + (0.0 if a[i] == b[j] else costs[2])
            new[j + 1] = min(swap, row[j + 1] + costs[1], new[j] + costs[0])
        row = new
    return row[len(b)]


def box_counts(x, edges, weights):
    counts = np.zeros(len(weights))
    for v in x:
        k = 0
        while k < len(edges) and v > edges[k]:
            k += 1
        counts[k] += v * v
    return np.sum(weights * np.sqrt(counts + 0.1))


def branches(A, b, x):
    """Arrays that branches make, or choose, and the backward part reads."""
    if x > 0.0:
        h = np.tanh(A @ b)
        s = np.sum(h**3) * x
    else:
        h = b
        w = np.exp(A)
        s = np.sum(w * w * x)
    y = h if h[0] > h[1] else b
    return s * s + np.sum(y * b)


def recurrent(W, xs):
    """A state whose first length is a number, and the next ones are those of `W`."""
    h = np.zeros(3)
    for x in xs:
        h = np.tanh(W @ h + x)
    return np.sum(h**2)


def filtered_image(image, kernel):
    out = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = np.sum(image[i : i + 3, j : j + 3] * kernel)
    return np.sum(np.maximum(out, 0.0) ** 2)


def linear_gaussian(A, Q, r, y):
    """The evidence of a Kalman filter with one measurement at a time."""
    m, P = np.zeros(2), 10.0 * np.eye(2)
    evidence = 0.0
    for t in range(len(y)):
        m, P = A @ m, A @ P @ A.T + Q
        s, e = P[0, 0] + r, y[t] - m[0]
        evidence -= 0.5 * (np.log(2.0 * np.pi * s) + e * e / s)
        gain = P[:, 0] / s
        m, P = m + gain * e, P - np.outer(gain, P[0])
    return evidence


def kalman_evidence(A, C, Q, R, ys):
    m, P = np.zeros(2), np.eye(2)
    evidence = 0.0
    for y in ys:
        m, P = A @ m, A @ P @ A.T + Q
        S, e = C @ P @ C.T + R, y - C @ m
        K = P @ C.T @ np.linalg.inv(S)
        evidence -= 0.5 * (np.linalg.slogdet(S)[1] + e @ np.linalg.solve(S, e))
        m, P = m + K @ e, P - K @ S @ K.T
    return evidence


def process_evidence(x, y, scale):
    K = np.exp(-0.5 * ((x[:, None] - x[None, :]) / scale) ** 2) + 0.1 * np.eye(len(x))
    L = np.linalg.cholesky(K)
    return -0.5 * y @ np.linalg.solve(K, y) - np.sum(np.log(np.diag(L)))


def volumes(frames, S):
    """Stacks of matrices, each by itself; the gradient of a logarithm is an inverse turned round."""
    return (
        np.linalg.slogdet(S)[1] + np.sum(np.linalg.det(frames)) + np.sum(np.linalg.inv(frames) ** 2)
    )


def _of(f: Any, argnums: Any, axes: Any, arguments: Any) -> Program:
    return Program(f, argnums, axes, arguments)


PROGRAMS = [
    _of(runge_kutta, (0, 1), (0, None, None, None),
        lambda r: (1.0 + r.random((3, 2)), 0.5 + r.random(4), 0.1, 4)),
    _of(rotated, (0, 1), (0, None), lambda r: (r.normal(size=(3, 2)), r.normal(size=(4, 3)))),
    _of(looked_up, (0, 1), (None, 0, 0),
        lambda r: (r.normal(size=(4, 4)), r.normal(size=(3, 4)), r.integers(0, 4, (3, 6)))),
    _of(escapes, (0,), (0, None), lambda r: (r.normal(size=(3, 2)), 4.0)),
    _of(kepler, (0, 1), (0, None), lambda r: (r.random(3), 0.3)),
    _of(strained, (0, 1), (Spring((0, 0), (None, (None, 0))), None),
        lambda r: (Spring((r.normal(size=3), r.normal(size=3)), (2.0, (0.3, r.random(3)))), r.normal(size=2))),
    _of(activations, (0,), (None, 0), lambda r: (r.normal(size=3), r.normal(size=(3, 5)))),
    _of(option_price, (0, 2, 3), (0, None, None, None),
        lambda r: (0.8 + 0.4 * r.random(3), np.array([0.9, 1.0, 1.2]), 0.3, 0.02)),
    _of(first_passage, (0,), (0, 0, None), lambda r: (r.random(3), r.normal(size=(3, 8)), 0.7)),
    _of(eliminated, (0, 1), (0, None),
        lambda r: (4.0 * np.eye(4) + r.normal(size=(3, 4, 4)), r.normal(size=4))),
    _of(edit_distance, (0,), (0, 0, None),
        lambda r: (1.0 + r.random((3, 3)), r.integers(0, 3, (3, 5)), r.integers(0, 3, 4))),
    _of(box_counts, (0, 2), (0, None, None),
        lambda r: (r.normal(size=(3, 7)), np.array([-0.5, 0.5]), r.random(3))),
    _of(branches, (0, 1, 2), (None, 0, 0),
        lambda r: (r.normal(size=(3, 3)), r.normal(size=(3, 3)), np.array([0.5, -0.7, 1.2]))),
    _of(recurrent, (0, 1), (None, 0), lambda r: (r.normal(size=(3, 3)), r.normal(size=(3, 4, 3)))),
    _of(filtered_image, (0, 1), (0, None),
        lambda r: (r.normal(size=(3, 4, 4)), r.normal(size=(3, 3)))),
    _of(linear_gaussian, (0, 1, 2, 3), (None, None, None, 0),
        lambda r: (np.eye(2) + 0.1 * r.normal(size=(2, 2)), 0.1 * np.eye(2), 0.5, r.normal(size=(3, 4)))),
    _of(kalman_evidence, (0, 1, 2, 3), (None, None, None, None, 0),
        lambda r: (np.eye(2) + 0.1 * r.normal(size=(2, 2)), r.normal(size=(2, 2)), 0.1 * np.eye(2), np.eye(2),
                   r.normal(size=(3, 4, 2)))),
    _of(process_evidence, (1, 2), (0, 0, None), lambda r: (r.normal(size=(3, 4)), r.normal(size=(3, 4)), 0.8)),
    _of(volumes, (0, 1), (0, None),
        lambda r: (3.0 * np.eye(3) + r.normal(size=(3, 2, 3, 3)), np.eye(2) + 0.3 * r.normal(size=(2, 2)))),
]  # fmt: skip
