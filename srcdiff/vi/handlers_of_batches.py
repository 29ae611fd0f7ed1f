"""A model under a batch of its rows: what stands once for each row is weighted."""

from __future__ import annotations

from srcdiff.vi.handlers import LogJoint

__all__ = ["BatchLogJoint"]


class BatchLogJoint(LogJoint):
    """The log-joint, where the sites `rows` count `share` times: rows of the data for each row of the batch."""

    def __init__(self, latents, scales, share, rows):
        super().__init__(latents, scales)
        self.share = share
        self.rows = rows

    def sample(self, name, distribution, obs=None):
        if name not in self.rows:
            return super().sample(name, distribution, obs)
        before = self.log_p
        self.log_p = 0.0
        value = super().sample(name, distribution, obs)
        self.log_p = before + self.share * self.log_p
        return value
