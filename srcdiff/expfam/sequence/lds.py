"""Linear dynamical systems as estimators: EM, with the Kalman smoother generated from the filter's `log_Z`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from srcdiff.expfam.core import identities
from srcdiff.expfam.core.parameter_checks import check_settings
from srcdiff.expfam.core.pytree import Pytree
from srcdiff.expfam.sequence.em_estimator import Estimator, rounds
from srcdiff.expfam.sequence.fisher_identity_lds import by_gradient
from srcdiff.expfam.sequence.kalman import check_lds, lds_log_Z, natural, usual
from srcdiff.expfam.sequence.lbfgs import Ascent
from srcdiff.expfam.sequence.sequences import (
    Given,
    Sequence,
    check_features,
    check_unused,
    features_of,
    joined,
    sequences_of,
)

_FITTED = ("A_", "Q_", "C_", "d_", "R_", "m1_", "P1_")
_LEAST = 1e-8  # the smallest variance of noise, relative to the data's


class LDS(Estimator):
    """A linear dynamical system, fitted by expectation maximisation.

    x_0 ~ N(m1, P1), x_{t+1} ~ N(A x_t, Q), y_t ~ N(C x_t + d, R).

    Parameters
    ----------
    n_states : int
        The dimension of a state.
    max_iter, tol, restarts, algorithm, random_state, n_jobs, warm_start, progress, jit
        As for `HMM`.

    Attributes
    ----------
    A_, Q_, C_, d_, R_, m1_, P1_ : arrays
        (D, D), (D, D), (P, D), (P), (P, P), (D) and (D, D).
    log_likelihoods_ : list of float
        One for each iteration, of all sequences together.
    converged_ : bool

    Notes
    -----
    `X` has a row for each time; `lengths` splits it into sequences, or `X` is a list of arrays. `observed` is False for
    times whose observation is missing.
    """

    def __init__(
        self,
        n_states: int = 2,
        *,
        max_iter: int = 100,
        tol: float = 1e-4,
        restarts: int = 1,
        algorithm: str = "em",
        random_state: int | np.random.Generator | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        progress: bool = False,
        jit: bool | str = "auto",
    ) -> None:
        self.n_states = n_states
        self.max_iter = max_iter
        self.tol = tol
        self.restarts = restarts
        self.algorithm = algorithm
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.progress = progress
        self.jit = jit

    @property
    def e_step(self) -> identities.Inference:
        """The generated filter and smoother of one sequence; it has a `source`."""
        return self.generated(identities.e_step, lds_log_Z, check_lds)

    def fit(
        self, X: ArrayLike, y: Given = None, *, lengths: Given = None, observed: Given = None
    ) -> LDS:
        """Maximum likelihood by expectation maximisation.

        Parameters
        ----------
        X : array (n, P) or list of arrays (T, P)
            Observations.
        y
            Not used.
        lengths : sequence of int, optional
            The lengths of the sequences in one array `X`.
        observed : array of bool or list of such, optional
            False where an observation is missing.

        Returns
        -------
        LDS
            This estimator.

        Raises
        ------
        ValueError, TypeError
            For settings or data that are not valid.
        """
        check_settings(
            "LDS", n_states=self.n_states, max_iter=self.max_iter, restarts=self.restarts
        )
        if self.algorithm not in ("em", "gradient"):
            raise ValueError(f"algorithm={self.algorithm!r}: expected 'em' or 'gradient'")
        check_unused(y, X)
        sequences = _rows(sequences_of(X, lengths, observed))
        if self.warm_start and hasattr(self, "A_"):
            found = [self._climb(sequences, vars(self).get("_ascent"))]
        else:
            rng = np.random.default_rng(self.random_state)
            found = []
            for _ in range(self.restarts):
                self._start(sequences, rng)
                found.append(self._climb(sequences))
        best, self.log_likelihoods_, self.converged_, self._ascent = max(
            found, key=lambda f: f[1][-1]
        )
        vars(self).update(best)
        self.n_features_in_ = features_of(sequences)
        return self

    def _climb(
        self, sequences: list[Sequence], past: Ascent | None = None
    ) -> tuple[dict[str, Any], list[float], bool, Any]:
        """Parameters, log-likelihoods, whether the fit converged, and the state from which a later gradient fit
        continues.
        """
        ascent = None
        if self.algorithm == "gradient":
            history, converged, ascent = by_gradient(self, sequences, self._expected, past)
        else:
            history, converged = self._by_em(sequences)
        return {name: getattr(self, name) for name in _FITTED}, history, converged, ascent

    def score(
        self, X: ArrayLike, y: Given = None, *, lengths: Given = None, observed: Given = None
    ) -> float:
        """The log-likelihood of all sequences; `y` is not used."""
        check_unused(y, X)
        known = self._known(X, lengths, observed)
        return float(sum(value for value, _ in self.of_each(self._expected, known)))

    def predict(self, X: ArrayLike, *, lengths: Given = None, observed: Given = None) -> np.ndarray:
        """The mean of the state at each time, `(n, n_states)`; sequences are concatenated."""
        return self.smooth(X, lengths=lengths, observed=observed)[0]

    def smooth(
        self, X: ArrayLike, *, lengths: Given = None, observed: Given = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Means `(n, n_states)` and covariances `(n, n_states, n_states)` of the state at each time; sequences are
        concatenated.
        """
        known = self._known(X, lengths, observed)
        found = [usual(moments) for _, moments in self.of_each(self._expected, known)]
        return tuple(np.concatenate([f[name] for f in found]) for name in ("mean", "covariance"))  # type: ignore[return-value]

    def sample(self, n: int, random_state: Any = None) -> tuple[Any, Any]:
        """A sequence of observations `(n, P)`, and its states `(n, n_states)`."""
        self._is_fitted()
        check_settings("LDS.sample", n=n)
        rng = np.random.default_rng(random_state)
        D, P = self.n_states, len(self.C_)
        states = np.empty((n, D))
        noise = rng.multivariate_normal(np.zeros(D), self.Q_, size=n)
        states[0] = rng.multivariate_normal(self.m1_, self.P1_)
        for t in range(1, n):
            states[t] = self.A_ @ states[t - 1] + noise[t]
        errors = rng.multivariate_normal(np.zeros(P), self.R_, size=n)
        return states @ self.C_.T + self.d_ + errors, states

    def _by_em(self, sequences: list[Sequence]) -> tuple[list[float], bool]:
        """Log-likelihoods, and whether it converged."""
        history: list[float] = []
        for _ in rounds(self.max_iter, self.progress):
            found = self.of_each(self._expected, sequences)
            history.append(float(sum(value for value, _ in found)))
            if len(history) > 1 and history[-1] - history[-2] < self.tol:
                return history, True
            self._maximise(sequences, [moments for _, moments in found])
        return history, False

    # ---- implementation ------------------------------------------------------------------------------

    def _is_fitted(self) -> None:
        self.need_a_fit("A_")

    def _known(self, X: ArrayLike, lengths: Given, observed: Given) -> list[Sequence]:
        self._is_fitted()
        sequences = _rows(sequences_of(X, lengths, observed))
        check_features("LDS", sequences, len(self.C_))
        return sequences

    def _start(self, sequences: list[Sequence], rng: np.random.Generator) -> None:
        """First parameters: principal components of the data, each a slow process of its own."""
        data, _ = joined(sequences)
        if len(data) < 2:
            raise ValueError(
                f"a fit needs two observations at least, there are n_samples = {len(data)}"
            )
        self.d_ = data.mean(axis=0)
        variance = np.maximum(data.var(axis=0), 1e-300)
        _, sizes, axes = np.linalg.svd(data - self.d_, full_matrices=False)
        D, P = self.n_states, data.shape[1]
        self.C_ = rng.normal(size=(P, D)) * 0.1 * np.sqrt(variance)[:, None]
        most = min(D, len(sizes))
        self.C_[:, :most] += (axes[:most] * sizes[:most, None]).T / np.sqrt(len(data))
        self.A_, self.Q_ = 0.9 * np.eye(D), 0.2 * np.eye(D)
        self.m1_, self.P1_ = np.zeros(D), np.eye(D)
        self.R_ = np.diag(0.5 * variance)

    def _expected(self, s: Sequence) -> Pytree:
        eta = natural(
            s.data, self.m1_, self.P1_, self.A_, self.Q_, self.C_, self.R_, d=self.d_,
            observed=s.observed,
        )  # fmt: skip
        return self.e_step(eta)

    def _maximise(self, sequences: list[Sequence], moments: list[Any]) -> None:
        """The M-step: regressions on the expected moments of the states."""
        firsts = sum(m[2][0][0] for m in moments), sum(m[2][1][0] for m in moments)
        self.m1_ = firsts[1] / len(sequences)
        self.P1_ = _covariance(firsts[0] / len(sequences) - np.outer(self.m1_, self.m1_))
        steps = sum(len(s.data) - 1 for s in sequences)
        if steps:
            before, cross, after = (sum(m[1][k].sum(axis=0) for m in moments) for k in range(3))
            self.A_ = np.linalg.solve(before, cross).T
            self.Q_ = _covariance((after - self.A_ @ cross) / steps)
        self._maximise_emissions(sequences, moments)

    def _maximise_emissions(self, sequences: list[Sequence], moments: list[Any]) -> None:
        data, observed = joined(sequences)
        squares = np.concatenate([m[2][0] for m in moments])[observed]
        means = np.concatenate([m[2][1] for m in moments])[observed]
        D = self.n_states
        of_states = np.empty((D + 1, D + 1))  # with a 1 after each state, for d
        of_states[:D, :D] = squares.sum(axis=0)
        of_states[:D, D] = of_states[D, :D] = means.sum(axis=0)
        of_states[D, D] = len(data)
        with_data = np.vstack([means.T @ data, data.sum(axis=0)])
        both = np.linalg.solve(of_states, with_data).T
        self.C_, self.d_ = both[:, :D], both[:, D]
        floor = np.diag(_LEAST * data.var(axis=0))
        self.R_ = _covariance((data.T @ data - both @ with_data) / len(data)) + floor


def _rows(sequences: list[Sequence]) -> list[Sequence]:
    for n, s in enumerate(sequences):
        if s.data.ndim != 2:
            raise ValueError(
                f"sequence {n} has {s.data.ndim} axes; observations are rows of numbers, (times, numbers). "
                "Reshape your data"
            )
    return sequences


def _covariance(matrix: np.ndarray) -> Any:
    return 0.5 * (matrix + matrix.T)
