"""Errors for calls of functions that srcdiff does not know, with the reason and a way out."""

from __future__ import annotations

from types import FunctionType
from typing import NoReturn

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.effects.random_draws import is_random
from srcdiff.frontend.source.wrappers import distribution_name, function_of, unknown_decorator


def refuse_unknown(fr: Frame, node: gast.AST, function: object) -> NoReturn:
    """Say why a call cannot be read."""
    plain = function_of(function)
    if isinstance(function, np.vectorize):
        fr.untyped(
            node,
            f"`{gast.unparse(node.func).strip()}` gives what its first element is, and goes through them one by one",
            "Write it with arrays, or as a loop that fills one.",
        )
    if type(plain) is FunctionType and hasattr(plain, "dispatch"):
        fr.untyped(
            node,
            f"`{plain.__name__}` is another function for each type of its argument",
            "Call the function that is meant.",
        )
    home = str(getattr(function, "__module__", "")).lstrip("_").partition(".")[0]
    is_wrapped = type(plain) is FunctionType and hasattr(plain, "__wrapped__")
    if is_wrapped and home not in ("numpy", "scipy"):
        fr.fail(node, *unknown_decorator(plain))
    if type(function).__module__.partition(".")[0] == "numba":
        fr.fail(
            node,
            f"`{gast.unparse(node.func).strip()}` is Numba's {type(function).__name__}: there is no function to read",
            "Call an @njit function with the same loops.",
        )
    name = getattr(function, "__name__", repr(function))
    if isinstance(ufunc := getattr(function, "__self__", None), np.ufunc):
        name = f"np.{ufunc.__name__}.{name}"
    if distribution := distribution_name(getattr(function, "__self__", None)):
        name = f"{distribution}.{name}"
    if is_random(function):
        fr.fail(
            node,
            f"`{gast.unparse(node.func).strip()}` is random, and the program has no generator that is an argument",
            "Draw from a np.random.Generator that is an argument, or pass the draws; in a model, declare the value: "
            "vi.sample(name, distribution).",
        )
    (fr.untyped if home in _MOVING else fr.fail)(
        node,
        f"`{name}` is not known to srcdiff",
        "Write it with functions that docs/api.md lists, or as Python code.",
    )


# modules whose functions move values about without looking at them
_MOVING = (
    "builtins",
    "itertools",
    "copy",
    "collections",
    "dataclasses",
    "operator",
    "functools",
    "contextlib",
    "heapq",
    "bisect",
    "types",
)
