"""Bayesian logistic regression with a guide of full rank, N(mu, C C^T): its bound and gradient to read."""

from importlib.util import find_spec

import numpy as np

from srcdiff import vi
from srcdiff.vi import dist


def logistic(X, y):
    beta = vi.sample("beta", dist.Normal(np.zeros(X.shape[1]), 2.0))
    vi.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


def figure(X, y, fit):
    import matplotlib.pyplot as plt

    grid = np.linspace(-1.0, 4.0, 120)
    log_joint = vi.log_joint(logistic, ["beta"])
    exact = np.array([[log_joint(np.array([a, b]), X, y) for a in grid] for b in grid - 3.0])
    plt.contour(grid, grid - 3.0, np.exp(exact - exact.max()), levels=6)
    draws = fit.sample(400, np.random.default_rng(1))["beta"]
    plt.plot(draws[:, 0], draws[:, 1], ".", markersize=3)
    plt.title("posterior (contours) and draws of the guide")
    plt.savefig("bayesian_logistic.png")


def main():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    y = (rng.random(60) < 1.0 / (1.0 + np.exp(-X @ [1.5, -1.0]))).astype(float)

    fit = vi.fit(
        logistic, vi.FullRank(), X, y, rng=0, estimator="quasi-random",
        optimizer=vi.optim.LBFGS(draws=256),
    )  # fmt: skip
    print(fit.elbo.source)
    print(fit.elbo.grad.source)
    print(f"mean {fit.mean['beta'].round(3)}, sd {fit.sd['beta'].round(3)}")
    bound, error = fit.bound(4000, np.random.default_rng(1))
    evidence = fit.evidence(4000, np.random.default_rng(1))
    print(f"bound {bound:.4f} ({error:.4f}), log evidence about {evidence:.4f}")
    narrow = vi.fit(logistic, vi.MeanField(), X, y, rng=0, steps=800)
    bound, error = narrow.bound(4000, np.random.default_rng(1))
    print(
        f"mean field: sd {narrow.sd['beta'].round(3)}, too small; bound {bound:.4f} ({error:.4f})"
    )
    if find_spec("matplotlib"):
        figure(X, y, fit)


if __name__ == "__main__":
    main()
