"""Symbolic contents of arrays: elements that a loop stores are known where another loop loads them, until a write."""

import numpy as np
import pytest
from transforms.sources import agrees, loops_agree, source

import srcdiff

PROGRAM = """
    def f(x, w):
        n = len(x)
        e = np.empty(n)
        top = -np.inf
        for i in range(n):
            top = max(top, x[i])
        total = 0.0
        for i in range(n):
            e[i] = np.exp(x[i] - top)
            total += e[i]
        {between}
        out = 0.0
        for i in range({first}, n):
            out += {term}
        return out
"""
PLAIN = {"between": "p = e", "first": "0", "term": "w[i] * e[i] / total"}
X, W = np.array([0.5, -1.0, 1.2, 0.3]), np.array([1.0, 0.4, -0.7, 2.0])


def program(**changed):
    return PROGRAM.format(**{**PLAIN, **changed})


def asks_which_is_largest(text):
    source_ = srcdiff.grad(source(text)).source_for(X, W)
    return "d_top" in source_.split("# backward")[-1]


STORED = [
    {},
    {"between": "p = np.empty(n)\n        for i in range(n):\n            p[i] = e[i] / total", "term": "w[i] * p[i]"},
    {"between": "for i in range(n):\n            e[i] = e[i] / total", "term": "w[i] * e[i]"},
    {"between": "for i in range(n):\n            e[i] /= total", "term": "w[i] * np.log(e[i])"},
    {"between": "for i in range(n):\n            e[i] = e[i] ** 2", "term": "w[i] * e[i] / total**2"},
    {"term": "w[i] * (e[i] / total) ** 3"},
]  # fmt: skip


@pytest.mark.parametrize("changed", STORED)
def test_what_is_stored_is_what_is_taken(changed):
    text = program(**changed)
    agrees(text, X, W)
    loops_agree(text, X, W)
    assert not asks_which_is_largest(text)


CHANGED = [
    "for i in range(n):\n            e[i] = e[i] ** 2",
    "for i in range(n - 1):\n            e[i + 1] = e[i] ** 2",
    "e[0] = e[0] ** 2",
    "e[-1] = e[0] ** 2",
    "v = e[::-1]\n        for i in range(n):\n            v[i] = v[i] ** 2",
    "v = e[1:]\n        for i in range(n - 1):\n            v[i] = e[i] ** 2",
    "for i in range(n):\n            if x[i] > 0.0:\n                e[i] = e[i] ** 2",
    "for i in range(n):\n            e[-1 - i] = e[i] ** 2",
    "for i in range(-1, n - 1):\n            e[i] = e[i] ** 2",
    "for i in range(n):\n            for j in range(n):\n                e[j] = 0.9 * e[j] ** 2 + 0.1 * w[i]",
    "for i in range(n):\n            for j in range(n):\n                e[i] += 0.1 * e[j] ** 2",
    "e += 1.0",
    "e[:] = e**2",
    "e[1:3] = e[1:3] ** 2",
    "k = 0\n        while k < 3:\n            e[k] = e[k] ** 2\n            k += 1",
    "order = np.array([2, 0, 3, 1])\n        for i in range(n):\n            e[order[i]] = e[i] ** 2",
    "d = np.empty(n)\n        for t in range(3):\n            for i in range(n):\n                d[i] = e[i] ** 2 + 0.1 * w[i]"
    "\n            e, d = d, e",
    "k = np.zeros(n, dtype=np.int64)\n        for i in range(n):\n            k[i] = int(7.0 * e[i])\n"
    "        for i in range(n):\n            e[i] = e[i] + k[i]",
    "s = [e]\n        for i in range(n):\n            s[0][i] = e[i] ** 2",
]  # fmt: skip


@pytest.mark.parametrize("between", CHANGED)
def test_what_is_changed_is_not_what_it_was(between):
    agrees(program(between=between), X, W)


@pytest.mark.parametrize(
    "term", ["w[i] * e[i - 1] / total", "w[i] * e[i] * e[n - 1 - i] / total", "w[i] * e[i] * i"]
)
@pytest.mark.parametrize("first", ["0", "1"])
def test_other_elements_are_others(first, term):
    agrees(program(first=first, term=term), X, W)


def test_rows_have_their_own():
    text = """
        def f(x, w):
            e = np.empty((len(w), len(x)))
            out = 0.0
            for p in range(len(w)):
                top = -np.inf
                for i in range(len(x)):
                    top = max(top, x[i] * w[p])
                total = 0.0
                for i in range(len(x)):
                    e[p, i] = np.exp(x[i] * w[p] - top)
                    total += e[p, i]
                for i in range(len(x)):
                    out += e[p, i] / total * w[i]
            return out + np.sum(e[0] * w)
    """
    agrees(text, X, W)
    loops_agree(text, X, W)
