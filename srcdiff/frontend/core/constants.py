"""Python objects that a function finds outside itself (globals, captured variables, defaults) as frontend values.

Numbers, strings and containers of them become constants; arrays become `constant_array`. What was seen is noted
on the function (`source.watched`), so that a later call can check whether it still holds.
"""

from __future__ import annotations

import enum
import operator
import re
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.core.external_arrays import ExternalArray
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Known, Method, Parts, Piece, Slice
from srcdiff.frontend.source.external_dependencies import SCALARS, found_now, is_record, watched
from srcdiff.frontend.source.wrappers import is_own_method, stands_for, with_parameters
from srcdiff.ir.core import OpDecl
from srcdiff.ir.structs import field_names
from srcdiff.ir.types import Array, Dim
from srcdiff.ir.values import const
from srcdiff.ops.control.control import constant_array
from srcdiff.ops.control.cuda_kernel import Position, position
from srcdiff.ops.core.registry import Composite


def read_constant(fr: Frame, kind: str, name: str, value: object, node: gast.AST) -> FrontValue:
    """A name that is no local."""
    result = from_python(fr, value, name, node)
    if kind != "builtins":
        outermost = fr
        while outermost.outer is not None:
            outermost = outermost.outer
        find = outermost.look_up
        watch(fr, f"{id(find)} {name}", partial(found_now, find, name), value)
        if not _is_code(value) and isinstance(value, SCALARS):
            found = fr.session.globals if kind == "globals" else fr.session.captured
            found[name] = value
    return result


def _is_code(value: object) -> bool:
    return callable(value) or type(value).__name__ in ("module", "LazyModule")


# ---- what a later call looks at again ---------------------------------------------------------------


def watch(fr: Frame, key: str, get: Callable[[], object], value: object) -> None:
    """Note what was found outside; `key` identifies it, for as long as `get` lives.

    `get` is a partial: `cache/records.py` reads from it what is looked at.
    """
    if not isinstance(value, ModuleType) and type(value).__name__ != "LazyModule":
        fr.session.watched.setdefault(key, watched(get, value))


def bound_name(fr: Frame, name: str, value: object) -> str:
    """The name of an array in generated code: the user's, as one word, and different for different arrays."""
    taken = fr.session.functions.setdefault(
        "arrays from outside", {}
    )  # for all functions that are read together
    mine = {p.name for p in fr.session.params} | set(fr.local)
    word = re.sub(r"\W+", "_", name).strip("_") or "array"
    found, k = word, 2
    while found in mine or taken.get(found, value) is not value:
        found, k = f"{word}_{k}", k + 1
    taken[found] = value
    return found


# ---- values ---------------------------------------------------------------------------------------------


def from_python(fr: Frame, value: Any, name: str, node: gast.AST) -> FrontValue:
    """A Python object; `name` is how the user's code would spell it."""
    if isinstance(value, np.ndarray) and value.ndim:
        if value.dtype.kind not in "biufc":
            fr.fail(
                node, f"`{name}` is an array of dtype {value.dtype}", "Use an array of numbers."
            )
        type_ = Array(value.dtype.name, tuple(map(Dim, value.shape)))
        attrs: dict[str, Any] = {
            "name": bound_name(fr, name, value),
            "type": type_,
            "value": value,
        }
        return fr.ops(node, constant_array, names=(name,), **attrs)[0]
    if isinstance(value, np.ndarray):
        number = const(value[()])
        fr.session.outside[id(number)] = ExternalArray(name, value, number)
        return number
    if isinstance(value, enum.IntEnum | enum.IntFlag):
        value = int(value)
    if isinstance(value, SCALARS):
        return const(value)
    if isinstance(value, slice):
        bounds = (value.start, value.stop, value.step)
        return Slice(*(None if b is None else const(b) for b in bounds))
    if isinstance(value, Position):
        return fr.ops(node, position, names=("",), of=value.of)[0]
    if isinstance(value, OpDecl | Composite):  # our own functions may name them
        return Known(value)
    if isinstance(value, tuple | list | dict) or is_record(value):
        return _container(fr, value, name, node)
    value = with_parameters(value)
    if isinstance(value, partial):
        args = tuple(
            from_python(fr, v, f"{name}.args[{k}]", node) for k, v in enumerate(value.args)
        )
        kwargs = tuple(
            (k, from_python(fr, v, f"{name}.keywords[{k!r}]", node))
            for k, v in value.keywords.items()
        )
        return Piece(from_python(fr, value.func, f"{name}.func", node), args, kwargs)
    if (
        type(value) is operator.itemgetter
    ):  # one that is made in the program is read in the same way
        items = [from_python(fr, item, name, node) for item in value.__reduce__()[1]]
        return fr.call(node, Known(operator.itemgetter), items, {})
    if is_own_method(value):
        receiver = from_python(fr, value.__self__, f"{name}.__self__", node)
        return Method(receiver, value.__func__.__name__, value.__func__)
    return Known(stands_for(value))


def _container(fr: Frame, value: Any, name: str, node: gast.AST) -> Parts:
    if is_record(value) or hasattr(value, "_fields"):
        keys: tuple[Any, ...] = field_names(value)
        parts = [from_python(fr, getattr(value, k), f"{name}.{k}", node) for k in keys]
        return Parts(
            "dataclass" if is_record(value) else "namedtuple", keys, tuple(parts), type(value)
        )
    if isinstance(value, dict):
        keys = tuple(value)
        parts = [from_python(fr, v, f"{name}[{k!r}]", node) for k, v in value.items()]
        return Parts("dict", keys, tuple(parts))
    parts = [from_python(fr, v, f"{name}[{k}]", node) for k, v in enumerate(value)]
    return Parts(
        "tuple" if isinstance(value, tuple) else "list", tuple(range(len(value))), tuple(parts)
    )
