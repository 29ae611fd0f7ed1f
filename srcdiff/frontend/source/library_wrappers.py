"""A library's function in the place of a user's function, as in `grad(np.sin)`: a function that calls it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from itertools import chain, islice
from types import FunctionType

import numpy as np

from srcdiff.frontend.source.wrappers import calling, is_starred, with_parameters
from srcdiff.ops.core.registry import find, find_composite

_LIBRARIES = (
    "math",
    "numpy",
    "scipy",
    "operator",
    "_operator",
    "builtins",
    "functools",
    "_functools",
)


def written_out(
    function: Callable[..., object], count: int | None = None, keywords: tuple[str, ...] = ()
) -> Callable[..., object]:
    """A function that calls a library's, or one of `*args` or `**kwargs`, with `count` arguments and these keywords, or
    with the arguments it cannot do without; other functions are as they are.
    """
    function = with_parameters(function)
    if isinstance(function, functools.partial):
        given = None if count is None else count + len(function.args)
        named = tuple(dict.fromkeys((*function.keywords, *keywords)))
        made = _calling(function.func, given, named)
        is_same = made is function.func
        return function if is_same else functools.partial(made, *function.args, **function.keywords)
    return _calling(function, count, keywords)


def _calling(
    function: Callable[..., object], count: int | None, keywords: tuple[str, ...]
) -> Callable[..., object]:
    if type(function).__hash__ is None:
        return function
    is_called = count is not None and (_is_library(function) or is_starred(function))
    if function in (max, min) and count is None:
        return function
    is_known = find(function) is not None or find_composite(function) is not None
    if not (is_called or is_known or isinstance(function, np.ufunc)):
        return function
    return _made(function, count, keywords)


def takes_any_number(function: object) -> bool:
    """Whether only a call shows how many arguments a library's function takes (`max`, `operator.itemgetter(1)`)."""
    while isinstance(function, functools.partial):
        function = function.func
    return _is_library(function) and not isinstance(function, FunctionType)


def _is_library(function: object) -> bool:
    module = (getattr(function, "__module__", None) or "").partition(".")[0]
    call = getattr(type(function), "__call__", None)  # noqa: B004 - of the class: np.poly1d is written in Python
    is_object = isinstance(call, FunctionType)
    return module in _LIBRARIES and not isinstance(function, type) and not is_object


@functools.lru_cache(maxsize=256)
def _made(
    function: Callable[..., object], count: int | None, keywords: tuple[str, ...]
) -> Callable[..., object]:
    if keywords:  # its own parameters first, in their order
        own = [*inspect.signature(function).parameters]
        keywords = tuple(sorted(keywords, key=lambda k: own.index(k) if k in own else len(own)))
    names = _declared(function)
    if not names or count not in (None, len(names)) or keywords:
        names = _names(function, count, keywords)
    return calling(function, names, keywords) if names or keywords else function


def _declared(function: Callable[..., object]) -> tuple[str, ...]:
    """The operands that a known function cannot do without, as it is declared."""
    composite, operation = find_composite(function), find(function)
    if composite is not None and not composite.given and composite.ndim is None:
        signature = inspect.signature(composite.function)
    elif operation is not None and operation.signature:
        signature = inspect.signature(eval(f"lambda {operation.signature}: None"))
    else:
        return ()
    found = signature.parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found):
        return ()
    return tuple(p.name for p in found if p.default is p.empty)


def _names(
    function: Callable[..., object], count: int | None, keywords: tuple[str, ...]
) -> tuple[str, ...]:
    """The first `count` parameters as the library names them, or those without a default."""
    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:  # compiled, and without a signature
        return tuple(f"x_{k}" for k in range(count or 0))
    own = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    shapes = (getattr(getattr(function, "__self__", None), "shapes", None) or "").split(", ")
    needed = [p.name for p in own if p.default is p.empty] + [s for s in shapes if s]
    if count is None:
        return tuple(n for n in needed if n not in keywords)
    more = [*(p.name for p in own if p.name not in needed), "loc", "scale"]
    rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), None)
    if rest is None:
        return tuple(needed + more[:-2])[:count]
    if not hasattr(getattr(function, "__self__", None), "shapes"):
        more = more[:-2]
    numbered = (f"{rest}_{k}" for k in range(count))
    return tuple(islice(chain(needed, more, numbered), count))
