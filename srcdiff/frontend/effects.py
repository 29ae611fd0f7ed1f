"""Effects (`srcdiff.effects`): the method of the handler around a program is read in the place of the call.

    handle(LogJoint(latents), model, x)     reads `model(x)`, and for each `sample(...)` in it, wherever it is called,
                                            the method `sample` of the handler

A function that calls an effect is read in place itself, since only its caller knows what the effect means.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.session import NotApart, Turn
from srcdiff.frontend.values import FrontValue, Known, Method, Parts, sequence, static
from srcdiff.ir.core import Atom, Const, Value, const, known_dim
from srcdiff.ir.types import Array, Scalar, Struct
from srcdiff.ops.arithmetic import floor_divide, subtract

__all__ = ["EFFECTS", "call_effect"]

Args = Sequence[FrontValue]
Kwargs = Mapping[str, FrontValue]


def call_effect(fr: Frame, node: Any, effect: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """A call of an effect: the innermost handler's method, with the handlers around that one at work."""
    session = fr.session
    handlers = session.handlers
    for k in reversed(range(len(handlers))):
        method = _method(session.current(handlers[k]), effect.srcdiff_effect)
        if method is None:
            continue
        session.handlers = handlers[:k]
        try:
            return HOOKS["call"](fr, node, method, args, kwargs)  # type: ignore[no-any-return]
        finally:
            session.handlers = handlers
    if session.is_callee:
        raise NotApart
    return HOOKS["call"](fr, node, Known(effect.__wrapped__), args, kwargs)  # type: ignore[no-any-return]


def _method(handler: FrontValue, name: str) -> FrontValue | None:
    cls = handler.cls if isinstance(handler, Parts) else None
    if isinstance(handler, Known):
        cls = type(handler.value)
    found = inspect.getattr_static(cls, name, None) if cls is not None else None
    return Method(handler, name, found) if isinstance(found, FunctionType) else None


# ---- what handlers call --------------------------------------------------------------------------------------------


def _handle(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """`handle(handler, function, *args, **kwargs)`."""
    session = fr.session
    handler, function, *rest = args
    outer, turns = session.handlers, session.turns
    session.handlers, session.turns = (*outer, handler), ()
    try:
        return HOOKS["call"](fr, node, function, rest, kwargs)  # type: ignore[no-any-return]
    finally:
        session.handlers, session.turns = outer, turns


def _loops(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """`loops()`: turns, counted from 0, their number, and what is gone over."""
    return sequence(
        [
            sequence([_turn(fr, node, t), const(_turns(fr, t)), t.source or const(None)])
            for t in fr.session.turns
        ]
    )


def _turn(fr: Frame, node: Any, turn: Turn) -> FrontValue:
    if turn.index is None:
        return const(None)
    index = turn.index
    if not _is(turn.start, 0):
        index = fr.op(node, subtract, index, turn.start)
    if not _is(turn.step, 1):
        index = fr.op(node, floor_divide, index, turn.step)
    return index


def _is(atom: Any, number: int) -> bool:
    return isinstance(atom, Const) and atom.value == number


def _turns(fr: Frame, turn: Turn) -> int | None:
    shapes = fr.session.shapes
    bounds = [_integer(shapes, a) for a in (turn.start, turn.stop, turn.step)]
    if turn.index is None or None in bounds:
        return None
    return len(range(*(b for b in bounds if b is not None)))


def _integer(shapes: Any, atom: Atom) -> int | None:
    """The integer for the arguments at hand."""
    dim = known_dim(atom)
    found = None if dim is None else shapes.actually(shapes.resolve(dim))
    return None if found is None else int(found)


def _refuse(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    fr.fail(node, *map(static, args))


def _note(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    session = fr.session
    values = {k: _described(session.shapes, session.current(v)) for k, v in kwargs.items()}
    noted = session.notes.setdefault("noted", {})
    noted[(session.path, id(node))] = (static(args[0]), values, fr.source.location(node))  # type: ignore[index]
    return const(None)


def _described(shapes: Any, value: FrontValue) -> tuple[Any, ...]:
    """A value as `srcdiff.effects.notes_of` takes it."""
    match value:
        case Const():
            return "known", value.value
        case Known():
            return "known", value.value
        case Value(type=Array() as type_):
            return "unknown", type_.dtype, tuple(map(lambda d: _length(shapes, d), type_.shape))
        case Value(type=Scalar() as type_):
            return "unknown", type_.dtype, ()
        case Value(type=Struct() as type_):
            return "object", type_.cls, {}
        case Parts(kind="object" | "dataclass" | "dict"):
            pairs = zip(value.keys, value.values, strict=True)
            return "object", value.cls, {str(k): _described(shapes, v) for k, v in pairs}
        case Parts():
            return "tuple", [_described(shapes, v) for v in value.values]
    return "known", None


def _length(shapes: Any, dim: Any) -> int | None:
    return shapes.actually(shapes.resolve(dim))  # type: ignore[no-any-return]


EFFECTS: dict[str, Callable[[Frame, Any, Args, Kwargs], FrontValue]] = {
    "handle": _handle, "loops": _loops, "note": _note, "refuse": _refuse,
}  # fmt: skip
