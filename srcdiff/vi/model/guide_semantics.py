"""The handler of guides that are functions: draws as functions of parameters and noise, and their densities."""

from __future__ import annotations

import numpy as np

from srcdiff.effects import loops, refuse, remark, spelled
from srcdiff.vi.distributions import Bernoulli, Categorical
from srcdiff.vi.model.semantics_base import Handler, Plate, without_module


class GuideDraw(Handler):
    """Sites are drawn from noise, or their values are given.

    A drawn site adds its entropy to `entropy`, or minus its log density; a given site adds its log density to
    `log_score`. Sites of `rows` count `share` times.
    """

    def __init__(self, params, eps, given, closed, rows, share):
        super().__init__()
        self.params = params
        self.eps = eps
        self.given = given
        self.closed = closed  # sites whose entropy in closed form is taken
        self.rows = rows
        self.share = share
        self.values = {}
        self.entropy = 0.0
        self.log_score = 0.0

    def sample(self, name, distribution, obs=None):
        self.begin(name)
        if obs is not None:
            refuse(
                f"the guide's site {name!r} is observed",
                "A guide draws the sites that the model does not observe.",
            )
        if len(loops()) > 0:
            refuse(
                f"the guide draws the site {name!r} in a loop",
                "Draw it at once, from a distribution whose parameters have an axis for the loop.",
            )
        remark(f"{name} ~ {without_module(spelled('distribution'))}")
        if name in self.given:
            value = self.given[name]
            self.log_score += self.counted(name, distribution.log_density(value))
        else:
            value = drawn(name, distribution, self.eps[name])
            if name in self.closed:
                self.entropy += self.counted(name, distribution.entropy())
            else:
                self.entropy -= self.counted(name, distribution.log_density(value))
        self.values[name] = value
        return value

    def counted(self, name, density):
        total = density if np.ndim(density) == 0 else np.sum(density)
        return self.share * total if name in self.rows else total

    def param(self, name, init, constraint=None):
        return self.params[name]

    def plate(self, name, size, subsample=None):
        return Plate(name, size, None, None)


def drawn(name, distribution, eps):
    """The draw from noise; for Bernoulli and categorical sites, by the inverse of the distribution function."""
    if isinstance(distribution, Bernoulli):
        return 1.0 * (eps < distribution._probs)
    if isinstance(distribution, Categorical):
        ends = np.cumsum(distribution._probs, axis=-1)
        return np.sum(np.expand_dims(eps, -1) > ends[..., :-1], axis=-1)
    if distribution.is_discrete:
        refuse(
            f"the guide's site {name!r} is drawn from a distribution over whole numbers that vi cannot draw",
            "Bernoulli and Categorical can be drawn.",
        )
    return distribution.from_noise(eps)
