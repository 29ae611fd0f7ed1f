"""The sites and the log-joint of a model.

A model is a Python function with `vi.sample` in it. The model is not run: its programs are generated from its source,
for the types of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import srcdiff
from srcdiff.effects import Made, Note, Unknown, notes_of
from srcdiff.vi.model.checks import supports_of
from srcdiff.vi.model.program_text import check_count, parameter, program
from srcdiff.vi.model.semantics import LogJoint, Survey

Model = Callable[..., object]
UNKNOWN = "unknown"  # the parameter of a survey from which all values of latent sites are computed


@dataclass(frozen=True)
class Site:
    """A random variable of a model.

    Attributes
    ----------
    name : str
    distribution : type
        The class of its distribution.
    shape : tuple of int
        The shape of all its values: axes for the loops around the site, then for plates, the batch and the event. None
        for a length that the data do not determine.
    dtype : str
    support : Constraint or None
        The set of its values; None if that depends on drawn values.
    bounds_of : tuple of str
        The data from which its support is computed.
    observed : bool
    loops : tuple of int
        The lengths of the loops around the site.
    plates : tuple of str
        The plates around the site, the outermost first.
    conditional : bool
        Whether the site is in a branch.
    line : str
        The place of the site: "file.py:7".
    """

    name: str
    distribution: type
    shape: tuple[int | None, ...]
    dtype: str
    support: Any
    observed: bool
    loops: tuple[int | None, ...]
    plates: tuple[str, ...]
    conditional: bool
    line: str
    bounds_of: tuple[str, ...] = ()


def sites(model: Model, *data: object) -> list[Site]:
    """The sites of a model for data of these types and lengths, in the order of its source.

    Both sides of branches count, and a site in a loop is one site.
    """
    check_count(model, data)
    survey = program(model, "survey", [UNKNOWN], Survey, UNKNOWN)
    notes = [n for n in notes_of(survey, 0.0, *data) if n.key == "site"]
    found = [_site(n) for n in notes]
    if all(not s.bounds_of for s in found):
        return found
    supports = supports_of(model, data)
    return [replace(s, support=supports[s.name]) if s.bounds_of else s for s in found]


def has_params(model: Model, data: Sequence[object]) -> bool:
    survey = program(model, "survey", [UNKNOWN], Survey, UNKNOWN)
    return any(n.key == "param" for n in notes_of(survey, 0.0, *data))


def _site(found: Note) -> Site:
    values = found.values
    value = values["value"]
    dtype, shape = (value.dtype, value.shape) if isinstance(value, Unknown) else ("float64", ())
    support, bounds_of = _support(values["support"])
    return Site(
        name=values["name"],
        distribution=values["distribution"].cls,
        shape=(*values["loops"], *shape),
        dtype=dtype,
        support=support,
        observed=values["observed"],
        loops=values["loops"],
        plates=values["plates"],
        conditional=values["conditional"],
        line=f"{found.location.file}:{found.location.line}",
        bounds_of=bounds_of,
    )


def _support(described: object) -> tuple[object, tuple[str, ...]]:
    """The support of a site as the source shows it; otherwise None, and the data from which a run computes it."""
    behind = _behind(described)
    if behind is None:
        return (_rebuilt(described) if isinstance(described, Made) else described), ()
    return None, () if UNKNOWN in behind else tuple(sorted(behind)) or ("",)


def _behind(value: object) -> frozenset[str] | None:
    """The data from which a value is computed; None if the source shows the value."""
    if isinstance(value, Unknown):
        return frozenset(value.behind)
    if isinstance(value, Made):
        parts = [b for v in value.attributes.values() if (b := _behind(v)) is not None]
        return frozenset().union(*parts) if parts else None
    return None


def _rebuilt(made: Made) -> Any:
    given = {k: _rebuilt(v) if isinstance(v, Made) else v for k, v in made.attributes.items()}
    return made.cls(**given)


def is_finite(site: Site) -> bool:
    """Whether a site without a value can be summed out."""
    return not site.observed and hasattr(site.distribution, "enumerate_support")


def log_joint(
    model: Model,
    latents: Sequence[str] | None = None,
    subsampled: Sequence[str] = (),
    **options: object,
) -> srcdiff.Generated:
    """The logarithm of a model's joint density, as a generated function.

    Parameters
    ----------
    model : callable
        `model(*data)` with `vi.sample`.
    latents : sequence of str, optional
        The names of the sites that are not observed: each is then a parameter of its own.
    subsampled : sequence of str
        Plates whose data may be a subsample. The log densities of their sites are multiplied by a parameter for each
        plate, `<plate>_scale`: the number of all items divided by the number of items in the subsample.
    **options
        As for `srcdiff.grad`.

    Returns
    -------
    Generated
        `g(latents, *scales, *data)`: `latents` maps names of sites to their values, whose axes are those of
        `Site.shape`; with `latents=("w0", "w1")` it is `g(w0, w1, *scales, *data)`. It has `.source`, and is
        differentiated as any function: `srcdiff.grad(g)`.

    Notes
    -----
    Values must be in the support of their distributions; this is not checked (see `vi.check`).
    """
    if isinstance(latents, str):
        raise TypeError(f"latents={latents!r}: a list of names is needed, [{latents!r}]")
    scales = [f"{parameter(name)}_scale" for name in subsampled]
    first = ["latents"] if latents is None else [parameter(name) for name in latents]
    given = "latents"
    if latents is not None:
        pairs = zip(latents, first, strict=True)
        given = f"{{{', '.join(f'{name!r}: {p}' for name, p in pairs)}}}"
    pairs = zip(subsampled, scales, strict=True)
    factors = f"{{{', '.join(f'{name!r}: {p}' for name, p in pairs)}}}"
    made = program(
        model, "log_joint", [*first, *scales], LogJoint, f"{given}, {factors}", "finish(_model)"
    )
    return srcdiff.transform(made, "simplify", **options)
