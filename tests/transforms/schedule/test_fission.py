"""Loop fission: elementary functions after an inner loop get their own loop, which LLVM vectorises."""

import pytest
from transforms.hard_programs import V
from transforms.sources import loops_agree, source

import srcdiff

LAYER = """
    def f(W, x):
        y, total = np.zeros(len(W)), 0.0
        for i in range(len(W)):
            {start}
            for j in range(len(x)):
                s += W[i, j] * x[j]
            {end}
        return total * np.sum(y)
"""
PLAIN = ("s = 0.0", "y[i] = np.tanh(s)\n            total += y[i]")
OTHERS = [
    ("s = total", "y[i] = np.tanh(s)\n            total += y[i]"),  # the sum needs what came before
    ("s = y[i - 1]", "y[i] = np.tanh(s)"),
    ("s = 0.0", "if s > 0.1:\n                y[i] = np.tanh(s)"),
    ("s, k = 0.0, i % 2", "y[k] = np.tanh(s)"),
    ("s, a, b = 0.0, np.sin(x[0] * i), np.cos(x[1] * i)", "y[i] = np.tanh(s) * a * b + s"),
    ("s = total", "total = s"),
    ("s = 0.0", "y[i] = np.exp(s)\n            total = np.exp(s)"),
    ("s, old = 0.0, total", "y[i] = np.exp(s) * old\n            total = total + 1.0"),
]


def is_split(program):
    """Whether the sums of all rows are stored for a loop of their own."""
    args = V(40).reshape(4, 10), V(10)  # rows that are long enough for vector instructions
    return "ss[i] = s\n" in srcdiff.grad(source(program)).loop_source_for(*args)


def test_a_function_behind_an_inner_loop_gets_a_loop_of_its_own():
    start, end = PLAIN
    assert is_split(LAYER.format(start=start, end=end))


def test_what_the_next_iteration_needs_is_not_split_off():
    start, end = OTHERS[0]
    assert not is_split(LAYER.format(start=start, end=end))


@pytest.mark.parametrize(("start", "end"), [PLAIN, *OTHERS])
def test_split_loops_agree(start, end):
    loops_agree(LAYER.format(start=start, end=end), V(12).reshape(4, 3), V(3))
