"""Inference over many sequences: E-steps, best paths, counts and filters are kernels, and equal to the CPU's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda.device_programs import linear_gaussian

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.cuda import batches
from srcdiff.errors import CompileWarning
from srcdiff.expfam.sequence.chains import hmm_log_Z, io_hmm_log_Z
from srcdiff.expfam.sequence.kalman import lds_log_Z, natural
from srcdiff.runtime.cuda.numba_cuda_api import device_problem
from srcdiff.runtime.philox import Uniforms

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")

RNG = np.random.default_rng(6)
K, S, T, N = 3, 4, 5, 3
START, SYMBOLS = np.log(RNG.dirichlet(np.ones(K))), np.log(RNG.dirichlet(np.ones(S), K))
HMM = (START, np.log(RNG.dirichlet(np.ones(K), K)), SYMBOLS)
IO_HMM = (START, np.log(RNG.dirichlet(np.ones(K), (2, K))), SYMBOLS)
DATA, INPUTS = RNG.integers(0, S, (N, T)), RNG.integers(0, 2, (N, T))


def agree(g: Any, axes: Any, args: Any, reduce: str | None = None) -> None:
    """The batch gives what items give, one after the other."""
    rows = []
    for i in range(N):
        rows.append(
            [*leaves(g(*(a if x is None else a[i] for a, x in zip(args, axes, strict=True))))]
        )
    found = srcdiff.cuda.batched(g, axes, reduce)(*args)
    for mine, own in zip(leaves(found), zip(*rows, strict=True), strict=True):
        each = np.stack(own)
        expected = each if reduce is None else each.sum(axis=0)
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("reduce", [None, "sum"])
def test_e_steps(reduce: str | None) -> None:
    agree(srcdiff.value_and_grad(hmm_log_Z, jit=False), (None, 0), (HMM, DATA), reduce)
    agree(srcdiff.value_and_grad(io_hmm_log_Z, jit=False), (None, 0, 0), (IO_HMM, INPUTS, DATA), reduce)  # fmt: skip
    smoother = srcdiff.value_and_grad(linear_gaussian, argnums=(0, 1, 2), jit=False)
    args = (np.array([[1.0, 0.1], [0.0, 0.9]]), 0.1 * np.eye(2), 0.5, RNG.normal(size=(N, T)))
    agree(smoother, (None, None, None, 0), args, reduce)


def test_kalman_e_steps_are_smoothers_of_each_sequence() -> None:
    """Expected squares and neighbours' products of all times, from Cholesky factors in the kernel."""
    A, C = np.array([[1.0, 0.1], [0.0, 0.9]]), np.array([[1.0, 0.5]])
    y = RNG.normal(size=(N, T, 1))
    eta = [natural(one, np.zeros(2), np.eye(2), A, 0.1 * np.eye(2), C, np.eye(1)) for one in y]
    init, pairs, _ = eta[0]
    nodes = tuple(np.stack(parts) for parts in zip(*(nodes for _, _, nodes in eta), strict=True))
    e_step = srcdiff.value_and_grad(lds_log_Z, jit=False)
    axes = ((None, None, (0, 0, 0)),)
    run = srcdiff.cuda.batched(e_step, axes)
    total, (_, (_, crosses, _, _), (squares, means, _)) = run((init, pairs, nodes))
    for n in range(N):
        own, (_, (_, own_crosses, _, _), (own_squares, own_means, _)) = e_step(eta[n])
        np.testing.assert_allclose(total[n], own, rtol=1e-12)
        np.testing.assert_allclose(crosses[n], own_crosses, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(squares[n], own_squares, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(means[n], own_means, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("semiring", ["argmax", "max", "count", "max_marginals", "entropy"])
def test_other_semirings(semiring: str) -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring=semiring, jit=False)
    agree(g, (None, 0), (HMM, DATA))


def test_best_paths() -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring="kbest", k=2, jit=False)
    agree(g, (None, 0), (HMM, DATA))
    g = srcdiff.transform(io_hmm_log_Z, "semiring", semiring="argmax", jit=False)
    agree(g, (None, 0, 0), (IO_HMM, INPUTS, DATA))


@pytest.mark.parametrize("threads", [1, 4])
def test_samples_are_those_of_the_cpu(threads: int) -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring="sample", jit=False)
    keys = np.array([3, 1 << 40, 7])
    run = srcdiff.cuda.batched(g, (None, 0, 0), threads_per_item=threads)
    value, counts = run(HMM, DATA, keys)
    for i in range(N):
        expected, own = g(HMM, DATA[i], Uniforms(int(keys[i])))
        assert value[i] == pytest.approx(expected, rel=1e-12)
        for mine, theirs in zip(counts, own, strict=True):
            np.testing.assert_array_equal(mine[i], theirs)
    with pytest.raises(TypeError, match="rng is a generator of random numbers"):
        srcdiff.cuda.batched(g, (None, 0, None))(HMM, DATA, RNG)


def test_samples_have_the_frequencies_of_states() -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring="sample", jit=False)
    draws = 400
    run = srcdiff.cuda.batched(g, (None, None, 0), threads_per_item=1)
    _, (starts, moves, _) = run(HMM, DATA[0], np.arange(draws))
    _, (d_pi, d_A, _) = srcdiff.value_and_grad(hmm_log_Z, jit=False)(HMM, DATA[0])
    np.testing.assert_allclose(starts.mean(axis=0), d_pi, atol=4 * 0.5 / np.sqrt(draws))
    np.testing.assert_allclose(moves.mean(axis=0), d_A, atol=4 * T / 2 / np.sqrt(draws))


def test_without_a_device_samples_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring="sample", jit=False)
    keys = np.arange(N)
    _, counts = srcdiff.cuda.batched(g, (None, 0, 0))(HMM, DATA, keys)
    monkeypatch.setattr(batches, "device_problem", lambda: ("there is no CUDA device", "Get one."))
    with pytest.warns(CompileWarning, match="items run on the CPU"):
        _, own = srcdiff.cuda.batched(g, (None, 0, 0), fallback="cpu")(HMM, DATA, keys)
    for mine, theirs in zip(counts, own, strict=True):
        np.testing.assert_array_equal(mine, theirs)
