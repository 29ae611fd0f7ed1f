"""Values that may be None: `best = None` before a loop that looks for something.

Such a value is a container of two parts, whether there is one (`best_found`) and what it is. Where the program asks
`best is None`, it asks the first. Where it uses it as a number, it is one: that nothing was found raises, as it does in
Python.
"""

from __future__ import annotations

from typing import Any

from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.joins import branch
from srcdiff.frontend.session import FALSE, TRUE
from srcdiff.frontend.values import FrontValue, Parts, is_none, map_atoms, maybe
from srcdiff.ir.core import Atom, Const, Value, const
from srcdiff.ir.types import Scalar, Type, map_dims
from srcdiff.ops.arithmetic import not_
from srcdiff.ops.control import raise_, undefined

__all__ = ["found_flag", "in_a_loop", "of_turn", "sure"]


_ZEROS = {"float64": 0.0, "int64": 0, "bool": False}


def found_flag(fr: Frame, value: FrontValue) -> Atom | None:
    """Whether there is a value, where there may be none; None for other values."""
    if not isinstance(value, Parts) or value.kind != "maybe":
        return None
    found = value.values[0]
    assert isinstance(found, Value | Const)
    known = fr.session.facts.get(found)
    return found if known is None else const(known)


def sure(fr: Frame, value: FrontValue, node: Any) -> FrontValue:
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


HOOKS["sure"] = sure


def in_a_loop(fr: Frame, node: Any, before: FrontValue, like: FrontValue) -> FrontValue:
    """What a name that may be None stands for before a loop in which it gets a value like another one."""
    if not is_none(before):
        return maybe(before)
    known = fr.session.shapes.order.keys() | fr.session.shapes.rigid

    def there(type_: Type) -> Type:
        return map_dims(
            type_, lambda d: d if d.symbols() <= known else fr.session.shapes.fresh("k")
        )

    def nothing(atom: Atom) -> Atom:
        if isinstance(atom.type, Scalar) and atom.type.dtype in _ZEROS:
            return const(_ZEROS[atom.type.dtype])  # compiled code asks for something
        return fr.op(node, undefined, type=there(atom.type))

    return maybe(before, lambda: map_atoms(nothing, like))


def of_turn(end: FrontValue, at_start: FrontValue) -> FrontValue:
    """What such a name stands for at the end of a turn."""
    assert isinstance(at_start, Parts)
    return maybe(end, lambda: at_start.values[1])
