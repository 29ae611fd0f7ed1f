"""What computing a value again costs, in units of storing it in the forward part and loading it in the backward part.

    python benchmarks/storage_prices.py

The figures behind `srcdiff/transforms/analysis/cost_model.py`. Loops compiled with the flags of generated code, over as
many numbers as fit into the first caches, and over as many as do not: nanoseconds for each number, the best of many
runs, and the ratio to a store and a load. The price of an operation should lie between its two ratios, near the second:
residuals of all iterations of a loop rarely stay in the first caches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from srcdiff.runtime import vmath

FLAGS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp", "nsz"}}
SIZES = {"in caches": 1_000, "beyond": 4_000_000}
OPERATIONS: dict[str, tuple[str, Callable[[float], float]]] = {
    "multiply, add": ("_SIMPLE", lambda x: x * 1.1 + 0.3),
    "divide": ("_DIVISIONS", lambda x: 1.1 / x),
    "sqrt": ("_DIVISIONS", lambda x: math.sqrt(x + 0.1)),
    "exp": ("_FUNCTION", vmath.exp),
    "log": ("_FUNCTION", vmath.log),
    "tanh": ("_FUNCTION", vmath.tanh),
    "sin": ("_FUNCTION", vmath.sin),
    "power": ("_SLOW", lambda x: x**1.7),
    "lgamma": ("_SLOW", vmath.lgamma),
    "digamma": ("_SLOW", vmath.digamma),
}


@numba.njit(**FLAGS)
def stored(x):  # type: ignore[no-untyped-def]
    tape = np.empty(x.size)  # as generated code does in each call
    total = 0.0
    for i in range(x.size):
        tape[i] = x[i]
    for i in range(x.size):
        total += tape[i]
    return total


@numba.njit(**FLAGS)
def loaded(x):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(x.size):
        total += x[i]
    return total


def computed(function: Callable[[float], float]) -> Any:
    inner = function if hasattr(function, "py_func") else numba.njit(**FLAGS)(function)

    @numba.njit(**FLAGS)
    def run(x):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(x.size):
            total += inner(x[i])
        return total

    return run


def nanoseconds(run: Any, n: int) -> float:
    x = np.random.default_rng(0).uniform(0.5, 2.0, n)
    run(x)
    repeat = max(1, 200_000 // n)
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(repeat):
            run(x)
        best = min(best, (time.perf_counter() - start) / repeat)
    return best / n * 1e9


def main() -> None:
    """Print a row for each operation."""
    base = {n: nanoseconds(loaded, n) for n in SIZES.values()}
    unit = {n: nanoseconds(stored, n) - base[n] for n in SIZES.values()}
    print(f"{'':16}{'price':12}" + "".join(f"{f'{s}, ns':>16}{'ratio':>8}" for s in SIZES))
    row = "".join(f"{unit[n]:16.2f}{1.0:8.2f}" for n in SIZES.values())
    print(f"{'store and load':28}{row}")
    for name, (price, function) in OPERATIONS.items():
        run = computed(function)
        costs = {n: nanoseconds(run, n) - base[n] for n in SIZES.values()}
        row = "".join(f"{costs[n]:16.2f}{costs[n] / unit[n]:8.2f}" for n in SIZES.values())
        print(f"{name:16}{price:12}{row}")


if __name__ == "__main__":
    main()
