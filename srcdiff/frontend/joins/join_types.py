"""The type of a value that is one of two: what fits both, and why nothing does."""

from __future__ import annotations

from dataclasses import replace

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.type_rules import promote
from srcdiff.ops.elementwise import conversions
from srcdiff.ops.elementwise.complex_numbers import to_complex
from srcdiff.ops.elementwise.conversions import to_float, to_int

_CONVERSIONS = {"float64": to_float, "int64": to_int, "complex128": to_complex}


class Unjoinable(Exception):
    """Two values that no one type describes; the text completes "`x` ..."."""


def join_types(shapes: Shapes, a: Type, b: Type) -> Type:
    """The type of a value that is either; lengths that differ become new symbols."""
    if a == b:
        return a
    match a, b:
        case Scalar(), Scalar():
            return _join_scalars(shapes, a, b)
        case Array(), Array() if a.ndim == b.ndim:
            dims = [
                x if shapes.same(x, y) else shapes.fresh()
                for x, y in zip(a.shape, b.shape, strict=True)
            ]
            return Array(_promoted(a, b)[0], tuple(dims))
        case List(), List() if a.is_tuple == b.is_tuple:
            if UNKNOWN in (a.element, b.element):
                return b if a.element == UNKNOWN else a
            return replace(a, element=join_types(shapes, a.element, b.element))
        case Struct(), Struct() if (a.kind, a.keys, a.cls) == (b.kind, b.keys, b.cls):
            parts = tuple(join_types(shapes, x, y) for x, y in zip(a.parts, b.parts, strict=True))
            return Struct(a.kind, a.keys, parts, a.cls)
    raise Unjoinable(f"is {words(a)} on one path and {words(b)} on another")


UNKNOWN: Type = Static("?")  # the element type of a list to which nothing has been appended so far


def _join_scalars(shapes: Shapes, a: Scalar, b: Scalar) -> Scalar:
    dtype, weak = _promoted(a, b)
    if dtype != "int64":
        return Scalar(dtype, weak)
    same = a.expr is not None and b.expr is not None and shapes.same(a.expr, b.expr)
    return Scalar(dtype, weak, a.expr if same else shapes.fresh("i"))


def _promoted(a: Scalar | Array, b: Scalar | Array) -> tuple[str, bool]:
    dtype, weak = promote([Value(a), Value(b)])
    return dtype, weak


def words(type_: Type) -> str:
    match type_:
        case Scalar():
            return "a number"
        case Array():
            return f"an array with {type_.ndim} {'axis' if type_.ndim == 1 else 'axes'}"
        case List():
            return "a tuple" if type_.is_tuple else "a list"
        case Struct():
            return f"a {type_.cls.__name__ if type_.cls else type_.kind}"
    return "None" if type_.value is None else repr(type_.value)


def coerced(fr: Frame, node: gast.AST, atom: Atom, type_: Type) -> Atom:
    """A number as one of the dtype of a join: an integer on one path becomes a float where it is one on the other."""
    own = atom.type
    if (
        not isinstance(own, Scalar | Array)
        or not isinstance(type_, Scalar | Array)
        or own.dtype == type_.dtype
    ):
        return atom
    if isinstance(own, Array):
        return fr.op(node, conversions.astype, atom, dtype=type_.dtype)
    if isinstance(atom, Const):
        return Const(np.dtype(type_.dtype).type(atom.value).item(), Scalar(type_.dtype, own.weak))
    decl = _CONVERSIONS.get(type_.dtype)
    return atom if decl is None else fr.op(node, decl, atom)
