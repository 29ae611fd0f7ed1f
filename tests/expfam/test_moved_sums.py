"""Sums of exponentials that change places before they are summed again: diagonals, rotations, rows picked by arrays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from expfam.test_own_programs import Terms, flat, flat_each
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam

N = np.random.default_rng(777).normal


def ring(eta, n):
    log_nodes, log_pairs = eta
    M = np.exp(log_pairs + log_nodes)
    P = np.eye(2)
    for _ in range(n):
        P = P @ M
    return np.log(np.trace(P))


def ring_of_logarithms(eta, n):
    log_nodes, log_pairs = eta
    M = log_pairs + log_nodes
    P = M
    for _ in range(n - 1):
        P = logsumexp(P[:, :, None] + M, axis=1)
    return logsumexp(np.diag(P))


def ring_terms(eta: Any, n: int) -> Iterator[Any]:
    for spins in itertools.product(range(2), repeat=n):
        nodes, pairs = np.zeros(2), np.zeros((2, 2))
        for a, b in zip(spins, (*spins[1:], spins[0]), strict=True):
            nodes[b] += 1.0
            pairs[a, b] += 1.0
        yield nodes, pairs


def rolled(log_weights, size):
    f = np.full(size + 1, -np.inf)
    f[0] = 0.0
    for x in log_weights:
        taken = np.roll(f, 1) + x
        taken[0] = -np.inf
        f = np.logaddexp(f, taken)
    return f[size]


def flipped(log_weights, size):
    f = np.full(size + 1, -np.inf)
    f[size] = 0.0
    for x in log_weights:
        f[:-1] = np.logaddexp(f[:-1], f[1:] + x)
    return np.flip(f)[size]


def subset_terms(log_weights: Any, size: int) -> Iterator[Any]:
    for chosen in itertools.combinations(range(len(log_weights)), size):
        yield np.isin(np.arange(len(log_weights)), chosen).astype(float)


SIZES = np.array([2, 1, 3, 2])


def knapsack_by_slices(values, room):
    f = np.full(room + 1, -np.inf)
    f[0] = 0.0
    for x, size in zip(values, SIZES, strict=True):
        without = f.copy()
        without[size:] = np.logaddexp(f[size:], f[:-size] + x)
        f = without
    return logsumexp(f)


def knapsack_by_places(values, room):
    filled = np.arange(room + 1)
    f = np.where(filled == 0, 0.0, -np.inf)
    for i in range(len(values)):
        taken = np.where(filled >= SIZES[i], f[filled - SIZES[i]] + values[i], -np.inf)
        f = np.logaddexp(f, taken)
    return logsumexp(f)


def knapsack_terms(values: Any, room: int) -> Iterator[Any]:
    for chosen in itertools.product((0.0, 1.0), repeat=len(values)):
        if np.dot(chosen, SIZES) <= room:
            yield np.array(chosen)


PERMUTATIONS = np.array(list(itertools.permutations(range(3))))


def permanent(scores, rows):
    return logsumexp(scores[rows, PERMUTATIONS].sum(axis=1))


def permanent_terms(scores: Any, rows: Any) -> Iterator[Any]:
    for columns in itertools.permutations(range(3)):
        yield np.eye(3)[list(columns)]


MAGNET = N(size=2), N(size=(2, 2))
SCORES = N(size=(3, 3))
SCORES[0, 2] = -np.inf
CASES: dict[str, Any] = {
    "ring": (ring, MAGNET, 4, ring_terms),
    "ring_of_logarithms": (ring_of_logarithms, MAGNET, 4, ring_terms),
    "rolled": (rolled, N(size=5), 2, subset_terms),
    "flipped": (flipped, N(size=5), 2, subset_terms),
    "knapsack_by_slices": (knapsack_by_slices, N(size=4), 5, knapsack_terms),
    "knapsack_by_places": (knapsack_by_places, N(size=4), 5, knapsack_terms),
    "permanent": (permanent, SCORES, np.arange(3), permanent_terms),
}


@pytest.mark.parametrize("name", list(CASES))
def test_all_algorithms_are_those_of_all_terms(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    terms = Terms(eta, terms_of(eta, data))
    order = np.argsort(-terms.weights, kind="stable")[:3]
    score, found = expfam.viterbi(log_Z, jit=False)(eta, data)
    assert score == pytest.approx(terms.weights[order[0]], abs=1e-10)
    assert flat(found) == pytest.approx(terms.stats[order[0]], abs=1e-10)
    scores, found = expfam.kbest(log_Z, 3, jit=False)(eta, data)
    assert scores == pytest.approx(terms.weights[order], abs=1e-10)
    potentials = np.where(flat(eta) == -np.inf, 0.0, flat(eta))
    assert flat_each(found, 3) @ potentials == pytest.approx(scores, abs=1e-10)
    assert expfam.count(log_Z, jit=False)(eta, data) == np.sum(terms.weights > -np.inf)
    has = np.where(terms.stats > 0.0, terms.weights[:, None], -np.inf).max(axis=0)
    found = expfam.max_marginals(log_Z, jit=False)(eta, data)
    assert flat(found) == pytest.approx(has, abs=1e-10)
    drawn = flat_each(
        expfam.sample(log_Z, jit=False)(eta, np.random.default_rng(1), 500, data), 500
    )
    assert np.abs(drawn.mean(axis=0) - terms.p @ terms.stats) == pytest.approx(0.0, abs=0.25)
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in terms.stats}


def test_elements_of_a_matrix_of_sums_off_its_diagonal_are_refused() -> None:
    def beside(eta):
        return logsumexp(np.diag(logsumexp(eta[:, :, None] + eta, axis=1), 1))

    assert expfam.viterbi(beside, jit=False)(SCORES)[0] < 10.0
    with pytest.raises(srcdiff.UnsupportedError, match="`diag` is applied"):
        expfam.kbest(beside, 2, jit=False)(SCORES)
    with pytest.raises(srcdiff.UnsupportedError, match="`add_diagonal` is applied"):
        expfam.max_marginals(beside, jit=False)(SCORES)
