"""Variational inference that stays on a CUDA device: noise, gradients of the ELBO and steps are kernels.

Needs the extra `cuda` and a device; without them, run it with NUMBA_ENABLE_CUDASIM=1.
"""

import importlib
import sys
import tempfile

import numpy as np
from numba import cuda

import srcdiff
from srcdiff import vi
from srcdiff.runtime.philox import fill_normals


def model(x, y):
    w = vi.sample("w", vi.dist.Normal(0.0, 1.0))
    b = vi.sample("b", vi.dist.Normal(0.0, 1.0))
    vi.sample("y", vi.dist.Normal(w * x + b, 0.5), obs=y)


@cuda.jit
def adam_step(values, gradient, mean, square, t):
    i = cuda.grid(1)
    mean[i] = 0.9 * mean[i] + 0.1 * gradient[i]
    square[i] = 0.99 * square[i] + 0.01 * gradient[i] ** 2
    rate = 0.3 * ((1.0 - 0.99**t) / t) ** 0.5 / (1.0 - 0.9**t)
    values[i] += rate * mean[i] / (square[i] ** 0.5 + 1e-8)


@cuda.jit
def put(values, history, row):
    i = cuda.grid(1)
    history[row, i] = values[i]


def main():
    x, noise = np.random.default_rng(0).normal(size=(2, 20))
    y = 0.7 * x - 0.2 + 0.5 * noise
    bound = vi.elbo(model, vi.MeanField())
    start, folder = bound.init(x, y), tempfile.mkdtemp()
    bound.save(folder, start, np.zeros((1, 2)), x, y)  # files that need NumPy only
    sys.path.insert(0, folder)
    elbo = importlib.import_module("elbo")
    gradient = srcdiff.value_and_grad(elbo.model_elbo, argnums=(0, 1), jit=False)
    run = srcdiff.cuda.batched(gradient, (None, None, 0, None, None), reduce="mean")

    params = [cuda.to_device(p) for p in start]
    moments = [[cuda.to_device(np.zeros(2)) for _ in range(2)] for _ in params]
    eps, x_there, y_there = (cuda.to_device(a) for a in (np.zeros((4, 1, 2)), x, y))
    history = cuda.device_array((30, 2))
    for t in range(1, 31):
        fill_normals(eps, key=1, stream=t)  # four draws
        _, gradients = run(*params, eps, x_there, y_there)
        for p, d_p, m in zip(params, gradients, moments, strict=True):
            adam_step[1, 2](p, d_p, *m, t)
        put[1, 2](params[0], history, t - 1)
    print(run.source)
    A = np.eye(2) + np.array([[x @ x, x.sum()], [x.sum(), 20]]) / 0.25
    exact = np.linalg.solve(A, np.array([x @ y, y.sum()]) / 0.25)
    print("w, b =", params[0].copy_to_host().round(2), "and exactly", exact.round(2))
    assert np.allclose(params[0].copy_to_host(), exact, atol=0.1)
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    for k, name in enumerate("wb"):
        plt.plot(history.copy_to_host()[:, k], color=f"C{k}", label=f"mean of {name}")
        plt.axhline(exact[k], color=f"C{k}", linestyle=":")
    plt.xlabel("step")
    plt.title("SVI on the device; dotted: the exact posterior")
    plt.legend()
    plt.savefig("cuda_svi.png")


main()
