"""`implicit`: derivatives of solutions through the implicit function theorem, for any solver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from srcdiff import UnsupportedError, check_grads, check_rule, grad, hessian, implicit, jacobian
from srcdiff.handles.differentiable import forget_programs
from srcdiff.ops.core.registry import OWN


@pytest.fixture(autouse=True)
def _own_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    before = dict(OWN)
    yield
    OWN.clear()
    OWN.update(before)
    forget_programs()


def kepler(E, M, e):
    return E - e * np.sin(E) - M


def flow(x, A, b):
    return A @ x + 0.1 * x**3 - b


def objective(x, A, b):
    return 0.5 * np.sum((A @ x - b) ** 2) + 0.1 * np.sum(x**4)


def fixed(x, w):
    return np.tanh(w @ x + 1.0) - x


def sylvester(X, A, B):
    return A @ X + X @ B - np.ones((2, 2))


RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 3)) * 0.3 + 2.0 * np.eye(3), RNG.normal(size=3)


def declare_anomaly() -> Any:
    @implicit(kepler, result=lambda M, e: 0.0)
    def anomaly(M, e):
        return scipy.optimize.brentq(kepler, M - 1.0, M + 1.0, args=(M, e), xtol=1e-15)

    return anomaly


def test_a_bracketing_solver_of_one_equation() -> None:
    anomaly = declare_anomaly()
    check_rule(anomaly, 1.0, 0.5)

    def position(M, e):
        return np.cos(anomaly(M, e)) - e

    check_grads(position, 1.0, 0.5)
    g = grad(position, argnums=(0, 1))
    E = anomaly(1.0, 0.5)
    d_M, d_e = g(1.0, 0.5)
    assert d_M == pytest.approx(-np.sin(E) / (1 - 0.5 * np.cos(E)))
    assert d_e == pytest.approx(-np.sin(E) * np.sin(E) / (1 - 0.5 * np.cos(E)) - 1.0)
    assert "anomaly(M, e)" in g.source
    assert "kepler_jacobian" in g.source


def test_a_solver_of_several_equations_with_a_start() -> None:
    @implicit(flow, result=lambda A, b, start: start + 0.0)
    def solve(A, b, start):
        return scipy.optimize.root(flow, start, args=(A, b), tol=1e-13).x

    def total(A, b):
        x = solve(A, b, np.zeros(3))
        return np.sum(np.sin(x) * b)

    check_grads(total, A, B, order=1)
    x = solve(A, B, np.zeros(3))
    expected = np.linalg.inv(A + np.diag(0.3 * x**2))
    np.testing.assert_allclose(jacobian(lambda b: solve(A_of(b), b, b))(B), expected, rtol=1e-6)


def A_of(b):
    return A_CONSTANT


A_CONSTANT = A


def test_second_derivatives_go_through_solutions() -> None:
    @implicit(flow, result=lambda A, b, start: start + 0.0)
    def solve(A, b, start):
        return scipy.optimize.root(flow, start, args=(A, b), tol=1e-13).x

    def total(b):
        return np.sum(solve(A_of(b), b, np.zeros(3)) ** 2)

    found = hessian(total)(B)
    step = 1e-4 * np.eye(3)
    differences = [(grad(total)(B + h) - grad(total)(B - h)) / 2e-4 for h in step]
    np.testing.assert_allclose(found, differences, rtol=1e-5, atol=1e-7)


def test_the_minimum_of_an_objective() -> None:
    gradient = grad(objective)

    @implicit(gradient, result=lambda A, b, start: start + 0.0)
    def fit(A, b, start):
        options = {"gtol": 1e-12}
        return scipy.optimize.minimize(objective, start, (A, b), jac=gradient, options=options).x

    def spread(b):
        x = fit(A_of(b), b, np.zeros(3))
        return np.sum(x**2)

    found = grad(spread)(B)
    differences = [(spread(B + h) - spread(B - h)) / 2e-4 for h in 1e-4 * np.eye(3)]
    np.testing.assert_allclose(found, differences, rtol=1e-5)


@pytest.mark.long
def test_an_iteration_of_ones_own_that_is_compiled() -> None:
    @implicit(fixed)
    def settle(w):
        x = np.zeros(len(w))
        for _ in range(200):
            x = np.tanh(w @ x + 1.0)
        return x

    w = 0.3 * RNG.normal(size=(3, 3))

    def loss(w):
        return np.sum(settle(w) ** 2)

    check_grads(loss, w)
    compiled = grad(loss, jit=True)
    np.testing.assert_allclose(compiled(w), grad(loss, jit=False)(w), rtol=1e-10)
    assert "range" not in compiled.source.partition("def loss_grad")[2]


def test_solutions_that_are_matrices() -> None:
    def solve(A, B):
        n = len(A)
        whole = np.kron(A, np.eye(n)) + np.kron(np.eye(n), B.T)
        return np.linalg.solve(whole, np.ones(n * n)).reshape(n, n)

    implicit(sylvester, solve, result=lambda A, B: A + 0.0)
    a, b = np.array([[2.0, 0.3], [0.1, 1.5]]), np.array([[1.0, 0.2], [0.0, 0.8]])
    check_grads(lambda A, B: np.sum(solve(A, B) ** 3), a, b)


def test_parameters_without_derivatives() -> None:
    def powers(x, a, n):
        return x**n - a

    @implicit(powers, argnums="a", result=lambda a, n: 0.0)
    def root(a, n):
        return scipy.optimize.brentq(powers, 0.0, 10.0, args=(a, n), xtol=1e-15)

    assert grad(lambda a: root(a, 3))(8.0) == pytest.approx(1 / 12)


def test_mistakes_are_reported_when_it_is_declared() -> None:
    with pytest.raises(ValueError, match="solve has no argument 'e', which kepler takes"):

        @implicit(kepler)
        def solve(M):
            return M

    with pytest.raises(ValueError, match="it takes a solution, and parameters"):
        implicit(lambda x: x, lambda: 0.0)
    with pytest.raises(ValueError, match="argnums: 'z' is no parameter of kepler; they are M, e"):
        implicit(kepler, lambda M, e: 0.0, argnums=("z",))


def test_a_solver_that_cannot_be_read_says_what_it_returns() -> None:
    @implicit(kepler)
    def anomaly(M, e):
        return scipy.optimize.brentq(kepler, M - 1.0, M + 1.0, args=(M, e), full_output=True)[0]

    with pytest.raises(
        UnsupportedError, match="result= with a function whose result has its shape"
    ):
        grad(lambda M: anomaly(M, 0.5))(1.0)
