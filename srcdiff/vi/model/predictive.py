"""Prior and posterior predictive sampling: generated programs that draw the sites of a model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

import srcdiff
from srcdiff.vi.model.models import Site, sites
from srcdiff.vi.model.program_text import generators_of, name_of, program
from srcdiff.vi.model.pytree import Data, Pytree
from srcdiff.vi.model.semantics import Draw


class Sampler:
    """A generated program that draws the sites of a model.

    Attributes
    ----------
    source : str
        Its text, for the latest call.
    """

    def __init__(self, model: Callable[..., Any], suffix: str, posterior: Any = None) -> None:
        self.model = model
        self.posterior = posterior
        self.params: Mapping[str, Any] = getattr(posterior, "model_values", {})
        self.suffix = suffix
        self._programs: dict[tuple[str, ...], Any] = {}
        self._latest: Any = None

    def __call__(self, rng: np.random.Generator, *data: Any, draws: int | None = None) -> Pytree:
        """Draw.

        Parameters
        ----------
        rng : Generator
        *data
            The model's arguments. Observed values only determine the shapes of draws.
        draws : int, optional
            The number of draws, which are the first axis of the values. None: one draw, without this axis.

        Returns
        -------
        dict
            Names of sites and their values; NaN, or -1 for integers, where a branch did not reach a site. For a model
            that draws from a generator: the model's result.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"a sampler takes a generator first, and then the data: (np.random.default_rng(0), ...); got "
                f"{type(rng).__name__}"
            )
        if generators_of(self.model) and self.posterior is None:
            raise ValueError(
                f"{name_of(self.model)} draws from a generator itself: call it, and give it one"
            )
        found = sites(self.model, *data)
        given = self._given(rng, draws, found)
        if generators_of(self.model):
            return self._replayed(rng, draws, given, found, data)
        if draws is None:
            return self._once(rng, {k: v[0] for k, v in given.items()}, found, data)
        each = [
            self._once(rng, {k: v[s] for k, v in given.items()}, found, data) for s in range(draws)
        ]
        return {name: np.array([one[name] for one in each]) for name in each[0]} if each else {}

    def _once(
        self,
        rng: np.random.Generator,
        latents: Mapping[str, Any],
        found: list[Site],
        data: Data,
    ) -> dict[str, np.ndarray]:
        run, given = self._program(found, latents)
        drawn: dict[str, Any] = run(rng, *given, *data)
        return {s.name: drawn[s.name] for s in found if s.name not in latents}

    def _replayed(
        self,
        rng: np.random.Generator,
        draws: int | None,
        given: dict[str, np.ndarray],
        found: list[Site],
        data: Data,
    ) -> Pytree:
        """The result of a model that draws from a generator, with the sites' values from the posterior."""
        each = []
        for s in range(draws or 1):
            run, own = self._program(found, {k: v[s] for k, v in given.items()})
            each.append(run(rng, *own, *data))
        if draws is None:
            return each[0]
        if each and isinstance(each[0], tuple):
            return tuple(np.array(part) for part in zip(*each, strict=True))
        return np.array(each)

    def _given(
        self, rng: np.random.Generator, draws: int | None, found: list[Site]
    ) -> dict[str, np.ndarray]:
        """Values of latent sites from the posterior, `draws` of each."""
        if self.posterior is None:
            return {}
        count = 1 if draws is None else draws
        given = self.posterior
        if not isinstance(given, Mapping):
            given = given.sample(count, rng)
        else:
            given = {k: np.asarray(v) for k, v in given.items()}
            rows = {len(v) for v in given.values()}
            if len(rows) != 1:
                raise ValueError(f"the posterior has different numbers of draws: {sorted(rows)}")
            chosen = rng.integers(rows.pop(), size=count)
            given = {k: v[chosen] for k, v in given.items()}
        unknown = [name for name in given if name not in [s.name for s in found]]
        if unknown:
            raise ValueError(
                f"the posterior has draws of {unknown[0]!r}, which is no site of {name_of(self.model)}: these are "
                f"{', '.join(repr(s.name) for s in found)}"
            )
        return dict(given)

    @property
    def source(self) -> str:
        """Its text, for the latest call."""
        if self._latest is None:
            raise ValueError("there is no source before a call: use source_for(rng, *data)")
        return str(self._latest.source)

    def source_for(self, rng: np.random.Generator, *data: Any) -> str:
        """The text for these data; nothing is run."""
        found = sites(self.model, *data)
        given = {k: v[0] for k, v in self._given(rng, None, found).items()}
        run, own = self._program(found, given)
        return str(run.source_for(rng, *own, *data))

    def _program(
        self, found: list[Site], latents: Mapping[str, object]
    ) -> tuple[Any, tuple[dict[str, Any], ...]]:
        """The generated program, and its arguments besides generator and data."""
        replayed = bool(generators_of(self.model))
        storage = {} if replayed else storage_of(found, latents)
        own = {"latents": {**self.params, **latents}, "values": storage}
        own = {name: given for name, given in own.items() if given}
        key = tuple(own)
        if key not in self._programs:
            given = ", ".join(name if name in own else "{}" for name in ("latents", "values"))
            result = "value" if replayed else "finish(_model)"
            made = program(self.model, self.suffix, ["rng", *key], Draw, f"rng, {given}", result)
            self._programs[key] = srcdiff.transform(made, "simplify", jit=False)
        self._latest = self._programs[key]
        return self._latest, tuple(own.values())


def storage_of(found: list[Site], latents: Collection[str]) -> dict[str, np.ndarray]:
    """Storage for sites in loops or branches, except the latents: filled with markers of values that are not drawn."""
    made: dict[str, Any] = {}
    for site in found:
        if site.name in latents or not (site.loops or site.conditional):
            continue
        if None in site.shape:
            raise ValueError(
                f"the site {site.name!r} ({site.line}) has a shape that only the run knows: {site.shape}. Draw all "
                "items in one loop, for i in range(len(y)), and look up the group of each"
            )
        is_float = site.dtype.startswith("float")
        shape = tuple(int(n) for n in site.shape if n is not None)
        made[site.name] = np.full(shape, np.nan if is_float else -1)[()]
    return made


def prior(model: Callable[..., Any]) -> Sampler:
    """A sampler of all sites of a model, the observed ones included.

    Parameters
    ----------
    model : callable

    Returns
    -------
    Sampler
        `sampler(rng, *data, draws=None)` gives a dict of values; see `Sampler.__call__`.
    """
    return Sampler(model, "prior")


def predictive(model: Callable[..., Any], posterior: Any) -> Sampler:
    """A sampler of the sites of a model whose values are not in a posterior: the predicted data.

    Parameters
    ----------
    model : callable
    posterior : dict or Posterior
        Draws of the latent sites, with the draws along the first axis; each call takes some of them. Or an object with
        `.sample(n, rng)` that gives such a dict, and perhaps with `.model_values`, a dict of the model's `vi.param`s.
        Without `.model_values`, parameters have the first values that the model gives them.

    Returns
    -------
    Sampler
        `sampler(rng, *data, draws=None)`; see `Sampler.__call__`.
    """
    if not isinstance(posterior, Mapping) and not hasattr(posterior, "sample"):
        raise TypeError(
            f"predictive: the posterior is {type(posterior).__name__}; it has to be a dict of draws by the names of "
            "the sites, or have `.sample(n, rng)`, as what vi.fit returns"
        )
    return Sampler(model, "predictive", posterior)
