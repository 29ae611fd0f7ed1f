"""The order of evaluation in an expression, also in a `try`, where calls are statements of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.program import Program

HEAD = """\
import numpy as np


class Counter:
    def __init__(self, v):
        self.v = v

    def up(self):
        self.v = self.v * 2.0
        return self.v


def bump(z):
    z[0] = z[0] * 3.0
    return z[1]


"""
PLAIN = """\
def f(x, a, k):
    z, c, items, j = x * 1.0, Counter(a), [a, x[1]], 0
    s = {expression}
    return np.sum(z * z) + s + c.v + len(items)
"""
CAUGHT = """\
def f(x, a, k):
    z, c, items, j = x * 1.0, Counter(a), [a, x[1]], 0
    try:
        s = {expression}
        if k > 5:
            raise ValueError
    except ValueError:
        s = a
    return np.sum(z * z) + s + c.v + len(items)
"""
EXPRESSIONS = (
    "z[0] + bump(z)",
    "z[0] * bump(z) + z[0]",
    "np.sum(z[:2]) + bump(z) * np.sum(z)",
    "np.sum(((z := z.copy()), np.exp.at(z, [0, 0, 2]), z)[2])",
    "np.sum(z) + (z := z * 2.0)[0] + np.sum(z)",
    "z[0] * (z := z * 2.0)[0] + bump(z) * z[0]",
    "c.v + c.up() * c.v",
    "items[-1] * items.pop() + items[-1]",
    "x[j] * np.sum(x * (j := 1)) + x[j]",
    "(z[0] if k > 1 else a) * bump(z)",
    "sum([v * v for v in z]) * bump(z)",
    "np.maximum(z[0], bump(z)) + z[0]",
)


@pytest.mark.parametrize(
    ("program", "expression"), list(itertools.product((PLAIN, CAUGHT), EXPRESSIONS)),
    ids=lambda v: {PLAIN: "plain", CAUGHT: "caught"}.get(v, v),
)  # fmt: skip
def test_parts_are_evaluated_from_left_to_right(program: str, expression: str) -> None:
    text = HEAD + program.format(expression=expression)
    assert outcome(Program(0, text, (np.array([0.4, -0.7, 0.9]), 0.3, 2))).kind == "ok"
