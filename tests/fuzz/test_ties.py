"""Equal elements: reductions whose derivatives count the elements that have a value, in arrays of small known lengths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.program import Program

PROGRAM = """\
import numpy as np


def f(x, a):
    v = a * np.ones(({rows}, {columns}))
    s = 0.0
    for e in x:
        s += {reduction}
    return s * a
"""
REDUCTIONS = ("np.min(v)", "np.max(v)", "np.sum(np.max(v, axis=0))", "np.sum(np.min(v, axis=1))")


@pytest.mark.parametrize(
    ("reduction", "rows", "columns"), list(itertools.product(REDUCTIONS, (1, 2, 3), (1, 2, 3)))
)
def test_equal_elements_share_a_derivative(reduction: str, rows: int, columns: int) -> None:
    text = PROGRAM.format(reduction=reduction, rows=rows, columns=columns)
    assert outcome(Program(0, text, (np.array([0.4, 0.9]), 0.7)), every=True).kind == "ok"


@pytest.mark.parametrize("function", ["minimum", "maximum", "fmin", "fmax"])
def test_elements_are_counted_that_are_larger_or_smaller(function: str) -> None:
    text = f"import numpy as np\n\n\ndef f(x, a):\n    u = np.arange(3.0)\n    return a * np.sum(np.{function}.outer(x, np.concatenate([u, u[:1]])))\n"
    assert outcome(Program(0, text, (np.array([1.4, 0.4]), 0.7)), every=True).kind == "ok"
