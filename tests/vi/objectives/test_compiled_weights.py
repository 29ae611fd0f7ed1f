"""Importance weights run compiled code, whatever the guide is."""

import numpy as np
import pytest

import srcdiff
from srcdiff import vi
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.vi import dist


def hidden_markov(x, start, A):
    mu = vi.sample("mu", dist.Normal(np.zeros(2), 3.0))
    z = vi.sample("first", dist.Categorical(start))
    for t in range(len(x)):
        z = vi.sample("z", dist.Categorical(A[z]))
        vi.sample("x", dist.Normal(mu[z], 1.0), obs=x[t])


def guide(x, start, A):
    loc = vi.param("loc", np.zeros(2))
    vi.sample("mu", dist.Normal(loc, 0.3))


DATA = (
    np.array([-1.2, -0.8, 2.1, 1.7]),
    np.array([0.5, 0.5]),
    np.array([[0.9, 0.1], [0.2, 0.8]]),
)


@pytest.mark.parametrize("given", [vi.MeanField(), guide], ids=["automatic", "function"])
def test_weights_of_a_model_whose_choices_are_summed_out(given) -> None:
    compiled, plain = (
        vi.fit(hidden_markov, given, *DATA, steps=3, rng=0, jit=jit) for jit in (True, False)
    )
    found, expected = (f.log_weights(30, np.random.default_rng(1)) for f in (compiled, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    log_joint = vi.log_joint(hidden_markov, ["mu"], jit=False)
    mu = np.array([-1.0, 2.0])
    bound = compiled._bound
    density = bound._log_density if given is not guide else bound._density
    value = density(mu[None], *DATA)[0] if given is not guide else density(mu, *DATA)
    np.testing.assert_allclose(value, log_joint(mu, *DATA), rtol=1e-12)
    assert isinstance(density, srcdiff.Generated)
    assert isinstance(density._latest.run, Compiled)
