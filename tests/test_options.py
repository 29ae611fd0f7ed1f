"""Options: their values, and the errors for wrong values."""

from __future__ import annotations

from typing import Any

import pytest

import srcdiff
from srcdiff.options import REWRITINGS, UNASKED, Options, make_options
from srcdiff.transforms.linalg import cholesky_systems, lu_systems, scaled_gemm, triangular_systems
from srcdiff.transforms.logspace import quotients, reductions_in_loops
from srcdiff.transforms.rewrite import named_values, stability_rules


def f(x):
    return x * x


def test_an_unknown_option_is_named() -> None:
    for make in (srcdiff.grad, srcdiff.value_and_grad, srcdiff.hvp):
        with pytest.raises(TypeError, match="no option 'argnum'; the options are argnums"):
            make(f, argnum=0)
    with pytest.raises(TypeError, match="no option 'foo'"):
        srcdiff.differentiate(foo=1)


@pytest.mark.parametrize(
    "option",
    [
        {"residuals": "all"},
        {"jit": "yes"},
        {"target": "gpu"},
        {"has_aux": 1},
        {"on_independent": "error"},
        {"rewrite": "log_sigmoid"},
    ],
)
def test_a_wrong_value_raises_and_says_which_are_right(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make_options(option)


def test_options_given_later_win() -> None:
    base = make_options({"residuals": "store", "argnums": "x"})
    assert make_options({"argnums": 1}, base) == Options(argnums=1, residuals="store")


def test_the_decorators_options_are_taken_by_the_functions() -> None:
    @srcdiff.differentiate(argnums=(0,))
    def g(x):
        return x * x

    assert g.grad(3.0) == (6.0,)
    assert srcdiff.grad(g)(3.0) == (6.0,)
    assert srcdiff.grad(g, argnums=0)(3.0) == 6.0


def test_rewritings_are_switched_off_by_name() -> None:
    chosen = dict.fromkeys(REWRITINGS, True) | {"log_sigmoid": False}
    assert make_options({"rewrite": chosen}).disabled() == {"log_sigmoid"}
    assert make_options({"rewrite": False}).disabled() is None
    off = {
        "cancel",
        "far_norms",
        "scaled_probabilities",
    }  # one changes the domain, one is long: off by default
    assert make_options({}).disabled() == off
    assert make_options({}).disabled(compiled=True) == {"cancel", "far_norms"}
    assert make_options({"rewrite": {"softmax": False}}).disabled() == {*off, "softmax"}


def test_what_changes_the_domain_is_off() -> None:
    of_domains = {rule.name for rule in stability_rules.RULES if rule.kind == "domain"}
    assert of_domains == {*REWRITINGS} - UNASKED - {"far_norms"}  # which costs too much


def test_residuals_change_the_text_and_not_the_result() -> None:
    def g(x, n):
        for _ in range(n):
            x = x * x + 0.1
        return x

    found = {r: srcdiff.grad(g, residuals=r)(0.5, 5) for r in ("auto", "store", "recompute")}
    assert len({round(float(v), 14) for v in found.values()}) == 1


def test_rules_that_are_switched_off_have_to_exist() -> None:
    with pytest.raises(ValueError, match="no rule 'log_sigmoidal'; the rules are 'log_sigmoid', "):
        srcdiff.grad(lambda x: x, rewrite={"log_sigmoidal": False})
    assert set(REWRITINGS) == {rule.name for rule in stability_rules.RULES} | {
        scaled_gemm.NAME,
        cholesky_systems.NAME,
        named_values.LOG_OF_PARTS,
        reductions_in_loops.NAME,
        quotients.NAME,
        lu_systems.NAME,
        triangular_systems.NAME,
    }
