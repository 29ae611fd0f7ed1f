"""Generators and iterators that are no loops run in the interpreter, and say why; the others are in tests/language."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from frontend.test_trace import traced

import srcdiff
from srcdiff.errors import UntypedError

x4 = np.array([0.3, 1.1, -0.7, 0.9])


def squares(items):
    for v in items:
        yield v * v


def left_early(x):
    total = 0.0
    for v in squares(x):
        if v > 1.0:
            break
        total += v
    return total


def pairs_of_one_iterator(x):
    items = iter(x)
    return sum(a * b for a, b in zip(items, items, strict=True))


def next_inside_of_the_loop(x):
    items = iter(x)
    total = 0.0
    for v in items:
        total += v * next(items) ** 2
    return total


def from_before_a_loop(x, n=3):
    items = squares(x)
    total = 0.0
    for k in range(n):
        for v in items:
            total += v * (k + 1)
    return total


def last_item(x):
    for v in squares(x):
        total = v
    return total


def yield_inside_of_try(x):
    def each():
        for v in x:
            try:
                yield v
            except ValueError:
                yield 7.0

    return sum(v**2 for v in each())


def raise_in_the_loop(x):
    total = 0.0
    try:
        for v in squares(x):
            if v > 1.0:
                raise ValueError("large")
            total += v
    except ValueError:
        total *= 3.0
    return total


def by_position(x):
    return sum(a * b for a, b in zip(squares(x), x, strict=True))


def first_to_last(x):
    return functools.reduce(lambda a, b: a * b + 1.0, squares(x))


def next_of_one(x):
    return next(squares(x))


def cut_off(x):
    return sum(itertools.islice(squares(x), 2))


def endless(x):
    def each():
        k = 0
        while True:
            yield x[k]
            k += 1

    total = 1.0
    for v in each():
        total *= v
        if total < 0.0:
            return total


def greatest_by_key(x):
    return max(squares(x), key=lambda v: -v)


def calls_itself(x):
    def down(k):
        if k > 0:
            yield x[k % 4] ** 2
            yield from down(k - 1)

    return sum(down(9))


def from_the_second(x):
    return sum(v**2 for v in itertools.islice(x, 1, 3))


def written_and_left_early(x):
    y = x * 1.0
    total = 0.0
    for v in itertools.chain(x, y):
        y[3] += v
        if v > 1.9:
            break
        total += v
    return total + y[3]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (first_to_last, "a generator's first item is where this starts"),
        (greatest_by_key, "a generator's items have no numbers"),
        (calls_itself, "this generator calls itself"),
        (from_the_second, "islice() takes a stop only here"),
        (written_and_left_early, "a loop over a generator is left early"),
        (left_early, "a loop over a generator is left early"),
        (pairs_of_one_iterator, "may have been used before"),
        (next_inside_of_the_loop, "may have been used before"),
        (from_before_a_loop, "may have been used before"),
        (last_item, "is bound by a loop over a generator only"),
        (yield_inside_of_try, "a value is yielded inside of `try`"),
        (raise_in_the_loop, "a loop over a generator stands inside of `try`"),
        (by_position, "a generator's items have no numbers"),
        (next_of_one, "next() takes an iterator"),
        (cut_off, "islice() of a generator"),
        (endless, "a loop over a generator is left early"),
    ],
)
@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_what_is_no_loop_says_why_and_runs_in_the_interpreter(function, message):
    args = (x4, 3) if function is from_before_a_loop else (x4,)
    with pytest.raises(UntypedError) as caught:
        traced(function, *args)
    assert message in caught.value.message
    srcdiff.check_grads(function, *args)


def in_order(x):
    """Notes what is read when: the loop's body is run between two items, as Python does."""
    y = x * 1.0

    def each():
        for i in range(3):
            yield y[i]
            y[i + 1] += y[i]

    total = 0.0
    for v in each():
        y[3] *= v
        total += y[3] * v
    return total


def at_once(x):
    a, b, c, d = squares(x)
    low, *rest = sorted(squares(x))
    return max(squares(x)) * a * b + c * d + low * min(squares(x)) + len(rest)


def once(x):
    items = squares(x)
    return sum(items) + 2.0 * sum(items)


@pytest.mark.parametrize("function", [in_order, once, at_once])
def test_the_body_stands_in_the_place_of_each_yield(function):
    g = srcdiff.value_and_grad(function)
    assert g(x4)[0] == pytest.approx(function(x4), rel=1e-14)
    assert "Tape" not in g.source_for(x4)
    srcdiff.check_grads(function, x4)


def interleaved(first, second):
    second = iter(second)
    for item in first:
        yield item
        yield from itertools.islice(second, 1)


def composed(xs, ys):
    value = 0.5
    scaled = map(lambda a: lambda v: np.sin(a * v), xs)
    shifted = map(lambda b: lambda v: v + b, ys)
    for step in interleaved(scaled, shifted):
        value = step(value)
    return value


def test_closures_of_two_kinds_are_one_loop():
    g = srcdiff.grad(composed, argnums=(0, 1), jit=False)
    xs, ys = np.array([0.4, -0.3, 1.2]), np.array([0.1, 0.7])
    assert g.source_for(xs, ys) == (
        '''import numpy as np


def composed_grad(xs, ys):
    """Gradient of `composed` with respect to `xs`, `ys`."""
    # forward
    values = np.empty(len(xs))
    k = 0
    value = 0.5
    for i, x in enumerate(xs):
        values[i] = value
        value = np.sin(x * value)
        if k < len(ys):
            value += ys[k]
        k += 1

    # backward
    d_xs = np.empty_like(xs)
    d_ys = np.zeros_like(ys)
    d_value = 1.0
    for i in reversed(range(len(xs))):
        k -= 1
        if k < len(ys):
            d_ys[k] += d_value
        d_z = d_value * np.cos(xs[i] * values[i])
        d_xs[i] = d_z * values[i]
        d_value = d_z * xs[i]
    return d_xs, d_ys
'''
    )
    srcdiff.check_grads(composed, xs, ys, order=2)
