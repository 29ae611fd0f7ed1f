"""Estimators of hidden Markov models: EM steps by enumeration, monotone fits, sequences, missing data (row J8)."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from expfam.enumeration import hmm_paths, normalised
from scipy import stats

from srcdiff.expfam import HMM, IOHMM, LDS, Emissions, family
from srcdiff.expfam.core.univariate import categorical, gaussian, poisson

FAST: dict[str, Any] = {"jit": False}


def model(rng: Any, kind: Any = HMM, symbols: int = 4, **options: Any) -> Any:
    """A model of two states whose parameters are set."""
    found = kind(2, warm_start=True, **FAST, **options)
    shape = (2, 2) if kind is HMM else (3, 2, 2)
    found.log_pi_, found.log_A_ = normalised(rng, 2), normalised(rng, *shape)
    log_B = normalised(rng, 2, symbols)
    found.emissions_ = Emissions(categorical, tuple(log_B), maximise=_counts)
    return found


def _counts(stats: Any, overall: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(stats / stats.sum())


def parameters(found: Any) -> Any:
    return found.log_pi_, found.log_A_, np.array(found.emissions_.etas)


def by_enumeration(eta: Any, sequences: Any, inputs: Any = None) -> Any:
    """One step of Baum-Welch over all paths."""
    inputs = [None] * len(sequences) if inputs is None else inputs
    counts = [hmm_paths(eta, y, u).mean() for y, u in zip(sequences, inputs, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = [sum(leaf) for leaf in zip(*counts, strict=True)]
        return [np.log(s / s.sum(-1, keepdims=True)) for s in sums]


def test_a_step_of_em_is_that_of_baum_welch() -> None:
    rng = np.random.default_rng(0)
    hmm, sequences = model(rng, max_iter=1), [np.array([0, 1, 3, 2, 2]), np.array([1, 1, 0])]
    before = parameters(hmm)
    hmm.fit(sequences)
    for found, wanted in zip(parameters(hmm), by_enumeration(before, sequences), strict=True):
        assert found == pytest.approx(wanted, abs=1e-12)
    assert hmm.log_likelihoods_ == pytest.approx([sum(hmm_paths(before, y).log_Z for y in sequences)])  # fmt: skip


def test_a_step_with_inputs_is_that_of_baum_welch() -> None:
    rng = np.random.default_rng(1)
    hmm = model(rng, IOHMM, max_iter=1)
    sequences, inputs = [np.array([0, 1, 3, 2, 2]), np.array([1, 1, 0])], [np.array([0, 0, 1, 0, 1]), np.array([1, 1, 0])]  # fmt: skip
    before = parameters(hmm)
    hmm.fit(sequences, inputs=inputs)
    pi, A, B = by_enumeration(before, sequences, inputs)
    assert hmm.log_pi_ == pytest.approx(pi)
    assert hmm.log_A_[:2] == pytest.approx(A[:2])
    assert hmm.log_A_[2] == pytest.approx(before[1][2])  # the input that never occurs: as it was
    assert np.array(hmm.emissions_.etas) == pytest.approx(B)


def test_fifty_steps_climb() -> None:
    rng = np.random.default_rng(2)
    hmm = HMM(3, max_iter=50, tol=0.0, random_state=5, **FAST)
    hmm.fit([rng.integers(0, 4, n) for n in (40, 1, 25)])
    steps = np.diff(hmm.log_likelihoods_)
    assert np.all(steps > -1e-9)
    for log_p in parameters(hmm):
        assert np.exp(log_p).sum(-1) == pytest.approx(1.0)


def test_forbidden_transitions_stay_forbidden() -> None:
    rng = np.random.default_rng(3)
    hmm = model(rng, max_iter=20)
    hmm.log_pi_ = np.array([0.0, -np.inf])
    hmm.log_A_ = np.array([hmm.log_A_[0], [-np.inf, 0.0]])
    hmm.fit(rng.integers(0, 4, 30))
    assert hmm.log_pi_[1] == -np.inf
    assert hmm.log_A_[1, 0] == -np.inf
    assert not any(np.isnan(p).any() for p in parameters(hmm))
    path = hmm.predict(rng.integers(0, 4, 30))
    assert np.all(np.diff(path) >= 0)


def test_missing_observations_are_summed_over() -> None:
    rng = np.random.default_rng(4)
    hmm = model(rng)
    log_pi, log_A, log_B = parameters(hmm)
    y, observed = np.array([0, 3, 2, 1]), np.array([True, False, True, True])
    total = [hmm_paths((log_pi, log_A, log_B), np.where(observed, y, s)).log_Z for s in range(4)]
    assert hmm.score(y, observed=observed) == pytest.approx(np.logaddexp.reduce(total))
    hmm.max_iter = 10
    hmm.fit([y, y[:1]], observed=[observed, np.array([False])])
    assert np.all(np.diff(hmm.log_likelihoods_) > -1e-12)


def test_posterior_and_best_path_are_those_of_all_paths() -> None:
    rng = np.random.default_rng(5)
    hmm = model(rng)
    sequences = [rng.integers(0, 4, n) for n in (6, 1, 4)]
    all_paths = [hmm_paths(parameters(hmm), y) for y in sequences]
    path = hmm.predict(np.concatenate(sequences), lengths=[6, 1, 4])
    assert tuple(path) == sum((p.best()[0][0] for p in all_paths), ())
    wanted = [np.array([sum(w for q, w in zip(p.paths, p.p, strict=True) if q[t] == 1) for t in range(len(y))]) for p, y in zip(all_paths, sequences, strict=True)]  # fmt: skip
    assert hmm.predict_proba(sequences)[:, 1] == pytest.approx(np.concatenate(wanted))
    assert hmm.score(sequences) == pytest.approx(sum(p.log_Z for p in all_paths))


def test_the_best_path_with_inputs_is_that_of_all_paths() -> None:
    rng = np.random.default_rng(6)
    hmm = model(rng, IOHMM)
    y, u = rng.integers(0, 4, 6), rng.integers(0, 3, 6)
    best = hmm_paths(parameters(hmm), y, u).best()[0][0]
    assert tuple(hmm.predict(y, inputs=u)) == best


@pytest.mark.parametrize("kind", ["gaussian", "vectors", "poisson"])
def test_fits_find_what_the_data_were_drawn_from(kind: str) -> None:
    rng = np.random.default_rng(7)
    states = np.cumsum(rng.random(600) < 0.05) % 2
    data = {
        "gaussian": np.where(states, 4.0, -1.0) + rng.normal(size=600),
        "vectors": np.where(states, 4.0, -1.0)[:, None] + rng.normal(size=(600, 2)),
        "poisson": rng.poisson(np.where(states, 12.0, 2.0)),
    }[kind]
    hmm = HMM(2, "poisson" if kind == "poisson" else "gaussian", random_state=1, max_iter=30, **FAST)  # fmt: skip
    hmm.fit(data, lengths=[350, 250])
    assert np.all(np.diff(hmm.log_likelihoods_) > -1e-6)
    agreed = np.mean(hmm.predict(data, lengths=[350, 250]) == states)
    assert max(agreed, 1.0 - agreed) > 0.97
    usual = [hmm.emissions_.family.usual(eta) for eta in hmm.emissions_.etas]
    levels = sorted(float(np.mean(u.get("rate", u.get("mean")))) for u in usual)
    assert levels == pytest.approx([2.0, 12.0] if kind == "poisson" else [-1.0, 4.0], abs=0.6)
    new, path = hmm.sample(500, random_state=3)
    assert new.shape == (500, *data.shape[1:])
    assert np.mean(hmm.predict(new) == path) > 0.95


@pytest.mark.long
def test_emissions_of_ones_own_are_a_family() -> None:
    def exponential_log_Z(eta):
        return -np.sum(np.log(-eta))

    waiting_times = family(exponential_log_Z, statistics=lambda eta, x: np.asarray(x, float), domain=lambda eta: eta < 0.0, jit=False)  # fmt: skip
    rng = np.random.default_rng(8)
    states = np.cumsum(rng.random(800) < 0.05) % 2
    data = rng.exponential(np.where(states, 10.0, 0.5))
    hmm = HMM(2, Emissions(waiting_times, (-1.0, -0.3)), random_state=0, max_iter=15, **FAST).fit(
        data
    )
    assert np.all(np.diff(hmm.log_likelihoods_) > -1e-9)
    assert -1.0 / np.array(hmm.emissions_.etas) == pytest.approx([0.5, 10.0], rel=0.3)


def test_more_beginnings_are_no_worse_and_fits_are_reproducible() -> None:
    data = np.random.default_rng(9).integers(0, 3, 60)
    one = HMM(3, random_state=1, max_iter=20, **FAST).fit(data)
    many = HMM(3, random_state=1, max_iter=20, restarts=3, **FAST).fit(data)
    again = HMM(3, random_state=1, max_iter=20, **FAST).fit(data)
    assert many.log_likelihoods_[-1] >= one.log_likelihoods_[-1]
    assert again.log_likelihoods_ == one.log_likelihoods_


def test_a_fit_goes_on_where_it_was() -> None:
    data = np.random.default_rng(10).integers(0, 3, 60)
    whole = HMM(2, random_state=1, max_iter=10, tol=0.0, **FAST).fit(data)
    parts = HMM(2, random_state=1, max_iter=5, tol=0.0, warm_start=True, **FAST).fit(data)
    first = parts.log_likelihoods_
    parts.fit(data)
    assert [*first, *parts.log_likelihoods_] == whole.log_likelihoods_
    assert np.array_equal(parts.log_A_, whole.log_A_)


def test_drawn_states_follow_the_transitions() -> None:
    hmm = model(np.random.default_rng(11))
    _, path = hmm.sample(20_000, random_state=2)
    moves = np.zeros((2, 2))
    np.add.at(moves, (path[:-1], path[1:]), 1.0)
    wanted = np.exp(hmm.log_A_) * moves.sum(1, keepdims=True)
    assert stats.chisquare(moves[0], wanted[0]).pvalue > 1e-3
    assert stats.chisquare(moves[1], wanted[1]).pvalue > 1e-3


@pytest.mark.parametrize("copied", [lambda h: pickle.loads(pickle.dumps(h)), copy.deepcopy])
def test_a_fitted_model_can_be_pickled_and_copied(copied: Any) -> None:
    data = np.random.default_rng(10).poisson(3.0, 60)
    hmm = HMM(2, "poisson", random_state=1, max_iter=3, **FAST).fit(data)
    other = copied(hmm)
    assert other.score(data) == hmm.score(data)
    assert other.emissions_.family is poisson
    assert np.array_equal(other.predict(data), hmm.predict(data))


def test_parameters_are_read_and_changed_as_in_scikit_learn() -> None:
    hmm = HMM(3, max_iter=7)
    assert hmm.get_params()["max_iter"] == 7
    assert type(hmm)(**hmm.get_params()).get_params() == hmm.get_params()
    assert hmm.set_params(tol=0.5).tol == 0.5
    assert copy.deepcopy(hmm).n_states == 3
    with pytest.raises(ValueError, match="HMM has no parameter 'states'; it has n_states"):
        hmm.set_params(states=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda h: h.score(np.array([0, 1, 4])), "the emissions have 4 symbols, sequence 0 holds 4 at position 2"),
        (lambda h: h.score([np.array([0]), np.array([], int)]), "sequence 1 is empty"),
        (lambda h: h.score(np.array([0, 1]), lengths=[3]), "lengths add up to 3, but X has 2 observations"),
        (lambda h: h.score(np.array([0, 1]), observed=np.array([True])), r"2 observations, and observed has the shape \(1,\)"),
        (lambda h: h.score(np.array([0, 1]), inputs=np.array([0, 0])), "HMM takes no inputs"),
        (lambda h: HMM(2, **FAST).score(np.array([0])), "this HMM was not fitted yet"),
        (lambda h: HMM(2, "gaussian", **FAST).fit(np.array([0.0, np.nan])), "sequence 0 holds NaN or infinity at position 1"),
        (lambda h: HMM(2, "poisson", **FAST).fit(np.array([0, -3])), "counts are integers from 0"),
        (lambda h: HMM(2, "normal", **FAST).fit(np.array([0, 1])), "emissions='normal': expected 'categorical'"),
        (lambda h: HMM(2, gaussian_like(), **FAST).fit(np.array([0.0, 1.0])), "the states' first parameters are needed"),
        (lambda h: IOHMM(2, **FAST).fit(np.array([0, 1])), "IOHMM needs inputs"),
        (lambda h: HMM(3, Emissions(poisson, (0.0,)), **FAST).fit(np.array([0, 1])), "there are 3 states, but emissions of 1"),
        (lambda h: h.fit([]), "there are no sequences|0"),
    ],
)  # fmt: skip
def test_bad_input_is_reported_in_the_terms_of_the_model(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(model(np.random.default_rng(0)))


def gaussian_like() -> Any:
    return family(gaussian.log_Z, name="like a gaussian", statistics=gaussian.statistics, jit=False)


def test_impossible_data_are_reported() -> None:
    hmm = model(np.random.default_rng(0))
    hmm.emissions_ = Emissions(categorical, (np.array([0.0, -np.inf]),) * 2, maximise=_counts)
    with pytest.raises(ValueError, match="the data are impossible for the model"):
        hmm.fit(np.array([0, 1, 0]))
    with pytest.raises(ValueError, match="there is no path"):
        hmm.predict(np.array([0, 1, 0]))


def test_what_is_not_fitted_says_so_as_scikit_learn_has_it() -> None:
    assert not hasattr(HMM(2), "log_A_")
    for kind in (
        ValueError,
        AttributeError,
    ):  # as scikit-learn's NotFittedError, which it is where that is there
        with pytest.raises(kind, match="this HMM was not fitted yet: call fit first"):
            HMM(2).predict(np.array([0, 1]))
    with pytest.raises(AttributeError, match="'HMM' has no attribute 'colour'"):
        HMM(2).colour  # noqa: B018
    with pytest.raises(ValueError, match=r"sequence 0 has 0 feature\(s\)"):
        HMM(2, "gaussian", jit=False).fit(np.zeros((3, 0)))


@pytest.mark.parametrize("algorithm", ["em", "gradient"])
def test_threads_change_no_bit(algorithm: str) -> None:
    rng = np.random.default_rng(4)
    sequences = [rng.poisson(3.0, size=n) for n in (7, 1, 12, 5)]
    fits = [
        HMM(2, "poisson", max_iter=3, algorithm=algorithm, random_state=1, n_jobs=n).fit(sequences)
        for n in (None, 3, -1)
    ]
    for one in fits[1:]:
        assert one.log_likelihoods_ == fits[0].log_likelihoods_
        assert np.array_equal(one.log_A_, fits[0].log_A_)
        assert np.array_equal(one.predict_proba(sequences), fits[0].predict_proba(sequences))
    with pytest.raises(ValueError, match="n_jobs is a number of threads, -1 for all, not 0"):
        HMM(2, "poisson", n_jobs=0).fit(sequences)


@pytest.mark.parametrize("kind", ["diagonal", "poisson"])
def test_independent_numbers_in_a_row_are_fitted_each(kind: str) -> None:
    """A step of Baum-Welch, with the weighted means that textbooks have."""
    rng = np.random.default_rng(23)
    X = rng.poisson(np.where(np.arange(60)[:, None] % 20 < 10, [2.0, 9.0, 4.0], [6.0, 1.0, 4.0]))
    X = X if kind == "poisson" else X + rng.normal(size=X.shape)
    model = HMM(2, kind, max_iter=1, warm_start=True, random_state=0, jit=False).fit(X)
    before = model.score(X)
    p = model.predict_proba(X)
    means = p.T @ X / p.sum(axis=0)[:, None]
    found = [model.emissions_.family.usual(eta) for eta in model.fit(X).emissions_.etas]
    for k, usual in enumerate(found):
        if kind == "poisson":
            assert usual["rate"] == pytest.approx(means[k], rel=1e-12)
        else:
            variance = p[:, k] @ (X - means[k]) ** 2 / p[:, k].sum()
            assert usual["mean"] == pytest.approx(means[k], rel=1e-12)
            assert usual["variance"] == pytest.approx(variance, rel=1e-10)
    assert model.score(X) > before
    assert model.sample(4)[0].shape == (4, 3)


def test_a_column_of_symbols_is_a_sequence_of_them() -> None:
    X = np.random.default_rng(3).integers(0, 3, 30)
    column = HMM(2, random_state=0, max_iter=3, jit=False).fit(X[:, None], lengths=[20, 10])
    assert column.score(X[:, None]) == HMM(2, random_state=0, max_iter=3, jit=False).fit(X, lengths=[20, 10]).score(X)  # fmt: skip
    assert column.predict(X[:, None]).shape == (30,)


@pytest.mark.parametrize("model", [HMM(2, "gaussian", max_iter=1), LDS(1, max_iter=1)])
def test_lengths_in_the_place_of_y_are_refused(model: Any) -> None:
    """As hmmlearn has them: they would go unseen."""
    X = np.random.default_rng(3).normal(size=(30, 1))
    for call in (model.fit, model.score):
        with pytest.raises(
            ValueError, match=r"y is not used, and is \[20, 10\] for 30 observations: lengths"
        ):
            call(X, [20, 10])


def test_attributes_that_no_fit_finds_are_named() -> None:
    model = HMM(2, random_state=0, max_iter=1, jit=False).fit(np.array([0, 1, 1, 0]))
    with pytest.raises(
        AttributeError, match="no attribute 'startprob_'; a fit found log_pi_, log_A_"
    ):
        model.startprob_  # noqa: B018
