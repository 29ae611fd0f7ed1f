"""The state of reading: a `Session` for one IR function, a `Frame` for each Python function that is read into it.

The modules of this package register how each kind of node is read (`@reads(gast.BinOp)`); `Frame.expr` and
`Frame.statement` find it. All frames of a session append to one builder, `session.b`, that of the region which
is open.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from types import FunctionType
from typing import Any, NoReturn, TypeVar

import gast

from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.core.external_arrays import refuse_change
from srcdiff.frontend.core.operations import Operations
from srcdiff.frontend.core.session import Session
from srcdiff.frontend.core.values import (
    Conflict,
    FrontValue,
    Known,
    Method,
    Missing,
    Partial,
    Parts,
)
from srcdiff.frontend.source.function_source import CalledSource, Source
from srcdiff.frontend.source.refusals import fail, untyped
from srcdiff.ir.build import Builder
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Scalar, Static, is_complex
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.registry import is_own
from srcdiff.ops.core.type_rules import TypeMistake, UntypedMistake

Reader = Callable[["Frame", gast.AST], Any]
R = TypeVar("R", bound=Reader)

_READERS: dict[type[gast.AST], Reader] = {}


def reads(*kinds: type[gast.AST]) -> Callable[[R], R]:
    """Register how nodes of these kinds are read."""

    def register(reader: R) -> R:
        for kind in kinds:
            _READERS[kind] = reader
        return reader

    return register


class Frame(Operations):
    """One Python function being read: its names and what they stand for now."""

    def __init__(
        self,
        session: Session,
        source: Source,
        look_up: Callable[[str], tuple[str, object] | None],
        outer: Frame | None = None,
        caller: Frame | None = None,
    ) -> None:
        self.session = session
        self.source = source
        self.look_up = look_up  # names that are no locals: cells, globals, builtins
        self.outer = outer  # the frame that a nested function was defined in
        self.caller = caller  # the one that reads this one's body in place of a call
        self.call_node: gast.AST | None = None  # that call's tree
        self.env: dict[str, FrontValue] = {}
        self.local = (
            source.flow.local
        )  # a name that is assigned anywhere in a function is no global in it
        self.nonlocals = source.flow.nonlocals
        self.loop_depth = 0
        self.guessed: dict[str, Callable[[str, FrontValue], None]] = {}  # names of no known type
        self.is_finished = False  # whether the call has returned
        self.consume: Callable[[FrontValue], None] | None = (
            None  # is called with each value that a generator yields
        )
        self.attempts = 0  # `try`s whose first block is being read
        self.places: dict[int, tuple[Location, Location]] = {}
        self.watched: frozenset[str] = (
            frozenset()
        )  # parameters known when compiling: reading is noted

    def new(
        self,
        source: Source,
        look_up: Callable[[str], tuple[str, object] | None],
        outer: Frame | None = None,
        caller: Frame | None = None,
    ) -> Frame:
        """The frame of another function, in the same session."""
        return type(self)(self.session, source, look_up, outer, caller)

    # ---- places ----

    def place(self, node: gast.AST) -> Location:
        """Where a node stands, with the calls by which it was reached."""
        found = self.source.location(node)
        if self.called_from is None:
            return found
        if id(found) not in self.places:
            self.places[id(found)] = found, replace(found, called_from=self.called_from)
        return self.places[id(found)][1]

    @cached_property
    def called_from(self) -> Location | None:
        """The user's call in whose place this is read."""
        around = self.outer if self.caller is None else self.caller
        if around is None or (self.caller is None and around.source is not self.source):
            return None
        is_ours = isinstance(self.source, CalledSource) or around.source.file.startswith(
            "<srcdiff "
        )
        if self.call_node is None or is_ours:
            return around.called_from
        return around.place(self.call_node)

    # ---- reading ----

    def expr(self, node: gast.AST) -> FrontValue:
        reader = _READERS.get(type(node))
        if reader is None:
            self.fail(
                node,
                f"`{type(node).__name__}` is not supported here",
                "Write it with plainer Python.",
            )
        value: FrontValue = reader(self, node)
        if isinstance(value, Parts) and value.kind == "maybe":
            return self.unwrap(value, node)
        return value

    def value_or_none(self, node: gast.AST) -> FrontValue:
        """An expression where None will do as well."""
        value: FrontValue = self.statement(node)
        return value

    def statement(self, node: gast.AST) -> Any:
        return _READERS[type(node)](self, node) if type(node) in _READERS else self.expr(node)

    def number(self, node: gast.AST) -> Atom:
        """An expression that must be a number or an array."""
        return self.as_atom(self.expr(node), node)

    def as_atom(self, value: FrontValue, node: gast.AST) -> Atom:
        if isinstance(value, Value | Const):
            return value
        if isinstance(value, Parts) and value.kind == "maybe":
            return self.as_atom(self.unwrap(value, node), node)
        refused = getattr(getattr(value, "value", None), "refused", None)
        if isinstance(refused, tuple):
            self.fail(node, *refused)
        self.untyped(
            node,
            f"expected a number or an array, got {describe(value)}",
            "Pass the parts of it one by one.",
        )

    def evaluated(self, node: gast.AST, function: Callable[..., object], *known: object) -> Any:
        """The value of a function of objects known when compiling; an exception is an error at the node."""
        try:
            return function(*known)
        except TypeMistake as mistake:
            self.fail(node, str(mistake))
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            self.fail(node, f"this raises {type(error).__name__}: {error}")

    # ---- names ----

    def name(self, name: str, node: gast.AST) -> FrontValue:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.env:
                if name in frame.watched:
                    self.session.taken.add(name)
                return self.bound(frame.env[name], name, node)
            if name in frame.local:
                self.unbound(name, node)
            frame = frame.outer
        found = self.find(name)
        if found is None:
            self.fail(
                node,
                f"the name `{name}` is not defined",
                "Define it before the function is called.",
            )
        return self.constant(found[0], name, found[1], node)

    def bind(self, name: str, value: FrontValue) -> None:
        """`name = value`, here or in the function around that has the name."""
        frame = self
        while frame.outer is not None and not frame.binds(name, is_innermost=frame is self):
            frame = frame.outer
        shared = frame.env.get(name)
        if isinstance(shared, Parts) and shared.kind == "shared":
            self.session.cells[shared.cell] = replace(shared, values=(value,))
        else:
            frame.env[name] = value
            if name in frame.guessed:
                frame.guessed[name](name, value)

    def binds(self, name: str, is_innermost: bool) -> bool:
        """Whether a name that this frame, or one inside of it, assigns is this frame's own."""
        return name not in self.nonlocals and (
            is_innermost or name in self.env or name in self.local
        )

    def find(self, name: str) -> tuple[str, Any] | None:
        """The object of a name outside the functions that are being read."""
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame.look_up(name)

    def bound(self, value: FrontValue, name: str, node: gast.AST) -> FrontValue:
        """The value of a name, if it is sure to be bound here."""
        if isinstance(value, Parts) and value.kind == "shared":
            (value,) = self.session.cells[value.cell].values
        while isinstance(value, Partial):
            if self.session.facts.get(value.condition) != value.when:
                self.unbound(name, node)
            value = value.value
        if isinstance(value, Missing):
            self.unbound(name, node)
        if isinstance(value, Conflict):
            self.session.specialise_on(value.condition)
            shown = f"`{name}`" if name.isidentifier() else name
            self.untyped(node, f"{shown} {value.message}", value.advice)
        if isinstance(value, Parts) and value.kind == "maybe":
            value = self.narrow(value)
        return self.session.current(value)

    def unbound(self, name: str, node: gast.AST) -> NoReturn:
        for guess in reversed(self.session.guesses):
            guess(self, name)  # an enclosing loop may know better, and is then read again
        self.fail(
            node,
            f"`{name}` may not be bound here",
            f"Assign `{name}` on every path that leads here, or before the branch or loop.",
        )

    def call_prelude(
        self, node: gast.AST, function: Callable[..., object], *args: FrontValue
    ) -> FrontValue:
        """A call of one of our functions in Python (`iteration/prelude.py`): an error in it is shown at the node."""
        try:
            return self.call(node, Known(function), args)
        except UnsupportedError as error:
            assert isinstance(function, FunctionType)
            ours = function.__code__.co_filename
            if error.location is not None and error.location.file != ours:  # in the user's function
                chain = tuple(place for place in error.chain if place.file != ours)
                raise type(error)(error.message, error.advice, error.location, chain) from None
            is_untyped = isinstance(error, UntypedError)
            (self.untyped if is_untyped else self.fail)(node, error.message, error.advice)

    # ---- writing IR ----

    @property
    def b(self) -> Builder:
        return self.session.b

    def op(
        self,
        node: gast.AST,
        decl: OpDecl,
        *operands: Atom,
        name: str = "",
        user: bool = False,
        spelling: str = "",
        **attrs: Any,
    ) -> Value:
        (result,) = self.ops(
            node, decl, *operands, names=(name,), user=user, spelling=spelling, **attrs
        )
        if isinstance(result.type, Static):  # a part of a container that is specialised on
            return self.from_python(result.type.value, "", node)  # type: ignore[return-value]
        return result

    def ops(
        self,
        node: gast.AST,
        decl: OpDecl,
        *operands: Atom,
        names: tuple[str, ...] = (),
        user: bool = False,
        spelling: str = "",
        **attrs: object,
    ) -> tuple[Value, ...]:
        """Append an operation; a mistake that its type rule finds becomes an error at the node."""
        b = self.session.b
        b.location = None if self.session.of_rule else self.place(node)
        user = user and self.session.user_names
        try:
            results = b.ops(decl, *operands, names=names, user=user, spelling=spelling, **attrs)
        except UntypedMistake as mistake:
            self.untyped(node, str(mistake), mistake.advice)
        except TypeMistake as mistake:
            self.fail(node, str(mistake))
        except ShapeMismatch as mistake:
            self.fail(node, str(mistake), "Check the shapes of the operands on this line.")
        if not decl.takes_complex and any(is_complex(v.type) for v in (*operands, *results)):
            self.refuse_complex(node, name_of(decl, spelling), is_own(decl))
        if decl.writes and any(_is_mask(operands[k]) for k in decl.writes):
            self.session.masks_written += 1
            self.session.true_counts = {}
        if self.session.shapes.doubts:
            self.check_lengths(node, operands)
        return results

    # ---- errors ----

    def updated(self, node: gast.AST, old: FrontValue, new: FrontValue) -> FrontValue:
        """`new`, the value of `old` after `old += v`."""
        if isinstance(old, Const) and id(old) in self.session.outside:
            refuse_change(self.session.outside[id(old)], self.source.location(node))
        is_number = isinstance(old, Value) and isinstance(old.type, Scalar) and not old.type.weak
        if is_number and isinstance(new, Value):
            self.session.updates.add(new)
        return new

    def refuse_complex(self, node: gast.AST, name: str, of_user: bool = False) -> NoReturn:
        """Refuse complex numbers where a rule is for real numbers only; `of_user`: the rule is the user's."""
        advice = "Compute with np.real and np.imag of it, or with what docs/coverage.md has for complex numbers."
        if of_user:
            advice = "If its rule is right for them, declare it: rule(..., takes_complex=True)."
        why = ": they have no order" if name.rpartition(".")[2] in _OF_AN_ORDER else ""
        self.fail(node, f"`{name}` of complex numbers is not supported{why}", advice)

    def fail(self, node: gast.AST, message: str, advice: str = "") -> NoReturn:
        fail(message, advice, self.source.location(node))

    def untyped(self, node: gast.AST, message: str, advice: str = "") -> NoReturn:
        """Refuse a program that has no static types."""
        untyped(message, advice, self.source.location(node))


_OF_AN_ORDER = {
    "amax", "amin", "argmax", "argmin", "argpartition", "argsort", "clip", "fmax", "fmin", "greater",
    "greater_equal", "less", "less_equal", "lexsort", "max", "maximum", "median", "min", "minimum", "nanargmax",
    "nanargmin", "nanmax", "nanmedian", "nanmin", "partition", "ptp", "searchsorted", "sort", "union1d", "unique",
}  # fmt: skip


def name_of(decl: OpDecl, spelling: str = "") -> str:
    """An operation as the user knows it."""
    text = spelling or decl.spelling or (decl.template if isinstance(decl.template, str) else "")
    return re.sub(r"\{(\d)\}", lambda m: "xyzw"[int(m[1])], text) or decl.name


def _is_mask(atom: Atom) -> bool:
    return isinstance(atom.type, Array) and atom.type.dtype == "bool"


def an(word: str) -> str:
    """The word with its article."""
    return f"{'an' if word[0] in 'aeiouAEIO' else 'a'} {word}"


def describe(value: FrontValue) -> str:
    """A frontend value in words."""
    match value:
        case Value():
            return str(value.type)
        case Const():
            return "None" if value.value is None else repr(value.value)
        case Parts():
            return an(value.cls.__name__ if value.cls else value.kind)
    inner = getattr(value, "value", None)
    name = getattr(inner, "__name__", None)
    if name is not None:
        return f"`{name}`"
    if isinstance(value, Method):
        return f"`.{value.name}`"
    return {
        "Closure": "a function",
        "Generated": "a generator",
        "Stream": "an iterator",
        "Slice": "a slice",
        "Items": "a range or an iterator",
        "ShapeOf": "a shape",
        "Text": "a string",
    }.get(type(value).__name__, "something that is not a number")
