"""Families compiled: the same numbers as in NumPy, from many families in one compiled function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import expfam
from srcdiff.expfam.core.multivariate_gaussian import multivariate_gaussian_log_Z
from srcdiff.expfam.core.pytree import flatten
from srcdiff.expfam.core.univariate import (
    bernoulli_log_Z,
    beta_log_Z,
    categorical_log_Z,
    dirichlet_log_Z,
    gamma_log_Z,
    gaussian_log_Z,
    poisson_log_Z,
)
from srcdiff.expfam.sequence.chains import (
    chain_log_Z,
    crf_log_Z,
    hmm_log_Z,
    hmm_transition_first_log_Z,
    io_hmm_log_Z,
    semi_markov_log_Z,
)
from srcdiff.expfam.sequence.kalman import lds_log_Z

N = np.random.default_rng(3).normal
DATA, INPUTS = np.array([0, 2, 1, 1, 0]), np.array([0, 1, 1, 0, 1])
HMM = N(size=3), np.where(np.eye(3, k=2), -np.inf, N(size=(3, 3))), N(size=(3, 3))


def single(eta):
    bits, pair, table, vector = eta
    one, two = pair
    total = bernoulli_log_Z(bits) + poisson_log_Z(bits) + gamma_log_Z((one, two))
    total += gaussian_log_Z((one, two)) + beta_log_Z((one, one + 1.0))
    total += categorical_log_Z(bits) + dirichlet_log_Z(one)
    return total + multivariate_gaussian_log_Z((vector, table))


def chains(eta, inputs, data):
    hmm, io_A, log_D, features, lds = eta
    log_pi, log_A, log_B = hmm
    total = hmm_log_Z(hmm, data) + hmm_transition_first_log_Z(hmm, data)
    total += io_hmm_log_Z((log_pi, io_A, log_B), inputs, data)
    total += semi_markov_log_Z((log_pi, log_A, log_D, log_B), data)
    total += crf_log_Z((log_B, log_A), features) + lds_log_Z(lds)
    return total


def system() -> Any:
    y = N(size=(4, 1))
    return expfam.lds.natural(y, np.zeros(2), np.eye(2), 0.5 * np.eye(2), np.eye(2), N(size=(1, 2)), np.eye(1))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("log_Z", "eta", "data"),
    [
        (single, (N(size=3), (np.array([0.5, 1.0]), np.array([-1.0, -0.3])), -np.eye(2) - 0.1, N(size=2)), ()),
        (chains, (HMM, N(size=(2, 3, 3)), N(size=(3, 2)), N(size=(4, 3)), system()), (INPUTS, DATA)),
    ],
    ids=["single", "chains"],
)  # fmt: skip
def test_compiled_families_give_the_same(log_Z: Any, eta: Any, data: Any) -> None:
    value, stats = expfam.e_step(log_Z, jit=False)(eta, *data)
    found, moments = expfam.e_step(log_Z, jit=True)(eta, *data)
    assert found == pytest.approx(value, rel=1e-12)
    assert flatten(moments)[0] == pytest.approx(flatten(stats)[0], rel=1e-10, abs=1e-12)


def test_the_compiled_best_path_is_the_same() -> None:
    eta = N(size=(50, 3)), N(size=(49, 3, 3))
    score, counts = expfam.viterbi(chain_log_Z, jit=True)(eta)
    value, wanted = expfam.viterbi(chain_log_Z, jit=False)(eta)
    assert score == pytest.approx(value)
    assert np.array_equal(flatten(counts)[0], flatten(wanted)[0])


@pytest.mark.slow
def test_compiled_fisher_information_is_the_same() -> None:
    rest = HMM, (DATA,)
    finite = tuple(np.where(np.isfinite(e), e, 0.0) for e in HMM)
    found = expfam.fisher(hmm_log_Z, jit=True)(rest[0], *rest[1], finite)
    wanted = expfam.fisher(hmm_log_Z, jit=False)(rest[0], *rest[1], finite)
    assert flatten(found)[0] == pytest.approx(flatten(wanted)[0], abs=1e-12)
