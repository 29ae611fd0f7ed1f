"""Library functions that only move values: values that pass through them keep their derivatives."""

import collections
import contextlib
import functools
import heapq
import itertools
import math
import operator

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])
X = np.arange(6.0).reshape(2, 3) / 5.0 + 0.1

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


def flattened_rows(x):
    for _ in {1}:
        v = list(itertools.chain.from_iterable(x))
    return v[0] * v[-1]


def rows_as_arguments(x):
    for _ in {1}:
        v = list(itertools.starmap(lambda p, q, r: p * q + r, x))
    return v[0] * v[1]


@contextlib.contextmanager
def ctx(v):
    yield v * 2.0


def own_context(x):
    for _ in {1}:
        with ctx(x[0]) as v:
            y = v * x[1]
    return y


def picked_by_itemgetter(x):
    for _ in {1}:
        g = operator.itemgetter(0, 2)
    p, q = g(x)
    return p * q


def added_at_places(x):
    y = np.zeros(3)
    for _ in {1}:
        np.add.at(y, np.array([0, 0, 1]), x)
        np.subtract.at(y, 1, x[0])
    return np.sum(y**3)


def deque_of_two(x):
    dq = collections.deque(x, maxlen=2)
    for _ in {1}:
        dq.append(x[0] * 2)
    return dq[0] * dq[1]


def heap(x):
    h = []
    for v in set(range(3)):
        heapq.heappush(h, x[v])
    return heapq.heappop(h) ** 2 * h[0]


def memo(x):
    @functools.lru_cache(None)
    def fib(n):
        return x[n] if n < 2 else fib(n - 1) * fib(n - 2) + x[2]

    for _ in {1}:
        r = fib(5)
    return r


def numbers_and_distances(x):
    for _ in {1}:
        q, r = divmod(x[0] + 3, x[2])
    return q * r + round(x[1], 2) * x[0] + math.dist(x, (0.0, 1.0, 2.0))


def array_of_lists(x):
    A = [[x[0], x[1]], [x[1], x[2]]]
    for _ in {1}:
        M = np.array(A)
        a, b = M
    return a @ b + np.linalg.slogdet(M + 3 * np.eye(2))[1]


def sorted_and_unpacked(x):
    for _ in {1}:
        low, *middle, high = sorted(x, key=lambda v: -v)
    return low * high + sum(middle) * x.item(0)


def clipped_in_place(x):
    y = x * 0.6
    z = y
    for _ in {1}:
        z += x
        np.clip(y, -1, 1, out=y)
    return (y * z).sum()


def views_and_parts(x):
    y = np.broadcast_to(x[:, None], (3, 2)).copy()
    for r in {0, 1}:
        y[r] *= x[r]
        y[:, r][::2] -= 1
    return np.sum(np.split(y, 3)[1] ** 3) + np.sum(y[::-1].T ** 2)


class Vector:
    def __init__(self, v):
        self.v = v

    def __getitem__(self, k):
        return self.v[k] * 2

    def __len__(self):
        return len(self.v)

    def __call__(self, t):
        return self.v.sum() * t

    def __neg__(self):
        return Vector(-self.v)

    def __eq__(self, o):
        return True

    __hash__ = None


def object_with_operators(x):
    v = Vector(x)
    for _ in {1}:
        tot = sum(v) + v(x[0]) + (-v)[1] + len(v) * x[2]
    return tot * v[0]


def reduced(x):
    it = (v * w for v, w in itertools.pairwise(x))
    for _ in {1}:
        r = functools.reduce(operator.mul, it, 1.0)
    return r + max(x, key=abs) ** 2 + min(x[0], x[2])


def merged_dicts(x):
    out = {k: v**2 for k, v in enumerate(x)}
    for _ in {1}:
        out = {**out, "s": sum(out.values())}
    return out["s"] * out[0] if "s" in out else 0.0


PROGRAMS = [
    (flattened_rows, X), (rows_as_arguments, X),
    *((f, x3) for f in (
        own_context, picked_by_itemgetter, added_at_places, deque_of_two, heap, memo, numbers_and_distances,
        array_of_lists, sorted_and_unpacked, clipped_in_place, views_and_parts, object_with_operators, reduced,
        merged_dicts,
    )),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x"), PROGRAMS, ids=lambda v: getattr(v, "__name__", ""))
def test_what_is_moved_about_keeps_its_derivative(f, x):
    srcdiff.check_grads(f, x)
