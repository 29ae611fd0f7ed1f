"""Scatter to gather: loops that add neighbouring slices into one array become one loop."""

import numpy as np
import pytest
from transforms.sources import loops_agree, source

import srcdiff

HEAT = """
def f(x, k):
    u = x.copy()
    for _ in range(3):
        u[1:-1] += k * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return np.sum(np.sin(u))
"""
SLOPES = """
def f(x, k):
    u = x.copy()
    for _ in range(3):
        u[1:] = u[1:] - k * (u[1:] - u[:-1]) * u[1:]
    return np.sum(np.sin(u))
"""
WIDE = """
def f(x, k):
    u = x.copy()
    for _ in range(2):
        u[2:-2] += k * (u[:-4] - 0.5 * u[2:-2] + 0.25 * u[4:])
    return np.sum(u * u)
"""


@pytest.mark.parametrize("text", [HEAT, SLOPES, WIDE])
@pytest.mark.parametrize("length", [8, 0, 1, 3])
def test_gathered_slices_are_the_adjoint(text, length):
    loops_agree(text, np.linspace(0.3, 1.2, length), 0.2, argnums=(0, 1))


def test_a_stencils_adjoint_is_one_pass():
    found = srcdiff.grad(source(HEAT)).loop_source_for(np.linspace(0.3, 1.2, 8), 0.2)
    assert found.count("d_u[j] +=") == 1 and "np.zeros(len(x) + 2)" in found


def test_without_fastmath_sums_stay_in_their_order():
    gradient = srcdiff.grad(source(HEAT), fastmath=False)
    assert "np.zeros(len(x)" not in gradient.loop_source_for(np.linspace(0.3, 1.2, 8), 0.2)


def test_compiled_code_touches_nothing_outside():
    gradient = srcdiff.value_and_grad(source(HEAT), argnums=(0, 1), jit=True)
    interpreted = srcdiff.value_and_grad(source(HEAT), argnums=(0, 1), jit=False)
    for length in (9, 3, 2, 1, 0):
        x = np.linspace(0.3, 1.2, length)
        value, (d_x, d_k) = gradient(x, 0.2)
        expected, (e_x, e_k) = interpreted(x, 0.2)
        assert value == pytest.approx(expected) and d_k == pytest.approx(e_k)
        np.testing.assert_allclose(d_x, e_x, rtol=1e-12)
