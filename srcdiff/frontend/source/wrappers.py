"""Wrappers and libraries: the Python function under decorators, and whose code a function is."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
import sysconfig
from collections.abc import Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np


def is_starred(function: object) -> bool:
    """Whether a Python function takes `*args` or `**kwargs`; a wrapper has the parameters of its function."""
    while isinstance(function, functools.partial | MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return False
    return bool(function.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))


def function_of(function: object) -> Any:
    """The Python function under decorators that compute the same."""
    while True:
        inner = _kept(function)
        if inner is None:
            return function
        function = inner


def _kept(function: object) -> object:
    """What a wrapper computes too, where it is known to change nothing: `__wrapped__` alone says only what the wrapper
    is called after.
    """
    maker = type(function)
    package = (maker.__module__ or "").partition(".")[0]
    if isinstance(function, functools._lru_cache_wrapper) or package == "srcdiff":
        return getattr(function, "__wrapped__", None)
    return _compiled_from(function) if package == "numba" else None


def _compiled_from(function: Any) -> object:
    """The function that Numba compiles: of `njit`, of `vectorize` (see `frontend/callees/vectorized_functions.py` for
    arrays), of `cfunc`. A generalised ufunc, which writes into an argument, and a stencil mean something else.
    """
    if type(function).__name__ == "DUFunc":
        function = function._dispatcher
    return getattr(function, "py_func", None) or getattr(function, "_pyfunc", None)


@functools.lru_cache(maxsize=256)
def calling(
    function: object, names: tuple[str, ...], keywords: tuple[str, ...] = ()
) -> FunctionType:
    """A function of these parameters that does nothing but call another."""
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() else "function"
    given = ", ".join((*names, *(f"{k}={k}" for k in keywords)))
    text = f"def {name}({', '.join((*names, *keywords))}):\n    return {name}_({given})\n"
    made = made_function(text, name, {f"{name}_": function})
    made.__globals__["srcdiff_calls"] = function, names, keywords  # for pickles
    return made


def made_function(text: str, name: str, outside: Mapping[str, Any]) -> FunctionType:
    """The function `name` that a text of ours defines; its source is found as that of others is."""
    file = f"<srcdiff {name} {abs(hash((text, *map(id, outside.values()))))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {**outside, "__name__": "srcdiff_calls"}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    made: FunctionType = namespace[name]
    return made


def itself(x: object) -> object:
    return x


def distribution_name(owner: object) -> str:
    """The name of a distribution of SciPy; "" for anything else."""
    cls = type(owner)
    is_one = cls.__module__.startswith("scipy.stats.") and cls.__name__.endswith("_gen")
    return f"scipy.stats.{cls.__name__.removesuffix('_gen')}" if is_one else ""


def distribution_parameters(distribution: Any) -> list[str]:
    """The names of the parameters of a distribution of SciPy."""
    if hasattr(distribution, "shapes"):
        return [*filter(None, (distribution.shapes or "").split(", ")), "loc", "scale"]
    return [*inspect.signature(distribution.__call__).parameters]


def with_parameters(method: Any) -> Any:
    """A method of a frozen distribution (`stats.norm(0.0, 2.0).logpdf`) as that of the distribution itself, with its
    parameters by name; other objects are as they are.
    """
    frozen: Any = method.__self__ if isinstance(method, MethodType) else None
    if not type(frozen).__module__.startswith("scipy.stats") or not hasattr(frozen, "dist"):
        return method
    given = dict(zip(distribution_parameters(frozen.dist), frozen.args, strict=False)) | frozen.kwds
    found = getattr(sys.modules["scipy.stats"], frozen.dist.name, None)
    of_all = getattr(found, method.__name__, None)
    return method if of_all is None else functools.partial(of_all, **given)


_SAME_AS = {"prange": range, "pndindex": np.ndindex, "literal_unroll": itself, "literally": itself}


def stands_for(value: Any) -> object:
    """The Python object that one of Numba's stands for: `prange` is `range`, `float64(x)` makes a NumPy number."""
    maker = type(value)
    module = value.__name__ if maker is ModuleType else getattr(value, "__module__", None)
    if str(module).startswith("numba.cuda"):
        from srcdiff.ops.control.cuda_kernel import in_words  # operations take a while to import

        return in_words(value)
    if maker.__module__ == "numba.core.types.scalars":
        return getattr(np, str(getattr(value, "name", "")), value)
    if getattr(value, "__module__", None) == "numba.misc.special":
        return _SAME_AS.get(value.__name__, value)
    return value


LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "math",
    "cmath",
    "builtins",
    "functools",
    "contextlib",
    "itertools",
    "operator",
)


_STANDARD = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = tuple(os.path.join(_STANDARD, name) for name in ("site-packages", "dist-packages"))


def is_library(function: FunctionType) -> bool:
    """Whether a function's code is a library's; `functools.wraps` makes `__module__` say something else."""
    module = function.__globals__.get("__name__") or function.__module__ or ""
    file = function.__code__.co_filename
    return str(module).partition(".")[0] in LIBRARIES or (
        file.startswith(_STANDARD) and not file.startswith(_INSTALLED)
    )


def is_own_method(function: object) -> bool:
    """Whether it is a bound method whose source is read."""
    method = function.__func__ if isinstance(function, MethodType) else None
    return isinstance(method, FunctionType) and not is_library(method)


def unknown_decorator(function: FunctionType) -> tuple[str, str]:
    """Message and advice where a library's decorator stands around a function."""
    name, module = function.__name__, function.__globals__.get("__name__")
    if getattr(function, "__wrapped__", None) is None:
        return f"`{name}` is a function of {module}", "Write a function that calls it."
    return (
        f"a decorator of {module} stands around `{name}`, and srcdiff does not know what it does",
        f"Where it changes no result, use the function under it: `{name}.__wrapped__`.",
    )
