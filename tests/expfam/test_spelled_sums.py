"""Log-partition functions in many spellings: hand-written log-add-exp, norms added separately, recursion, features."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from expfam import programs
from expfam.test_spellings import CHAIN, DATA, N, flat, tree_terms
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam

# ---- two exponentials, the larger one in front ------------------------------------------------------------


def larger_and_smaller(eta, data):
    log_pi, log_A, log_B = eta
    K = len(log_pi)
    message = [log_pi[k] + log_B[k, data[0]] for k in range(K)]
    for y in data[1:]:
        new = []
        for j in range(K):
            total = message[0] + log_A[0, j]
            for i in range(1, K):
                score = message[i] + log_A[i, j]
                high, low = max(total, score), min(total, score)
                if high > -np.inf:
                    total = high + np.log1p(np.exp(low - high))
            new.append(total + log_B[j, y])
        message = new
    return logsumexp(np.array(message))


def added(a, b):
    if a == -np.inf:
        return b
    if b == -np.inf:
        return a
    if a > b:
        return a + np.log1p(np.exp(b - a))
    return b + np.log(1.0 + np.exp(a - b))


def by_a_textbook_helper(eta, data):
    log_pi, log_A, log_B = eta
    K = len(log_pi)
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        new = np.empty(K)
        for j in range(K):
            total = -np.inf
            for i in range(K):
                total = added(total, message[i] + log_A[i, j])
            new[j] = total + log_B[j, y]
        message = new
    return logsumexp(message)


def stable_sum(a, b):
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))


def chosen(a, b):
    return np.where(a > b, a + np.log1p(np.exp(b - a)), b + np.log1p(np.exp(a - b)))


def by_distance_and_by_choice(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        scores = message[:, None] + log_A
        message = stable_sum(chosen(scores[0], scores[1]), scores[2]) + log_B[:, y]
    return stable_sum(chosen(message[0], message[1]), message[2])


# ---- norms alone ------------------------------------------------------------------------------------------


def norms_alone(eta, data):
    pi, A, B = (np.exp(x) for x in eta)
    message = pi * B[:, data[0]]
    norm = np.einsum("i->", message)
    total, message = np.log(norm), message / norm
    for y in data[1:]:
        message = np.einsum("i,ij->j", message, A) * B[:, y]
        norm = np.einsum("i->", message)
        total += np.log(norm)
        message = message / norm
    return total


def reciprocals_of_norms(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    message, total = pi, 0.0
    for t in range(len(data)):
        if t > 0:
            message = message @ A
        message = message * B[:, data[t]]
        scale = 1.0 / np.sum(message)
        message = message * scale
        total -= np.log(scale)
    return total


# ---- others -----------------------------------------------------------------------------------------------


def begun_in_the_first_iteration(eta, data):
    log_pi, log_A, log_B = eta
    for t in range(len(data)):
        if t == 0:
            message = log_pi + log_B[:, data[t]]
        else:
            message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, data[t]]
    return logsumexp(message)


def recursive_tree(eta, parents):
    nodes, edges = eta

    def up(i):
        belief = nodes[i]
        for child in range(i + 1, len(nodes)):
            if parents[child] == i:
                belief = belief + logsumexp(edges + up(child), axis=1)
        return belief

    return logsumexp(up(0))


FINITE = N(size=3), N(size=(3, 3)), N(size=(3, 3))
PARENTS = np.array([-1, 0, 0, 1])
CASES = {
    f.__name__: (f, CHAIN, DATA, programs.chain_terms)
    for f in (
        larger_and_smaller, by_a_textbook_helper, norms_alone, reciprocals_of_norms, begun_in_the_first_iteration,
    )
}  # fmt: skip
by_hand = by_distance_and_by_choice  # -inf less -inf is NaN in it
CASES[by_hand.__name__] = by_hand, FINITE, DATA, programs.chain_terms
CASES["recursive_tree"] = recursive_tree, (N(size=(4, 2)), N(size=(2, 2))), PARENTS, tree_terms


@pytest.mark.parametrize("name", list(CASES))
def test_best_terms_counts_and_max_marginals(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    stats = np.array([flat(counts) for counts in terms_of(eta, data)])
    potentials = flat(eta)
    weights = stats @ np.where(potentials == -np.inf, 0.0, potentials)
    weights[stats[:, potentials == -np.inf].any(axis=1)] = -np.inf
    p = np.exp(weights - logsumexp(weights))

    value, mean = expfam.e_step(log_Z, jit=False)(eta, data)
    assert value == pytest.approx(logsumexp(weights), abs=1e-10)
    assert flat(mean) == pytest.approx(p @ stats, abs=1e-10)
    order = np.argsort(-weights, kind="stable")[:3]
    scores, found = expfam.kbest(log_Z, 3, jit=False)(eta, data)
    assert scores == pytest.approx(weights[order], abs=1e-10)
    rows = np.concatenate([np.reshape(leaf, (3, -1)) for leaf in found], axis=1)
    assert rows == pytest.approx(stats[order], abs=1e-10)
    assert expfam.count(log_Z, jit=False)(eta, data) == np.sum(weights > -np.inf)
    has = np.where(stats > 0.0, weights[:, None], -np.inf).max(axis=0)
    assert flat(expfam.max_marginals(log_Z, jit=False)(eta, data)) == pytest.approx(has, abs=1e-10)


def test_norms_alone_are_gone_from_what_is_generated() -> None:
    count = srcdiff.transform(norms_alone, "semiring", semiring="count", jit=False)
    text = count.source_for(FINITE, DATA)
    assert "return np.sum(message)" in text
    assert "norm" not in text.replace("norms_alone", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recursive_tree", "norms_alone", "begun_in_the_first_iteration"])
def test_compiled_max_marginals_are_the_same(name: str) -> None:
    log_Z, eta, data, _ = CASES[name]
    plain = expfam.max_marginals(log_Z, jit=False)(eta, data)
    assert flat(expfam.max_marginals(log_Z, jit=True)(eta, data)) == pytest.approx(flat(plain))


# ---- max-marginals of features ----------------------------------------------------------------------------


def test_max_marginals_of_features_are_those_of_paths_that_have_them() -> None:
    weights, log_A = eta = N(size=(2, 3)), N(size=(3, 3))
    features = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.5, 0.0]])
    has = np.full((2, 3), -np.inf), np.full((3, 3), -np.inf)
    for path in itertools.product(range(3), repeat=4):
        moves = list(itertools.pairwise(path))
        score = sum(features[t] @ weights[:, k] for t, k in enumerate(path))
        score += sum(log_A[move] for move in moves)
        for t, k in enumerate(path):
            has[0][features[t] != 0.0, k] = np.maximum(has[0][features[t] != 0.0, k], score)
        for move in moves:
            has[1][move] = max(has[1][move], score)
    found = expfam.crf.max_marginals(eta, features)
    assert flat(found) == pytest.approx(flat(has), abs=1e-10)


def test_numbers_that_potentials_are_multiplied_by_do_not_add_to_max_marginals() -> None:
    def log_Z(eta, spins):
        message = 2.0 * eta[0] * spins
        for _ in range(2):
            message = logsumexp(message[:, None] + eta[1] * spins[:, None] * spins, axis=0)
        return logsumexp(message)

    spins, eta = np.array([-1.0, 1.0]), (0.3, 0.7)
    best = expfam.viterbi(log_Z, jit=False)(eta, spins)[0]
    assert expfam.max_marginals(log_Z, jit=False)(eta, spins) == pytest.approx((best, best))


def test_numbers_that_weights_are_multiplied_by_count_for_max_marginals() -> None:
    p = np.array([0.5, 0.2, 0.3])

    def log_Z(eta):
        message = p * np.exp(eta[0])
        for _ in range(2):
            message = message @ np.exp(eta[1]) * p
        return np.log(message.sum())

    eta = FINITE[:2]
    scores = {
        path: sum(np.log(p[list(path)])) + eta[0][path[0]] + sum(eta[1][m] for m in itertools.pairwise(path))
        for path in itertools.product(range(3), repeat=3)
    }  # fmt: skip
    first = [max(s for path, s in scores.items() if path[0] == k) for k in range(3)]
    assert expfam.max_marginals(log_Z, jit=False)(eta)[0] == pytest.approx(first, abs=1e-10)
