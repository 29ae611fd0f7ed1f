"""Python objects that a function finds outside itself (globals, captured variables, defaults) as frontend values.

Numbers, strings and containers of them become constants; arrays become `constant_array`. What was seen is noted
on the function, so that a later call can tell whether it still holds.
"""

from __future__ import annotations

import dataclasses
import functools
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.values import FrontValue, Known, Method, Parts, Piece
from srcdiff.ir.core import const
from srcdiff.ir.types import Array, Dim
from srcdiff.ops.control import constant_array

__all__ = ["field_names", "from_python", "read_constant"]

_SCALARS = (bool, int, float, complex, str, bytes, type(None), np.generic, type(Ellipsis))


def read_constant(fr: Frame, kind: str, name: str, value: Any, node: Any) -> FrontValue:
    """A name that is no local."""
    result = from_python(fr, value, name, node)
    if kind != "builtins" and not _is_code(value):
        fr.session.notes[kind][name] = value
    return result


HOOKS["constant"] = read_constant


def _is_code(value: Any) -> bool:
    return callable(value) or type(value).__name__ in ("module", "LazyModule")


def from_python(fr: Frame, value: Any, name: str, node: Any) -> FrontValue:
    """A Python object; `name` is how the user's code would spell it."""
    if isinstance(value, np.ndarray) and value.ndim:
        if value.dtype.kind not in "biufc":
            fr.fail(
                node, f"`{name}` is an array of dtype {value.dtype}", "Use an array of numbers."
            )
        type_ = Array(value.dtype.name, tuple(map(Dim, value.shape)))
        return fr.op(node, constant_array, name=name, type=type_, value=value)
    if isinstance(value, np.ndarray):
        return const(value[()])
    if isinstance(value, _SCALARS):
        return const(value)
    if isinstance(value, tuple | list | dict) or _is_record(value):
        return _container(fr, value, name, node)
    if isinstance(value, functools.partial):
        args = tuple(
            from_python(fr, v, f"{name}.args[{k}]", node) for k, v in enumerate(value.args)
        )
        kwargs = tuple(
            (k, from_python(fr, v, f"{name}.keywords[{k!r}]", node))
            for k, v in value.keywords.items()
        )
        return Piece(from_python(fr, value.func, f"{name}.func", node), args, kwargs)
    if isinstance(value, MethodType) and isinstance(value.__func__, FunctionType):
        receiver = from_python(fr, value.__self__, f"{name}.__self__", node)
        return Method(receiver, value.__func__.__name__, value.__func__)
    return Known(value)


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def field_names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple or dataclass, or of its class."""
    return getattr(value, "_fields", None) or tuple(f.name for f in dataclasses.fields(value))


def _container(fr: Frame, value: Any, name: str, node: Any) -> Parts:
    if _is_record(value) or hasattr(value, "_fields"):
        keys: tuple[Any, ...] = field_names(value)
        parts = [from_python(fr, getattr(value, k), f"{name}.{k}", node) for k in keys]
        return Parts(
            "dataclass" if _is_record(value) else "namedtuple", keys, tuple(parts), type(value)
        )
    if isinstance(value, dict):
        keys = tuple(value)
        parts = [from_python(fr, v, f"{name}[{k!r}]", node) for k, v in value.items()]
        return Parts("dict", keys, tuple(parts))
    parts = [from_python(fr, v, f"{name}[{k}]", node) for k, v in enumerate(value)]
    return Parts(
        "tuple" if isinstance(value, tuple) else "list", tuple(range(len(value))), tuple(parts)
    )
