"""The programs of the slides on exponential families, in their own shape, against reference numbers (J3 to J9, J15)."""

from __future__ import annotations

import itertools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam
from srcdiff.expfam import lds

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "chains.json").read_text(encoding="utf-8")
)


def seed(name: str) -> tuple[dict[str, Any], Any]:
    found = REFERENCE[name]
    return found, tuple(np.array(found[n]) for n in ("log_pi", "log_A", "log_B"))


# ---- J3 to J5: the HMM --------------------------------------------------------------------------------


def log_Z(natural_params, data):
    log_pi, log_A, log_B = natural_params

    log_alpha = log_pi
    for y in data:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]

    return logsumexp(log_alpha)


def test_the_e_step_is_one_line() -> None:
    found, eta = seed("hmm_seed")
    data = np.array(found["data"])
    E_step = srcdiff.value_and_grad(log_Z)
    log_likelihood, expected_stats = E_step(eta, data)
    assert log_likelihood == pytest.approx(3.8397154900349153, abs=1e-9)
    assert expected_stats[0] == pytest.approx([0.16614974, 0.04558618, 0.78826408], abs=1e-8)
    totals = [leaf.sum() for leaf in expected_stats]
    assert totals == pytest.approx([1.0, len(data), len(data)])
    assert expfam.entropy(log_Z)(eta, data) == pytest.approx(4.850295290553618, abs=1e-9)
    backward = E_step.source.partition("# backward")[2]
    assert backward.count("for ") == 1
    assert "reversed(log_alphas)" in backward
    assert not any(word in backward for word in ("append", "pop()", "lambda"))


def with_marks(marks, natural_params, data):
    """The same with a potential for each state on the way, so that statistics say where it is."""
    log_pi, log_A, log_B = natural_params
    log_alpha = log_pi + marks[0]
    for t in range(len(data)):
        scores = log_alpha[:, None] + log_A
        log_alpha = logsumexp(scores, axis=0) + log_B[:, data[t]] + marks[t + 1]
    return logsumexp(log_alpha)


def test_best_and_drawn_paths_of_the_hmm_are_those_of_the_reference() -> None:
    found, eta = seed("hmm_seed")
    data = np.array(found["data"])
    marks = np.zeros((len(data) + 1, 3))
    score, path = expfam.viterbi(with_marks)(marks, eta, data)
    assert score == pytest.approx(0.925, abs=1e-3)
    assert list(np.argmax(path, axis=1)) == [2, 0, 0, 1, 2, 2]
    scores, paths = expfam.kbest(with_marks, 5)(marks, eta, data)
    everything = sorted(map(log_weight(eta, data), itertools.product(range(3), repeat=6)))[::-1]
    assert scores == pytest.approx(everything[:5], abs=1e-10)
    assert len(np.unique(np.argmax(paths, axis=2), axis=0)) == 5
    assert scores == pytest.approx(found["top5_scores"], abs=1e-9)
    assert expfam.count(with_marks)(marks, eta, data) == found["num_paths"] == 3.0**6


def log_weight(eta: Any, data: Any) -> Any:
    log_pi, log_A, log_B = eta

    def of(path: Any) -> float:
        steps = zip(path, path[1:], data, strict=False)
        return float(log_pi[path[0]] + sum(log_A[a, b] + log_B[b, y] for a, b, y in steps))

    return of


@pytest.mark.slow
def test_two_hundred_thousand_draws_have_the_table_of_all_paths() -> None:
    from scipy import stats

    found, eta = seed("hmm_seed")
    data, n = np.array(found["data"]), 200_000
    marks = np.zeros((len(data) + 1, 3))
    drawn = expfam.sample(with_marks, jit=True)(marks, np.random.default_rng(17), n, eta, data)
    codes = np.argmax(drawn, axis=2) @ 3 ** np.arange(6)
    every = np.array(list(itertools.product(range(3), repeat=6)))
    p = np.exp(np.array([log_weight(eta, data)(path) for path in every]) - found["logZ"])
    seen = np.bincount(codes, minlength=3**6)[every @ 3 ** np.arange(6)]
    often = p * n >= 5.0
    table = np.append(seen[often], seen[~often].sum()), np.append(p[often], p[~often].sum())
    assert stats.chisquare(table[0], n * table[1] / table[1].sum()).pvalue > 1e-3


# ---- J6: with inputs ----------------------------------------------------------------------------------


def io_log_Z(natural_params, inputs, data):
    log_pi, log_A, log_B = natural_params

    log_alpha = log_pi
    for u, y in zip(inputs, data):  # noqa: B905 (as on the slide)
        log_alpha = logsumexp(log_alpha[:, None] + log_A[u], axis=0) + log_B[:, y]

    return logsumexp(log_alpha)


def test_inputs_pick_the_transition() -> None:
    found, eta = seed("iohmm_seed")
    inputs, data = np.array(found["inputs"]), np.array(found["data"])
    value, (_, moves, _) = expfam.e_step(io_log_Z)(eta, inputs, data)
    assert value == pytest.approx(5.070570466445593, abs=1e-9)
    assert moves.sum(axis=(1, 2)) == pytest.approx(np.bincount(inputs, minlength=len(eta[1])))
    with_one_more = eta[0], np.concatenate([eta[1], eta[1][:1]]), eta[2]
    assert not np.any(expfam.mean(io_log_Z)(with_one_more, inputs, data)[1][-1])
    assert list(expfam.io_hmm_transition_first.mode(eta, inputs, data)) == [2, 0, 0, 1, 1, 0]


# ---- J7: the Kalman smoother --------------------------------------------------------------------------


def curry(f):
    def of_one(param):
        def step(message):
            return f(param, message)

        return step

    return of_one


@curry
def condition(node_param, message):
    J, h = message
    J_node, h_node, log_Z_node = node_param
    return (J + J_node, h + h_node), log_Z_node


@curry
def predict(pair_param, message):
    J, h = message
    J11, J12, J22, log_Z_pair = pair_param
    L = np.linalg.cholesky(-2 * (J + J11))
    v = solve_triangular(L, h, lower=True)
    lognorm = 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
    h_predict = np.dot(J12.T, solve_triangular(L, v, trans="T", lower=True))
    temp = solve_triangular(L, J12, lower=True)
    J_predict = J22 + 1.0 / 2 * np.dot(temp.T, temp)
    return (J_predict, h_predict), lognorm + log_Z_pair


def natural_lognorm(message):
    J, h = message
    L = np.linalg.cholesky(-2 * J)
    v = solve_triangular(L, h, lower=True)
    return 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))


def interleave(first, second):
    first, second = tuple(first), tuple(second)
    pairs = zip(first, second)  # noqa: B905 (the first has one more)
    return tuple(step for pair in pairs for step in pair) + first[len(second) :]


def monad_runner(bind, result, steps):
    for step in steps:
        result = bind(result, step)
    return result


def kalman_log_Z(natural_params):
    init_params, pair_params, node_params = natural_params

    def unit(J, h, logZ):
        return (J, h), logZ

    def bind(result, step):
        message, lognorm = result
        new_message, term = step(message)
        return new_message, lognorm + term

    steps = interleave(map(condition, node_params), map(predict, pair_params))
    message, lognorm = monad_runner(bind, unit(*init_params), steps)
    return lognorm + natural_lognorm(message)


def test_the_kalman_smoother_is_the_gradient_of_closures() -> None:
    rng = np.random.default_rng(12)
    A = rng.normal(size=(2, 2)) / 2
    given = {"A": A, "Q": np.eye(2) / 2, "C": np.ones((1, 2)), "R": np.eye(1) / 4}
    init, pairs, nodes = lds.natural(rng.normal(size=(4, 1)), np.zeros(2), np.eye(2), **given)
    steps = tuple(tuple(part[t] for part in pairs) for t in range(3))
    observed = tuple(tuple(part[t] for part in nodes) for t in range(4))
    kalman_smoothen = srcdiff.grad(kalman_log_Z)
    _, d_pairs, d_nodes = kalman_smoothen((init, steps, observed))
    log_Z_, (_, moments, node_moments) = lds.e_step((init, pairs, nodes))
    assert kalman_log_Z((init, steps, observed)) == pytest.approx(log_Z_ - 4.0 * np.log(2 * np.pi))
    for t in range(4):
        assert d_nodes[t][1] == pytest.approx(node_moments[1][t], abs=1e-10)
        assert d_nodes[t][2] == 1.0
    for t in range(3):
        assert d_pairs[t][1] == pytest.approx(moments[1][t], abs=1e-10)
        assert d_pairs[t][3] == 1.0


# ---- J9, J15 ------------------------------------------------------------------------------------------


def test_generated_inference_is_a_file(tmp_path: Path) -> None:
    found, eta = seed("hmm_seed")
    path = expfam.e_step(log_Z).save(tmp_path / "e_step.py", eta, np.array(found["data"]))
    text = path.read_text()
    assert "srcdiff" not in text.partition('"""\n')[2]
    best = srcdiff.transform(log_Z, "semiring", semiring="argmax", jit=False)
    text = best.save(tmp_path / "best.py", eta, np.array(found["data"])).read_text()
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert namespace["log_Z_argmax"](eta, np.array(found["data"]))[0] == pytest.approx(found["viterbi_score"])  # fmt: skip


def test_what_a_result_does_not_depend_on_is_reported() -> None:
    with pytest.warns(srcdiff.IndependentWarning):
        nothing = srcdiff.grad(lambda eta, data: np.sum(data))(np.ones(3), np.ones(2))
    assert np.array_equal(nothing, np.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        srcdiff.grad(lambda eta, data: np.sum(eta) + np.sum(data))(np.ones(3), np.ones(2))
