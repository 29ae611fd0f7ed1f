"""Fits by gradients: gradients against differences, the optimum of expectation maximisation, forbidden transitions."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.expfam import HMM, IOHMM, LDS
from srcdiff.expfam.core.pytree import flatten
from srcdiff.expfam.sequence import fisher_identity_lds, lbfgs
from srcdiff.expfam.sequence.sequences import joined, sequences_of

FAST: dict[str, Any] = {"jit": False, "random_state": 0, "tol": 1e-7, "max_iter": 150}


def data(kind: str) -> Any:
    rng = np.random.default_rng(3)
    states = np.cumsum(rng.random(60) < 0.15) % 2
    return {
        "gaussian": np.where(states, 3.0, 0.0) + rng.normal(size=60),
        "poisson": rng.poisson(np.where(states, 8.0, 2.0)),
        "categorical": np.where(rng.random(60) < 0.8, states, 2),
    }[kind]


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
def test_gradients_climb_to_where_expectation_maximisation_does(kind: str) -> None:
    fits = [HMM(2, kind, algorithm=a, **FAST).fit(data(kind), lengths=[40, 20]) for a in ("em", "gradient")]  # fmt: skip
    assert np.all(np.diff(fits[1].log_likelihoods_) >= 0.0)
    assert fits[1].log_likelihoods_[-1] == pytest.approx(fits[0].log_likelihoods_[-1], abs=1e-3)
    assert np.exp(fits[1].log_A_).sum(axis=1) == pytest.approx([1.0, 1.0])


def test_with_inputs_priors_and_missing_observations_the_optimum_is_the_same() -> None:
    y, inputs = data("categorical"), np.arange(60) % 2
    given: dict[str, Any] = {"inputs": inputs, "observed": np.arange(60) % 7 > 0}
    model = IOHMM(2, algorithm="gradient", prior=0.5, **FAST).fit(y, **given)
    assert model.converged_
    assert model.score(y, **given) == pytest.approx(model.log_likelihoods_[-1])
    best = np.exp(model.log_A_)
    model.set_params(algorithm="em", warm_start=True, max_iter=5, tol=-1.0).fit(y, **given)
    assert np.exp(model.log_A_) == pytest.approx(best, abs=1e-2)


def test_what_is_forbidden_stays_so() -> None:
    hmm = HMM(2, algorithm="gradient", warm_start=True, **FAST).fit(data("categorical"))
    hmm.log_A_ = np.array([[np.log(0.5), np.log(0.5)], [-np.inf, 0.0]])
    hmm.fit(data("categorical"))
    assert hmm.log_A_[1, 0] == -np.inf
    assert np.isfinite(hmm.log_likelihoods_[-1])


def series() -> Any:
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(size=12)) * 0.3
    return np.stack([x, -x], axis=1) + 0.2 * rng.normal(size=(12, 2))


def test_the_slope_of_a_linear_dynamical_system_is_right_by_differences() -> None:
    y, seen = series(), np.arange(12) != 5
    model = LDS(2, jit=False, random_state=0, max_iter=2).fit(y, lengths=[8, 4], observed=seen)
    sequences = sequences_of(y, [8, 4], seen)
    x, restored = flatten(fisher_identity_lds._roots(model))

    def at(x: Any) -> Any:
        fisher_identity_lds._put(model, restored(x))
        return [model._expected(s) for s in sequences]

    direction = np.random.default_rng(2).normal(size=len(x))
    up, down = (sum(v for v, _ in at(x + h * direction)) for h in (1e-5, -1e-5))
    sums = fisher_identity_lds._sums([moments for _, moments in at(x)], *joined(sequences))
    slope = srcdiff.grad(fisher_identity_lds.expected_log_density, jit=False)(restored(x), *sums)
    assert flatten(slope)[0] @ direction == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_a_linear_dynamical_system_is_fitted_by_gradients() -> None:
    model = LDS(1, algorithm="gradient", random_state=0, max_iter=12, jit=False).fit(series())
    assert np.all(np.diff(model.log_likelihoods_) >= 0.0)
    em = LDS(1, random_state=0, max_iter=12, jit=False).fit(series())
    assert model.log_likelihoods_[-1] > em.log_likelihoods_[-1] - 1.0
    assert model.score(series()) == pytest.approx(model.log_likelihoods_[-1])


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "categorical", "system"])
def test_a_fit_by_gradients_goes_on_where_it_was(kind: str) -> None:
    def fits() -> Any:
        model: Any = LDS(1) if kind == "system" else HMM(2, kind)
        return model.set_params(
            algorithm="gradient", warm_start=True, random_state=0, tol=-np.inf, jit=False
        )

    X = series() if kind == "system" else data(kind)
    whole = fits().set_params(max_iter=9).fit(X)
    parts = fits().set_params(max_iter=4).fit(X)
    first = parts.log_likelihoods_
    parts = pickle.loads(pickle.dumps(parts)).set_params(max_iter=5).fit(X)  # killed, and resumed
    assert [*first, *parts.log_likelihoods_] == whole.log_likelihoods_
    names = ("A_", "Q_", "R_", "C_") if kind == "system" else ("log_pi_", "log_A_")
    assert all(np.array_equal(getattr(parts, n), getattr(whole, n)) for n in names)


@pytest.mark.long
def test_steps_before_are_not_those_of_other_data_nor_of_other_parameters() -> None:
    hmm = HMM(2, "gaussian", algorithm="gradient", warm_start=True, **FAST).fit(data("gaussian"))
    before = hmm.log_likelihoods_[-1]
    hmm.fit(data("gaussian")[:30])
    fresh = HMM(2, "gaussian", algorithm="gradient", **FAST).fit(data("gaussian")[:30])
    assert hmm.log_likelihoods_[-1] == pytest.approx(fresh.log_likelihoods_[-1], abs=1e-2)
    hmm.log_A_ = np.log([[0.5, 0.5], [0.5, 0.5]])
    hmm.fit(data("gaussian"))
    assert hmm.log_likelihoods_[-1] == pytest.approx(before, abs=1e-2)


def test_ascent_finds_the_top_of_a_valley_with_a_wall() -> None:
    def objective(
        x: Any,
    ) -> tuple[float, Any]:  # Rosenbrock's, upside down, with nothing behind x = 1.5
        a, b = x
        if a > 1.5:
            return -np.inf, x
        slope = np.array([2.0 * (1.0 - a) + 400.0 * a * (b - a * a), -200.0 * (b - a * a)])
        return -((1.0 - a) ** 2) - 100.0 * (b - a * a) ** 2, slope

    found, values, converged = lbfgs.ascend(objective, np.array([-1.2, 1.0]), 200, 1e-12)
    assert converged
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-4)
    assert np.all(np.diff(values) >= 0.0)
    with pytest.raises(ValueError, match="the data are impossible for the model"):
        lbfgs.ascend(objective, np.array([2.0, 0.0]), 5, 0.0)


@pytest.mark.parametrize(("model", "y"), [(HMM(2), np.array([0, 1, 1])), (LDS(1), np.eye(3))])
def test_algorithms_are_named(model: Any, y: Any) -> None:
    with pytest.raises(ValueError, match="algorithm='newton': expected 'em' or 'gradient'"):
        model.set_params(algorithm="newton").fit(y)
