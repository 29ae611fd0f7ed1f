"""The state of reading: a `Session` for one IR function, a `Frame` for each Python function that is read into it.

The modules of this package register how each kind of node is read (`@reads(gast.BinOp)`); `Frame.expr` and `Frame.statement`
find it. All frames of a session append to one builder, `session.b`, that of the region which is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from srcdiff.frontend.source import Source
from srcdiff.frontend.subset import fail
from srcdiff.frontend.values import MISSING, Conflict, FrontValue, Missing, Partial, Parts
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, Op, OpDecl, Value, const
from srcdiff.ir.shapes import ShapeMismatch, Shapes
from srcdiff.ir.types import Dim, List, Type
from srcdiff.ops.infer import TypeMistake

__all__ = ["FALSE", "TRUE", "Frame", "Mark", "NeedStatic", "Session", "Symbols", "Unroll", "reads"]

TRUE, FALSE = const(True), const(False)


class NeedStatic(Exception):
    """An operation needs a parameter's value when compiling; the reader starts again with it."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class Unroll(Exception):
    """A part of a container is taken by a loop's index: the loop has to be unrolled."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


class Restart(Exception):
    """Something was learned (the element type of a list) that the beginning of the function depends on."""


@dataclass
class Symbols(Shapes):
    """Lengths of a function under construction, with the order in which symbols were made."""

    order: dict[str, int] = field(default_factory=dict)
    regions: list[int] = field(default_factory=list)  # for each open region, the number of symbols at its start

    def fresh(self, hint: str = "k") -> Dim:
        never_one = hint.endswith("_")  # see `arguments`: the lengths of a list's elements, where none of them is 1
        hint = hint.rstrip("_") or "k"
        while True:
            dim = super().fresh(hint)
            (symbol,) = dim.symbols()
            if symbol not in self.rigid and symbol not in self.order:
                self.order[symbol] = len(self.order)
                if never_one:
                    self.rigid.add(symbol)
                return dim

    def must_equal(self, a: Dim, b: Dim, what: str = "lengths") -> Dim:
        """The younger symbol stands for the older, so that a length is never named after something that comes later."""
        a, b = self.resolve(a), self.resolve(b)
        ages = [self.order.get(d.symbol, -1) if d.symbol is not None else -1 for d in (a, b)]
        if a != b and not (a.is_const and b.is_const) and not self._is_sure(a, b, max(ages)):
            return a
        return super().must_equal(*((b, a) if ages[0] > ages[1] else (a, b)), what)

    def _is_sure(self, a: Dim, b: Dim, age: int) -> bool:
        """Whether two lengths that meet in a branch or loop may be taken to be equal everywhere, since it may never run."""
        if not self.regions or age >= self.regions[-1]:
            return True
        try:
            if a.evaluate(self.actual) != b.evaluate(self.actual):
                return False
        except KeyError:
            return False
        self.assumptions.append((a, b))
        return True


@dataclass(frozen=True)
class Mark:
    """Where a session stood, to go back to when a loop is read again."""

    bindings: dict[str, Dim]
    assumptions: int
    used: dict[str, int]
    order: dict[str, int]
    patches: int
    cells: dict[str, Parts]
    cell_count: int


@dataclass
class Session:
    """One IR function under construction.

    Attributes
    ----------
    facts : dict
        Truth values that are known where the reader is: inside a branch, of its condition.
    implies : dict
        What else is known when a truth value is: of `a and b` being true, both.
    hints : dict
        What was learned about loops and lists on an earlier reading, by (path, node).
    path : tuple
        The calls that are being inlined.
    owners, parameters : dict
        The parameter that an integer symbol, or a scalar, is the value of.
    decided_by : dict
        For comparisons of parameters with constants: the parameters.
    indices : set
        The symbols that are loop indices.
    loops : list
        For each open loop, the number of symbols at its start.
    cells : dict
        What containers that may be written into hold now.
    guesses : list
        What open loops do about a name that is read before it is bound.
    opened : dict
        Struct-typed parameters that are written into, as containers of that kind; `writes_params` tells that there are any.
    notes : dict
        What the function was specialised on: globals and captured values.
    """

    shapes: Symbols
    b: Builder
    facts: dict[Atom, bool] = field(default_factory=dict)
    implies: dict[Atom, tuple[tuple[bool, tuple[tuple[Atom, bool], ...]], ...]] = field(default_factory=dict)
    hints: dict[Any, Any] = field(default_factory=dict)
    path: tuple[int, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
    params: tuple[Value, ...] = ()
    parameters: dict[Value, str] = field(default_factory=dict)
    decided_by: dict[Atom, tuple[str, ...]] = field(default_factory=dict)
    indices: set[str] = field(default_factory=set)
    loops: list[int] = field(default_factory=list)
    lists: dict[Value, tuple[Any, int, Op]] = field(default_factory=dict)
    patches: list[tuple[Value, Op, Type]] = field(default_factory=list)
    notes: dict[str, dict[str, Any]] = field(default_factory=lambda: {"globals": {}, "captured": {}})
    functions: dict[Any, Any] = field(default_factory=dict)
    open_calls: tuple[Any, ...] = ()
    cells: dict[str, Parts] = field(default_factory=dict)
    cell_count: int = 0
    guesses: list[Callable[[Frame, str], None]] = field(default_factory=list)
    opened: dict[Value, Parts] = field(default_factory=dict)
    writes_params: bool = False
    user_names: bool = True  # False for rules: their names are hints, their lines are not the user's

    def mark(self) -> Mark:
        s = self.shapes
        return Mark(
            dict(s.bindings), len(s.assumptions), dict(s.used), dict(s.order), len(self.patches), dict(self.cells), self.cell_count
        )

    def reset(self, mark: Mark) -> None:
        s = self.shapes
        s.bindings, s.used, s.order = dict(mark.bindings), dict(mark.used), dict(mark.order)
        del s.assumptions[mark.assumptions :]
        self.cells, self.cell_count = dict(mark.cells), mark.cell_count
        while len(self.patches) > mark.patches:
            value, op, old = self.patches.pop()
            retype_list(value, op, old)

    @contextmanager
    def region(self) -> Iterator[Builder]:
        """Open a region; statements go there until the `with` ends."""
        outer, facts = self.b, self.facts
        self.b = outer.inner()
        self.shapes.regions.append(len(self.shapes.order))
        try:
            yield self.b
        finally:
            self.b, self.facts = outer, facts
            self.shapes.regions.pop()

    def ask_for(self, condition: Atom | None) -> None:
        """Specialise on the parameter that a condition is made of, if it is one parameter's value."""
        if condition is None:
            return
        if condition in self.parameters:
            raise NeedStatic(self.parameters[condition])  # type: ignore[index]
        for parameter in self.decided_by.get(condition, ()):
            raise NeedStatic(parameter)
        for _, consequences in self.implies.get(condition, ()):
            for atom, _ in consequences:
                self.ask_for(atom)

    def new_cell(self, parts: Parts) -> Parts:
        """The container as one that may be written into."""
        self.cell_count += 1
        made = replace(parts, cell=f"%cell{self.cell_count}")
        self.cells[made.cell] = made
        return made

    def current(self, value: FrontValue) -> FrontValue:
        """A value as it is now, after writes into it or into what it holds."""
        if isinstance(value, Parts) and self.cells:
            now = self.cells.get(value.cell, value)
            values = tuple(map(self.current, now.values))
            if any(a is not b for a, b in zip(values, now.values, strict=True)):
                return replace(now, values=values)
            return now
        if isinstance(value, Value) and value in self.opened:
            return self.current(self.opened[value])
        return value

    def suppose(self, condition: Atom, truth: bool) -> None:
        """Enter what is known in the branch where `condition` is `truth`."""
        self.facts = dict(self.facts)
        pending = [(condition, truth)]
        while pending:
            atom, value = pending.pop()
            self.facts[atom] = value
            for when, consequences in self.implies.get(atom, ()):
                if when == value:
                    pending += consequences


def retype_list(value: Value, op: Op, type_: Type) -> None:
    """Set the type of a list whose first element has just become known: nothing has looked at it so far."""
    object.__setattr__(value, "type", type_)
    assert isinstance(type_, List) and isinstance(op.attrs, dict)
    op.attrs["element"] = type_.element


_READERS: dict[type, Callable[[Frame, Any], Any]] = {}

Reader = Callable[["Frame", Any], Any]

# what frames need from modules that are built on frames
HOOKS: dict[str, Callable[..., Any]] = {}


def reads(*kinds: type) -> Callable[[Reader], Reader]:
    """Register how nodes of these kinds are read."""

    def register(reader: Reader) -> Reader:
        for kind in kinds:
            _READERS[kind] = reader
        return reader

    return register


class Frame:
    """One Python function being read: its names and what they stand for now."""

    def __init__(
        self, session: Session, source: Source, look_up: Callable[[str], tuple[str, Any] | None], outer: Frame | None = None
    ) -> None:
        self.session = session
        self.source = source
        self.look_up = look_up  # names that are no locals: cells, globals, builtins
        self.outer = outer  # the frame that a nested function was defined in
        self.env: dict[str, FrontValue] = {}
        self.local = source.flow.local  # a name that is assigned anywhere in a function is no global in it
        self.loop_depth = 0

    # ---- reading ----

    def expr(self, node: Any) -> FrontValue:
        reader = _READERS.get(type(node))
        if reader is None:
            self.fail(node, f"`{type(node).__name__}` is not supported here", "Write it with plainer Python.")
        return reader(self, node)  # type: ignore[no-any-return]

    def statement(self, node: Any) -> Any:
        return self.expr(node)

    def number(self, node: Any) -> Atom:
        """An expression that must be a number or an array."""
        return self.as_atom(self.expr(node), node)

    def as_atom(self, value: FrontValue, node: Any) -> Atom:
        if isinstance(value, Value | Const):
            return value
        self.fail(node, f"expected a number or an array, got {describe(value)}", "Pass the parts of it one by one.")

    # ---- names ----

    def name(self, name: str, node: Any) -> FrontValue:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.env:
                return self.bound(frame.env[name], name, node)
            if name in frame.local:
                self.unbound(name, node)
            frame = frame.outer
        found = self.find(name)
        if found is None:
            self.fail(node, f"the name `{name}` is not defined", "Define it before the function is called.")
        return self.constant(found[0], name, found[1], node)

    def find(self, name: str) -> tuple[str, Any] | None:
        frame: Frame | None = self
        while frame.outer is not None:
            frame = frame.outer
        return frame.look_up(name)

    def bound(self, value: FrontValue, name: str, node: Any) -> FrontValue:
        """What a name stands for, if it is sure to be bound here."""
        while isinstance(value, Partial):
            if self.session.facts.get(value.condition) != value.when:
                self.unbound(name, node)
            value = value.value
        if isinstance(value, Missing):
            self.unbound(name, node)
        if isinstance(value, Conflict):
            self.session.ask_for(value.condition)
            self.fail(node, f"`{name}` {value.message}", "Use two names, or make both of one type.")
        return self.session.current(value)

    def unbound(self, name: str, node: Any) -> NoReturn:
        for guess in reversed(self.session.guesses):
            guess(self, name)  # an enclosing loop may know better, and is then read again
        self.fail(
            node, f"`{name}` may not be bound here", f"Assign `{name}` on every path that leads here, or before the branch or loop."
        )

    def constant(self, kind: str, name: str, value: Any, node: Any) -> FrontValue:
        """A Python object found outside the function; see `constants.read_constant`."""
        return HOOKS["constant"](self, kind, name, value, node)  # type: ignore[no-any-return]

    # ---- writing IR ----

    @property
    def b(self) -> Builder:
        return self.session.b

    def op(self, node: Any, decl: OpDecl, *operands: Atom, name: str = "", user: bool = False, spelling: str = "", **attrs: Any) -> Value:
        (result,) = self.ops(node, decl, *operands, names=(name,), user=user, spelling=spelling, **attrs)
        return result

    def ops(
        self, node: Any, decl: OpDecl, *operands: Atom, names: tuple[str, ...] = (), user: bool = False, spelling: str = "", **attrs: Any
    ) -> tuple[Value, ...]:
        """Append an operation; what its type rule finds wrong becomes an error at the node."""
        b = self.session.b
        b.location = self.source.location(node) if self.session.user_names else None
        user = user and self.session.user_names
        try:
            return b.ops(decl, *operands, names=names, user=user, spelling=spelling, **attrs)
        except (TypeMistake, ShapeMismatch) as mistake:
            self.fail(node, str(mistake), "Check the shapes and types of the operands on this line.")

    # ---- errors ----

    def fail(self, node: Any, message: str, advice: str = "") -> NoReturn:
        fail(message, advice, self.source.location(node))


def describe(value: FrontValue) -> str:
    """A frontend value in words."""
    match value:
        case Value():
            return str(value.type)
        case Const():
            return "None" if value.value is None else repr(value.value)
        case Parts():
            return f"a {value.cls.__name__ if value.cls else value.kind}"
    inner = getattr(value, "value", None)
    name = getattr(inner, "__name__", None)
    if name is not None:
        return f"`{name}`"
    return {"Closure": "a function", "Slice": "a slice", "ShapeOf": "a shape", "Text": "a string"}.get(
        type(value).__name__, "something that is no number"
    )


def environment(mapping: Mapping[str, FrontValue]) -> dict[str, FrontValue]:
    """The bound names of a mapping."""
    return {k: v for k, v in mapping.items() if v is not MISSING}
