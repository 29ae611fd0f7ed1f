"""The text of a function that runs a model under a handler; all other programs are generated from it.

The text's own names begin with an underscore, since all others may be names of the model's parameters.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import keyword
import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from srcdiff.effects import handle

_DOCS = {
    "survey": "The sites of `{model}`.",
    "log_joint": "Log density of `{model}` at the values of its sites.",
    "prior": "Draws of the sites of `{model}`.",
    "predictive": "Draws of the sites of `{model}` that are not given.",
}
_TEXT = '''\
def {name}({parameters}):
    """{doc}"""
    _handler = _Handler({given})
    _value = _handle({arguments})
    return {result}
'''


def program(
    model: Callable[..., object],
    suffix: str,
    first: Sequence[str],
    handler: type,
    given: str,
    result: str = "",
) -> Callable[..., object]:
    """A function of the parameters `first` and the model's own that runs the model under a handler.

    Parameters
    ----------
    given : str
        The handler's arguments.
    result : str
        The attribute of the handler that the function returns; "value" returns the model's result.

    Raises
    ------
    ValueError
        A parameter occurs twice, or cannot be passed by position.
    """
    _check_parameters(model)
    generators = generators_of(model)
    names = [name for name in inspect.signature(model).parameters if name not in generators]
    twice = [name for k, name in enumerate(first) if name in (*first[:k], *names)]
    if twice:
        raise ValueError(
            f"{name_of(model)}: {twice[0]!r} would be a parameter of the {suffix.replace('_', '-')} twice (was it "
            "to be observed? then its value is not None); rename the site, the plate or the argument"
        )
    name = f"{name_of(model)}_{suffix}"
    text = _TEXT.format(
        name=name,
        doc=_DOCS[suffix].format(model=name_of(model)),
        given=given,
        parameters=", ".join([*first, *_with_defaults(model, generators)]),
        arguments=", ".join(["_handler", "_model", *_arguments(model, generators)]),
        result="_value" if result == "value" else f"_handler.{result}" if result else "0.0",
    )
    outside = {"_Handler": handler, "_handle": handle, "_model": model, **_defaults(model)}
    return load_text(text, name, {**outside, **_draws(generators)})


def _draws(generators: Sequence[str]) -> dict[str, object]:
    if not generators:
        return {}
    from srcdiff.vi.model.numpy_generator_models import Draws  # the distributions import SciPy

    return {"Draws": Draws}


def generators_of(model: Callable[..., object]) -> list[str]:
    """The parameters that are random generators: called `rng`, or annotated as `Generator`."""
    found = inspect.signature(model).parameters.values()
    return [p.name for p in found if p.name == "rng" or "Generator" in _annotation(p)]


def _annotation(parameter: inspect.Parameter) -> str:
    given = parameter.annotation
    return given if isinstance(given, str) else getattr(given, "__name__", "")


def _arguments(model: Callable[..., object], generators: Sequence[str]) -> list[str]:
    """The arguments of the model's call: draws from a generator are sites."""
    names = inspect.signature(model).parameters
    return ["Draws()" if name in generators else name for name in names]


def _with_defaults(model: Callable[..., object], generators: Sequence[str]) -> list[str]:
    """The model's parameters, with their defaults."""
    found = [p for p in inspect.signature(model).parameters.values() if p.name not in generators]
    return [p.name if p.default is p.empty else f"{p.name}=default_{p.name}" for p in found]


def _defaults(model: Callable[..., object]) -> dict[str, object]:
    found = inspect.signature(model).parameters.values()
    return {f"default_{p.name}": p.default for p in found if p.default is not p.empty}


def name_of(model: Callable[..., object]) -> str:
    """The stem of the names of programs: a partial's function, "model" for a lambda."""
    while isinstance(model, functools.partial):
        model = model.func
    name = str(getattr(model, "__name__", type(model).__name__.lower()))
    return name if name.isidentifier() else "model"


def _check_parameters(model: Callable[..., object]) -> None:
    for p in inspect.signature(model).parameters.values():
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY):
            raise ValueError(
                f"{name_of(model)}: the parameter {str(p)!r} of a model has to be one that is given by position"
            )


def check_count(model: Callable[..., object], data: Sequence[object]) -> None:
    """Raise for too many data, or too few."""
    generators = generators_of(model)
    found = [p for p in inspect.signature(model).parameters.values() if p.name not in generators]
    least = sum(p.default is p.empty for p in found)
    if not least <= len(data) <= len(found):
        names = ", ".join(p.name for p in found)
        raise TypeError(
            f"the model {name_of(model)!r} takes {len(found)} data ({names}), {len(data)} were given"
        )


def parameter(name: str) -> str:
    """A site's name as the name of a parameter."""
    word = re.sub(r"\W+", "_", name)
    if keyword.iskeyword(word):
        return f"{word}_"
    return word if word.isidentifier() else f"site_{word}"


def load_text(text: str, name: str, outside: Mapping[str, Any]) -> Callable[..., object]:
    """The function that a text defines; its source is registered for `inspect`."""
    digest = hashlib.sha256(text.encode()).hexdigest()  # the same in every process, for the cache
    file = f"<srcdiff {name} {digest[:16]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {**outside, "__name__": "srcdiff_vi"}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    made: Callable[..., Any] = namespace[name]
    return made
