"""Argument binding: arguments of a call are bound to parameters, normalised, and typed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import (
    children,
    fit_to,
    leaves,
    named_leaves,
    part_of,
    part_text,
    rebuild,
)
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.source.locations import parameter_place, place_of
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.ir.location import Location
from srcdiff.ir.structs import is_object
from srcdiff.ir.types import Dynamic, Static, Type

Argnums = int | str | Sequence[int | str] | None  # positions or names of parameters


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
        The lengths of the symbols in the types, for these arguments.
    wrt : tuple of int
        The positions that are differentiated.
    values : tuple
        The values for the generated function: the arguments, then tangents or weights.
    own : tuple
        The function's arguments as they were given.
    defaults : mapping of str to object
        The function's defaults.
    any_lengths : bool
        The lengths are not known (compiled code calls): none is 1, and lengths that have to be equal are compared.
    no_tangents : bool
        Tangents that stood for a gradient were not numbers (see `forward_for_scalars`).
    """

    names: tuple[str, ...]
    types: tuple[Type, ...]
    lengths: Mapping[str, int]
    wrt: tuple[int, ...]
    values: tuple[Any, ...]
    own: tuple[Any, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    any_lengths: bool = False
    no_tangents: bool = False

    @property
    def key(self) -> Any:
        return self.types

    def overlap(
        self, written: Collection[tuple[str, Sequence[object]]], outside: Mapping[str, np.ndarray]
    ) -> tuple[str, str] | None:
        """The name of a written array, and of another array that shares memory with it.

        The other is an argument, a part of one, or one of the arrays from outside.
        """
        arrays = [a for own in self.own for a in leaves(own) if isinstance(a, np.ndarray)]
        arrays += outside.values()
        if len(arrays) < 2:
            return None
        given = dict(zip(self.names, self.own, strict=True))
        for name, keys in written:
            array = functools.reduce(part_of, keys, given[name])
            is_array = isinstance(array, np.ndarray)
            if is_array and sum(np.shares_memory(array, a) for a in arrays) > 1:
                return self._called(array, name, keys, outside)
        return None

    def _called(
        self,
        array: np.ndarray,
        name: str,
        keys: Sequence[object],
        outside: Mapping[str, np.ndarray],
    ) -> tuple[str, str]:
        values = zip(self.names, self.own, strict=True)
        parts = [part for n, own in values for part in named_leaves(own, n)] + [*outside.items()]
        own, mine = dict(zip(self.names, self.own, strict=True))[name], name
        for key in keys:
            own, mine = part_of(own, key), part_text(own, key, mine)
        others = (
            text
            for text, a in parts
            if text != mine and isinstance(a, np.ndarray) and np.shares_memory(array, a)
        )
        return mine, next(others)


@dataclass(frozen=True)
class Signature:
    """The parameters of a function under a derivative; holds no function, so that it pickles."""

    name: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    wrt: tuple[int, ...]
    further: tuple[str, ...] = ()  # tangents or weights after the function's own arguments
    keyword_only: tuple[str, ...] = ()
    spread: bool = (
        False  # the one further argument is a tuple: a part for each differentiated argument
    )
    along: bool = False  # the further arguments are tangents: they are like the differentiated ones

    def bind(
        self,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        static: frozenset[str],
        place: Callable[[], Location | None] = lambda: None,
    ) -> Arguments:
        """Bind the arguments of a call; `place` is the function's location, for errors."""
        given, further = self._split(args, kwargs) if self.further else (tuple(args), ())
        if kwargs or len(given) != len(self.names) or self.keyword_only:
            given = self._by_name(
                given, {k: v for k, v in kwargs.items() if k not in self._extra_names}
            )
        normal = self.normal(given)
        found, lengths = describe_arguments(normal, self.names, place)
        known = zip(self.names, found, normal, strict=True)
        types = tuple(Static(a) if name in static else t for name, t, a in known)
        types = tuple(
            Dynamic(type(a)) if k in self.wrt and type(t) is Static and is_object(a) else t
            for k, (t, a) in enumerate(zip(types, normal, strict=True))
        )  # also if it can be called
        values = (*normal, *self._further(normal, further))
        return Arguments(self.names, types, lengths, self.wrt, values, given, self.defaults)

    def normal(self, given: Sequence[object], any_layout: bool = False) -> list[object]:
        """The function's own arguments as a program takes them."""
        tidy = [_tidy(a, any_layout) for a in given]
        return [_floats(a) if k in self.wrt else a for k, a in enumerate(tidy)]

    @property
    def needed(self) -> bool:
        """Whether a call needs any argument."""
        return bool(self.further) or len(self.names) > len(self.defaults)

    @property
    def _extra_names(self) -> tuple[str, ...]:
        """Further arguments that may be given by name."""
        return tuple(n for n in self.further if n not in self.names)

    def _split(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """The function's own arguments, and the further ones."""
        named = [kwargs[n] for n in self._extra_names if n in kwargs]
        count = len(args) - len(self.further) + len(named)
        own = len({*self.names} & {*kwargs})
        needed = len(self.names) - len(self.defaults)
        if count + own < needed or count < 0:
            listed = ", ".join((*self.names, *self.further))
            raise TypeError(
                f"the arguments are ({listed}): those of {self.name}, and then {_listed(self.further)}"
            )
        return tuple(args[:count]), (*args[count:], *named)

    def _further(self, own: Sequence[object], further: Sequence[object]) -> list[object]:
        if self.spread:
            (given,) = further
            if not isinstance(given, tuple | list) or len(given) != len(self.wrt):
                raise ValueError(
                    f"{self.further[0]} has to be a tuple of {len(self.wrt)}: a part for each of argnums"
                )
            further = given
        if not self.along:
            return [_tidy(f) for f in further]
        names = (
            [f"{self.further[0]}[{k}]" for k in range(len(further))]
            if self.spread
            else self.further
        )
        return [
            fit_to(own[k], f, name) for k, f, name in zip(self.wrt, further, names, strict=True)
        ]

    def _by_name(self, own: Sequence[object], kwargs: Mapping[str, object]) -> tuple[object, ...]:
        """Arguments in the order of the parameters; errors have the words of Python's own."""
        positional = [n for n in self.names if n not in self.keyword_only]
        if len(own) > len(positional):
            were = "was" if len(own) == 1 else "were"
            some = "argument" if len(positional) == 1 else "arguments"
            raise TypeError(
                f"{self.name}() takes {len(positional)} positional {some} but {len(own)} {were} given"
            )
        given = dict(zip(positional, own, strict=False))
        for name, value in kwargs.items():
            if name not in self.names:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")
            if name in given:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
            given[name] = value
        missing = [n for n in self.names if n not in given and n not in self.defaults]
        if missing:
            some = "argument" if len(missing) == 1 else "arguments"
            listed = _listed([repr(n) for n in missing])
            raise TypeError(f"{self.name}() missing {len(missing)} required {some}: {listed}")
        return tuple(given[n] if n in given else self.defaults[n] for n in self.names)


def signature_of(function: Callable[..., object], argnums: Argnums) -> Signature:
    """The signature of a Python function.

    Raises
    ------
    UnsupportedError
        For a function that is not written in Python, and for `*args` and `**kwargs`.
    """
    inner = function_of(function)
    while isinstance(inner, functools.partial):
        inner = function_of(inner.func)
    label = getattr(inner, "__name__", type(inner).__name__)
    what = _no_source(inner)
    if what:
        raise UnsupportedError(
            f"{label} is {what}, so there is no source to differentiate",
            "Write a function that calls it (a lambda will do), and differentiate that.",
            place_of(function),
        )
    try:
        parameters = parameters_of(function_of(function))
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"the parameters of {label} cannot be found", f"Write a function that calls {label}."
        ) from error
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            stars = "*" if p.kind is p.VAR_POSITIONAL else "**"
            raise UnsupportedError(
                f"{label} takes {stars}{p.name}, so its parameters are not known",
                "Differentiate a function with named parameters that calls it.",
                parameter_place(place_of(function), p.name),
            )
    names = tuple(p.name for p in parameters)
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    only = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return Signature(label, names, defaults, resolve_argnums(names, argnums), keyword_only=only)


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """A function's own parameters; for a wrapper with `*args`, the parameters of its signature."""
    try:
        own = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except ValueError:  # a method of something that is not written in Python, over a function
        own = []
    if own and not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own):
        return own
    return list(inspect.signature(function).parameters.values())


def _no_source(function: object) -> str:
    """Why a callable has no parameters or source of its own; empty where it has."""
    if isinstance(function, type):
        return "a class"
    if (getattr(function, "__module__", "") or "").partition(".")[0] in ("numpy", "scipy"):
        return "a library's function"
    if type(function).__module__.partition(".")[0] == "numba":
        return f"a {type(function).__name__} of Numba"
    is_python = isinstance(function, FunctionType | MethodType)
    is_callable_object = isinstance(vars(type(function)).get("__call__"), FunctionType)
    return "" if is_python or is_callable_object else "not written in Python"


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def resolve_argnums(names: Sequence[str], argnums: Argnums) -> tuple[int, ...]:
    """Positions from an int, a name, or a tuple of them.

    Raises
    ------
    ValueError
        For a position or name that the function does not have, or one given twice.
    """
    given = argnums if isinstance(argnums, tuple | list) else (argnums,)
    if not given:
        raise ValueError(f"argnums={argnums!r}: it names no argument")
    out: list[int] = []
    for item in given:
        if isinstance(item, str):
            if item not in names:
                raise ValueError(
                    f"argnums={argnums!r}: there is no parameter {item!r}; they are {', '.join(names)}"
                )
            out.append(names.index(item))
            continue
        if isinstance(item, bool) or not isinstance(item, int | np.integer):
            raise ValueError(f"argnums={argnums!r}: expected positions or names")
        position = int(item) + len(names) if item < 0 else int(item)
        if not 0 <= position < len(names):
            some = "parameter" if len(names) == 1 else "parameters"
            raise ValueError(f"argnums={argnums!r}: the function has {len(names)} {some}")
        out.append(position)
    if len(set(out)) != len(out):
        raise ValueError(f"argnums={argnums!r}: an argument is given twice")
    return tuple(out)


def _tidy(value: object, any_layout: bool = False) -> object:
    """An argument with its arrays C-contiguous (`any_layout`: as they are), and 0-d arrays as scalars."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return value[()]
        return value if any_layout or value.flags.c_contiguous else np.ascontiguousarray(value)
    if type(value) in (float, int, bool, str) or value is None:
        return value
    parts = children(value)
    if parts is None:
        return value
    tidy = [_tidy(p, any_layout) for p in parts]
    return value if all(a is b for a, b in zip(parts, tidy, strict=True)) else rebuild(value, tidy)


def _floats(value: object) -> object:
    """A differentiated argument: an integer becomes a float, also in a list of numbers.

    Integers elsewhere in a structure are counts, flags and the like; they stay integers.
    """
    if type(value) is int or isinstance(value, np.integer):
        return float(value)
    if (
        isinstance(value, list)
        and any(type(v) is int for v in value)
        and all(type(v) in (int, float) for v in value)
    ):
        return [float(v) for v in value]
    parts = children(value)
    if parts is None:
        return value
    floats = [p if type(p) is int else _floats(p) for p in parts]
    return (
        value if all(a is b for a, b in zip(parts, floats, strict=True)) else rebuild(value, floats)
    )
