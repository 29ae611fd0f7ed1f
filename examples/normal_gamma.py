"""A normal distribution of unknown mean and precision: gradients for a guide q(mu) q(gamma), and the exact updates."""

from importlib.util import find_spec

import numpy as np

from srcdiff import vi
from srcdiff.vi import dist

positive = vi.constraints.positive


def normal_gamma(x):
    mu = vi.sample("mu", dist.Normal(0.0, 10.0))
    gamma = vi.sample("gamma", dist.Gamma(2.0, 1.0))
    vi.sample("x", dist.Normal(mu, 1.0 / np.sqrt(gamma)), obs=x)


def guide(x):
    m = vi.param("m", 0.0)
    s = vi.param("s", 1.0, constraint=positive)
    a = vi.param("a", 2.0, constraint=positive)
    b = vi.param("b", 2.0, constraint=positive)
    vi.sample("mu", dist.Normal(m, s))
    vi.sample("gamma", dist.Gamma(a, b))


def by_updates(x, sweeps=50):
    """The optimum of each factor, given the other."""
    m, s2, a, b = 0.0, 1.0, 2.0 + len(x) / 2.0, 2.0
    for _ in range(sweeps):
        b = 1.0 + (np.sum((x - m) ** 2) + len(x) * s2) / 2.0
        s2 = 1.0 / (0.01 + len(x) * a / b)
        m = s2 * np.sum(x) * a / b
    return {"m": m, "s": np.sqrt(s2), "a": a, "b": b}


def main():
    x = 1.5 + 0.7 * np.random.default_rng(0).normal(size=30)
    fixed = vi.optim.LBFGS(draws=128)
    fit = vi.fit(normal_gamma, guide, x, rng=0, estimator="quasi-random", optimizer=fixed)
    print(fit.elbo.source, fit.elbo.grad.source, sep="\n")
    exact = by_updates(x)
    for name, value in fit.values.items():
        print(f"{name}: {value:.3f} by gradients, {exact[name]:.3f} by updates")
    print(
        f"k-hat {fit.khat:.2f}, log evidence about {fit.evidence(5000, np.random.default_rng(1)):.3f}"
    )
    if find_spec("matplotlib"):
        import matplotlib.pyplot as plt

        draws = fit.sample(3000, np.random.default_rng(2))
        plt.plot(draws["mu"], draws["gamma"], ".", markersize=2)
        plt.gca().set(xlabel="mu", ylabel="gamma")
        plt.savefig("normal_gamma.png")


if __name__ == "__main__":
    main()
