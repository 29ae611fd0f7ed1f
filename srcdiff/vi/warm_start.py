"""Where a fit begins unless it is told: near the optimum, with steps in units of the guide."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.vi.bounds import VectorBound
from srcdiff.vi.optim import LBFGS
from srcdiff.vi.trees import map_leaves

__all__ = ["InUnitsOfTheGuide", "near_the_optimum"]

_DRAWS, _ITERATIONS = 10, 100


@dataclass(frozen=True)
class InUnitsOfTheGuide:
    """Another optimiser, to which means are in units of the guide's standard deviations.

    So a step is as long for a site that is known to a thousandth as for one that is known to a thousand.

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
        scale = np.exp(params.log_scale)
        units = {"loc": self.stretch * scale}
        if hasattr(params, "factor"):
            units["factor"] = scale[:, None]
        scaled = grads._replace(**{name: getattr(grads, name) * u for name, u in units.items()})
        away, state = self.inner.step(map_leaves(np.zeros_like, params), scaled, state)
        away = away._replace(**{name: getattr(away, name) * u for name, u in units.items()})
        return map_leaves(np.add, params, away), state


def near_the_optimum(bound: Any, params: Any, data: tuple[Any, ...]) -> Any:
    """Parameters of an automatic guide, with means and standard deviations by L-BFGS on a few fixed draws.

    A stochastic step is bounded, whatever the distance; L-BFGS goes as far as it takes. The draws come in pairs, so
    that means are exact where log p is quadratic. What is not found better, or of no number, is left as it is.
    """
    if not isinstance(bound, VectorBound) or bound.written.surrogate:
        return params
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
