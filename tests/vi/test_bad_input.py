"""Errors for mistakes of new users: they name the object and the line, and give advice."""

import random
import re

import numpy as np
import pytest
from scipy import stats

from srcdiff import UnsupportedError, vi
from srcdiff.vi import dist

X, Y = np.arange(4.0), np.ones(4)


def line(x, y):
    w = vi.sample("w", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w * x, 1.0), obs=y)


def fit(model=line, guide=vi.MeanField, *data, **options):
    found = {"jit": False, "rng": 0, "steps": 20, "progress": False, **options}
    return vi.fit(model, guide, *(data or (X, Y)), **found)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (([0.0, 1.0], [1.0, 1.0]), TypeError, "'x' is a list; pass an array, np.array(x)"),
        ((X, np.array(["a"] * 4)), TypeError, "'y' is an array of <U1, and no numbers"),
        ((X, np.array([1.0, None], object)), TypeError, "'y' is an array of object"),
        ((X, None), ValueError, "was it to be observed? then its value is not None"),
        ((X, np.ones(5)), ValueError, "site 'y', Normal: a value of shape (5,) does not broadcast"),
        ((X, np.array([1.0, np.inf, 1.0, 1.0])), ValueError, "site 'y', Normal: value has to be real, got inf at [1]"),
        ((np.zeros(0), np.zeros(0)), ValueError, "site 'y', observed: there are no values"),
        ((X,), TypeError, "takes 2 data (x, y), 1 were given"),
    ],
)  # fmt: skip
def test_data(data, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fit(line, vi.MeanField, *data)


def test_data_by_name() -> None:
    with pytest.raises(
        TypeError, match=r"by position, after the guide: vi.fit\(model, guide, x, y\)"
    ):
        vi.fit(line, vi.MeanField(), x=X, y=Y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 10.5}, TypeError, "steps=10.5: a whole number is needed"),
        ({"steps": 0}, ValueError, "steps=0: at least 1 is needed"),
        ({"batch_size": 0}, ValueError, "batch_size=0: at least 1 is needed"),
        ({"batch_size": 2.5}, TypeError, "batch_size=2.5: a whole number"),
        ({"draws": 2.0}, TypeError, "draws=2.0: a whole number"),
        ({"optimizer": "adam"}, TypeError, "as vi.optim.Adam()"),
        ({"estimator": "reparam"}, ValueError, "there are 'auto', 'path'"),
        ({"init": {"v": 0.0}}, ValueError, "there is no latent site 'v'; there are w"),
        ({"learning_rate": 0.1}, TypeError, "no option 'learning_rate'"),
        ({"guide": "meanfield"}, TypeError, "it has to be MeanField() or another guide of vi"),
    ],
)
def test_settings(options, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fit(**options)


def no_sites(y):
    return np.sum(y)


def all_observed(y):
    vi.sample("y", dist.Normal(0.0, 1.0), obs=y)


def all_summed(y):
    k = vi.sample("k", dist.Bernoulli(0.5))
    vi.sample("y", dist.Normal(1.0 * k, 1.0), obs=y)


def no_name(y):
    a = vi.sample(dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(a, 1.0), obs=y)


def of_scipy(y):
    a = vi.sample("a", stats.norm(0.0, 1.0))
    vi.sample("y", dist.Normal(a, 1.0), obs=y)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (no_sites, ValueError, "has no sites for a guide: it has no vi.sample at all"),
        (all_observed, ValueError, "has no sites for a guide: all of its sites are observed"),
        (all_summed, ValueError, "has no sites for a guide: 'k' are summed out"),
        (no_name, TypeError, "test_bad_input.py:85: vi.sample takes a name first"),
        (of_scipy, TypeError, "test_bad_input.py:90: site 'a' needs a distribution of srcdiff.vi.dist"),
    ],
)  # fmt: skip
def test_models(model, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fit(model, vi.MeanField, Y)


def no_params(x, y):
    vi.sample("w", dist.Normal(0.0, 1.0))


def test_a_guide_without_parameters() -> None:
    with pytest.raises(ValueError, match="guide 'no_params' has no parameters to fit"):
        fit(line, no_params)


def bad_scale(y):
    s = vi.sample("s", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(0.0, s), obs=y)


def in_turns(y):
    s = 1.0
    for n in range(len(y)):
        s = vi.sample("s", dist.Normal(s, 1.0))
        vi.sample("y", dist.Normal(0.0, s), obs=y[n])


def test_parameters_that_leave_their_domain_in_a_fit() -> None:
    """The site and its parameter are named, with the line; in loops the value is."""
    with pytest.raises(
        FloatingPointError,
        match=r"test_bad_input.py:\d+: site 'y', Normal: scale has to be positive, got -",
    ):
        fit(bad_scale, vi.MeanField, Y, init={"s": -1.0})
    with pytest.raises(FloatingPointError, match=r"log p is no number at s = \[.*-"):
        fit(in_turns, vi.MeanField, Y, steps=200, init={"s": np.full(4, -1.0)})


def test_elsewhere() -> None:
    with pytest.raises(TypeError, match=r"latents='w': a list of names is needed, \['w'\]"):
        vi.log_joint(line, "w")
    with pytest.raises(TypeError, match="the posterior is ndarray; it has to be a dict"):
        vi.predictive(line, np.zeros(3))
    with pytest.raises(RuntimeError, match="outside a model"):
        vi.sample("w", dist.Normal(0.0, 1.0))


def of_two(x, y):
    w = vi.sample("w", dist.Normal(np.zeros(2), 1.0))
    vi.sample("y", dist.Normal(x @ w, 1.0), obs=y)


def of_no_such_parameter(x, y):
    w = vi.sample("w", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w * x, sd=1.0), obs=y)


def of_no_such_distribution(x, y):
    w = vi.sample("w", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Gaussian(w * x, 1.0), obs=y)


def test_what_numpy_and_python_raise_in_a_model_has_its_line() -> None:
    here = re.escape(__file__)
    with pytest.raises(ValueError, match=rf"^{here}:\d+, behind site 'w': matmul"):
        fit(of_two, vi.MeanField, np.ones((4, 3)), Y)
    with pytest.raises(TypeError, match=rf"^{here}:\d+, behind site 'w': .*argument 'sd'"):
        fit(of_no_such_parameter)
    with pytest.raises(AttributeError, match=rf"^{here}:\d+, behind site 'w': .*'Gaussian'"):
        fit(of_no_such_distribution)


def test_a_log_joint_takes_a_dict() -> None:
    with pytest.raises(UnsupportedError, match="the first argument of a log-joint is a dict"):
        vi.log_joint(line, jit=False)(2.0, X, Y)


def of_pythons_random(x, y):
    w = vi.sample("w", dist.Normal(random.random(), 1.0))
    vi.sample("y", dist.Normal(w * x, 1.0), obs=y)


def test_randomness_of_pythons_own() -> None:
    with pytest.raises(UnsupportedError, match=r"`random\.random` is random") as error:
        fit(of_pythons_random)
    assert error.value.line == of_pythons_random.__code__.co_firstlineno + 1


@pytest.mark.parametrize("sampler", [vi.prior(line), vi.predictive(line, {"w": np.ones(3)})])
def test_samplers_take_a_generator(sampler) -> None:
    with pytest.raises(TypeError, match="takes a generator first, and then the data"):
        sampler(0, X, Y)


def unbounded(x, y):
    s = vi.param("s", START["s"])
    vi.sample("w", dist.Normal(vi.param("m", 0.0), s))


START = {"s": -1.0}


def test_parameters_of_a_guide_that_leave_their_domain(monkeypatch) -> None:
    """Before a fit where they begin outside, and at the step that they leave it in."""
    message = r"test_bad_input.py:\d+: site 'w', Normal: scale has to be positive, got -"
    with pytest.raises(ValueError, match=message):
        fit(line, unbounded)
    monkeypatch.setitem(START, "s", 0.01)
    with pytest.raises(FloatingPointError, match=message):
        fit(line, unbounded, optimizer=vi.optim.SGD(0.1), steps=400)


@pytest.mark.parametrize(
    "look", [vi.sites, vi.check, lambda m, *d: vi.prior(m)(np.random.default_rng(0), *d)]
)
def test_data_are_counted_wherever_a_model_takes_them(look) -> None:
    with pytest.raises(TypeError, match=r"'line' takes 2 data \(x, y\), 1 were given"):
        look(line, X)
    with pytest.raises(TypeError, match=r"'line' takes 2 data \(x, y\), 3 were given"):
        look(line, X, Y, Y)


def test_categories_are_integers() -> None:
    def coins(y):
        p = vi.sample("p", dist.Dirichlet(np.ones(2)))
        vi.sample("y", dist.Categorical(p), obs=y)

    with pytest.raises(
        ValueError, match="site 'y', Categorical: value is float64, where integers are needed"
    ):
        fit(coins, vi.MeanField, Y)


def test_parameters_that_do_not_fit_a_plate() -> None:
    def plates(y):
        with vi.plate("n", len(y)):
            vi.sample("w", dist.Normal(np.zeros(3), 1.0))
            vi.sample("y", dist.Normal(0.0, 1.0), obs=y)

    message = r"site 'w', Normal: batch_shape \(3,\) does not fit plates of \(4,\) items"
    with pytest.raises(ValueError, match=message):
        fit(plates, vi.MeanField, Y)


def test_a_ragged_loop_has_no_array_of_draws() -> None:
    def groups(y, ends):
        for k in range(len(ends) - 1):
            a = vi.sample("a", dist.Normal(0.0, 1.0))
            for i in range(ends[k], ends[k + 1]):
                vi.sample("y", dist.Normal(a, 1.0), obs=y[i])

    with pytest.raises(ValueError, match=r"only the run knows.* Draw all items in one loop"):
        vi.prior(groups)(np.random.default_rng(0), Y, np.array([0, 1, 4]))
