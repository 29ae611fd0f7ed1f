"""k-hat against tails of known index."""

import numpy as np
import pytest

from srcdiff.vi.results.psis_khat import khat, pareto_fit, smoothed


@pytest.mark.parametrize("k", [-0.3, 0.1, 0.5, 0.7, 1.0])
def test_tails_of_known_index(k) -> None:
    """Excesses of a generalised Pareto distribution over any level have its shape."""
    rng = np.random.default_rng(3)
    found = [khat(np.log(np.expm1(-k * np.log(rng.random(10**5))) / k + 1.0)) for _ in range(8)]
    assert abs(np.mean(found) - k) < 0.05


def test_the_fit_finds_shape_and_scale() -> None:
    u = np.random.default_rng(0).random(20000)
    k, sigma = pareto_fit(2.5 * np.expm1(-0.3 * np.log(u)) / 0.3)
    assert abs(k - 0.3) < 0.02
    assert abs(sigma - 2.5) < 0.06


def test_weights_of_normals_whose_tail_is_known() -> None:
    """w = N(0, 1) / N(0, s^2): the tail index of the weights is 1 - s^2 for s < 1 (Vehtari et al.)."""
    rng = np.random.default_rng(1)
    for s, k in ((0.8, 0.36), (0.6, 0.64)):
        found = []
        for _ in range(5):
            z = s * rng.normal(size=200_000)
            found.append(khat(-0.5 * z**2 + 0.5 * (z / s) ** 2))
        assert abs(np.mean(found) - k) < 0.12


def test_equal_weights_have_no_tail() -> None:
    assert khat(np.full(1000, -3.0)) == -np.inf
    noise = 1e-13 * np.random.default_rng(0).normal(size=1000)
    assert khat(noise) == -np.inf


def test_a_few_weights_that_are_all_that_count() -> None:
    weights = np.full(1000, -2000.0)
    weights[:3] = 0.0
    assert khat(weights) == np.inf
    far = -(np.linspace(0.0, 1e5, 1000) ** 2)  # nearly all of them are 0 as floating-point numbers
    assert khat(far) == np.inf
    smooth, k = smoothed(weights)
    assert k == np.inf
    np.testing.assert_allclose(np.exp(smooth[:3]), 1.0 / 3.0)


# of log |t| draws, as arviz.psislw 0.23.4 has them: seed 0, (number, degrees of freedom)
PSIS = {
    (100, 1.5): 0.874471448957223,
    (100, 3.0): 0.3949833210872526,
    (100, 30.0): 0.13089846378000383,
    (1000, 1.5): 0.7029027590131717,
    (1000, 3.0): 0.47167732152752584,
    (1000, 30.0): -0.13936221459201908,
    (10000, 1.5): 0.6604260513854588,
    (10000, 3.0): 0.18063559366949495,
    (10000, 30.0): -0.061784038868973865,
}


def test_as_arviz_computes_it() -> None:
    rng = np.random.default_rng(0)
    for (n, df), k in PSIS.items():
        log_weights = np.log(np.abs(rng.standard_t(df, size=n)))
        assert khat(log_weights) == pytest.approx(k, abs=1e-12)


def test_constants_do_not_matter() -> None:
    w = np.random.default_rng(0).normal(size=2000)
    assert khat(w) == pytest.approx(khat(w - 800.0), rel=1e-9)


def test_impossible_draws_and_numbers_that_are_none() -> None:
    w = np.random.default_rng(0).normal(size=2000)
    w[:300] = -np.inf
    assert np.isfinite(khat(w))
    w[5] = np.nan
    assert khat(w) == np.inf
    with pytest.raises(ValueError, match="all weights are 0"):
        khat(np.full(100, -np.inf))
    with pytest.raises(ValueError, match="25 weights at least"):
        khat(np.zeros(10))
    with pytest.raises(ValueError, match="at least 5"):
        pareto_fit(np.ones(3))
    with pytest.raises(ValueError, match="positive and finite"):
        pareto_fit(np.zeros(30))


def test_smoothed_weights() -> None:
    rng = np.random.default_rng(2)
    z = 0.75 * rng.normal(size=20000)
    log_weights, k = smoothed(-0.5 * z**2 + 0.5 * (z / 0.75) ** 2)
    weights = np.exp(log_weights)
    assert k == khat(-0.5 * z**2 + 0.5 * (z / 0.75) ** 2)
    assert np.sum(weights) == pytest.approx(1.0)
    assert np.sum(weights * z**2) == pytest.approx(1.0, abs=0.05)  # 0.56 without the weights
    assert np.all(np.diff(log_weights[np.argsort(-np.abs(z))]) <= 1e-12)  # their order stays
