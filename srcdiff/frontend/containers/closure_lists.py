"""Functions on lists of the IR: the list holds the values that each function captured; the code is known.

    steps = [scaled(a) for a in x]     # scaled(a) is `lambda v: v * a`
    for step in steps:                 for (a,) in steps:
        v = step(v)                        v = v * a

An item is a tuple of captured values; its type holds, as `cls`, how to build the function (or a container of functions)
from them. Functions with other code, or made in another place, are items of another type. The types of a finished
program do not hold it any more (`without_packed`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import MustInline
from srcdiff.frontend.core.values import Closure, FrontValue, Known, Method, Partial, Parts, Piece
from srcdiff.frontend.source.scopes import free_names
from srcdiff.ir.build import change_types
from srcdiff.ir.core import Function
from srcdiff.ir.types import List, Static, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays.containers import get


@dataclass(frozen=True)
class _Fixed:
    """Something that is known when compiling."""

    value: FrontValue

    def __hash__(self) -> int:
        return 0  # not everything that is known has one


@dataclass(frozen=True)
class _Container:
    kind: str
    keys: tuple[Any, ...]
    cls: type | None
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class _Function:
    """A nested function: `around` is the frame that is still being read, in which all else is found."""

    node: gast.AST
    around: Frame | None
    names: tuple[str, ...]
    captured: tuple[object, ...]
    defaults: tuple[str, ...]
    of_defaults: tuple[object, ...]
    frame: Any


class _Place:
    """A frame, which is not compared: the frames of the calls of one function hold the same names."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place)

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True)
class _Bound:
    """A `functools.partial` or a method of an object."""

    what: tuple[Any, ...]
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class _Form:
    """How a value is made of those on the list."""

    form: Any
    __name__ = "function"


def packed(fr: Frame, node: gast.AST, value: FrontValue) -> FrontValue:
    """A value as an item of a list: a tuple of what is in it, where it is a function or holds one."""
    value = fr.session.current(value)
    if not _has_function(value):
        return value
    if fr.session.is_callee:
        raise MustInline  # the caller has to know what the items are
    fr.session.functions["%or dynamic"] = True
    atoms: list[Atom] = []
    form = _Form(_split(fr, node, value, atoms, 0))
    if not atoms:
        fr.untyped(node, "functions that capture nothing are put on a list", "Use a tuple.")
    return Parts("tuple", tuple(range(len(atoms))), tuple(atoms), form)  # type: ignore[arg-type]


def _has_function(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return any(map(_has_function, value.values))
    is_known = isinstance(value, Known) and callable(value.value)
    return is_known or isinstance(value, Closure | Piece | Method)


def opened(fr: Frame, node: gast.AST, item: Value) -> FrontValue:
    """The function that an item of a list stands for; other items as they are."""
    form = item.type.cls if isinstance(item.type, Struct) else None
    if not isinstance(form, _Form):
        return item
    assert isinstance(item.type, Struct)
    return _made(fr, form.form, iter([fr.op(node, get, item, key=k) for k in item.type.keys]))


# ---- split and rebuilt ----------------------------------------------------------------------------------------------


def _split(fr: Frame, node: gast.AST, value: FrontValue, atoms: list[Atom], depth: int) -> object:
    """The form of a value; `atoms` gets what is in it."""
    session = fr.session
    value = session.current(value)

    def each(values: Any) -> tuple[Any, ...]:
        return tuple(_split(fr, node, v, atoms, depth + 1) for v in values)

    while isinstance(value, Partial) and session.facts.get(value.condition) == value.when:
        value = value.value
    match value:
        case _ if depth > _DEEPEST:
            fr.untyped(node, "functions that refer to each other are put on a list", "Use a tuple.")
        case Known() | Const(type=Static()):
            return _Fixed(value)
        case Value(type=List()):
            fr.untyped(node, "a function on a list captured a list", "Use an array.")
        case Value() | Const():
            atoms.append(value)
            return None
        case Parts() if value.kind not in ("shared", "maybe"):
            if value.cell:
                session.on_lists.add(value.cell)
                session.items.update(session.origins.get(value.cell, ()))
            return _Container(value.kind, value.keys, value.cls, each(value.values))
        case Closure():
            around, found = _captured(fr, node, value)
            captured = each(found.values())
            defaults = each(value.defaults.values())
            own = tuple(value.defaults)
            place = _Place(value.frame)
            return _Function(value.node, around, tuple(found), captured, own, defaults, place)
        case Piece():
            names = tuple(k for k, _ in value.kwargs)
            count = len(value.args)
            parts = (value.function, *value.args, *(v for _, v in value.kwargs))
            return _Bound(("partial", names, count), each(parts))
        case Method():
            return _Bound(("method", value.name, value.function), each((value.receiver,)))
    fr.untyped(
        node, "a value that a function on a list captured has no type", "Use numbers and arrays."
    )


_DEEPEST = 8


def _captured(
    fr: Frame, node: gast.AST, closure: Closure
) -> tuple[Frame | None, dict[str, FrontValue]]:
    """What a function finds in calls that have returned, and the frame in which it looks from there on: it finds there
    what names stand for when it is called.
    """
    open_frames = set(map(id, _open_frames(fr)))
    found: dict[str, FrontValue] = {}
    names = list(free_names(closure.node))
    frame: Frame | None = closure.frame
    while frame is not None and id(frame) not in open_frames:
        if not frame.is_finished:
            fr.untyped(node, "a function on a list was made in a loop of its own", "Use a tuple.")
        for name in names:
            if name in frame.env:
                found.setdefault(name, frame.env[name])
        frame = frame.outer
    return frame, found


def _open_frames(fr: Frame) -> Iterator[Frame]:
    """The functions that are being read."""
    pending: list[Frame | None] = [fr]
    while pending:
        frame = pending.pop()
        if frame is not None:
            yield frame
            pending += [frame.caller, frame.outer]


def _made(fr: Frame, form: object, atoms: Iterator[Atom]) -> FrontValue:
    """The value of a form."""

    def each(forms: Any) -> tuple[FrontValue, ...]:
        return tuple(_made(fr, f, atoms) for f in forms)

    match form:
        case None:
            return next(atoms)
        case _Fixed():
            return form.value
        case _Container():
            return Parts(form.kind, form.keys, each(form.parts), form.cls)
        case _Bound(what=("partial", names, count)):
            function, *given = each(form.parts)
            kwargs = zip(names, given[count:], strict=True)
            return Piece(function, tuple(given[:count]), tuple(kwargs))
        case _Bound(what=(_, name, function)):
            (receiver,) = each(form.parts)
            return Method(receiver, name, function)
    assert isinstance(form, _Function)
    if form.around is not None and form.around.session is not fr.session:
        raise MustInline  # it looks into functions around that are read as one of their own
    outermost = place = form.frame.frame
    while outermost.outer is not None:
        outermost = outermost.outer
    frame = fr.new(place.source, outermost.look_up, form.around)
    frame.local = frame.nonlocals = frozenset()
    frame.is_finished = True
    frame.env = dict(zip(form.names, each(form.captured), strict=True))
    defaults = dict(zip(form.defaults, each(form.of_defaults), strict=True))
    return Closure(form.node, frame, defaults)


# ---- what is left of it ----------------------------------------------------------------------------------------------


def without_packed(function: Function) -> Function:
    """The function with tuples that are nothing but tuples, and with lists for those of any length."""

    def plain(type_: Type) -> Type:
        if isinstance(type_, List):
            return List(plain(type_.element))
        if isinstance(type_, Struct):
            cls = None if isinstance(type_.cls, _Form) else type_.cls
            return Struct(type_.kind, type_.keys, tuple(map(plain, type_.parts)), cls)
        return type_

    return change_types(function, plain, lambda a: None if isinstance(a, _Form) else a)
