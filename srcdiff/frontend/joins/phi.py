"""Joins of control flow (phi): names that differ on two paths become results of the `If`, with a type that fits both.

A name that only one path binds is filled on the other by `undefined`, and can be read only where the condition is known
to have gone the right way. On a path that ends (`return`, `raise`) names do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TypeVar

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.restarts import NoResult
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import (
    MISSING,
    Closure,
    Conflict,
    Done,
    FrontValue,
    Missing,
    Partial,
    Parts,
    is_none,
    is_same,
    is_same_function,
    map_atoms,
    maybe,
    part_name,
)
from srcdiff.frontend.joins.escape_checks import stays_inside
from srcdiff.frontend.joins.join_types import Unjoinable, coerced, join_types, words
from srcdiff.frontend.joins.may_alias import add_twins, may_be_one
from srcdiff.ir.build import Builder
from srcdiff.ir.core import If, Region
from srcdiff.ir.types import Scalar, Static, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays.containers import get
from srcdiff.ops.control.control import undefined
from srcdiff.ops.elementwise.arithmetic import not_

Thunk = Callable[[], Done]
_T = TypeVar("_T")


# ---- values ----------------------------------------------------------------------------------------


def unpack_struct(fr: Frame, value: Value, node: gast.AST) -> Parts:
    """A struct-typed value as the structure of its parts."""
    assert isinstance(value.type, Struct)
    keys = value.type.keys
    parts = tuple(fr.op(node, get, value, key=key) for key in keys)
    return Parts(value.type.kind, keys, parts, value.type.cls)


def known_dict(fr: Frame, value: FrontValue, node: gast.AST) -> Parts | None:
    """A dict of known keys as its parts; None for anything else."""
    if isinstance(value, Value) and isinstance(value.type, Struct):
        value = unpack_struct(fr, value, node)
    return value if isinstance(value, Parts) and value.kind == "dict" else None


# ---- joining two sides -------------------------------------------------------------------------------


@dataclass
class _Side:
    env: dict[str, FrontValue]
    b: Builder
    done: Done
    facts: dict[Atom, bool]
    cells: dict[str, Parts]
    ended: bool = False  # what names stand for here is of no interest
    left: bool = False  # nor what containers hold: the program ends here, and no function that is read in place


@dataclass
class _Join:
    fr: Frame
    node: gast.AST
    condition: Atom
    sides: tuple[_Side, _Side]
    before: dict[str, FrontValue]
    yields: tuple[list[Atom], list[Atom]] = field(default_factory=lambda: ([], []))
    results: list[Value] = field(default_factory=list)
    negations: list[str] = field(default_factory=list)
    made: dict[str, tuple[str, str]] = field(default_factory=dict)  # cells, and what they are

    def cell(self, name: str) -> None:
        """Find what a container holds behind the `If`."""
        cells = self.fr.session.cells
        if any(name not in side.cells for side in self.sides):
            return  # made by this join
        before, (a, b) = cells[name], (side.cells[name] for side in self.sides)
        left = [side.left for side in self.sides]
        if a is b or (left[0] and b is before) or (left[1] and a is before):
            return
        if a.kind == "list" and len(a.keys) != len(b.keys):
            self.fr.session.grow_cell(name)
        try:
            joined = self.either(
                replace(a, cell=""),
                replace(b, cell=""),
                self.fr.session.cell_names.get(name, "part"),
            )
        except Unjoinable:
            self.fr.untyped(
                self.node,
                "a container is changed in two ways that do not fit together",
                "Use two names.",
            )
        assert isinstance(joined, Parts)
        cells[name] = replace(joined, cell=name)

    def name(self, name: str) -> None:
        """Find what a name stands for behind the `If`."""
        a, b = (self.seen(side, name) for side in self.sides)
        pseudo = name.startswith("%")
        if is_same(a, b):
            self.fr.env[name] = a
            return
        if pseudo and {id(a), id(b)} == {id(TRUE), id(FALSE)}:
            if a is TRUE:
                self.fr.env[name] = self.condition
            else:
                self.negations.append(name)
            return
        ended = not pseudo and any(side.ended for side in self.sides)
        if ended:
            other = b if self.sides[0].ended else a
            if other is self.before.get(name, MISSING):
                self.fr.env[name] = other
                return
            own = a if other is b else b
            fitting = own if not isinstance(own, Missing) and self.fits(own, other) else MISSING
            a, b = (fitting, other) if other is b else (other, fitting)
        try:
            joined = self.beside(a, b, name)
        except Unjoinable as problem:
            self.fr.env[name] = Conflict(str(problem), self.condition)
            return
        if ended:
            self.fr.env[name] = joined
            return
        for side, value in ((1, a), (0, b)):
            if isinstance(value, Missing) and not pseudo:
                joined = Partial(joined, self.condition, side == 0)
        self.fr.env[name] = joined

    def seen(self, side: _Side, name: str) -> FrontValue:
        value = side.env.get(name, MISSING)
        while isinstance(value, Partial) and side.facts.get(value.condition) == value.when:
            value = value.value
        session = self.fr.session
        outer, session.cells = session.cells, side.cells
        value = session.current(value)
        session.cells = outer
        return value

    def fits(self, own: FrontValue, other: FrontValue) -> bool:
        """Whether the value on a path that has ended may stand beside the other without widening its type."""
        if isinstance(own, Value | Const) and isinstance(other, Value | Const):
            if isinstance(own.type, Scalar) and isinstance(other.type, Scalar):
                return own.type.dtype == other.type.dtype and own.type.weak == other.type.weak
            return own.type == other.type
        return False

    def beside(self, a: FrontValue, b: FrontValue, name: str) -> FrontValue:
        """Like `either`; a name that is bound on one path may be bound under a condition only."""
        for value, other in ((a, b), (b, a)):
            if isinstance(value, Partial) and isinstance(other, Missing):
                first, second = (value.value, other) if value is a else (other, value.value)
                return replace(value, value=self.beside(first, second, name))
        return self.either(a, b, name)

    def either(self, a: FrontValue, b: FrontValue, name: str) -> FrontValue:
        if is_same(a, b):
            return a
        if (
            isinstance(a, Partial)
            or isinstance(b, Partial)
            or isinstance(a, Conflict)
            or isinstance(b, Conflict)
        ):
            raise Unjoinable("may not be bound here")
        if any(stays_inside(self.fr, self.before, v) for v in (a, b)):
            raise Unjoinable("holds what one of two paths made")
        if isinstance(a, Missing):
            return map_atoms(lambda atom: self.result(None, atom, name), self.in_parts(1, b))
        if isinstance(b, Missing):
            return map_atoms(lambda atom: self.result(atom, None, name), self.in_parts(0, a))
        if self.may_be_none(a, b):
            a, b = maybe(a), maybe(b)
        a, b = self.unpacked_for(0, a, b), self.unpacked_for(1, b, a)
        if isinstance(a, Parts) and isinstance(b, Parts):
            if (a.kind, a.keys, a.cls) != (b.kind, b.keys, b.cls):
                raise Unjoinable("is a container of different parts on two paths")
            if a.cell and a.cell == b.cell:
                return a  # what it holds is joined by `cell`
            named = zip(a.keys, a.values, b.values, strict=True)
            made = Parts(
                a.kind,
                a.keys,
                tuple(self.either(x, y, part_name(name, k)) for k, x, y in named),
                a.cls,
            )
            return self.own_cell(made, a.cell, b.cell) if a.cell and b.cell else made
        if isinstance(a, Closure) and isinstance(b, Closure) and is_same_function(a, b):
            pairs = ((k, v, b.defaults[k]) for k, v in a.defaults.items())
            return replace(
                a, defaults={k: self.either(v, w, part_name(name, k)) for k, v, w in pairs}
            )
        if isinstance(a, Value | Const) and isinstance(b, Value | Const):
            if isinstance(a.type, Static) or isinstance(b.type, Static):
                raise Unjoinable(f"is {words(a.type)} on one path and {words(b.type)} on another")
            return self.result(a, b, name)
        raise Unjoinable("is one thing on one path and another on the other")

    def may_be_none(self, a: FrontValue, b: FrontValue) -> bool:
        """Whether there is a value on one path only, and which it is is not known when compiling."""
        kinds = [isinstance(v, Parts) and v.kind == "maybe" for v in (a, b)]
        if is_none(a) == is_none(b) and kinds[0] == kinds[1]:
            return False
        self.fr.session.specialise_on(self.condition)
        return True

    def own_cell(self, made: Parts, a: str, b: str) -> Parts:
        """A container that is another one on either path, as one that may be written into."""
        session = self.fr.session
        made = session.new_cell(made, (*session.origins.get(a, ()), *session.origins.get(b, ())))
        self.made[made.cell] = a, b
        return made

    def note_twins(self) -> None:
        """Note which of the containers that were made may be which others."""
        session = self.fr.session
        pairs = [
            (one, other)
            for one, other in combinations(self.made, 2)
            if any(
                may_be_one(session.twins, *ab)
                for ab in zip(self.made[one], self.made[other], strict=True)
            )
        ]
        add_twins(session, self.made, pairs)

    def unpacked_for(self, side: int, value: FrontValue, other: FrontValue) -> FrontValue:
        """A struct-typed value as a structure, if it meets one."""
        if isinstance(value, Value) and isinstance(value.type, Struct) and isinstance(other, Parts):
            return self.within(side, lambda: unpack_struct(self.fr, value, self.node))
        return value

    def in_parts(self, side: int, value: FrontValue) -> FrontValue:
        """A value that the other path lacks: parts are taken behind the branch, which nothing has none of."""

        def parts(atom: Atom) -> FrontValue:
            if not isinstance(atom, Value) or not isinstance(atom.type, Struct):
                return atom
            return self.in_parts(side, unpack_struct(self.fr, atom, self.node))

        return self.within(side, lambda: map_atoms(parts, value))

    def within(self, side: int, make: Callable[[], _T]) -> _T:
        session = self.fr.session
        outer, session.b = session.b, self.sides[side].b
        try:
            return make()
        finally:
            session.b = outer

    def result(self, a: Atom | None, b: Atom | None, name: str) -> Atom:
        """A result of the `If` that is `a` or `b`; None for what is never read."""
        if a is None or b is None:
            present = b if a is None else a
            assert present is not None
            type_ = present.type
        else:
            type_ = join_types(self.fr.session.shapes, a.type, b.type)
            self.fr.session.widen_lists((a, b), type_)
        for k, atom in enumerate((a, b)):
            self.yields[k].append(self.given(k, atom, type_))
        value = Value(type_, _hint(name), self.fr.session.user_names and name.isidentifier())
        self.results.append(value)
        return value

    def given(self, side: int, atom: Atom | None, type_: Type) -> Atom:
        """The value that a side yields for a result of this type."""

        def make() -> Atom:
            if atom is None:
                return self.fr.op(self.node, undefined, type=type_)
            return coerced(self.fr, self.node, atom, type_)

        return self.within(side, make)

    def done(self) -> Done:
        a, b = (side.done for side in self.sides)
        if a is None or b is None:
            return b if a is None else a
        if a == b:
            return a
        if (a, b) == (TRUE, FALSE):
            return self.condition
        if (a, b) == (FALSE, TRUE):
            self.negations.append("%done")
            return FALSE
        made = self.result(a, b, "%done")
        if TRUE in (a, b):  # where nothing is left, the branch went the other way
            other = b if a == TRUE else a
            went = ((self.condition, a != TRUE), (other, False))
            self.fr.session.implies[made] = ((False, went),)
        return made


_HINTS = {"%value": "value", "%return": "returned", "%go": "go", "%done": "done", "%broke": "broke"}


def _hint(name: str) -> str:
    base, _, rest = name.partition("_")
    base = base.rstrip("0123456789") if base.startswith("%") else base
    return _HINTS[base] + (f"_{rest}" if rest else "") if base in _HINTS else name


def branch(
    fr: Frame, node: gast.AST, condition: Atom, then: Thunk, orelse: Thunk, live: frozenset[str]
) -> Done:
    """Read both sides of a branch and append its `If`. The names in `live` are used after it."""
    session = fr.session
    before, cells = fr.env, session.cells
    sides = []
    unknown = 0
    for truth, thunk in ((True, then), (False, orelse)):
        fr.env, session.cells = dict(before), dict(cells)
        with session.region() as b:
            session.suppose(condition, truth)
            try:
                done = thunk()
            except NoResult:
                done, unknown = None, unknown + 1
            ended = done is None or (
                done is TRUE
                and ((fr.loop_depth == 0 and not fr.attempts) or fr.env.get("%return") is TRUE)
            )
            left = ended and (done is None or (fr.caller is None and fr.outer is None))
            sides.append(_Side(fr.env, b, done, session.facts, session.cells, ended, left))
    fr.env, session.cells = before, cells
    if unknown == len(sides):
        raise NoResult
    join = _Join(fr, node, condition, (sides[0], sides[1]), dict(before))
    _join_names(join, live)
    for name in list(cells):
        join.cell(name)
    join.note_twins()
    done = join.done()
    bodies = [
        Region((), tuple(s.b.body), tuple(y)) for s, y in zip(sides, join.yields, strict=True)
    ]
    if any(r.body for r in bodies) or join.results:
        statement = If(
            condition,
            bodies[0],
            bodies[1],
            tuple(join.results),
            fr.source.location(node),
            session.b.origin,
        )
        session.b.append(statement)
    if join.negations:
        negation = fr.op(node, not_, condition)
        session.implies[negation] = ((True, ((condition, False),)), (False, ((condition, True),)))
        for name in join.negations:
            if name == "%done":
                done = negation
            else:
                fr.env[name] = negation
    return done


def _join_names(join: _Join, live: frozenset[str]) -> None:
    first, second = (side.env for side in join.sides)
    if join.sides[0].ended and join.sides[1].ended:
        live = frozenset()
    for name in [*first, *(n for n in second if n not in first)]:
        if first.get(name, MISSING) is second.get(name, MISSING):
            if name in first:
                join.fr.env[name] = first[name]
        elif name in live or name.startswith("%"):
            join.name(name)
        else:
            join.fr.env.pop(name, None)
