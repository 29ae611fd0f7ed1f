"""A model under a batch of its rows, and under a guide whose divergences from priors have a closed form."""

from __future__ import annotations

from srcdiff.effects import remark, spelled
from srcdiff.vi.distributions.divergences import kl
from srcdiff.vi.handlers import LogJoint
from srcdiff.vi.handlers_in_common import without_module

__all__ = ["WeightedLogJoint"]


class WeightedLogJoint(LogJoint):
    """The log-joint, where the sites `rows` count `share` times: rows of the data for each row of the batch.

    Of the sites of `guides`, minus the divergence of their guide stands in the place of the log density.
    """

    def __init__(self, latents, scales, share, rows, guides):
        super().__init__(latents, scales)
        self.share = share
        self.rows = rows
        self.guides = guides

    def sample(self, name, distribution, obs=None):
        if name in self.guides:
            return self.diverging(name, distribution)
        if name not in self.rows:
            return super().sample(name, distribution, obs)
        before = self.log_p
        self.log_p = 0.0
        value = super().sample(name, distribution, obs)
        self.log_p = before + self.share * self.log_p
        return value

    def diverging(self, name, distribution):
        self.begin(name)
        value = self.given(name, self.shape(distribution))
        remark(f"KL(q({name}) || {without_module(spelled('distribution'))})")
        self.log_p -= self.scaled(kl(self.guides[name], distribution))
        return value
