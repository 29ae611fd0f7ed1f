"""A variational autoencoder of digits with a latent plane: the decoder is a model, the encoder its guide."""

import importlib.util
import sys

import numpy as np
from scipy.special import expit

from srcdiff import vi
from srcdiff.vi import dist

rng, START = np.random.default_rng(0), {}


def layer(name, x):
    return x @ vi.param(name, START[name]) + vi.param(name + "_b", np.zeros(START[name].shape[1]))


def decoder(x):
    z = vi.sample("z", dist.Normal(np.zeros((len(x), 2)), 1.0))
    h = np.maximum(layer("second", np.maximum(layer("first", z), 0.0)), 0.0)
    vi.sample("x", dist.Bernoulli(logits=layer("logits", h)), obs=x)


def encoder(x):
    h = np.maximum(layer("inner", x), 0.0)
    vi.sample("z", dist.Normal(layer("loc", h), np.exp(layer("log_scale", h) - 1.0)))


def pictures():  # MNIST's, if its file is named; scikit-learn's digits; or discs, if that is missing
    if len(sys.argv) > 1:
        return (vi.read_idx(sys.argv[1])[::12] > 127).reshape(-1, 784).astype(float)
    if importlib.util.find_spec("sklearn"):
        digits = importlib.import_module("sklearn.datasets").load_digits()
        return rng.permutation((digits.data > 8.0).astype(float))
    (i, j), (a, b) = np.mgrid[-3.5:4, -3.5:4].reshape(2, -1), 2.0 * rng.normal(size=(2, 900, 1))
    return (np.hypot(i - a, j - b) < 2.5).astype(float)


def main():
    x, new = np.split(pictures(), [-300])
    D = x.shape[1]
    names = "inner", "loc", "log_scale", "first", "second", "logits"
    for name, m, k in zip(names, (D, 128, 128, 2, 64, 256), (128, 2, 2, 64, 256, D), strict=True):
        START[name] = rng.normal(size=(m, k)) / np.sqrt(m)
    fit = vi.fit(decoder, encoder, x, batch_size=100, steps=500, optimizer=vi.optim.Adam(0.003))
    print(fit.elbo.grad.source, "bound of what was seen:", fit.bounds[-1] / len(x))
    print("new ones:", fit.elbo(fit.params, vi.noise(fit.elbo, rng, new), new) / len(new), "each")
    if importlib.util.find_spec("matplotlib"):
        v, z = fit.values, np.mgrid[-2:2:12j, -2:2:12j].reshape(2, -1).T
        for name in ("first", "second"):
            z = np.maximum(z @ v[name] + v[name + "_b"], 0.0)
        p = expit(z @ v["logits"] + v["logits_b"]).reshape(12, 12, -1, int(D**0.5))
        image = importlib.import_module("matplotlib.image")
        image.imsave("vae_digits.png", np.block([list(row) for row in p]), cmap="gray")


if __name__ == "__main__":
    main()
