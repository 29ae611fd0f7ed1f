"""The evidence lower bound: `vi.elbo` gives the bound and its gradient as functions of parameters, noise and data."""

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import numpy as np

import srcdiff
from srcdiff.vi.guides.automatic import Delta, Guide, MeanField
from srcdiff.vi.guides.custom import model_params
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.program_text import name_of
from srcdiff.vi.model.pytree import Data, Pytree
from srcdiff.vi.objectives.bound import Bound, VectorBound
from srcdiff.vi.objectives.custom_guide_elbo import FunctionBound
from srcdiff.vi.objectives.gradient_estimators import Estimator, Path, estimator_of
from srcdiff.vi.objectives.stage_export import write_stages, write_test
from srcdiff.vi.objectives.target_density import data_names, kind_of, target_of
from srcdiff.vi.objectives.variance_report import Report, report


class Gradient:
    """The gradient of a bound: `g(params, eps, *data, baseline=0.0)`, shaped like `params`."""

    def __init__(self, elbo: "Elbo") -> None:
        self._elbo = elbo

    def __call__(self, params: Pytree, eps: Pytree, *data: Any, baseline: Pytree = None) -> Pytree:
        return self._elbo.value_and_grad(params, eps, *data, baseline=baseline)[1]

    @property
    def source(self) -> str:
        """The source of the latest call, of value and gradient together."""
        return self._elbo.differentiated.value_and_grad.source

    @property
    def loop_source(self) -> str:
        """The loop form of the latest call, which runs compiled."""
        return self._elbo.differentiated.value_and_grad.loop_source

    def source_for(self, params: Pytree, eps: Pytree, *data: Any) -> str:
        """The source for these arguments; nothing is run."""
        bound = self._elbo.bound(*data)
        return bound.value_and_grad.source_for(*bound.arguments(params, eps, data, 0.0))

    def save(
        self, path: str | FilePath, params: Pytree, eps: Pytree, *data: Any, form: str = "array"
    ) -> Any:
        """Write a module that needs NumPy and SciPy only (and Numba, for `form="loops"`)."""
        bound = self._elbo.bound(*data)
        args = bound.arguments(params, eps, data, 0.0)
        return bound.value_and_grad.save(path, *args, form=form)


class Elbo:
    """A bound: `g(params, eps, *data)`; made by `vi.elbo`.

    Attributes
    ----------
    guide, estimator, draws
    grad : Gradient
        `grad(params, eps, *data)`, with `.source` and `.loop_source`.
    """

    def __init__(
        self,
        model: Any,
        guide: Any,
        estimator: object,
        draws: int,
        value_and_grad: Callable[..., object],
        options: dict[str, object],
    ) -> None:
        self.model = model
        self.guide = guide
        self.estimator = estimator
        self.draws = draws
        self.grad = Gradient(self)
        self._make = value_and_grad
        self._options = options
        self._bounds: dict[object, Bound] = {}
        self._latest: Bound | None = None
        self._latest_data: Data = ()

    def __getstate__(self) -> dict[str, object]:
        """The state without its programs, which are generated again."""
        return {**vars(self), "_bounds": {}, "_latest": None, "_latest_data": ()}

    # ---- programs

    def bound(self, *data: Any, full: Data | None = None) -> Bound:
        """The programs for data of this kind. `full`: all data, if `data` is a batch of it; the programs then take
        `share` after the data.
        """
        kind = (kind_of(data), full is not None)
        found = self._bounds.get(kind)
        if found is None or not found.is_for(data):
            found = self._bounds[kind] = self._new(data, full)
            found.seen = data
        self._latest, self._latest_data = found, data
        return found

    def _new(self, data: Data, full: Data | None) -> Bound:
        if not isinstance(self.guide, Guide):
            return FunctionBound(
                self.model, self.guide, self.estimator, self._make, self._options, data, full
            )
        of_model = model_params(self.model, data)
        names = [p.name for p in of_model]
        target = target_of(self.model, data, full, names)
        for other in self._bounds.values():  # one program serves batches of all lengths
            if isinstance(other, VectorBound) and (other.target.data, other.layout) == (
                target.data,
                target.layout,
            ):
                return other
        estimator, diverging = self.estimator, None
        if estimator is None:
            estimator = Path()
            if isinstance(self.guide, MeanField) and not isinstance(self.model, LogDensity):
                found = target_of(self.model, data, full, names, divergences=True)
                diverging = found if found.closed else None
        return VectorBound(
            target, self.guide, estimator, self._make, self._options, diverging, of_model
        )

    def by_path(self) -> "Elbo":
        """The same bound with the path derivative. Discrete sites of guide functions have no path derivative."""
        if self.estimator is None or type(self.estimator) is Path:
            return self
        estimator = Path() if isinstance(self.guide, Guide) else None
        return Elbo(self.model, self.guide, estimator, self.draws, self._make, self._options)

    @property
    def data_names(self) -> tuple[str, ...]:
        return data_names(self.model)

    @property
    def latest(self) -> Bound:
        """The programs of the latest call.

        Raises
        ------
        RuntimeError
            Before the first call.
        """
        if self._latest is None:
            raise RuntimeError(
                "the bound was not called yet; its programs are made for the data of a call"
            )
        return self._latest

    @property
    def differentiated(self) -> Bound:
        """The programs of the latest call; after a fit by batches, the programs of a batch."""
        if self.latest.steps == 0:
            for other in reversed(self._bounds.values()):
                if other.steps:
                    return other
        return self.latest

    @property
    def source(self) -> str:
        """Stages 1 and 2: the log-joint and the bound, as source."""
        return self.latest.text(self._latest_data)

    # ---- calls

    def __call__(self, params: Pytree, eps: Pytree, *data: Any) -> float:
        return self.bound(*data).value(params, eps, *data)

    def value_and_grad(
        self, params: Pytree, eps: Pytree, *data: Any, baseline: Pytree = None
    ) -> tuple[float, Pytree]:
        """The bound and its gradient, from the same draws.

        Parameters
        ----------
        params
            The guide's parameters, a named tuple.
        eps
            Noise, from `vi.noise`.
        *data
            The model's arguments.
        baseline : float or parameters, optional
            The baseline of the score function; the default is the estimator's.

        Returns
        -------
        (float, parameters)
            The gradient is shaped like `params`.
        """
        if baseline is None:
            given = getattr(self.estimator, "baseline", 0.0)
            baseline = 0.0 if isinstance(given, str) else given
        value, grads = self.bound(*data).step(params, eps, data, baseline)
        return float(value), grads

    def init(self, *data: Any, at: Pytree = None, scale: float = 0.1) -> Pytree:
        """First parameters.

        Parameters
        ----------
        *data
            The model's arguments.
        at : dict, optional
            Values of sites at which the guide is centred; other sites are centred at z = 0.
        scale : float
            The standard deviations, in the space of z.

        Raises
        ------
        ValueError
            For `at` with a guide that is a function; for a value outside of the support of its site.
        """
        return self.bound(*data).init(data, at, scale)

    def save(
        self, folder: str | FilePath, params: Pytree, eps: Pytree, *data: Any, kernel: bool = False
    ) -> list[FilePath]:
        """Write the stages as files that need NumPy and SciPy only (the loop form needs Numba, too).

        `elbo.py` has the log-joint and the bound, `gradient.py` the value and gradient, and `loops.py` the loop form of
        the gradient, which is left out if there is none.

        Parameters
        ----------
        kernel : bool
            Whether to write `kernel.py`, too: a CUDA kernel whose threads take arrays of noise, stacked along a last
            axis. It computes the value for each array, and gradients added up by thread. No device is needed.

        Raises
        ------
        UnsupportedError
            With `kernel`, if the gradient cannot be a kernel.
        """
        return write_stages(self, FilePath(folder), params, eps, data, kernel)

    def save_test(self, path: str | FilePath, params: Pytree, eps: Pytree, *data: Any) -> FilePath:
        """Write a test file that compares the gradient, saved beside it, with finite differences of the bound.

        Any change of a sign in the gradient makes the test fail. It does not need srcdiff.
        """
        return write_test(self, FilePath(path), params, eps, data)

    def report(
        self, params: Pytree, rng: np.random.Generator, *data: Any, estimates: int = 10**4
    ) -> Report:
        """A report on the variance of the gradient at `params` and on the cost of a step, before a fit.

        Parameters
        ----------
        estimates : int
            The number of gradients, each from `draws` draws. The relative error of their variance is about 1 /
            sqrt(estimates / 2).
        """
        return report(self, params, rng, data, estimates)

    @property
    def noise_kind(self) -> str:
        """The kind of noise: "independent", "antithetic" or "quasi-random"."""
        return self.estimator.noise if isinstance(self.estimator, Estimator) else "independent"

    def __repr__(self) -> str:
        return f"<srcdiff.vi.elbo, {guide_name(self.guide)}, {self.estimator or 'auto'}, draws={self.draws}>"


def guide_name(guide: Any) -> str:
    return type(guide).__name__ if isinstance(guide, Guide) else name_of(guide)


def elbo(
    model: Any,
    guide: Any = MeanField,
    estimator: object = "auto",
    draws: int = 1,
    *,
    value_and_grad: Callable[..., object] = srcdiff.value_and_grad,
    **options: object,
) -> Elbo:
    """The evidence lower bound of a model and a guide: `g(params, eps, *data)`, with `g.grad`.

    Parameters
    ----------
    model : LogDensity or model
    guide : Guide, class or function
        `MeanField()`, `FullRank()`, `LowRank(rank)`, `Delta()`, `Laplace()`; or a function that draws each latent site
        of the model by `vi.sample`, from distributions with `vi.param`s. It has the parameters of the model.
    estimator : str, Estimator or dict
        "path", "path-without-score", "score", "score-running", "iwae", also with "+antithetic" or "+quasi-random"; or a
        dict with "path" or "score" for each site. "auto" is "path" for sites whose draws have a derivative, and
        otherwise "score"; for `MeanField` it also uses divergences from priors in closed form, where there are any.
    draws : int
        The number of draws that `noise` gives, and that `fit` takes for each step.
    value_and_grad : callable
        The function that differentiates: it is called as `srcdiff.value_and_grad` is.
    **options
        As for `srcdiff.value_and_grad`, such as `jit=False`.

    Returns
    -------
    Elbo
        The docstring of its `source` states what it computes.

    Raises
    ------
    ValueError
        For an estimator that does not exist or does not fit the guide.
    """
    if isinstance(guide, type) and issubclass(guide, Guide):
        guide = guide()
    if not isinstance(guide, Guide) and not callable(guide):
        raise TypeError(
            f"guide={guide!r}: it has to be MeanField() or another guide of vi, or a function with vi.sample"
        )
    if isinstance(model, LogDensity) and not isinstance(guide, Guide):
        raise TypeError(
            "a LogDensity takes a guide of vi: what a function draws is matched with a model's sites"
        )
    if not isinstance(draws, int | np.integer):
        raise TypeError(f"draws={draws!r}: a whole number is needed")
    if draws < 1:
        raise ValueError(f"draws={draws}: at least one is needed")
    auto = isinstance(estimator, str) and estimator == "auto"
    chosen = None if auto else estimator_of(estimator)
    if isinstance(guide, Delta) and not (auto or isinstance(chosen, Path)):
        raise ValueError(f"estimator={estimator!r}: {guide.words} has no draws")
    return Elbo(model, guide, chosen, draws, value_and_grad, options)


def noise(elbo: Elbo, rng: np.random.Generator, *data: Any) -> Pytree:
    """Noise for `elbo(params, eps, *data)`.

    Parameters
    ----------
    elbo : Elbo
    rng : Generator
    *data
        The model's arguments. They are optional once the bound has been called, and for a `LogDensity`.

    Returns
    -------
    array or dict
        For an automatic guide, standard normal numbers of shape (draws, numbers in a draw). For a guide function, a
        dict of arrays: the noise of each site, of shape (draws, *noise_shape).
    """
    if not data and isinstance(elbo.model, LogDensity):  # it has one layout
        data = (None,) * len(elbo.data_names)
    bound = elbo.bound(*data) if data else elbo.latest
    return bound.noise(rng, elbo.draws, elbo.noise_kind)
