"""The unconstrained layout: latent variables as one vector z of real numbers, with each site's part and bijector."""

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.distributions.supports.scalar import Constraint
from srcdiff.vi.model.program_text import load_text

Shape = tuple[int, ...]

_EXP = "np.exp(np.clip({u}, -700.0, 700.0))"  # positive for every u
_LOGISTIC = "-np.logaddexp(0.0, {u}) - np.logaddexp(0.0, -{u})"


@dataclass(frozen=True)
class Place:
    """A latent site in the vector z.

    Attributes
    ----------
    name : str
    shape : tuple of int
        The shape of the value.
    support : Constraint
    start, stop : int
        The value is computed from z[start:stop].
    """

    name: str
    shape: Shape
    support: Any
    start: int
    stop: int

    @property
    def real_shape(self) -> Shape:
        """The shape of its part of z."""
        return tuple(self.support.unconstrained_shape(self.shape))

    @property
    def is_real(self) -> bool:
        """Whether its part of z is the value itself."""
        return bool(self.support.everywhere)

    def functions(self) -> dict[str, Callable[..., object]]:
        """The functions that the text of `constrained` calls: none if it is a formula."""
        if self.is_real or _written(self.support) is not None:
            return {}
        outside: dict[str, Any] = {"np": np}
        support = _spelled(self.support, outside)
        u = f"u, {self.shape[-1]}" if self.support.is_sized else "u"
        name = as_variable(self.name, set())
        texts = {
            f"constrain_{name}": ("The value that real numbers stand for.", f"constrain({u})"),
            f"log_det_{name}": ("Log |det d value / d u|.", f"log_abs_det_jacobian({u})"),
        }
        return {
            key: load_text(
                f'def {key}(u):\n    """{doc}"""\n    return {support}.{call}\n', key, outside
            )
            for key, (doc, call) in texts.items()
        }

    def part(self) -> str:
        """Its part of z as text, in its shape."""
        if not self.real_shape:
            return f"z[{self.start}]"
        text = f"z[{self.start}:{self.stop}]"
        return text if len(self.real_shape) == 1 else f"{text}.reshape({self.real_shape})"

    def constrained(self, u: str) -> tuple[str, str | None]:
        """The value at `u`, and the logarithm of its Jacobian determinant (None where it is 0), as text."""
        if self.is_real:
            return u, None
        found = _written(self.support)
        if found is None:
            name = as_variable(self.name, set())
            value, log_det = f"constrain_{name}({{u}})", f"log_det_{name}({{u}})"
        else:
            value, log_det = found
        return value.format(u=u), log_det.format(u=u)


@dataclass(frozen=True)
class Parameter:
    """A `vi.param`: its name, the unconstrained array that is fitted, and the map from that array to the value."""

    name: str
    field: str
    start: Any
    place: Place

    def written(self, prefix: str = "") -> str:
        """The value as text, from the unconstrained array."""
        return self.place.constrained(f"{prefix}{self.field}")[0]

    def value(self, real: object) -> Any:
        """The value, from the unconstrained array."""
        return self.place.support.constrain(real)


def _written(support: Constraint) -> tuple[str, str] | None:
    """A bijector as an ordinary formula; None for a bijector that is called."""
    if support in (constraints.positive, constraints.nonnegative):
        return _EXP, "{u}"
    if support is constraints.unit_interval:
        return "np.clip(expit({u}), 2.0**-1022, 1.0 - 2.0**-53)", _LOGISTIC
    if (
        type(support) is constraints.interval
        and _is_uniform(support.lower)
        and _is_uniform(support.upper)
    ):
        low, high = (float(np.ravel(b)[0]) for b in (support.lower, support.upper))
        value = f"np.clip({low!r} + {high - low!r} * expit({{u}}), {low!r}, {high!r})"
        return value, f"{float(np.log(high - low))!r} {_LOGISTIC.replace('-np', '- np', 1)}"
    return None


def _spelled(support: Constraint, outside: dict[str, object]) -> str:
    """A support as text, with its numbers; names in the text are added to `outside`."""
    cls = type(support).__name__
    if not vars(support):
        outside[f"own_{cls}"] = support
        return f"own_{cls}"
    outside[cls] = type(support)
    parts = []
    for value in vars(support).values():
        if isinstance(value, Constraint):
            parts.append(_spelled(value, outside))
        elif not _is_uniform(value):
            parts.append(f"np.array({np.asarray(value).tolist()})")
        else:  # one number, or equal ones
            parts.append(repr(np.ravel(value)[0].item()))
    return f"{cls}({', '.join(parts)})"


def _is_uniform(bound: Any) -> bool:
    """Whether an array holds one number, or equal ones."""
    return bool(np.all(bound == np.ravel(bound)[0]))


@dataclass(frozen=True)
class Layout:
    """All latent sites of a model, in its order.

    Attributes
    ----------
    places : tuple of Place
    size : int
        The length of z.
    """

    places: tuple[Place, ...]
    size: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sites, in order."""
        return tuple(place.name for place in self.places)

    def constrain(self, z: np.ndarray) -> dict[str, Any]:
        """The values of all sites.

        Parameters
        ----------
        z : array, shape (..., size)
        """
        z = np.asarray(z, float)
        front = z.shape[:-1]
        found = {}
        for p in self.places:
            u = z[..., p.start : p.stop].reshape((*front, *p.real_shape))
            value = p.support.constrain(u)
            found[p.name] = value if np.ndim(value) else float(value)
        return found

    def unconstrain(self, values: Mapping[str, object]) -> np.ndarray:
        """The vector z of values.

        Raises
        ------
        ValueError
            A value is outside of the support of its site, or has another shape; the message names the site.
        """
        unknown = [name for name in values if name not in self.names]
        if unknown:
            raise ValueError(
                f"there is no latent site {unknown[0]!r}; there are {', '.join(self.names)}"
            )
        z = np.zeros(self.size)
        for p in self.places:
            if p.name not in values:
                continue
            value = np.asarray(values[p.name], float)
            if value.shape != p.shape:
                raise ValueError(
                    f"site {p.name!r} has the shape {p.shape}, the value given {value.shape}"
                )
            if not np.all(p.support.contains(value)):
                raise ValueError(
                    f"the value given for site {p.name!r} is outside of its support ({p.support.name})"
                )
            z[p.start : p.stop] = np.ravel(p.support.unconstrain(value))
        return z

    def log_det(self, z: Any) -> float:
        """Log |det d constrain(z) / dz| at one z, shape (size,)."""
        total = 0.0
        for p in self.places:
            u = np.reshape(z[p.start : p.stop], p.real_shape)
            total += float(np.sum(p.support.log_abs_det_jacobian(u)))
        return total

    def site_at(self, k: int) -> str:
        """The site of the k-th number of z, with the place in the site: `theta[3]`."""
        place = next(p for p in self.places if p.start <= k < p.stop)
        return place.name + (f"[{k - place.start}]" if place.real_shape else "")


def layout_of(sites: Sequence[tuple[str, Shape, Any, str]]) -> Layout:
    """The layout of sites `(name, shape, support, line of the user's code)`.

    Raises
    ------
    ValueError
        Two sites have one name, a name is no name in Python, or a site is discrete.
    """
    places: list[Place] = []
    start = 0
    for name, shape, support, line in sites:
        where = f"site {name!r} ({line})" if line else f"site {name!r}"
        if any(p.name == name for p in places):
            raise ValueError(f"{where}: the name is used twice")
        if support.is_discrete:
            raise ValueError(
                f"{where} is discrete ({support.name}): an automatic guide has densities only. Sum it out, "
                "or write a guide for it and take the score function"
            )
        place = Place(name, tuple(shape), support, start, start)
        stop = start + int(np.prod(place.real_shape, dtype=int))
        places.append(Place(name, tuple(shape), support, start, stop))
        start = stop
    return Layout(tuple(places), start)


def as_variable(name: str, taken: set[str]) -> str:
    """The name of a site as a variable of generated code, different from all names in `taken`."""
    text = "".join(c if c.isalnum() else "_" for c in name)
    if not text or text[0].isdigit():
        text = f"_{text}"
    while text in taken or keyword.iskeyword(text):
        text += "_"
    return text
