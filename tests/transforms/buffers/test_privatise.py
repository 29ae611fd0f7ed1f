"""Privatisation: a buffer that each iteration fills before it reads it is private to the iteration."""

import textwrap

import pytest
from fuzz.compare import function_of
from transforms.hard_programs import V
from transforms.sources import HEADER, kept, loops_agree, source

import srcdiff
from srcdiff.compile.derive import read
from srcdiff.ir.core import For, Op, walk
from srcdiff.transforms.buffers.privatise import private_buffers
from srcdiff.transforms.passes import Recorder


def moved(text, *args):
    """The number of buffers that moved into loops."""
    function = function_of(HEADER + textwrap.dedent(text), "f")
    gradient = srcdiff.grad(function)
    arguments = gradient.signature.bind(args, {}, frozenset())
    fn = private_buffers(read(gradient.derived, arguments, Recorder(verify=True)))
    loops = [s for s in walk(fn.body) if isinstance(s, For)]
    return sum(
        isinstance(s, Op) and s.decl.name.startswith("empty") for x in loops for s in x.body.body
    )


ITERATION = """
    def f(x, n):
        y = np.zeros(len(x))
        s = 0.0
        for t in range(n):
            {fill}
            for i in range(len(x)):
                s += y[i] * y[len(x) - 1 - i]
        return s
"""
FILLED = {
    "whole": "for i in range(len(x)):\n                y[i] = x[i] * t",
    "in two parts": "y[0] = x[1]\n            for i in range(1, len(x)):\n                y[i] = x[i - 1]",
    "with what was filled before": "y[0] = x[1]\n            for i in range(1, len(x)):\n                y[i] = np.sin(y[i - 1] * x[i])",
    "and changed": "for i in range(len(x)):\n                y[i] = x[i] * t\n                y[i] += x[i]",
}
NOT_FILLED = {
    "not the first": "for i in range(1, len(x)):\n                y[i] = x[i] * t",
    "not the last": "for i in range(len(x) - 1):\n                y[i] = x[i] * t",
    "added to": "for i in range(len(x)):\n                y[i] += x[i] * t",
    "every other": "for i in range(0, len(x), 2):\n                y[i] = x[i] * t",
    "under a condition": "for i in range(len(x)):\n                if x[i] > 0.2:\n                    y[i] = x[i] * t",
    "one place of many": "for i in range(len(x)):\n                y[3] = x[i] * t",
    "from behind": "for i in range(len(x)):\n                y[i - 1] = x[i] * t",
    "in another order": "y[0] = x[1]\n            for i in range(len(x) - 1, 0, -1):\n                y[i] = np.sin(y[i - 1] * x[i])",
    "left early": "for i in range(len(x)):\n                y[i] = x[i] * t\n                if x[i] > 0.4:\n                    break",
}


@pytest.mark.parametrize("fill", FILLED.values(), ids=FILLED)
def test_a_buffer_that_each_iteration_fills_is_private(fill):
    assert moved(ITERATION.format(fill=fill), V(4), 3) == 1
    loops_agree(ITERATION.format(fill=fill), V(4), 3)


@pytest.mark.parametrize("fill", NOT_FILLED.values(), ids=NOT_FILLED)
def test_a_buffer_that_an_iteration_does_not_fill_stays(fill):
    assert moved(ITERATION.format(fill=fill), V(4), 3) == 0
    loops_agree(ITERATION.format(fill=fill), V(4), 3)


def test_a_buffer_that_is_read_after_the_loop_stays():
    text = """
        def f(x, n):
            y = np.zeros(len(x))
            for t in range(n):
                for i in range(len(x)):
                    y[i] = x[i] * t
            return np.sum(y)
    """
    assert moved(text, V(4), 3) == 0


def test_a_buffer_moves_into_the_innermost_loop_that_has_it_to_itself():
    text = """
        def f(A):
            row, rows = np.zeros(A.shape[1]), np.zeros(A.shape[0])
            s = 0.0
            for t in range(3):
                for i in range(A.shape[0]):
                    for j in range(A.shape[1]):
                        row[j] = A[i, j] * t
                    rows[i] = 0.0
                    for j in range(A.shape[1]):
                        rows[i] += row[j] * row[j]
                for i in range(A.shape[0]):
                    s += np.sin(rows[i])
            return s
    """
    assert moved(text, V(12).reshape(4, 3)) == 2
    loops_agree(text, V(12).reshape(4, 3))


LAYER = """
    def f(W, xs):
        hidden, scores = np.zeros(len(W)), np.zeros(len(W))
        loss = 0.0
        for n in range(len(xs)):
            for i in range(len(W)):
                s = 0.0
                for j in range(len(W)):
                    s += W[i, j] * xs[n, j]
                hidden[i] = np.tanh(s)
            for i in range(len(W)):
                s = 0.0
                for j in range(len(W)):
                    s += W[i, j] * hidden[j]
                scores[i] = s
            total = 0.0
            for i in range(len(W)):
                total += np.exp(scores[i])
            loss += np.log(total) - scores[n % 2]
        return loss
"""


def test_iterations_with_buffers_of_their_own_keep_nothing_for_others():
    few, many = (
        (V(9).reshape(3, 3), V(12).reshape(4, 3)),
        (V(9).reshape(3, 3), V(60).reshape(20, 3)),
    )
    a, b = (kept(source(LAYER), args, loops=True, fastmath=False) for args in (few, many))
    assert a == b <= 4 * 3
    loops_agree(LAYER, *few)
