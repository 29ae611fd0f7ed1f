"""Rewritings that users declare: checked, found in their programs, and switched off by name."""

import numpy as np
import pytest
from scipy.special import expit

import srcdiff
from srcdiff.errors import RuleError
from srcdiff.handles.differentiable import forget_programs
from srcdiff.options import OWN_REWRITINGS
from srcdiff.transforms.rewrite.stability_rules import OWN_RULES


@pytest.fixture(autouse=True)
def _no_rules_left():
    yield
    OWN_RULES.clear()
    OWN_REWRITINGS.clear()
    forget_programs()


def declare(name="one_minus_cos", **options):
    srcdiff.rewriting(
        name,
        lambda x: 1 - np.cos(x),
        lambda x: 2 * np.sin(x / 2) ** 2,
        **{"samples": [(-1.0,), ([-0.1, -3.0],)], **options},
    )


def swing(t, rate):
    level = np.cos(rate * t)
    return np.sum(1.0 - level)


def test_it_is_found_in_value_and_derivative():
    t = np.array([1e-9, 1e-8])
    declare()
    g = srcdiff.value_and_grad(swing, argnums=1, jit=False)
    value, slope = g(t, 0.5)
    wanted = np.sum(2.0 * np.sin(0.25 * t) ** 2)
    assert value == pytest.approx(wanted, rel=1e-15)
    assert slope == pytest.approx(np.sum(t * np.sin(0.5 * t)), rel=1e-14)
    (line,) = srcdiff.explain(g, t, 0.5).rewritten
    assert line.startswith("one_minus_cos: return np.sum(1.0 - level)")
    off = srcdiff.value_and_grad(swing, argnums=1, jit=False, rewrite={"one_minus_cos": False})
    assert all(
        not line.startswith("one_minus_cos") for line in srcdiff.explain(off, t, 0.5).rewritten
    )


def test_what_was_generated_before_is_generated_anew():
    g = srcdiff.value_and_grad(swing, argnums=1, jit=False)
    before = g.source_for(np.ones(2), 0.5)
    declare()
    assert g.source_for(np.ones(2), 0.5) != before


def test_axes_functions_of_scipy_and_transposes():
    srcdiff.rewriting(
        "one_minus_sigmoid", lambda x: 1 - expit(x), lambda x: expit(-x), samples=[(0.3,)]
    )
    srcdiff.rewriting(
        "gram",
        lambda a, b: a.T @ b.T,
        lambda a, b: (b @ a).T,
        samples=[([[1.0, 2.0], [3.0, 4.0]], [[0.5, 1.0], [2.0, 1.5]])],
    )

    def f(A, B):
        return np.sum(np.sin(A.T @ B.T)) + np.sum(1 - expit(A))

    A = np.array([[40.0, 2.0], [3.0, 4.0]])
    g = srcdiff.value_and_grad(f, jit=False)
    assert {line.partition(":")[0] for line in srcdiff.explain(g, A, A).rewritten} == {
        "one_minus_sigmoid",
        "gram",
    }
    assert g(A, A)[0] == pytest.approx(f(A, A), rel=1e-13)


def test_sums_are_of_shapes_that_samples_have():
    """It was used where one is broadcast along the other, with the sum of one number for all."""
    pairs = [([1.0, 2.0], [3.0, 5.0])]
    srcdiff.rewriting(
        "sums", lambda x, y: np.sum(x - y), lambda x, y: np.sum(x) - np.sum(y), samples=pairs
    )
    srcdiff.rewriting("inner", lambda x, y: np.sum(x * y), lambda x, y: x @ y, samples=pairs)
    g = srcdiff.value_and_grad(lambda x, y: np.sum(x - y) + np.sum(x * y), jit=False)
    x = np.arange(3.0)
    for y, is_used in ((x, True), (2.0, False), (np.ones(1), False), (np.ones((2, 3)), False)):
        value, slope = g(x, y)
        assert value == np.sum(x - y) + np.sum(x * y)
        ones = np.ones((np.size(y) // 3 or 1, 3))
        np.testing.assert_array_equal(slope, np.sum(ones + y, axis=0))
        assert (len(srcdiff.explain(g, x, y).rewritten) == 2) == is_used


def test_rules_that_undo_each_other_come_to_an_end():
    one, other = lambda x: np.sin(x) * np.cos(x), lambda x: 0.5 * np.sin(2 * x)
    srcdiff.rewriting("doubled", one, other, samples=[(0.5,)])
    srcdiff.rewriting("halved", other, one, samples=[(0.5,)])
    value, slope = srcdiff.value_and_grad(one, jit=False)(0.3)
    assert (value, slope) == pytest.approx((0.5 * np.sin(0.6), np.cos(0.6)), rel=1e-15)


def test_a_rule_of_another_domain_is_off_by_default():
    declare(kind="domain")
    names = lambda g: {
        line.partition(":")[0] for line in srcdiff.explain(g, np.ones(2), 0.5).rewritten
    }
    assert "one_minus_cos" not in names(srcdiff.grad(swing, jit=False))
    asked = srcdiff.grad(swing, jit=False, rewrite={"one_minus_cos": True})
    assert "one_minus_cos" in names(asked)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (lambda x: 1 - np.cos(x), lambda x: np.sin(x / 2) ** 2, "values differ"),
        (lambda x: np.sin(x) ** 2, lambda x: 1 - np.cos(x), "values differ"),
        (lambda x: np.interp(x, [0.0], [1.0]), lambda x: x, "cannot be read"),
        (lambda x: x, lambda x: x, "not an operation"),
        (lambda x, y: np.exp(x), lambda x, y: np.exp(x) + 0.0 * y, "does not determine y"),
    ],
)  # fmt: skip
def test_mistakes_are_reported_when_it_is_declared(before, after, message):
    count = before.__code__.co_argcount
    with pytest.raises(RuleError, match=message):
        srcdiff.rewriting("mine", before, after, samples=[(-0.5,) * count])
    assert not OWN_RULES


def test_derivatives_are_compared_at_whole_numbers():
    with pytest.raises(RuleError, match="derivatives by argument 0 differ"):
        srcdiff.rewriting(
            "mine", lambda x: np.tan(x) * x**2, lambda x: np.tan(x) * x, samples=[(1,)]
        )


def test_names_and_samples():
    with pytest.raises(ValueError, match="of srcdiff's"):
        declare("softmax")
    with pytest.raises(ValueError, match="needs samples"):
        declare(samples=[])
    with pytest.raises(ValueError, match="expected one of 'exact'"):
        declare(kind="good")
    with pytest.raises(ValueError, match="no rule 'one_minus_cos'"):
        srcdiff.grad(swing, rewrite={"one_minus_cos": True})
