"""Trees (row 18 beyond the seeds in part): loops over parents and recursion over children, in each semiring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from expfam.trees import (
    CHILDREN,
    PARENTS,
    by_a_recursive_function,
    by_recursion,
    over_parents,
    tree_eta,
    tree_paths,
)

import srcdiff
from srcdiff import expfam

ETA = tree_eta(31)
PATHS = tree_paths(ETA)
by_program = pytest.mark.parametrize(
    ("log_Z", "data"),
    [(over_parents, PARENTS), (by_recursion, CHILDREN), (by_a_recursive_function, CHILDREN)],
    ids=lambda x: getattr(x, "__name__", ""),
)


def equal(found: Any, wanted: Any) -> bool:
    return all(np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(found, wanted, strict=True))


@by_program
def test_marginals_and_entropy_are_those_of_all_labellings(log_Z: Any, data: Any) -> None:
    value, stats = expfam.e_step(log_Z)(ETA, data)
    assert value == pytest.approx(PATHS.log_Z, abs=1e-12)
    assert equal(stats, PATHS.mean())
    assert expfam.entropy(log_Z)(ETA, data) == pytest.approx(PATHS.entropy, abs=1e-12)
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy", jit=False)
    assert entropy(ETA, data) == pytest.approx(PATHS.entropy, abs=1e-12)


@by_program
def test_the_best_labellings_are_found_and_all_are_counted(log_Z: Any, data: Any) -> None:
    best = PATHS.best(4)
    score, stats = expfam.viterbi(log_Z)(ETA, data)
    assert score == pytest.approx(best[0][1], abs=1e-12)
    assert equal(stats, PATHS.stats[PATHS.paths.index(best[0][0])])
    scores, stats = expfam.kbest(log_Z, 4)(ETA, data)
    assert scores == pytest.approx([s for _, s in best], abs=1e-12)
    for k, (labels, _) in enumerate(best):
        assert equal([leaf[k] for leaf in stats], PATHS.stats[PATHS.paths.index(labels)])
    assert expfam.count(log_Z)(ETA, data) == np.sum(np.isfinite(PATHS.scores)) == 48


@pytest.mark.long
@by_program
def test_labellings_are_drawn_with_their_weights(log_Z: Any, data: Any) -> None:
    n = 600
    nodes, edges = expfam.sample(log_Z)(ETA, np.random.default_rng(8), n, data)
    assert np.all(nodes.sum(axis=2) == 1.0)
    assert not np.any(edges[:, 2, 0, 1])  # forbidden
    for drawn, p in zip((nodes, edges), PATHS.mean(), strict=True):
        assert np.all(np.abs(drawn.mean(axis=0) - p) <= 4.5 * np.sqrt(p * (1.0 - p) / n) + 1e-9)


@pytest.mark.parametrize(
    ("log_Z", "data"),
    [(over_parents, PARENTS), (by_recursion, CHILDREN)],
    ids=["loop", "recursion"],
)
def test_max_marginals_are_those_of_all_labellings(log_Z: Any, data: Any) -> None:
    found = expfam.max_marginals(log_Z)(ETA, data)
    for k, leaf in enumerate(found):
        wanted = np.full(leaf.shape, -np.inf)
        for score, stats in zip(PATHS.scores, PATHS.stats, strict=True):
            wanted = np.where(stats[k] > 0.0, np.maximum(wanted, score), wanted)
        assert np.allclose(leaf, wanted, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_trees_compile() -> None:
    def both(eta, parents):
        return over_parents(eta, parents) + over_parents((2.0 * eta[0], eta[1]), parents)

    jit, plain = (expfam.e_step(both, jit=jit)(ETA, PARENTS) for jit in (True, False))
    assert jit[0] == pytest.approx(plain[0])
    assert equal(jit[1], plain[1])
    score, stats = expfam.viterbi(over_parents, jit=True)(ETA, PARENTS)
    assert score == pytest.approx(PATHS.best()[0][1])
    assert equal(stats, PATHS.stats[PATHS.paths.index(PATHS.best()[0][0])])
