"""Loops that stay on the device, beside libraries: steps of SVI, iterations of EM, an adjoint kernel.

Rows of `benchmarks/gpu.py`. Each is checked against the CPU first; then what it does in one step is timed, and what
NumPyro, dynamax or Warp does for the same, in the same process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import cuda

import srcdiff
from srcdiff.expfam.sequence.chains import hmm_log_Z
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator
from srcdiff.runtime.philox import fill_normals, normals

__all__ = ["LOOPS", "Loop"]

Step = Callable[[], Any]
_BLOCK = 4 if is_simulator() else 128


@dataclass
class Loop:
    """One row: what a step is, what shows that it is right, and how a library takes one."""

    name: str
    step: Step
    check: Callable[[], None]
    library: str
    in_library: Callable[[], tuple[Step, Callable[[Any], Any]]]  # a step, and what waits for it
    found: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: bool = False


# ---- SVI: logistic regression with a normal distribution for each weight -----------------------------------------


def bound_of_point(loc, log_scale, eps, x, y, share):
    """The part of the bound that a data point has."""
    w = loc + np.exp(log_scale) * eps
    logit = np.sum(w * x)
    return y * logit - np.logaddexp(0.0, logit) + share * np.sum(log_scale - 0.5 * w * w)


@cuda.jit
def adam_step(values, gradient, mean, square, rate):
    for i in range(cuda.grid(1), values.shape[0], cuda.gridsize(1)):
        mean[i] = 0.9 * mean[i] + 0.1 * gradient[i]
        square[i] = 0.999 * square[i] + 0.001 * gradient[i] ** 2
        values[i] += rate * mean[i] / (math.sqrt(square[i]) + 1e-8)


def svi(quick: bool) -> Loop:
    count, d = (6, 2) if quick else (4096, 64)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, d))
    y = (rng.random(count) < 1.0 / (1.0 + np.exp(-x[:, 0]))).astype(float)
    gradient = srcdiff.value_and_grad(bound_of_point, argnums=(0, 1), jit=False)
    batch = srcdiff.cuda.batched(gradient, (None, None, None, 0, 0, None), "sum")
    params = [cuda.to_device(np.zeros(d)) for _ in range(2)]
    moments = [[cuda.to_device(np.zeros(d)) for _ in range(2)] for _ in params]
    eps, x_there, y_there = (cuda.to_device(a) for a in (np.zeros(d), x, y))
    steps = [0]

    def step() -> Any:
        fill_normals(eps, key=1, stream=steps[0])
        steps[0] += 1
        found = batch(*params, eps, x_there, y_there, 1.0 / count)
        for p, d_p, m in zip(params, found[1], moments, strict=True):
            adam_step[1, _BLOCK](p, d_p, *m, 0.01)
        return found

    def check() -> None:
        value, found = step()
        noise, start = normals(d, key=1, stream=0), np.zeros(d)
        each = [gradient(start, start, noise, x[i], y[i], 1.0 / count) for i in range(count)]
        np.testing.assert_allclose(value.copy_to_host(), sum(v for v, _ in each), rtol=1e-9)
        for k, d_p in enumerate(found):
            np.testing.assert_allclose(
                d_p.copy_to_host(), sum(g[k] for _, g in each), rtol=1e-8, atol=1e-10
            )

    def in_numpyro() -> tuple[Step, Callable[[Any], Any]]:
        import jax
        import numpyro
        from numpyro import distributions as dist
        from numpyro.infer import SVI, Trace_ELBO
        from numpyro.infer.autoguide import AutoNormal

        def model(x: Any, y: Any) -> None:
            w = numpyro.sample("w", dist.Normal(0.0, 1.0).expand([d]).to_event(1))
            numpyro.sample("y", dist.Bernoulli(logits=x @ w).to_event(1), obs=y)

        fit = SVI(model, AutoNormal(model), numpyro.optim.Adam(0.01), Trace_ELBO())
        on_device = jax.numpy.asarray(x), jax.numpy.asarray(y)
        state = [fit.init(jax.random.PRNGKey(0), *on_device)]
        update = jax.jit(fit.update)

        def step() -> Any:
            state[0], loss = update(state[0], *on_device)
            return loss

        return step, jax.block_until_ready

    return Loop(f"SVI step, {count} points, {d} weights", step, check, "NumPyro", in_numpyro)


# ---- EM: a hidden Markov model ---------------------------------------------------------------------------------


@cuda.jit
def m_step(counts, log_p):
    for i in range(cuda.grid(1), counts.shape[0], cuda.gridsize(1)):
        total = 0.0
        for k in range(counts.shape[1]):
            total += counts[i, k]
        for k in range(counts.shape[1]):
            log_p[i, k] = math.log(counts[i, k] / total)


def em(quick: bool) -> Loop:
    count, T, K, S = (3, 5, 2, 3) if quick else (4096, 200, 16, 32)
    rng = np.random.default_rng(0)
    start = [np.log(rng.dirichlet(np.ones(n), m)) for n, m in ((K, 1), (K, K), (S, K))]
    data = rng.integers(0, S, (count, T))
    gradient = srcdiff.value_and_grad(hmm_log_Z, jit=False)
    e_step = srcdiff.cuda.batched(gradient, (None, 0), "sum")
    log_pi, log_A, log_B = there = [cuda.to_device(p) for p in start]
    sequences = cuda.to_device(data)

    def step() -> Any:
        found, counts = e_step((log_pi.reshape(K), log_A, log_B), sequences)
        for c, log_p in zip(counts, there, strict=True):
            m_step[1, _BLOCK](c.reshape(log_p.shape), log_p)
        return found

    def check() -> None:
        few = srcdiff.cuda.batched(gradient, (None, 0), "sum")
        eta = (start[0][0], *start[1:])
        _, counts = few(eta, data[:3])
        each = [gradient(eta, s)[1] for s in data[:3]]
        for k, c in enumerate(counts):
            np.testing.assert_allclose(c, sum(g[k] for g in each), rtol=1e-8, atol=1e-10)
        before, after = step().copy_to_host(), step().copy_to_host()
        assert after > before, "EM goes up"
        for log_p in there:
            np.testing.assert_allclose(np.exp(log_p.copy_to_host()).sum(axis=1), 1.0, rtol=1e-10)

    def in_dynamax() -> tuple[Step, Callable[[Any], Any]]:
        import jax
        from dynamax.hidden_markov_model import CategoricalHMM

        flat = ("initial_probs", "transition_matrix", "emission_prior")  # maximum likelihood
        hmm = CategoricalHMM(K, 1, S, **{f"{name}_concentration": 1.0 for name in flat})
        params, props = hmm.initialize(
            jax.random.PRNGKey(0),
            initial_probs=jax.numpy.exp(start[0][0]),
            transition_matrix=jax.numpy.exp(start[1]),
            emission_probs=jax.numpy.exp(start[2])[:, None],
        )
        emissions = jax.numpy.asarray(data)[:, :, None]
        statistics = jax.jit(jax.vmap(hmm.e_step, in_axes=(None, 0)))
        kept = [params, hmm.initialize_m_step_state(params, props)]

        def step() -> Any:
            found, values = statistics(kept[0], emissions)
            kept[0], kept[1] = hmm.m_step(kept[0], props, found, kept[1])
            return values

        own, _ = srcdiff.cuda.batched(gradient, (None, 0), "sum")((start[0][0], *start[1:]), data)
        np.testing.assert_allclose(np.sum(step()), own, rtol=1e-6)
        return step, jax.block_until_ready

    name = f"EM iteration, N={count} T={T} K={K}"
    return Loop(name, step, check, "dynamax", in_dynamax)


# ---- an adjoint kernel -------------------------------------------------------------------------------------------


@cuda.jit
def potential(x, weight, energy):
    i = cuda.grid(1)
    if i < x.shape[0]:
        e = 0.0
        for j in range(x.shape[0]):
            r2 = 1.0
            for k in range(3):
                r2 += (x[i, k] - x[j, k]) ** 2
            e += weight[j] / math.sqrt(r2)
        energy[i] = e


def kernels(quick: bool) -> Loop:
    n = 6 if quick else 8192
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(n, 3)), rng.random(n)
    adjoint = srcdiff.cuda.adjoint(potential)
    given = [cuda.to_device(a) for a in (x, weight, np.zeros(n))]
    d_x, d_weight = (cuda.to_device(np.zeros_like(a)) for a in (x, weight))
    d_energy, ones = cuda.to_device(np.ones(n)), cuda.to_device(np.ones(n))
    launch = adjoint[-(-n // _BLOCK), _BLOCK]

    def step() -> Any:
        d_energy.copy_to_device(ones)  # the adjoint of what is stored is cleared
        launch(*given, d_x, d_weight, d_energy)
        return d_x

    def check() -> None:
        step()
        difference = x[:, None] - x
        r = 1.0 / np.sqrt(1.0 + np.sum(difference**2, axis=2))
        np.testing.assert_allclose(d_weight.copy_to_host(), r.sum(axis=0), rtol=1e-9)
        both = r**3 * (weight[:, None] + weight)
        expected = -np.sum(both[:, :, None] * difference, axis=1)
        np.testing.assert_allclose(d_x.copy_to_host(), expected, rtol=1e-7, atol=1e-7)

    def in_warp() -> tuple[Step, Callable[[Any], Any]]:
        import warp as wp

        from benchmarks.warp_kernels import potential as in_warp

        given = [wp.array(a, device="cuda", requires_grad=True) for a in (x, weight, np.zeros(n))]
        shadows = [wp.zeros_like(a) for a in given[:2]]
        seed = wp.array(np.ones(n), device="cuda")

        def step() -> Any:
            return wp.launch(
                in_warp,
                dim=n,
                inputs=given[:2],
                outputs=given[2:],
                adj_inputs=shadows,
                adj_outputs=[seed],
                adjoint=True,
                device="cuda",
            )

        step()
        wp.synchronize()
        np.testing.assert_allclose(shadows[1].numpy(), d_weight.copy_to_host(), rtol=1e-6)
        return step, lambda _: wp.synchronize()

    return Loop(f"adjoint kernel, {n} bodies", step, check, "Warp", in_warp)


LOOPS: dict[str, Callable[[bool], Loop]] = {"svi": svi, "em": em, "kernels": kernels}
