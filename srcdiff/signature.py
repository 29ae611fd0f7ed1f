"""How a generated function is called: arguments bound to parameters, brought into the form that programs take, and typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.arguments import describe_arguments
from srcdiff.ir.types import Static, Type
from srcdiff.trees import children, leaves, rebuild

__all__ = ["Arguments", "Signature", "resolve_argnums"]


@dataclass(frozen=True)
class Arguments:
    """Arguments bound, normalised and typed.

    Attributes
    ----------
    names : tuple of str
        The function's parameters.
    types : tuple of Type
        `Static` for those whose values matter when compiling.
    lengths : mapping of str to int
        What the symbols in the types are for these arguments.
    wrt : tuple of int
        The positions that are differentiated.
    values : tuple
        What the generated function is called with: the arguments, then tangents or weights.
    """

    names: tuple[str, ...]
    types: tuple[Type, ...]
    lengths: Mapping[str, int]
    wrt: tuple[int, ...]
    values: tuple[Any, ...]
    overlap: tuple[tuple[int, int], ...] = ()

    @property
    def key(self) -> Any:
        return self.types, self.overlap


@dataclass(frozen=True)
class Signature:
    """The parameters of a function under a derivative; holds no function, so that it pickles."""

    name: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    wrt: tuple[int, ...]
    extra: int  # tangents or weights behind the function's own arguments
    keyword_only: tuple[str, ...] = ()
    spread: bool = False  # the one further argument is a tuple: a part for each differentiated argument

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], static: frozenset[str]) -> Arguments:
        """Arguments as a call gives them."""
        count = len(args) - self.extra
        own, further = args[:count], args[count:]
        if self.spread and further:
            further = tuple(further[0])
        if kwargs or len(own) != len(self.names):
            own = self._by_name(own, kwargs)
        normal = [self._normal(k, a) for k, a in enumerate(own)]
        found, lengths = describe_arguments(normal, self.names)
        known = zip(self.names, found, normal, strict=True)
        types = tuple(Static(a) if name in static else t for name, t, a in known)
        values = (*normal, *map(_tidy, further))
        return Arguments(self.names, types, lengths, self.wrt, values, _overlaps(own))

    def _by_name(self, own: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        positional = [n for n in self.names if n not in self.keyword_only]
        if len(own) > len(positional):
            raise TypeError(f"{self.name}() takes {len(positional)} positional arguments but {len(own)} were given")
        given = dict(zip(positional, own, strict=False))
        for name, value in kwargs.items():
            if name not in self.names:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")
            if name in given:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
            given[name] = value
        missing = [n for n in self.names if n not in given and n not in self.defaults]
        if missing:
            raise TypeError(f"{self.name}() is missing the arguments {', '.join(map(repr, missing))}")
        return tuple(given[n] if n in given else self.defaults[n] for n in self.names)

    def _normal(self, k: int, value: Any) -> Any:
        return _floats(_tidy(value)) if k in self.wrt else _tidy(value)


def signature_of(function: Callable[..., Any], argnums: Any, extra: int) -> Signature:
    """The signature of a Python function."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"{function!r} is no Python function", "Wrap it in one.") from error
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise UnsupportedError(
                f"{function.__name__} takes *{p.name}, so its parameters are not known",
                "Differentiate a function with named parameters that calls it.",
            )
    names = tuple(p.name for p in parameters)
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    only = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return Signature(function.__name__, names, defaults, resolve_argnums(names, argnums), extra, only)


def resolve_argnums(names: Sequence[str], argnums: Any) -> tuple[int, ...]:
    """Positions from an int, a name, or a tuple of them.

    Raises
    ------
    ValueError
        For a position or name that the function does not have, or one given twice.
    """
    given = argnums if isinstance(argnums, tuple | list) else (argnums,)
    out: list[int] = []
    for item in given:
        if isinstance(item, str):
            if item not in names:
                raise ValueError(f"argnums={argnums!r}: there is no parameter {item!r}; they are {', '.join(names)}")
            out.append(names.index(item))
            continue
        if isinstance(item, bool) or not isinstance(item, int | np.integer):
            raise ValueError(f"argnums={argnums!r}: expected positions or names")
        position = int(item) + len(names) if item < 0 else int(item)
        if not 0 <= position < len(names):
            raise ValueError(f"argnums={argnums!r}: the function has {len(names)} parameters")
        out.append(position)
    if len(set(out)) != len(out):
        raise ValueError(f"argnums={argnums!r}: an argument is given twice")
    return tuple(out)


def _tidy(value: Any) -> Any:
    """An argument with its arrays C-contiguous, and 0-d arrays as scalars."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return value[()]
        return value if value.flags.c_contiguous else np.ascontiguousarray(value)
    if type(value) in (float, int, bool, str) or value is None:
        return value
    parts = children(value)
    if parts is None:
        return value
    tidy = [_tidy(p) for p in parts]
    return value if all(a is b for a, b in zip(parts, tidy, strict=True)) else rebuild(value, tidy)


def _floats(value: Any) -> Any:
    """A differentiated argument: an integer is a float, and so are those in a list of numbers. Integers elsewhere in a structure
    are counts, flags and the like; they stay what they are."""
    if type(value) is int:
        return float(value)
    if isinstance(value, list) and any(type(v) is int for v in value) and all(type(v) in (int, float) for v in value):
        return [float(v) for v in value]
    parts = children(value)
    if parts is None:
        return value
    floats = [p if type(p) is int else _floats(p) for p in parts]
    return value if all(a is b for a, b in zip(parts, floats, strict=True)) else rebuild(value, floats)


def _overlaps(values: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Pairs of arguments whose arrays may share memory."""
    arrays = [(k, leaf) for k, v in enumerate(values) for leaf in leaves(v) if isinstance(leaf, np.ndarray)]
    if len(arrays) < 2:
        return ()
    return tuple(
        (p, q)
        for n, (p, x) in enumerate(arrays)
        for q, y in arrays[n + 1 :]
        if p != q and np.may_share_memory(x, y)
    )
