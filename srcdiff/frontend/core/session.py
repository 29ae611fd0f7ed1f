"""The state of one IR function under construction; frames of all Python functions read into it share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gast

from srcdiff.frontend.core.external_arrays import ExternalArray
from srcdiff.frontend.core.restarts import MustInline, NeedStatic, Restart
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import FrontValue, Parts
from srcdiff.frontend.source.external_dependencies import Watched
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.facts import EffectNote
from srcdiff.ir.location import Location
from srcdiff.ir.types import Dim, List, Type
from srcdiff.ir.values import Atom, Const, Value, const

if TYPE_CHECKING:
    from srcdiff.frontend.core.frame import Frame

TRUE = const(True)


FALSE = const(False)


_ZERO, _ONE = const(0), const(1)


@dataclass(frozen=True)
class Iteration:
    """The iteration of an open loop: its index, from `start`; None for a `while`. `source` is the value that the loop
    goes over.
    """

    index: Atom | None
    start: Atom = _ZERO
    stop: Atom = _ZERO
    step: Atom = _ONE
    source: FrontValue | None = None


@dataclass(frozen=True)
class Mark:
    """Where a session stood, to go back to when a loop is read again."""

    bindings: dict[str, Dim]
    assumptions: int
    equal: int
    used: dict[str, int]
    order: dict[str, int]
    patches: int
    cells: dict[str, Parts]
    cell_count: int
    twins: dict[str, frozenset[str]]


@dataclass
class Session:
    """One IR function under construction.

    Attributes
    ----------
    facts : dict
        Truth values that are known where the reader is: inside a branch, of its condition.
    implies : dict
        What else is known when a truth value is: of `a and b` being true, both.
    attempts : list
        The `try`s whose first block is being read (see `frontend/control/exceptions.py`).
    hoisted : set
        The calls in them that are statements of their own.
    compared : dict
        The comparisons that were made where the reader is, or around: a second one is true where the first is.
    hints : dict
        What was learned about loops and lists on an earlier reading, by (path, node).
    path : tuple
        The calls that are being inlined.
    first_calls : tuple
        The calls that were open when reading began.
    owners, parameters : dict
        The parameter that an integer symbol, or a scalar, is the value of.
    decided_by : dict
        For comparisons of parameters with constants: the parameters.
    indices : set
        The symbols that are loop indices.
    loops : list
        For each open loop, the number of symbols at its start.
    cells, cell_names : dict
        What containers that may be written into hold now, and what they are called.
    origins : dict
        For lists among the cells: where they are made, by (path, node). One that turns out to grow is made a list
        of the IR there, on the next reading.
    loop_cells : list
        For each open loop, the number of cells at its start.
    on_lists : set
        The cells that were put on lists of the IR, where a later change would not be seen.
    viewed, viewed_params : dict, set
        The cells that views and iterators show, with the nodes that made these; the parameters that they show.
    shown : dict
        For what loops over known parts go through, by the node that makes it: what makes it again.
    changed, changes : set, int
        The cells that were written, and how often.
    items, empty_items : set
        Where the lists are made that were put on lists; those whose elements are not known.
    held : dict
        For where a list of the IR is made: the lists that were put on it.
    item_of : dict
        Lists that were read as items of others, each with the list that it was on.
    is_callee : bool
        Whether this is a function of its own that another one calls.
    guesses : list
        What open loops do about a name that is read before it is bound.
    part_of : dict
        Structs that were taken out of others, each with what it was taken from.
    opened : dict
        Struct-typed parameters that are written into, as containers of that kind; `writes_params` is True where
        there are any.
    taken : set
        The parameters known when compiling that were read.
    updates : set
        What `s += v` made of numbers, which may be arrays without axes.
    true_counts, masks_written : dict, int
        How often masks of the open region are True, and how often arrays of booleans were written.
    handlers : tuple
        What effects mean where the reader is, the innermost last (see `frontend/effects/effects.py`).
    effect : callable, tree and Frame
        The effect whose handler is being read, the call of it, and the frame that this is in.
    iterations : tuple of Iteration
        The loops around, within the innermost program that is handled.
    unrolled : tuple of int
        The numbers of the iterations of enclosing loops that are unrolled.
    outside : dict
        The constants that are such arrays outside, by their identity.
    globals, captured, watched, remarks, effect_notes : dict
        See `ir.facts.SourceFacts`.
    named : dict
        The names that handlers of effects have given, with where they were given first.
    """

    shapes: Symbols
    b: Builder
    facts: dict[Atom, bool] = field(default_factory=dict)
    implies: dict[Atom, tuple[tuple[bool, tuple[tuple[Atom, bool], ...]], ...]] = field(
        default_factory=dict
    )
    compared: dict[object, Atom] = field(default_factory=dict)
    attempts: list[Any] = field(default_factory=list)
    hoisted: set[int] = field(default_factory=set)
    hints: dict[object, Any] = field(default_factory=dict)
    path: tuple[int, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
    params: tuple[Value, ...] = ()
    parameters: dict[Value, str] = field(default_factory=dict)
    decided_by: dict[Atom, tuple[str, ...]] = field(default_factory=dict)
    indices: set[str] = field(default_factory=set)
    loops: list[int] = field(default_factory=list)
    lists: dict[Value, tuple[Any, int, Op]] = field(default_factory=dict)
    patches: list[tuple[Value, Op, Type]] = field(default_factory=list)
    globals: dict[str, object] = field(default_factory=dict)
    captured: dict[str, object] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    remarks: dict[Location | None, tuple[str, ...]] = field(default_factory=dict)
    effect_notes: dict[object, EffectNote] = field(default_factory=dict)
    named: dict[str, tuple[Any, Location]] = field(default_factory=dict)
    functions: dict[Any, Any] = field(default_factory=dict)
    open_calls: tuple[object, ...] = ()
    cells: dict[str, Parts] = field(default_factory=dict)
    cell_count: int = 0
    twins: dict[str, frozenset[str]] = field(default_factory=dict)
    cell_names: dict[str, str] = field(default_factory=dict)
    origins: dict[str, tuple[object, ...]] = field(default_factory=dict)
    loop_cells: list[int] = field(default_factory=list)
    on_lists: set[str] = field(default_factory=set)
    viewed: dict[str | Value, list[object]] = field(default_factory=dict)
    shown: dict[int, Callable[[], FrontValue]] = field(default_factory=dict)
    viewed_params: set[Value] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    changes: int = 0
    items: set[Any] = field(default_factory=set)
    empty_items: set[object] = field(default_factory=set)
    held: dict[object, set[Value]] = field(default_factory=dict)
    item_of: dict[Value, Value] = field(default_factory=dict)
    is_callee: bool = False
    guesses: list[Callable[[Frame, str], None]] = field(default_factory=list)
    part_of: dict[Value, Value] = field(default_factory=dict)
    opened: dict[Value, Parts] = field(default_factory=dict)
    writes_params: bool = False
    taken: set[str] = field(default_factory=set)
    updates: set[Value] = field(default_factory=set)
    true_counts: dict[Value, Dim] = field(default_factory=dict)
    masks_written: int = 0
    outside: dict[int, ExternalArray] = field(default_factory=dict)
    handlers: tuple[FrontValue, ...] = ()
    effect: tuple[Any, gast.AST, Frame] | None = None
    iterations: tuple[Iteration, ...] = ()
    unrolled: tuple[int, ...] = ()
    of_python: bool = False  # a rule of an operation that gives a Python number
    user_names: bool = True  # False where what is read is ours: names are hints, lines no user's
    of_rule: bool = (
        False  # a derivative rule: numbers are Python's, and operations have no line of the user's
    )

    def __post_init__(self) -> None:
        self.first_calls = self.open_calls

    def mark(self) -> Mark:
        s = self.shapes
        return Mark(
            dict(s.bindings),
            len(s.assumptions),
            len(s.equal),
            dict(s.used),
            dict(s.order),
            len(self.patches),
            dict(self.cells),
            self.cell_count,
            dict(self.twins),
        )

    def reset(self, mark: Mark) -> None:
        s = self.shapes
        s.bindings, s.used, s.order = dict(mark.bindings), dict(mark.used), dict(mark.order)
        del s.assumptions[mark.assumptions :], s.equal[mark.equal :]
        self.true_counts = {}
        self.cells, self.cell_count = dict(mark.cells), mark.cell_count
        self.twins = dict(mark.twins)
        while len(self.patches) > mark.patches:
            value, op, old = self.patches.pop()
            retype_list(value, op, old)

    def widen_lists(self, values: Iterable[object], wanted: Type) -> None:
        """Read again with a wider type of lists that were made here, where one name stands for several of them."""
        if not isinstance(wanted, List) or isinstance(wanted.element, List):
            return
        narrow = [v for v in values if v in self.lists and v.type != wanted]
        if narrow:
            self.hints.update({self.lists[v][0]: wanted.element for v in narrow})
            raise Restart

    @contextmanager
    def region(self) -> Iterator[Builder]:
        """Open a region; statements go there until the `with` ends."""
        outer, facts, compared = self.b, self.facts, dict(self.compared)
        self.b = outer.inner()
        self.shapes.regions.append(len(self.shapes.order))
        counts, self.true_counts, written = self.true_counts, {}, self.masks_written
        try:
            yield self.b
        finally:
            self.b, self.facts, self.compared = outer, facts, compared
            self.true_counts = counts if written == self.masks_written else {}
            self.shapes.regions.pop()

    def specialise_on(self, condition: Atom | None) -> None:
        """Specialise on the parameter that a condition is made of, if it is one parameter's value."""
        if condition is None:
            return
        if isinstance(condition, Value) and condition in self.parameters:
            raise NeedStatic(self.parameters[condition])
        for parameter in self.decided_by.get(condition, ()):
            raise NeedStatic(parameter)
        for _, consequences in self.implies.get(condition, ()):
            for atom, _ in consequences:
                self.specialise_on(atom)

    def new_cell(self, parts: Parts, origins: tuple[object, ...] = ()) -> Parts:
        """The container as one that may be written into. `origins`: where a list is made."""
        self.cell_count += 1
        made = replace(parts, cell=f"%cell{self.cell_count}")
        self.cells[made.cell] = made
        self.origins[made.cell] = origins
        self.on_lists.discard(made.cell)
        self.viewed.pop(made.cell, None)
        self.changed.discard(made.cell)
        return made

    def grow(self, origins: Iterable[object]) -> None:
        """Read the function again with lists of known parts as lists that grow, if it is known where they are made."""
        known = set(origins)
        if known:
            for learned in self.hints.values():
                if isinstance(learned, dict):
                    learned.pop("%cells", None)  # by their numbers, which change
            self.hints.update(dict.fromkeys((("grows", origin) for origin in known), True))
            raise Restart
        if self.is_callee:
            raise MustInline

    def grow_cell(self, cell: str) -> None:
        self.grow(self.origins.get(cell, ()))

    def is_from_before(self, cell: str) -> bool:
        """Whether a container was made before the loop that is being read."""
        return (
            bool(cell and self.loop_cells)
            and int(cell.removeprefix("%cell")) <= self.loop_cells[-1]
        )

    def true_count(self, mask: Atom) -> Dim:
        """How often a mask is True: one length for all that it picks, until a mask is written."""
        if not isinstance(mask, Value):
            return self.shapes.fresh()
        if mask not in self.true_counts:
            self.true_counts[mask] = self.shapes.fresh()
        return self.true_counts[mask]

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

    def static_truth(self, condition: Atom) -> bool | None:
        """The condition, where it is known when compiling."""
        if isinstance(condition, Const):
            return bool(condition.value)
        return self.facts.get(condition)

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
