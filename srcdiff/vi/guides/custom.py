"""Guides that are functions: their sites and parameters, found by one run, and checks that they match the model."""

from __future__ import annotations

import difflib
import inspect
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from srcdiff.effects import handle
from srcdiff.vi.distributions import Distribution
from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.model.checks import Items, line_of_user, some_draw
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.models import Site, has_params, is_finite, sites
from srcdiff.vi.model.program_text import generators_of, name_of
from srcdiff.vi.model.pytree import Pytree
from srcdiff.vi.model.semantics_base import Handler
from srcdiff.vi.model.unconstrained_layout import Parameter, Place

if TYPE_CHECKING:
    from srcdiff.vi.distributions.supports.scalar import Constraint


@dataclass(frozen=True)
class GuideSite:
    """A site of a guide: the class and shape of its distribution, and the shape and kind ("normal", "uniform") of its
    noise.
    """

    name: str
    distribution: type
    shape: tuple[int, ...]
    noise_shape: tuple[int, ...]
    noise: str
    path: bool
    support: Any

    @property
    def has_entropy(self) -> bool:
        """Whether the site's distribution has an entropy in closed form."""
        return self.distribution.entropy is not Distribution.entropy  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Recording:
    """The sites and parameters that a program with `vi.sample` and `vi.param` declares for certain data."""

    params: tuple[Parameter, ...]
    sites: tuple[GuideSite, ...]


class _Listener(Handler):
    """The handler of a plain run: parameters have their first values, and sites are drawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng
        self.params: dict[str, Parameter] = {}
        self.lines: dict[str, str] = {}
        self.sites: list[GuideSite] = []

    def sample(self, name: str, distribution: Any, obs: Any = None) -> Any:
        if isinstance(distribution, Distribution):
            distribution.validate(f"{line_of_user()}: site {name!r}, ")
        plates: tuple[Any, ...] = self.plates
        sizes = tuple(plate.size for plate in plates)
        batch = np.broadcast_shapes(sizes, distribution.batch_shape)
        shape = (*batch, *distribution.event_shape)
        repeats = batch[: len(batch) - len(distribution.batch_shape)]
        discrete = distribution.is_discrete
        kind = "uniform" if discrete else distribution.noise
        noise_shape = batch if discrete or kind is None else distribution.noise_shape(repeats)
        path = not discrete and distribution.noise is not None
        site = GuideSite(
            name, type(distribution), shape, tuple(noise_shape), kind, path, distribution.support
        )
        self.sites.append(site)
        return obs if obs is not None else some_draw(distribution, self.rng, repeats)

    def param(self, name: str, init: Pytree, constraint: Any = None) -> Any:
        support = constraint or constraints.real
        line = line_of_user()
        if self.lines.setdefault(name, line) != line:  # the iterations of a loop share one
            raise ValueError(f"{line}: the parameter {name!r} is there twice")
        value = np.asarray(init, float)
        if not np.all(support.contains(value)):
            raise ValueError(
                f"{line}: param {name!r}: its initial value is outside of its constraint ({support.name})"
            )
        if name in self.params and self.params[name].place.shape != value.shape:
            raise ValueError(
                f"{line}: the parameter {name!r} has the shape {value.shape}, and had {self.params[name].place.shape}"
            )
        place = Place(name, value.shape, support, 0, 0)
        real = np.asarray(support.unconstrain(value), float)
        field = name
        if support in (constraints.positive, constraints.nonnegative):
            field = f"log_{name}"
        elif not support.everywhere:
            field = f"real_{name}"
        start = real if real.ndim else float(real)
        self.params[name] = Parameter(name, field, start, place)
        return init

    def plate(self, name: str, size: int, subsample: ArrayLike | None = None) -> Items:
        rows = None if subsample is None else np.asarray(subsample)
        return Items(name, size if rows is None else len(rows), rows, None)  # type: ignore[no-untyped-call]


def listen(program: Callable[..., object], data: Sequence[object], seed: int = 0) -> Recording:
    """Run a guide or model once, and note its sites and parameters."""
    listener = _Listener(np.random.default_rng(seed))
    handle(listener, program, *data)
    return Recording(tuple(listener.params.values()), tuple(listener.sites))


def model_params(model: Callable[..., object], data: Sequence[object]) -> tuple[Parameter, ...]:
    """The `vi.param`s of a model."""
    if isinstance(model, LogDensity) or generators_of(model):
        return ()
    if len(data) != len(inspect.signature(model).parameters):
        return ()  # the log-joint reports this
    return listen(model, data).params if has_params(model, data) else ()


def params_type(guide: Callable[..., object], params: Sequence[Parameter]) -> Any:
    """A named tuple type for the unconstrained arrays of the parameters."""
    return namedtuple(f"{name_of(guide).title().replace('_', '')}Params", [p.field for p in params])


def match(
    guide: Callable[..., object], model: Callable[..., object], data: Sequence[object]
) -> list[Site]:
    """The latent sites of the model that the guide draws: all but finite choices, which a guide may leave out.

    Raises
    ------
    TypeError
        The guide's parameters differ from the model's.
    ValueError
        A site is missing, is not one of the model's, or has another shape or support; the message names it, and both
        lines.
    """
    theirs, own = ([*inspect.signature(f).parameters] for f in (model, guide))
    if theirs != own:
        raise TypeError(
            f"the guide {name_of(guide)!r} takes ({', '.join(own)}), and the model {name_of(model)!r} "
            f"({', '.join(theirs)}): a guide takes what its model takes"
        )
    found = sites(model, *data)
    latents = {s.name: s for s in found if not s.observed}
    drawn = {s.name: s for s in sites(guide, *data)}
    for name, site in drawn.items():
        if name in latents:
            continue
        if any(s.name == name for s in found):
            raise ValueError(
                f"the guide's site {name!r} ({site.line}) is observed by the model: leave it out"
            )
        missing = [n for n in latents if n not in drawn]
        raise ValueError(
            f"the guide's site {name!r} ({site.line}) is no site of the model {name_of(model)!r}"
            f"{_meant(name, missing)}: its latent sites are {', '.join(map(repr, latents))}"
        )
    for name, site in list(latents.items()):
        if name not in drawn and is_finite(site):  # summed out
            del latents[name]
            continue
        if name not in drawn:
            raise ValueError(
                f"the guide {name_of(guide)!r} has no site {name!r}, which the model has at {site.line}"
            )
        mine = drawn[name]
        if None not in (*site.shape, *mine.shape) and site.shape != mine.shape:
            raise ValueError(
                f"site {name!r} has the shape {site.shape} in the model ({site.line}), and {mine.shape} in the guide "
                f"({mine.line})"
            )
        if not _fits(mine.support, site.support):
            raise ValueError(
                f"site {name!r} is {site.support.name} in the model ({site.line}), and the guide's draws are "
                f"{mine.support.name} ({mine.line})"
            )
    return list(latents.values())


def _meant(name: str, missing: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, missing, 1)
    return f" (is {close[0]!r} meant?)" if close else ""


def _fits(inner: Constraint, outer: Constraint) -> bool:
    """Whether draws from `inner` lie in `outer`, as far as the source shows."""
    if inner is None or outer is None or inner.name == outer.name:
        return True
    if inner.is_discrete or outer.is_discrete:
        return bool(inner.is_discrete == outer.is_discrete)
    if outer.everywhere:
        return True
    positive = ("positive", "not negative")
    if outer.name in positive:
        return inner.name in (*positive, "in [0, 1]") or getattr(inner, "lower", -1.0) >= 0.0
    return not inner.everywhere and inner.name not in positive
