"""From a model down to the kernel: the last file of the stages runs without srcdiff."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

import srcdiff
import srcdiff.cuda
from srcdiff import vi
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem
from srcdiff.vi import dist

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")

X, Y = np.linspace(-1.0, 1.0, 4), np.array([0.4, -1.3, 2.2, 0.7])
SYMBOLS = np.array([0, 1, 1, 0])


def thermometer(y):
    t = vi.sample("t", dist.Normal(20.0, 5.0))
    vi.sample("y", dist.Normal(t, 1.5), obs=y)


def regression(x, y):
    w = vi.sample("w", dist.Normal(0.0, 1.0))
    b = vi.sample("b", dist.Normal(0.0, 1.0))
    s = vi.sample("s", dist.HalfCauchy(1.0))
    vi.sample("y", dist.Normal(w * x + b, s), obs=y)


def chain(symbols):
    """A hidden Markov model of two states, its symbols one by one, with the chance to stay unknown."""
    stay = vi.sample("stay", dist.Beta(2.0, 2.0))
    first = 0.5  # the chance of the first state
    for t in range(4):
        one = 0.2 * first + 0.7 * (1.0 - first)
        vi.sample(f"y{t}", dist.Bernoulli(one), obs=symbols[t])
        first = 0.2 * first / one if t in (1, 2) else 0.8 * first / (1.0 - one)
        first = stay * first + (1.0 - stay) * (1.0 - first)


def squares(x):
    return np.sum(x**2)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (thermometer, (Y,)),
        pytest.param(regression, (X, Y), marks=pytest.mark.slow),
        (chain, (SYMBOLS,)),
    ],
)
def test_the_kernel_is_a_file(model, data, tmp_path) -> None:
    elbo = vi.elbo(model, vi.MeanField(), draws=2, jit=False)
    params, rng = elbo.init(*data), np.random.default_rng(1)
    noise = [vi.noise(elbo, rng) for _ in range(3)]
    files = elbo.save(tmp_path, params, noise[0], *data, kernel=True)
    assert [f.name for f in files] == ["elbo.py", "gradient.py", "loops.py", "kernel.py"]
    text = files[-1].read_text()
    assert "from srcdiff" not in text and "import srcdiff" not in text and "tmp_" not in text
    kernel = runpy.run_path(str(files[-1]))[f"{model.__name__}_elbo_value_and_grad_batch"]
    value, failed = cuda.to_device(np.zeros(3)), cuda.to_device(np.zeros(1, np.int32))
    found = [cuda.to_device(np.zeros((len(p), 3))) for p in params]
    stacked = cuda.to_device(np.stack(noise, axis=-1))
    kernel[1, 3](3, *params, stacked, *data, value, *found, failed)
    for k, eps in enumerate(noise):
        assert value.copy_to_host()[k] == pytest.approx(elbo(params, eps, *data), rel=1e-12)
        for mine, own in zip(found, elbo.grad(params, eps, *data), strict=True):
            np.testing.assert_allclose(mine.copy_to_host()[:, k], own, rtol=1e-10)
    assert not failed.copy_to_host()[0]


def test_a_kernel_of_blocks_is_a_file(tmp_path) -> None:
    run = srcdiff.cuda.batched(srcdiff.value_and_grad(squares), 0, threads_per_item=4)
    args = (np.arange(6.0).reshape(1, 6),)
    path = tmp_path / "kernel.py"
    path.write_text(run.module_text(*args))
    assert "from srcdiff" not in path.read_text()
    kernel = runpy.run_path(str(path))["squares_value_and_grad_batch"]
    value, d_x = cuda.to_device(np.zeros(1)), cuda.to_device(np.zeros((1, 6)))
    kernel[1, 4](1, *args, value, d_x, cuda.to_device(np.zeros(1, np.int32)))
    assert value.copy_to_host()[0] == np.sum(args[0] ** 2)


def test_lengths_of_small_axes_are_numbers() -> None:
    """A check that one is not nothing was printed, and shares of one."""

    def mean(x, eps):
        total = 0.0
        for s in range(len(eps)):
            total += np.sum((x * eps[s]) ** 2)
        return total / len(eps)

    run = srcdiff.cuda.batched(srcdiff.value_and_grad(mean), (None, 0), "mean")
    text = run.source_for(np.zeros(2), np.zeros((3, 1, 2)))
    assert "1 == 0" not in text and "1.0 / 1" not in text
