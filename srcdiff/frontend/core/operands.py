"""A value of the frontend as one operand of the IR."""

from __future__ import annotations

from typing import Any

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Items, Parts, ShapeOf, Text
from srcdiff.ir.types import Static
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays.containers import pack


def as_operand(fr: Frame, node: gast.AST, value: FrontValue) -> Atom:
    """A value as one operand: a structure is packed."""
    value = fr.narrow(value)
    if isinstance(value, Value | Const):
        return value
    if isinstance(value, Parts) and value.kind == "maybe":
        fr.untyped(node, "what may be None is put on a list", "Put a number there that says so.")
    if isinstance(value, Items):
        fr.untyped(node, "a range or an iterator is put on a list", "Make a list of it.")
    if isinstance(value, ShapeOf):
        value = fr.shape_parts(value, node)
    if isinstance(value, Parts):
        operands = [as_operand(fr, node, v) for v in value.values]
        attrs: dict[str, Any] = {"cls": value.cls} if value.cls else {}
        return fr.op(node, pack, *operands, kind=value.kind, keys=value.keys, **attrs)
    if isinstance(value, Text) and not value.operands:
        return Const(value.template, Static(value.template))
    return fr.as_atom(value, node)
