"""Errors for bad input have the terms of the model: parameters, data, settings of estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import expfam
from srcdiff.expfam import HMM, LDS, Emissions

LOG_PI, LOG_A, LOG_B = np.log([0.6, 0.4]), np.log([[0.9, 0.1], [0.2, 0.8]]), np.zeros((2, 3))
ETA, DATA = (LOG_PI, LOG_A, LOG_B), np.array([0, 1, 2, 2, 0])
X = np.random.default_rng(0).integers(0, 3, 40)
Y = np.random.default_rng(0).normal(size=40)
GAMMAS = Emissions(expfam.gamma, (expfam.gamma.natural(1.0, 1.0), expfam.gamma.natural(2.0, 0.5)))


def fitted(**changed: Any) -> HMM:
    found = HMM(2, random_state=0, max_iter=1).fit(X)
    vars(found).update(changed)
    return found


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "parts of eta": (lambda: expfam.hmm.mean((LOG_PI, LOG_A), DATA), r"hmm: eta = \(log_pi, log_A, log_B\) has 3 parts, not 2"),
    "eta is no tuple": (lambda: expfam.crf.mean(LOG_A, DATA), r"crf: eta = \(weights, log_A\) has 2 parts, not a ndarray"),
    "no data": (lambda: expfam.hmm.mean(ETA), r"hmm: beside eta it takes \(data\), and was given 0"),
    "too much data": (lambda: expfam.hmm.mean(ETA, DATA, DATA), "was given 2 arguments"),
    "lists in eta": (lambda: expfam.hmm.mean((LOG_PI, LOG_A.tolist(), LOG_B), DATA), r"hmm: log_A is an array, not a list: np.array\(log_A\) makes one"),
    "negative draws": (lambda: expfam.hmm.sample(ETA, np.random.default_rng(0), -1, DATA), "n, how many draws, is a whole number from 0, not -1"),
    "draws of a family": (lambda: expfam.gamma.sample((1.0, -1.0), np.random.default_rng(0), 2.5), "n, how many draws, is a whole number from 0, not 2.5"),
    "a seed": (lambda: expfam.hmm.sample(ETA, 0, 3, DATA), "rng is a generator .*, not 0"),
    "mean and covariance": (lambda: expfam.multivariate_gaussian.natural(np.zeros(3), np.eye(2)), r"covariance has the shape \(2, 2\), so mean has \(2,\), not \(3,\)"),
    "axes": (lambda: HMM(2, "gaussian").fit(np.zeros((4, 2, 2))), "sequence 0 has 3 axes: observations are numbers, or rows of them"),
    "tolerance": (lambda: HMM(2, tol=float("nan")).fit(X), "tol is a number, not nan"),
    "parts of an lds": (lambda: expfam.lds.mean(((1, 2), 3, 4)), r"lds: eta = \(J, h, log Z\) has 3 parts, not 2"),
    "complex": (lambda: expfam.hmm.mean((LOG_PI + 1j, LOG_A, LOG_B), DATA), "parameters are real numbers, not complex128"),
    "infinite y": (lambda: expfam.lds.natural(np.array([[0.0], [np.inf]]), np.zeros(1), *(np.eye(1),) * 5), r"lds: y holds inf at \(1, 0\)"),
    "NaN in an lds": (lambda: expfam.lds.natural(np.zeros((2, 1)), np.zeros(1), np.eye(1), np.full((1, 1), np.nan), *(np.eye(1),) * 3), r"lds: A holds nan at \(0, 0\)"),
    "other shapes": (lambda: expfam.hmm.kl(ETA, (np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3))), DATA), r"kl: eta and other are of one family, and have parts of the shapes \[\(2,\)"),
    "gamma": (lambda: expfam.gamma.mean((1.0, 1.0)), r"gamma: eta = \(shape - 1, -rate\) needs a negative second part, and is \(1., 1.\)"),
    "gamma's shape": (lambda: expfam.gamma.entropy((-2.0, -1.0)), "needs a first part above -1"),
    "beta": (lambda: expfam.beta.mean((0.0, -1.5)), r"beta: .* needs parts above -1"),
    "dirichlet": (lambda: expfam.dirichlet.mean(np.array([-2.0, 0.0])), r"needs numbers above -1, and is \(\[-2.  0.\]\)"),
    "gaussian": (lambda: expfam.gaussian.mean((0.0, np.nan)), "needs a negative second part"),
    "multivariate": (lambda: expfam.multivariate_gaussian.mean((np.zeros(2), np.eye(2))), "J, minus half a precision, is not negative definite"),
    "variance": (lambda: expfam.gaussian.natural(mean=0.0, variance=-1.0), "gaussian: variance is positive, not -1.0"),
    "probability": (lambda: expfam.bernoulli.natural(1.5), "bernoulli: p is between 0 and 1, not 1.5"),
    "covariance": (lambda: expfam.multivariate_gaussian.natural(np.zeros(2), -np.eye(2)), "covariance is not positive definite, so it is no covariance"),
    "symbols": (lambda: expfam.categorical.log_prob(np.zeros(3), [0, -1]), "categorical: eta has 3 symbols, x holds -1 at position 1"),
    "observations": (lambda: expfam.gamma.mean_statistics((1.0, -1.0), [1.0, 0.0]), "xs holds 0.0 at position 1, which gamma does not have"),
    "observations, NaN": (lambda: expfam.poisson.mean_statistics(0.0, [1.0, np.nan]), "xs holds nan at position 1"),
    "states": (lambda: HMM(0).fit(X), "HMM: n_states is a whole number from 1, not 0"),
    "restarts": (lambda: LDS(1, restarts=0).fit(Y[:, None]), "LDS: restarts is a whole number from 1"),
    "prior": (lambda: HMM(2, prior=-1.0).fit(X), "prior is a number of counts, not -1.0"),
    "rows": (lambda: fitted(log_A_=LOG_A + 0.3).predict(X), "the probabilities in row 0 of log_A_ add up to 1.34986, not to 1"),
    "rows of a warm start": (lambda: fitted(log_pi_=LOG_PI - 1.0, warm_start=True).fit(X), "the probabilities in log_pi_ add up to 0.367879"),
    "shapes": (lambda: fitted(log_pi_=np.log([0.5, 0.2, 0.3])).score(X), r"log_pi_ has the shape \(2,\), not \(3,\)"),
    "emissions": (lambda: fitted(emissions_=GAMMAS.__class__(expfam.gamma, GAMMAS.etas[:1])).score(Y), "there are 2 states, but emissions of 1"),
    "own emissions": (lambda: HMM(2, GAMMAS).fit(np.array([1.0, 2.0, 0.0])), "sequence 0 holds 0.0 at position 2, which gamma does not have"),
    "counts": (lambda: HMM(2, "poisson").fit(np.array([1, -3])), "sequence 0 holds -3: counts are integers from 0"),
    "rows for numbers": (lambda: HMM(2, "gaussian", random_state=0, max_iter=1).fit(Y).predict(Y[:, None]), r"sequence 0 holds rows of shape \(1,\), and the states emit numbers"),
    "numbers for rows": (lambda: fitted(emissions_=Emissions(expfam.poisson, (np.zeros(2),) * 2)).score(X), r"sequence 0 holds numbers, and the states emit rows of shape \(2,\)"),
    "negative lengths": (lambda: fitted().score(X, lengths=[-10, 50]), "lengths are whole numbers from 1, and hold -10"),
    "lengths with fractions": (lambda: fitted().score(X, lengths=[10.5, 29.5]), "lengths are whole numbers from 1, and hold 10.5"),
    "strings": (lambda: HMM(2, "gaussian").fit(["a", "b"]), "X holds values of the dtype <U1: observations are numbers"),
    "all equal": (lambda: HMM(2, "gaussian").fit(np.ones(9)), "all equal: there is no variance to fit"),
    "draws": (lambda: fitted().sample(0), "HMM.sample: n is a whole number from 1, not 0"),
    "impossible": (lambda: fitted(emissions_=Emissions(expfam.categorical, (np.array([0.0, -np.inf, -np.inf]),) * 2)).predict_proba(X), "the observations are impossible for the model"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_reported_in_the_terms_of_the_model(what: str) -> None:
    call, message = BAD[what]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_what_is_impossible_has_no_density_and_nan_stays() -> None:
    def log_prob(family: Any, eta: Any, x: Any) -> Any:
        return family.log_prob(eta, x)

    eta = expfam.beta.natural(2.0, 3.0)
    found = log_prob(expfam.beta, eta, np.array([0.5, 2.0, 0.0, np.nan]))
    assert found == pytest.approx([np.log(1.5), -np.inf, -np.inf, np.nan], nan_ok=True)
    assert log_prob(expfam.poisson, 0.0, np.array([0, 1.5, -1])) == pytest.approx(
        [-1.0, -np.inf, -np.inf]
    )
    assert log_prob(expfam.bernoulli, 0.0, 2) == -np.inf
    two = expfam.gamma.natural(
        np.array([1.0, 2.0]), np.array([1.0, 1.0])
    )  # of independent variables
    assert log_prob(expfam.gamma, two, np.array([[1.0, 1.0], [1.0, -1.0]])) == pytest.approx(
        [-2.0, -np.inf]
    )
    assert log_prob(expfam.dirichlet, np.zeros(3), np.array([0.5, 0.5, 0.5])) == -np.inf
    assert log_prob(expfam.dirichlet, np.zeros(3), np.full(3, 1 / 3)) == pytest.approx(np.log(2.0))


def test_an_lds_that_is_no_distribution_says_so() -> None:
    one = np.eye(1)
    eta = expfam.lds.natural(np.zeros((3, 1)), np.zeros(1), one, one, one, one, one)
    wrong = tuple(tuple(-part for part in parts) for parts in eta)
    with pytest.raises(np.linalg.LinAlgError, match="there is no log_Z for these parameters"):
        expfam.lds.mean(wrong)


def test_the_best_of_several_fits_of_an_lds_is_kept() -> None:
    rows = np.random.default_rng(1).normal(size=(12, 1)).cumsum(axis=0)
    fits = [LDS(1, restarts=n, max_iter=4, random_state=3).fit(rows) for n in (1, 2)]
    one, best = (f.log_likelihoods_[-1] for f in fits)
    assert best >= one
    going_on = LDS(1, max_iter=2, tol=-np.inf, random_state=3, warm_start=True).fit(rows).fit(rows)
    assert going_on.log_likelihoods_[-1] == pytest.approx(one, abs=1e-9)
