"""Identities between semirings: all of them agree with the terms that `kbest` lists."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff


def chain(x, step):
    alpha = x
    for t in range(2):
        alpha = logsumexp(alpha[:, None] + step[t], axis=0)
    return logsumexp(alpha)


def potentials_beside_a_sum(x, step):
    return np.sum(x) + logsumexp(step[0] + x)


def no_sum_at_all(x, step):
    return np.sum(x * 2.0) + np.sum(step)


def independent_sums(x, step):
    return np.sum(logsumexp(step, axis=2)) + np.sum(x, axis=0)


def stored_sums(x, step):
    y = np.empty(2)
    for i in range(2):
        y[i] = logsumexp(step[i]) + np.sum(x)
    return logsumexp(y)


def forbidden_terms(x, step):
    return logsumexp(np.where(step > 0.0, step, -np.inf)) + x[0]


def two_at_a_time(x, step):
    return np.logaddexp(x[0] + np.sum(step[0]), np.logaddexp(x[1], x[2]))


def axes_kept(x, step):
    total = np.log(np.sum(np.exp(step[0] + x), axis=(0, 1), keepdims=True))[0]
    rows = np.log(np.sum(np.exp(step[1]), axis=0, keepdims=True))
    one = np.log(np.sum(np.exp(rows[0] + x), axis=0, keepdims=True))
    return np.squeeze(one, axis=0) + total[0]


PROGRAMS = [
    chain, potentials_beside_a_sum, no_sum_at_all, independent_sums, stored_sums, forbidden_terms, two_at_a_time,
    axes_kept,
]  # fmt: skip


def value(program, kind, **settings):
    rng = np.random.default_rng(1)
    args = rng.normal(size=3), rng.normal(size=(2, 3, 3))
    made = srcdiff.transform(program, "semiring", semiring=kind, argnums=(0, 1), **settings)
    return made(*args), program(*args)


def terms(program):
    """All terms, and what they are the sum of."""
    listed, log_z = value(program, "kbest", k=1000)
    return listed[np.isfinite(listed)], log_z


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_terms_together_are_the_function(program):
    found, log_z = terms(program)
    assert logsumexp(found) == pytest.approx(log_z, rel=1e-12)


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_many_terms_are_counted_as_there_are(program):
    assert value(program, "count")[0] == len(terms(program)[0])


@pytest.mark.parametrize("kind", ["max", "argmax"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_largest_term_is_the_first(program, kind):
    found = value(program, kind)[0]
    best = found[0] if kind == "argmax" else found
    assert best == pytest.approx(terms(program)[0][0], rel=1e-12)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_entropy_is_that_of_all_terms(program):
    found, log_z = terms(program)
    p = np.exp(found - log_z)
    assert value(program, "entropy")[0] == pytest.approx(-np.sum(p * (found - log_z)), abs=1e-12)
