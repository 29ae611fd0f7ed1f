"""Hidden Markov models as estimators: the Baum-Welch algorithm (EM), with the E-step generated from `log_Z`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from srcdiff.expfam.core import identities
from srcdiff.expfam.core.parameter_checks import check_rows, check_settings
from srcdiff.expfam.core.pytree import Pytree
from srcdiff.expfam.sequence.chains import chain_log_Z, draw_paths, followed
from srcdiff.expfam.sequence.em_estimator import Estimator, rounds
from srcdiff.expfam.sequence.emissions import Emissions, Parameters, emissions_for, of_symbols
from srcdiff.expfam.sequence.fisher_identity_hmm import by_gradient
from srcdiff.expfam.sequence.lbfgs import Ascent
from srcdiff.expfam.sequence.sequences import (
    Given,
    Sequence,
    check_features,
    check_unused,
    features_of,
    joined,
    sequences_of,
    without_columns,
)

_IMPOSSIBLE = "there is no path: the observations are impossible for the model"


def forward_log_Z(eta):
    """The forward algorithm; `eta` is `log_pi (K)`, `log_A (K, K)`, and the log-probability `(T, K)` of each
    observation in each state.
    """
    log_pi, log_A, log_emissions = eta
    log_alpha = log_pi + log_emissions[0]
    for log_b in log_emissions[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_b
    return logsumexp(log_alpha)


def input_forward_log_Z(eta, inputs):
    """As `forward_log_Z`, with `log_A (inputs, K, K)`: the input at t selects the transition into t."""
    log_pi, log_A, log_emissions = eta
    log_alpha = log_pi + log_emissions[0]
    for u, log_b in zip(inputs[1:], log_emissions[1:], strict=True):
        log_alpha = logsumexp(log_alpha[:, None] + log_A[u], axis=0) + log_b
    return logsumexp(log_alpha)


class HMM(Estimator):
    """A hidden Markov model, fitted by expectation maximisation.

    Parameters
    ----------
    n_states : int
    emissions : "categorical", "gaussian", "diagonal", "poisson", or Emissions
        The type of observations: integers from 0, numbers or vectors, vectors of independent numbers, counts (or
        vectors of independent counts), or a family of the user's with first parameters for each state.
    max_iter : int
        The largest number of iterations of EM.
    tol : float
        A fit ends when the log-likelihood of all data increases by less.
    restarts : int
        The number of fits from different first parameters; the best is kept.
    prior : float
        Pseudo-counts that are added to each start and transition.
    algorithm : "em" or "gradient"
        Expectation maximisation, or a quasi-Newton method whose gradient comes from the E-step: it takes fewer
        iterations if states overlap.
    random_state : int or numpy.random.Generator, optional
    n_jobs : int, optional
        The number of threads that sequences are distributed over; -1: one for each processor. Results do not depend on
        it.
    warm_start : bool
        Continue from the present parameters: those of the fit before, or assigned ones.
    progress : bool
        Show a progress bar.
    jit : "auto", True or False
        As for `srcdiff.grad`.

    Attributes
    ----------
    log_pi_, log_A_ : arrays
        `(K)` for the state of the first observation, and `(K, K)` from state i to j.
    emissions_ : Emissions
    log_likelihoods_ : list of float
        One for each iteration, of all sequences together.
    converged_ : bool
    n_features_in_ : int
        The length of a row of `X`, if it has rows.

    Notes
    -----
    `X` is one array, which `lengths` splits into sequences, or a list of arrays. `observed` is False where an
    observation is missing; it is a list of arrays if `X` is one.
    """

    _log_Z: Callable[..., object] = staticmethod(forward_log_Z)

    def __init__(
        self,
        n_states: int = 2,
        emissions: object = "categorical",
        *,
        max_iter: int = 100,
        tol: float = 1e-4,
        restarts: int = 1,
        prior: float = 0.0,
        algorithm: str = "em",
        random_state: int | np.random.Generator | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        progress: bool = False,
        jit: bool | str = "auto",
    ) -> None:
        self.n_states = n_states
        self.emissions = emissions
        self.max_iter = max_iter
        self.tol = tol
        self.restarts = restarts
        self.prior = prior
        self.algorithm = algorithm
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.progress = progress
        self.jit = jit

    # ---- the model -----------------------------------------------------------------------------------

    @property
    def e_step(self) -> identities.Inference:
        """The generated E-step of one sequence; it has a `source`."""
        return self.generated(identities.e_step, type(self)._log_Z)

    def fit(
        self,
        X: ArrayLike,
        y: Given = None,
        *,
        lengths: Given = None,
        observed: Given = None,
        inputs: Given = None,
    ) -> HMM:
        """Maximum likelihood by expectation maximisation.

        Parameters
        ----------
        X : array (n, ...) or list of arrays (T, ...)
            Observations.
        y
            Not used.
        lengths : sequence of int, optional
            The lengths of the sequences in one array `X`.
        observed : array of bool or list of such, optional
            False where an observation is missing.
        inputs : array of int or list of such, optional
            For `IOHMM`: an input for each observation.

        Returns
        -------
        HMM
            This estimator.

        Raises
        ------
        ValueError, TypeError
            For settings or data that are not valid.
        """
        check_settings(
            type(self).__name__,
            n_states=self.n_states, max_iter=self.max_iter, restarts=self.restarts,
        )  # fmt: skip
        if np.isnan(self.tol):
            raise ValueError(f"{type(self).__name__}: tol is a number, not {self.tol!r}")
        if not self.prior >= 0.0:
            raise ValueError(
                f"{type(self).__name__}: prior is a number of counts, not {self.prior!r}"
            )
        check_unused(y, X)
        sequences = self._sequences(X, lengths, observed, inputs)
        features = features_of(sequences)
        if self.warm_start and hasattr(self, "log_pi_"):
            self._check(sequences)
            best = self._climb(self._parameters(), sequences, vars(self).get("_ascent"))
        else:
            rng = np.random.default_rng(self.random_state)
            found = [self._climb(self._started(sequences, rng), sequences) for _ in range(self.restarts)]  # fmt: skip
            best = max(found, key=lambda f: f[1][-1])
        (self.log_pi_, self.log_A_, self.emissions_), self.log_likelihoods_, self.converged_ = best[
            :3
        ]
        self._ascent = best[3]
        vars(self).pop("n_features_in_", None)
        if features is not None:
            self.n_features_in_ = features
        return self

    def score(
        self,
        X: ArrayLike,
        y: Given = None,
        *,
        lengths: Given = None,
        observed: Given = None,
        inputs: Given = None,
    ) -> float:
        """The log-likelihood of all sequences; the parameters are those of `fit`, and `y` is not used."""
        check_unused(y, X)
        sequences = self._known(X, lengths, observed, inputs)
        return float(sum(value for value, _ in self._expected_of(self._parameters(), sequences)))

    def predict_proba(
        self, X: ArrayLike, *, lengths: Given = None, observed: Given = None, inputs: Given = None
    ) -> np.ndarray:
        """The posterior probabilities of states at each time, `(n, K)`; sequences are concatenated."""
        sequences = self._known(X, lengths, observed, inputs)
        return np.concatenate(self.of_each(self._posterior, sequences))

    def predict(
        self, X: ArrayLike, *, lengths: Given = None, observed: Given = None, inputs: Given = None
    ) -> np.ndarray:
        """The most probable states of each sequence, by the Viterbi algorithm: `(n)`; sequences are concatenated."""
        sequences = self._known(X, lengths, observed, inputs)
        return np.concatenate(self.of_each(self._path, sequences))

    def sample(self, n: int, random_state: Any = None, inputs: Any = None) -> tuple[Any, Any]:
        """A sequence of `n` observations along the first axis, and its states `(n)`."""
        self._is_fitted()
        check_settings(f"{type(self).__name__}.sample", n=n)
        self._check_parameters()
        rng = np.random.default_rng(random_state)
        nodes, pairs = self._prior_marginals(n, inputs)
        states = draw_paths((nodes, pairs), rng, 1)[0]
        return self.emissions_.drawn(states, rng), states

    # ---- implementation ------------------------------------------------------------------------------

    def _sequences(
        self, X: object, lengths: Given, observed: Given, inputs: Given
    ) -> list[Sequence]:
        if inputs is not None:
            raise ValueError("HMM takes no inputs; IOHMM does")
        return without_columns(sequences_of(X, lengths, observed), of_symbols(self.emissions))

    def _known(self, X: object, lengths: Given, observed: Given, inputs: Given) -> list[Sequence]:
        self._is_fitted()
        sequences = self._sequences(X, lengths, observed, inputs)
        self._check(sequences)
        return sequences

    def _is_fitted(self) -> None:
        self.need_a_fit("log_pi_")

    def _check(self, sequences: list[Sequence]) -> None:
        self._check_parameters()
        check_features(type(self).__name__, sequences, vars(self).get("n_features_in_"))
        for n, s in enumerate(sequences):
            if s.observed.any():
                self.emissions_.check(s.data[s.observed], n)

    def _check_parameters(self) -> None:
        """Raise ValueError for parameters that do not fit each other; the user may have assigned them."""
        name, K = type(self).__name__, self.n_states
        check_rows(name, "log_pi_", self.log_pi_, (K,))
        check_rows(name, "log_A_", self.log_A_, self._shape_of_moves)
        if len(self.emissions_.etas) != K:
            raise ValueError(f"{name}: there are {K} states, but emissions of {len(self.emissions_.etas)}")  # fmt: skip

    @property
    def _shape_of_moves(self) -> tuple[int, int]:
        return self.n_states, self.n_states

    def _parameters(self) -> Parameters:
        return self.log_pi_, self.log_A_, self.emissions_

    def _started(self, sequences: list[Sequence], rng: np.random.Generator) -> Parameters:
        data, _ = joined(sequences)
        if not len(data):
            raise ValueError("all observations are missing")
        if len(data) == 1 and data.dtype.kind == "f":
            raise ValueError("of one sample (n_samples = 1) there is no variance: a fit needs two")
        emissions = emissions_for(self.emissions, data)
        for n, s in enumerate(sequences):
            if s.observed.any():
                emissions.check(s.data[s.observed], n)
        if not emissions.etas:
            emissions = emissions.started(data, self.n_states, rng)
        if len(emissions.etas) != self.n_states:
            raise ValueError(f"there are {self.n_states} states, but emissions of {len(emissions.etas)}")  # fmt: skip
        log_pi = np.log(rng.dirichlet(np.full(self.n_states, 5.0)))
        log_A = np.log(rng.dirichlet(np.full(self.n_states, 5.0), size=self._rows(sequences)))
        return log_pi, log_A, emissions

    def _rows(self, sequences: list[Sequence]) -> tuple[int, ...]:
        return (self.n_states,)

    def _data(self, sequence: Sequence) -> tuple[object, ...]:
        """The arguments of `log_Z` after `eta`."""
        return ()

    def _expected_of(self, parameters: Pytree, sequences: list[Sequence]) -> list[Any]:
        """The E-step: for each sequence the log-likelihood, and expected starts, transitions and states."""
        log_pi, log_A, emissions = parameters
        log_emissions = self._log_emissions(emissions, sequences)

        def expected(k: int) -> Any:
            return self.e_step((log_pi, log_A, log_emissions[k]), *self._data(sequences[k]))

        return self.of_each(expected, range(len(sequences)))

    def _log_emissions(self, emissions: Emissions, sequences: list[Sequence]) -> list[np.ndarray]:
        """For each sequence, the log-probability of each observation in each state; 0 where the
        observation is missing.
        """
        data, observed = joined(sequences)
        found = np.zeros((len(observed), self.n_states))
        if len(data):
            found[observed] = emissions.log_prob(data)
        return np.split(found, np.cumsum([len(s.data) for s in sequences])[:-1])

    def _posterior(self, sequence: Sequence) -> Any:
        ((value, (_, _, states)),) = self._expected_of(self._parameters(), [sequence])
        if value == -np.inf:
            raise ValueError(_IMPOSSIBLE)
        return states

    def _path(self, sequence: Sequence) -> np.ndarray:
        (log_nodes,) = self._log_emissions(self.emissions_, [sequence])
        log_nodes[0] += self.log_pi_
        score, counts = self._viterbi((log_nodes, self._steps(sequence)))
        if score == -np.inf:
            raise ValueError(_IMPOSSIBLE)
        return followed(counts)

    @property
    def _viterbi(self) -> identities.Inference:
        return self.generated(identities.viterbi, chain_log_Z)

    def _steps(self, sequence: Sequence) -> Any:
        """The transitions between neighbouring times."""
        return np.tile(self.log_A_, (len(sequence.data) - 1, 1, 1))

    def _climb(
        self, parameters: Pytree, sequences: list[Sequence], past: Ascent | None = None
    ) -> Any:
        """Parameters, log-likelihoods, whether the fit converged, and the state from which a later gradient fit
        continues.
        """
        if self.algorithm == "gradient":
            return by_gradient(parameters, sequences, self._expected_of, self, past)
        if self.algorithm != "em":
            raise ValueError(f"algorithm={self.algorithm!r}: expected 'em' or 'gradient'")
        return *self._by_em(parameters, sequences), None

    def _by_em(self, parameters: Pytree, sequences: list[Sequence]) -> Any:
        data, observed = joined(sequences)
        history: list[float] = []
        for _ in rounds(self.max_iter, self.progress):
            found = self._expected_of(parameters, sequences)
            history.append(float(sum(value for value, _ in found)))
            if not np.isfinite(history[-1]):
                raise ValueError(
                    "the data are impossible for the model: a symbol or transition that occurs has probability 0"
                )
            if len(history) > 1 and history[-1] - history[-2] < self.tol:
                return parameters, history, True
            starts, moves, states = (sum(s[0] for _, s in found), sum(s[1] for _, s in found),
                                     np.concatenate([s[2] for _, s in found]))  # fmt: skip
            log_pi, log_A, emissions = parameters
            parameters = (
                _normalised(starts + self.prior, log_pi),
                _normalised(moves + self.prior, log_A),
                emissions.fitted(data, states[observed]),
            )
        return parameters, history, False

    def _prior_marginals(self, n: int, inputs: Given) -> tuple[np.ndarray, np.ndarray]:
        log_A = np.broadcast_to(self.log_A_, (n - 1, *self.log_A_.shape))
        return prior_marginals(self.log_pi_, log_A)


def _normalised(counts: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Log-probabilities in proportion to counts; rows without counts stay as they were."""
    total = np.sum(counts, axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, np.log(counts) - np.log(total), before)


def prior_marginals(log_pi: np.ndarray, log_A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prior marginals of the states."""
    nodes, pairs = [np.exp(log_pi)], []
    for step in log_A:
        pairs.append(nodes[-1][:, None] * np.exp(step))
        nodes.append(pairs[-1].sum(axis=0))
    return np.array(nodes), np.array(pairs)
