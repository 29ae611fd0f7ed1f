"""What an element costs in the runtime's elementary functions, in the C library's and in NumPy's and SciPy's.

    python benchmarks/vmath.py

Loops over 100,000 numbers between 0.1 and 10, compiled by Numba with the flags of generated code: nanoseconds for each,
the best of many runs. A dash stands where there is no such function.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from scipy import special

from srcdiff.runtime import vmath

FLAGS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp", "nsz"}}
N = 100_000
RUNS = 100
NAMES = sorted(set(vmath.__all__) - {"logaddexp", "polygamma"})
UFUNCS = {  # where they are not NumPy's of the same name
    "digamma": special.digamma,
    "erf": special.erf,
    "erfc": special.erfc,
    "expit": special.expit,
    "lgamma": special.gammaln,
    "log_expit": special.log_expit,
    "log_ndtr": special.log_ndtr,
    "ndtr": special.ndtr,
    "softplus": None,
}


def loop(function: Callable[[Any], Any]) -> Callable[[Any, Any], None]:
    @numba.njit(**FLAGS)
    def run(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out[i] = function(x[i])

    return run


def nanoseconds(run: Callable[[Any, Any], Any], dtype: type) -> float:
    x = np.random.default_rng(0).uniform(0.1, 10, N).astype(dtype)
    out = np.empty_like(x)
    run(x, out)
    best = math.inf
    for _ in range(RUNS):
        start = time.perf_counter()
        run(x, out)
        best = min(best, time.perf_counter() - start)
    return best / N * 1e9


def row(name: str) -> str:
    ours, library = getattr(vmath, name), getattr(math, name, None)
    ufunc = UFUNCS[name] if name in UFUNCS else getattr(np, name)
    cells = [name]
    for dtype in (np.float64, np.float32):
        cells.append(f"{nanoseconds(loop(ours), dtype):.2f}")
        cells.append(f"{nanoseconds(loop(library), dtype):.1f}" if library else "-")
        cells.append(f"{nanoseconds(ufunc, dtype):.2f}" if ufunc else "-")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    print("| | float64 | C library | NumPy, SciPy | float32 | C library | NumPy, SciPy |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in NAMES:
        print(row(name), flush=True)


if __name__ == "__main__":
    main()
