"""Values that may be None: `best = None` before a loop that looks for something.

Such a value is a container of two parts: whether there is a value (`best_found`), and the value. `best is None` tests
the first part. A use as a number takes the second part; if there is no value, the program raises, as it does in Python.
"""

from __future__ import annotations

from dataclasses import replace

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import FrontValue, Missing, Parts, is_none, map_atoms, maybe
from srcdiff.frontend.joins.phi import branch
from srcdiff.ir.types import Scalar, Struct, Type, map_dims
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.control.control import raise_, undefined
from srcdiff.ops.elementwise.arithmetic import not_

_ZEROS = {"float64": 0.0, "int64": 0, "bool": False}


def found_flag(fr: Frame, value: FrontValue) -> Atom | None:
    """Whether there is a value, where there may be none; None for other values."""
    if not isinstance(value, Parts) or value.kind != "maybe":
        return None
    found = value.values[0]
    assert isinstance(found, Value | Const)
    known = fr.session.facts.get(found)
    return found if known is None else const(known)


def unwrap(fr: Frame, value: FrontValue, node: gast.AST) -> FrontValue:
    """The value itself, which the program needs here."""
    found = found_flag(fr, value)
    if found is None:
        return value
    assert isinstance(value, Parts)
    if found == FALSE:
        return const(None)
    if found != TRUE:
        missing = fr.op(node, not_, found)
        fr.session.implies[missing] = ((True, ((found, False),)), (False, ((found, True),)))

        def fail() -> None:
            text = "TypeError('None where a value is needed')"
            fr.ops(node, raise_, text=text, classes={"TypeError": TypeError})

        branch(fr, node, missing, fail, lambda: FALSE, frozenset())
        fr.session.suppose(found, True)
    return value.values[1]


def with_maybes(a: FrontValue, b: FrontValue) -> FrontValue | None:
    """The structure of two values of a name, with what is None in one of them as what may be None; None where they do
    not differ in that.
    """
    if _has_same_structure(a, b):
        assert isinstance(a, Parts) and isinstance(b, Parts)
        parts = [with_maybes(x, y) for x, y in zip(a.values, b.values, strict=True)]
        if all(p is None for p in parts):
            return None
        kept = [x if p is None else p for x, p in zip(a.values, parts, strict=True)]
        return replace(a, values=tuple(kept))
    sides = (a, b)
    is_maybe = [isinstance(v, Parts) and v.kind == "maybe" for v in sides]
    if all(is_maybe) or not (any(map(is_none, sides)) or any(is_maybe)):
        return None
    there = [maybe(v) for v in sides if not is_none(v)]
    if not there or isinstance(there[0].values[1], Missing):
        return None
    return there[0]


def _has_same_structure(a: FrontValue, b: FrontValue) -> bool:
    return (
        isinstance(a, Parts)
        and isinstance(b, Parts)
        and (a.kind, a.keys, a.cls) == (b.kind, b.keys, b.cls)
        and a.kind != "maybe"
    )


def in_a_loop(fr: Frame, node: gast.AST, before: FrontValue, like: FrontValue) -> FrontValue:
    """The value of a name before a loop that gives it a structure with optional parts."""
    if _has_same_structure(before, like):
        assert isinstance(before, Parts) and isinstance(like, Parts)
        pairs = zip(before.values, like.values, strict=True)
        return replace(before, values=tuple(in_a_loop(fr, node, x, y) for x, y in pairs))
    if not isinstance(like, Parts) or like.kind != "maybe":
        return before
    known = fr.session.shapes.order.keys() | fr.session.shapes.rigid

    def there(type_: Type) -> Type:
        return map_dims(
            type_, lambda d: d if d.symbols() <= known else fr.session.shapes.fresh("k")
        )

    def nothing(type_: Type) -> FrontValue:
        if isinstance(type_, Struct):  # parts are taken of it, which nothing has
            parts = tuple(map(nothing, type_.parts))
            return Parts(type_.kind, type_.keys, parts, type_.cls)
        if isinstance(type_, Scalar) and type_.dtype in _ZEROS:
            return const(_ZEROS[type_.dtype])  # compiled code needs a value
        return fr.op(node, undefined, type=there(type_))

    found = _without_cells(like.values[1])
    return maybe(before, lambda: map_atoms(lambda atom: nothing(atom.type), found))


def _without_cells(value: FrontValue) -> FrontValue:
    """The structure alone: what its containers are called is of another reading."""
    if not isinstance(value, Parts):
        return value
    return replace(value, values=tuple(map(_without_cells, value.values)), cell="")


def after_iteration(end: FrontValue, at_start: FrontValue) -> FrontValue:
    """The value of a name with an optional value, at the end of an iteration."""
    if _has_same_structure(end, at_start):
        assert isinstance(end, Parts) and isinstance(at_start, Parts)
        pairs = zip(end.values, at_start.values, strict=True)
        return replace(end, values=tuple(after_iteration(x, y) for x, y in pairs))
    if not isinstance(at_start, Parts) or at_start.kind != "maybe":
        return end
    return maybe(end, lambda: at_start.values[1])


def narrow(fr: Frame, value: FrontValue) -> FrontValue:
    """The value, or None, where it is known which."""
    found = found_flag(fr, value)
    if not isinstance(found, Const):
        return value
    assert isinstance(value, Parts)
    return value.values[1] if found.value else const(None)
