"""Gradients on one thread and on all of Numba's, by the work that a loop is
(`srcdiff.transforms.schedule.parallel.WORTH`).

    python benchmarks/threads.py

For each size: microseconds by the wall clock on one thread and on all, the least of interleaved calls.
"""

from __future__ import annotations

import math
import time

import numpy as np

import srcdiff

ROUNDS = 200


def bumps(x, w):
    s = 0.0
    for i in range(len(x)):
        s += math.exp(-w * x[i] ** 2)
    return s


def regression(w, X, y):
    s = 0.0
    for i in range(len(X)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        s += (z - y[i]) ** 2
    return s


def waves(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)))


def cases():
    rng = np.random.default_rng(0)
    for n in (1_000, 10_000, 100_000, 1_000_000):
        yield "bumps", bumps, (rng.normal(size=n), 0.5), 28 * n
    for n in (1_000, 10_000, 100_000):
        args = (rng.normal(size=10), rng.normal(size=(n, 10)), rng.normal(size=n))
        yield "regression", regression, args, 90 * n
    for n in (1_000, 10_000, 100_000):
        yield "waves", waves, (rng.normal(size=n),), 50 * n


def measure(f, args):
    one, all_ = (srcdiff.value_and_grad(f, jit=True, parallel=p) for p in (False, True))
    for g in (one, all_):
        g(*args)
    least = [math.inf, math.inf]
    for _ in range(ROUNDS):
        for k, g in enumerate((one, all_)):
            started = time.perf_counter()
            g(*args)
            least[k] = min(least[k], time.perf_counter() - started)
    return least


def main():
    print("| loop | iterations | operations | one thread, µs | all threads, µs |")
    print("|---|---:|---:|---:|---:|")
    for name, f, args, work in cases():
        one, all_ = measure(f, args)
        iterations = len(args[-1]) if f is regression else len(args[0])
        print(f"| {name} | {iterations} | {work:.1e} | {1e6 * one:.1f} | {1e6 * all_:.1f} |")


if __name__ == "__main__":
    main()
