"""Ranges of every kind, in whatever goes through them: as Python says, with gradients as differences say."""

# ruff: noqa: B905, C417, RUF007

import functools
import itertools
import linecache
import math
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


def combined(x):
    close = 0.0
    for i, j in itertools.combinations(range(len(x)), 2):
        close += 1.0 / (0.1 + (x[i] - x[j]) ** 2)
    close += sum(a * b**2 for a, b in itertools.combinations_with_replacement(x, 2))
    for i, j, k in itertools.combinations(range(4), 3):
        close += x[i] * x[j] ** 2 * x[k] ** 3
    return close


def crossed(x):
    s = sum(a**2 * b for a, b in itertools.product((x[0], x[1]), repeat=2))
    for i, j, v in itertools.product(range(1, len(x)), range(len(x) - 1, -1, -1), x):
        s += np.sin(x[i] * (i + 1)) * x[j] * v
    for i, j in itertools.product(range(len(x)), range(9, len(x))):  # of no turn
        s += x[i] * x[j]
    return s


def permuted(x):
    return sum(math.prod(x[i] ** p[i] for i in range(3)) for p in itertools.permutations(range(3)))


def neighbours(x):
    s = sum((b - a) ** 2 * a for a, b in itertools.pairwise(x))
    s += sum(map(lambda a, b: a * b**2, x, x[1:]))
    for k, v in enumerate(itertools.chain(x[:2], [x[3] ** 2], reversed(x))):
        s += (k + 1) * v
    for _ in itertools.repeat(None, len(x)):
        s = s * x[0] + x[1]
    return s


def running(x):
    s = sum(a * b for a, b in zip(itertools.accumulate(x), x))
    s += sum(itertools.accumulate(x, lambda a, b: a * b))
    return s + sum(itertools.accumulate([v for v in x if v > 99.0]))


def left_early(x):
    """Over what itertools computes one after the other, of whose items lists are made then."""
    s = x[0]
    for v in itertools.chain(x, [x[1] * x[2]], reversed(x)):
        if s > 6.0:
            break
        s += v * s
    for i, v in itertools.product(range(3), x):
        if i * v > 1.0:
            return s * max(itertools.chain(x, x**2))
        s += i * v
    return s


def crossed_with_what_is_written(x):
    y = 1.0 * x
    items = [v * v for v in x]
    for k, (i, a, b) in enumerate(itertools.product((1, 2), y, items)):
        y[k % 4] += i * a * b
        items[k % 4] = y[0]
    return sum(y) + sum(items)


@pytest.mark.parametrize(
    "f",
    [
        left_early, crossed_with_what_is_written,
        last_two, all_and_any, without_items, several_items, dots_of_unlike_shapes,
        combined, crossed, permuted, neighbours, running,
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error::srcdiff.DynamicWarning")
def test_reductions_of_what_the_run_counts(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    value, d_x = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-9)


def everything(x):
    s = 0.0
    for i, j in itertools.combinations(range(len(x)), 2):
        s += 1.0 / (0.1 + (x[i] - x[j]) ** 2)
    for i, j in itertools.product(range(1, len(x)), range(len(x) - 1, -1, -1)):
        s += np.sin(x[i] * (i + 1)) * x[j]
    for k, (a, b) in enumerate(itertools.pairwise(x)):
        s += (b - a) ** 2 * k
    return (
        s
        + functools.reduce(lambda a, i: a * 0.5 + x[i] ** 2, range(1, len(x)))
        + all_and_any(x)
        + without_items(x)
        + several_items(x)
    )


def test_they_are_compiled():
    x = np.array([1.5, 0.3, 2.0, 0.7])
    found = srcdiff.grad(everything, jit=True)(x)
    np.testing.assert_allclose(found, srcdiff.grad(everything, jit=False)(x), rtol=1e-12)


def twice(x):
    pairs = zip(x, x[1:])
    return sum(a * b for a, b in pairs) + sum(a for a, b in pairs)


def in_each_turn(x):
    squares = map(lambda v: v * v, x)
    s = 0.0
    for _ in range(2):
        s += sum(squares)
    return s


def where_it_was_left(x):
    items = enumerate(x)
    for k, _ in items:
        if k == 1:
            break
    return sum(k * v for k, v in items)


@pytest.mark.parametrize("f", [twice, in_each_turn, where_it_was_left])
def test_an_iterator_is_gone_through_once(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    with pytest.warns(srcdiff.DynamicWarning, match="may be gone through more than once"):
        value, d_x = srcdiff.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-9)


def test_slices_stand_on_a_list_of_unknown_length_in_the_interpreter():
    def batches(x):
        parts = [slice(k, k + 3) for k in range(0, len(x), 3)]
        return sum(np.mean(x[part] ** 2) for part in parts)

    with pytest.warns(srcdiff.DynamicWarning, match="got a slice"):
        d_x = srcdiff.grad(batches)(np.arange(4.0))
    np.testing.assert_allclose(d_x, [0.0, 2 / 3, 4 / 3, 6.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.exp({"a": x})),
        lambda x: np.sum(x * {"a": x[0]}["a"]) + np.sum({"a": x[0], "b": x[1]}),
    ],
)
def test_a_dict_is_no_array(f):
    with pytest.raises(srcdiff.UnsupportedError, match="a dict is no array") as caught:
        srcdiff.grad(f)(np.ones(3))
    assert "list(d.values())" in caught.value.advice
