"""Scatter to gather: loops that add neighbouring slices into one array become one loop."""

import numpy as np
import pytest
from ops.rule_tools import is_float
from transforms.passes import program
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.schedule.scatter_to_gather import gathered_slices

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


LOOP = """
  for 0, %n, 1 {{
    (%i{k}: int64{{i{k}}}) ->
    %a{k}: float64! = index[where='i'] %g, %i{k}
    %t{k}: float64! = {term} %a{k}{operands}
    %p{k}: int64 = add %i{k}, {k}
    add_into[where='i'] %d, %t{k}, %p{k}
    yield
  }}"""
ADDED = """
def f(%x: float64[max(m - 2, 0)], %n: int64{max(m - 2, 0)}, %m: int64{m}) -> 0 {
  %g: float64[max(m - 2, 0)] = empty[dtype='float64'] %n
  for 0, %n, 1 {
    (%i: int64{i}) ->
    %b: float64! = index[where='i'] %x, %i
    store[where='i'] %g, %b, %i
    yield
  }
  %d: float64[m] = zeros[dtype='float64'] %m
  LOOPS
  yield %d
}
"""
OF_NUMBERS = [
    d
    for d in OPERATIONS.values()
    if d.elementwise
    and d.samples
    and all(map(is_float, d.samples[0].args(np.random.default_rng(0))))
]


def test_operations_that_give_a_number_at_zero_are_not_gathered():
    """All elementwise operations in the terms: what the loop gathers is what the loops added."""
    gathered, x = set(), np.linspace(0.3, 0.8, 5)
    for decl in OF_NUMBERS:
        count = len(decl.samples[0].args(np.random.default_rng(0)))
        operands = ", 0.5" * (count - 1)
        loops = [LOOP.format(k=k, term=decl.name, operands=operands) for k in range(3)]
        fn = program(ADDED.replace("LOOPS", "".join(loops)))
        new = gathered_slices(fn)
        with np.errstate(all="ignore"):
            found, expected = evaluate(new, x, 5, 7), evaluate(fn, x, 5, 7)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=decl.name)
        gathered |= {decl.name} if new is not fn else set()
    assert gathered == {"negative", "multiply"}
