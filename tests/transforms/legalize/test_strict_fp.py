"""Strict floating point: programs that compare computed numbers for equality are compiled without fast-math."""

import numpy as np
import pytest

import srcdiff
from srcdiff.ir.syntax.parser import parse
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.legalize.strict_fp import compares_results

COMPARED = """
def f(%s: float64!, %top: float64!) -> 0 {{
  %0: bool! = equal {left}, {right}
  yield %0
}}
"""


@pytest.mark.parametrize(
    ("left", "right", "found"), [("%s", "%top", True), ("%s", "0.0", False), ("1.0", "%top", False)]
)
def test_numbers_that_are_known_are_compared_exactly_anyway(left, right, found):
    fn = parse(COMPARED.format(left=left, right=right).strip(), OPERATIONS)
    assert compares_results(fn) == found


def best(x, A, B):
    a = x + B[0]
    for b in B[1:]:
        s = a[:, None] + A
        top = np.max(s, axis=0)
        a = top + np.max(s - top, axis=0) + b
    return np.max(a)


def two_paths(x, A, B):
    return best(x, A, B) + best(2.0 * x, A, B)


@pytest.mark.long
def test_the_greatest_is_found_again():
    """LLVM rounded `a + A - top` otherwise where it was compared with what it was the greatest of."""
    rng = np.random.default_rng(0)
    plain, compiled = (srcdiff.grad(two_paths, jit=jit) for jit in (False, True))
    for _ in range(20):
        arguments = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
        np.testing.assert_allclose(compiled(*arguments), plain(*arguments), rtol=1e-13)
    assert "fastmath" not in compiled.loop_source


def test_ties_of_two_arrays_keep_the_leave():
    x = np.array([1.0, 2.0])
    g = srcdiff.grad(lambda x, y: np.sum(np.maximum(x, np.sin(y)) ** 2))
    assert "fastmath" in g.loop_source_for(x, x)


def test_others_keep_the_leave():
    g = srcdiff.grad(lambda x: np.sum(np.exp(x) * x))
    assert 'fastmath={"contract", "reassoc", "arcp", "nsz"}' in g.loop_source_for(np.ones(3))
