"""Subscripts whose keys are differentiated, and methods that change arrays, in programs without types."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz.check import findings, trial_of
from fuzz.program import Program

PROGRAM = """\
import numpy as np


class Squares:
    def __init__(self, v):
        self.v = v

    def __getitem__(self, t):
        return self.v * t * t

    def __setitem__(self, t, v):
        self.v = self.v * t + v


def f(x, a, k):
    match (k, a):
        case (2, v):
            a = v * v
    y = x * a
    squares = Squares(x)
    {}
    return np.sum(y * y * np.cos(a))
"""

STATEMENTS = [
    "y.put([0, 2], a)",
    "y.sort()",
    "y.partition(1)",
    "y = np.c_[x * a, y, 0:3]",
    "y = np.c_[y * a]",
    "y = np.r_[y * a, 0.0, 1:3, a]",
    "y = squares[a * x]",
    "squares[a * x] = y; y = squares.v",
    "squares[a] += a; y = squares.v",
]


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_a_statement_computes_is_differentiated(statement: str) -> None:
    args = (np.array([0.4, -0.7, 0.9]), 0.3, 2)
    found = findings(trial_of(Program(3, PROGRAM.format(statement), args)), False, False)
    assert not list(found)
