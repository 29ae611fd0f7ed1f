"""All algorithms of programs as people write them (row 4 beyond the seeds), against all terms of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from expfam import programs
from scipy import stats
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam

N = np.random.default_rng(7070).normal


class Terms:
    """All terms of a sum: their statistics, one row each, and their weights `<eta, statistics>`."""

    def __init__(self, eta: Any, terms: Any) -> None:
        potentials = flat(eta)
        self.stats = np.array([flat(counts) for counts in terms])
        forbidden = potentials == -np.inf
        weights = self.stats @ np.where(forbidden, 0.0, potentials)
        self.weights = np.where(self.stats[:, forbidden].any(axis=1), -np.inf, weights)
        self.p = np.exp(self.weights - logsumexp(self.weights))


def flat(tree: Any) -> Any:
    leaves = tree if isinstance(tree, tuple | list) else [tree]
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


def flat_each(tree: Any, n: int) -> Any:
    leaves = tree if isinstance(tree, tuple | list) else [tree]
    return np.concatenate([np.reshape(leaf, (n, -1)) for leaf in leaves], axis=1)


def forbidding(leaf: Any, *places: Any) -> Any:
    for place in places:
        leaf[place] = -np.inf
    return leaf


def cases() -> dict[str, Any]:
    data = np.array([2, 0, 1, 1])
    eta = (
        forbidding(N(size=3), 1),
        forbidding(N(size=(3, 3)), (0, 1), (2, 0), (1, 1)),
        forbidding(N(size=(3, 3)), (1, 1)),
    )
    chains = [
        programs.shifted_if_finite, programs.shifted_by_a_helper, programs.shifted_before_a_product,
        programs.shifted_in_loops, programs.messages_on_lists, programs.emissions_first,
    ]  # fmt: skip
    found = {f.__name__: (f, eta, (data,), programs.chain_terms) for f in chains}
    words = np.array([0, 1, 1, 0])
    grammar = N(size=2), forbidding(N(size=(2, 2, 2)), (0, 1, 0)), N(size=(2, 2))
    found["inside"] = programs.inside, grammar, (words,), programs.inside_terms
    strings = np.array([0, 2, 1]), np.array([2, 1, 0])
    edits = N(size=(3, 3)), N(size=3), forbidding(N(size=3), 1)
    for f in (programs.alignments, programs.alignments_of_three_at_once):
        found[f.__name__] = f, edits, strings, programs.alignment_terms
    for f in (programs.ctc, programs.ctc_in_loops):
        found[f.__name__] = f, N(size=(5, 3)), (np.array([1, 1]),), programs.ctc_terms
    found["subsets"] = programs.subsets, N(size=6), (3,), programs.subset_terms
    return found


CASES = cases()
SLOW = {
    "shifted_by_a_helper", "shifted_before_a_product", "emissions_first", "alignments_of_three_at_once", "ctc_in_loops",
    "subsets",
}  # fmt: skip
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_all_algorithms_are_those_of_all_terms(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    terms = Terms(eta, terms_of(eta, *data))
    mean = terms.p @ terms.stats
    value, found = expfam.e_step(log_Z)(eta, *data)
    assert value == pytest.approx(logsumexp(terms.weights), abs=1e-10)
    assert flat(found) == pytest.approx(mean, abs=1e-10)

    order = np.argsort(-terms.weights, kind="stable")[:5]
    score, found = expfam.viterbi(log_Z)(eta, *data)
    assert score == pytest.approx(terms.weights[order[0]], abs=1e-10)
    assert flat(found) == pytest.approx(terms.stats[order[0]], abs=1e-10)
    order = order[terms.weights[order] > -np.inf]
    scores, found = expfam.kbest(log_Z, 5)(eta, *data)
    assert scores == pytest.approx(terms.weights[order], abs=1e-10)
    assert flat_each(found, len(order)) == pytest.approx(terms.stats[order], abs=1e-10)

    assert expfam.count(log_Z)(eta, *data) == np.sum(terms.weights > -np.inf)
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy")(eta, *data)
    seen = terms.p[terms.p > 0.0]
    assert entropy == pytest.approx(-np.sum(seen * np.log(seen)), abs=1e-10)
    costs = eta_like(eta, lambda leaf: N(size=leaf.shape))
    cost = expfam.expected_cost(log_Z)(eta, costs, *data)
    assert cost == pytest.approx(mean @ flat(costs), abs=1e-10)

    drawn = flat_each(expfam.sample(log_Z)(eta, np.random.default_rng(3), 300, *data), 300)
    assert p_value(drawn, terms) > 1e-4


NO_MAX_MARGINALS: dict[str, str] = {}


@pytest.mark.parametrize("name", NAMES)
def test_max_marginals_are_those_of_all_terms(name: str) -> None:
    log_Z, eta, data, terms_of = CASES[name]
    if name in NO_MAX_MARGINALS:
        with pytest.raises(srcdiff.UnsupportedError, match=NO_MAX_MARGINALS[name]):
            expfam.max_marginals(log_Z)(eta, *data)
        return
    terms = Terms(eta, terms_of(eta, *data))
    has = np.where(terms.stats > 0.0, terms.weights[:, None], -np.inf)
    assert flat(expfam.max_marginals(log_Z)(eta, *data)) == pytest.approx(
        has.max(axis=0), abs=1e-10
    )


def eta_like(eta: Any, make: Callable[[Any], Any]) -> Any:
    return tuple(map(make, eta)) if isinstance(eta, tuple) else make(eta)


def p_value(drawn: Any, terms: Terms) -> float:
    """Of how often each statistic was drawn; what is forbidden never is."""
    keys, which = np.unique(terms.stats.round(8), axis=0, return_inverse=True)
    p = np.bincount(which.ravel(), weights=terms.p)
    index = {tuple(key): k for k, key in enumerate(keys)}
    seen = np.bincount([index[tuple(row)] for row in drawn.round(8)], minlength=len(p))
    assert not np.any(seen[p == 0.0])
    rare = p * len(drawn) < 5.0
    seen, p = np.append(seen[~rare], seen[rare].sum()), np.append(p[~rare], p[rare].sum())
    return float(stats.chisquare(seen[p > 0.0], len(drawn) * p[p > 0.0]).pvalue)


# ---- what maxima do that are no shifts ------------------------------------------------------------------

NO_SHIFTS = [
    programs.cut_off, programs.beam, programs.changed_before_it_is_put_back, programs.put_back_in_one_branch,
]  # fmt: skip


@pytest.mark.parametrize("log_Z", NO_SHIFTS, ids=lambda f: f.__name__)
def test_maxima_that_are_no_shifts_stay(log_Z: Any) -> None:
    eta, data = (N(size=3), N(size=(3, 3)), N(size=(3, 3))), np.array([2, 0, 1, 1])
    drawn = srcdiff.transform(log_Z, "semiring", semiring="sample")
    value, _ = drawn(eta, data, np.random.default_rng(0))
    assert value == pytest.approx(log_Z(eta, data), abs=1e-12)
    for semiring in ("count", "max_marginals"):
        with pytest.raises(srcdiff.UnsupportedError, match=r"`max(imum)?` is applied to"):
            srcdiff.transform(log_Z, "semiring", semiring=semiring)(eta, data)


def test_a_shift_by_hand_is_gone_from_what_is_generated() -> None:
    log_Z, eta, data, _ = CASES["shifted_if_finite"]
    text = srcdiff.transform(log_Z, "semiring", semiring="count").source_for(eta, *data)
    assert "message = np.sum(" in text
    assert "np.max" not in text
    assert "isfinite" not in text


def test_carried_shifts_have_no_part_in_the_entropy() -> None:
    """A maximum that is taken off each message, and all of them added in the end: -inf times 0 is not NaN."""

    def log_Z(eta, data):
        log_pi, log_A, log_B = eta
        message, shift = log_pi + log_B[:, data[0]], 0.0
        for y in data[1:]:
            message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
            top = message.max()
            message = message - top
            shift += top
        return shift + logsumexp(message)

    _, eta, data, terms_of = CASES["emissions_first"]
    terms = Terms(eta, terms_of(eta, *data))
    seen = terms.p[terms.p > 0.0]
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy")(eta, *data)
    assert entropy == pytest.approx(-np.sum(seen * np.log(seen)), abs=1e-10)
