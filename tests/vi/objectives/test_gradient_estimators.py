"""Estimators of the ELBO's gradient: exact means and one-sample variances, by quadrature over their noise."""

import json
from pathlib import Path

import numpy as np
import pytest

import srcdiff
from srcdiff import vi
from srcdiff.vi import dist
from srcdiff.vi.guides.automatic import FullRankParams, MeanFieldParams
from srcdiff.vi.objectives.gradient_estimators import ScoreFunction

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "variational.json").read_text())
LINREG = REFERENCE["linreg"]
X, Y = np.array(LINREG["x"]), np.array(LINREG["y"])
START = MeanFieldParams(np.zeros(2), np.zeros(2))
OPTIMUM = MeanFieldParams(np.array(LINREG["meanfield_mean"]), np.log(LINREG["meanfield_sd"]))


def regression(x, y):
    w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
    w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w0 + w1 * x, 1.0), obs=y)


def nodes(size: int, n: int = 8):
    """Gauss-Hermite nodes (n**size, size) and weights: exact for polynomials of degree 2 n - 1 in each variable."""
    points, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / np.sum(weights)
    grid = np.stack(np.meshgrid(*[points] * size, indexing="ij"), -1).reshape(-1, size)
    return grid, np.prod(np.stack(np.meshgrid(*[weights] * size, indexing="ij"), -1), -1).ravel()


def moments(elbo, params, baseline=None, size=2):
    """Mean and variance of the one-sample gradient, by (mean, standard deviation) of each site; and the mean bound."""
    grid, weights = nodes(size)
    found, values = [], []
    for eps in grid:
        value, grads = elbo.value_and_grad(params, eps[None], X, Y, baseline=baseline)
        found.append(np.concatenate([grads[0], grads[1] / np.exp(params[1])]))
        values.append(value)
    mean = weights @ np.array(found)
    return mean, weights @ (np.array(found) - mean) ** 2, weights @ np.array(values)


def regression_elbo(estimator):
    return vi.elbo(regression, vi.MeanField(), estimator, jit=False)


@pytest.mark.long
def test_divergences_in_closed_form_are_used_and_reported() -> None:
    """The same mean as the path estimator, and less variance: log p of the priors is not sampled."""
    elbo = regression_elbo("auto")
    mean, variance, bound = moments(elbo, START)
    np.testing.assert_allclose(mean, LINREG["grad"], rtol=1e-9)
    assert bound == pytest.approx(LINREG["elbo"], rel=1e-12)
    assert np.all(variance < LINREG["one_sample_variance"]["path_entropy"])
    assert (
        "Estimator: path (reparameterised) for w0, w1; KL from the prior in closed form for w0, w1."
        in elbo.source
    )
    assert "# KL(q(w0) || Normal(0.0, 1.0))" in elbo.source

    def scales(x):
        tau = vi.sample("tau", dist.Gamma(2.0, 1.0))
        sigma = vi.sample("sigma", dist.HalfCauchy(1.0))
        with vi.plate("rows", 3):
            theta = vi.sample("theta", dist.Normal(0.0, tau))
        vi.sample("x", dist.Normal(theta, sigma), obs=x)

    x, rng = np.array([0.3, -0.4, 2.0]), np.random.default_rng(0)
    auto, path = (
        vi.elbo(scales, vi.MeanField(), e, draws=4000, jit=False) for e in ("auto", "path")
    )
    start = path.init(x)
    params = type(start)(*[p + 0.2 * rng.normal(size=5) for p in start])
    eps = vi.noise(path, rng)
    assert auto(params, eps, x) == pytest.approx(path(params, eps, x), abs=0.15)
    text = " ".join(auto.source.split())
    assert "KL from the prior in closed form for tau, theta, entropy for sigma" in text
    checked = vi.elbo(scales, vi.MeanField(), "auto", value_and_grad=numerical)
    few = eps[:2]
    exact, differences = auto.grad(params, few, x), checked.grad(params, few, x)
    np.testing.assert_allclose(exact.loc, differences.loc, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(exact.log_scale, differences.log_scale, rtol=1e-6, atol=1e-7)


def best_constants(params):
    """E[w s^2] / E[s^2] for each parameter: the estimator is s (w - b)."""
    grid, weights = nodes(2)
    elbo = regression_elbo("score")
    plain, scores = [], []
    for eps in grid:
        g = [elbo.grad(params, eps[None], X, Y, baseline=b) for b in (0.0, 1.0)]
        plain.append(np.concatenate(g[0]))
        scores.append(np.concatenate(g[0]) - np.concatenate(g[1]))
    plain, scores = np.array(plain), np.array(scores)
    found = (weights @ (plain * scores)) / (weights @ scores**2)
    return MeanFieldParams(found[:2], found[2:])


@pytest.mark.parametrize(
    ("estimator", "key"),
    [
        ("path", "path_entropy"),
        ("path-without-score", "path_stl"),
        ("score", "score"),
        ("centred", "score_centred"),
        ("best constant", "score_best_constant"),
    ],
)
def test_exact_means_and_variances(estimator, key) -> None:
    for params, name in ((START, "one_sample_variance"), (OPTIMUM, "at_optimum")):
        baseline = None
        if estimator == "centred":
            baseline = LINREG["elbo"] if params is START else LINREG["meanfield_elbo"]
        elif estimator == "best constant":
            baseline = best_constants(params)
        elbo = regression_elbo("score" if baseline is not None else estimator)
        mean, variance, bound = moments(elbo, params, baseline)
        np.testing.assert_allclose(variance, LINREG[name][key], rtol=1e-9)
        expected = LINREG["grad"] if params is START else np.zeros(4)
        np.testing.assert_allclose(mean, expected, rtol=1e-9, atol=1e-7)
        expected = LINREG["elbo"] if params is START else LINREG["meanfield_elbo"]
        np.testing.assert_allclose(bound, expected, rtol=1e-12)


def test_sites_that_take_different_estimators() -> None:
    """Unbiased, and with the variance of the score function only where that estimator was chosen."""
    elbo = regression_elbo({"w0": "score", "w1": "path"})
    mean, variance, _ = moments(elbo, START)
    np.testing.assert_allclose(mean, LINREG["grad"], rtol=1e-9)
    path = np.array(LINREG["one_sample_variance"]["path_entropy"])
    score = np.array(LINREG["one_sample_variance"]["score"])
    np.testing.assert_allclose(variance[[1, 3]], path[[1, 3]], rtol=1e-9)
    np.testing.assert_allclose(variance[[0, 2]], score[[0, 2]], rtol=1e-9)
    assert "Estimator: score function for w0; path (reparameterised) for w1" in elbo.source


def test_a_running_baseline_takes_the_variance_down() -> None:
    fits = {
        name: vi.fit(
            regression, vi.MeanField(), X, Y, steps=60, rng=1, estimator=name, jit=False, draws=10
        )
        for name in ("score", "score-running")
    }
    far = {name: abs(fit.mean["w1"] - LINREG["post_mean"][1]) for name, fit in fits.items()}
    assert far["score-running"] < far["score"]
    with pytest.raises(ValueError, match="'running'"):
        ScoreFunction(baseline="constant")


def numerical(f, argnums, has_aux, **_):
    """Central differences in the place of `srcdiff.value_and_grad`."""

    def value_and_grad(*args):
        grads = []
        for k in argnums:
            grad = np.zeros(np.shape(args[k]))
            for place in np.ndindex(grad.shape):
                values = []
                for h in (1e-5, -1e-5):
                    moved = np.array(args[k])
                    moved[place] += h
                    value = f(*args[:k], moved, *args[k + 1 :])
                    values.append(value[0] if has_aux else value)
                grad[place] = (values[0] - values[1]) / 2e-5
            grads.append(grad)
        return f(*args), tuple(grads)

    def plain(*args):
        return value_and_grad(*args)

    return plain


def log_joint(mu, tau, p, theta, y):
    log_p = -0.5 * (mu / 5.0) ** 2 - np.log1p((tau / 5.0) ** 2) + 2.0 * np.log(p) + np.log1p(-p)
    log_p += np.sum(-0.5 * (theta - p) ** 2)
    return log_p + np.sum(-0.5 * (y - mu - tau * theta) ** 2)


DENSITY = vi.LogDensity(
    log_joint,
    {"mu": (), "tau": vi.constraints.positive, "p": vi.constraints.unit_interval, "theta": 3},
)


@pytest.mark.parametrize("guide", [vi.MeanField(), vi.FullRank(), vi.LowRank(2), vi.Laplace()])
@pytest.mark.parametrize("estimator", ["path", "path-without-score", "score", "iwae"])
def test_gradients_equal_differences_with_the_same_draws(guide, estimator) -> None:
    if isinstance(guide, vi.Laplace) and estimator != "path":
        with pytest.raises(ValueError, match="has no draws"):
            vi.elbo(DENSITY, guide, estimator)
        return
    rng = np.random.default_rng(0)
    y = rng.normal(size=3)
    exact = vi.elbo(DENSITY, guide, estimator, draws=3, jit=False)
    checked = vi.elbo(DENSITY, guide, estimator, draws=3, value_and_grad=numerical)
    start = exact.init(y)
    params = type(start)(*[p + 0.3 * rng.normal(size=np.shape(p)) for p in start])
    eps = vi.noise(exact, rng)
    value, grads = exact.value_and_grad(params, eps, y)
    other, differences = checked.value_and_grad(params, eps, y)
    assert value == pytest.approx(other, rel=1e-12)
    assert value == pytest.approx(exact(params, eps, y), rel=1e-12)
    for g, d in zip(grads, differences, strict=True):
        np.testing.assert_allclose(g, d, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("estimator", ["path-without-score", "score"])
@pytest.mark.parametrize("guide", [vi.FullRank(), vi.LowRank(1)])
def test_estimators_agree_in_the_mean(guide, estimator) -> None:
    """By quadrature, for a quadratic log p: the path gradient's mean is exact."""

    def quadratic(w, y):
        return -0.5 * np.sum((y - w[0] - 2.0 * w[1]) ** 2) - 0.5 * np.sum(w**2)

    model = vi.LogDensity(quadratic, {"w": 2})
    y = np.array([0.5, -1.0])
    path = vi.elbo(model, guide, "path", jit=False)
    other = vi.elbo(model, guide, estimator, jit=False)
    start = path.init(y)
    rng = np.random.default_rng(2)
    params = type(start)(*[0.5 * rng.normal(size=np.shape(p)) for p in start])
    if isinstance(params, FullRankParams):
        params = params._replace(lower=np.tril(params.lower, -1))
    grid, weights = nodes(vi.noise(path, rng).shape[1], n=6)
    means = []
    for elbo in (path, other):
        found = [np.concatenate([np.ravel(g) for g in elbo.grad(params, e[None], y)]) for e in grid]
        means.append(weights @ np.array(found))
    np.testing.assert_allclose(means[0], means[1], rtol=1e-8, atol=1e-8)


def test_the_importance_weighted_bound_tightens() -> None:
    rng = np.random.default_rng(0)
    one = vi.elbo(regression, vi.MeanField(), "path", jit=False)
    many = vi.elbo(regression, vi.MeanField(), "iwae", draws=50, jit=False)
    eps = rng.normal(size=(400, 50, 2))
    bounds = [
        np.mean([e(OPTIMUM, each, X, Y) for each in eps[:, :k]]) for e, k in ((one, 50), (many, 50))
    ]
    assert bounds[0] < bounds[1] < LINREG["log_evidence"] + 0.01
    assert bounds[1] > LINREG["log_evidence"] - 0.03


def test_kinds_of_noise() -> None:
    rng = np.random.default_rng(0)
    pairs = vi.noise(vi.elbo(DENSITY, vi.MeanField(), "antithetic", draws=6), rng)
    np.testing.assert_array_equal(pairs[:3], -pairs[3:])
    with pytest.raises(ValueError, match="come in pairs"):
        vi.noise(vi.elbo(DENSITY, vi.MeanField(), "antithetic", draws=3), rng)
    sobol = vi.noise(vi.elbo(DENSITY, vi.MeanField(), "score+quasi-random", draws=1024), rng)
    assert np.all(np.abs(np.mean(sobol, axis=0)) < 0.01)  # 0.03 for independent draws
    np.testing.assert_allclose(np.std(sobol, axis=0), 1.0, atol=0.01)


def test_the_thermometer() -> None:
    def thermometer(sensor):
        temp = vi.sample("temp", dist.Normal(15.0, 2.0))
        vi.sample("sensor", dist.Normal(temp, 1.0), obs=sensor)

    reference = REFERENCE["temp_sensor"]
    elbo = vi.elbo(thermometer, vi.MeanField(), jit=False)
    grid, weights = nodes(1)
    start = MeanFieldParams(np.zeros(1), np.zeros(1))
    found = [elbo.value_and_grad(start, eps[None], 18.0) for eps in grid]
    assert weights @ [v for v, _ in found] == pytest.approx(reference["elbo_at_(0,1)"], rel=1e-12)
    grads = weights @ np.array([np.ravel(g) for _, g in found])
    np.testing.assert_allclose(grads, reference["grad_at_(0,1)"], rtol=1e-12)
    posterior = MeanFieldParams(np.array([reference["mean"]]), np.log([reference["sd"]]))
    best = weights @ [elbo(posterior, eps[None], 18.0) for eps in grid]
    assert best == pytest.approx(reference["log_evidence"], rel=1e-12)  # log p = L + KL, KL = 0


def test_the_source_reads_like_the_target() -> None:
    elbo = regression_elbo("path")
    eps = np.random.default_rng(0).normal(size=(5, 2))
    elbo.value_and_grad(START, eps, X, Y)
    assert (
        """
    scale = np.exp(log_scale)
    log_p = 0.0
    for s in range(len(eps)):
        w0, w1 = loc + scale * eps[s]
        log_p += regression_log_joint(w0, w1, x, y)
    return log_p / len(eps) + np.sum(log_scale) + (1.0 + LOG_2PI)
"""
        in elbo.source
    )
    assert (
        """
    d_log_scale = 1.0 + d_scale * scale
    return value, (d_loc, d_log_scale)
"""
        in elbo.grad.source
    )
    namespace: dict = {}
    exec(elbo.source, namespace)  # it needs NumPy only
    found = namespace["regression_elbo"](*START, eps, X, Y)
    assert found == pytest.approx(elbo(START, eps, X, Y), rel=1e-14)


def test_a_saved_gradient_needs_no_srcdiff(tmp_path) -> None:
    elbo = vi.elbo(DENSITY, vi.FullRank(), jit=False)
    y = np.ones(3)
    params, eps = elbo.init(y), vi.noise(elbo, np.random.default_rng(0))
    file = elbo.grad.save(tmp_path / "gradient.py", params, eps, y)
    text = file.read_text()
    assert "import srcdiff" not in text
    assert "from srcdiff" not in text
    namespace: dict = {}
    exec(text, namespace)
    value, grads = namespace[
        "elbo_value_and_grad" if "def elbo_v" in text else "model_elbo_value_and_grad"
    ](*params, eps, y)
    expected, exact = elbo.value_and_grad(params, eps, y)
    assert value == expected
    np.testing.assert_array_equal(grads[2], exact.lower)


def test_a_saved_gradient_holds_the_text_of_implicit_derivatives(tmp_path) -> None:
    def counts(y):
        rate = vi.sample("rate", dist.Gamma(2.0, 1.0))
        vi.sample("y", dist.Poisson(rate), obs=y)

    def guide(y):
        a = vi.param("a", 2.0)
        vi.sample("rate", dist.Gamma(a, 1.0))

    elbo, y = vi.elbo(counts, guide, jit=False), np.array([2.0, 5.0])
    params, eps = elbo.init(y), vi.noise(elbo, np.random.default_rng(0))
    text = elbo.grad.save(tmp_path / "gradient.py", params, eps, y).read_text()
    assert "srcdiff" not in text.split('"""')[2] and "def gamma_path(" in text
    namespace: dict = {}
    exec(text, namespace)
    value, (d_a,) = namespace["counts_elbo_value_and_grad"](params.a, eps["rate"], y)
    expected, exact = elbo.value_and_grad(params, eps, y)
    assert (value, d_a) == (expected, exact.a)


def test_a_hessian_vector_product_of_the_bound() -> None:
    """K10: symmetric, and equal to differences of the gradient."""
    elbo = vi.elbo(DENSITY, vi.MeanField(), jit=False)
    y, rng = np.ones(3), np.random.default_rng(0)
    params, eps = elbo.init(y), vi.noise(elbo, rng)
    hvp = srcdiff.hvp(elbo.bound(y).function, argnums=0, jit=False)
    u, v = rng.normal(size=(2, len(params.loc)))
    Hu, Hv = (hvp(*params, eps, y, w) for w in (u, v))
    assert u @ Hv == pytest.approx(v @ Hu, rel=1e-12)
    ahead, behind = (params._replace(loc=params.loc + h * v) for h in (1e-5, -1e-5))
    differences = (elbo.grad(ahead, eps, y).loc - elbo.grad(behind, eps, y).loc) / 2e-5
    np.testing.assert_allclose(Hv, differences, rtol=1e-6, atol=1e-6)


def test_estimators_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="there are 'auto', 'path'"):
        vi.elbo(DENSITY, vi.MeanField(), "magic")
    with pytest.raises(ValueError, match="no latent site 'mo'; there are mu, tau"):
        vi.elbo(DENSITY, vi.MeanField(), {"mo": "score"}).init(np.ones(3))
    with pytest.raises(ValueError, match="draws all of them together"):
        vi.elbo(DENSITY, vi.FullRank(), {"mu": "score"}).init(np.ones(3))
    with pytest.raises(ValueError, match="for single sites"):
        vi.elbo(DENSITY, vi.MeanField(), {"mu": "iwae"})
    with pytest.raises(TypeError, match="takes 1 data"):
        vi.elbo(DENSITY, vi.MeanField()).init()
    with pytest.raises(TypeError, match="has to be MeanField"):
        vi.elbo(DENSITY, "mean field")
