"""Lengths that are products or quotients: what `x.ravel()` and `np.zeros(n * m)` have in common is known."""

import numpy as np
import pytest
from fuzz.compare import function_of, problems

import srcdiff

rng = np.random.default_rng(5)

ADVECT = """
import numpy as np
def advected(field, u, v):
    rows, cols = field.shape
    ys, xs = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    at_x, at_y = (xs - u).ravel(), (ys - v).ravel()
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    wx, wy = at_x - left, at_y - top
    left, right = left % cols, (left + 1) % cols
    top, below = top % rows, (top + 1) % rows
    above = (1 - wx) * field[top, left] + wx * field[top, right]
    under = (1 - wx) * field[below, left] + wx * field[below, right]
    return np.reshape((1 - wy) * above + wy * under, (rows, cols))
def f(field, u, v):
    return np.sum(advected(field, u, v) ** 2)
"""
SMOOTHED = """
import numpy as np
def f(x, w):
    n, m = x.shape
    z = np.zeros(n * m)
    z[:] = x.ravel()
    for _ in range(3):
        z = z * np.cos(x.reshape(-1)) + w.ravel()
    return np.sum(z.reshape(n, m) * x)
"""
TILED = """
import numpy as np
def f(x, y):
    n = len(y)
    return np.sum(np.tile(x, n) * np.repeat(y, len(x)) ** 2) + np.sum(np.outer(y, x).ravel() * np.tile(x, n))
"""
PARTS = """
import numpy as np
def f(x, y):
    return np.sum(x[1:].ravel() * y[:, 1:].ravel()) + np.sum(x[1:, 0] * np.sin(y[2:, 0]))
"""
HALVES = """
import numpy as np
def f(x):
    n = len(x) // 2
    y = np.zeros(n)
    for i in range(n):
        y[i] = x[2 * i] * x[2 * i + 1]
    m = n // 2
    return np.sum(y[:m] * np.sin(y[m : 2 * m])) + np.sum(x[: -(-n // 3)] ** 2) * np.sum(x[n:])
"""
PAIRED = """
import numpy as np
def f(x, w):
    n = len(x) // 2
    y = np.zeros(n)
    y += x[: 2 * n].reshape(-1, 2).prod(axis=1)
    pairs = w.reshape(-1, 2)
    return np.sum(y * pairs[:, 0] * np.exp(pairs[:, 1]))
"""
POOLED = """
import numpy as np
def f(x, w):
    n, m = x.shape
    blocks = (x * w).reshape(n // 2, 2, m // 3, 3)
    return np.sum(blocks.max(axis=(1, 3)) * blocks.mean(axis=(1, 3)))
"""
PROGRAMS = {
    "advected": (ADVECT, (rng.random((4, 3)), rng.random((4, 3)), rng.random((4, 3)))),
    "smoothed": (SMOOTHED, (rng.random((3, 4)), rng.random((3, 4)))),
    "tiled": (TILED, (rng.random(3), rng.random(4))),
    "halves": (HALVES, (rng.random(13),)),
    "paired": (PAIRED, (rng.random(9), rng.random(8))),
    "pooled": (POOLED, (rng.random((4, 6)), rng.random((4, 6)))),
    "parts": (PARTS, (rng.random((4, 3)), rng.random((3, 4)))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_are_those_that_differences_show(name):
    text, args = PROGRAMS[name]
    assert not problems(function_of(text), args, second=True)


@pytest.mark.parametrize("name", ["advected", "smoothed", "tiled", "halves", "paired", "pooled"])
def test_nothing_asks_whether_an_axis_was_broadcast(name):
    text, args = PROGRAMS[name]
    g = srcdiff.grad(function_of(text), argnums=tuple(range(len(args))), jit=False)
    g(*args)
    assert " == 1" not in g.source


def test_other_factors_are_another_program():
    f = function_of(
        "import numpy as np\ndef f(x, y):\n    return np.sum(x.ravel() * y.ravel() ** 2)\n"
    )
    g = srcdiff.grad(f, argnums=(0, 1))
    for shapes in [((2, 3), (2, 3)), ((2, 3), (3, 2)), ((2, 3), (6, 1)), ((3, 2), (1, 1))]:
        x, y = map(rng.random, shapes)
        d_x, d_y = g(x, y)
        np.testing.assert_allclose(d_x, np.broadcast_to(y.ravel() ** 2, 6).reshape(x.shape))
        wanted = 2 * y.ravel() * x.ravel() if y.size > 1 else 2 * y.ravel() * x.sum()
        np.testing.assert_allclose(d_y.ravel(), wanted)
    with pytest.raises(srcdiff.UnsupportedError, match="axes of lengths 6 and 8 differ"):
        g(np.ones((2, 3)), np.ones((2, 4)))


def test_compiled_loops_do_not_compare_a_product_with_itself():
    text, args = PROGRAMS["smoothed"]
    g = srcdiff.grad(function_of(text), argnums=(0, 1), jit=True)
    plain = srcdiff.grad(function_of(text), argnums=(0, 1), jit=False)
    for found, wanted in zip(g(*args), plain(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert "new shape" not in g.loop_source


def test_the_backward_part_flattens_as_a_person_would():
    text, args = PROGRAMS["advected"]
    g = srcdiff.grad(function_of(text), argnums=(0, 1, 2), jit=False)
    g(*args)
    assert "d_out.ravel()" in g.source
    assert "return advected_backward(" in g.source  # the result of a call is passed on
    assert g.source.count("1 - wx") == 3  # twice in the user's function, and once in its adjoint
