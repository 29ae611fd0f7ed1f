"""The estimator of linear dynamical systems: climbing, the dense Gaussian's likelihood, missing data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from srcdiff import expfam
from srcdiff.expfam import LDS


def drawn(n: int = 200, seed: int = 0) -> Any:
    """A rotation seen through three numbers."""
    rng = np.random.default_rng(seed)
    rotation = 0.98 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    x = np.zeros((n, 2))
    for t in range(1, n):
        x[t] = rotation @ x[t - 1] + 0.3 * rng.normal(size=2)
    C = np.array([[1.0, 0.0], [0.5, 1.0], [-1.0, 0.3]])
    return x @ C.T + [3.0, -1.0, 0.0] + 0.4 * rng.normal(size=(n, 3)), rotation


def model(**options: Any) -> LDS:
    return LDS(2, random_state=0, jit=False, **options)


@pytest.mark.long
def test_em_climbs_and_finds_the_dynamics() -> None:
    y, rotation = drawn()
    found = model(max_iter=25).fit([y[:120], y[120:]])
    assert np.all(np.diff(found.log_likelihoods_) > -1e-7)
    values = np.sort_complex(np.linalg.eigvals(found.A_))
    assert values == pytest.approx(np.sort_complex(np.linalg.eigvals(rotation)), abs=0.08)
    assert np.diag(found.R_) == pytest.approx(np.full(3, 0.16), rel=0.5)
    assert found.score(y) > found.log_likelihoods_[0]


def test_a_maximisation_is_the_best_for_what_is_expected() -> None:
    """Against paths drawn from the posterior: regressions on them are those of the M-step, up to their noise."""
    y, _ = drawn(40)
    before, after = model(max_iter=3).fit(y), model(max_iter=4).fit(y)
    eta = expfam.lds.natural(y, before.m1_, before.P1_, before.A_, before.Q_, before.C_, before.R_, d=before.d_)  # fmt: skip
    x = expfam.lds.sample(eta, np.random.default_rng(3), 4000)
    first, then = x[:, :-1].reshape(-1, 2), x[:, 1:].reshape(-1, 2)
    A = np.linalg.lstsq(first, then, rcond=None)[0].T
    error = then - first @ A.T
    assert pytest.approx(A, abs=0.01) == after.A_
    assert pytest.approx(error.T @ error / len(error), abs=0.01) == after.Q_
    states = np.column_stack([x.reshape(-1, 2), np.ones(x.shape[0] * 40)])
    data = np.tile(y, (4000, 1))
    both = np.linalg.lstsq(states, data, rcond=None)[0].T
    error = data - states @ both.T
    assert np.column_stack([after.C_, after.d_]) == pytest.approx(both, abs=0.02)
    assert pytest.approx(error.T @ error / len(error), abs=0.01) == after.R_


def test_the_likelihood_is_that_of_the_dense_gaussian() -> None:
    y, _ = drawn(4)
    found = model(max_iter=2).fit(y)
    cov = np.zeros((4, 2, 4, 2))
    state = found.P1_
    for t in range(4):
        block = state
        for u in range(t, 4):
            cov[u, :, t], cov[t, :, u] = block, block.T
            block = found.A_ @ block
        state = found.A_ @ state @ found.A_.T + found.Q_
    C = np.kron(np.eye(4), found.C_)
    mean = [np.linalg.matrix_power(found.A_, t) @ found.m1_ for t in range(4)]
    full = C @ cov.reshape(8, 8) @ C.T + np.kron(np.eye(4), found.R_)
    wanted = stats.multivariate_normal(C @ np.ravel(mean) + np.tile(found.d_, 4), full)
    assert found.score(y) == pytest.approx(wanted.logpdf(np.ravel(y)))


@pytest.mark.long
def test_missing_times_are_bridged() -> None:
    y, _ = drawn()
    observed = np.ones(200, bool)
    observed[100:104] = False
    spoilt = y.copy()
    spoilt[~observed] = np.nan
    found = model(max_iter=15).fit(spoilt, observed=observed)
    assert np.all(np.diff(found.log_likelihoods_) > -1e-7)
    means, covariances = found.smooth(spoilt, observed=observed)
    error = means[100:104] @ found.C_.T + found.d_ - y[100:104]
    assert np.sqrt(np.mean(error**2)) < 1.2
    assert np.all(np.linalg.det(covariances[101:103]) > np.linalg.det(covariances[50]))


@pytest.mark.long
def test_draws_have_the_model_as_their_fit() -> None:
    found = model(max_iter=10).fit(drawn()[0])
    y, x = found.sample(3000, random_state=2)
    assert (y.shape, x.shape) == ((3000, 3), (3000, 2))
    assert np.cov((x[1:] - x[:-1] @ found.A_.T).T) == pytest.approx(found.Q_, abs=0.1)
    assert np.corrcoef(found.predict(y)[:, 0], x[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, y: m.score(y), "this LDS was not fitted yet"),
        (lambda m, y: m.fit(y[:, 0]), "sequence 0 has 1 axes; observations are rows"),
        (lambda m, y: m.fit(np.where(y > 3.0, np.nan, y)), "holds NaN or infinity at position"),
        (
            lambda m, y: m.fit(y).score(y[:, :2]),
            "X has 2 features, but LDS is expecting 3 features",
        ),
        (lambda m, y: m.fit(y[:1]), "a fit needs two observations at least"),
    ],
)
def test_bad_input_is_reported_in_the_terms_of_the_model(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(model(max_iter=2), drawn(30)[0])


def test_threads_change_no_bit() -> None:
    y, _ = drawn(30)
    parts = [y[:12], y[12:20], y[20:]]
    fits = [LDS(2, max_iter=2, random_state=1, n_jobs=n).fit(parts) for n in (None, 2)]
    assert fits[0].log_likelihoods_ == fits[1].log_likelihoods_
    assert np.array_equal(fits[0].predict(parts), fits[1].predict(parts))
