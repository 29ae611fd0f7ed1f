"""Where a fit begins unless it is told: near the optimum, with steps in units of the guide."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.vi.inference.optimizers import LBFGS
from srcdiff.vi.model.pytree import map_leaves
from srcdiff.vi.objectives.bound import Bound, VectorBound
from srcdiff.vi.objectives.custom_guide_elbo import FunctionBound

__all__ = ["InUnitsOfTheGuide", "near_the_optimum"]

_DRAWS, _EVEN_DRAWS, _ITERATIONS = 10, 32, 100
_WHOLE = 50  # numbers of z; of more, the noise of one draw in all of M is more than a step may take


@dataclass(frozen=True)
class InUnitsOfTheGuide:
    """Another optimiser, to which means are in units of the guide's standard deviations.

    So a step is as long for a site that is known to a thousandth as for one that is known to a thousand. A full-rank
    guide z = loc + C eps moves by C m, and its C becomes C (I + M), so that correlations do not matter, either.

    Parameters
    ----------
    inner : optimiser
        One whose steps do not depend on where they begin.
    stretch : float
        How many standard deviations are a unit. Batches that are a hundredth of the data have their optima ten of them
        away, and the first of them is where a fit begins.
    """

    inner: Any
    stretch: float = 1.0

    def init(self, params: Any) -> Any:
        """The state before the first step."""
        return self.inner.init(params)

    def step(self, params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        """`(params, state)` behind one step."""
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

    def _whole_step(self, params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        """A step of m and M, from where both are 0; the diagonal of M is a logarithm.

        What is below it is in units of D**-0.5, so that a step in all of its D**2 / 2 numbers is as long as one in D.
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


def near_the_optimum(bound: Bound, params: Any, data: tuple[Any, ...], ahead: int) -> Any:
    """Parameters to begin with, by L-BFGS on a few fixed draws; as they are where draws have no derivative.

    `ahead`: the draws that the steps will take. A guide function may be a network of any size, so its beginning takes
    about half as many.
    """
    if bound.written.surrogate:
        return params
    if isinstance(bound, VectorBound):
        return _of_automatic(bound, params, data)
    # a batch says nothing of the parameters of other rows
    iterations = min(ahead // (2 * _EVEN_DRAWS), _ITERATIONS)
    if isinstance(bound, FunctionBound) and not bound.rows and iterations:
        return _of_function(bound, params, data, iterations)
    return params


def _of_function(bound: FunctionBound, params: Any, data: tuple[Any, ...], iterations: int) -> Any:
    """All parameters of a guide that is a function.

    On a ridge, as shape and rate of a Gamma distribution are, steps by coordinate go far too slowly; L-BFGS learns the
    curvature. Draws that are evenly spread are nearly the distribution, and of few parameters so is the optimum. Many
    parameters may fit them too closely (a scale along which there is no draw grows for ever), so other draws judge.
    """
    rng = np.random.default_rng(0)
    eps = bound.noise(rng, _EVEN_DRAWS, "stratified")

    def objective(at: Any) -> tuple[float, Any]:
        try:
            value, grads = bound.step(at, eps, data)
        except np.linalg.LinAlgError:  # too long a step
            return np.inf, at
        return -float(value), map_leaves(np.negative, grads)

    before, slope = objective(params)
    if not (np.isfinite(before) and all(np.all(np.isfinite(leaf)) for leaf in slope)):
        return params  # the first step says why
    found = LBFGS(_EVEN_DRAWS, gtol=1e-3, ftol=1e-12).minimize(objective, params, iterations)
    others = bound.noise(rng, _EVEN_DRAWS, "stratified")
    is_better = bound.value(found.x, others, *data) > bound.value(params, others, *data)
    return found.x if is_better else params


def _of_automatic(bound: VectorBound, params: Any, data: tuple[Any, ...]) -> Any:
    """Parameters of an automatic guide, with means and standard deviations by L-BFGS on a few fixed draws.

    A stochastic step is bounded, whatever the distance; L-BFGS goes as far as it takes. The draws come in pairs, so
    that means are exact where log p is quadratic. What is not found better, or of no number, is left as it is.
    """
    rng = np.random.default_rng(0)
    eps = bound.noise(rng, _DRAWS, "antithetic")
    begun = np.exp(params.log_scale)
    moved = [name for name in params._fields if name not in ("lower", "factor")]

    def whole(found: dict[str, Any]) -> Any:
        if hasattr(params, "factor"):
            relative = np.exp(found["log_scale"]) / begun
            found = {**found, "factor": params.factor * relative[:, None]}
        return params._replace(**found)

    def objective(found: dict[str, Any]) -> tuple[float, Any]:
        at = whole(found)
        value, grads = bound.step(at, eps, data, 0.0)
        down = {name: -getattr(grads, name) for name in moved}
        if hasattr(params, "factor"):  # it goes with the standard deviations
            down["log_scale"] = down["log_scale"] - np.sum(grads.factor * at.factor, axis=1)
        return -float(value), down

    start = {name: getattr(params, name) for name in moved}
    before, _ = objective(start)
    if not np.isfinite(before):
        return params  # the first step says why
    found = LBFGS(_DRAWS, gtol=1e-3, ftol=1e-12).minimize(objective, start, _ITERATIONS)
    is_good = found.fun < before and all(np.all(np.isfinite(v)) for v in found.x.values())
    return whole(found.x) if is_good else params
