"""Iterables: ranges of every kind in all loops, with Python's values and gradients against differences."""

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
    "range(3, n - 5)",  # of no iteration for n = 8
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


def dots_of_different_shapes(x):
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
    for i, j in itertools.product(range(len(x)), range(9, len(x))):  # of no iteration
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
        last_two, all_and_any, without_items, several_items, dots_of_different_shapes,
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


@pytest.mark.long
def test_they_are_compiled():
    x = np.array([1.5, 0.3, 2.0, 0.7])
    found = srcdiff.grad(everything, jit=True)(x)
    np.testing.assert_allclose(found, srcdiff.grad(everything, jit=False)(x), rtol=1e-12)


def twice(x):
    pairs = zip(x, x[1:])
    return sum(a * b for a, b in pairs) + sum(a for a, b in pairs)


def in_each_iteration(x):
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


def read_twice(items):
    return sum(items) + 2 * sum(v * v for v in items)


def pairs_twice(items):
    return sum(u * v for u, v in items) + 2 * sum(u for u, v in items)


class Holder:
    def __init__(self, items):
        self.items = items

    def total(self):
        return sum(u * v for u, v in self.items)


def of_an_attribute(x):
    holder = Holder(zip(x, x))
    return holder.total() + 2 * holder.total()


def made(x):
    return zip(x, x)


def of_a_helper(x):
    items = made(x)
    return sum(u * v for u, v in items) + 2 * sum(u for u, v in items)


def of_a_closure(x):
    def total(items):
        def inside():
            return sum(u * v for u, v in items)

        return inside() + 2 * inside()

    return total(zip(x, x))


def of_a_tuple(x):
    pair = zip(x, x), 2.0
    return pairs_twice(pair[0]) * pair[1]


def of_a_list(x):
    return sum(sum(u * v for u, v in items) for items in [zip(x, x)] * 2)


def of_a_dict(x):
    held = {"a": zip(x, x)}
    return sum(u * v for u, v in held["a"]) + sum(u for u, v in held["a"])


def of_two_names(x):
    items = zip(x, x)
    same = items
    return sum(u * v for u, v in items) + sum(u for u, v in same)


def in_turns(items):
    total = 0.0
    for k in range(3):
        for u, v in items:
            total = total + u * v * (k + 1)
    return total


def as_long_as(items, x):
    total = 0.0
    while total < 20.0:
        total = total + sum(items) + 5.0 * x[0]
    return total


def both(items):
    return sum(u * v for u, v in zip(items, items))


def unpacked(items):
    a, b, c, d = items
    return a * b * c * d + sum(items)


def starred(items):
    first, *rest = items
    return first * rest[0] + sum(items)


def spread(items):
    return max(*items) + sum(items)


def largest(items):
    return max(items) + sum(items)


def listed(items):
    return sum(list(items)) + 3.0 * sum(items)


def looked_for(items, x):
    return (x[0] if 2 in items else x[1]) + sum(items) * x[2]


def by_keyword(*, items=None):
    return sum(items) + 2 * sum(items)


def of_any_number(*items):
    return sum(items[0]) + 2 * sum(items[0])


def bound(x):
    total = functools.partial(lambda items, factor: factor * sum(items), map(np.sin, x))
    return total(2.0) + total(3.0)


def squared(x):
    return (v * v for v in x)


ITERATED_TWICE = [
    twice, in_each_iteration, where_it_was_left, of_an_attribute, of_a_helper, of_a_closure, of_a_tuple, of_a_list,
    of_a_dict, of_two_names, bound,
    lambda x: read_twice(map(lambda v: v * v, x)),
    lambda x: read_twice(reversed(x)),
    lambda x: pairs_twice(zip(x, x)),
    lambda x: pairs_twice(enumerate(x)),
    lambda x: pairs_twice(made(x)),
    lambda x: in_turns(zip(x, x)),
    lambda x: as_long_as(squared(x), x),
    lambda x: spread(squared(x)),
]  # fmt: skip


@pytest.mark.parametrize("f", ITERATED_TWICE)
def test_an_iterator_is_consumed_once(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    with pytest.warns(srcdiff.DynamicWarning) as caught:
        value, d_x = srcdiff.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-8)
    reasons = "used before", "`*` spreads", "into a starred name"
    assert any(reason in str(w.message) for w in caught for reason in reasons)


def by_hand(items):
    first = 0.0
    for v in items:
        first += v
    for v in items:
        first *= 2.0 * v
    return first


def left_and_iterated(items):
    for v in items:
        if v > 1.0:
            break
    return sum(items) * v


def found_and_iterated(items, x):
    return (2.25 in items) * x[1] + sum(items)


def some(items):
    return 2.0 * any(v > 1.0 for v in items) + sum(items)


EXPRESSIONS_TWICE = [
    lambda x: starred(squared(x)),
    lambda x: read_twice(filter(lambda v: v > 0.5, x)),
    lambda x: pairs_twice(itertools.pairwise(x)),
    lambda x: read_twice(v for v in x),
    lambda x: unpacked(squared(x)),
    lambda x: largest(squared(x)),
    lambda x: listed(squared(x)),
    lambda x: by_keyword(items=squared(x)),
    lambda x: of_any_number(squared(x)),
    lambda x: (lambda items: sum(items) + 3 * sum(items))(squared(x)),
    lambda x: by_hand(squared(x)),
]  # fmt: skip


@pytest.mark.parametrize("f", EXPRESSIONS_TWICE)
def test_a_generator_expression_has_nothing_left_for_a_second_loop(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    value, d_x = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: left_and_iterated(squared(x)),
        lambda x: left_and_iterated(itertools.accumulate(x)),
        lambda x: found_and_iterated(squared(x), x),
        lambda x: some(squared(x)),
        lambda x: looked_for((v for v in (1, 2, 3)), x),
    ],
)
def test_an_iterator_that_is_left_early_has_the_rest_to_give(f):
    x = np.array([1.5, 0.3, 2.0, 0.7])
    value, d_x = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-8)


def in_one_branch(items, is_plain):
    if is_plain:
        return sum(items)
    return 3.0 * sum(items)


def in_branches(items, x):
    if x[0] > 1.0:
        total = sum(items)
    else:
        total = sum(v * v for v in items)
    return total * x[1]


def as_a_list(items):
    items = list(items)
    return sum(items) + 2.0 * sum(items)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: in_one_branch(squared(x), True),
        lambda x: in_one_branch(map(np.sin, x), x[0] > 1.0),
        lambda x: in_branches(squared(x), x),
        lambda x: in_branches(map(np.sin, x), x),
        lambda x: as_a_list(squared(x)),
        lambda x: Holder(zip(x, x)).total(),
        lambda x: sum(u * v for u, v in made(x)),
    ],
)
def test_an_iterator_that_is_consumed_once_has_types(f):
    g = srcdiff.value_and_grad(f)
    for x in (np.array([1.5, 0.3, 2.0]), np.array([0.5, 0.3, 2.0])):
        value, d_x = g(x)
        assert "Tape" not in g.source_for(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        np.testing.assert_allclose(d_x, _differences(f, x), rtol=1e-6, atol=1e-8)


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


def test_a_generator_expression_is_unpacked():
    """Its items may be of different types, as those of a tuple."""

    def f(parts):
        a, b = (np.exp(p) for p in parts)
        [c, *rest] = (2.0 * p for p in parts)
        return np.sum(a @ b) + np.sum(c) + np.sum(rest[0])

    a, b = np.array([0.5, -1.0]), np.array([[0.3, 0.1], [0.2, -0.4]])
    value, (d_a, d_b) = srcdiff.value_and_grad(f, jit=False)((a, b))
    assert value == pytest.approx(f((a, b)))
    assert d_a == pytest.approx(np.exp(a) * np.exp(b).sum(axis=1) + 2.0)
    assert d_b == pytest.approx(np.exp(a)[:, None] * np.exp(b) + 2.0)
