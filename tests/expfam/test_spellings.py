"""Programs whose sums, products and norms are spelled in further ways: best terms, counts and max-marginals of each."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from expfam import programs
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam

N = np.random.default_rng(4242).normal
DATA = np.array([2, 0, 1])


# ---- chains: norms that are taken off and added up, products by letters, lists, axes moved about ------------


def scaled_by_letters(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    message, total = pi * B[:, data[0]], 0.0
    for y in data[1:]:
        norm = message.sum()
        total += np.log(norm)
        message = np.einsum("i,ij,j->j", message / norm, A, B[:, y])
    return total + np.log(message.sum())


def normalised_an_iteration_late(eta, data):
    log_pi, log_A, log_B = eta
    message, total = log_pi + log_B[:, data[0]], 0.0
    norm = logsumexp(message)
    for y in data[1:]:
        message = message - norm
        total += norm
        message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        norm = logsumexp(message)
    return total + logsumexp(message)


def all_messages_on_a_list(eta, data):
    log_pi, log_A, log_B = eta
    messages = [log_pi + log_B[:, data[0]]]
    for y in data[1:]:
        messages.append(logsumexp(messages[-1][:, None] + log_A, axis=0) + log_B[:, y])
    return logsumexp(messages[-1])


def a_state_at_a_time(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        message = np.stack([logsumexp(message + to) for to in log_A.T]) + log_B[:, y]
    return logsumexp(message)


def columns_and_axes_swapped(eta, data):
    log_pi, log_A, log_B = eta
    message = (log_pi + log_B[:, data[0]])[:, None]
    for y in data[1:]:
        scores = np.swapaxes(message + log_A, 0, 1)
        scores = np.moveaxis(scores, 0, 1)
        message = logsumexp(scores, axis=0, keepdims=True).T + log_B[:, [y]]
    return logsumexp(message)


# ---- others ------------------------------------------------------------------------------------------


def side_by_side(eta, data):
    """Sequences of one length, one a row."""
    log_pi, log_A, log_B = eta
    messages = log_pi + log_B.T[data[:, 0]]
    for t in range(1, data.shape[1]):
        messages = logsumexp(messages[:, :, None] + log_A, axis=1) + log_B.T[data[:, t]]
    return np.sum(logsumexp(messages, axis=1))


def one_after_the_other(eta, data):
    log_pi, log_A, log_B = eta
    total = 0.0
    for sequence in data:
        message = log_pi + log_B[:, sequence[0]]
        for y in sequence[1:]:
            norm = message.max()
            message = message - norm
            total += norm
            message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        total += logsumexp(message)
    return total


def several_terms(eta: Any, data: Any) -> Any:
    for both in itertools.product(*(list(programs.chain_terms(eta, row)) for row in data)):
        yield [sum(leaf) for leaf in zip(*both, strict=True)]


def two_chains(eta, data):
    """Both give the symbols."""
    p, q, A, B, C = [np.exp(x) for x in eta]
    message = np.einsum("i,j,ij->ij", p, q, C[:, :, data[0]])
    for y in data[1:]:
        message = np.einsum("ij,ia,jb,ab->ab", message, A, B, C[:, :, y])
    return np.log(message.sum())


def terms_of_two_chains(eta: Any, data: Any) -> Any:
    for a, b in itertools.product(itertools.product(range(2), repeat=len(data)), repeat=2):
        counts = [np.zeros_like(x) for x in eta]
        counts[0][a[0]] += 1.0
        counts[1][b[0]] += 1.0
        for leaf, path in ((counts[2], a), (counts[3], b)):
            for move in itertools.pairwise(path):
                leaf[move] += 1.0
        for place in zip(a, b, data, strict=True):
            counts[4][place] += 1.0
        yield counts


def tree_with_a_last_branch(eta, parents):
    nodes, edges = eta
    up = np.zeros(nodes.shape)
    for i in reversed(range(len(nodes))):
        belief = nodes[i] + up[i]
        if i > 0:
            message = np.logaddexp.reduce(edges + belief, axis=1)
            up[parents[i]] = up[parents[i]] + message
        else:
            total = np.logaddexp.reduce(belief)
    return total


def tree_terms(eta: Any, parents: Any) -> Any:
    for states in itertools.product(range(2), repeat=len(parents)):
        counts = [np.zeros_like(x) for x in eta]
        for i, k in enumerate(states):
            counts[0][i, k] += 1.0
            if i:
                counts[1][states[parents[i]], k] += 1.0
        yield counts


def forbidding(leaf: Any, *places: Any) -> Any:
    for place in places:
        leaf[place] = -np.inf
    return leaf


CHAIN = (
    forbidding(N(size=3), 1), forbidding(N(size=(3, 3)), (0, 1), (1, 1)), forbidding(N(size=(3, 3)), (1, 1)),
)  # fmt: skip
ROWS = np.array([[2, 0, 1], [1, 0, 0]])
CASES = {
    f.__name__: (f, CHAIN, DATA, programs.chain_terms)
    for f in (
        scaled_by_letters, normalised_an_iteration_late, all_messages_on_a_list, a_state_at_a_time, columns_and_axes_swapped,
    )
}  # fmt: skip
for several in (side_by_side, one_after_the_other):
    CASES[several.__name__] = several, CHAIN, ROWS, several_terms
CASES["two_chains"] = (
    two_chains, (N(size=2), N(size=2), N(size=(2, 2)), N(size=(2, 2)), N(size=(2, 2, 3))), DATA, terms_of_two_chains,
)  # fmt: skip
PARENTS = np.array([-1, 0, 0, 1])
CASES["tree"] = tree_with_a_last_branch, (N(size=(4, 2)), N(size=(2, 2))), PARENTS, tree_terms


def flat(tree: Any) -> Any:
    return np.concatenate([np.ravel(leaf) for leaf in tree])


@pytest.mark.parametrize("name", list(CASES))
def test_best_terms_counts_and_max_marginals(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    stats = np.array([flat(counts) for counts in terms_of(eta, data)])
    potentials = flat(eta)
    weights = stats @ np.where(potentials == -np.inf, 0.0, potentials)
    weights[stats[:, potentials == -np.inf].any(axis=1)] = -np.inf
    assert log_Z(eta, data) == pytest.approx(logsumexp(weights))

    order = np.argsort(-weights, kind="stable")[:4]
    scores, found = expfam.kbest(log_Z, 4, jit=False)(eta, data)
    assert scores == pytest.approx(weights[order], abs=1e-10)
    rows = np.concatenate([np.reshape(leaf, (4, -1)) for leaf in found], axis=1)
    assert rows == pytest.approx(stats[order], abs=1e-10)
    score, counts = expfam.viterbi(log_Z, jit=False)(eta, data)
    assert score == pytest.approx(weights[order[0]], abs=1e-10)
    assert flat(counts) == pytest.approx(stats[order[0]], abs=1e-10)
    assert expfam.count(log_Z, jit=False)(eta, data) == np.sum(weights > -np.inf)
    has = np.where(stats > 0.0, weights[:, None], -np.inf).max(axis=0)
    assert flat(expfam.max_marginals(log_Z, jit=False)(eta, data)) == pytest.approx(has, abs=1e-10)


# ---- norms that do not cancel: what is done with them changes the value ---------------------------------------


def step(message, eta, y):
    return logsumexp(message[:, None] + eta[1], axis=0) + eta[2][:, y]


def never_added(eta, data):
    message = eta[0] + eta[2][:, data[0]]
    for y in data[1:]:
        message = step(message - logsumexp(message), eta, y)
    return logsumexp(message)


def added_twice(eta, data):
    message, total = eta[0] + eta[2][:, data[0]], 0.0
    for y in data[1:]:
        norm = logsumexp(message)
        message = step(message - norm, eta, y)
        total += norm + norm
    return total + logsumexp(message)


def added_at_times(eta, data):
    message, total = eta[0] + eta[2][:, data[0]], 0.0
    for y in data[1:]:
        norm = logsumexp(message)
        message = step(message - norm, eta, y)
        if y > 0:
            total += norm
    return total + logsumexp(message)


def the_last_alone(eta, data):
    message, norm = eta[0] + eta[2][:, data[0]], 0.0
    for y in data[1:]:
        norm = logsumexp(message)
        message = step(message - norm, eta, y)
    return norm + logsumexp(message)


def handed_back_as_well(eta, data):
    message, total, norm = eta[0] + eta[2][:, data[0]], 0.0, 0.0
    for y in data[1:]:
        norm = logsumexp(message)
        message = step(message - norm, eta, y)
        total += norm
    return total + logsumexp(message) + norm


def taken_off_a_fresh_message(eta, data):
    first, total = eta[0] + eta[2][:, data[0]], 0.0
    message = first
    for y in data[1:]:
        norm = logsumexp(message)
        total += norm
        message = step(first - norm, eta, y)
    return total + logsumexp(message)


def of_the_last_sequence_alone(eta, data):
    total = shift = 0.0
    for _ in range(2):
        message, shift = eta[0] + eta[2][:, data[0]], 0.0
        for y in data[1:]:
            norm = logsumexp(message)
            message = step(message - norm, eta, y)
            shift += norm
        total += logsumexp(message)
    return total + shift


@pytest.mark.parametrize(
    "log_Z",
    [
        never_added, added_twice, added_at_times, the_last_alone, handed_back_as_well, taken_off_a_fresh_message,
        of_the_last_sequence_alone,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_norms_that_do_not_cancel_stay(log_Z: Any) -> None:
    with pytest.raises(srcdiff.UnsupportedError, match="`subtract` is applied to the logarithm"):
        expfam.count(log_Z, jit=False)(CHAIN, DATA)


@pytest.mark.slow
def test_lists_of_rows_are_compiled() -> None:
    """Numba has two types for rows: those of `list(array)` and those that `zeros_like` makes."""
    eta = N(size=2), N(size=(2, 2)), N(size=(2, 3))
    scores, _ = expfam.kbest(programs.messages_on_lists, 2, jit=True)(eta, DATA)
    plain, _ = expfam.kbest(programs.messages_on_lists, 2, jit=False)(eta, DATA)
    assert scores == pytest.approx(plain, abs=1e-12)


def test_diagonals_by_letters_are_refused() -> None:
    def log_Z(A, v):
        return np.log(np.einsum("ii,i->", np.exp(A), np.exp(v)))

    g = srcdiff.transform(log_Z, "semiring", semiring="argmax", jit=False)
    with pytest.raises(srcdiff.UnsupportedError, match="`einsum` takes a diagonal of"):
        g(np.eye(2), np.zeros(2))
