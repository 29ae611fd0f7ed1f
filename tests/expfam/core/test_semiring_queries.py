"""One log_Z, many algorithms (row 4 beyond the seeds): best, drawn and counted terms against all paths."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from expfam.enumeration import Paths, chain_paths, hmm_paths, semi_markov_paths
from scipy import stats

import srcdiff
from srcdiff import expfam
from srcdiff.expfam.sequence import chains

N = np.random.default_rng(707).normal


def crf_paths(eta: Any, features: Any) -> Paths:
    weights, log_A = eta
    steps, states = len(features), len(log_A)

    def counts(path: Any) -> Any:
        found = np.zeros_like(weights), np.zeros_like(log_A)
        for t, s in enumerate(path):
            found[0][:, s] += features[t]
        for a, b in itertools.pairwise(path):
            found[1][a, b] += 1.0
        return found

    def score(path: Any) -> float:
        nodes = sum(features[t] @ weights[:, s] for t, s in enumerate(path))
        return float(nodes + sum(log_A[a, b] for a, b in itertools.pairwise(path)))

    return Paths(itertools.product(range(states), repeat=steps), score, counts)


def models() -> dict[str, Any]:
    data, inputs = np.array([2, 0, 1, 1, 2]), np.array([1, 0, 1, 1, 0])
    free = N(size=3), N(size=(3, 3)), N(size=(3, 3))
    ring = np.array([0.2, -np.inf, -0.4]), np.where(np.roll(np.eye(3), 1, 1) + np.eye(3), N(size=(3, 3)), -np.inf), N(size=(3, 3))  # fmt: skip
    ring[2][1, 1] = -np.inf
    inputs_too = N(size=2), N(size=(2, 2, 2)), N(size=(2, 3))
    inputs_too[1][1, 0, 1] = -np.inf
    log_D = N(size=(2, 3))
    log_D[0, 1] = -np.inf
    segments = N(size=2), N(size=(2, 2)), log_D, N(size=(2, 3))
    bare = N(size=(4, 3)), N(size=(3, 3, 3))
    bare[1][1, 0] = -np.inf
    tags, features = (N(size=(2, 3)), N(size=(3, 3))), N(size=(4, 2))
    return {
        "hmm": (chains.hmm_log_Z, free, (data,), hmm_paths(free, data)),
        "hmm with -inf": (chains.hmm_log_Z, ring, (data,), hmm_paths(ring, data)),
        "hmm, transition first": (chains.hmm_transition_first_log_Z, ring, (data[:4],), hmm_paths(ring, data[:4], first=True)),
        "io_hmm": (chains.io_hmm_log_Z, inputs_too, (inputs, data), hmm_paths(inputs_too, data, inputs)),
        "semi_markov": (chains.semi_markov_log_Z, segments, (data,), semi_markov_paths(segments, data)),
        "chain": (chains.chain_log_Z, bare, (), chain_paths(*bare)),
        "crf": (chains.crf_log_Z, tags, (features,), crf_paths(tags, features)),
    }  # fmt: skip


MODELS = models()
by_model = pytest.mark.parametrize(("log_Z", "eta", "data", "paths"), MODELS.values(), ids=MODELS)


def equal(found: Any, wanted: Any) -> bool:
    return all(np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(found, wanted, strict=True))


@by_model
def test_the_best_term_has_its_statistics(log_Z: Any, eta: Any, data: Any, paths: Paths) -> None:
    score, found = expfam.viterbi(log_Z)(eta, *data)
    ((path, wanted),) = paths.best()
    assert score == pytest.approx(wanted, abs=1e-12)
    assert equal(found, paths.stats[paths.paths.index(path)])


@by_model
def test_the_k_best_are_those_of_all_paths(log_Z: Any, eta: Any, data: Any, paths: Paths) -> None:
    scores, found = expfam.kbest(log_Z, 7)(eta, *data)
    best = paths.best(7)
    assert scores == pytest.approx([score for _, score in best], abs=1e-12)
    for k, (path, _) in enumerate(best):
        assert equal([leaf[k] for leaf in found], paths.stats[paths.paths.index(path)])


def test_where_there_are_fewer_than_k_all_are_given() -> None:
    log_Z, eta, data, paths = MODELS["hmm with -inf"]
    scores, found = expfam.kbest(log_Z, 50)(eta, *data)
    possible = np.sort(paths.scores[paths.scores > -np.inf])[::-1]
    assert 7 < len(possible) < 50
    assert scores == pytest.approx(possible, abs=1e-12)
    assert [len(leaf) for leaf in found] == [len(possible)] * 3


@by_model
def test_terms_are_counted(log_Z: Any, eta: Any, data: Any, paths: Paths) -> None:
    assert expfam.count(log_Z)(eta, *data) == np.sum(paths.scores > -np.inf)


@by_model
def test_max_marginals_are_those_of_all_paths(
    log_Z: Any, eta: Any, data: Any, paths: Paths
) -> None:
    found = expfam.max_marginals(log_Z)(eta, *data)
    for k, leaf in enumerate(found):
        wanted = np.full(leaf.shape, -np.inf)
        for score, counts in zip(paths.scores, paths.stats, strict=True):
            wanted = np.where(counts[k] != 0.0, np.maximum(wanted, score), wanted)
        assert np.allclose(leaf, wanted, rtol=0, atol=1e-12)


@by_model
def test_entropy_and_expected_cost_are_those_of_all_paths(
    log_Z: Any, eta: Any, data: Any, paths: Paths
) -> None:
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy", jit=False)
    assert entropy(eta, *data) == pytest.approx(paths.entropy, abs=1e-12)
    costs = tuple(N(size=leaf.shape) for leaf in eta)
    wanted = sum(np.sum(m * c) for m, c in zip(paths.mean(), costs, strict=True))
    assert expfam.expected_cost(log_Z)(eta, costs, *data) == pytest.approx(wanted, abs=1e-12)


def drawn_table(log_Z: Any, eta: Any, data: Any, paths: Paths, n: int, seed: int) -> float:
    """The p-value of how often each statistic is drawn, against its probability."""
    found = expfam.sample(log_Z)(eta, np.random.default_rng(seed), n, *data)
    rows = np.concatenate([np.reshape(leaf, (n, -1)) for leaf in found], axis=1)
    keys, which = np.unique(paths.flat().round(9), axis=0, return_inverse=True)
    p = np.bincount(which.ravel(), weights=paths.p)
    index = {tuple(key): k for k, key in enumerate(keys)}
    seen = np.bincount([index[tuple(row)] for row in rows.round(9)], minlength=len(p))
    assert not np.any(seen[p == 0.0])  # what is forbidden is never drawn
    rare = p * n < 5.0
    seen, p = np.append(seen[~rare], seen[rare].sum()), np.append(p[~rare], p[rare].sum())
    return float(stats.chisquare(seen[p > 0.0], n * p[p > 0.0]).pvalue)


@pytest.mark.parametrize("name", ["hmm with -inf", "io_hmm", "semi_markov", "crf"])
def test_draws_have_the_weights_of_all_paths(name: str) -> None:
    log_Z, eta, data, paths = MODELS[name]
    assert drawn_table(log_Z, eta, data, paths, 1000, 11) > 1e-3


def test_where_all_is_forbidden_nothing_is_drawn() -> None:
    eta = np.zeros(2), np.full((2, 2), -np.inf), np.zeros((2, 1))
    with pytest.raises(ValueError, match="there is no path: all of them are forbidden"):
        expfam.sample(chains.hmm_log_Z)(eta, np.random.default_rng(0), 1, np.zeros(3, int))
    with pytest.raises(TypeError, match="rng is a generator"):
        expfam.sample(chains.hmm_log_Z)(eta, 3, 1, np.zeros(3, int))
    assert expfam.count(chains.hmm_log_Z)(eta, np.zeros(3, int)) == 0.0
    assert len(expfam.kbest(chains.hmm_log_Z, 2)(eta, np.zeros(3, int))[0]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hmm with -inf", "semi_markov"])
def test_compiled_programs_give_the_same(name: str) -> None:
    log_Z, eta, data, paths = MODELS[name]
    both = [{"jit": jit} for jit in (True, False)]
    for make in (expfam.viterbi, expfam.count, expfam.max_marginals):
        compiled, plain = (make(log_Z, **options)(eta, *data) for options in both)
        assert str(np.round(leaves(compiled), 9)) == str(np.round(leaves(plain), 9))
    compiled, plain = (expfam.kbest(log_Z, 4, **options)(eta, *data) for options in both)
    assert np.allclose(leaves(compiled), leaves(plain), rtol=0, atol=1e-12)
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy", jit=True)
    assert entropy(eta, *data) == pytest.approx(paths.entropy, abs=1e-12)
    drawn = expfam.sample(log_Z, jit=True)(eta, np.random.default_rng(5), 4000, *data)
    for leaf, p, square in zip(drawn, paths.mean(), squares(paths), strict=True):
        error = np.sqrt(np.maximum(square - p**2, 0.0) / 4000)
        assert np.all(np.abs(leaf.mean(axis=0) - p) <= 4.5 * error + 1e-9)


def leaves(tree: Any) -> Any:
    from srcdiff.expfam.core.pytree import flatten

    return np.nan_to_num(flatten(tree)[0], neginf=-1e9)


def squares(paths: Paths) -> Any:
    """The means of the squares of statistics."""
    return tuple(
        sum(p * s**2 for p, s in zip(paths.p, leaf, strict=True))
        for leaf in zip(*paths.stats, strict=True)
    )
