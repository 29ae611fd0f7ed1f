"""Objects of the user's classes: made by `__init__`, with attributes that are set as the program goes.

    acc = Accumulator(0.9)        the attributes are values; `acc` is a container of them, as a dict is
    acc.add(v)                    the method is read in the place of the call

So an object costs no statements, and generated code has none: it has the attributes' values under names such as
`acc_total`. Anything other than instance attributes, methods, properties and operators is refused.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.stores import writable, write_item
from srcdiff.frontend.containers.dunder_methods import refuse_descriptor
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import Restart
from srcdiff.frontend.core.values import FrontValue, Known, Method, Parts, Slice
from srcdiff.frontend.source.function_source import is_read_in_place
from srcdiff.ir.types import Array, Struct, is_complex
from srcdiff.ir.values import Value, const
from srcdiff.ops.elementwise import arithmetic, complex_numbers

_CUSTOM = ("__new__", "__setattr__", "__getattr__", "__getattribute__", "__delattr__")


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()` in a method: what `receiver` has from the classes behind `cls`."""

    cls: type
    receiver: FrontValue


def is_own_class(cls: type) -> bool:
    """Whether it is a class of the user's that only has attributes and methods."""
    return (
        type(cls) in (type, ABCMeta)
        and not issubclass(cls, BaseException | tuple | list | dict | str | int | float)
        and cls.__module__ != "builtins"
        and all(isinstance(vars(c).get("__init__"), FunctionType | None) for c in cls.__mro__[:-1])
        and not any(name in vars(c) for c in cls.__mro__[:-1] for name in _CUSTOM)
        and not is_from_library(cls)
    )


def is_from_library(cls: type) -> bool:
    library = cls.__module__.partition(".")[0] in (
        "numpy",
        "scipy",
        "numba",
        "srcdiff",
        "collections",
    )
    return library and not is_read_in_place(cls.__module__)


def make_object(
    fr: Frame,
    node: gast.AST,
    cls: type,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """`Class(...)`."""
    made = fr.session.new_cell(Parts("object", (), (), cls))
    init = inspect.getattr_static(cls, "__init__", None)
    if isinstance(init, FunctionType):
        fr.call(node, Method(made, "__init__", init), list(args), dict(kwargs))
    elif args or kwargs:
        fr.fail(node, f"{cls.__name__}() takes no arguments")
    return fr.session.current(made)


def _write_part(fr: Frame, base: Value, name: str, value: FrontValue, node: gast.AST) -> None:
    """`z.real = x`: the numbers with one part changed are written."""
    if name not in ("real", "imag") or not is_complex(base.type):
        fr.fail(
            node, f"the attribute `{name}` of an array cannot be set here", "Write the elements."
        )
    x = fr.call(node, Known(np.real), [value])
    kept, changed = (complex_numbers.imag, x) if name == "real" else (complex_numbers.real, x)
    other = fr.op(node, kept, base)
    parts = [changed, other] if name == "real" else [other, changed]
    imaginary = fr.op(node, arithmetic.multiply, const(1j), fr.as_atom(parts[1], node))
    total = fr.op(node, arithmetic.add, fr.as_atom(parts[0], node), imaginary)
    write_item(fr, base, Slice(None, None, None), total, node)


# ---- attributes ------------------------------------------------------------------------------------------------


def write_attribute(
    fr: Frame, base: FrontValue, name: str, value: FrontValue, node: gast.AST
) -> None:
    if isinstance(base, Value) and isinstance(base.type, Array):
        _write_part(fr, base, name, value, node)
        return
    cls = _class_of(base)
    if isinstance(base, Known) or cls is None:
        fr.untyped(
            node,
            f"this sets an attribute of `{gast.unparse(node.value).strip()}`, which was not made here",
            "Make the object in the function that is differentiated, or pass a dataclass.",
        )
    refuse_descriptor(fr, cls, name, node)
    found = inspect.getattr_static(cls, name, None)
    if isinstance(found, property):
        if not isinstance(found.fset, FunctionType):
            fr.fail(node, f"the property `{name}` cannot be set")
        fr.call(node, Known(found.fset), [base, value])
        return
    if any(isinstance(vars(c).get("__setattr__"), FunctionType) for c in cls.__mro__):
        fr.untyped(
            node,
            f"`{cls.__name__}` forbids setting its attributes, or defines its own way to set them",
            "Make a new object: `dataclasses.replace(obj, name=value)`.",
        )
    if isinstance(base, Parts) and base.kind == "dataclass" and not base.cell:
        if "objects" in fr.session.hints:
            fr.untyped(
                node,
                f"this sets an attribute of a {cls.__name__} that was not made here",
                "Make a new object: `dataclasses.replace(obj, name=value)`.",
            )
        fr.session.hints["objects"] = True  # those that are made here may be written into
        raise Restart
    container = writable(fr, base, node)
    assert container is not None
    pairs = dict(zip(container.keys, container.values, strict=True))
    pairs[name] = value
    fr.session.cells[container.cell] = replace(
        container, keys=tuple(pairs), values=tuple(pairs.values())
    )


def _class_of(base: FrontValue) -> type | None:
    if isinstance(base, Parts) and base.kind in ("object", "dataclass"):
        return base.cls
    if isinstance(base, Value) and isinstance(base.type, Struct):
        return base.type.cls if dataclasses.is_dataclass(base.type.cls) else None
    return None


# ---- super --------------------------------------------------------------------------------------------------------


def super_of(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    """`super()`, and `super(Class, self)`."""
    if len(args) == 2 and isinstance(args[0], Known):
        return Super(args[0].value, args[1])  # type: ignore[return-value]
    found = fr.find("__class__")
    positional = fr.source.node.args.args
    if found is None or not positional or args:
        fr.fail(node, "super() is read in methods only", "Name the class: `Base.method(self)`.")
    return Super(found[1], fr.name(positional[0].id, node))  # type: ignore[return-value]


def super_attribute(fr: Frame, base: Super, name: str, node: gast.AST) -> FrontValue:
    own: Any = _class_of(base.receiver)
    if isinstance(base.receiver, Known):  # a class, or an object from outside
        own = base.receiver.value
        own = own if isinstance(own, type) else type(own)
    mro = own.__mro__ if isinstance(own, type) else ()
    after = mro[mro.index(base.cls) + 1 :] if base.cls in mro else ()
    for cls in after:
        found = vars(cls).get(name)
        if isinstance(found, FunctionType):
            return Method(base.receiver, name, found)
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            return fr.call(node, Known(found.fget), [base.receiver])
        if name == "__init__" and cls is object:
            return Known(_nothing)
    fr.fail(node, f"no base class of `{base.cls.__name__}` has a method `{name}`")


def _nothing() -> None:
    """`object.__init__(self)`."""


def nothing(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    return const(None)


BUILTINS = {super: super_of, _nothing: nothing}
