"""Fits by gradients: the limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, uphill."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.expfam.sequence.em_estimator import rounds

__all__ = ["Ascent", "ascend"]

_PAIRS = 20  # of steps and changes of the gradient, which curvature is known from
_ENOUGH = 1e-4  # of what the slope promises a step has to gain (Armijo)


@dataclass(frozen=True)
class Ascent:
    """Where an ascent is, and all that its next step depends on."""

    x: Any
    slope: Any
    pairs: tuple[tuple[Any, Any], ...]
    values: tuple[float, ...]  # the last two


def ascend(
    objective: Callable[[Any], tuple[float, Any]],
    x: Any,
    max_iter: int,
    tol: float,
    progress: bool = False,
    past: Ascent | None = None,
) -> tuple[Ascent, list[float], bool]:
    """Where `objective` is largest: the place, the values on the way, and whether it converged.

    The two-loop recursion of Nocedal (1980), with steps that are halved until they gain enough.

    Parameters
    ----------
    objective : callable
        Value and gradient of a vector; -inf where there is none.
    x : (n) array
        Where to begin.
    max_iter : int
    tol : float
        It has converged when two steps in a row gain less.
    progress : bool
        Show a bar.
    past : Ascent, optional
        That this one goes on from, if `objective` is what it was: then the values are those behind its own.
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
        if found is None and pairs:  # curvature misleads: begin anew
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


def _uphill(slope: Any, pairs: deque[tuple[Any, Any]]) -> Any:
    """The slope times the inverse curvature that the pairs know."""
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
    objective: Callable[[Any], tuple[float, Any]], x: Any, value: float, slope: Any, direction: Any
) -> tuple[Any, float, Any] | None:
    """The first of smaller and smaller steps that gains enough."""
    promised = float(slope @ direction)
    if not promised > 0.0:
        return None
    for halvings in range(40):
        size = 0.5**halvings
        new_value, new_slope = objective(x + size * direction)
        if np.isfinite(new_value) and new_value >= value + _ENOUGH * size * promised:
            return x + size * direction, new_value, new_slope
    return None
