"""Hessian-vector products in multiples of the gradient, compiled, on the problems' smallest timed sizes.

python benchmarks/second_order.py [PROBLEM ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import argparse
import time

import numpy as np

import srcdiff
from benchmarks import one_core  # noqa: F401  before NumPy
from benchmarks.columns import problem_named

PROBLEMS = ("gmm", "heat", "llsq", "lse", "mlp", "nbody", "ode", "rosenbrock")
ROUNDS, SHORTEST = 7, 0.02


def seconds(run):
    """Processor time of a call: the best of some rounds."""
    run()
    found = []
    for _ in range(ROUNDS):
        start, calls = time.process_time(), 0
        while (taken := time.process_time() - start) < SHORTEST:
            run()
            calls += 1
        found.append(taken / calls)
    return min(found)


def directions(args, wrt):
    rng = np.random.default_rng(0)
    drawn = [
        rng.normal(size=np.shape(args[k])) for k in (wrt if isinstance(wrt, tuple) else (wrt,))
    ]
    made = tuple(d if np.ndim(d) else float(d) for d in drawn)
    return made if isinstance(wrt, tuple) else made[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", nargs="*", default=PROBLEMS)
    for name in parser.parse_args().problems:
        problem = problem_named(name)
        for form in ("objective", "loops"):
            if not hasattr(problem, form):
                continue
            size = problem.QUICK[0]
            made = problem.make(**size)
            args = made if isinstance(made, tuple) else (made,)
            f, v = getattr(problem, form), directions(args, problem.WRT)
            gradient = srcdiff.grad(f, argnums=problem.WRT)
            product = srcdiff.hvp(f, argnums=problem.WRT)
            alone = seconds(lambda: gradient(*args))  # noqa: B023
            times = seconds(lambda: product(*args, v)) / alone  # noqa: B023
            shown = " ".join(f"{k}={n}" for k, n in size.items())
            print(f"{name} {shown} ({form}): {1e6 * alone:.1f} us, times {times:.2f}", flush=True)


if __name__ == "__main__":
    main()
