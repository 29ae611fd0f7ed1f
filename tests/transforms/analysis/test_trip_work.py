"""The work of a loop is that of an iteration, as often as it runs; of a triangle, as often as in its longest row."""

import math

import numpy as np
import pytest
from transforms.sources import after

from srcdiff.ir.core import For, walk
from srcdiff.transforms.analysis.cost_model import work_of

LOOPS = "def f(x, n, k):\n    s = 0.0\n    for i in range({}):\n        for j in range({}):\n            s += x[i] * x[j]\n    return s\n"
N, K = 7, 3


def work(outer, inner):
    fn = after(LOOPS.format(outer, inner), (np.ones(9), N, K), "load insertion")
    loop = next(s for s in walk(fn.body) if isinstance(s, For))
    return sum(
        math.prod(d.evaluate({"n": N, "k": K}) for d in product) for product in work_of(loop)
    )


@pytest.mark.parametrize(
    ("outer", "inner", "count"),
    [
        ("n", "n", N * N),
        ("k, n", "n", (N - K) * N),
        ("2, n - 1", "k", (N - 3) * K),
        ("n", "k, n", N * (N - K)),
        ("n", "i, n", N * N),
        ("k, n", "i, n", (N - K) * (N - K)),
    ],
)
def test_work_is_counted_over_all_iterations(outer, inner, count):
    assert work(outer, inner) * N == pytest.approx(work("n", "1") * count)
