"""Hoisting of checks of loop counters: an index that loops count is checked once, in front of the loops."""

import copy

import numpy as np
import pytest
from loop_forms import as_python, loop_form
from transforms.hard_programs import V
from transforms.sources import loops_agree, source

import srcdiff

PROGRAM = """
    def f(w, x):
        total = 0.0
        for p in range(len(x)):
            at = {start}
            for j in range(3):
                for i in range({first}, 3):
                    total += np.sin(w[{index}] * x[p])
                    {step}
                {behind}
        return total
"""
PLAIN = {"start": "0", "first": "j + 1", "index": "at", "step": "at += 1", "behind": "pass"}
X = V(4)


def program(**changed):
    return PROGRAM.format(**{**PLAIN, **changed})


def checks_in_loops(text):
    """The number of lines in loops that raise."""
    loops = srcdiff.grad(source(text), argnums=(0, 1)).loop_source_for(V(20), X)
    return sum(line.startswith(" " * 12) for line in loops.splitlines() if "raise" in line)


def run(text, w, x):
    g = srcdiff.grad(source(text), argnums=(0, 1))
    loops = as_python(loop_form(g, (V(20), X)))
    return loops(copy.deepcopy(w), copy.deepcopy(x))


COUNTED = [
    ({}, 3),
    ({"first": "0"}, 9),
    ({"index": "at + 1", "step": "at += 2"}, 6),
    ({"step": "at += 2"}, 5),
]


@pytest.mark.parametrize(("changed", "length"), COUNTED)
def test_the_last_index_is_the_largest(changed, length):
    text = program(**changed)
    assert checks_in_loops(text) == 0
    loops_agree(text, V(length), X, argnums=(0, 1))
    run(text, V(length), X)
    with pytest.raises(IndexError, match="an index is out of bounds for w"):
        run(text, V(length - 1), X)


def test_nothing_is_checked_without_iterations():
    d_w, d_x = run(program(), np.empty(0), np.empty(0))
    assert d_w.shape == d_x.shape == (0,)


OTHERS = [
    {"behind": "at += 1"},  # the last index is not a step behind
    {"start": "1"},
    {"step": "at -= 1"},  # counts from the end
    {"step": "at += j"},
    {"step": "at += 1 if x[p] > 0.0 else 2"},
    {"index": "at + 1"},
    {"step": "at = 2 * at"},
]


@pytest.mark.parametrize("changed", OTHERS)
def test_other_indices_are_checked_where_they_are_used(changed):
    text = program(**changed)
    assert checks_in_loops(text) > 0
    loops_agree(text, V(20), X, argnums=(0, 1))
