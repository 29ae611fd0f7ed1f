"""Initialisation of fits: first parameters near the optimum, by L-BFGS, and steps in units of the guide."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.vi.inference.optimizers import LBFGS
from srcdiff.vi.model.pytree import Data, Pytree, map_leaves
from srcdiff.vi.objectives.bound import Bound, VectorBound
from srcdiff.vi.objectives.custom_guide_elbo import FunctionBound

_DRAWS, _EVEN_DRAWS, _ITERATIONS = 10, 32, 100
_WHOLE = 50  # the largest size of z: beyond it, the noise of one draw in all of M exceeds a step


@dataclass(frozen=True)
class InUnitsOfTheGuide:
    """A preconditioner: runs another optimiser on means in units of the guide's standard deviations.

    So steps are equally long, relative to the posterior, for a site that is known to a thousandth and for a site that
    is known to a thousand. A full-rank guide z = loc + C eps moves by C m, and its C becomes C (I + M), so that
    correlations do not matter, either.

    Parameters
    ----------
    inner : optimiser
        An optimiser whose steps do not depend on the parameters' values.
    stretch : float
        The unit in standard deviations. Batches with a hundredth of the data have optima ten standard deviations away,
        and a fit begins at the optimum of its first batch.
    """

    inner: Any
    stretch: float = 1.0

    def init(self, params: Pytree) -> Pytree:
        """The state before the first step."""
        return self.inner.init(params)

    def step(self, params: Pytree, grads: Pytree, state: Pytree) -> tuple[Pytree, Pytree]:
        """`(params, state)` after one step."""
        if hasattr(params, "lower") and len(params.loc) <= _WHOLE:
            return self._whole_step(params, grads, state)
        scale = np.exp(params.log_scale)
        units = {"loc": self.stretch * scale}
        if hasattr(params, "factor"):
            units["factor"] = scale[:, None]
        scaled = grads._replace(**{name: getattr(grads, name) * u for name, u in units.items()})
        away, state = self.inner.step(map_leaves(np.zeros_like, params), scaled, state)
        away = away._replace(**{name: getattr(away, name) * u for name, u in units.items()})
        return map_leaves(np.add, params, away), state

    def _whole_step(self, params: Pytree, grads: Pytree, state: Pytree) -> tuple[Pytree, Pytree]:
        """A step of m and M, from where both are 0; the diagonal of M is a logarithm.

        The part below the diagonal is in units of D**-0.5, so that a step in all of its D**2 / 2 numbers is as long as
        one in D.
        """
        unit = len(params.loc) ** -0.5
        scale, L = np.exp(params.log_scale), np.tril(params.lower, -1)
        C = scale[:, None] * (L + np.eye(len(scale)))
        below = np.tril(grads.lower, -1)
        d_C = (below + np.diag(grads.log_scale - np.sum(below * L, axis=1))) / scale[:, None]
        d_M = C.T @ d_C
        scaled = grads._replace(
            loc=self.stretch * (C.T @ grads.loc),
            log_scale=np.diag(d_M),
            lower=unit * np.tril(d_M, -1),
        )
        away, state = self.inner.step(map_leaves(np.zeros_like, params), scaled, state)
        new = C @ (unit * away.lower + np.diag(np.exp(away.log_scale)))
        return map_leaves(np.add, params, away)._replace(
            loc=params.loc + self.stretch * (C @ away.loc),
            lower=np.tril(new / np.diag(new)[:, None], -1),
        ), state


def near_the_optimum(bound: Bound, params: Pytree, data: Data, ahead: int) -> Pytree:
    """First parameters by L-BFGS on a few fixed draws; unchanged if draws have no derivative.

    `ahead`: the number of draws that the steps will take. A guide function may be a network of any size, so its
    initialisation takes about half as many.
    """
    if bound.written.surrogate:
        return params
    if isinstance(bound, VectorBound):
        return _of_automatic(bound, params, data)
    # a batch has no information about the parameters of other rows
    iterations = min(ahead // (2 * _EVEN_DRAWS), _ITERATIONS)
    if isinstance(bound, FunctionBound) and not bound.rows and iterations:
        return _of_function(bound, params, data, iterations)
    return params


def _of_function(bound: FunctionBound, params: Pytree, data: Data, iterations: int) -> Pytree:
    """All parameters of a guide that is a function.

    On a ridge, such as shape and rate of a Gamma distribution, steps by coordinate are far too slow; L-BFGS learns the
    curvature. Evenly spread draws approximate the distribution well, and with few parameters their optimum is near the
    bound's. Many parameters may overfit the draws (a scale along which there is no draw grows for ever), so other draws
    judge the result.
    """
    rng = np.random.default_rng(0)
    eps = bound.noise(rng, _EVEN_DRAWS, "stratified")

    def objective(at: Pytree) -> tuple[float, Pytree]:
        try:
            value, grads = bound.step(at, eps, data)
        except np.linalg.LinAlgError:  # too long a step
            return np.inf, at
        return -float(value), map_leaves(np.negative, grads)

    before, slope = objective(params)
    if not (np.isfinite(before) and all(np.all(np.isfinite(leaf)) for leaf in slope)):
        return params  # the first step reports the reason
    found = LBFGS(_EVEN_DRAWS, gtol=1e-3, ftol=1e-12).minimize(objective, params, iterations)
    others = bound.noise(rng, _EVEN_DRAWS, "stratified")
    is_better = bound.value(found.x, others, *data) > bound.value(params, others, *data)
    return found.x if is_better else params


def _of_automatic(bound: VectorBound, params: Pytree, data: Data) -> Pytree:
    """Parameters of an automatic guide, with means and standard deviations by L-BFGS on a few fixed draws.

    A stochastic step is bounded, whatever the distance; L-BFGS takes steps of any length. The draws come in pairs, so
    that means are exact where log p is quadratic. A result that is not better, or not finite, is dropped.
    """
    rng = np.random.default_rng(0)
    eps = bound.noise(rng, _DRAWS, "antithetic")
    begun = np.exp(params.log_scale)
    moved = [name for name in params._fields if name not in ("lower", "factor")]

    def whole(found: dict[str, Any]) -> Pytree:
        if hasattr(params, "factor"):
            relative = np.exp(found["log_scale"]) / begun
            found = {**found, "factor": params.factor * relative[:, None]}
        return params._replace(**found)

    def objective(found: dict[str, Any]) -> tuple[float, Pytree]:
        at = whole(found)
        value, grads = bound.step(at, eps, data, 0.0)
        down = {name: -getattr(grads, name) for name in moved}
        if hasattr(params, "factor"):  # the factor is scaled with the standard deviations
            down["log_scale"] = down["log_scale"] - np.sum(grads.factor * at.factor, axis=1)
        return -float(value), down

    start = {name: getattr(params, name) for name in moved}
    before, _ = objective(start)
    if not np.isfinite(before):
        return params  # the first step reports the reason
    found = LBFGS(_DRAWS, gtol=1e-3, ftol=1e-12).minimize(objective, start, _ITERATIONS)
    is_good = found.fun < before and all(np.all(np.isfinite(v)) for v in found.x.values())
    return whole(found.x) if is_good else params
