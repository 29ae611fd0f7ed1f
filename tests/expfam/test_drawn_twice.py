"""Sums of exponentials that one term may have twice, of which a term is drawn once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from expfam.test_moved_sums import MAGNET, ring
from expfam.test_own_programs import flat
from scipy.special import logsumexp

from srcdiff import expfam

N = np.random.default_rng(778).normal


def doubled(eta):
    total = logsumexp(eta)
    return total + total


def times(eta):
    return 3 * logsumexp(eta)


def squared_matrices(eta):
    return np.log(np.trace(np.linalg.matrix_power(np.exp(eta), 4)))


def totals_of_all_iterations(eta):
    message, total = eta[0], 0.0
    for row in eta:
        message = logsumexp(message[:, None] + row, axis=0)
        total += logsumexp(message)
    return total


@pytest.mark.parametrize("log_Z", [doubled, times, squared_matrices, totals_of_all_iterations])
def test_draws_that_two_uses_would_share_are_reported(log_Z: Any) -> None:
    draws = expfam.sample(log_Z, jit=False)
    with pytest.raises(ValueError, match="a term has a sum twice, which is drawn once"):
        draws(N(size=(2, 2)), np.random.default_rng(0), 50)


def sequences(eta, data):
    log_pi, log_A, log_B = eta
    total = 0.0
    for sequence in data:
        message = log_pi + log_B[:, sequence[0]]
        for y in sequence[1:]:
            message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        total += logsumexp(message)
    return total


def tree(eta, children):
    log_nodes, log_edges = eta

    def up(i):
        total = log_nodes[i]
        for child in children[i]:
            total = total + logsumexp(log_edges + up(child), axis=1)
        return total

    return logsumexp(up(0))


def each_row(eta):
    return np.sum(logsumexp(eta, axis=1))


def spans(eta, n):
    chart = np.full((n + 1, n + 1), -np.inf)
    for i in range(n):
        chart[i, i + 1] = eta[i]
    for width in range(2, n + 1):
        for i in range(n - width + 1):
            for k in range(i + 1, i + width):
                both = chart[i, k] + chart[k, i + width] + eta[k]
                chart[i, i + width] = np.logaddexp(chart[i, i + width], both)
    return chart[0, n]


@pytest.mark.parametrize(
    ("log_Z", "eta", "data", "is_guarded"),
    [
        (ring, MAGNET, (4,), False),
        (
            sequences,
            (N(size=2), N(size=(2, 2)), N(size=(2, 3))),
            (np.array([[0, 1], [2, 1]]),),
            False,
        ),
        (tree, (N(size=(4, 2)), N(size=(2, 2))), ([[1, 2], [3], [], []],), False),
        (each_row, N(size=(3, 2)), (), False),
        (spans, N(size=4), (4,), True),  # of elements of one array, nothing is known
    ],
    ids=["ring", "sequences", "tree", "each_row", "spans"],
)
def test_sums_are_counted_only_where_one_may_be_used_twice(
    log_Z: Any, eta: Any, data: Any, is_guarded: bool
) -> None:
    draws = expfam.sample(log_Z, jit=False)
    drawn = draws(eta, np.random.default_rng(0), 20, *data)
    assert flat(drawn).max() >= 1.0
    assert ("a sum twice" in draws.source) == is_guarded
