"""Tuples that are subscripted by a number that only the run knows."""

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.compare import function_of
from fuzz.program import Program

import srcdiff

PROGRAM = """\
import numpy as np


def used(x, items, k):
    s = x[k]
    {use}
    return s


def f(x, items, order):
    s = 0.0
    for k in order:
        {statement}
    return s + np.sum(x * x)
"""
X = np.array([0.4, -0.7, 0.9, 0.2])
TUPLES = {
    "for c in items[k]: s += x[c] * x[k]": ((1, 2), (3,), (), ()),
    "for i, j in items[k]: s += x[i] * x[j] ** 2": (((0, 1),), ((1, 2), (2, 3)), (), ()),
    "s += sum(x[c] for c in items[k]) * len(items[k])": ((1, 2), (3, 0), (1, 1), (0, 0)),
    "s += items[k] ** 2 * x[k]": (1.0, 2.5, 3.0, -1.0),
    "s += items[k] * x[items[k] % 2]": (1, 2, 3, 0),
    "s += np.sum(items[k] * x)": (X, X + 1.0, X * X, X),
    "s += np.sum(items[k] ** 2)": (X, X[:2], X[1:], X),
    "w, b = items[k]; s += np.sum(np.tanh(w @ x + b))": ((np.outer(X, X), X),) * 4,
    "s += items[k]['a'] * x[k]": ({"a": 2.0}, {"a": 3.0}, {"a": X[0]}, {"a": X[1]}),
}


@pytest.mark.parametrize("statement", ["{use}", "s += used(x, items, k)"], ids=["here", "helper"])
@pytest.mark.parametrize("use", TUPLES)
def test_only_the_run_knows_which_item_is_read(use: str, statement: str) -> None:
    text = PROGRAM.replace("{statement}", statement).replace("{use}", use)
    for order in (np.array([1, 0, -1, 2]), [2, 2, 0]):
        found = outcome(Program(0, text, (X, TUPLES[use], order)), every=True)
        assert found.kind == "ok", found.reason


def test_a_position_outside_raises() -> None:
    use, items = next(iter(TUPLES.items()))
    f = function_of(PROGRAM.replace("{statement}", use).replace("{use}", use), "f")
    for place in (4, -5):
        with pytest.raises(IndexError):
            srcdiff.grad(f, jit=False)(X, items, np.array([0, place]))
