"""Models: their log-joint as source, and what there is to know of their sites."""

import numpy as np
import pytest
from scipy import stats

import srcdiff
from srcdiff import vi
from srcdiff.vi.distributions import Normal

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=8), RNG.normal(size=8)


def line(x, y):
    w0 = vi.sample("w0", Normal(0.0, 1.0))
    w1 = vi.sample("w1", Normal(0.0, 1.0))
    vi.sample("y", Normal(w0 + w1 * x, 1.0), obs=y)


def test_the_log_joint_adds_the_sites_up() -> None:
    joint = vi.log_joint(line, jit=False)
    expected = stats.norm.logpdf([0.3, -0.2]).sum() + stats.norm.logpdf(Y, 0.3 - 0.2 * X).sum()
    assert joint({"w0": 0.3, "w1": -0.2}, X, Y) == pytest.approx(expected, rel=1e-14)
    srcdiff.check_grads(joint, {"w0": 0.3, "w1": -0.2}, X, Y)


def test_sites_are_found_in_the_source() -> None:
    w0, w1, y = vi.sites(line, X, Y)
    assert (w0.name, w0.distribution, w0.shape, w0.observed) == ("w0", Normal, (), False)
    assert (y.name, y.shape, y.observed, w1.support.name) == ("y", (8,), True, "real")
