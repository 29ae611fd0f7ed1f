"""Strength reduction: powers whose exponent is the loop index are running products, and matrices that a product makes are not stored."""

import numpy as np
import pytest
from transforms.passes import changed, program, result, unchanged
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.schedule.strength_reduction import running_powers

SUM = """
def f(%x: float64[n], %c: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %y: float64[n] = zeros_of[type=type(float64[n])]
  %total: float64! = for {range} with 0.0 {{
    (%j: int64{{j}}, %total.1: float64!) ->
    %t: float64! = index[where='i'] {array}, {place}
    %s: {type} = {base}
    %power: {result} = power %s, {exponent}
    %total.2: float64! = add %total.1, %power
    store[where='i'] %y, %total.2, %j
    yield %total.2
  }}
  yield %total
}}
"""
PLAIN = {
    "range": "0, %n, 1", "array": "%x", "place": "0", "base": "multiply 2.0, %t", "exponent": "%j", "type": "float64!",
    "result": "float64!",
}  # fmt: skip
X = np.array([0.3, 2.0, -1.0]), np.zeros(3)


def test_a_power_of_what_stays_the_same_is_carried():
    fn = program(
        SUM.format(**{**PLAIN, "base": "multiply 2.0, 3.0", "type": "float64", "result": "float64"})
    )
    text = to_text(changed(running_powers, fn, *X))
    assert "= power" not in text and "with 0.0, 1.0" in text
    assert text.index("multiply 2.0, 3.0") < text.index("for 0")


@pytest.mark.parametrize(
    "part",
    [
        {"range": "0, %n, 2"},
        {"range": "1, %n, 1"},
        {"range": "0, %n, 1 reverse"},
        {"place": "%j"},
        {"exponent": "2"},
        {"array": "%y"},  # the loop writes it
        {},  # an empty array has no first element
    ],
)
def test_other_powers_stay(part):
    unchanged(running_powers, SUM.format(**{**PLAIN, **part}), *X)


def test_numbers_stay_what_they_are():
    text = SUM.format(**PLAIN).replace("%x: float64[n]", "%x: float64[3]")
    assert "%power.1: float64!) ->" in to_text(running_powers(program(text)))


def test_an_element_that_is_there_whatever_the_loop_does_is_looked_up_in_front():
    text = SUM.format(**PLAIN).replace("%x: float64[n]", "%x: float64[3]")
    assert "= power" not in to_text(changed(running_powers, program(text), *X))


FIT = """
def f(x, n):
    t = np.linspace(-1.0, 1.0, n)
    powers = t[:, None] ** np.arange(len(x))
    return 0.5 * np.sum((np.sign(t) - {product}) ** 2)
"""


@pytest.mark.parametrize("product", ["powers @ x", "x @ powers.T", "np.dot(powers, x)"])
@pytest.mark.parametrize(("m", "n"), [(40, 300), (40, 1), (9, 3)])
def test_a_matrix_of_powers_is_never_stored(product, m, n):
    args = np.linspace(-1.0, 2.0, m), n
    text = FIT.format(product=product)
    found = srcdiff.value_and_grad(source(text)).loop_source_for(*args)
    assert "**" not in found.replace("**2", "") and "np.empty((" not in found
    loops_agree(text, *args)


def test_without_fastmath_powers_are_powers_and_sums_are_those_of_blas():
    g = srcdiff.value_and_grad(source(FIT.format(product="powers @ x")), fastmath=False)
    found = g.loop_source_for(np.ones(40), 300)
    assert "** float(j)" in found and "powers @ x" in found


SCALED = """
def f(X, w, s):
    return np.sum(np.tanh({matrix} @ w))
"""


@pytest.mark.parametrize(
    ("matrix", "is_called"),
    [("X", True), ("X.T", True), ("np.exp(X)", True), ("(X - s)", False), ("(X - s).T", False)],
)
def test_products_with_a_matrix_that_would_be_made_for_them_are_loops(matrix, is_called):
    X, w = np.random.default_rng(1).normal(size=(50, 50)), np.linspace(-1.0, 1.0, 50)
    text = SCALED.format(matrix=matrix)
    found = srcdiff.value_and_grad(source(text), argnums=1).loop_source_for(X, w, w / 2)
    assert (" @ w" in found) == is_called
    loops_agree(text, X, w, w / 2, argnums=(0, 1, 2))


TERMS = """
def f(%t: float64, %c: float64[n], %s: float64) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %total: float64! = for 0, %n, 1 with {start} {{
    (%j: int64{{j}}, %total.1: float64!) ->
    %power: float64 = power %t, %j
    %a: float64! = index[where='i'] %c, %j
    %term: float64! = multiply {factors}
    %total.2: float64! = {add} %total.1, %term
    yield %total.2
  }}
  yield %total
}}
"""


@pytest.mark.parametrize("start", ["0.0", "2.0"])
@pytest.mark.parametrize("add", ["add", "subtract"])
@pytest.mark.parametrize("factors", ["%power, %a", "%a, %power"])
def test_sums_of_powers_are_by_horners_rule(start, add, factors):
    fn = program(TERMS.format(start=start, add=add, factors=factors))
    new = running_powers(fn)
    text = to_text(new)
    assert verify(new) == [] and "= power" not in text and "with 0.0 {" in text
    for t, n in ((0.7, 5), (-1.3, 8), (0.0, 3), (0.5, 0), (2.0, 1)):
        args = t, np.linspace(-1.0, 2.0, n), 0.5
        assert result(new, args) == pytest.approx(result(fn, args), rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("factors", ["%power, %s", "%s, %power"])
def test_what_only_multiplies_the_same_is_carried_as_the_product(factors):
    text = TERMS.format(start="0.0", add="add", factors=factors)
    text = text.replace(
        "%total.2: float64! = add %total.1, %term", "%total.2: float64! = maximum %total.1, %term"
    )
    fn = program(text.replace("%term: float64!", "%term: float64"))
    new = running_powers(fn)
    assert verify(new) == [] and "with 0.0, %s" in to_text(new)
    for t in (0.7, -1.3, 0.0):
        args = t, np.zeros(5), 0.5
        assert result(new, args) == pytest.approx(result(fn, args), rel=1e-14)
