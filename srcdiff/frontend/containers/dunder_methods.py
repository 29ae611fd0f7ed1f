"""Special methods of the user's named tuples and dataclasses: `a + b` of two of them is `a.__add__(b)`.

Uses of a special method that are not read as a call of the method are refused: the parts alone would mean something
else.
"""

from __future__ import annotations

import inspect

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Method, Parts
from srcdiff.ir.structs import is_descriptor, is_generated
from srcdiff.ir.types import Struct
from srcdiff.ir.values import Value

_BINARY = {
    gast.Add: "add",
    gast.Sub: "sub",
    gast.Mult: "mul",
    gast.Div: "truediv",
    gast.FloorDiv: "floordiv",
    gast.Mod: "mod",
    gast.Pow: "pow",
    gast.MatMult: "matmul",
    gast.BitAnd: "and",
    gast.BitOr: "or",
    gast.BitXor: "xor",
    gast.LShift: "lshift",
    gast.RShift: "rshift",
}
_COMPARED = {
    gast.Eq: ("__eq__", "__eq__"),
    gast.NotEq: ("__ne__", "__ne__"),
    gast.Lt: ("__lt__", "__gt__"),
    gast.LtE: ("__le__", "__ge__"),
    gast.Gt: ("__gt__", "__lt__"),
    gast.GtE: ("__ge__", "__le__"),
}


def record_class(value: FrontValue) -> type | None:
    """The class of a named tuple or dataclass."""
    if isinstance(value, Parts):
        return value.cls
    type_ = value.type if isinstance(value, Value) else None
    return type_.cls if isinstance(type_, Struct) else None


def is_own(value: FrontValue) -> bool:
    """Whether it is an object of a class of the user's, of which only its methods say what is in it."""
    cls = record_class(value)
    return cls is not None and not issubclass(cls, tuple)


def refuse_descriptor(fr: Frame, cls: type | None, name: str, node: gast.AST) -> None:
    """Refuse to get or set an attribute that an object of the user's stands for."""
    found = None if cls is None else inspect.getattr_static(cls, name, None)
    if is_descriptor(found):
        fr.untyped(
            node,
            f"`{name}` is a descriptor, a {type(found).__name__}, which defines how the attribute is read and set",
            "Use a property.",
        )


def method_of(value: FrontValue, name: str) -> Method | None:
    """`value.name`, where the user wrote that method."""
    cls = record_class(value)
    found = None if cls is None else inspect.getattr_static(cls, name, None)
    return None if is_generated(found) else Method(value, name, found)


def call_dunder(
    fr: Frame, node: gast.AST, value: FrontValue, name: str, *args: FrontValue, **kwargs: FrontValue
) -> FrontValue | None:
    """`value.name(*args)`, where the user wrote that method."""
    method = method_of(value, name)
    return None if method is None else fr.call(node, method, list(args), kwargs)


def operated(
    fr: Frame,
    node: gast.AST,
    op: gast.operator,
    left: FrontValue,
    right: FrontValue,
    in_place: bool = False,
) -> FrontValue | None:
    """`left op right`, where one of them has a method for it."""
    name = _BINARY[type(op)]
    if in_place and method_of(left, f"__i{name}__"):
        return call_dunder(fr, node, left, f"__i{name}__", right)
    if method_of(left, f"__{name}__"):
        return call_dunder(fr, node, left, f"__{name}__", right)
    return call_dunder(fr, node, right, f"__r{name}__", left)


def compared(
    fr: Frame, node: gast.AST, op: gast.cmpop, left: FrontValue, right: FrontValue
) -> FrontValue | None:
    """`left op right` of a comparison, where one of them has a method for it."""
    name, mirrored = _COMPARED[type(op)]
    if method_of(left, name):
        return call_dunder(fr, node, left, name, right)
    if method_of(right, mirrored):
        return call_dunder(fr, node, right, mirrored, left)
    if isinstance(op, gast.NotEq):
        refuse_special(fr, node, left, "__eq__")
        refuse_special(fr, node, right, "__eq__")
    return None


def refuse_own_items(fr: Frame, node: gast.AST, value: FrontValue) -> None:
    """Refuse to go through a record whose items are not its fields."""
    refuse_special(fr, node, value, "__iter__")
    if isinstance(value, Parts) and value.kind == "object":
        refuse_special(fr, node, value, "__getitem__")
        fr.fail(
            node,
            f"a {value.cls.__name__ if value.cls else 'object'} is not a sequence",
            "Go through one of its attributes.",
        )
    if is_own(value):
        refuse_special(fr, node, value, "__getitem__")


def refuse_special(fr: Frame, node: gast.AST, value: FrontValue, name: str) -> None:
    """Refuse an operation that would call a method of the user's."""
    method = method_of(value, name)
    if method is not None:
        cls = record_class(value)
        fr.untyped(
            node,
            f"`{name}` of {cls.__name__ if cls else 'this'} is not called here",
            "Call a method of another name.",
        )
