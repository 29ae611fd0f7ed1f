"""Sums that helpers add up in explicit loops, with maxima by comparison, and norms that helpers take off: all terms."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from expfam import programs
from expfam.test_own_programs import Terms, flat, flat_each, forbidding, p_value
from scipy.special import logsumexp

from srcdiff import expfam

N = np.random.default_rng(909).normal


# ---- helpers as people write them -------------------------------------------------------------------------


def log_sum(xs):
    top = -np.inf
    for x in xs:
        if x > top:
            top = x
    if top == -np.inf:
        return top
    total = 0.0
    for x in xs:
        total += np.exp(x - top)
    return np.log(total) + top


def log_sums(scores):
    out = np.empty(scores.shape[1])
    for j in range(scores.shape[1]):
        out[j] = log_sum(scores[:, j])
    return out


def log_add(a, b):
    top = max(a, b)
    if top == -np.inf:
        return top
    return top + np.log(np.exp(a - top) + np.exp(b - top))


# ---- a hidden semi-Markov chain, a lattice of edges, words of a grammar with rules on a list ------------------


def segments(eta, data):
    log_pi, log_A, log_D, log_B = eta
    T, K, longest = len(data), len(log_pi), log_D.shape[1]
    ends = np.full((T + 1, K), -np.inf)
    for t in range(1, T + 1):
        scores = np.full((longest, K), -np.inf)
        emitted = np.zeros(K)
        for d in range(1, min(longest, t) + 1):
            emitted = emitted + log_B[:, data[t - d]]
            before = log_pi if t == d else log_sums(ends[t - d][:, None] + log_A)
            scores[d - 1] = before + log_D[:, d - 1] + emitted
        ends[t] = log_sums(scores)
    return log_sum(ends[T])


def segment_terms(eta: Any, data: Any) -> Any:
    def rest(t: int) -> Any:
        if t == len(data):
            yield []
        for d, k in itertools.product(range(1, eta[2].shape[1] + 1), range(len(eta[0]))):
            if t + d <= len(data):
                yield from ([(t, d, k), *more] for more in rest(t + d))

    for parts in rest(0):
        counts = [np.zeros_like(x) for x in eta]
        counts[0][parts[0][2]] += 1.0
        for (_, _, i), (_, _, j) in itertools.pairwise(parts):
            counts[1][i, j] += 1.0
        for t, d, k in parts:
            counts[2][k, d - 1] += 1.0
            for y in data[t : t + d]:
                counts[3][k, y] += 1.0
        yield counts


def lattice(log_weights, tails, heads):
    alpha = np.full(heads.max() + 1, -np.inf)
    alpha[0] = 0.0
    for e in range(len(tails)):
        alpha[heads[e]] = log_add(alpha[heads[e]], alpha[tails[e]] + log_weights[e])
    return alpha[-1]


def lattice_terms(log_weights: Any, tails: Any, heads: Any) -> Any:
    def upto(node: int) -> Any:
        if node == 0:
            yield np.zeros_like(log_weights)
        for e in np.flatnonzero(heads == node):
            for counts in upto(tails[e]):
                counts[e] += 1.0
                yield counts

    return upto(heads.max())


EDGES = np.array([0, 0, 0, 1, 1, 2, 3, 2, 3]), np.array([1, 2, 3, 2, 3, 3, 4, 4, 4])


# ---- norms that two helpers find, and that are written twice ----------------------------------------------


def normalised_by_helpers(eta, data):
    def norm_of(message):
        return logsumexp(message)

    def normalised(message):
        return message - norm_of(message)

    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    total = norm_of(message)
    message = normalised(message)
    for y in data[1:]:
        message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        total += norm_of(message)
        message = normalised(message)
    return total


def normalised_in_two_words(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    total = logsumexp(message)
    message = message - np.logaddexp.reduce(message)
    for y in data[1:]:
        message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        total += np.log(np.sum(np.exp(message)))
        message = message - logsumexp(message)
    return total


DATA = np.array([2, 0, 1, 1])
CHAIN = N(size=3), forbidding(N(size=(3, 3)), (0, 1)), forbidding(N(size=(3, 3)), (1, 1))
SEGMENTS = (
    forbidding(N(size=2), 1), N(size=(2, 2)), forbidding(N(size=(2, 3)), (0, 1)), N(size=(2, 3)),
)  # fmt: skip
CASES = {
    "segments": (segments, SEGMENTS, (DATA,), segment_terms),
    "lattice": (lattice, forbidding(N(size=9), 4), EDGES, lattice_terms),
    "normalised_by_helpers": (normalised_by_helpers, CHAIN, (DATA,), programs.chain_terms),
    "normalised_in_two_words": (normalised_in_two_words, CHAIN, (DATA,), programs.chain_terms),
}


@pytest.mark.parametrize("name", CASES)
def test_all_algorithms_are_those_of_all_terms(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    terms = Terms(eta, terms_of(eta, *data))
    value, found = expfam.e_step(log_Z, jit=False)(eta, *data)
    assert value == pytest.approx(logsumexp(terms.weights), abs=1e-10)
    assert flat(found) == pytest.approx(terms.p @ terms.stats, abs=1e-10)
    score, found = expfam.viterbi(log_Z, jit=False)(eta, *data)
    best = np.argmax(terms.weights)
    assert score == pytest.approx(terms.weights[best], abs=1e-10)
    assert flat(found) == pytest.approx(terms.stats[best], abs=1e-10)

    order = np.argsort(-terms.weights, kind="stable")[:4]
    scores, found = expfam.kbest(log_Z, 4, jit=False)(eta, *data)
    assert scores == pytest.approx(terms.weights[order], abs=1e-10)
    assert flat_each(found, 4) == pytest.approx(terms.stats[order], abs=1e-10)
    assert expfam.count(log_Z, jit=False)(eta, *data) == np.sum(terms.weights > -np.inf)
    has = np.where(terms.stats > 0.0, terms.weights[:, None], -np.inf).max(axis=0)
    assert flat(expfam.max_marginals(log_Z, jit=False)(eta, *data)) == pytest.approx(has, abs=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_draws_are_terms_with_their_weights(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    terms = Terms(eta, terms_of(eta, *data))
    drawn = expfam.sample(log_Z, jit=False)(eta, np.random.default_rng(3), 200, *data)
    assert p_value(flat_each(drawn, 200), terms) > 1e-4
