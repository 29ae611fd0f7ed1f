"""Conversion of Numba's types to the types of the IR, for derivatives that compiled code calls.

Numba's types have no lengths. Each axis has a symbol, and no axis is assumed to have length 1: calls with such arrays
take another path (`calls.py`). The values of constants in the caller, and of defaults, are known when compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
from numba.core import types

from srcdiff.compile.arguments.signature import Arguments, Signature
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.argument_types import with_symbols
from srcdiff.frontend.source.locations import parameter_place
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Scalar, Static, Struct, Type

_WEAK = ("float64", "int64", "complex128")  # Python's numbers: compiled code has no NumPy scalars
_UNKNOWN = Dim(0)


def arguments_of(
    signature: Signature, given: Sequence[types.Type], place: Callable[[], Location | None]
) -> Arguments:
    """The arguments on which a function is specialised, for these Numba types.

    Raises
    ------
    UnsupportedError
        For types of compiled code that derivatives do not support.
    """
    symbols: set[str] = set()
    found: list[Type] = []
    lengths: dict[str, int] = {}
    for k, (name, type_) in enumerate(zip(signature.names, given, strict=True)):
        try:
            mine = type_in_ir(type_, name)
        except UnsupportedError as error:
            where = parameter_place(place(), name)
            raise UnsupportedError(error.message, error.advice, where) from None
        if k in signature.wrt and isinstance(mine, Scalar) and mine.dtype.startswith("int"):
            mine = Scalar("float64")
        mine = with_symbols(mine, name, symbols)
        value = known_value(type_)
        if isinstance(mine, Scalar) and isinstance(value, int):
            lengths[name if mine.expr is None else str(mine.expr)] = int(value)
        found.append(mine)
    return Arguments(
        signature.names,
        tuple(found),
        lengths,
        signature.wrt,
        (),
        defaults=signature.defaults,
        any_lengths=True,
    )


def known_value(type_: types.Type) -> Any:
    """The value that all instances of a type have; None if they differ."""
    if isinstance(type_, types.Omitted):
        return type_.value
    return type_.literal_value if isinstance(type_, types.Literal) else None


def plain_type(type_: types.Type) -> Any:
    """A type without the known value."""
    return numba.typeof(type_.value) if isinstance(type_, types.Omitted) else types.unliteral(type_)


def type_in_ir(type_: types.Type, path: str) -> Type:
    """The IR's type for a Numba type, without symbols; `path` is the argument's name."""
    value = known_value(type_)
    if isinstance(value, str):
        return Static(value)
    type_ = plain_type(type_)
    if isinstance(type_, types.Boolean):
        return Scalar("bool")
    if isinstance(type_, types.Number):
        return Scalar(type_.name, type_.name in _WEAK)
    if isinstance(type_, types.NoneType):
        return Static(None)
    if isinstance(type_, types.Array):
        return _array(type_, path)
    if isinstance(type_, types.BaseTuple):
        return _tuple(type_, path)
    if isinstance(type_, types.Dispatcher):
        return Static(type_.dispatcher)
    if isinstance(type_, types.Function):
        return Static(type_.typing_key)
    what, advice = _REFUSED.get(type(type_).__name__, (f"has Numba's type {type_}", ""))
    raise UnsupportedError(
        f"the argument `{path}` {what}, which a derivative that compiled code calls does not take",
        advice or "Pass numbers, arrays, and tuples of them.",
    )


_LIST = ("is a list", "Pass a tuple, or an array.")
_REFUSED = {
    "List": _LIST,
    "ListType": _LIST,
    "UnicodeType": ("is a string that is not known when compiling", "Pass it as a constant."),
    "DictType": ("is a dict", "Pass a named tuple."),
    "Optional": (
        "may be None",
        "Test it first: Numba knows what it is inside `if x is not None`, once it has a new name.",
    ),
}


def _array(type_: types.Array, path: str) -> Type:
    if not isinstance(type_.dtype, types.Number | types.Boolean):
        raise UnsupportedError(
            f"the argument `{path}` is an array of {type_.dtype}", "Pass an array of numbers."
        )
    name = "bool" if isinstance(type_.dtype, types.Boolean) else type_.dtype.name
    return Array(name, (_UNKNOWN,) * type_.ndim) if type_.ndim else Scalar(name, False)


def _tuple(type_: Any, path: str) -> Type:
    is_named = isinstance(type_, types.BaseNamedTuple)
    keys = tuple(type_.fields) if is_named else tuple(range(len(type_)))
    parts = tuple(type_in_ir(t, f"{path}[{k}]") for k, t in enumerate(type_))
    kind, cls = ("namedtuple", type_.instance_class) if is_named else ("tuple", None)
    return Struct(kind, keys, parts, cls)


def parts_of(type_: types.Type) -> list[types.Type] | None:
    """The types of a tuple's parts; None for other types."""
    return list(type_) if isinstance(type_, types.BaseTuple) else None  # type: ignore[call-overload]


def arrays_in(text: str, type_: types.Type) -> list[tuple[str, Any]]:
    """The arrays with axes in a value, each with its text and Numba type."""
    if isinstance(type_, types.Array):
        return [(text, type_)] if type_.ndim else []
    parts = parts_of(type_) or ()
    return [a for k, t in enumerate(parts) for a in arrays_in(f"{text}[{k}]", t)]
