"""Models: their log-joint as source, and what there is to know of their sites."""

import functools
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import srcdiff
from srcdiff import UnsupportedError, vi
from srcdiff.vi import dist
from srcdiff.vi.distributions import Normal
from srcdiff.vi.model.program_text import load_text

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=8), RNG.normal(size=8)


def line(x, y):
    w0 = vi.sample("w0", Normal(0.0, 1.0))
    w1 = vi.sample("w1", Normal(0.0, 1.0))
    vi.sample("y", Normal(w0 + w1 * x, 1.0), obs=y)


# ---- the log-joint as text ---------------------------------------------------------------------


def test_the_log_joint_reads_as_written_by_hand() -> None:
    joint = vi.log_joint(line, ["w0", "w1"], jit=False)
    expected = stats.norm.logpdf([0.3, -0.2]).sum() + stats.norm.logpdf(Y, 0.3 - 0.2 * X).sum()
    assert joint(0.3, -0.2, X, Y) == pytest.approx(expected, rel=1e-14)
    assert (
        joint.source
        == '''\
import numpy as np


def line_log_joint(w0, w1, x, y):
    """Log density of `line` at the values of its sites."""
    log_2pi = np.log(2.0 * np.pi)
    log_p = -0.5 * (w0**2 + log_2pi)  # w0 ~ Normal(0.0, 1.0)
    log_p += -0.5 * (w1**2 + log_2pi)  # w1 ~ Normal(0.0, 1.0)
    log_p += np.sum(-0.5 * ((y - (w0 + w1 * x)) ** 2 + log_2pi))  # y ~ Normal(w0 + w1 * x, 1.0)
    return log_p
'''
    )


def test_constants_of_densities_stand_as_in_a_book() -> None:
    def model(x):
        e = vi.sample("e", dist.Exponential(1.0))
        h = vi.sample("h", dist.HalfNormal(1.0))
        a = vi.sample("a", dist.Gamma(2.0, 3.0))
        vi.sample("x", dist.Normal(np.zeros((3, 2)), e + h + a).to_event(1), obs=x)

    values, x = [0.5, 0.4, 1.2], np.ones((3, 2))
    joint = vi.log_joint(model, ["e", "h", "a"], jit=False)
    log_p = (
        stats.expon.logpdf(0.5)
        + stats.halfnorm.logpdf(0.4)
        + stats.gamma.logpdf(1.2, 2, scale=1 / 3)
    )
    expected = log_p + stats.norm.logpdf(x, 0.0, 2.1).sum()
    assert joint(*values, x) == pytest.approx(expected, rel=1e-14)
    assert "    log_p = -e  # e ~ Exponential(1.0)\n" in joint.source
    assert "log_p += 0.5 * (np.log(2.0 / np.pi) - h * h)  # h ~ HalfNormal(1.0)\n" in joint.source
    assert "log_p += 2.0 * np.log(3.0) + np.log(a) - 3.0 * a  # a ~ Gamma(2.0, 3.0)" in joint.source
    assert "axis" not in joint.source
    bound = vi.elbo(model, vi.MeanField(), jit=False)
    bound.init(x)
    assert "broadcast_to" not in bound.source and "np.log(17." not in bound.source


def test_lengths_are_compared_once() -> None:
    def model(x, K):
        w = vi.sample("w", dist.Dirichlet(np.ones(K)))
        vi.sample("x", dist.Normal(np.sum(w), 1.0), obs=x)

    source = vi.log_joint(model, ["w"], jit=False).source_for(np.ones(3) / 3.0, Y, 3)
    assert source.count("have to be equal") == 1


@pytest.mark.parametrize(
    "name", ["handler", "model", "handle", "value", "Handler", "guide", "loc", "held_loc"]
)
def test_arguments_may_have_any_name(name: str) -> None:
    namespace = {"vi": vi, "dist": dist}
    text = f"""
def model({name}, y):
    w = vi.sample("w", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w * {name}, 1.0), obs=y)


def guide({name}, y):
    m = vi.param("m", 0.2)
    vi.sample("w", dist.Normal(m, 1.0))
"""
    model = load_text(text, "model", namespace)
    own = load_text(text, "guide", namespace)
    expected = stats.norm.logpdf(0.3) + stats.norm.logpdf(Y, 0.3 * X).sum()
    assert vi.log_joint(model, ["w"], jit=False)(0.3, X, Y) == pytest.approx(expected, rel=1e-14)
    for elbo in (
        vi.elbo(model, estimator="auto", jit=False),
        vi.elbo(model, own, "score", jit=False),
    ):
        value, _ = elbo.value_and_grad(
            elbo.init(X, Y), vi.noise(elbo, np.random.default_rng(0), X, Y), X, Y
        )
        assert np.isfinite(value)


def test_its_gradient_keeps_the_comments() -> None:
    joint = vi.log_joint(line, jit=False)
    gradient = srcdiff.grad(joint, jit=False)
    source = gradient.source_for({"w0": 0.3, "w1": -0.2}, X, Y)
    assert '    w0 = latents["w0"]  # w0 ~ Normal(0.0, 1.0)\n' in source
    assert 'return {"w0": np.sum(difference) - w0, "w1": difference @ x - w1}\n' in source
    srcdiff.check_grads(joint, {"w0": 0.3, "w1": -0.2}, X, Y)


# ---- the posteriors of reference/ --------------------------------------------------------------

POINTS = json.loads((Path(__file__).parents[1] / "log_joint_points.json").read_text())


def eight_schools(sigma, y):
    mu = vi.sample("mu", dist.Normal(0.0, 5.0))
    tau = vi.sample("tau", dist.HalfCauchy(5.0))
    with vi.plate("schools", len(y)):
        theta_trans = vi.sample("theta_trans", dist.Normal(0.0, 1.0))
        theta = mu + tau * theta_trans
        vi.sample("y", dist.Normal(theta, sigma), obs=y)


def logistic(X, y, prior_sd):
    beta = vi.sample("beta", dist.Normal(np.zeros(X.shape[1]), prior_sd))
    with vi.plate("data", len(y)):
        vi.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


def normal_gamma(x, prior_sd_mu, a, b):
    mu = vi.sample("mu", dist.Normal(0.0, prior_sd_mu))
    gamma = vi.sample("gamma", dist.Gamma(a, b))
    for n in vi.plate("x", len(x)):
        vi.sample("x", dist.Normal(mu, 1.0 / np.sqrt(gamma)), obs=x[n])


def floats(value):
    return np.asarray(value, float) if np.ndim(value) else float(value)


MODELS = [
    (eight_schools, ("sigma", "y")),
    (logistic, ("X", "y", "prior_sd")),
    (normal_gamma, ("x", "prior_sd_mu", "a", "b")),
]


@pytest.mark.parametrize(("model", "names"), MODELS)
def test_log_joints_and_gradients_of_the_reference_posteriors(model, names) -> None:
    reference = POINTS[model.__name__]
    data = [floats(reference["data"][name]) for name in names]
    joint = vi.log_joint(model, jit=False)
    gradient = srcdiff.grad(joint, jit=False)
    for point in reference["points"]:
        at = {name: floats(value) for name, value in point["at"].items()}
        assert joint(at, *data) == pytest.approx(point["log_joint"], abs=1e-9)
        for name, d in gradient(at, *data).items():
            np.testing.assert_allclose(d, point["grad"][name], rtol=1e-8, atol=1e-9)


def test_a_log_joint_compiles() -> None:
    data = [floats(POINTS["normal_gamma"]["data"][n]) for n in MODELS[2][1]]
    joint = vi.log_joint(normal_gamma, ["mu", "gamma"], jit=True)
    point = POINTS["normal_gamma"]["points"][0]
    value, (d_mu, d_gamma) = srcdiff.value_and_grad(joint, argnums=(0, 1), jit=True)(
        *point["at"].values(), *data
    )
    assert value == pytest.approx(point["log_joint"], abs=1e-9)
    assert (d_mu, d_gamma) == pytest.approx((point["grad"]["mu"], point["grad"]["gamma"]))


# ---- sites -------------------------------------------------------------------------------------


def test_sites_are_found_in_the_source() -> None:
    w0, w1, y = vi.sites(line, X, Y)
    assert (w0.name, w0.distribution, w0.shape, w0.observed) == ("w0", Normal, (), False)
    assert (y.name, y.shape, y.observed, w1.support.name) == ("y", (8,), True, "real")
    assert w0.line.endswith(f"test_models.py:{line.__code__.co_firstlineno + 1}")


def chain(y, scale):
    h = 0.0
    for t in range(1, len(y)):
        h = vi.sample("h", Normal(h, scale))
        if y[t] > 0.0:
            jump = vi.sample("jump", Normal(np.zeros(2), 1.0))
            vi.sample("y", Normal(h + jump[0], 1.0), obs=y[t])


def test_sites_in_loops_and_branches() -> None:
    h, jump, y = vi.sites(chain, Y, 0.5)
    assert (h.shape, h.loops, h.conditional) == ((7,), (7,), False)
    assert (jump.shape, jump.conditional) == ((7, 2), True)
    assert (y.observed, y.conditional) == (True, True)


def halving(x):
    w = vi.sample("w", Normal(0.0, 1.0))
    while x > 1.0:
        vi.sample("x", Normal(w * x, 1.0), obs=x)
        x = x / 2.0


def test_observed_sites_in_a_while_loop() -> None:
    expected = stats.norm.logpdf(0.3) + sum(stats.norm.logpdf(x, 0.3 * x) for x in (5.0, 2.5, 1.25))
    assert vi.log_joint(halving, ["w"], jit=False)(0.3, 5.0) == pytest.approx(expected, rel=1e-13)


def test_a_log_joint_of_loops_and_branches() -> None:
    h, jump = RNG.normal(size=7), RNG.normal(size=(7, 2))
    expected = stats.norm.logpdf(h, np.concatenate([[0.0], h[:-1]]), 0.5).sum()
    seen = Y[1:] > 0.0
    expected += stats.norm.logpdf(jump[seen]).sum()
    expected += stats.norm.logpdf(Y[1:], h + jump[:, 0])[seen].sum()
    joint = vi.log_joint(chain, jit=False)
    assert joint({"h": h, "jump": jump}, Y, 0.5) == pytest.approx(expected, rel=1e-13)
    srcdiff.check_grads(joint, {"h": h, "jump": jump}, Y, 0.5)


def two_levels(y):
    mu = vi.sample("mu", Normal(0.0, 1.0))
    with vi.plate("groups", y.shape[0]):
        group = vi.sample("group", Normal(mu, 1.0))
    with vi.plate("groups ", y.shape[0]), vi.plate("items", y.shape[1]):
        item = vi.sample("item", Normal(group[:, None], 1.0))
        vi.sample("y", Normal(item, 1.0), obs=y)


def test_plates_give_sites_their_axes_the_outermost_first() -> None:
    mu, group, item, y = vi.sites(two_levels, np.ones((2, 3)))
    assert (mu.shape, group.shape, item.shape, y.shape) == ((), (2,), (2, 3), (2, 3))
    assert item.plates == ("groups ", "items")


def numbered(y):
    total = 0.0
    for k in range(3):
        total += vi.sample(f"w{k}", Normal(0.0, k + 1.0))
    vi.sample("y", Normal(total, 1.0), obs=y)


def test_names_may_be_computed_from_the_index_of_a_loop() -> None:
    w = {"w0": 0.1, "w1": 0.2, "w2": 0.3}
    expected = stats.norm.logpdf([0.1, 0.2, 0.3], 0.0, [1.0, 2.0, 3.0]).sum()
    expected += stats.norm.logpdf(0.5, 0.6)
    assert vi.log_joint(numbered, jit=False)(w, 0.5) == pytest.approx(expected, rel=1e-13)


# ---- blocks ------------------------------------------------------------------------------------


def weights():
    return vi.sample("w", Normal(np.zeros(2), 2.0))


def layer(x):
    w = weights()
    return np.tanh(x * w[0] + w[1])


def of_blocks(x, y):
    h = layer(x)
    vi.sample("y", Normal(h, 1.0), obs=y)


def flattened(x, y):
    w = vi.sample("w", Normal(np.zeros(2), 2.0))
    h = np.tanh(x * w[0] + w[1])
    vi.sample("y", Normal(h, 1.0), obs=y)


def test_blocks_within_blocks_are_the_flattened_model() -> None:
    at = {"w": np.array([0.4, -0.3])}
    joints = [vi.log_joint(m, jit=False) for m in (of_blocks, flattened)]
    values = [joint(at, X, Y) for joint in joints]
    assert values[0] == values[1]
    blocks, flat = (joint.source.split('"""')[2] for joint in joints)
    assert blocks.replace("of_blocks", "flattened") == flat


class Regression:
    def __init__(self, scale):
        self.scale = scale

    def model(self, x, y):
        w = vi.sample("w", Normal(0.0, self.scale))
        vi.sample("y", Normal(w * x, 1.0), obs=y)


def scaled(scale, x, y=Y):
    w = vi.sample("w", Normal(0.0, scale))
    vi.sample("y", Normal(w * x, 1.0), obs=y)


def made(scale):
    def model(x, y):
        w = vi.sample("w", Normal(0.0, scale))
        vi.sample("y", Normal(w * x, 1.0), obs=y)

    return model


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (Regression(2.0).model, (X, Y)),
        (functools.partial(scaled, 2.0), (X, Y)),
        (made(2.0), (X, Y)),
        (scaled, (2.0, X)),
    ],
)
def test_models_are_methods_partials_closures_and_have_defaults(model, data) -> None:
    expected = stats.norm.logpdf(0.3, 0.0, 2.0) + stats.norm.logpdf(Y, 0.3 * X).sum()
    assert vi.log_joint(model, ["w"], jit=False)(0.3, *data) == pytest.approx(expected, rel=1e-13)
    assert [s.name for s in vi.sites(model, *data)] == ["w", "y"]


def test_a_model_takes_its_data_by_position() -> None:
    with pytest.raises(ValueError, match="has to be one that is given by position"):
        vi.log_joint(lambda *data: vi.sample("w", Normal(0.0, 1.0)))


# ---- subsampling -------------------------------------------------------------------------------


def regression(x, y):
    w = vi.sample("w", Normal(0.0, 1.0))
    with vi.plate("data", len(x)):
        vi.sample("y", Normal(w * x, 1.0), obs=y)


def regression_by_loop(x, y):
    w = vi.sample("w", Normal(0.0, 1.0))
    for n in vi.plate("data", len(x)):
        vi.sample("y", Normal(w * x[n], 1.0), obs=y[n])


@pytest.mark.parametrize("model", [regression, regression_by_loop])
def test_the_mean_over_all_subsets_is_the_full_gradient(model) -> None:
    x, y = X[:5], Y[:5]
    full = srcdiff.grad(vi.log_joint(model, ["w"], jit=False), jit=False)(0.3, x, y)
    scaled = srcdiff.grad(vi.log_joint(model, ["w"], ["data"], jit=False), jit=False)
    subsets = list(itertools.combinations(range(5), 2))
    parts = [scaled(0.3, 5 / 2, x[list(k)], y[list(k)]) for k in subsets]
    assert np.mean(parts) == pytest.approx(full, rel=1e-12)


def of_rows(x, y, rows):
    w = vi.sample("w", Normal(0.0, 1.0))
    with vi.plate("data", len(x), subsample=rows) as n:
        vi.sample("y", Normal(w * x[n], 1.0), obs=y[n])


def of_rows_by_loop(x, y, rows):
    w = vi.sample("w", Normal(0.0, 1.0))
    for n in vi.plate("data", len(x), subsample=rows):
        vi.sample("y", Normal(w * x[n], 1.0), obs=y[n])


@pytest.mark.parametrize("model", [of_rows, of_rows_by_loop])
def test_rows_of_a_plate_count_for_all(model) -> None:
    rows = np.array([4, 1, 6])
    some = stats.norm.logpdf(Y[rows], 0.3 * X[rows]).sum() * 8 / 3 + stats.norm.logpdf(0.3)
    assert vi.log_joint(model, ["w"], jit=False)(0.3, X, Y, rows) == pytest.approx(some, rel=1e-13)
    vi.check(model, X, Y, rows)


# ---- what is wrong -----------------------------------------------------------------------------


def twice(x):
    vi.sample("w", Normal(0.0, 1.0))
    vi.sample("w", Normal(0.0, 1.0))


def vector(x):
    w = vi.sample("w", Normal(np.zeros(3), 1.0))
    vi.sample("x", Normal(np.sum(w), 1.0), obs=x)


def spreads(x):
    w = vi.sample("w", Normal(np.zeros(8), 1.0))
    vi.sample("x", Normal(w[:, None], 1.0), obs=x)


def undeclared(x):
    w = vi.sample("w", Normal(0.0, 1.0))
    e = np.random.normal()
    vi.sample("x", Normal(w + e, 1.0), obs=x)


def undeclared_generator(x):
    w = vi.sample("w", Normal(0.0, 1.0))
    vi.sample("x", Normal(w + RNG.normal(), 1.0), obs=x)


def in_while(x):
    k = 0
    while k < 3:
        vi.sample("w", Normal(0.0, 1.0))
        k += 1


def blocks_twice(x):
    vector(x)
    vector(x)


WRONG = [
    (twice, {"w": 0.1}, "the site 'w' is there twice", 2),
    (vector, {"w": np.ones(4)}, "the site 'w' has shape (4,), and its distribution (3,)", 1),
    (vector, {"w": np.ones((3, 1))}, "has shape (3, 1), and its distribution (3,)", 1),
    (vector, {"v": np.ones(3)}, "no value for the site 'w': the latents have 'v'", 1),
    (vector, {"w": np.ones(3), "v": 0.1}, "'v', which is no site of the model", 0),
    (spreads, {"w": np.ones(8)}, "shape (8,) and parameters of shape (8, 1)", 2),
    (undeclared, {"w": 0.1}, "`np.random.normal` is random", 2),
    (undeclared_generator, {"w": 0.1}, "`RNG.normal` is random", 2),
    (in_while, {"w": 0.1}, "in a `while` loop", 3),
    (blocks_twice, {"w": np.ones(3)}, "the site 'w' is there twice", None),
]


@pytest.mark.parametrize(("model", "latents", "message", "line"), WRONG)
def test_what_is_wrong_is_reported_at_the_users_line(model, latents, message, line) -> None:
    with pytest.raises(UnsupportedError) as error:
        vi.log_joint(model, jit=False)(latents, X)
    assert message in str(error.value)
    assert "<srcdiff" not in str(error.value)
    if line is not None:
        assert error.value.line == model.__code__.co_firstlineno + line


def test_a_latent_that_is_called_as_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' would be a parameter of the log-joint twice"):
        vi.log_joint(vector, ["x"])


# ---- data --------------------------------------------------------------------------------------


def coins(x, y):
    with vi.plate("data", len(x)):
        w = vi.sample("w", Normal(0.0, 1.0))
    for n in vi.plate("coins", len(x)):
        vi.sample("y", dist.Bernoulli(logits=x[n] * w[n]), obs=y[n])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            (np.ones(2), np.array([0.0, 2.0])),
            "Bernoulli: value has to be 0 or 1, got 2.0",
        ),
        ((np.ones(2), np.array([0.0, np.nan])), "site 'y', Bernoulli: value is NaN"),
        ((np.ones(0), np.ones(0)), "the plate 'data' is empty"),
    ],
)
def test_data_are_checked_before_a_fit(data, message) -> None:
    vi.check(coins, np.ones(2), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"test_models\.py:\d+") as error:
        vi.check(coins, *data)
    assert message in str(error.value)


# ---- plates whose first is within a loop or a choice --------------------------------------------


@pytest.mark.parametrize("range_of", [range, lambda n: vi.plate("i", n)], ids=["range", "plate"])
def test_a_block_within_a_loop(range_of) -> None:
    y = RNG.normal(size=(3, 4))

    def rows(y):
        for i in range_of(len(y)):
            b = vi.sample("b", Normal(0.0, 0.5))
            with vi.plate("k", y.shape[1]):
                vi.sample("y", Normal(b, 0.3), obs=y[i])

    b = RNG.normal(size=3)
    expected = stats.norm.logpdf(b, 0.0, 0.5).sum() + stats.norm.logpdf(y, b[:, None], 0.3).sum()
    assert vi.log_joint(rows, ["b"], jit=False)(b, y) == pytest.approx(expected, rel=1e-13)
    assert [s.shape for s in vi.sites(rows, y)] == [(3,), (3, 4)]
    drawn = vi.prior(rows)(np.random.default_rng(0), y, draws=2)
    assert (drawn["b"].shape, drawn["y"].shape) == ((2, 3), (2, 3, 4))

    def guide(y):
        with vi.plate("i", len(y)):
            vi.sample("b", Normal(vi.param("m", np.zeros(3)), 0.1))

    for family in (vi.MeanField(), guide):
        elbo = vi.elbo(rows, family, jit=False)
        assert np.isfinite(elbo.value_and_grad(elbo.init(y), vi.noise(elbo, RNG, y), y)[0])


def test_a_block_within_a_choice() -> None:
    def either(x):
        a = vi.sample("a", dist.Bernoulli(0.7))
        with vi.plate("n", len(x)):
            vi.sample("x", Normal(2.0 * a, 1.0), obs=x)

    each = [np.log(p) + stats.norm.logpdf(X, 2.0 * a).sum() for a, p in ((0, 0.3), (1, 0.7))]
    joint = vi.log_joint(either, [], jit=False)
    assert joint(X) == pytest.approx(np.logaddexp(*each), rel=1e-13)


def test_parameters_that_were_put_on_a_list() -> None:
    def walk(y):
        x, states = 0.0, []
        for _ in range(len(y)):
            x = x + vi.sample("e", Normal(0.0, 1.0))
            states.append(x)
        vi.sample("y", Normal(np.array(states), 0.5), obs=y)

    e = RNG.normal(size=8)
    expected = stats.norm.logpdf(e).sum() + stats.norm.logpdf(Y, np.cumsum(e), 0.5).sum()
    assert vi.log_joint(walk, ["e"], jit=False)(e, Y) == pytest.approx(expected, rel=1e-13)
    drawn = vi.prior(walk)(np.random.default_rng(0), Y, draws=500)
    assert np.std(drawn["y"] - np.cumsum(drawn["e"], axis=1)) == pytest.approx(0.5, rel=0.05)
