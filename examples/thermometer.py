"""A thermometer by model and guide, both functions, and the steps from one to the other as files."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from srcdiff import vi
from srcdiff.vi import dist


def thermometer(sensor):
    temp = vi.sample("temp", dist.Normal(15.0, 2.0))
    vi.sample("sensor", dist.Normal(temp, 1.0), obs=sensor)


def guide(sensor):
    m = vi.param("m", 15.0)
    s = vi.param("s", 1.0, constraint=vi.constraints.positive)
    vi.sample("temp", dist.Normal(m, s))


def figure(fit):
    import matplotlib.pyplot as plt

    t = np.linspace(13.0, 21.0, 200)
    for mean, sd, label in (
        (15.0, 2.0, "prior"),
        (fit.values["m"], fit.values["s"], "guide"),
        (17.4, np.sqrt(0.8), "posterior"),
    ):
        plt.plot(
            t, np.exp(-0.5 * ((t - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi)), label=label
        )
    plt.axvline(18.0, linestyle=":", label="sensor")
    plt.legend()
    plt.savefig("thermometer.png")


def main():
    fit = vi.fit(thermometer, guide, 18.0, steps=1500, draws=4, rng=0)
    print(fit.elbo.source)
    params, eps = fit.params, vi.noise(fit.elbo, np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as folder:
        for file in fit.elbo.save(Path(folder), params, eps, 18.0):
            print(f"# ---- {file.name}\n{file.read_text()}")
    print(f"found N({fit.values['m']:.3f}, {fit.values['s']:.3f}); exact: N(17.4, 0.894)")
    bound, error = fit.bound(1000, np.random.default_rng(2))
    print(f"bound {bound:.4f} ({error:.4f}), log evidence -2.6237")
    if find_spec("matplotlib"):
        figure(fit)


if __name__ == "__main__":
    main()
