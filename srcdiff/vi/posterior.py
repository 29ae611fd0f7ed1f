"""A fitted guide: draws, moments, and how far it can be trusted."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.vi.elbo import Elbo
from srcdiff.vi.khat import khat, smoothed
from srcdiff.vi.standalone import write_posterior

__all__ = ["Posterior"]


class Posterior:
    """What `vi.fit` returns.

    Attributes
    ----------
    params
        The guide's parameters, a named tuple.
    bounds : array
        The (noisy) bound of each step.
    elbo : Elbo
    guide : Guide
    data : tuple
    stopped : str
        Why the fit ended.
    """

    def __init__(
        self,
        elbo: Elbo,
        params: Any,
        bounds: Any,
        data: tuple[Any, ...],
        stopped: str,
        *,
        guide: Any = None,
    ) -> None:
        self.elbo = elbo
        self.guide = guide or elbo.guide
        self.params = params
        self.bounds = np.asarray(bounds, float)
        self.data = data
        self.stopped = stopped
        self.restarts: Sequence[Any] = ()
        self._bound = elbo.bound(*data)

    # ---- draws and moments

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Any]:
        """Draws of all latent sites: names to arrays of shape (n, *shape)."""
        return self._bound.layout.constrain(self._draws(n, rng))

    def _draws(self, n: int, rng: np.random.Generator) -> Any:
        size = self.guide.noise_size(self._bound.layout.size)
        return self.guide.draws(self.params, rng.standard_normal((n, size)))

    @cached_property
    def mean(self) -> dict[str, Any]:
        """The mean of each site."""
        return {name: first for name, (first, _) in self._moments.items()}

    @cached_property
    def sd(self) -> dict[str, Any]:
        """The standard deviation of each number of each site."""
        return {name: second for name, (_, second) in self._moments.items()}

    @cached_property
    def _moments(self) -> dict[str, tuple[Any, Any]]:
        """By quadrature over each number of z; over 10**5 fixed draws where a site mixes several."""
        loc, cov = self.guide.moments(self.params)
        sd = np.sqrt(np.diag(cov))
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / np.sum(weights)
        found = {}
        draws: Any = None
        for p in self._bound.layout.places:
            if p.support.event_dim and not p.is_real:
                if draws is None:
                    draws = self.sample(10**5, np.random.default_rng(0))
                found[p.name] = (draws[p.name].mean(axis=0), draws[p.name].std(axis=0))
                continue
            u = loc[p.start : p.stop] + sd[p.start : p.stop] * nodes[:, None]
            values = p.support.constrain(u)
            first = weights @ values
            second = np.sqrt(weights @ (values - first) ** 2)
            found[p.name] = tuple(
                m.reshape(p.shape) if p.shape else float(m[0]) for m in (first, second)
            )
        return found

    @property
    def cov(self) -> Any:
        """The covariance of z (D, D): all sites as one vector of real numbers."""
        return self.guide.moments(self.params)[1]

    # ---- how far to trust it

    def log_weights(self, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Draws of z (n, D), and log p(z, data) - log q(z) of each."""
        z = self._draws(n, rng)
        return z, self._bound.log_p(z, *self.data) - self.guide.log_prob(self.params, z)

    @cached_property
    def khat(self) -> float:
        """How heavy the tail of p/q is, of 10**4 fixed draws: up to 0.7 the fit can be trusted (see `srcdiff.vi.khat`)."""
        return khat(self.log_weights(10**4, np.random.default_rng(0))[1])

    def evidence(self, n: int, rng: np.random.Generator) -> float:
        """An estimate of log p(data), by Pareto smoothed importance sampling."""
        _, log_weights = self.log_weights(n, rng)
        shifted = log_weights - np.max(log_weights)
        smooth, _ = smoothed(log_weights)
        # smoothing normalises: what the largest raw weight became tells the scale
        k = int(np.argmin(np.abs(shifted - np.median(shifted))))
        return float(log_weights[k] - smooth[k] - np.log(n))

    def bound(self, n: int, rng: np.random.Generator) -> tuple[float, float]:
        """The bound, and its standard error, of n draws."""
        _, weights = self.log_weights(n, rng)
        return float(np.mean(weights)), float(np.std(weights) / np.sqrt(n))

    # ---- elsewhere

    def save(self, path: str | Path) -> Path:
        """Write the posterior as a module of its own, which needs NumPy only: `sample(n, rng)`, `mean`, `sd`."""
        return write_posterior(Path(path), self)

    def to_arviz(self, n: int = 1000, rng: np.random.Generator | None = None) -> Any:
        """Draws as an `arviz.InferenceData` with one chain; needs ArviZ."""
        try:
            import arviz  # an extra
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install srcdiff[arviz]") from error
        draws = self.sample(n, rng or np.random.default_rng(0))
        return arviz.from_dict(posterior={name: value[None] for name, value in draws.items()})

    def __repr__(self) -> str:
        last = f", bound {self.bounds[-1]:.6g}" if len(self.bounds) else ""
        return f"<srcdiff.vi.Posterior of {self._bound.target.name!r}, {type(self.guide).__name__}{last}, {self.stopped}>"
