"""Bundle adjustment with shared cameras and points through `sparse_jacobian`: time by the number of observations.

    python benchmarks/sparse.py [--loops] [OBSERVATIONS ...]

prints, in seconds, what finding the pattern and its colours took, SciPy's colouring of the same pattern beside it, and
a call once that is known; and the numbers of products of both colourings.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import argparse
import time

import numpy as np
import scipy.optimize._numdiff

import srcdiff
from benchmarks import one_core  # noqa: F401  before NumPy
from benchmarks.data import generator
from benchmarks.problems import ba
from srcdiff.sparsity.colouring import coloured
from srcdiff.sparsity.patterns import pattern_of

SIZES = (1_000, 10_000, 100_000)


def errors(cameras, points, weights, features, camera, point):
    return ba.objective(cameras[camera], points[point], weights, features)


def errors_in_loops(cameras, points, weights, features, camera, point):
    n = len(weights)
    found = np.empty((n, 2))
    for p in range(n):
        k, q = camera[p], point[p]
        a, b, c = cameras[k, 0], cameras[k, 1], cameras[k, 2]
        theta = np.sqrt(a * a + b * b + c * c)
        a, b, c = a / theta, b / theta, c / theta
        cosine, sine = np.cos(theta), np.sin(theta)
        x = points[q, 0] - cameras[k, 3]
        y = points[q, 1] - cameras[k, 4]
        z = points[q, 2] - cameras[k, 5]
        along = (a * x + b * y + c * z) * (1.0 - cosine)
        u = x * cosine + (b * z - c * y) * sine + a * along
        v = y * cosine + (c * x - a * z) * sine + b * along
        w = z * cosine + (a * y - b * x) * sine + c * along
        u, v = u / w, v / w
        r2 = u * u + v * v
        scale = (1.0 + cameras[k, 9] * r2 + cameras[k, 10] * r2 * r2) * cameras[k, 6]
        found[p, 0] = weights[p] * (u * scale + cameras[k, 7] - features[p, 0])
        found[p, 1] = weights[p] * (v * scale + cameras[k, 8] - features[p, 1])
    return found


def make(observations):
    """One camera for 600 observations, one point for four."""
    cameras, points = max(observations // 600, 2), max(observations // 4, 2)
    rng = generator(cameras, points, observations)
    camera, point, weights, features = ba.make(cameras, points, observations)
    which, seen = rng.integers(cameras, size=observations), rng.integers(points, size=observations)
    return camera[:cameras], point[:points], weights, features, which, seen


def seconds(run):
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("observations", nargs="*", type=int, default=SIZES)
    parser.add_argument("--loops", action="store_true", help="the source that is written in loops")
    options = parser.parse_args()
    J = srcdiff.sparse_jacobian(errors_in_loops if options.loops else errors, argnums=(0, 1, 2))
    print("observations  entries    pattern  colours  SciPy's  call     products  SciPy's")
    for observations in options.observations:
        args = make(observations)
        J(*args)  # compiles
        fn, values = J.program.program_for(*args)
        pattern_time, pattern = seconds(lambda: pattern_of(fn, values, J.wrt))  # noqa: B023
        colour_time, colours = seconds(lambda: coloured(pattern))  # noqa: B023
        scipy_time, groups = seconds(lambda: scipy.optimize._numdiff.group_columns(pattern))  # noqa: B023
        call_time, _ = seconds(lambda: J(*args))  # noqa: B023
        print(
            f"{observations:<13} {pattern.nnz:<10} {pattern_time:<8.3f} {colour_time:<8.3f} "
            f"{scipy_time:<8.3f} {call_time:<8.4f} {colours.max() + 1:<9} {groups.max() + 1}"
        )


if __name__ == "__main__":
    main()
