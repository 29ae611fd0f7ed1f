"""Python objects against the types of the IR; used by the reference evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from srcdiff.ir.structs import take_part
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, Type


class Mismatch(Exception):
    """A value does not conform to its type, or the IR is not well formed."""


class Scope:
    """What the symbols of lengths stand for, in one run of a region.

    A symbol means one number, except that the results of a loop or a branch may have lengths with the symbols of
    another iteration: such *soft* lengths are bound anew without complaint.
    """

    def __init__(self, outer: Scope | None = None) -> None:
        self.lengths: dict[str, int] = {} if outer is None else dict(outer.lengths)
        self.soft: set[str] = set() if outer is None else set(outer.soft)

    def bind(self, dim: Dim, number: int, soft: bool) -> None:
        name = dim.symbol
        if name is not None and (name not in self.lengths or name in self.soft):
            self.lengths[name] = number
            (self.soft.add if soft else self.soft.discard)(name)
            return
        try:
            expected = dim.evaluate(self.lengths)
        except KeyError:
            return
        if expected != number and not (soft or dim.symbols() & self.soft):
            raise Mismatch(f"{dim} is {expected} here, got {number}")

    def number(self, dim: Dim) -> int:
        try:
            return dim.evaluate(self.lengths)
        except KeyError as missing:
            raise Mismatch(f"length {dim}: nothing in scope determines {missing}") from None


_BUILTIN: Mapping[str, type[Any]] = {"tuple": tuple, "list": list, "dict": dict}
# the numbers of Python's that may stand for one of a kind of dtype
_STANDS: Mapping[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (int, float),
    "c": (int, float, complex),
}


def conform(obj: object, type_: Type, scope: Scope, soft: bool = False) -> None:
    """Raise `Mismatch` unless `obj` is of the type; lengths that are not yet known become known in `scope`."""
    check = _CHECKS.get(type(type_))
    if check is not None:
        check(obj, type_, scope, soft)


def _list(obj: object, type_: List, scope: Scope, soft: bool) -> None:
    if not isinstance(obj, list | tuple):
        raise Mismatch(f"expected a list, got {type(obj).__name__}")
    for item in obj:
        conform(item, type_.element, _of_item(scope))


def _static(obj: object, type_: Static, scope: Scope, soft: bool) -> None:
    value = type_.value
    if (value is None or isinstance(value, str | int)) and obj != value:
        raise Mismatch(f"expected {value!r}, got {obj!r}")


def _of_item(scope: Scope) -> Scope:
    """A scope for one element: lengths of its own (`n*`) are forgotten after it."""
    inner = Scope(scope)
    inner.lengths = {k: v for k, v in inner.lengths.items() if not k.endswith("*")}
    return inner


def _array(obj: object, type_: Array, scope: Scope, soft: bool) -> None:
    if not isinstance(obj, np.ndarray):
        raise Mismatch(f"expected an array, got {type(obj).__name__}")
    if _name(obj.dtype) != type_.dtype or obj.ndim != type_.ndim:
        raise Mismatch(f"expected {type_}, got {obj.dtype.name}{list(obj.shape)}")
    for dim, number in zip(type_.shape, obj.shape, strict=True):
        if not dim.is_const:
            scope.bind(dim, number, soft)
        elif dim.const != number:
            raise Mismatch(f"expected {type_}, got {obj.dtype.name}{list(obj.shape)}")


@cache
def _name(dtype: np.dtype) -> str:
    return dtype.name


@cache
def _kind(dtype: str) -> str:
    return np.dtype(dtype).kind


_NUMPY = (np.generic, np.ndarray)


def _scalar(obj: Any, type_: Scalar, scope: Scope, soft: bool) -> None:
    if isinstance(obj, _NUMPY):
        fits = _name(obj.dtype) == type_.dtype and not obj.ndim
    else:
        fits = isinstance(obj, _STANDS[_kind(type_.dtype)])
    if not fits:
        raise Mismatch(f"expected a {type_.dtype}, got {obj!r} of type {type(obj).__name__}")
    if type_.expr is not None:
        scope.bind(type_.expr, int(obj), soft)


def _struct(obj: object, type_: Struct, scope: Scope, soft: bool) -> None:
    expected: type[Any] = type_.cls or _BUILTIN[type_.kind]
    if not isinstance(obj, expected):
        raise Mismatch(f"expected a {expected.__name__}, got {type(obj).__name__}")
    if type_.cls is None and len(obj) != len(type_.keys):
        raise Mismatch(f"expected {len(type_.keys)} parts, got {len(obj)}")
    for key, part in zip(type_.keys, type_.parts, strict=True):
        try:
            item = take_part(obj, type_.kind, key)
        except (KeyError, AttributeError):
            raise Mismatch(f"no part {key!r} in {type(obj).__name__}") from None
        conform(item, part, scope, soft)


_CHECKS: Mapping[type[Type], Callable[[Any, Any, Scope, bool], None]] = {
    Array: _array,
    Scalar: _scalar,
    Struct: _struct,
    List: _list,
    Static: _static,
}
