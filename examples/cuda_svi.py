"""Variational inference on a CUDA device, or with NUMBA_ENABLE_CUDASIM=1: noise, gradients and steps are kernels."""

import contextlib
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
def adam_step(values, gradient, mean, square, history, t):
    i = cuda.grid(1)
    mean[i] = 0.9 * mean[i] + 0.1 * gradient[i]
    square[i] = 0.99 * square[i] + 0.01 * gradient[i] ** 2
    rate = 0.3 * ((1.0 - 0.99**t) / t) ** 0.5 / (1.0 - 0.9**t)
    values[i] += rate * mean[i] / (square[i] ** 0.5 + 1e-8)
    history[t - 1, i] = values[i]


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
states = [[cuda.to_device(np.zeros(n)) for n in (2, 2, (30, 2))] for _ in params]
eps, x_there, y_there = (cuda.to_device(a) for a in (np.zeros((4, 1, 2)), x, y))
for t in range(1, 31):
    fill_normals(eps, key=1, stream=t)  # four draws
    _, gradients = run(*params, eps, x_there, y_there)
    for p, d_p, state in zip(params, gradients, states, strict=True):
        adam_step[1, 2](p, d_p, *state, t)
print(run.source)
A = np.eye(2) + np.array([[x @ x, x.sum()], [x.sum(), 20]]) / 0.25
exact = np.linalg.solve(A, np.array([x @ y, y.sum()]) / 0.25)
print("w, b =", params[0].copy_to_host().round(2), "and exactly", exact.round(2))
assert np.allclose(params[0].copy_to_host(), exact, atol=0.1)
with contextlib.suppress(ImportError):  # pip install srcdiff[plot]
    from matplotlib import pyplot as plt

    plt.subplot(xlabel="step", ylabel="means of w (above) and b, and exact ones (dotted)")
    plt.plot(range(30), states[0][2].copy_to_host(), "-", range(30), [[*exact]] * 30, "k:")
    plt.savefig("cuda_svi.png")
