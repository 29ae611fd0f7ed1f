"""`vi.elbo`: the bound and its gradient as functions of parameters, noise and data."""

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import numpy as np

import srcdiff
from srcdiff.vi.density import LogDensity
from srcdiff.vi.elbo_text import Written, module_text, write_elbo, write_log_weights
from srcdiff.vi.estimators import Estimator, Path, ScoreFunction, estimator_of
from srcdiff.vi.guides import Delta, Guide, MeanField
from srcdiff.vi.layout import Layout
from srcdiff.vi.noise import standard_normal
from srcdiff.vi.targets import Target, data_names, kind_of, load_text, target_of
from srcdiff.vi.trees import map_leaves

__all__ = ["Bound", "Elbo", "elbo", "noise"]


class Bound:
    """The bound of one model, for data of one kind: programs, and what their arguments look like.

    Attributes
    ----------
    target : Target
    layout : Layout
    written : Written
    differentiable, function : callable
        What was written, to be differentiated and to be called.
    """

    def __init__(
        self, target: Target, guide: Guide, estimator: Any, value_and_grad: Any, options: Any
    ) -> None:
        self.target = target
        self.layout: Layout = target.layout
        self.guide = guide
        self.params_type = guide.params_type
        kind, by_score = _per_site(estimator, target.layout, guide)
        self.written = write_elbo(target.name, target.layout, guide, target.data, kind, by_score)
        self.weights = write_log_weights(target.name, target.layout, target.data)
        # two of each: the log-joint that the compiler reads is a handler round the model, which is slow to call
        self.differentiable = _load(self.written, target, target.log_joint)
        self.function = _load(self.written, target, target.plain)
        self._log_density = _load(self.weights, target, target.plain)
        argnums = tuple(range(len(self.params_type._fields)))
        has_aux = self.written.surrogate
        self.value_and_grad = value_and_grad(
            self.differentiable, argnums=argnums, has_aux=has_aux, **options
        )

    @property
    def module(self) -> str:
        """Stage 2 as text, without the log-joint."""
        return module_text([self.written.text])

    def arguments(self, params: Any, eps: Any, data: tuple[Any, ...], baseline: float) -> list[Any]:
        held = tuple(params) if self.written.held else ()
        return [*params, *held, *([baseline] if self.written.surrogate else []), eps, *data]

    def value(self, params: Any, eps: Any, *data: Any) -> float:
        """The bound, in NumPy."""
        found = self.function(*self.arguments(params, eps, data, 0.0))
        return float(found[1] if self.written.surrogate else found)

    def step(self, params: Any, eps: Any, data: tuple[Any, ...], baseline: Any = 0.0) -> Any:
        """`(elbo, gradient)`; a baseline that is shaped like the parameters has one for each."""
        if self.written.surrogate and not np.isscalar(baseline):
            # the estimator is linear in the baseline
            value, plain = self.step(params, eps, data, 0.0)
            _, less = self.step(params, eps, data, 1.0)
            grads = map_leaves(lambda g, one, b: g - b * (g - one), plain, less, baseline)
            return value, grads
        value, grads = self.value_and_grad(*self.arguments(params, eps, data, baseline))
        if self.written.surrogate:
            value = value[1]
        return value, self.params_type(*grads)

    def log_p(self, z: Any, *data: Any) -> Any:
        """log p at each z of (n, D), with the Jacobian of the map to the sites."""
        return self._log_density(z, *data)

    def blame(self, params: Any, grads: Any, eps: Any, data: tuple[Any, ...]) -> str:
        """Which sites a bound or gradient owes it to that it is no number."""
        for name, leaf in params._asdict().items():
            if not np.all(np.isfinite(leaf)):
                return f"parameter {name} of {self._sites(~np.isfinite(leaf))} is not finite itself"
        for name, leaf in grads._asdict().items():
            bad = ~np.isfinite(leaf)
            if np.any(bad) and not np.all(bad):
                return f"its derivatives by {name} of {self._sites(bad)} are not numbers"
        size = self.layout.size
        z = self.guide.draws(params, eps if np.ndim(eps) == 2 else np.zeros((1, size)))
        for row in z:
            for name, value in self.layout.constrain(row).items():
                if not np.all(np.isfinite(value)):
                    return f"site {name!r} is not finite at a draw"
        values = self.layout.constrain(z[0])
        shown = ", ".join(f"{k} = {np.array2string(np.asarray(v), precision=4, threshold=4)}" for k, v in values.items())
        return f"log p is no number at {shown}"

    def _sites(self, bad: Any) -> str:
        """The sites of coordinates; of a matrix, of its rows."""
        rows = bad if bad.ndim == 1 else np.any(bad, axis=tuple(range(1, bad.ndim)))
        names = [self.layout.site_at(int(k)) for k in np.flatnonzero(rows)]
        return f"site {names[0]!r}" if len(names) == 1 else f"sites {', '.join(map(repr, names[:4]))}"

    def noise(self, rng: np.random.Generator, draws: int, kind: str) -> Any:
        return standard_normal(rng, draws, self.guide.noise_size(self.layout.size), kind)


def _per_site(estimator: Any, layout: Layout, guide: Guide) -> tuple[Estimator, tuple[str, ...]]:
    """The estimator, and the sites that take the score function where they were chosen one by one."""
    if not isinstance(estimator, dict):
        return estimator, ()
    for site in estimator:
        if site not in layout.names:
            raise ValueError(
                f"estimator: the model has no latent site {site!r}; there are {', '.join(layout.names)}"
            )
    by_score = tuple(
        name for name in layout.names if isinstance(estimator.get(name), ScoreFunction)
    )
    if not by_score:
        return Path(), ()
    if len(by_score) == len(layout.names):
        return ScoreFunction(), ()
    if not isinstance(guide, MeanField):
        raise ValueError(
            f"estimator: sites can be told apart under MeanField; {guide.words} draws all of them together"
        )
    return Path(), by_score


def _load(written: Written, target: Target, log_joint: Callable[..., Any]) -> Callable[..., Any]:
    """The function, round a log-joint."""
    outside: dict[str, Any] = {f"{p.name}_support": p.support for p in target.layout.places}
    outside[f"{target.name}_log_joint"] = log_joint
    return load_text(module_text([written.text]), written.name, outside)


class Gradient:
    """The gradient of a bound: `g(params, eps, *data, baseline=0.0)`, shaped like `params`."""

    def __init__(self, elbo: "Elbo") -> None:
        self._elbo = elbo

    def __call__(self, params: Any, eps: Any, *data: Any, baseline: Any = None) -> Any:
        return self._elbo.value_and_grad(params, eps, *data, baseline=baseline)[1]

    @property
    def source(self) -> str:
        """The source of the latest call, of value and gradient together."""
        return self._elbo.latest.value_and_grad.source  # type: ignore[no-any-return]

    @property
    def loop_source(self) -> str:
        """Its loop form, which runs compiled."""
        return self._elbo.latest.value_and_grad.loop_source  # type: ignore[no-any-return]

    def source_for(self, params: Any, eps: Any, *data: Any) -> str:
        """The source for such arguments; nothing is run."""
        bound = self._elbo.bound(*data)
        return bound.value_and_grad.source_for(*bound.arguments(params, eps, data, 0.0))  # type: ignore[no-any-return]

    def save(
        self, path: str | FilePath, params: Any, eps: Any, *data: Any, form: str = "array"
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
        guide: Guide,
        estimator: Any,
        draws: int,
        value_and_grad: Callable[..., Any],
        options: dict[str, Any],
    ) -> None:
        self.model = model
        self.guide = guide
        self.estimator = estimator
        self.draws = draws
        self.grad = Gradient(self)
        self._make = value_and_grad
        self._options = options
        self._bounds: dict[Any, Bound] = {}
        self._latest: Bound | None = None
        self._latest_data: tuple[Any, ...] = ()

    # ---- programs

    def bound(self, *data: Any, full: tuple[Any, ...] | None = None) -> Bound:
        """The programs for data of this kind; for batches of `full`, which take `share` behind the data."""
        kind = (kind_of(data), full is not None)
        found = self._bounds.get(kind)
        if found is None:
            target = target_of(self.model, data, full)
            same = (b for k, b in self._bounds.items() if b.target.data == target.data)
            found = next((b for b in same if b.layout == target.layout), None)
            if found is None:
                found = Bound(target, self.guide, self.estimator, self._make, self._options)
            self._bounds[kind] = found
        self._latest, self._latest_data = found, data
        return found

    @property
    def data_names(self) -> tuple[str, ...]:
        """What the data are called."""
        return data_names(self.model)

    @property
    def latest(self) -> Bound:
        """The programs of the latest call."""
        if self._latest is None:
            raise RuntimeError("the bound was not called yet; its programs are made for the data of a call")
        return self._latest

    @property
    def source(self) -> str:
        """Stages 1 and 2: the log-joint and the bound, as source."""
        bound = self.latest
        values = bound.layout.constrain(np.zeros(bound.layout.size))
        log_joint = bound.target.text(values, *self._latest_data)
        return module_text([*([log_joint] if log_joint else []), bound.written.text])

    # ---- calls

    def __call__(self, params: Any, eps: Any, *data: Any) -> float:
        return self.bound(*data).value(params, eps, *data)

    def value_and_grad(
        self, params: Any, eps: Any, *data: Any, baseline: Any = None
    ) -> tuple[float, Any]:
        """The bound and its gradient, with the same draws."""
        if baseline is None:
            given = getattr(self.estimator, "baseline", 0.0)
            baseline = 0.0 if isinstance(given, str) else given
        value, grads = self.bound(*data).step(params, eps, data, baseline)
        return float(value), grads

    def init(self, *data: Any, at: Any = None, scale: float = 0.1) -> Any:
        """Parameters to begin with.

        Parameters
        ----------
        at : dict, optional
            Values of sites that the guide is put round; others are where z is 0.
        scale : float
            The standard deviations, in z.
        """
        bound = self.bound(*data)
        return self.guide.init(bound.layout.unconstrain(at or {}), scale)

    @property
    def noise_kind(self) -> str:
        return self.estimator.noise if isinstance(self.estimator, Estimator) else "independent"

    def __repr__(self) -> str:
        return f"<srcdiff.vi.elbo, {type(self.guide).__name__}, {self.estimator}, draws={self.draws}>"


def elbo(
    model: Any,
    guide: Any = MeanField,
    estimator: Any = "auto",
    draws: int = 1,
    *,
    value_and_grad: Callable[..., Any] = srcdiff.value_and_grad,
    **options: Any,
) -> Elbo:
    """The evidence lower bound of a model and a guide: `g(params, eps, *data)`, with `g.grad`.

    Parameters
    ----------
    model : LogDensity or model
    guide : Guide or class
        `MeanField()`, `FullRank()`, `LowRank(rank)`, `Delta()`, `Laplace()`.
    estimator : str, Estimator or dict
        "path", "path-without-score", "score", "score-running", "iwae", also with "+antithetic" or "+quasi-random"; or one
        of "path" and "score" for each site. "auto" is "path" for what has a density.
    draws : int
        How many draws `noise` gives, and `fit` takes for a step.
    value_and_grad : callable
        What differentiates: called as `srcdiff.value_and_grad` is.
    **options
        Of `srcdiff.value_and_grad`, such as `jit=False`.

    Returns
    -------
    Elbo
        What it computes is stated in the docstring of its `source`.
    """
    if isinstance(guide, type) and issubclass(guide, Guide):
        guide = guide()
    if not isinstance(guide, Guide):
        raise TypeError(f"guide={guide!r}: it has to be MeanField(), FullRank() or another guide")
    if draws < 1:
        raise ValueError(f"draws={draws}: at least one is needed")
    chosen = Path() if isinstance(estimator, str) and estimator == "auto" else estimator_of(estimator)
    if isinstance(guide, Delta) and not isinstance(chosen, Path):
        raise ValueError(f"estimator={estimator!r}: {guide.words} has no draws")
    return Elbo(model, guide, chosen, draws, value_and_grad, options)


def noise(elbo: Elbo, rng: np.random.Generator, *data: Any) -> Any:
    """Draws for `elbo(params, eps, *data)`: standard normal numbers, of shape (draws, numbers in a draw).

    `data` can be left out once the bound has been called, or where it is of a `LogDensity`.
    """
    if data or isinstance(elbo.model, LogDensity):
        layout = elbo.model.layout if isinstance(elbo.model, LogDensity) else elbo.bound(*data).layout
    else:
        layout = elbo.latest.layout
    return standard_normal(rng, elbo.draws, elbo.guide.noise_size(layout.size), elbo.noise_kind)
