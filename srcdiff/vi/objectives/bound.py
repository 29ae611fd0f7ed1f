"""The bound of one model and guide for data of one kind: its generated programs, and their arguments and results."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import srcdiff
from srcdiff.vi.guides.automatic import Guide, MeanField
from srcdiff.vi.guides.noise import standard_normal
from srcdiff.vi.model.checks import explain
from srcdiff.vi.model.program_text import load_text
from srcdiff.vi.model.pytree import Data, Pytree, Values, map_leaves
from srcdiff.vi.model.unconstrained_layout import Layout, Parameter
from srcdiff.vi.objectives.elbo_text import (
    OWN_NAMES,
    Written,
    module_text,
    write_elbo,
    write_log_weights,
)
from srcdiff.vi.objectives.gradient_estimators import Estimator, Path, ScoreFunction
from srcdiff.vi.objectives.target_density import Target, data_names


class Bound:
    """The base class of bounds, for automatic guides and guide functions.

    Attributes
    ----------
    target : Target
    params_type : type
        A named tuple of parameters.
    written : Written
        The text of the bound.
    function : callable
        The loaded function of that text.
    value_and_grad : callable
        The generated derivative of that function.
    steps : int
        The number of calls of `value_and_grad`.
    """

    target: Target
    params_type: Any
    written: Written
    function: Callable[..., Any]
    value_and_grad: srcdiff.Generated
    steps: int = 0
    seen: tuple[Any, ...] = ()  # the data for which it was generated

    def is_for(self, data: Data) -> bool:
        """Whether the supports of sites have the same bounds for other data of this kind."""
        given = zip(self.target.data, data, self.seen, strict=False)
        return all(
            np.array_equal(own, seen) for n, own, seen in given if n in self.target.bounds_of
        )

    def _differentiate(self, make: Any, options: Any) -> None:
        argnums = tuple(range(len(self.params_type._fields)))
        self.value_and_grad = make(
            self.function, argnums=argnums, has_aux=self.written.surrogate, **options
        )

    # ---- one step

    def arguments(self, params: Pytree, eps: Pytree, data: Data, baseline: float) -> list[Any]:
        held = tuple(params) if self.written.held else ()
        by_score = [baseline] if self.written.surrogate else []
        return [*params, *held, *by_score, *self.noise_arguments(eps), *data]

    def noise_arguments(self, eps: Pytree) -> list[Any]:
        """The noise as arguments of the function."""
        return [eps]

    def value(self, params: Pytree, eps: Pytree, *data: Any) -> float:
        """The bound, computed with NumPy."""
        found = self.function(*self.arguments(params, eps, data, 0.0))
        return float(found[1] if self.written.surrogate else found)

    def step(self, params: Pytree, eps: Pytree, data: Data, baseline: Pytree = 0.0) -> Pytree:
        """`(elbo, gradient)`; a baseline shaped like the parameters has one number for each."""
        if self.written.surrogate and not np.isscalar(baseline):
            # the estimator is linear in the baseline
            value, plain = self.step(params, eps, data, 0.0)
            _, less = self.step(params, eps, data, 1.0)
            grads = map_leaves(lambda g, one, b: g - b * (g - one), plain, less, baseline)
            return value, grads
        self.steps += 1
        value, grads = self.value_and_grad(*self.arguments(params, eps, data, baseline))
        if self.written.surrogate:
            value = value[1]
        return value, self.params_type(*grads)

    # ---- methods that depend on the guide

    def init(self, data: Data, at: Pytree, scale: float) -> Any:
        """First parameters."""
        raise NotImplementedError

    def noise(self, rng: np.random.Generator, draws: int, kind: str) -> Any:
        """Noise for `draws` draws."""
        raise NotImplementedError

    def sample(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Values:
        """Draws of all sites: each array has the shape (n, *shape)."""
        raise NotImplementedError

    def moments(self, params: Pytree, data: Data) -> dict[str, tuple[Any, Any]]:
        """Mean and standard deviation of all sites."""
        raise NotImplementedError

    def values_of(self, params: Pytree) -> Values:
        """Parameters by the user's names, in their constraints."""
        raise NotImplementedError

    def model_values(self, params: Pytree) -> Values:
        raise NotImplementedError

    def log_weights(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Any:
        """Log p - log q of n draws, shape (n,)."""
        raise NotImplementedError

    def blame(self, params: Pytree, grads: Pytree, eps: Pytree, data: Data) -> str:
        """The sites that cause a bound or gradient that is not finite."""
        raise NotImplementedError

    def explain(self, values: Values, data: Data) -> str:
        """The site whose distribution or value is not valid for these values of the latent sites, with the error; "" if
        there is none.
        """
        if self.target.model is None or any(np.ndim(v) and v.size > 10**6 for v in values.values()):
            return ""
        reason = explain(self.target.model, values, data[: len(data_names(self.target.model))])
        return f"{reason} (at {shown(values)})" if reason else ""

    def text(self, data: Data) -> str:
        """Stages 1 and 2 as source: the log-joint and the bound."""
        raise NotImplementedError


class VectorBound(Bound):
    """The bound of an automatic guide, which draws one vector of real numbers.

    Attributes
    ----------
    layout : Layout
    guide : Guide
    of_model : tuple of Parameter
        The model's parameters, which are fitted with the guide's.
    """

    def __init__(
        self,
        target: Target,
        guide: Guide,
        estimator: object,
        make: Callable[..., object],
        options: dict[str, object],
        diverging: Target | None = None,
        of_model: Sequence[Parameter] = (),
    ) -> None:
        self.target = target
        taken = {*guide.params_type._fields, *OWN_NAMES, *target.data, *target.layout.names}
        self.of_model = tuple(
            replace(p, field=f"model_{p.field}") if p.field in taken else p for p in of_model
        )
        self._diverging = diverging
        self.layout: Layout = target.layout
        self.guide = guide
        self.params_type = self._params_type(guide)
        kind, by_score = _per_site(estimator, target.layout, guide)
        closed = diverging.closed if diverging is not None else ()
        self.written = write_elbo(
            target.name, target.layout, guide, target.data, kind, by_score, closed, self.of_model
        )
        weights = write_log_weights(target.name, target.layout, target.data, self.of_model)
        self.function = _load(self.written, diverging or target, self.of_model)
        log_density = _load(weights, target, self.of_model)
        self._log_density = srcdiff.transform(log_density, "simplify", **options)
        self._differentiate(make, options)

    def with_guide(self, guide: Guide) -> "VectorBound":
        """The same bound with draws from another guide."""
        other = object.__new__(VectorBound)
        other.__dict__.update(vars(self), guide=guide, params_type=self._params_type(guide))
        return other

    def _params_type(self, guide: Guide) -> Any:
        """A named tuple of the guide's parameters, and after them the model's."""
        own = guide.params_type
        if not self.of_model:
            return own
        return namedtuple(own.__name__, [*own._fields, *(p.field for p in self.of_model)])

    def arguments(self, params: Pytree, eps: Pytree, data: Data, baseline: float) -> list[Any]:
        found = super().arguments(params, eps, data, baseline)
        if self.written.held and not self.written.surrogate:  # only the guide's parameters are held
            del found[2 * len(params) - len(self.of_model) : 2 * len(params)]
        return found

    def init(self, data: Data, at: Pytree, scale: float) -> Pytree:
        own = self.guide.init(self.layout.unconstrain(at or {}), scale)
        return self.params_type(*own, *(p.start for p in self.of_model))

    def _reals(self, params: Pytree) -> tuple[Any, ...]:
        """The model's parameters as unconstrained arrays, which are fitted."""
        return tuple(params)[len(params) - len(self.of_model) :]

    def model_values(self, params: Pytree) -> Values:
        """The model's parameters, in their constraints."""
        reals = zip(self.of_model, self._reals(params), strict=True)
        return {p.name: p.value(real) for p, real in reals}

    def values_of(self, params: Pytree) -> Values:
        """Parameters by name; the model's parameters have the user's names."""
        own = dict(zip(self.guide.params_type._fields, params, strict=False))
        return {**own, **self.model_values(params)}

    def noise(self, rng: np.random.Generator, draws: int, kind: str) -> Any:
        return standard_normal(rng, draws, self.guide.noise_size(self.layout.size), kind)

    def draws(self, params: Pytree, n: int, rng: np.random.Generator) -> Any:
        """Draws z (n, D)."""
        size = self.guide.noise_size(self.layout.size)
        return self.guide.draws(params, rng.standard_normal((n, size)))

    def sample(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Values:
        return self.layout.constrain(self.draws(params, n, rng))

    def log_weights(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Any:
        z = self.draws(params, n, rng)
        return self._log_density(z, *self._reals(params), *data) - self.guide.log_prob(params, z)

    def moments(self, params: Pytree, data: Data) -> dict[str, tuple[Any, Any]]:
        """Moments by quadrature over each number of z; from 10**5 fixed draws for sites that depend on several numbers
        jointly.
        """
        loc, cov = self.guide.moments(params)
        sd = np.sqrt(np.diag(cov))
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / np.sum(weights)
        found = {}
        draws: Any = None
        for p in self.layout.places:
            if p.support.event_dim and not p.is_real:
                if draws is None:
                    draws = self.sample(params, 10**5, np.random.default_rng(0), data)
                found[p.name] = (draws[p.name].mean(axis=0), draws[p.name].std(axis=0))
                continue
            u = loc[p.start : p.stop] + sd[p.start : p.stop] * nodes[:, None]
            values = p.support.constrain(u)
            first = weights @ values
            second = np.sqrt(weights @ (values - first) ** 2)
            first, second = (
                m.reshape(p.shape) if p.shape else float(m[0]) for m in (first, second)
            )
            found[p.name] = (first, second)
        return found

    def text(self, data: Data) -> str:
        values = self.layout.constrain(np.zeros(self.layout.size))
        values |= {p.name: p.value(p.start) for p in self.of_model}
        log_joint = (self._diverging or self.target).text(values, *data)
        bijectors = [
            text_of(f, name, np.zeros(place.real_shape))
            for place in (*self.layout.places, *(p.place for p in self.of_model))
            for name, f in place.functions().items()
            if f"{name}(" in self.written.text
        ]
        return module_text([*([log_joint] if log_joint else []), *bijectors, self.written.text])

    def blame(self, params: Pytree, grads: Pytree, eps: Pytree, data: Data) -> str:
        for name, leaf in params._asdict().items():
            if not np.all(np.isfinite(leaf)):
                return f"{self._named(name, ~np.isfinite(leaf))} is not finite itself"
        for name, leaf in grads._asdict().items():
            bad = ~np.isfinite(leaf)
            if np.any(bad) and not np.all(bad):
                return f"its derivatives by {self._named(name, bad)} are not numbers"
        z = self.guide.draws(params, eps)
        for row in z:
            for name, value in self.layout.constrain(row).items():
                if not np.all(np.isfinite(value)):
                    return f"site {name!r} is not finite at a draw"
        for row in z:
            values = {**self.layout.constrain(row), **self.model_values(params)}
            why = self.explain(values, data)
            if why:
                return why
        return f"log p is no number at {shown(self.layout.constrain(z[0]))}"

    def _named(self, name: str, bad: np.ndarray) -> str:
        """The name of some numbers of the parameters in a message."""
        for p in self.of_model:
            if p.field == name:
                return f"the model's parameter {p.name!r}"
        return f"{name} of {self._sites(bad)}"

    def _sites(self, bad: np.ndarray) -> str:
        """The sites of coordinates of z; for a matrix, the sites of its rows."""
        rows = bad if bad.ndim == 1 else np.any(bad, axis=tuple(range(1, bad.ndim)))
        names = [self.layout.site_at(int(k)) for k in np.flatnonzero(rows)]
        return (
            f"site {names[0]!r}" if len(names) == 1 else f"sites {', '.join(map(repr, names[:4]))}"
        )


def text_of(f: Callable[..., object], name: str, *args: object) -> str:
    """The source of a function of formulas, renamed."""
    text = srcdiff.transform(f, "simplify", jit=False).source_for(*args)
    return text.replace(f"def {f.__name__}(", f"def {name}(", 1)


def shown(values: Mapping[str, object]) -> str:
    """Values of sites, abbreviated."""
    texts = {k: np.array2string(np.asarray(v), precision=4, threshold=4) for k, v in values.items()}
    return ", ".join(f"{k} = {v}" for k, v in texts.items())


def _per_site(estimator: Any, layout: Layout, guide: Guide) -> tuple[Estimator, tuple[str, ...]]:
    """The estimator, and the sites that use the score function if the user chose site by site."""
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
            f"estimator: sites can be distinguished under MeanField; {guide.words} draws all of them together"
        )
    return Path(), by_score


def _load(written: Written, target: Target, of_model: Sequence[Parameter]) -> Callable[..., object]:
    """The loaded function, bound to the log-joint."""
    outside: dict[str, Any] = {}
    for place in (*target.layout.places, *(p.place for p in of_model)):
        outside |= place.functions()
    outside[f"{target.name}_{'bound' if target.closed else 'log_joint'}"] = target.log_joint
    return load_text(module_text([written.text]), written.name, outside)
