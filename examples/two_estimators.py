"""Linear regression by the score function and by the path estimator: how much the gradient of one sample varies."""

from importlib.util import find_spec

import numpy as np

from srcdiff import vi
from srcdiff.vi import dist


def line(x, y):
    w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
    w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w0 + w1 * x, 1.0), obs=y)


def variances(elbo, params, rng, data, runs=250):
    """Variances of the gradient with respect to each mean and each log standard deviation."""
    grads = [np.ravel(elbo.grad(params, vi.noise(elbo, rng, *data), *data)) for _ in range(runs)]
    return np.var(grads, axis=0)


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    data = x, 0.5 + 1.5 * x + rng.normal(size=20)
    far = vi.elbo(line, vi.MeanField()).init(*data, scale=1.0)
    best = vi.fit(line, vi.MeanField(), *data, steps=1000, rng=0, estimator="path-without-score")

    traces = {}
    for name in ("score", "path", "path-without-score"):
        elbo = vi.elbo(line, vi.MeanField(), name)
        print(f"{name}:")
        for place, params in (("far", far), ("at the optimum", best.params)):
            print(f"  variances {place}: {variances(elbo, params, rng, data).round(2)}")
        more = vi.elbo(line, vi.MeanField(), name, draws=10)
        print(f"  far, of 10 samples: {variances(more, far, rng, data).round(2)}")
        settings = {"steps": 400, "rng": 1, "average": False, "init": far}  # all begin there
        fit = vi.fit(line, vi.MeanField(), *data, estimator=name, **settings)
        traces[name] = fit.bounds
        print(f"  after 400 steps: {fit.bound(2000, rng)[0]:.3f}")
        print(elbo.grad.source)
    if find_spec("matplotlib"):
        import matplotlib.pyplot as plt

        for name, bounds in traces.items():
            plt.plot(np.convolve(bounds, np.ones(20) / 20, "valid"), label=name)
        plt.legend()
        plt.savefig("two_estimators.png")


if __name__ == "__main__":
    main()
