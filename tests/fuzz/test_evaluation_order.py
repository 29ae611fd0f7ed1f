"""The order of evaluation in an expression, also in a `try`, where calls are statements of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fuzz.check import outcome
from fuzz.compare import function_of
from fuzz.program import Program

import srcdiff

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


def raising(v):
    if v > 0.35:
        raise ValueError
    return v * 2.0


"""
BEGIN = """\
def f(x, a, k):
    z, c, items, j, s = x * 1.0, Counter(a), [a, x[1]], 0, a
    m, w = np.outer(x, x), z

    def tripled():
        nonlocal s
        s = s * 3.0
        return s

"""
END = """
    return np.sum(z * z) + np.sum(m) + s + c.v + len(items)
"""
PLAIN = BEGIN + "    {statement}" + END
CAUGHT = (
    BEGIN
    + """\
    try:
        {statement}
        if k > 5:
            raise ValueError
    except ValueError:
        s = a"""
    + END
)
STATEMENTS = (
    "z[0] += bump(z)",
    "z[0] += bump(w)",
    "z[k - 2] *= bump(z[:2])",
    "z[:2] += bump(z)",
    "m[j, :] += bump(m[0])",
    "m[0, k - 2] += bump(m[0])",
    "c.v += c.up()",
    "items[0] += c.up() * items.pop()",
    "s += tripled() * s",
    "z += bump(z)",
    "s = z[0] + bump(z)",
    "s = z[0] * bump(z) + z[0]",
    "s = np.sum(z[:2]) + bump(z) * np.sum(z)",
    "s = np.sum(((z := z.copy()), np.exp.at(z, [0, 0, 2]), z)[2])",
    "s = np.sum(z) + (z := z * 2.0)[0] + np.sum(z)",
    "s = z[0] * (z := z * 2.0)[0] + bump(z) * z[0]",
    "s = c.v + c.up() * c.v",
    "s = items[-1] * items.pop() + items[-1]",
    "s = x[j] * np.sum(x * (j := 1)) + x[j]",
    "s = (z[0] if k > 1 else a) * bump(z)",
    "s = sum([v * v for v in z]) * bump(z)",
    "s = np.maximum(z[0], bump(z)) + z[0]",
    "s = 0.1 < z[0] < bump(z)",
    "s = 0.1 + (0.5 < z[0] < bump(z)) * z[0]",
    "s = (z[0] < bump(z) < 9.0) + z[0]",
)


@pytest.mark.parametrize(
    ("program", "statement"), list(itertools.product((PLAIN, CAUGHT), STATEMENTS)),
    ids=lambda v: {PLAIN: "plain", CAUGHT: "caught"}.get(v, v),
)  # fmt: skip
def test_parts_are_evaluated_from_left_to_right(program: str, statement: str) -> None:
    text = HEAD + program.format(statement=statement)
    assert outcome(Program(0, text, (np.array([0.4, -0.7, 0.9]), 0.3, 2))).kind == "ok"


RAISING = (
    "s = float(0.5 < v < raising(v))",
    "s = raising(v) if v < 0.0 else a",
    "s = float(v < 0.0 and raising(v) > 0.0)",
    "s += raising(v) * bump(z)",
    "z[0] += raising(v)",
    "m[0, 0] += bump(z) * raising(v)",
)


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize("statement", RAISING)
@pytest.mark.parametrize("first", [0.2, 0.4, 0.6])
def test_what_is_not_evaluated_does_not_raise(statement: str, first: float) -> None:
    begin = BEGIN.replace(", s = x", ", s, v = x").replace(", 0, a", ", 0, a, x[0]")
    text = begin + CAUGHT.removeprefix(BEGIN).replace("s = a", "s = 7.0 * a").format(
        statement=statement
    )
    f, x, h = function_of(HEAD + text, "f"), np.array([first, -0.7, 0.9]), 1e-6
    value, slope = srcdiff.value_and_grad(f, argnums=1, jit=False)(x, 0.3, 2)
    assert value == pytest.approx(f(x, 0.3, 2))
    assert slope == pytest.approx((f(x, 0.3 + h, 2) - f(x, 0.3 - h, 2)) / (2.0 * h))
