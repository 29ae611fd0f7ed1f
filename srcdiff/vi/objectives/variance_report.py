"""A report, before a fit, on the variance of its gradient and the cost of a step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import srcdiff
from srcdiff.vi.model.pytree import Data, Pytree, map_leaves

if TYPE_CHECKING:
    from srcdiff.vi.objectives.elbo import Elbo


@dataclass(frozen=True)
class Report:
    """The estimator of a gradient at one place; printing it shows all fields.

    Attributes
    ----------
    mean, variance
        Mean and variance of the gradient over the estimates, shaped like the parameters.
    bound, bound_variance : float
        The same for the bound.
    estimates : int
        The number of estimates.
    draws : int
        The number of draws in each estimate.
    cost : srcdiff.Cost
        Operations and bytes of one step: bound and gradient, in the readable form.
    """

    mean: Any
    variance: Any
    bound: float
    bound_variance: float
    estimates: int
    draws: int
    cost: srcdiff.Cost

    def __str__(self) -> str:
        lines = [
            f"{self.estimates:,} estimates, each of {self.draws} {'draw' if self.draws == 1 else 'draws'}",
            f"bound: {self.bound:.6g}, variance {self.bound_variance:.4g}",
            "gradient by: mean, variance",
        ]
        for name, mean in self.mean._asdict().items():
            variance = getattr(self.variance, name)
            for place in np.ndindex(np.shape(mean)):
                where = f"[{', '.join(map(str, place))}]" if place else ""
                mean_here, variance_here = np.asarray(mean)[place], np.asarray(variance)[place]
                lines.append(f"  {name}{where}: {mean_here:.4g}, {variance_here:.4g}")
                if len(lines) > 40:
                    return "\n".join([*lines, "  ...", "a step:", str(self.cost)])
        return "\n".join([*lines, "a step:", str(self.cost)])


def report(
    elbo: "Elbo", params: Pytree, rng: np.random.Generator, data: Data, estimates: int
) -> Report:
    """See `Elbo.report`."""
    if estimates < 2:
        raise ValueError(f"estimates={estimates}: a variance takes two at least")
    bound = elbo.bound(*data)
    baseline = getattr(elbo.estimator, "baseline", 0.0)
    if baseline == "running":  # its limit: the mean of the bound
        few = [bound.noise(rng, elbo.draws, elbo.noise_kind) for _ in range(100)]
        baseline = float(np.mean([bound.value(params, eps, *data) for eps in few]))
    total = squares = map_leaves(np.zeros_like, params)
    values = np.empty(estimates)
    for k in range(estimates):
        eps = bound.noise(rng, elbo.draws, elbo.noise_kind)
        values[k], grads = bound.step(params, eps, data, baseline)
        if k == 0:
            first = grads  # deviations are taken from this, so that no digits are lost
        total = map_leaves(lambda t, g, f: t + (g - f), total, grads, first)
        squares = map_leaves(lambda s, g, f: s + (g - f) ** 2, squares, grads, first)
    mean = map_leaves(lambda f, t: f + t / estimates, first, total)
    variance = map_leaves(lambda s, t: (s - t**2 / estimates) / (estimates - 1.0), squares, total)
    cost = srcdiff.cost(bound.value_and_grad, *bound.arguments(params, eps, data, 0.0))
    return Report(
        mean, variance, float(np.mean(values)), float(np.var(values, ddof=1)), estimates, elbo.draws, cost
    )  # fmt: skip
