"""Stability rewriting: named rules for the user's lines."""

import numpy as np
import pytest

import srcdiff
from srcdiff.options import REWRITINGS
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.stability import stabilise
from tests.transforms.passes import assert_same, check, program, result

CROSS_ENTROPY = """
    def loss(%z: float64[n], %b: float64, %y: float64[n]) -> 0 {
      %0: float64[n] = negative %z
      %1: float64[n] = subtract %0, %b
      %2: float64[n] = exp %1
      %3: float64[n] = add 1.0, %2
      %p': float64[n] = divide 1.0, %3
      %4: float64[n] = negative %y
      %5: float64[n] = log %p
      %6: float64[n] = multiply %4, %5
      %7: float64[n] = subtract 1.0, %y
      %8: float64[n] = subtract 1.0, %p
      %9: float64[n] = log %8
      %10: float64[n] = multiply %7, %9
      %l': float64[n] = subtract %6, %10
      yield %l
    }
"""
ARGS = np.array([-2.0, 0.5, 3.0]), 0.3, np.array([0.0, 1.0, 1.0])


def test_the_cross_entropy_of_a_sigmoid():
    check(
        lambda fn: dce(cse(stabilise(fn))),
        CROSS_ENTROPY,
        """
        def loss(%z: float64[n], %b: float64, %y: float64[n]) -> 0 {
          facts [applied=(('log_sigmoid', None), ('log_one_minus_sigmoid', None))]
          %logit: float64[n] = add %z, %b
          %0: float64[n] = negative %logit
          %1: float64[n] = logaddexp 0.0, %0
          %2: float64[n] = multiply %y, %1
          %3: float64[n] = subtract 1.0, %y
          %4: float64[n] = logaddexp 0.0, %logit
          %5: float64[n] = multiply %3, %4
          %l': float64[n] = add %2, %5
          yield %l
        }
        """,
        *ARGS,
    )


def test_what_fired_is_noted():
    fired = stabilise(program(CROSS_ENTROPY)).rewriting.applied
    assert [name for name, _ in fired] == ["log_sigmoid", "log_one_minus_sigmoid"]


def test_a_rule_can_be_switched_off():
    fn = program(CROSS_ENTROPY)
    once = stabilise(fn, {"log_sigmoid", "log_of_parts", "log_one_plus"})
    assert [name for name, _ in once.rewriting.applied] == ["log_one_minus_sigmoid"]
    assert stabilise(fn, {*REWRITINGS}) is fn
    assert_same(result(fn, ARGS), result(once, ARGS))


def test_storage_that_is_written_is_not_looked_through():
    text = """
    def f(%u: float64[n]) -> 0 {
      %0: float64[n] = exp %u
      %1: float64[n] = add 1.0, %0
      %p: float64[n] = divide 1.0, %1
      store[where='i'] %p, 0.5, 0
      %2: float64[n] = read %p
      %3: float64[n] = log %2
      yield %3
    }
    """
    fn = program(text)
    assert stabilise(fn) is fn


def probability(w, x):
    logit = x @ w
    return 1.0 / (1.0 + np.exp(-logit))


def normalised(z):
    e = np.exp(z)
    return e / np.sum(e)


def in_a_loop(z):
    total = 0.0
    for t in range(len(z)):
        total += np.exp(z[t])
    return np.exp(z) / total


def through_helpers(w, x, z):
    p = probability(w, x)
    return -np.sum(np.log(p)) - np.sum(np.log(1.0 - p)) - np.log(normalised(z))[0]


def through_a_loop(z):
    return np.log(in_a_loop(z))[0]


def test_rules_see_through_helpers_of_a_few_lines():
    w, x, z = np.array([900.0, 5.0]), np.array([[1.0, 1.0], [-1.0, 2.0]]), np.array([-800.0, 0.0])
    g = srcdiff.value_and_grad(through_helpers, argnums=(0, 1, 2), jit=False)
    value, (d_w, _, d_z) = g(w, x, z)
    assert value == pytest.approx(905.0 + 890.0 + 800.0, rel=1e-15)
    np.testing.assert_allclose(d_w, x[0] - x[1], rtol=1e-14)
    np.testing.assert_allclose(d_z, [-1.0, 1.0], rtol=1e-14)
    assert "probability" not in g.source and "normalised" not in g.source
    srcdiff.check_grads(through_helpers, w / 900, x, z / 400)


def test_loops_in_helpers_are_rewritten_there():
    g = srcdiff.value_and_grad(through_a_loop, jit=False)
    names = {t.partition(":")[0] for t in srcdiff.explain(g, np.ones(3)).rewritten}
    assert names == {"log_of_loops", "exp_product", "log_exp"}
    z = np.array([1000.0, 999.0, 998.0])
    value, slopes = g(z)
    share = np.exp(z - z[0]) / np.sum(np.exp(z - z[0]))
    np.testing.assert_allclose(value, np.log(share[0]), rtol=1e-14)
    np.testing.assert_allclose(slopes, np.eye(3)[0] - share, rtol=1e-14)
