"""Inference over many sequences: E-steps, best paths, counts and filters are kernels, and equal to the CPU's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda.device_programs import linear_gaussian

import srcdiff
import srcdiff.cuda
from srcdiff.expfam.chains import hmm_log_Z, io_hmm_log_Z
from srcdiff.runtime.cuda import device_problem
from srcdiff.trees import leaves

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
        rows.append([*leaves(g(*(a if x is None else a[i] for a, x in zip(args, axes, strict=True))))])
    found = srcdiff.cuda.batched(g, axes, reduce)(*args)
    for mine, own in zip(leaves(found), zip(*rows, strict=True), strict=True):
        each = np.stack(own)
        expected = each if reduce is None else each.sum(axis=0)
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reduce", [None, "sum"])
def test_e_steps(reduce: str | None) -> None:
    agree(srcdiff.value_and_grad(hmm_log_Z, jit=False), (None, 0), (HMM, DATA), reduce)
    agree(srcdiff.value_and_grad(io_hmm_log_Z, jit=False), (None, 0, 0), (IO_HMM, INPUTS, DATA), reduce)  # fmt: skip
    smoother = srcdiff.value_and_grad(linear_gaussian, argnums=(0, 1, 2), jit=False)
    args = (np.array([[1.0, 0.1], [0.0, 0.9]]), 0.1 * np.eye(2), 0.5, RNG.normal(size=(N, T)))
    agree(smoother, (None, None, None, 0), args, reduce)


@pytest.mark.parametrize("semiring", ["argmax", "max", "count", "max_marginals", "entropy"])
def test_other_semirings(semiring: str) -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring=semiring, jit=False)
    agree(g, (None, 0), (HMM, DATA))


def test_best_paths() -> None:
    g = srcdiff.transform(hmm_log_Z, "semiring", semiring="kbest", k=2, jit=False)
    agree(g, (None, 0), (HMM, DATA))
    g = srcdiff.transform(io_hmm_log_Z, "semiring", semiring="argmax", jit=False)
    agree(g, (None, 0, 0), (IO_HMM, INPUTS, DATA))
