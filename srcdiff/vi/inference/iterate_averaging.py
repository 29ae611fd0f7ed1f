"""Iterate averaging: the mean of the latest parameters removes the noise that a constant step size leaves."""

from typing import Any, NamedTuple

from srcdiff.vi.model.pytree import map_leaves


class Average(NamedTuple):
    """Sums over the latest two blocks of steps, each a quarter longer than the one before.

    So their mean is the mean of the last 20 to 36 % of the steps, whatever their number.

    References
    ----------
    Polyak and Juditsky (1992); for variational inference, Dhaka et al. (2020), Robust, accurate stochastic optimization
    for variational inference.
    """

    steps: int
    begun: int
    earlier_count: int
    latest: Any
    earlier: Any

    def add(self, params: Any) -> "Average":
        """The average after one more step."""
        count, latest = self.steps + 1, map_leaves(lambda a, p: a + p, self.latest, params)
        if count < 1.25 * self.begun:
            return Average(count, self.begun, self.earlier_count, latest, self.earlier)
        zeros = map_leaves(lambda p: 0.0 * p, params)
        return Average(count, count, count - self.begun, zeros, latest)

    def mean(self) -> Any:
        """The mean of both blocks."""
        n = self.earlier_count + self.steps - self.begun
        return map_leaves(lambda a, b: (a + b) / n, self.latest, self.earlier)


def begin(params: Any) -> Average:
    """The average before the first step."""
    zeros = map_leaves(lambda p: 0.0 * p, params)
    return Average(0, 0, 0, zeros, zeros)
