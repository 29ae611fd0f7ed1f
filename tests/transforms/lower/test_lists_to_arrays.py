"""Lists of arrays of one shape, as arrays of the loop form."""

import numpy as np
import pytest
from transforms.sources import agrees, loops_agree, source

import srcdiff

W = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
X = np.array([0.5, -0.3, 0.8])

LAYERS = """
def f(w, x):
    hidden = [w[i] for i in range(0, len(w), 2)]
    cells = [w[i] * x for i in range(1, len(w), 2)]
    total = 0.0
    for t in range(4):
        for i in range(len(hidden)):
            hidden[i], cells[i] = np.tanh(hidden[i] + cells[i] * x), cells[i] + x * hidden[i]
            total = total + np.sum(hidden[i] * cells[i]) * (t + 1)
    return total
"""
OLD = """
def f(w, x):
    rows = [np.sin(r) for r in w]
    kept = rows[1]
    rows[1] = kept * x
    rows[0] = rows[-1] + kept
    return np.sum(kept * rows[1]) + np.sum(rows[0] ** 2)
"""
PASSED_ON = """
def f(w, x):
    rows = []
    rows.append(x * x)
    for r in w:
        rows.append(r * x)
    last = rows[0]
    for t in range(3):
        rows[0] = rows[0] * last
        last = rows[t + 1]
        rows[t + 1] = np.cos(rows[t])
    return np.sum(last) + sum(np.sum(r) for r in rows)
"""


@pytest.mark.parametrize("text", [LAYERS, OLD, PASSED_ON])
@pytest.mark.parametrize("rows", [2, 4])
def test_items_lie_side_by_side(text, rows):
    text = text.replace("range(3)", f"range({rows - 1})")
    loops_agree(text, W[:rows], X)
    found = srcdiff.value_and_grad(source(text), argnums=(0, 1)).loop_source_for(W[:rows], X)
    assert "append" not in found and "[]" not in found


def test_gradients_are_right():
    for text in (LAYERS, OLD, PASSED_ON):
        agrees(text, W, X)


def test_compiled_code_says_what_python_says_of_a_wrong_place():
    gradient = srcdiff.grad(source(OLD.replace("rows[1]", "rows[7]")), jit=True)
    with pytest.raises(IndexError):
        gradient(W, X)


WRITTEN = """
def f(w, x):
    rows = [w[i] * x for i in range(len(w))]
    first = rows[0]
    first[1] = 3.0
    rows[1] += x
    return sum(np.sum(r * r) for r in rows)
"""
SHARED = """
def f(w, x):
    y = x * 2.0
    rows = [y for _ in w]
    y[0] = 5.0
    return sum(np.sum(r * r) for r in rows)
"""
SOMETIMES = """
def f(w, x):
    rows = []
    for r in w:
        if r[0] > -0.5:
            rows.append(r * x)
    return sum(np.sum(r * r) for r in rows)
"""
GROWS = """
def f(w, x):
    rows = [r * x for r in w]
    for i in range(2):
        rows.append(rows[i] * x)
    return sum(np.sum(r * r) for r in rows)
"""
LESS = """
def f(w, x):
    rows = [r * x for r in w]
    last = rows.pop()
    return np.sum(last) + sum(np.sum(r * r) for r in rows)
"""
DIFFERENT = """
def f(w, x):
    rows = [x[i:] * w[0, i] for i in range(len(x))]
    return sum(np.sum(r * r) for r in rows)
"""
TWICE = """
def f(w, x):
    rows = [r * x for r in w]
    other = [rows, rows]
    return sum(np.sum(r * r) for rs in other for r in rs)
"""


@pytest.mark.parametrize("text", [WRITTEN, SHARED, SOMETIMES, GROWS, LESS, DIFFERENT, TWICE])
def test_other_lists_stay(text):
    loops_agree(text, W, X)
