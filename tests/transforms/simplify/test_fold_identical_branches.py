"""Identical branch folding: a branch with two equal sides is removed; other branches stay."""

import numpy as np
import pytest
from transforms.passes import changed, program

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.merge_branches import fold_identical_branches

X = np.array([0.5, -1.25, 2.0])


def branches(then, orelse, yields=("%a", "%b")):
    return f"""
        def f(%x: float64[n]) -> 0 {{
          %p: float64[n] = copy %x
          %first: float64! = index[where='i'] %x, 0
          %c: bool! = greater %first, 0.0
          %y: float64! = if %c {{
            {then}
            yield {yields[0]}
          }} else {{
            {orelse}
            yield {yields[1]}
          }}
          %s: float64! = sum %p
          %t: float64! = add %y, %s
          yield %t
        }}
    """


@pytest.mark.parametrize(
    ("then", "orelse", "left"),
    [
        ("%a: float64! = exp %first", "%b: float64! = exp %first", 0),
        ("%a: float64! = exp %first", "%b: float64! = sin %first", 1),
        ("%a: float64! = multiply %first, 2.0", "%b: float64! = multiply %first, 3.0", 1),
        ("%a: float64! = multiply %first, 0.0", "%b: float64! = multiply %first, -0.0", 1),
        ("%a: float64! = index[where='i'] %x, 1", "%b: float64! = index[where='i'] %x, 1", 0),
        ("%a: float64! = index[where='i'] %x, 1", "%b: float64! = index[where='i'] %x, 2", 1),
        (
            "%a: float64! = exp %first\n            store[where='i'] %p, %a, 1",
            "%b: float64! = exp %first\n            store[where='i'] %p, %b, 1",
            0,
        ),
        (
            "%a: float64! = exp %first\n            store[where='i'] %p, %a, 1",
            "%b: float64! = exp %first\n            store[where='i'] %p, %first, 1",
            1,
        ),
        (
            "%a: float64! = exp %first",
            "%b: float64! = exp %first\n            %d: float64! = exp %b",
            1,
        ),
    ],
)
def test_branches(then, orelse, left):
    found = to_text(changed(fold_identical_branches, program(branches(then, orelse)), X))
    assert found.count("if %c") == left


def test_what_is_yielded_is_part_of_it():
    then, orelse = "%a: float64! = exp %first", "%b: float64! = exp %first"
    text = branches(then, orelse, ("%a", "%first"))
    assert "if %c" in to_text(changed(fold_identical_branches, program(text), X))


def test_a_sigmoid_in_two_branches_is_one_under_a_logarithm():
    def log_likelihood(x):
        p = np.empty(len(x))
        for i in range(len(x)):
            if x[i] > 0:
                p[i] = 1 / (1 + np.exp(-x[i]))
            else:
                p[i] = np.exp(x[i]) / (1 + np.exp(x[i]))
        return np.sum(np.log(p))

    g = srcdiff.value_and_grad(log_likelihood, jit=False)
    x = np.array([-800.0, 0.0, 3.0, 900.0])
    value, gradient = g(x)
    np.testing.assert_allclose(value, -800.0 - np.log(2.0) - np.log1p(np.exp(-3.0)), rtol=1e-15)
    np.testing.assert_allclose(gradient, [1.0, 0.5, 1 / (1 + np.exp(3.0)), 0.0], rtol=1e-14, atol=0)
    assert "if " not in g.source
