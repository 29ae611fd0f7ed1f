"""Objects of the classes of a program: which ones are refused, and the fields of dataclasses."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from types import FunctionType
from typing import Any

from srcdiff.eager.rewrite.attribute_routes import CUSTOM
from srcdiff.eager.structures import leaves_of
from srcdiff.errors import UnsupportedError
from srcdiff.ir.structs import is_own_class


def is_own(value: object) -> bool:
    """Whether a value is an object whose operators may be the user's."""
    return not isinstance(value, type | enum.Enum) and is_own_class(type(value))


def set_fields(made: Any, init: FunctionType, args: Any, kwargs: Any) -> list[object]:
    """Do the work of a dataclass's `__init__` before `__post_init__`; returns the arguments of `__post_init__`."""
    bound = inspect.signature(init).bind(made, *args, **kwargs)
    bound.apply_defaults()
    passed_on = []
    for name, field in type(made).__dataclass_fields__.items():
        kind = field._field_type.name
        value = bound.arguments.get(name, field.default)
        if value is dataclasses._HAS_DEFAULT_FACTORY or value is dataclasses.MISSING:  # type: ignore[attr-defined]
            if field.default_factory is dataclasses.MISSING:
                continue
            value = field.default_factory()
        if kind == "_FIELD_INITVAR":
            passed_on.append(value)
        elif kind != "_FIELD_CLASSVAR":
            object.__setattr__(made, name, value)
    return passed_on


def refuse_custom(cls: type) -> None:
    """Refuse classes with their own attribute access."""
    for name in CUSTOM:
        found = inspect.getattr_static(cls, name, None)
        if isinstance(found, FunctionType) and found.__code__.co_filename != "<string>":
            raise UnsupportedError(
                f"{cls.__name__} has a {name} of its own, which a dynamic program does not support",
                "Use attributes that are set and read as such, or properties.",
            )


def refuse_unread(value: object) -> None:
    """Refuse such objects among arguments."""
    for leaf in (value, *leaves_of(value)):
        if is_own(leaf):
            refuse_custom(type(leaf))
