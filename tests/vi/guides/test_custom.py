"""Guides written like models: their bounds, their estimators, and the errors that name a site."""

import functools
import itertools
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from srcdiff import vi
from srcdiff.vi import dist

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "variational.json").read_text())
positive = vi.constraints.positive


def thermometer(sensor):
    temp = vi.sample("temp", dist.Normal(15.0, 2.0))
    vi.sample("sensor", dist.Normal(temp, 1.0), obs=sensor)


def normal_guide(sensor):
    m = vi.param("m", 15.0)
    s = vi.param("s", 1.0, constraint=positive)
    vi.sample("temp", dist.Normal(m, s))


def regression(x, y):
    w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
    w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w0 + w1 * x, 1.0), obs=y)


def regression_guide(x, y):
    loc = vi.param("loc", np.zeros(2))
    scale = vi.param("scale", np.ones(2), constraint=positive)
    vi.sample("w1", dist.Normal(loc[1], scale[1]))
    vi.sample("w0", dist.Normal(loc[0], scale[0]))


LINREG = REFERENCE["linreg"]
X, Y = np.array(LINREG["x"]), np.array(LINREG["y"])


@pytest.mark.long
@pytest.mark.parametrize("estimator", ["auto", "path-without-score", "score-running"])
def test_the_thermometer_is_fitted(estimator) -> None:
    fit = vi.fit(
        thermometer,
        normal_guide,
        18.0,
        rng=0,
        steps=1200,
        draws=8,
        estimator=estimator,
        jit=False,
        progress=False,
    )
    assert fit.values["m"] == pytest.approx(17.4, abs=0.02)
    assert fit.values["s"] == pytest.approx(0.8944271909999159, rel=0.02)
    assert fit.mean["temp"] == pytest.approx(fit.values["m"], abs=1e-3)
    bound, error = fit.bound(500, np.random.default_rng(0))
    assert bound == pytest.approx(-2.623657489421723, abs=0.002 + 4 * error)


@pytest.mark.parametrize(
    ("estimator", "key"),
    [("path", "path_entropy"), ("path-without-score", "path_stl"), ("score", "score")],
)
def test_variances_are_those_of_the_reference(estimator, key) -> None:
    """B7, of a guide that draws the sites in another order."""
    elbo = vi.elbo(regression, regression_guide, estimator, jit=False)
    params = elbo.init(X, Y)
    points, weights = np.polynomial.hermite_e.hermegauss(6)
    weights = weights / np.sum(weights)
    found, total = [], []
    for (i, a), (j, b) in itertools.product(enumerate(points), repeat=2):
        eps = {"w0": np.array([a]), "w1": np.array([b])}
        g = elbo.grad(params, eps, X, Y)
        found.append(np.concatenate([g.loc, g.log_scale]))
        total.append(weights[i] * weights[j])
    mean = np.array(total) @ np.array(found)
    np.testing.assert_allclose(mean, LINREG["grad"], rtol=1e-9)
    variance = np.array(total) @ (np.array(found) - mean) ** 2
    np.testing.assert_allclose(variance, LINREG["one_sample_variance"][key], rtol=1e-9)


# ---- discrete sites --------------------------------------------------------------------


SBN = REFERENCE["sbn"]


def belief_net(v):
    W, b, c = np.array(SBN["W"]), np.array(SBN["b"]), np.array(SBN["c"])
    h = vi.sample("h", dist.Bernoulli(logits=b))
    vi.sample("v", dist.Bernoulli(logits=W @ h + c), obs=v)


def recognition(v):
    U, d = np.array(SBN["U"]), np.array(SBN["d"])
    logits = vi.param("logits", U @ v + d)
    vi.sample("h", dist.Bernoulli(logits=logits))


def test_a_belief_net_by_enumeration() -> None:
    """The score function's exact mean and one-sample variance (K16): unbiased, with and without a baseline."""
    v = np.array(SBN["v"])
    elbo = vi.elbo(belief_net, recognition, jit=False)
    params = elbo.init(v)
    q = 1.0 / (1.0 + np.exp(-params.logits))
    rows = list(itertools.product([0, 1], repeat=4))
    probability = np.array([np.prod(np.where(h, q, 1.0 - q)) for h in rows])
    noise = [np.where(h, 1e-9, 1.0 - 1e-9)[None] for h in rows]  # what becomes h
    for baseline, key in (
        (0.0, "var_plain"),
        (SBN["elbo"], "var_mean_baseline"),
        (type(params)(np.array(SBN["best_constant"])), "var_best_constant"),
    ):
        found = [elbo.value_and_grad(params, {"h": eps}, v, baseline=baseline) for eps in noise]
        grads = np.array([g.logits for _, g in found])
        mean = probability @ grads
        np.testing.assert_allclose(mean, SBN["grad_logits"], rtol=1e-7)
        np.testing.assert_allclose(probability @ (grads - mean) ** 2, SBN[key], rtol=1e-7)
        assert probability @ [value for value, _ in found] == pytest.approx(SBN["elbo"], rel=1e-9)
    assert "Estimator: score function for h" in elbo.source


def test_a_discrete_site_under_the_path_estimator() -> None:
    elbo = vi.elbo(belief_net, recognition, "path", jit=False)
    with pytest.raises(
        ValueError, match=r"site 'h' \(.*:\d+\): draws from Bernoulli have no derivative .*'score'"
    ):
        elbo.init(np.array(SBN["v"]))


def mixed(x):
    k = vi.sample("k", dist.Categorical(probs=np.array([0.5, 0.3, 0.2])))
    mu = vi.sample("mu", dist.Normal(0.0, 2.0))
    vi.sample("x", dist.Normal(mu + 1.0 * k, 1.0), obs=x)


def mixed_guide(x):
    logits = vi.param("logits", np.array([0.1, -0.2, 0.3]))
    m = vi.param("m", 0.4)
    s = vi.param("s", 0.7, constraint=positive)
    k = vi.sample("k", dist.Categorical(logits=logits))
    vi.sample("mu", dist.Normal(m - 0.5 * k, s))


def test_discrete_and_continuous_sites_of_one_guide() -> None:
    """Unbiased: the mean over all categories and a quadrature equals differences of the exact bound."""
    x = np.array([0.3, 1.2])
    elbo = vi.elbo(mixed, mixed_guide, jit=False)
    params = elbo.init(x)
    points, weights = np.polynomial.hermite_e.hermegauss(8)
    weights = weights / np.sum(weights)

    def mean(f, p):
        probability = np.exp(p.logits - np.max(p.logits))
        probability = probability / np.sum(probability)
        ends = np.cumsum(probability)
        return sum(
            probability[k] * w * f(p, {"k": np.array([ends[k] - 1e-9]), "mu": np.array([e])})
            for k in range(3)
            for e, w in zip(points, weights, strict=True)
        )

    def flat(g):
        return np.concatenate([g.logits, [g.m, g.log_s]])

    gradient = mean(lambda p, eps: flat(elbo.grad(p, eps, x)), params)
    expected = []
    start = flat(params)
    for j in range(5):
        values = []
        for h in (1e-5, -1e-5):
            moved = start.copy()
            moved[j] += h
            p = type(params)(moved[:3], float(moved[3]), float(moved[4]))
            values.append(mean(lambda p, eps: elbo(p, eps, x), p))
        expected.append((values[0] - values[1]) / 2e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
    elbo.value_and_grad(params, vi.noise(elbo, np.random.default_rng(0)), x)
    assert (
        "score function for k: (log p - log q - baseline) times the derivative of log q; path"
        in elbo.source
    )


# ---- amortised guides, and parameters of the model -----------------------------------------


def factor_model(x):
    with vi.plate("rows", len(x)):
        z = vi.sample("z", dist.Normal(0.0, 1.0))
        slope = vi.param("slope", 0.5)
        vi.sample("x", dist.Normal(slope * z, 0.5), obs=x)


def encoder(x):
    gain = vi.param("gain", 0.1)
    offset = vi.param("offset", 0.2)
    s = vi.param("s", 0.5, constraint=positive)
    vi.sample("z", dist.Normal(gain * x + offset, s * np.ones(len(x))))


@pytest.mark.long
def test_an_amortised_guide_finds_the_exact_map_and_the_model_its_parameter() -> None:
    """B22, K8: one gradient for guide and model; in batches as well."""
    rng = np.random.default_rng(0)
    x = 1.5 * rng.normal(size=300) + 0.5 * rng.normal(size=300)
    exact = np.sqrt(np.mean(x**2) - 0.25)  # the slope's maximum likelihood
    for batch_size, atol in ((None, 1e-3), (64, 0.03)):
        fit = vi.fit(
            factor_model, encoder, x, rng=0, steps=1200, batch_size=batch_size, jit=False, progress=False,
            estimator="path-without-score",
        )  # fmt: skip
        slope = fit.values["slope"]
        assert slope == pytest.approx(exact, abs=min(10 * atol, 0.09))
        assert fit.values["gain"] == pytest.approx(slope / (slope**2 + 0.25), abs=atol)
        assert fit.values["offset"] == pytest.approx(0.0, abs=atol)
        assert fit.values["s"] == pytest.approx(0.5 / np.sqrt(slope**2 + 0.25), rel=0.03)


def test_a_saved_posterior_of_a_guide_function(tmp_path) -> None:
    fit = vi.fit(thermometer, normal_guide, 18.0, rng=0, steps=100, jit=False)
    file = fit.save(tmp_path / "posterior.py")
    assert "srcdiff" not in file.read_text().replace("that srcdiff fitted", "")
    module = runpy.run_path(str(file))
    draws = module["sample"](40, np.random.default_rng(5))
    np.testing.assert_allclose(
        draws["temp"], fit.sample(40, np.random.default_rng(5))["temp"], rtol=1e-12
    )
    assert module["predictive"](7, np.random.default_rng(0), 18.0)["sensor"].shape == (7,)


# ---- errors that name a site --------------------------------------------------------------------


def guide_of(*draws):
    """A guide with `(name, distribution)`s."""

    def guide(sensor):
        pass

    lines = [f"    vi.sample({name!r}, {text})" for name, text in draws]
    import linecache

    text = "def guide(sensor):\n" + "\n".join(lines) + "\n"
    file = f"<guide {abs(hash(text))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {"vi": vi, "dist": dist, "np": np}
    exec(compile(text, file, "exec"), namespace)
    return namespace["guide"]


def two_sites(sensor):
    temp = vi.sample("temp", dist.Normal(15.0, 2.0))
    noise = vi.sample("noise", dist.HalfNormal(1.0))
    vi.sample("sensor", dist.Normal(temp, noise), obs=sensor)


NORMAL, POSITIVE = "dist.Normal(0.0, 1.0)", "dist.LogNormal(0.0, 1.0)"


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        (
            [("temp", NORMAL)],
            r"has no site 'noise', which the model has at .*test_custom.py:\d+",
        ),
        (
            [("tmep", NORMAL), ("noise", POSITIVE)],
            r"site 'tmep' \(.*:2\) is no site of the model 'two_sites' \(is 'temp' meant\?\): its latent sites are",
        ),
        (
            [("temp", NORMAL), ("noise", POSITIVE), ("more", NORMAL)],
            r"site 'more' \(.*:4\) is no site of the model 'two_sites': its latent sites are 'temp', 'noise'",
        ),
        (
            [("temp", NORMAL), ("noise", POSITIVE), ("sensor", NORMAL)],
            "'sensor' .* is observed by the model",
        ),
        (
            [("temp", NORMAL), ("noise", NORMAL)],
            r"site 'noise' is (positive|not negative) in the model .*, and the guide's draws are real",
        ),
        (
            [("temp", "dist.Normal(np.zeros(2), 1.0)"), ("noise", POSITIVE)],
            r"site 'temp' has the shape \(\) in the model .*, and \(2,\) in the guide",
        ),
    ],
)
def test_sites_that_do_not_fit(draws, message) -> None:
    with pytest.raises(ValueError, match=message):
        vi.fit(two_sites, guide_of(*draws), 18.0, jit=False)


def test_other_guides_that_do_not_fit() -> None:
    def other(x):
        vi.sample("temp", dist.Normal(0.0, 1.0))

    with pytest.raises(TypeError, match=r"takes \(x\), and the model 'thermometer' \(sensor\)"):
        vi.fit(thermometer, other, 18.0, jit=False)

    def outside(sensor):
        s = vi.param("s", -1.0, constraint=positive)
        vi.sample("temp", dist.Normal(0.0, s))

    with pytest.raises(ValueError, match="param 's': its initial value is outside"):
        vi.fit(thermometer, outside, 18.0, jit=False)
    with pytest.raises(TypeError, match="LogDensity takes a guide of vi"):
        vi.elbo(vi.LogDensity(lambda x: x, {"x": ()}), normal_guide)
    with pytest.raises(ValueError, match="no latent site 'tmp'"):
        vi.elbo(thermometer, normal_guide, {"tmp": "path"}).init(18.0)

    def twice(sensor):
        m = vi.param("m", 15.0)
        s = vi.param("m", 1.0)
        vi.sample("temp", dist.Normal(m, s))

    with pytest.raises(ValueError, match=r"\.py:\d+: the parameter 'm' is there twice"):
        vi.fit(thermometer, twice, 18.0, jit=False)

    def longer_each_iteration(sensor):
        for k in range(2):
            m = vi.param("m", np.ones(k + 1))
        vi.sample("temp", dist.Normal(m[0], 1.0))

    with pytest.raises(ValueError, match=r"'m' has the shape \(2,\), and had \(1,\)"):
        vi.fit(thermometer, longer_each_iteration, 18.0, jit=False)

    def generator(rng, x):
        return rng.normal(x)

    with pytest.raises(TypeError, match="does not say what was observed"):
        vi.fit(generator, vi.MeanField(), None, 1.0, jit=False)
    with pytest.raises(ValueError, match="says itself where its parameters begin"):
        vi.fit(thermometer, normal_guide, 18.0, init={"temp": 3.0}, jit=False)


def test_guides_and_models_may_be_partials_and_methods() -> None:
    class Sensor:
        def __init__(self, sd):
            self.sd = sd

        def model(self, sensor):
            temp = vi.sample("temp", dist.Normal(15.0, 2.0))
            vi.sample("sensor", dist.Normal(temp, self.sd), obs=sensor)

    def guide(start, sensor):
        m = vi.param("m", start)
        vi.sample("temp", dist.Normal(m, 0.9))

    fit = vi.fit(
        Sensor(1.0).model,
        functools.partial(guide, 15.0),
        18.0,
        steps=600,
        draws=4,
        rng=0,
        jit=False,
    )
    assert fit.values["m"] == pytest.approx(17.4, abs=0.05)
    assert "def model_elbo(m, eps_temp, sensor):" in fit.elbo.source


def shifted(x):
    with vi.plate("rows", len(x)):
        z = vi.sample("z", dist.Normal(0.0, 1.0))
        offset = vi.param("offset", 0.0)
        scale = vi.param("scale", 0.5, constraint=positive)
        vi.sample("x", dist.Normal(offset + z, scale), obs=x)


def standardising(x):
    centre = vi.param("centre", 0.0)
    vi.sample("z", dist.Normal(0.5 * (x - centre), 0.5 * np.ones(len(x))))


@pytest.mark.long
def test_predictive_draws_are_of_the_parameters_that_were_fitted(tmp_path) -> None:
    x = 10.0 + 1.4 * np.random.default_rng(0).normal(size=60)
    fit = vi.fit(shifted, standardising, x, rng=0, steps=400, jit=False, progress=False)
    mean = fit.values["offset"] + 0.5 * (np.mean(x) - fit.values["centre"])
    assert mean > 5.0
    assert set(fit.model_values) == {"offset", "scale"}
    drawn = fit.predictive(np.random.default_rng(1), x, draws=40)["x"]
    assert np.mean(drawn) == pytest.approx(mean, abs=0.1)
    module = runpy.run_path(str(fit.save(tmp_path / "posterior.py")))
    drawn = module["predictive"](40, np.random.default_rng(1), x)["x"]
    assert np.mean(drawn) == pytest.approx(mean, abs=0.1)
