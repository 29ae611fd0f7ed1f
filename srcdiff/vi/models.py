"""What is made of a model: its log-joint, and what there is to know of its sites.

A model is a Python function with `vi.sample` in it. Nothing of it is run to find out what it says: the programs are
generated from its source, for the types of their arguments.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import srcdiff
from srcdiff.effects import Made, Note, Unknown, handle, notes_of
from srcdiff.vi.handlers import LogJoint, Survey

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
    scale : float
        What its log density is multiplied with, for what plates leave out.
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
    scale: float
    line: str


def sites(model: Model, *data: Any) -> list[Site]:
    """The sites of a model for data of these types and lengths, in the order of its source.

    All branches are looked at, and a site in a loop is one site.
    """
    return [_site(n) for n in notes_of(_program(model, "survey", "unknown", Survey), 0.0, *data) if n.key == "site"]


def _site(found: Note) -> Site:
    values = found.values
    value = values["value"]
    dtype, shape = (value.dtype, value.shape) if isinstance(value, Unknown) else ("float64", ())
    support = values["support"]
    return Site(
        values["name"],
        values["distribution"].cls,
        (*values["loops"], *shape),
        dtype,
        None if isinstance(support, Made | Unknown) else support,
        values["observed"],
        values["loops"],
        1.0,
        f"{found.location.file}:{found.location.line}",
    )


def log_joint(model: Model, **options: Any) -> Any:
    """The logarithm of a model's joint density, as a generated function.

    Parameters
    ----------
    model : callable
        `model(*data)` with `vi.sample`.
    **options
        Those of `srcdiff.grad`.

    Returns
    -------
    Generated
        `g(latents, *data)`: `latents` maps the names of sites that are not observed to their values, whose axes are
        those of `Site.shape`. It has `.source`, and is differentiated as any function: `srcdiff.grad(g)`.
    """
    return srcdiff.transform(_program(model, "log_joint", "latents", LogJoint, "log_p"), "simplify", **options)


_TEXT = '''\
def {name}({parameters}):
    """{doc}"""
    handler = Handler({first})
    handle({arguments})
    return {result}
'''


_DOCS = {
    "survey": "The sites of `{model}`.",
    "log_joint": "Log density of `{model}` at the values of its sites.",
}


def _program(model: Model, suffix: str, first: str, handler: type, result: str = "") -> Model:
    """A function of `first` and of the model's parameters that runs the model under a handler."""
    names = list(inspect.signature(model).parameters)
    name = f"{model.__name__}_{suffix}"
    text = _TEXT.format(
        name=name,
        doc=_DOCS[suffix].format(model=model.__name__),
        first=first,
        parameters=", ".join([first, *names]),
        arguments=", ".join(["handler", "model", *names]),
        result=f"handler.{result}" if result else "0.0",
    )
    return _made(text, name, {"Handler": handler, "handle": handle, "model": model})


def _made(text: str, name: str, outside: Mapping[str, Any]) -> Model:
    """The function that a text defines, with a source that can be found."""
    file = f"<srcdiff {name} {abs(hash((text, *map(id, outside.values()))))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {**outside, "__name__": "srcdiff_models"}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    made: Model = namespace[name]
    return made
