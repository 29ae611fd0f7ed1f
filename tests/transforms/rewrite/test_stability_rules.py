"""The named rewritings: each fires, keeps value and derivative, and is accurate where the left side is not.

What is right comes from `mpmath` (`tools/rewriting_table.py`). A result may be off by a few units in the last place, and
by as much as such changes of the arguments change it.
"""

from pathlib import Path

import mpmath
import numpy as np
import pytest

import srcdiff
from srcdiff.options import OWN_REWRITINGS, REWRITINGS
from srcdiff.transforms.rewrite.stability_rules import EXAMPLES, RULES
from tools.rewriting_table import (
    DIGITS,
    EPS,
    WEIGHTS,
    choices,
    derivative,
    given,
    program,
    results,
    row,
)


def cases():
    """Rules with the values of their keywords; rules of one name are numbered."""
    for k, rule in enumerate((*RULES, *EXAMPLES)):
        if not rule.samples:
            continue
        for choice in choices(rule):
            attrs = "-".join(f"{key}={value}" for key, value in choice.items())
            yield pytest.param(rule, choice, id=f"{rule.name}-{k}{attrs and f'-{attrs}'}")


def allowed(f, at, order):
    """How far a result may be off; a derivative by as much as the value's rounding changes it, where it is made of that."""
    value = abs(derivative(f, at, *order))
    moved = [abs(x * derivative(f, at, j, *order)) for j, x in enumerate(at)]
    from_value = value * abs(f(*at)) if order else 0
    return 4 * EPS * (value + mpmath.fsum(moved) + from_value) + mpmath.mpf(2) ** -1070


@pytest.mark.parametrize(("rule", "choice"), [*cases()])
def test_is_accurate_where_the_left_side_is_not(rule, choice):
    for sample in rule.samples:
        with np.errstate(all="raise", under="ignore"):  # finite results raise no flag
            wanted, at, found = results(rule, choice, sample, rewrite={rule.name: True})
        with mpmath.workdps(DIGITS):
            for order, result in found:
                off = abs(mpmath.mpf(float(result)) - derivative(wanted, at, *order))
                assert off <= allowed(wanted, at, order), (sample, order, result)


@pytest.mark.parametrize(("rule", "choice"), [*cases()])
def test_fires_unless_it_is_off(rule, choice):
    sample = rule.samples[-1]
    f = program(rule, choice, sample)
    arguments = [np.array(a) if isinstance(a, list) else a for a in given(sample)]
    arguments += [WEIGHTS] if isinstance(arguments[0], np.ndarray) else []
    texts = []
    for on in (True, False):
        only = {name: on and name == rule.name for name in (*REWRITINGS, *OWN_REWRITINGS)}
        g = srcdiff.value_and_grad(f, jit=False, rewrite=only, on_independent="ignore")
        texts.append(g.source_for(*arguments))
    assert texts[0] != texts[1]


def variances(X, S, w):
    return w @ np.diag(X @ S @ X.T)


def weighted_variances(X, Y, w):
    return w @ np.diag((X * Y).dot(Y.T))


@pytest.mark.parametrize("f", [variances, weighted_variances])
def test_a_diagonal_is_all_that_is_computed(f):
    rng = np.random.default_rng(0)
    arguments = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.normal(size=4)
    if f is weighted_variances:
        arguments = arguments[0], rng.normal(size=(4, 3)), arguments[2]
    g = srcdiff.value_and_grad(f, jit=False, argnums=(0, 1, 2))
    value, _ = g(*arguments)
    assert "diag" not in g.source and value == pytest.approx(f(*arguments), rel=1e-14)
    srcdiff.check_grads(f, *arguments)


def test_lengths_that_may_differ_keep_a_diagonal():
    def f(A, B):
        return np.sum(np.diag(A @ B))

    A, B = np.ones((2, 3)), np.ones((3, 4))
    assert srcdiff.value_and_grad(f, jit=False)(A, B)[0] == 6.0


def repeated(A, B, x):
    for _ in range(3):
        x = A @ B @ x
    return np.sum(x)


def hoisted(A, B, x):
    C = A @ B
    for _ in range(3):
        x = C @ x
    return np.sum(x)


def shared(K, x, y):
    K_inverse = np.linalg.inv(K)
    return x @ K_inverse @ y + y @ K_inverse @ y


def test_values_with_other_uses_are_left_alone():
    A, x = np.eye(2) * 0.5, np.ones(2)
    (lines,) = srcdiff.explain(srcdiff.grad(repeated, jit=False), A, A, x).rewritten
    assert lines.startswith("product_order: x = A @ B @ x")
    assert srcdiff.explain(srcdiff.grad(hoisted, jit=False), A, A, x).rewritten == ()
    lines = srcdiff.explain(srcdiff.grad(shared, jit=False), A, x, x).rewritten
    assert lines and all(t.startswith("shared_lu: return x @ K_inverse @ y") for t in lines)


def test_rules_that_change_the_domain_are_off_by_default():
    f = program(next(r for r in RULES if r.name == "cancel"), {}, (3.0, 0.0))
    assert "/" in srcdiff.value_and_grad(f, jit=False).source_for(3.0, 2.0)
    assert "/" not in srcdiff.value_and_grad(f, jit=False, rewrite={"cancel": True}).source_for(
        3.0, 2.0
    )


def test_the_table_of_the_documents_is_of_these_rules():
    document = (Path(__file__).parents[3] / "docs" / "rewriting.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    lines = [row(r) for r in (*RULES, *EXAMPLES)]
    assert [line[: len(t)] for line, t in zip(rows, lines, strict=True)] == lines


def trace_of_product(A, B):
    return np.trace(A @ B)


def test_products_that_are_not_square_have_the_trace_that_numpy_says():
    A, B = np.arange(15.0).reshape(3, 5), np.arange(20.0).reshape(5, 4)
    g = srcdiff.value_and_grad(trace_of_product, argnums=(0, 1), jit=False)
    for b in (B, B[:, :3], B[:, :2]):
        assert g(A, b)[0] == np.trace(A @ b)
        srcdiff.check_grads(trace_of_product, A, b)


def product_of_a_square_and_a_transposed_matrix(A, D):
    return np.trace(np.sin(A @ A.T) @ np.cos(D @ A.T).T)


def test_transposed_factors_that_are_not_square_have_the_trace_that_numpy_says():
    A, D = np.arange(6.0).reshape(3, 2) / 3.0, np.arange(10.0).reshape(5, 2) / 7.0
    f = product_of_a_square_and_a_transposed_matrix
    for d in (D, D[:3], D[:2]):
        assert srcdiff.value_and_grad(f, jit=False)(A, d)[0] == pytest.approx(f(A, d), rel=1e-13)
        srcdiff.check_grads(f, A, d)


def own_product(A, t):
    P = A @ A.T
    return np.trace(P @ (P + t * np.eye(len(P)))) + np.trace(P @ P.T)


def product_of_the_same(A, t):
    B = A * t
    return np.trace(A @ B.T) + np.trace(A.T @ B)


@pytest.mark.parametrize("f", [own_product, product_of_the_same])
def test_products_that_are_known_to_be_square_are_not_computed_for_their_trace(f):
    A = np.arange(6.0).reshape(3, 2)
    g = srcdiff.value_and_grad(f, jit=False)
    assert "trace(" not in g.source_for(A, 0.5) and g(A, 0.5)[0] == f(A, 0.5)
    srcdiff.check_grads(f, A, 0.5)


def solved(K, D):
    return np.trace(np.linalg.inv(K) @ D)


def quadratic_forms(K, X):
    return np.sum((X @ np.linalg.inv(K)) * X)


def sandwich(K, X):
    return np.sum((X @ np.linalg.inv(K) @ X.T) ** 2)


@pytest.mark.parametrize("f", [solved, quadratic_forms, sandwich])
def test_matrices_times_inverses_are_solutions(f):
    K = np.array([[4.0, 1.0, 0.3], [-1.0, 3.0, 0.2], [0.5, -0.7, 5.0]])
    X = np.array([[1.0, 0.5, -1.0], [0.3, 2.0, 0.7], [0.2, 0.4, 0.1]])
    for x in (X, X[:2]) if f is not solved else (X,):
        g = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)
        assert "inv(" not in g.source_for(K, x)
        assert g(K, x)[0] == pytest.approx(f(K, x), rel=1e-13)
        srcdiff.check_grads(f, K, x)
