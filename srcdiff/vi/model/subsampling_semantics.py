"""The handler of log-joints on batches of rows, and with closed-form divergences of guides from priors."""

from __future__ import annotations

from srcdiff.effects import remark, spelled
from srcdiff.vi.distributions.divergences import kl
from srcdiff.vi.model.semantics import LogJoint
from srcdiff.vi.model.semantics_base import without_module


class WeightedLogJoint(LogJoint):
    """The log-joint, where the sites `rows` count `share` times: the number of rows of the data for each row of the
    batch.

    For the sites of `guides`, minus the divergence of the guide from the prior replaces the log density.
    """

    def __init__(self, latents, scales, share, rows, guides):
        super().__init__(latents, scales)
        self.share = share
        self.rows = rows
        self.guides = guides

    def has_own_term(self, name):
        return name in self.guides

    def own_term(self, name, distribution):
        """Minus a divergence."""
        self.begin(name)
        value = self.given(name, self.shape(distribution))
        remark(f"KL(q({name}) || {without_module(spelled('distribution'))})")
        self.log_p -= self.scaled(kl(self.guides[name], distribution))
        return value

    def weighted(self, name, log_density):
        return self.share * log_density if name in self.rows else log_density
