"""Fits of hidden Markov models by gradient ascent, with gradients by Fisher's identity.

By Fisher's identity, the gradient of the log-likelihood is the gradient of the expected log-probability of states and
data. For a row of log-probabilities it is the expected counts minus the row's total count times its probabilities. For
the natural parameters of an emission it is the sum of the statistics in its state, minus the sum that the parameters
predict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.expfam.core.pytree import Pytree, flatten, map_leaves
from srcdiff.expfam.sequence.emissions import Emissions
from srcdiff.expfam.sequence.lbfgs import Ascent, ascend
from srcdiff.expfam.sequence.sequences import Sequence, joined


def by_gradient(
    parameters: Pytree,
    sequences: list[Sequence],
    expected: Callable[..., Any],
    settings: Any,
    past: Ascent | None = None,
) -> Any:
    """Parameters, log-likelihoods, whether the ascent converged, and the state from which a later fit continues.

    Parameters
    ----------
    parameters : (log_pi, log_A, Emissions)
    sequences : list of Sequence
    expected : callable
        The E-step of all sequences: `expected(parameters, sequences)`.
    settings : object
        With `max_iter`, `tol`, `prior` and `progress`.
    past : Ascent, optional
        The state of the fit that found `parameters`.
    """
    log_pi, log_A, emissions = parameters
    whole, restored = flatten((log_pi, log_A, list(emissions.etas)))
    free = np.isfinite(whole)  # forbidden transitions stay forbidden
    data, observed = joined(sequences)
    likelihoods: dict[float, float] = {}  # by the objective's value, which includes the prior

    def at(x: Any) -> Pytree:
        full = whole.copy()
        full[free] = x
        rows_pi, rows_A, etas = restored(full)
        return _log_rows(rows_pi), _log_rows(rows_A), replace(emissions, etas=tuple(etas))

    def objective(x: Any) -> tuple[float, np.ndarray]:
        log_pi, log_A, emissions = given = at(x)
        if not _is_possible(emissions):
            return -np.inf, x
        found = expected(given, sequences)
        value = likelihood = float(sum(v for v, _ in found))
        states = np.concatenate([counts[2] for _, counts in found])[observed]
        slopes = (
            *(
                _of_rows(sum(counts[k] for _, counts in found) + settings.prior, rows)
                for k, rows in enumerate((log_pi, log_A))
            ),
            [
                _of_emission(emissions, eta, data, w)
                for eta, w in zip(emissions.etas, states.T, strict=True)
            ],
        )
        for rows in (log_pi, log_A):
            value += settings.prior * float(np.sum(rows[np.isfinite(rows)]))
        likelihoods[value] = likelihood
        slope = flatten(slopes)[0][free]
        return (value, slope) if np.isfinite(slope).all() else (-np.inf, x)

    start = whole[free]
    if past is not None and _is_at(past.x, start, at, parameters):
        start = past.x
    else:
        past = None
    ascent, values, converged = ascend(
        objective, start, settings.max_iter, settings.tol, settings.progress, past
    )
    return at(ascent.x), [likelihoods[v] for v in values], converged, ascent


def _is_at(x: Any, start: Any, at: Callable[[Any], Any], parameters: Pytree) -> bool:
    """Whether the parameters are still those of `x`: the user may have assigned others since."""
    if x.shape != start.shape:
        return False
    vectors = [flatten((pi, A, list(em.etas)))[0] for pi, A, em in (at(x), parameters)]
    return bool(np.array_equal(*vectors))


def _log_rows(logits: Any) -> Any:
    """Log-probabilities along the last axis."""
    top = np.max(logits, axis=-1, keepdims=True)
    return logits - top - np.log(np.sum(np.exp(logits - top), axis=-1, keepdims=True))


def _of_rows(counts: Any, log_rows: Any) -> Any:
    counts = np.where(log_rows == -np.inf, 0.0, counts)
    return counts - counts.sum(axis=-1, keepdims=True) * np.exp(log_rows)


def _of_emission(emissions: Emissions, eta: Pytree, data: Any, weights: Any) -> Pytree:
    """The gradient for one state's emission: the sum of its statistics, minus the sum that the parameters predict."""
    total = float(np.sum(weights))
    if total <= 1e-300:
        return map_leaves(lambda leaf: 0.0 * np.where(np.isfinite(leaf), leaf, 0.0), eta)
    seen = emissions.family.mean_statistics(eta, data, weights)
    return map_leaves(lambda s, m: total * (s - m), seen, emissions.family.mean(eta))


def _is_possible(emissions: Emissions) -> bool:
    """Whether the family has a density for all states' parameters."""
    family = emissions.family
    for eta in emissions.etas:
        if family.domain is not None and not family.domain(eta):
            return False
        try:
            with np.errstate(all="ignore"):
                if not np.isfinite(family.log_Z(eta)):
                    return False
        except np.linalg.LinAlgError:
            return False
    return True
