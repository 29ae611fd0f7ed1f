"""Associative loops as trees: `srcdiff.transform(f, "scan")`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam
from srcdiff.expfam.sequence import chains


def forward(pi, A, B, data):
    x = pi + B[:, data[0]]
    for y in data[1:]:
        x = logsumexp(x[:, None] + A, axis=0) + B[:, y]
    return logsumexp(x)


def transposed(pi, A, B, data):
    x = pi + B[:, data[0]]
    for y in data[1:]:
        x = B[:, y] + logsumexp(A.T + x, axis=1)
    return logsumexp(x)


def backward(pi, A, B, data):
    beta = np.zeros(len(pi))
    for t in reversed(range(1, len(data))):
        beta = logsumexp(A + B[:, data[t]] + beta, axis=1)
    return logsumexp(beta + pi + B[:, data[0]])


def scaled_by_hand(pi, A, B, data):
    x = pi + B[:, data[0]]
    for y in data[1:]:
        top = np.max(x)
        x = np.log(np.exp(x - top) @ np.exp(A)) + top + B[:, y]
    return logsumexp(x)


def partly_observed(pi, A, B, data):
    x = pi
    for t in range(len(data)):
        x = logsumexp(x[:, None] + A, axis=0)
        if t % 3:
            x = x + B[:, data[t]]
    return logsumexp(x)


def lazy(pi, A, B, data):
    x = pi
    for y in data:
        x = np.logaddexp(x - 1.0, logsumexp(x[:, None] + A, axis=0)) + B[:, y]
    return logsumexp(x)


def gated(pi, A, B, data):
    x = pi
    for y in data:
        x = np.where(B[:, y] > -2.5, logsumexp(x[:, None] + A, axis=0), -np.inf) + 0.5
    return logsumexp(x)


def two_moves(pi, A, B, data):
    x = pi
    for y in data:
        x = logsumexp(x[:, None] + A, axis=0)
        x = logsumexp(x[:, None] - A.T, axis=0) + B[:, y]
    return logsumexp(x)


def best(pi, A, B, data):
    x = pi + B[:, data[0]]
    for y in data[1:]:
        x = np.max(x[:, None] + A, axis=0) + B[:, y]
    return np.max(x)


def normalised(rng: np.random.Generator, *shape: int) -> Any:
    p = rng.random(shape)
    return np.log(p / p.sum(-1, keepdims=True))


def parameters(forbidden: bool = False) -> Any:
    rng = np.random.default_rng(5)
    A = normalised(rng, 3, 3)
    if forbidden:
        A[0, 2] = A[2, 0] = -np.inf
    return normalised(rng, 3), A, normalised(rng, 3, 4)


PROGRAMS = [
    forward, transposed, backward, scaled_by_hand, partly_observed, lazy, gated, two_moves, best,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_trees_have_the_value_and_gradient_of_the_loop(program: Any) -> None:
    eta = parameters(forbidden=program in (forward, transposed, backward, best))
    tree = srcdiff.transform(program, "scan", jit=False)
    options: dict[str, Any] = {"argnums": (0, 1, 2), "jit": False, "on_independent": "ignore"}
    grads = srcdiff.value_and_grad(tree, **options)
    wanted = srcdiff.value_and_grad(program, **options)
    data = np.random.default_rng(7).integers(0, 4, 11)
    for length in (1, 2, 5, 11):
        assert tree(*eta, data[:length]) == pytest.approx(program(*eta, data[:length]), abs=1e-10)
    for found, leaf in zip(grads(*eta, data)[1], wanted(*eta, data)[1], strict=True):
        assert found == pytest.approx(leaf, abs=1e-10)
    assert "while len(steps) > 1" in tree.source


def test_the_tree_reads_as_one() -> None:
    tree = srcdiff.transform(forward, "scan", jit=False)
    text = tree.source_for(*parameters(), np.array([0, 3, 1, 1, 2]))
    assert (
        text.partition("    x = ")[2]
        == """\
pi + B[:, data[0]]
    if len(data[1:]) > 0:
        steps = np.empty((len(data[1:]), len(x), len(x)))
        for i, y in enumerate(data[1:]):
            steps[i] = A + B[:, y]
        while len(steps) > 1:
            half = len(steps) // 2
            left = steps[: 2 * half : 2]
            right = steps[1 : 2 * half : 2]
            products = logsumexp(left[:, :, :, None] + right[:, None], axis=2)
            steps = np.concatenate([products, steps[2 * half :]])
        x = logsumexp(x[:, None] + steps[0], axis=0)
    return logsumexp(x)
"""
    )


RNG = np.random.default_rng(6)
DATA = RNG.integers(0, 4, 12)
CHAINS = {
    "hmm": (chains.hmm_log_Z, parameters(True), (DATA,)),
    "hmm, transition first": (chains.hmm_transition_first_log_Z, parameters(), (DATA,)),
    "io_hmm": (
        chains.io_hmm_log_Z,
        (normalised(RNG, 3), normalised(RNG, 2, 3, 3), normalised(RNG, 3, 4)),
        (RNG.integers(0, 2, 12), DATA),
    ),
    "crf": (chains.crf_log_Z, (RNG.normal(size=(4, 3)), normalised(RNG, 3, 3)), (RNG.normal(size=(7, 4)),)),
    "chain": (chains.chain_log_Z, (RNG.normal(size=(6, 3)), RNG.normal(size=(5, 3, 3))), ()),
}  # fmt: skip


@pytest.mark.parametrize(("log_Z", "eta", "data"), CHAINS.values(), ids=CHAINS)
def test_chains_are_trees_in_every_semiring(log_Z: Any, eta: Any, data: Any) -> None:
    tree = srcdiff.transform(log_Z, "scan", jit=False)
    for infer in (expfam.e_step, expfam.viterbi):
        value, stats = infer(tree, jit=False)(eta, *data)
        wanted_value, wanted = infer(log_Z, jit=False)(eta, *data)
        assert value == pytest.approx(wanted_value, abs=1e-10)
        for found, leaf in zip(stats, wanted, strict=True):
            assert found == pytest.approx(leaf, abs=1e-10)


@pytest.mark.long
def test_compiled_trees_are_the_same() -> None:
    eta, data = parameters(True), np.random.default_rng(1).integers(0, 4, 77)
    tree = srcdiff.transform(forward, "scan", jit=True)
    assert tree(*eta, data) == pytest.approx(forward(*eta, data), abs=1e-10)


@pytest.mark.slow
def test_a_million_iterations_are_those_of_the_loop() -> None:
    rng = np.random.default_rng(0)
    eta = normalised(rng, 4), normalised(rng, 4, 4), normalised(rng, 4, 5)
    data = rng.integers(0, 5, 1_000_000)
    tree = srcdiff.value_and_grad(srcdiff.transform(forward, "scan"), argnums=(0, 1, 2), jit=True)
    loop = srcdiff.value_and_grad(forward, argnums=(0, 1, 2), jit=True)
    found, wanted = tree(*eta, data), loop(*eta, data)
    assert found[0] == pytest.approx(wanted[0], rel=1e-10)
    for a, b in zip(found[1], wanted[1], strict=True):
        assert a == pytest.approx(b, rel=1e-10, abs=1e-10)


# ---- what is refused --------------------------------------------------------------------------------------


def normalises(pi, A, B, data):
    x = pi
    for y in data:
        x = logsumexp(x[:, None] + A, axis=0) + B[:, y]
        x = x - logsumexp(x)
    return x[0]


def multiplies(pi, A, B, data):
    x = pi
    for y in data:
        x = logsumexp(x[:, None] + A, axis=0) * B[:, y]
    return logsumexp(x)


def squares(pi, A, B, data):
    x = pi
    for y in data:
        x = logsumexp(x[:, None] + x + A, axis=0) + B[:, y]
    return logsumexp(x)


def decides(pi, A, B, data):
    x = pi + A[0]
    for y in data:
        moved = logsumexp(x[:, None] + A, axis=0)
        if x[0] > -3.0:
            x = moved + B[:, y]
    return logsumexp(x)


def mixes(pi, A, B, data):
    x = pi
    for y in data:
        x = np.max(logsumexp(x[:, None] + A, axis=0)[:, None] + A, axis=0) + B[:, y]
    return logsumexp(x)


def restarts(pi, A, B, data):
    x = pi
    for y in data:
        x = np.logaddexp(logsumexp(x[:, None] + A, axis=0), pi) + B[:, y]
    return logsumexp(x)


def records(pi, A, B, data):
    x = pi
    kept = np.zeros((len(data), len(pi)))
    for t in range(len(data)):
        x = logsumexp(x[:, None] + A, axis=0) + B[:, data[t]]
        kept[t] = x
    return logsumexp(x) + np.sum(kept)


def adds_numbers(pi, A, B, data):
    total = 0.0
    for y in data:
        total = total + B[0, y]
    return total + pi[0] + A[0, 0]


def shifts_for_good(pi, A, B, data):
    x = pi + B[:, data[0]]
    for y in data[1:]:
        top = np.max(x)
        x = logsumexp((x - top)[:, None] + A, axis=0) + B[:, y]
    return logsumexp(x)


def reduces_one_side(pi, A, B, data):
    x = pi
    for y in data:
        top = logsumexp(x)
        x = np.logaddexp(x - top + B[:, y], x + B[:, y]) + top
    return logsumexp(x)


REFUSED = [
    (reduces_one_side, "the two sides were reduced by different numbers"),
    (normalises, "`logsumexp` is applied to what the loop carries"),
    (multiplies, "`multiply` is applied to what the loop carries"),
    (squares, "`add` is applied to what the loop carries"),
    (decides, "what the loop carries decides on a branch"),
    (mixes, "an iteration has sums of exponentials and maxima"),
    (restarts, "`logaddexp` is applied to what the loop carries"),
    (records, "an iteration writes into an array from outside the loop|`store` is applied"),
    (adds_numbers, "what the loop carries is not a vector of floats"),
    (shifts_for_good, "`max` is applied to what the loop carries"),
    (lambda pi, A, B, data: logsumexp(pi) + np.sum(A) + np.sum(B), "has no loop that carries a vector"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "why"), REFUSED, ids=lambda x: getattr(x, "__name__", ""))
def test_iterations_that_cannot_be_put_together_are_refused(program: Any, why: str) -> None:
    tree = srcdiff.transform(program, "scan", jit=False)
    with pytest.raises(srcdiff.UnsupportedError, match=why):
        tree(*parameters(), np.array([0, 3, 1]))
