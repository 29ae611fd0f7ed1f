"""What is made of a model: its log-joint, and what there is to know of its sites.

A model is a Python function with `vi.sample` in it. Nothing of it is run to find out what it says: the programs are
generated from its source, for the types of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import srcdiff
from srcdiff.effects import Made, Note, Unknown, notes_of
from srcdiff.vi.handlers import LogJoint, Survey
from srcdiff.vi.programs import parameter, program

__all__ = ["Site", "log_joint", "sites"]

Model = Callable[..., Any]


@dataclass(frozen=True)
class Site:
    """A random variable of a model.

    Attributes
    ----------
    name : str
    distribution : type
        Its class.
    shape : tuple of int
        Of all its values: axes for the loops around the site, then for plates, the batch and the event. None for a
        length that the data do not tell.
    dtype : str
    support : Constraint or None
        Where its values lie; None where that depends on what only the run knows.
    observed : bool
    loops : tuple of int
        The lengths of the loops around.
    plates : tuple of str
        The plates around, the outermost first.
    conditional : bool
        Whether it is in a branch.
    line : str
        Where it stands: "file.py:7".
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


def sites(model: Model, *data: Any) -> list[Site]:
    """The sites of a model for data of these types and lengths, in the order of its source.

    All branches are looked at, and a site in a loop is one site.
    """
    survey = program(model, "survey", ["unknown"], Survey, "unknown")
    return [_site(n) for n in notes_of(survey, 0.0, *data) if n.key == "site"]


def _site(found: Note) -> Site:
    values = found.values
    value = values["value"]
    dtype, shape = (value.dtype, value.shape) if isinstance(value, Unknown) else ("float64", ())
    support = values["support"]
    return Site(
        name=values["name"],
        distribution=values["distribution"].cls,
        shape=(*values["loops"], *shape),
        dtype=dtype,
        support=None if isinstance(support, Made | Unknown) else support,
        observed=values["observed"],
        loops=values["loops"],
        plates=values["plates"],
        conditional=values["conditional"],
        line=f"{found.location.file}:{found.location.line}",
    )


def log_joint(
    model: Model,
    latents: Sequence[str] | None = None,
    subsampled: Sequence[str] = (),
    **options: Any,
) -> Any:
    """The logarithm of a model's joint density, as a generated function.

    Parameters
    ----------
    model : callable
        `model(*data)` with `vi.sample`.
    latents : sequence of str, optional
        The names of the sites that are not observed: each is then a parameter of its own.
    subsampled : sequence of str
        Plates of which the data may be a part. The log densities of their sites are multiplied by a parameter each,
        `<plate>_scale`, which is the number of all items divided by that of the part.
    **options
        Those of `srcdiff.grad`.

    Returns
    -------
    Generated
        `g(latents, *scales, *data)`: `latents` maps names of sites to their values, whose axes are those of
        `Site.shape`; with `latents=("w0", "w1")` it is `g(w0, w1, *scales, *data)`. It has `.source`, and is
        differentiated as any function: `srcdiff.grad(g)`.

    Notes
    -----
    Values are taken to be in the support of their distributions (see `vi.check`).
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
        model, "log_joint", [*first, *scales], LogJoint, f"{given}, {factors}", "finish(model)"
    )
    return srcdiff.transform(made, "simplify", **options)
