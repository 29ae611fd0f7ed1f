"""Emissions of hidden Markov models: an exponential family with natural parameters for each state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

from srcdiff.expfam.core.chain_checks import check_symbols
from srcdiff.expfam.core.family import Family
from srcdiff.expfam.core.multivariate_gaussian import multivariate_gaussian
from srcdiff.expfam.core.pytree import Pytree, map_leaves
from srcdiff.expfam.core.univariate import categorical, gaussian, poisson

_LEAST_VARIANCE = 1e-6  # relative to all data's: a state with one observation has variance 0
_LEAST_RATE = 1e-10
_AT_ONCE = 2**16  # the number of observations whose statistics are in memory at a time


@dataclass(frozen=True)
class Emissions:
    """A family, and natural parameters for each state.

    Attributes
    ----------
    family : Family
    etas : tuple
        Natural parameters, one structure for each state; empty before a fit.
    maximise : callable or None
        The M-step in closed form, `maximise(stats, overall)`: the parameters that fit expected statistics best. None:
        `family.fit`.
    overall
        Statistics of all data, which lower limits of variances are relative to.
    """

    family: Family
    etas: tuple[Any, ...] = ()
    maximise: Callable[..., object] | None = None
    overall: object = None  # statistics of all data, which lower limits are relative to

    def log_prob(self, data: np.ndarray) -> np.ndarray:
        """The log-probability of each observation in each state, `(T, K)`."""
        parts = [data[k : k + _AT_ONCE] for k in range(0, max(len(data), 1), _AT_ONCE)]
        return np.concatenate([self.family.log_prob_of_each(self.etas, part) for part in parts])

    def fitted(self, data: Any, weights: np.ndarray) -> Emissions:
        """The M-step: `weights (T, K)` are the states' posterior probabilities."""
        lone = np.sum(weights, axis=0) <= 1e-12 * len(
            weights
        )  # states without observations keep their parameters
        means = self.family.mean_statistics(self.etas[0], data, np.where(lone, 1.0, weights))
        etas = []
        for k, eta in enumerate(self.etas):
            if lone[k]:
                etas.append(eta)
                continue
            stats = map_leaves(itemgetter(k), means)
            if self.maximise is not None:
                etas.append(self.maximise(stats, self.overall))
            else:
                etas.append(self.family.fit(stats, start=eta))
        return replace(self, etas=tuple(etas))

    def started(self, data: np.ndarray, n_states: int, rng: np.random.Generator) -> Emissions:
        """Random first parameters: each state prefers one part of the data.

        Raises
        ------
        ValueError
            If the observations, or those in one column, are all equal for a Gaussian family.
        """
        example = self.example(data)
        if self.family in (gaussian, multivariate_gaussian) and np.any(np.ptp(data, axis=0) == 0):
            raise ValueError(
                "the observations, or those in one column, are all equal: there is no variance to fit"
            )
        overall = self.family.mean_statistics(example, data)
        made = replace(self, etas=(example,) * n_states, overall=overall)
        weights = rng.dirichlet(np.ones(n_states), size=len(data))
        if data.dtype.kind == "f" or self.family is poisson:  # separate states along the range
            weights = _weights_of_parts(data, n_states, rng)
        return made.fitted(data, weights)

    def example(self, data: np.ndarray) -> Pytree:
        """Parameters of the right shapes."""
        if self.etas:
            return self.etas[0]
        if self.family is categorical:
            return np.zeros(int(np.max(data)) + 1)
        if self.family is multivariate_gaussian:
            return np.zeros(data.shape[1]), -0.5 * np.eye(data.shape[1])
        if self.family is gaussian:
            return np.zeros(data.shape[1:]), np.full(data.shape[1:], -0.5)
        if self.family is poisson:
            return np.zeros(data.shape[1:])
        raise ValueError(
            f"{self.family.name}: the states' first parameters are needed: pass "
            "emissions=Emissions(family, etas), a structure of natural parameters for each state"
        )

    def drawn(self, states: np.ndarray, rng: np.random.Generator) -> Any:
        """One observation for each state of a path."""
        out: Any = None
        for k, eta in enumerate(self.etas):
            places = np.flatnonzero(states == k)
            values = np.asarray(self.family.sample(eta, rng, len(places)))
            if out is None:
                out = np.empty((len(states), *values.shape[1:]), values.dtype)
            out[places] = values
        return out

    def check(self, data: np.ndarray, n: int) -> None:
        """Raise ValueError for data that are not possible under the family; `n` is the number of the sequence in
        messages.
        """
        if self.family in (gaussian, multivariate_gaussian) and data.ndim > 2:
            raise ValueError(
                f"sequence {n} has {data.ndim} axes: observations are numbers, or rows of them"
            )
        if self.etas and self.family in (gaussian, multivariate_gaussian, poisson):
            self._check_sizes(data, n)
        if self.family is categorical and self.etas:
            size = len(self.etas[0])
            check_symbols(f"sequence {n}", data, size, f"the emissions have {size} symbols")
        elif self.family is categorical:
            largest = int(np.max(data)) + 1 if data.dtype.kind in "iu" else 0
            check_symbols(f"sequence {n}", data, largest, "symbols count from 0")
        elif self.family is poisson and (np.any(data < 0) or np.any(data != np.floor(data))):
            wrong = data[(data < 0) | (data != np.floor(data))]
            raise ValueError(f"sequence {n} holds {wrong[0]}: counts are integers from 0")
        elif self.etas and self.family.possible is not None:
            self.family.check_values(self.etas[0], data, f"sequence {n}")

    def _check_sizes(self, data: np.ndarray, n: int) -> None:
        """Raise ValueError for rows if the states emit numbers, and for rows of another length."""
        first = self.etas[0][0] if isinstance(self.etas[0], tuple) else self.etas[0]
        wanted = np.shape(first)
        if data.shape[1:] != wanted:
            has = f"rows of shape {data.shape[1:]}" if data.ndim > 1 else "numbers"
            emitted = f"rows of shape {wanted}" if wanted else "numbers"
            raise ValueError(f"sequence {n} holds {has}, and the states emit {emitted}")


Parameters = tuple[np.ndarray, np.ndarray, Emissions]  # log_pi, log_A and the emissions of a model


def _weights_of_parts(data: np.ndarray, n_states: int, rng: np.random.Generator) -> Any:
    """Soft assignment of observations to the nearest of `n_states` centres, which are drawn far from each other."""
    points = np.reshape(data, (len(data), -1)).astype(float)
    points = points / np.maximum(points.std(axis=0), 1e-300)
    centres = [points[rng.integers(len(points))]]
    for _ in range(n_states - 1):
        away = np.min([np.sum((points - c) ** 2, axis=1) for c in centres], axis=0)
        total = away.sum()
        p = away / total if total > 0.0 else None
        centres.append(points[rng.choice(len(points), p=p)])
    nearest = np.argmin([np.sum((points - c) ** 2, axis=1) for c in centres], axis=0)
    return 0.1 / n_states + 0.9 * np.eye(n_states)[nearest]


# ---- best parameters in closed form -------------------------------------------------------------------


def _best_categorical(stats: Pytree, overall: Pytree) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(stats / stats.sum())


def _best_gaussian(stats: Pytree, overall: Pytree) -> Pytree:
    mean, square = np.asarray(stats[0]), np.asarray(stats[1])
    floor = np.maximum(_LEAST_VARIANCE * (overall[1] - overall[0] ** 2), 1e-300)
    return gaussian.natural(mean[()], np.maximum(square - mean**2, floor)[()])


def _best_multivariate(stats: Pytree, overall: Pytree) -> Pytree:
    mean, square = stats
    floor = _LEAST_VARIANCE * np.diag(np.diag(overall[1] - np.outer(overall[0], overall[0])))
    return multivariate_gaussian.natural(mean, square - np.outer(mean, mean) + floor)


def _best_poisson(stats: Pytree, overall: Pytree) -> Any:
    return np.log(np.maximum(stats, _LEAST_RATE))[()]


def emissions_for(given: object, data: np.ndarray) -> Emissions:
    """The emissions that a name, a family or `Emissions` stands for."""
    if isinstance(given, Emissions):
        return given
    if given == "gaussian" or given is gaussian:
        if data.ndim == 1:
            return Emissions(gaussian, maximise=_best_gaussian)
        return Emissions(multivariate_gaussian, maximise=_best_multivariate)
    known = {
        "diagonal": (gaussian, _best_gaussian),
        "categorical": (categorical, _best_categorical),
        "poisson": (poisson, _best_poisson),
    }
    for name, (family, best) in known.items():
        if given == name or given is family:
            return Emissions(family, maximise=best)
    if isinstance(given, Family):
        return Emissions(given)
    raise ValueError(
        f"emissions={given!r}: expected 'categorical', 'gaussian', 'diagonal', 'poisson', or Emissions(family, etas)"
    )


def of_symbols(given: object) -> bool:
    """Whether emissions, as `emissions_for` takes them, are symbols: one integer for each time."""
    family = given.family if isinstance(given, Emissions) else given
    return family is categorical or (isinstance(family, str) and family == "categorical")
