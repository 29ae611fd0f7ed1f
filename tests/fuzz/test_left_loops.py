"""Loops that are left before they bind a name: programs of all kinds of values and all ways to leave."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.program import Program

PROGRAM = """\
import numpy as np


def f(x, a, k):
    s = a
    for i in range(3):
        if i >= k:
            {leave}
        v = {value}
        s = s + {use}
    if k > 0:
        s = s * {use}
    return s + np.sum(x * x)
"""

VALUES = {
    "[a, x[i]]": "v[0] * v[1]",
    "[x * a, x[1:]]": "np.sum(v[0])",
    "list(x)": "v[-1]",
    "x * a": "v[0] * v[1]",
    "x[i] * a": "np.sin(v)",
    "(x * a, x[i])": "v[1] * np.sum(v[0])",
    "{'u': x * a, 'c': x[i]}": "v['c'] * v['u'][0]",
}
LEAVES = ("break", "return s * np.sum(x)")
X = np.array([0.4, -0.7, 0.9])


@pytest.mark.parametrize(
    ("value", "leave", "k"), list(itertools.product(VALUES, LEAVES, (0, 1, 3)))
)
def test_what_is_not_bound_has_no_derivative(value: str, leave: str, k: int) -> None:
    text = PROGRAM.format(value=value, use=VALUES[value], leave=leave)
    assert outcome(Program(0, text, (X, 0.3, k)), every=True).kind == "ok"
