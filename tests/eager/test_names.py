"""Which value a name, a target or an attribute stands for in a dynamic program: it is Python's."""

import collections
import contextlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


def step(v):
    return np.sin(v) * v


def targets_from_left_to_right(x):
    y, i = x.copy(), 0
    for _ in {1}:
        y[i], i = 2.0 * y[2], 1
        i, y[i] = 2, y[0] * i  # the new `i`
    return y[0] * y[1] + y[2] * i


def a_list_turned_round(x):
    class Link:
        def __init__(self, v, behind):
            self.v, self.behind = v, behind

    first = None
    for v in x:
        first = Link(v, first)
    front = None
    while first is not None:
        first.behind, front, first = front, first, first.behind
    return front.v * front.behind.v**2 + front.behind.behind.v


def targets_of_a_loop(x):
    y, i = np.zeros(3), 0
    for y[i], i in [(x[2], 1), (x[0], 2), (x[1], 0)]:
        for _ in {1}:
            y[i] += 1.0
    return y @ (x * np.arange(1.0, 4.0)) + i


def a_base_that_is_called_once(x):
    class Item:
        def __init__(self, v):
            self.v = v

    items = [Item(v) for v in x]
    kept = list(items)
    items.pop().v *= x[0]
    items.pop().v += x[0]
    return sum(k.v**2 for k in kept) * len(items)


class Run:
    def __init__(self, x):
        self.x, self.n, self.seen = x, 0, np.zeros(4)

    def next(self):
        self.n += 1
        return self.x[self.n - 1] ** 2


def values_come_before_the_places_they_go_to(x):
    runs = [Run(x)]
    runs.append(lambda v: v)
    run, n, found = runs[0], 0, {}

    def following():
        nonlocal n
        n += 1
        return x[n - 1] * 2.0

    for _ in {1}:
        run.seen[run.n] = run.next()
        run.seen[run.n] += run.next()
        found[n] = following()
        found[len(found)], found[n] = following(), run.next()
        found[k] = (k := 7) * x[1]
    return run.seen @ np.arange(4.0) + sum(k * v for k, v in found.items())


def a_method_and_a_function_of_one_name(x):
    class Walk:
        def __init__(self, v):
            self.v = v

        def step(self, w):
            return self.v * w

    return Walk(x[0]).step(x[1]) + step(x[2])


def a_nested_function_and_one_of_the_module(x):
    def inner(v):
        def step(u):
            return u * 2.0

        return step(v)

    found = {}
    for k in range(2):
        found[f"{k}"] = inner(x[k])
    return found["0"] * found["1"] + step(x[2])


def a_nested_parameter_and_an_array_of_the_module(x):
    found = {}
    for k in range(2):
        found[f"{k}"] = (lambda x3: x3 * x[k])(2.0)
    return found["0"] * found["1"] * x3[0] + x @ x3


def fields_of_a_class_made_here(x):
    @dataclass
    class Pair:
        a: float
        b: np.ndarray = None
        more: list = field(default_factory=list)

    class Named(NamedTuple):
        u: float
        v: float = 1.5

    pair = Pair(x[0], b=x)
    pair.more.append(x[1])
    match Named(x[2]):
        case Named(u, v):
            return pair.a * pair.b[2] + pair.more[0] * u * v


def objects_that_can_be_called_are_kept_as_they_are(x):
    class Times:
        def __init__(self, k):
            self.k = k

        def __call__(self, v):
            return self.k * v

    queue = collections.deque()
    for v in x:
        queue.append(Times(v))
    named = {}
    named.setdefault("first", queue[0])
    return vars(queue[1])["k"] * queue[2](x[0]) + named["first"].k * (queue[2] in queue)


def contexts_of_a_stack(x):
    left = []

    @contextlib.contextmanager
    def scaled(k):
        yield 2.0 * k
        left.append(k**2)

    with contextlib.ExitStack() as stack:
        a, b, _ = [stack.enter_context(scaled(v)) for v in x]
    return a * b + sum(left)


def objects_iterated_backwards(x):
    class Chain:
        def __init__(self, items):
            self.items = items

        def __iter__(self):
            yield from self.items

        def __reversed__(self):
            return iter([2.0 * v for v in self.items[::-1]])

    class Row:
        def __len__(self):
            return 3

        def __getitem__(self, k):
            return x[k] * (k + 1)

    total = 0.0
    for k, (a, b) in enumerate(zip(reversed(Chain(list(x))), reversed(Row()))):  # noqa: B905
        total += k * a * b
    return total


def curried(x):
    def curry(f, n):
        def g(*given):
            return f(*given) if len(given) >= n else lambda *more: g(*given, *more)

        return g

    h = curry(lambda a, b, c: a * b + np.exp(c), 3)
    return h(x[0])(x[1])(x[2]) * h(x[2], x[1])(x[0])


def keys_that_a_loop_makes(x):
    found = {"s": x[0]}
    n = 0
    while found["s"] < 3.0:
        found["s"] = found["s"] * 1.5 + x[n % 3] ** 2
        n += 1
    for i in range(n):
        found[i] = found["s"] * i
    return found["s"] * found[1]


@pytest.mark.parametrize(
    "function",
    [
        targets_from_left_to_right, a_list_turned_round, targets_of_a_loop, a_base_that_is_called_once,
        values_come_before_the_places_they_go_to, a_method_and_a_function_of_one_name,
        a_nested_function_and_one_of_the_module,
        a_nested_parameter_and_an_array_of_the_module, fields_of_a_class_made_here,
        objects_that_can_be_called_are_kept_as_they_are, contexts_of_a_stack, objects_iterated_backwards, curried,
        keys_that_a_loop_makes,
    ],
)  # fmt: skip
def test_names_are_as_python_has_them(function):
    value, _ = srcdiff.vjp(function, x3)
    np.testing.assert_allclose(value, function(x3.copy()), rtol=1e-12)
    srcdiff.check_grads(function, x3, order=2)
