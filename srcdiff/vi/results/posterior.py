"""The posterior: a fitted guide with its draws, moments and diagnostics."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.vi.guides.automatic import Guide
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.predictive import Sampler, predictive
from srcdiff.vi.model.pytree import Data, Pytree, Values
from srcdiff.vi.objectives.bound import Bound, VectorBound
from srcdiff.vi.objectives.elbo import Elbo, guide_name
from srcdiff.vi.results.export import write_posterior
from srcdiff.vi.results.psis_khat import khat, smoothed
from srcdiff.waits import shown


class Posterior:
    """The result of `vi.fit`.

    Attributes
    ----------
    params
        The guide's parameters, a named tuple.
    bounds : array, shape (steps,)
        The (noisy) bound of each step.
    elbo : Elbo
    guide : Guide
    data : tuple
    stopped : str
        The reason why the fit ended.
    """

    def __init__(
        self,
        elbo: Elbo,
        params: Pytree,
        bounds: object,
        data: Data,
        stopped: str,
        *,
        guide: Guide | None = None,
    ) -> None:
        self.elbo = elbo
        self.guide = guide or elbo.guide
        self.params = params
        self.bounds = np.asarray(bounds, float)
        self.data = data
        self.stopped = stopped
        self.restarts: Sequence[Any] = ()
        self._bound = self._own_bound()

    def _own_bound(self) -> Bound:
        bound = self.elbo.bound(*self.data)
        if self.guide is not self.elbo.guide and isinstance(bound, VectorBound):
            return bound.with_guide(self.guide)
        return bound

    def __getstate__(self) -> dict[str, object]:
        """The state without programs and without the class of the parameters, which are generated again."""
        kept = {k: v for k, v in vars(self).items() if k != "_bound"}
        return {**kept, "params": tuple(self.params)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bound = self._own_bound()
        self.params = self._bound.params_type(*state["params"])

    # ---- draws and moments

    def sample(self, n: int, rng: np.random.Generator) -> Values:
        """Draws of all latent sites: a dict from names to arrays of shape (n, *shape)."""
        return self._bound.sample(self.params, n, rng, self.data)

    @cached_property
    def mean(self) -> Values:
        """The mean of each site: a dict from names to values of the site's shape."""
        return {name: first for name, (first, _) in self._moments.items()}

    @cached_property
    def sd(self) -> Values:
        """The standard deviation of each number of each site: a dict from names to values of the site's shape."""
        return {name: second for name, (_, second) in self._moments.items()}

    @cached_property
    def _moments(self) -> dict[str, tuple[Any, Any]]:
        return self._bound.moments(self.params, self.data)

    @property
    def cov(self) -> Any:
        """The covariance (D, D) of z, the vector of real numbers for all sites; automatic guides only."""
        return self.guide.moments(self.params)[1]

    @property
    def values(self) -> Values:
        """The fitted parameters of a guide function, and of the model, by the user's names and in their constraints."""
        return self._bound.values_of(self.params)

    @property
    def model_values(self) -> Values:
        """The part of `values` that belongs to the model."""
        return self._bound.model_values(self.params)

    @property
    def predictive(self) -> Sampler:
        """A sampler of the observed sites, given draws of this posterior: `predictive(rng, *data, draws=100)`."""
        return predictive(self.elbo.model, self)

    # ---- diagnostics

    def log_weights(self, n: int, rng: np.random.Generator) -> Any:
        """Log p(z, data) - log q(z) of n draws: an array of shape (n,).

        Raises
        ------
        TypeError
            For a `Delta` guide, which has no density.
        """
        with shown("drawing from", self._bound.target.name):
            return self._bound.log_weights(self.params, n, rng, self.data)

    @cached_property
    def khat(self) -> float:
        """The tail index of the importance weights p/q, from 10**4 fixed draws: up to 0.7 the fit can be trusted (see
        `vi.khat`).
        """
        return khat(self.log_weights(10**4, np.random.default_rng(0)))

    def evidence(self, n: int, rng: np.random.Generator) -> float:
        """An estimate of log p(data) from n draws, by Pareto smoothed importance sampling."""
        log_weights = self.log_weights(n, rng)
        shifted = log_weights - np.max(log_weights)
        smooth, _ = smoothed(log_weights)
        # smoothing normalises: a median weight, which it leaves unchanged, gives the scale
        k = int(np.argmin(np.abs(shifted - np.median(shifted))))
        return float(log_weights[k] - smooth[k] - np.log(n))

    def bound(self, n: int, rng: np.random.Generator) -> tuple[float, float]:
        """The bound, and its standard error, from n draws."""
        weights = self.log_weights(n, rng)
        return float(np.mean(weights)), float(np.std(weights) / np.sqrt(n))

    # ---- export

    def save(self, path: str | Path) -> Path:
        """Write the posterior as a module of its own: `sample(n, rng)`, `MEAN`, `SD`, and for a model `predictive`."""
        return write_posterior(Path(path), self)

    def to_arviz(self, n: int = 1000, rng: np.random.Generator | None = None) -> Any:
        """Draws as ArviZ's `InferenceData` (from ArviZ 1.0 on, a `DataTree`).

        The group `posterior` has one chain of n draws of each latent site; for a model, `posterior_predictive` has a
        draw of the observed sites for each of them.

        Parameters
        ----------
        n : int
            The number of draws.
        rng : Generator, optional
            The default has a fixed seed.

        Raises
        ------
        ImportError
            ArviZ is not installed.
        """
        try:
            import arviz  # an optional dependency
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install srcdiff[arviz]") from error
        rng = rng or np.random.default_rng(0)
        draws = self.sample(n, rng)
        groups = {"posterior": {name: value[None] for name, value in draws.items()}}
        if not isinstance(self.elbo.model, LogDensity):
            drawn = predictive(self.elbo.model, _Drawn(draws, self.model_values))(
                rng, *self.data, draws=n
            )
            groups["posterior_predictive"] = {name: value[None] for name, value in drawn.items()}
        if int(arviz.__version__.partition(".")[0]) >= 1:
            return arviz.from_dict(groups)
        return arviz.from_dict(**groups)

    def __repr__(self) -> str:
        n = max(1, len(self.bounds) // 10)
        of_last = f"the last {n} steps" if n > 1 else "the last step"
        last = (
            f", mean bound {np.mean(self.bounds[-n:]):.6g} of {of_last}" if len(self.bounds) else ""
        )
        return f"<srcdiff.vi.Posterior of {self._bound.target.name!r}, {guide_name(self.guide)}{last}, {self.stopped}>"


class _Drawn:
    """A posterior that returns draws from before."""

    def __init__(self, draws: Values, model_values: Values) -> None:
        self.draws = draws
        self.model_values = model_values

    def sample(self, n: int, rng: np.random.Generator) -> Values:
        return self.draws
