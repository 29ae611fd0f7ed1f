"""Invariant tables: a value that each iteration would compute again is in a table no larger than its operand."""

import numpy as np
import pytest
from transforms.hard_programs import V
from transforms.sources import loops_agree, source

import srcdiff

PROGRAM = """
    def f(q, x):
        total = 0.0
        for p in range(len(x)):
            {start}
            for c in range({rows}):
                for i in range(q.shape[1]):
                    {iteration}
        return total
"""
PLAIN = {"start": "pass", "rows": "len(q)", "iteration": "total += np.sin(x[p] * np.exp(q[c, i]))"}
Q, X = V(22).reshape(2, 11), V(4)


def program(**changed):
    return PROGRAM.format(**{**PLAIN, **changed})


def loops(text):
    return srcdiff.grad(source(text), argnums=(0, 1)).loop_source_for(Q, X)


def has_table(text):
    return "np.empty_like(q)\n    if len(x) > 0:\n        for c in range" in loops(text)


def test_loop_invariant_tables_are_computed_once():
    assert has_table(program())
    assert loops(program()).count("exp(") == 1
    loops_agree(program(), Q, X, argnums=(0, 1))


def test_places_that_are_written_out_are_in_one_table():
    q = V(4).reshape(2, 2)
    text = srcdiff.grad(source(program()), argnums=(0, 1)).loop_source_for(q, X)
    assert (
        """
        for c in range(len(q)):
            exponentials[c, 0] = exp(q[c, 0])
            exponentials[c, 1] = exp(q[c, 1])
"""
        in text
    )
    assert text.count("exp(") == 2
    loops_agree(program(), q, X, argnums=(0, 1))


def test_what_else_goes_into_one_place_has_a_table_of_its_own():
    text = program(
        iteration="total += x[p] * np.exp(q[c, 0] * q[c, 1]) * np.exp(q[c, 1] * q[c, 0] * 0.5)"
    )
    loops_agree(text, Q, X, argnums=(0, 1))


EQUAL = [
    {"iteration": "total += np.sin(x[p] * np.exp(2.0 * q[c, i] + 1.0))"},
    {"iteration": "total += np.sin(x[p] * np.exp(q[c, i]) * q[c, i])"},
    {"iteration": "total += np.sin(x[p] * np.log1p(np.exp(q[c, i])))"},
    {"iteration": "total += np.sin(x[p] * np.exp(q[c, i])) * np.exp(q[c, i])"},
    {"start": "k = p // 2", "iteration": "total += np.sin(k * x[p] * np.exp(q[c, i]))"},
]


@pytest.mark.parametrize("changed", EQUAL)
def test_whatever_it_is_computed_with(changed):
    assert has_table(program(**changed))
    loops_agree(program(**changed), Q, X, argnums=(0, 1))


OTHERS = [
    {"iteration": "total += np.sin(np.exp(x[p] * q[c, i]))"},  # another one in each iteration
    {"iteration": "total += np.sin(x[p] * (2.0 * q[c, i]))"},  # costs nothing
    {
        "iteration": "if x[p] > 0.5:\n                        total += np.sin(x[p] * np.exp(q[c, i]))"
    },
    {"rows": "len(q) - p % 2"},  # not the same rows each time
    {"iteration": "total += np.sin(x[p] * np.exp(q[c - 2, i]))"},  # counted from the end
    {"start": "k = p % 2", "iteration": "total += np.sin(x[k] * np.exp(q[c, i]))"},  # it may raise
]


@pytest.mark.parametrize("changed", OTHERS)
def test_values_that_iterations_change_are_computed_in_iterations(changed):
    assert not has_table(program(**changed))
    loops_agree(program(**changed), Q, X, argnums=(0, 1))


def test_values_that_change_are_computed_in_iterations():
    text = """
        def f(q, x):
            s, total = q.copy(), 0.0
            for p in range(len(x)):
                for c in range(len(q)):
                    for i in range(q.shape[1]):
                        s[c, i] = np.cos(s[c, i] * np.exp(s[c, i]) + x[p])
            return np.sum(s)
    """
    assert "if len(x) > 0:" not in loops(text)
    loops_agree(text, Q, X, argnums=(0, 1))


def test_tables_are_no_larger_than_what_they_are_computed_from():
    text = """
        def f(q, x):
            total = 0.0
            for p in range(len(x)):
                for c in range(len(q)):
                    for i in range(len(x)):
                        total += np.sin(x[p] * np.exp(q[c, 0] * x[i]))
            return total
    """
    assert "if len(x) > 0:" not in loops(text)
    loops_agree(text, Q, X, argnums=(0, 1))


def test_arrays_in_iterations_have_tables_too():
    text = """
        def f(q, x):
            total = 0.0
            for p in range(len(x)):
                total += np.sum(np.sin(x[p] * np.exp(q)))
            return total
    """
    assert loops(text).count("exp(") == 1
    loops_agree(text, Q, X, argnums=(0, 1))


def test_without_iterations_no_element_is_read():
    """`q` is too short, and nobody asks."""
    text = program(rows="9")
    assert has_table(text)
    g = srcdiff.grad(source(text), argnums=(0, 1), jit=False)
    d_q, d_x = g(Q, X[:0])
    assert np.all(d_q == 0.0)
    assert d_x.shape == (0,)
    loops_agree(text, Q, X[:0], argnums=(0, 1))
