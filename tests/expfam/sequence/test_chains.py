"""Chains of discrete states against reference numbers and enumeration of all paths (rows J3 to J6, J8, J10)."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from expfam.enumeration import Paths, chain_paths, hmm_paths, normalised, semi_markov_paths
from scipy import stats

from srcdiff import expfam
from srcdiff.expfam.core.pytree import flatten
from srcdiff.expfam.sequence.chains import (
    crf_as_chain,
    hmm_as_chain,
    hmm_joint_log_Z,
    hmm_transition_first_as_chain,
    io_hmm_as_chain,
    io_hmm_transition_first_as_chain,
)

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "chains.json").read_text(encoding="utf-8")
)
CHAINS = {
    "hmm_seed": (expfam.hmm_transition_first, hmm_transition_first_as_chain),
    "iohmm_seed": (expfam.io_hmm_transition_first, io_hmm_transition_first_as_chain),
    "hmm_standard": (expfam.hmm, hmm_as_chain),
    "iohmm_standard": (expfam.io_hmm, io_hmm_as_chain),
}  # fmt: skip
N = np.random.default_rng(101).normal


def reference(name: str) -> tuple[Any, Any, Any]:
    """Numbers, natural parameters and data of `chains.json`."""
    found = REFERENCE[name]
    eta = tuple(np.array(found[n]) for n in ("log_pi", "log_A", "log_B"))
    data = np.array(found["data"])
    return found, eta, (data,) if found["inputs"] is None else (np.array(found["inputs"]), data)


# other sizes, and forbidden transitions and symbols
def models() -> dict[str, Any]:
    data, inputs = np.array([1, 0, 4, 4, 2, 1]), np.array([0, 2, 2, 0, 2, 0])  # 1 never occurs
    eta = N(size=2), N(size=(2, 2)), N(size=(2, 5))
    banded = np.array([0.0, -np.inf, -np.inf]), np.where(np.eye(3) + np.eye(3, k=1), N(size=(3, 3)), -np.inf), N(size=(3, 5))  # fmt: skip
    banded[2][0, 3] = banded[2][1, 1] = -np.inf
    io = N(size=3), N(size=(3, 3, 3)), N(size=(3, 5))
    log_D = np.where(N(size=(3, 4)) > 1.0, -np.inf, N(size=(3, 4)))
    segments = N(size=3), np.where(np.eye(3), -np.inf, N(size=(3, 3))), log_D, N(size=(3, 5))
    bare = N(size=(5, 3)), N(size=(4, 3, 3))
    return {
        "hmm": (expfam.hmm, eta, (data,), hmm_paths(eta, data)),
        "hmm with -inf": (expfam.hmm, banded, (data,), hmm_paths(banded, data)),
        "hmm, transition first": (expfam.hmm_transition_first, eta, (data,), hmm_paths(eta, data, first=True)),
        "io_hmm": (expfam.io_hmm, io, (inputs, data), hmm_paths(io, data, inputs)),
        "io_hmm, transition first": (expfam.io_hmm_transition_first, io, (inputs, data), hmm_paths(io, data, inputs, True)),
        "semi_markov": (expfam.semi_markov, segments, (data,), semi_markov_paths(segments, data)),
        "chain": (expfam.chain, bare, (), chain_paths(*bare)),
        "one observation": (expfam.hmm, eta, (data[:1],), hmm_paths(eta, data[:1])),
    }  # fmt: skip


MODELS = models()
by_model = pytest.mark.parametrize(("family", "eta", "data", "paths"), MODELS.values(), ids=MODELS)


@pytest.mark.parametrize("name", CHAINS)
def test_e_step_and_entropy_are_those_of_the_reference(name: str) -> None:
    found, eta, data = reference(name)
    family, _ = CHAINS[name]
    log_likelihood, counts = family.e_step(eta, *data)
    assert log_likelihood == pytest.approx(found["logZ"], abs=1e-12)
    for count, wanted in zip(counts, ("E_pi", "E_A", "E_B"), strict=True):
        assert count == pytest.approx(np.array(found[wanted]), abs=1e-12)
    assert family.entropy(eta, *data) == pytest.approx(found["entropy"], abs=1e-12)


@pytest.mark.parametrize("name", CHAINS)
def test_the_hessian_has_the_trace_of_the_reference(name: str) -> None:
    found, eta, data = reference(name)
    vector, restore = flatten(eta)
    columns = [flatten(CHAINS[name][0].fisher(eta, *data, restore(v)))[0] for v in np.eye(len(vector))]  # fmt: skip
    assert np.trace(columns) == pytest.approx(found["hessian_trace"], abs=1e-10)


@pytest.mark.parametrize("name", CHAINS)
def test_marginals_of_each_time_are_those_of_the_reference(name: str) -> None:
    found, eta, data = reference(name)
    nodes, pairs = expfam.chain.mean(CHAINS[name][1](eta, *data))
    assert nodes == pytest.approx(np.array(found["node_marginals"]), abs=1e-12)
    assert pairs == pytest.approx(np.array(found["pair_marginals"]), abs=1e-12)


@by_model
def test_expected_counts_are_those_of_all_paths(
    family: Any, eta: Any, data: Any, paths: Paths
) -> None:
    log_Z, counts = family.e_step(eta, *data)
    assert log_Z == pytest.approx(paths.log_Z, abs=1e-11)
    for count, wanted in zip(counts, paths.mean(), strict=True):
        assert count == pytest.approx(wanted, abs=1e-11)


@by_model
def test_entropy_is_that_of_all_paths(family: Any, eta: Any, data: Any, paths: Paths) -> None:
    assert family.entropy(eta, *data) == pytest.approx(paths.entropy, abs=1e-11)


@by_model
def test_fisher_is_the_covariance_of_the_counts(
    family: Any, eta: Any, data: Any, paths: Paths
) -> None:
    vector, restore = flatten(eta)
    v = N(size=len(vector))
    found = flatten(family.fisher(eta, *data, restore(v)))[0]
    assert found == pytest.approx(paths.covariance() @ v, abs=1e-10)


@pytest.mark.parametrize("name", ["hmm", "io_hmm", "chain"])
def test_third_cumulants_are_those_of_all_paths(name: str) -> None:
    family, eta, data, paths = MODELS[name]
    vector, restore = flatten(eta)
    u, v = N(size=(2, len(vector)))
    found = flatten(family.third_cumulant(eta, *data, restore(u), restore(v)))[0]
    assert found == pytest.approx(paths.third(u, v), abs=1e-9)


# ---- information --------------------------------------------------------------------------------------


def test_observed_information_is_minus_the_hessian_of_the_log_likelihood() -> None:
    """Louis' identity against differences of log-likelihoods that are enumerated (row J10)."""
    eta, data = (N(size=2), N(size=(2, 2)), N(size=(2, 3))), np.array([0, 2, 1, 1])
    vector, restore = flatten(eta)
    information = expfam.observed_information(expfam.hmm.log_Z, hmm_joint_log_Z)

    def log_likelihood(values: Any) -> float:
        one = restore(values)
        every = itertools.product(range(3), repeat=4)
        joint = np.logaddexp.reduce([hmm_paths(one, np.array(d)).log_Z for d in every])
        return float(hmm_paths(one, data).log_Z - joint)

    u, v = N(size=(2, len(vector)))

    def by_differences(h: float) -> float:
        signs = itertools.product((-1, 1), repeat=2)
        return sum(a * b * log_likelihood(vector + h * (a * u + b * v)) for a, b in signs) / (
            4 * h * h
        )

    found = flatten(information(eta, data, restore(v)))[0]
    extrapolated = (4 * by_differences(2e-3) - by_differences(4e-3)) / 3  # Richardson
    assert u @ found == pytest.approx(-extrapolated, rel=1e-5, abs=1e-6)


def test_expected_information_is_the_covariance_of_what_is_learned() -> None:
    """Over all data: the mean of the observed information is the covariance of expected counts."""
    eta = tuple(normalised(np.random.default_rng(1), *s) for s in ((2,), (2, 2), (2, 2)))
    vector, restore = flatten(eta)
    v = N(size=len(vector))
    information = expfam.observed_information(expfam.hmm.log_Z, hmm_joint_log_Z)
    every = [np.array(d) for d in itertools.product(range(2), repeat=3)]
    paths = [hmm_paths(eta, d) for d in every]
    p = np.exp([q.log_Z for q in paths])
    assert p.sum() == pytest.approx(1.0)
    counts = np.array([flatten(q.mean())[0] for q in paths])
    centred = counts - p @ counts
    wanted = centred.T @ (p * (centred @ v))
    found = sum(
        w * flatten(information(eta, d, restore(v)))[0] for w, d in zip(p, every, strict=True)
    )
    assert found == pytest.approx(wanted, abs=1e-12)


# ---- the best path ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAINS)
def test_the_best_path_is_that_of_the_reference(name: str) -> None:
    found, eta, data = reference(name)
    family, as_chain = CHAINS[name]
    assert family.viterbi(eta, *data)[0] == pytest.approx(found["viterbi_score"], abs=1e-12)
    assert expfam.chain.viterbi(as_chain(eta, *data))[0] == pytest.approx(found["viterbi_score"])
    assert list(family.mode(eta, *data)) == found["viterbi_path"]


@by_model
def test_viterbi_counts_the_best_of_all_paths(
    family: Any, eta: Any, data: Any, paths: Paths
) -> None:
    path, score = paths.best()[0]
    value, counts = family.viterbi(eta, *data)
    assert value == pytest.approx(score, abs=1e-12)
    for found, wanted in zip(counts, paths.stats[paths.paths.index(path)], strict=True):
        assert np.array_equal(found, wanted)
    if family is not expfam.semi_markov:
        assert tuple(family.mode(eta, *data)) == path


def test_of_paths_that_tie_one_is_found() -> None:
    eta = np.zeros(2), np.where(np.eye(2), -np.inf, 0.0), np.zeros((2, 1))  # states alternate
    path = expfam.hmm.mode(eta, np.zeros(5, int))
    assert np.all(np.diff(path) != 0)
    assert expfam.hmm.viterbi(eta, np.zeros(5, int))[0] == 0.0


def test_where_all_paths_are_forbidden_there_is_no_best_one() -> None:
    eta = np.zeros(2), np.full((2, 2), -np.inf), np.zeros((2, 1))
    with pytest.raises(ValueError, match="there is no path: all of them are forbidden"):
        expfam.hmm.mode(eta, np.zeros(3, int))
    with pytest.raises(ValueError, match="there is no path: all of them are forbidden"):
        expfam.hmm.sample(eta, np.random.default_rng(0), 1, np.zeros(3, int))


def test_divergence_of_posteriors_is_that_of_all_paths() -> None:
    family, eta, data, paths = MODELS["hmm"]
    other = tuple(e + 0.5 * N(size=e.shape) for e in eta)
    q = hmm_paths(other, *data).p
    assert family.kl(eta, other, *data) == pytest.approx(np.sum(paths.p * np.log(paths.p / q)))


def test_an_input_that_never_occurs_counts_nothing() -> None:
    family, eta, data, _ = MODELS["io_hmm, transition first"]
    assert np.array_equal(family.mean(eta, *data)[1][1], np.zeros((3, 3)))


def test_counts_add_up() -> None:
    family, eta, (data,), _ = MODELS["hmm"]
    starts, moves, emissions = family.mean(eta, data)
    assert (starts.sum(), moves.sum(), emissions.sum()) == pytest.approx((1, len(data) - 1, len(data)))  # fmt: skip
    assert emissions.sum(axis=0) == pytest.approx(np.bincount(data, minlength=5))


def test_a_conditional_random_field_has_expected_features() -> None:
    weights, log_A, features = N(size=(4, 3)), N(size=(3, 3)), N(size=(5, 4))
    paths = chain_paths(*crf_as_chain((weights, log_A), features))
    log_Z, (d_weights, d_A) = expfam.crf.e_step((weights, log_A), features)
    nodes, pairs = paths.mean()
    assert log_Z == pytest.approx(paths.log_Z)
    assert d_weights == pytest.approx(features.T @ nodes)
    assert d_A == pytest.approx(pairs.sum(0))


@pytest.mark.parametrize("name", ["hmm with -inf", "io_hmm, transition first", "chain"])
def test_drawn_paths_have_the_probabilities_of_all_paths(name: str) -> None:
    family, eta, data, paths = MODELS[name]
    n = 100_000
    drawn = family.sample(eta, np.random.default_rng(8), n, *data)
    states = 1 + int(drawn.max())
    code = lambda p: np.asarray(p) @ states ** np.arange(len(paths.paths[0]))
    counts = np.bincount(code(drawn), minlength=states ** len(paths.paths[0]))
    expected = np.zeros_like(counts, float)
    for path, p in zip(paths.paths, paths.p, strict=True):
        if max(path) < states:
            expected[code(path)] = n * p
    assert counts[expected == 0.0].sum() == 0  # what is forbidden never happens
    common = expected > 10.0
    observed = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum())
    seen = wanted > 0.0
    assert stats.chisquare(observed[seen], wanted[seen]).pvalue > 1e-3


def test_potentials_of_a_million_do_no_harm() -> None:
    eta = tuple(1e6 * e for e in MODELS["hmm"][1])
    data = MODELS["hmm"][2]
    log_Z, counts = expfam.hmm.e_step(eta, *data)
    path, score = hmm_paths(eta, *data).best()[0]
    assert log_Z == pytest.approx(score, rel=1e-15)
    assert counts[0][path[0]] == 1.0
    assert all(np.isfinite(c).all() for c in counts)


def test_large_potentials_have_the_marginals_of_exact_arithmetic() -> None:
    """Weights of paths are sums of fractions, whatever their size; their exponentials have 60 digits."""
    rng = np.random.default_rng(61)
    eta = (
        1e6 + rng.normal(size=2),
        np.where([[False, True], [False, False]], -np.inf, -1e6 + rng.normal(size=(2, 2))),
        1e6 + rng.normal(size=(2, 3)),
    )
    data = np.array([2, 0, 1, 1, 2])
    paths = [
        p for p in itertools.product(range(2), repeat=5) if (0, 1) not in itertools.pairwise(p)
    ]
    weights = [
        Fraction(eta[0][p[0]])
        + sum(Fraction(eta[1][move]) for move in itertools.pairwise(p))
        + sum(Fraction(eta[2][k, y]) for k, y in zip(p, data, strict=True))
        for p in paths
    ]
    with mpmath.workdps(60):
        shares = [mpmath.exp(mpmath.mpf(w.numerator) / w.denominator) for w in weights]
        total = mpmath.fsum(shares)
        value = float(mpmath.log(total))
        moves = np.zeros((2, 2))
        for path, share in zip(paths, shares, strict=True):
            for move in itertools.pairwise(path):
                moves[move] += float(share / total)
    log_Z, counts = expfam.hmm.e_step(eta, data)
    assert log_Z == pytest.approx(value, rel=1e-15)
    assert counts[1] == pytest.approx(moves, abs=2e-9)  # a unit in the last place of 5e6
    assert counts[1][0, 1] == 0.0
    assert expfam.hmm.count(eta, data) == len(paths)
    assert expfam.hmm.viterbi(eta, data)[0] == pytest.approx(float(max(weights)), rel=1e-15)


def test_a_long_sequence_is_finite() -> None:
    data = np.random.default_rng(0).integers(0, 5, 3_000)
    for name in ("hmm", "hmm with -inf"):
        log_Z, counts = expfam.hmm.e_step(MODELS[name][1], data)
        assert np.isfinite(log_Z)
        assert counts[1].sum() == pytest.approx(len(data) - 1)


def test_where_there_is_no_path_nothing_is_counted() -> None:
    log_pi, log_A, log_B = MODELS["hmm"][1]
    eta = log_pi, log_A, np.where(np.arange(5) == 3, -np.inf, log_B)
    log_Z, counts = expfam.hmm.e_step(eta, np.array([0, 3, 1]))
    assert log_Z == -np.inf
    assert all(np.array_equal(c, np.zeros_like(c)) for c in counts)


def test_named_tuples_and_dicts_are_parameters_too() -> None:
    """The same model with a dict: its counts are a dict (row J11)."""

    def log_Z(eta, data):
        log_alpha = eta["pi"] + eta["B"][:, data[0]]
        for y in data[1:]:
            scores = log_alpha[:, None] + eta["A"]
            top = np.max(scores, axis=0)
            log_alpha = np.log(np.sum(np.exp(scores - top), axis=0)) + top + eta["B"][:, y]
        return np.logaddexp(log_alpha[0], log_alpha[1])

    _, eta, (data,), paths = MODELS["hmm"]
    family = expfam.family(log_Z, jit=False)
    value, counts = family.e_step(dict(zip(("pi", "A", "B"), eta, strict=True)), data)
    assert value == pytest.approx(paths.log_Z)
    for found, wanted in zip((counts["pi"], counts["A"], counts["B"]), paths.mean(), strict=True):
        assert found == pytest.approx(wanted)


# ---- the generated text -------------------------------------------------------------------------------


def test_the_backward_loop_reads_as_a_backward_recursion() -> None:
    _, eta, data, _ = MODELS["hmm, transition first"]
    source = expfam.hmm_transition_first.e_step.source_for(eta, *data)
    forward, _, backward = source.partition("# backward")
    assert backward.count("for ") == 1
    assert "in zip(reversed(log_alphas), reversed(data)):" in backward
    assert "log_alphas[i] = log_alpha" in forward
    assert "append" not in source


@pytest.mark.parametrize("name", ["e_step", "entropy", "kl", "fisher"])
def test_sources_run_without_srcdiff(name: str) -> None:
    """The E-step is a file with no dependency but NumPy and SciPy (row J9)."""
    family, eta, data, _ = MODELS["hmm with -inf"]
    member = getattr(family, name)
    more = {"kl": ((eta[0], eta[1], eta[2] + 0.1),), "fisher": ()}.get(name, ())
    rest = (eta,) if name == "fisher" else ()
    finite = tuple(np.where(np.isfinite(e), e, 0.0) for e in eta)
    args = (eta, *more, *data, *((finite,) if rest else ()))
    text = member.source_for(eta, *data, *((finite,) if rest else ()))
    assert "srcdiff" not in text
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    written = namespace[name if name in ("entropy", "kl") else member.__name__](*args)
    assert flatten(written)[0] == pytest.approx(flatten(member(*args))[0])


def test_a_saved_e_step_is_a_module(tmp_path: Path) -> None:
    _, eta, data, _ = MODELS["hmm"]
    path = expfam.hmm.e_step.save(tmp_path / "hmm.py", eta, *data)
    assert "srcdiff" not in path.read_text().split('"""')[2]
    path = expfam.hmm.entropy.save(tmp_path / "entropy.py", eta, *data)
    assert "def entropy(eta, *data):" in path.read_text()


# ---- bad input ----------------------------------------------------------------------------------------

_pi, _A, _B = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 5))
_long = np.array([0, 1, 2, 3, 4] * 2 + [0, 0, 7])


@pytest.mark.parametrize(
    ("family", "eta", "data", "message"),
    [
        (expfam.hmm, (_pi, _A, _B), (_long,), "log_B has 5 symbols, data holds 7 at position 12"),
        (expfam.hmm, (_pi, _A, _B), (np.array([0, -1]),), "log_B has 5 symbols, data holds -1 at position 1"),
        (expfam.hmm, (_pi, _A, _B), (np.array([], int),), "data is an empty sequence"),
        (expfam.hmm, (_pi, _A, _B), (np.array([[0]]),), "data is one sequence, an array with 1 axis, not 2"),
        (expfam.hmm, (_pi, np.zeros((3, 3)), _B), (_long,), r"log_pi has 2 states, so log_A has the shape \(2, 2\), not \(3, 3\)"),
        (expfam.hmm, (_pi, _A, _B.T), (_long,), r"log_B has the shape \(2, symbols\), not \(5, 2\)"),
        (expfam.hmm, (_pi, np.array([[0.0, np.nan], [0.0, 0.0]]), _B), (_long,), r"log_A holds nan at \(0, 1\)"),
        (expfam.hmm, (_A, _A, _B), (_long,), "log_pi has 2 axes, and needs 1"),
        (expfam.io_hmm, (_pi, np.zeros((3, 2, 2)), _B), (np.array([0, 3]), np.array([0, 0])), "log_A has 3 inputs, inputs holds 3 at position 1"),
        (expfam.io_hmm, (_pi, np.zeros((3, 2, 2)), _B), (np.array([0]), np.array([0, 0])), "there are 1 inputs for 2 observations"),
        (expfam.semi_markov, (_pi, _A, np.zeros(2), _B), (_long,), r"log_D has the shape \(2, longest\)"),
        (expfam.chain, (np.zeros((3, 2)), np.zeros((3, 2, 2))), (), r"log_pairs has the shape \(2, 2, 2\), not \(3, 2, 2\)"),
        (expfam.crf, (np.zeros((4, 2)), _A), (np.zeros((0, 4)),), "crf: data is an empty sequence"),
        (expfam.crf, (np.zeros((1, 2)), _A), (np.array([[0.0], [np.nan]]),), r"crf: data holds nan at \(1, 0\)"),
        (expfam.crf, (np.full((1, 2), -np.inf), _A), (np.zeros((2, 1)),), r"crf: weights holds -inf at \(0, 0\); forbid by -inf in log_A"),
        (expfam.crf, (np.zeros((4, 2)), _A), (np.zeros((3, 5)),), r"weights has 4 features, so data has the shape \(times, 4\), not \(3, 5\)"),
    ],
)  # fmt: skip
def test_bad_input_is_reported_in_the_terms_of_the_model(
    family: Any, eta: Any, data: Any, message: str
) -> None:
    for call in (family.e_step, family.mean, family.entropy):
        with pytest.raises(ValueError, match=message):
            call(eta, *data)


def test_data_that_is_no_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="data holds numbers of symbols, integers, not float64"):
        expfam.hmm.mean((_pi, _A, _B), np.array([0.0, 1.0]))


def test_all_paths_are_enumerated() -> None:
    """The oracle itself: counts of paths, and weights that add up."""
    assert len(MODELS["hmm"][3].paths) == 2**6
    segments = MODELS["semi_markov"]
    lengths = [sum(d for _, d in path) for path in segments[3].paths]
    assert set(lengths) == {6}
    assert len(segments[3].paths) == len({*segments[3].paths})
    assert sum(1 for _ in itertools.product(range(3), repeat=5)) == len(MODELS["chain"][3].paths)
