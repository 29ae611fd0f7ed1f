"""Python values -> types: what a function is specialised on.

Lengths become symbols named after the argument and the axis (`x0`, `x1`), axes of length 1 stay 1. A length
that differs from element to element of a list ends in `*`, and in `_*` where none of them is 1. Types of equal
specialisations are equal and hashable, so that they serve as cache keys.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.locations import parameter_place
from srcdiff.frontend.source.refusals import fail
from srcdiff.ir.location import Location
from srcdiff.ir.structs import field_names, is_object
from srcdiff.ir.types import Array, Dim, Dynamic, List, Scalar, Static, Struct, Type

_PYTHON = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
_VARIES = Dim.of("?")  # a length that differs from element to element of a list, ...
_VARIES_NOT_ONE = Dim.of("?1")  # ... and is never 1


def describe_arguments(
    values: Sequence[object],
    names: Sequence[str],
    place: Callable[[], Location | None] = lambda: None,
) -> tuple[tuple[Type, ...], dict[str, int]]:
    """The types of arguments, and the values of their symbols; `place` is the place of the function."""
    taken: set[str] = set()
    found: list[Type] = []
    for value, name in zip(values, names, strict=True):
        try:
            found.append(type_of_argument(value, name, taken))
        except UnsupportedError as error:
            where = parameter_place(place(), name)
            raise UnsupportedError(error.message, error.advice, where) from None
    types = tuple(found)
    actual: dict[str, int] = {}
    for type_, value, name in zip(types, values, names, strict=True):
        actual.update(lengths_of_argument(type_, value))
        if isinstance(value, bool | np.bool_):
            actual[name] = int(value)
    return types, actual


def type_of_argument(value: object, path: str = "x", taken: set[str] | None = None) -> Type:
    """The type of a value; `taken` are symbols in use, to which those of this type are added."""
    return with_symbols(_measured(value, path), path, set() if taken is None else taken)


# ---- types with actual lengths ------------------------------------------------------------------------------


def _measured(value: object, path: str) -> Type:
    """The type with lengths as numbers."""
    python = _PYTHON.get(type(value))
    if python is not None:
        return Scalar(python)
    if isinstance(value, np.ndarray):
        return _array(value, path)
    if isinstance(value, np.generic):
        return _number(value, path)
    if isinstance(value, list):
        return _list(value, path)
    if isinstance(value, enum.IntEnum | enum.IntFlag):  # is the number that it is
        return Static(int(value))
    record = _record(value)
    if record is not None:
        kind, keys, parts, cls = record
        return Struct(
            kind,
            keys,
            tuple(_measured(v, _path(path, k)) for k, v in zip(keys, parts, strict=True)),
            cls,
        )
    if isinstance(value, np.random.Generator):
        return Struct("generator", (), (), np.random.Generator)
    if (
        value is None
        or isinstance(value, str | bytes | type | np.dtype | ModuleType | range | slice | enum.Enum)
        or value is ...
        or callable(value)
    ):
        return Static(value)
    if hasattr(value, "to_numpy"):
        what = f"{type(value).__module__.partition('.')[0]} {type(value).__name__}"
        fail(f"the argument `{path}` is a {what}", f"Pass {path}.to_numpy().")
    if isinstance(value, float | complex):
        number = "float" if isinstance(value, float) else "complex"
        what = f"a {type(value).__name__}, a class of numbers of your own"
        fail(f"the argument `{path}` is {what}", f"Pass {number}({path}).")
    if is_object(value):
        return Dynamic(type(value))
    _refuse(value, path)


def _record(value: object) -> tuple[str, tuple[object, ...], list[object], type | None] | None:
    """Kind, keys, parts and class of a container of known parts."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "namedtuple", tuple(value._fields), list(value), type(value)
    if isinstance(value, tuple):
        return "tuple", tuple(range(len(value))), list(value), None
    if isinstance(value, dict):
        return "dict", tuple(value), list(value.values()), None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys = field_names(value)
        return "dataclass", keys, [getattr(value, k) for k in keys], type(value)
    return None


def _array(value: np.ndarray, path: str) -> Type:
    if value.dtype.kind not in "biufc":
        fail(
            f"the argument `{path}` is an array of dtype {value.dtype}",
            "Use an array of numbers, for instance x.astype(float).",
        )
    if isinstance(value, np.ma.MaskedArray):
        fail(
            f"the argument `{path}` is a MaskedArray",
            "Pass x.filled(0.0) and the mask (np.ma.getmaskarray(x)) as two arguments, or x.compressed().",
        )
    if type(value) not in (np.ndarray, np.memmap):
        fail(f"the argument `{path}` is a {type(value).__name__}", "Pass np.asarray(x).")
    if value.ndim == 0:
        return Scalar(value.dtype.name, False)
    return Array(value.dtype.name, tuple(map(Dim, value.shape)))


def _number(value: np.generic, path: str) -> Type:
    if value.dtype.kind not in "biufc":
        _refuse(value, path)
    return Scalar(value.dtype.name, False)


def _list(value: Sequence[object], path: str) -> Type:
    """A list of like elements, or a container of known parts."""
    if not value:
        return List(Scalar("float64"))
    decisive = [
        v for v in value if not isinstance(v, list) or v
    ] or value  # [] may be of any elements
    parts = [_measured(v, path) for v in decisive]
    element: Type | None = parts[0]
    for part in parts[1:]:
        element = None if element is None else _common_type(element, part)
    if element is None or isinstance(element, Static):
        keys = tuple(range(len(value)))
        return Struct(
            "list", keys, tuple(_measured(v, _path(path, k)) for k, v in enumerate(value))
        )
    return List(element)


def _common_type(a: Type, b: Type) -> Type | None:
    """The type of elements that differ in their lengths only; None where they differ otherwise."""
    match a, b:
        case Array(), Array() if a.dtype == b.dtype and a.ndim == b.ndim:
            return Array(
                a.dtype, tuple(_either_length(x, y) for x, y in zip(a.shape, b.shape, strict=True))
            )
        case Struct(), Struct() if (a.kind, a.keys, a.cls) == (b.kind, b.keys, b.cls):
            parts = [_common_type(x, y) for x, y in zip(a.parts, b.parts, strict=True)]
            known = tuple(p for p in parts if p is not None)
            return Struct(a.kind, a.keys, known, a.cls) if len(known) == len(parts) else None
        case List(), List():
            inner = _common_type(a.element, b.element)
            return None if inner is None else List(inner)
        case Scalar(), Scalar() if a.weak and b.weak and {a.dtype, b.dtype} == {"int64", "float64"}:
            return Scalar("float64")  # [1, 0.5]
    return a if a == b else None


def _either_length(a: Dim, b: Dim) -> Dim:
    if a == b:
        return a
    return _VARIES if Dim(1) in (a, b) or _VARIES in (a, b) else _VARIES_NOT_ONE


def _refuse(value: object, path: str) -> NoReturn:
    if isinstance(value, set | frozenset):
        fail(f"the argument `{path}` is a set", "Pass a sorted list or an array.")
    fail(
        f"the argument `{path}` is an object of type {type(value).__name__}, which is not supported",
        "Pass numbers, arrays, and tuples, lists, dicts, named tuples or dataclasses of them.",
    )


# ---- symbols --------------------------------------------------------------------------------------------------


def _path(path: str, key: object) -> str:
    return f"{path}_{re.sub(r'[^0-9A-Za-z_]', '_', str(key))}"


def with_symbols(type_: Type, path: str, taken: set[str], in_list: bool = False) -> Type:
    """A type with symbols for its lengths and integers, none of them among those `taken`; 1 stays 1."""
    match type_:
        case Array():
            return Array(
                type_.dtype,
                tuple(_length(d, f"{path}{k}", taken) for k, d in enumerate(type_.shape)),
            )
        case Scalar(dtype="int64") if not in_list:
            return Scalar("int64", type_.weak, Dim.of(_unused(path, taken)))
        case Struct():
            named = zip(type_.keys, type_.parts, strict=True)
            parts = tuple(with_symbols(p, _path(path, k), taken, in_list) for k, p in named)
            return Struct(type_.kind, type_.keys, parts, type_.cls)
        case List():
            return List(with_symbols(type_.element, path, taken, in_list=True))
    return type_


def _length(dim: Dim, name: str, taken: set[str]) -> Dim:
    if dim == Dim(1):
        return dim
    return Dim.of(_unused(name, taken) + {_VARIES: "*", _VARIES_NOT_ONE: "_*"}.get(dim, ""))


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "x"
    taken.add(name)
    return name


def lengths_of_argument(type_: Type, value: object) -> dict[str, int]:
    """The values of the symbols of a type, for a value of that type."""
    found: dict[str, int] = {}
    _measure(type_, value, found)
    return found


def _measure(type_: Type, value: Any, found: dict[str, int]) -> None:
    match type_:
        case Array():
            found.update(
                (d.symbol, n)
                for d, n in zip(type_.shape, value.shape, strict=True)
                if d.symbol and not d.symbol.endswith("*")
            )
        case Scalar() if type_.expr is not None and type_.expr.symbol:
            found[type_.expr.symbol] = int(value)
        case Struct() if type_.parts:
            record = _record(value)
            for part, inner in zip(
                type_.parts, value if record is None else record[2], strict=True
            ):
                _measure(part, inner, found)
        case List() if value:
            _measure(type_.element, value[0], found)
