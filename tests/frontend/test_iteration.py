"""Ranges of every kind, in whatever goes through them: as Python says, with gradients as differences say."""

import functools
import linecache
import operator

import numpy as np
import pytest

import srcdiff

RANGES = [
    "range(1, n)",
    "range(n - 1, -1, -1)",
    "range(0, n, 2)",
    "range(n, 0, -3)",
    "range(1, n, m)",
    "range(n - 1, -1, -m)",
    "range(3, n - 5)",  # of no turn for n = 8
]
FORMS = """
for i in R: s += x[i % 8] ** 2 * (i + 1)
for i in reversed(R): s = s * 0.9 + x[i % 8] ** 2
for k, i in enumerate(R): s += (k + 1) * x[i % 8] ** 2
for k, i in enumerate(reversed(R)): s += (k + 2) * x[i % 8] ** 2
for k, i in enumerate(R, 3): s += k * x[i % 8] ** 2
for i, v in zip(R, x): s += v * x[i % 8] ** 2
for i, j in zip(R, reversed(R)): s += x[j % 8] * x[i % 8] ** 2 + j
for i, j in zip(reversed(R), reversed(R)): s = 0.9 * s + x[j % 8] * x[i % 8] ** 2
for k, (i, v) in enumerate(zip(R, x)): s += (k + 1) * x[i % 8] ** 2 * v
for k, v in enumerate([x[i % 8] ** 2 for i in R]): s += k * v
for k, v in enumerate([x[i % 8] ** 2 for i in reversed(R)]): s += k * v
for k, v in enumerate(map(lambda i: x[i % 8] ** 2, R)): s += k * v
s += sum(x[i % 8] ** 2 * i for i in R) + x[0] * sum(R) + x[1] ** 2 * len(R)
s += reduce(lambda a, i: 0.5 * a + x[i % 8] ** 2, R, x[1])
s += x[2] ** 2 if any(i > 5 for i in R) else x[3] ** 2
s += x[max(R, default=0) % 8] ** 2 + x[min((i + 1 for i in R), default=1) % 8] ** 3
for k, i in enumerate(R):
    if k == 2: break
    s += x[i % 8] ** 2
""".strip()


def _function(text, name):
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace = {"reduce": functools.reduce}
    exec(compile(text, name, "exec"), namespace)
    return namespace["f"]


def _differences(f, x, *rest):
    steps = 1e-6 * np.eye(len(x))
    return np.array([(f(x + h, *rest) - f(x - h, *rest)) / 2e-6 for h in steps])


@pytest.mark.parametrize("items", RANGES)
def test_ranges_mean_what_python_says(items):
    body = "\n    ".join(FORMS.replace("R", items).splitlines())
    f = _function(f"def f(x, n, m):\n    s = 0.0\n    {body}\n    return s\n", f"<{items}>")
    x = np.linspace(0.5, 1.2, 8)
    g = srcdiff.value_and_grad(f, jit=False)
    for n, m in ((8, 2), (7, 3)):
        value, d_x = g(x, n, m)
        assert value == pytest.approx(f(x, n, m), rel=1e-13)
        np.testing.assert_allclose(d_x, _differences(f, x, n, m), rtol=1e-6)


def last_two(x):
    """Reductions without a start, which begin with the first item of what they go through."""
    a = functools.reduce(lambda a, v: a * 0.5 + v * v, reversed(x))
    b = functools.reduce(lambda a, i: a * 0.5 + x[i] ** 2, range(1, len(x)))
    return a * b + x[max(range(1, len(x)))] ** 2 + x[min(range(1, len(x), 2))]


def all_and_any(x):
    large = []
    for v in x:
        if v > 0.5:
            large.append(v - 1.0)
    return x[0] ** 2 * all(large) + x[1] ** 2 * any(large)


def without_items(x):
    none = max((v for v in x if v > 10), default=2.0 * x[0])
    return none * min((v for v in x if v > 1), default=x[1], key=lambda v: -v)


def several_items(x):
    first, last = operator.itemgetter(0, -1)([v * v for v in (x[0], x[1], x[2])])
    low, high = operator.itemgetter("low", "high")({"low": x[0], "high": x})
    return first * last + low * np.sum(high)


def dots_of_unlike_shapes(x):
    pairs = x.reshape(2, -1)
    return np.vdot(pairs, x) * np.vdot(pairs[:1], x[2:])


@pytest.mark.parametrize(
    "f", [last_two, all_and_any, without_items, several_items, dots_of_unlike_shapes]
)
@pytest.mark.filterwarnings("error::srcdiff.DynamicWarning")
def test_reductions_of_what_the_run_counts(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    value, d_x = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-9)


def everything(x):
    return last_two(x) + all_and_any(x) + without_items(x) + several_items(x)


def test_they_are_compiled():
    x = np.array([1.5, 0.3, 2.0, 0.7])
    found = srcdiff.grad(everything, jit=True)(x)
    np.testing.assert_allclose(found, srcdiff.grad(everything, jit=False)(x), rtol=1e-12)
