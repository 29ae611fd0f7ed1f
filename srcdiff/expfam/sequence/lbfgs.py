"""Gradient ascent by the limited-memory BFGS method (Broyden, Fletcher, Goldfarb and Shanno)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.expfam.sequence.em_estimator import rounds

_PAIRS = 20  # stored pairs (step, change of the gradient): the approximate curvature
_ENOUGH = 1e-4  # the part of the predicted gain that a step must reach (Armijo)


@dataclass(frozen=True)
class Ascent:
    """The state of an ascent: its place, and all that its next step depends on."""

    x: Any
    slope: Any
    pairs: tuple[tuple[Any, Any], ...]
    values: tuple[float, ...]  # the last two values of the objective


def ascend(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    max_iter: int,
    tol: float,
    progress: bool = False,
    past: Ascent | None = None,
) -> tuple[Ascent, list[float], bool]:
    """Maximise `objective`: the place, the values on the way, and whether the ascent converged.

    It is the two-loop recursion of Nocedal (1980), with a backtracking line search that halves steps.

    Parameters
    ----------
    objective : callable
        Value and gradient of a vector; -inf outside the domain.
    x : (n) array
        The first iterate.
    max_iter : int
    tol : float
        The ascent has converged when two steps in a row gain less.
    progress : bool
        Show a progress bar.
    past : Ascent, optional
        The ascent from which this one continues, if `objective` is the same: the values are then those after its own.
    """
    value, slope = objective(x)
    if not np.isfinite(value):
        raise ValueError("the data are impossible for the model that the fit begins with")
    values = [value]
    pairs: deque[tuple[Any, Any]] = deque(maxlen=_PAIRS)
    known = 0
    if past is not None and past.values[-1] == value and np.array_equal(past.slope, slope):
        values, known = [*past.values], len(past.values)
        pairs.extend(past.pairs)
    converged = False
    for _ in rounds(max_iter, progress):
        direction = _uphill(slope, pairs)
        found = _step(objective, x, value, slope, direction)
        if found is None and pairs:  # the approximate curvature fails: begin again without it
            pairs.clear()
            found = _step(objective, x, value, slope, _uphill(slope, pairs))
        if found is None:
            converged = True
            break
        new, new_value, new_slope = found
        if (new - x) @ (slope - new_slope) > 0.0:
            pairs.append((new - x, slope - new_slope))
        x, value, slope = new, new_value, new_slope
        values.append(value)
        if len(values) > 2 and values[-1] - values[-3] < tol:
            converged = True
            break
    return Ascent(x, slope, tuple(pairs), tuple(values[-2:])), values[known:] or [value], converged


def _uphill(slope: np.ndarray, pairs: deque[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The gradient times the approximate inverse curvature of the stored pairs."""
    if not pairs:
        return slope / max(float(np.linalg.norm(slope)), 1.0)
    direction, weights = slope.copy(), []
    for step, change in reversed(pairs):
        weights.append((step @ direction) / (step @ change))
        direction -= weights[-1] * change
    step, change = pairs[-1]
    direction *= (step @ change) / (change @ change)
    for (step, change), weight in zip(pairs, reversed(weights), strict=True):
        direction += step * (weight - (change @ direction) / (step @ change))
    return direction


def _step(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    value: float,
    slope: np.ndarray,
    direction: np.ndarray,
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """The first of the halved steps that gains enough."""
    promised = float(slope @ direction)
    if not promised > 0.0:
        return None
    for halvings in range(40):
        size = 0.5**halvings
        new_value, new_slope = objective(x + size * direction)
        if np.isfinite(new_value) and new_value >= value + _ENOUGH * size * promised:
            return x + size * direction, new_value, new_slope
    return None
