"""Scaled recursions as textbooks have them: messages and norms kept in tables and on lists, diagonal matrices: all terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from expfam import programs
from expfam.test_own_programs import Terms, flat, flat_each, forbidding
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam

N = np.random.default_rng(1989).normal
DATA = np.array([2, 0, 1, 1])
ETA = forbidding(N(size=3), 1), forbidding(N(size=(3, 3)), (0, 1), (1, 1)), N(size=(3, 3))


def tables(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    T, K = len(data), len(pi)
    alpha, scale = np.zeros((T, K)), np.zeros(T)
    alpha[0] = pi * B[:, data[0]]
    scale[0] = alpha[0].sum()
    alpha[0] /= scale[0]
    for t in range(1, T):
        alpha[t] = (alpha[t - 1] @ A) * B[:, data[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    return np.sum(np.log(scale))


def tables_of_reciprocals(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    T, K = len(data), len(pi)
    alpha, c = np.zeros((T, K)), np.zeros(T)
    alpha[0, :] = pi * B[:, data[0]]
    c[0] = 1.0 / np.sum(alpha[0, :])
    alpha[0, :] *= c[0]
    for t in range(1, T):
        alpha[t, :] = (alpha[t - 1, :] @ A) * B[:, data[t]]
        c[t] = 1.0 / np.sum(alpha[t, :])
        alpha[t, :] *= c[t]
    return -np.sum(np.log(c))


def one_row_more(eta, data):
    log_pi, log_A, log_B = eta
    alpha, norms = np.empty((len(data) + 1, len(log_pi))), np.empty(len(data))
    alpha[0] = log_pi
    for t in range(len(data)):
        if t > 0:
            message = logsumexp(alpha[t][:, None] + log_A, axis=0) + log_B[:, data[t]]
        else:
            message = alpha[t] + log_B[:, data[t]]
        norms[t] = logsumexp(message)
        alpha[t + 1] = message - norms[t]
    return norms.sum()


def on_a_list(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    message = pi * B[:, data[0]]
    norms = [np.sum(message)]
    message = message / norms[-1]
    for y in data[1:]:
        message = (message @ A) * B[:, y]
        norms.append(np.sum(message))
        message = message / norms[-1]
    return sum(np.log(norm) for norm in norms)


def logarithms_on_a_list(eta, data):
    log_pi, log_A, log_B = eta
    logs, message = [], log_pi
    for t, y in enumerate(data):
        if t:
            message = logsumexp(message[:, None] + log_A, axis=0)
        message = message + log_B[:, y]
        logs.append(logsumexp(message))
        message = message - logs[-1]
    return np.sum(logs)


def a_table_and_a_total(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    alpha = np.empty((len(data), len(pi)))
    alpha[0] = pi * B[:, data[0]]
    total = np.log(alpha[0].sum())
    alpha[0] /= alpha[0].sum()
    for t in range(1, len(data)):
        alpha[t] = alpha[t - 1] @ A * B[:, data[t]]
        total += np.log(alpha[t].sum())
        alpha[t] /= alpha[t].sum()
    return total


def diagonals(eta, data):
    pi, A, B = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
    message = pi @ np.diag(B[:, data[0]])
    for y in data[1:]:
        message = message @ A @ np.diag(B[:, y])
    return np.log(np.sum(message))


CASES = [
    tables, tables_of_reciprocals, one_row_more, on_a_list, logarithms_on_a_list, a_table_and_a_total, diagonals,
]  # fmt: skip


@pytest.fixture(scope="module")
def terms() -> Terms:
    return Terms(ETA, programs.chain_terms(ETA, DATA))


SLOW = {one_row_more, logarithms_on_a_list, a_table_and_a_total}
PARAMS = [pytest.param(f, marks=pytest.mark.slow, id=f.__name__) if f in SLOW else f for f in CASES]


@pytest.mark.parametrize("log_Z", PARAMS, ids=lambda f: f.__name__)
def test_best_terms_counts_and_max_marginals(log_Z: Any, terms: Terms) -> None:
    assert log_Z(ETA, DATA) == pytest.approx(logsumexp(terms.weights), abs=1e-12)
    order = np.argsort(-terms.weights, kind="stable")[:4]
    scores, found = expfam.kbest(log_Z, 4, jit=False)(ETA, DATA)
    assert scores == pytest.approx(terms.weights[order], abs=1e-10)
    assert flat_each(found, 4) == pytest.approx(terms.stats[order], abs=1e-10)
    assert expfam.count(log_Z, jit=False)(ETA, DATA) == np.sum(terms.weights > -np.inf)
    has = np.where(terms.stats > 0.0, terms.weights[:, None], -np.inf).max(axis=0)
    assert flat(expfam.max_marginals(log_Z, jit=False)(ETA, DATA)) == pytest.approx(has, abs=1e-10)


@pytest.mark.parametrize("log_Z", [a_table_and_a_total, diagonals], ids=lambda f: f.__name__)
def test_draws_are_terms(log_Z: Any, terms: Terms) -> None:
    drawn = expfam.sample(log_Z, jit=False)(ETA, np.random.default_rng(5), 50, DATA)
    possible = {tuple(row) for row in terms.stats[terms.weights > -np.inf].round(8)}
    assert {tuple(row) for row in flat_each(drawn, 50).round(8)} <= possible


def test_tables_are_gone_from_what_is_generated() -> None:
    text = srcdiff.transform(tables, "semiring", semiring="count", jit=False).source_for(ETA, DATA)
    assert "np.empty" not in text
    assert "np.zeros" not in text
    assert "/" not in text


# ---- tables of which something else is done ---------------------------------------------------------------


def some_norms_alone(eta, data):
    message, norms = eta[0] + eta[2][:, data[0]], np.zeros(len(data))
    norms[0] = logsumexp(message)
    message = message - norms[0]
    for t in range(1, len(data)):
        message = logsumexp(message[:, None] + eta[1], axis=0) + eta[2][:, data[t]]
        norms[t] = logsumexp(message)
        message = message - norms[t]
    return np.sum(norms[1:])


def the_last_left_out(eta, data):
    message, norms = eta[0] + eta[2][:, data[0]], np.zeros(len(data))
    norms[0] = logsumexp(message)
    message = message - norms[0]
    for t in range(1, len(data) - 1):
        message = logsumexp(message[:, None] + eta[1], axis=0) + eta[2][:, data[t]]
        norms[t] = logsumexp(message)
        message = message - norms[t]
    return np.sum(norms)


def of_two_iterations_before(eta, data):
    alpha = np.zeros((len(data) + 1, 3))
    norms = np.zeros(len(data) + 1)
    for k in range(2):
        alpha[k] = eta[0] + eta[2][:, data[k]]
        norms[k] = logsumexp(alpha[k])
        alpha[k] -= norms[k]
    for t in range(2, len(data) + 1):
        alpha[t] = logsumexp(alpha[t - 2][:, None] + eta[1], axis=0)
        norms[t] = logsumexp(alpha[t])
        alpha[t] -= norms[t]
    return np.sum(norms)


def written_at_times(eta, data):
    message, norms = eta[0] + eta[2][:, data[0]], np.zeros(len(data))
    for t in range(len(data)):
        message = logsumexp(message[:, None] + eta[1], axis=0) + eta[2][:, data[t]]
        norm = logsumexp(message)
        message = message - norm
        if data[t] > 0:
            norms[t] = norm
    return np.sum(norms)


def added_twice(eta, data):
    message, norms = eta[0] + eta[2][:, data[0]], []
    for y in data[1:]:
        norms.append(logsumexp(message))
        message = logsumexp((message - norms[-1])[:, None] + eta[1], axis=0) + eta[2][:, y]
    return 2.0 * np.sum(norms) + logsumexp(message)


@pytest.mark.parametrize(
    "log_Z",
    [some_norms_alone, the_last_left_out, of_two_iterations_before, written_at_times, added_twice],
    ids=lambda f: f.__name__,
)
def test_norms_that_do_not_cancel_are_refused(log_Z: Any) -> None:
    for semiring in ("count", "max_marginals"):
        with pytest.raises(
            srcdiff.UnsupportedError, match="the logarithm of a sum of exponentials"
        ):
            srcdiff.transform(log_Z, "semiring", semiring=semiring, jit=False)(ETA, DATA)


def test_a_sum_that_is_no_norm_is_drawn_as_often_as_it_is_written() -> None:
    def log_Z(x):
        return logsumexp(x) + logsumexp(x)

    drawn = expfam.sample(log_Z, jit=False)(np.zeros(2), np.random.default_rng(0), 200)
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    assert rows.tolist() == [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]
    assert np.all(np.abs(counts - [50, 100, 50]) < 30)
