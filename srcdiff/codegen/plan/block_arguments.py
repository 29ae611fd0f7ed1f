"""Block arguments: yields of branches and iterations are copied to the variables that carry them.

What is absent (`ir.definedness`) is not copied, as nothing reads it. Where only the run knows, the variable
starts as None if it has to have a value in Python by then:

    value = None
    while ...:
        if ...: value = ...
    all_values.append(value)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from srcdiff.codegen.plan.plan import Copy, Plan, walk_nodes
from srcdiff.codegen.plan.terminators import End
from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of
from srcdiff.ir.definedness import Conditions, Presence, is_undefined, settled
from srcdiff.ir.types import NONE, Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control

_NOTHING = Const(None, NONE)
_READ_SHAPES = (memory.axis_length, memory.zeros_like, memory.empty_like)
_UNSET: dict[str, bool | int | float] = {"f": math.nan, "i": -(2**63), "b": False}


class BlockArguments:
    """What is copied where. `unset`: variables that start as None, or where the text is compiled as a number that
    no index is.
    """

    def __init__(
        self, fn: Function, maker: Mapping[Atom, Statement], unset: Collection[Value]
    ) -> None:
        self.home: dict[
            Value, Value
        ] = {}  # loop results and test parameters: the variable they are
        self.members: dict[Value, list[Value]] = {}
        self.maker = maker
        self.presence = Presence(fn, maker)
        # in Python the user's own operations raise where these are absent; compiled code has checks
        is_checked = not self.presence.uncertain() or fn.target.is_compiled
        self.read_by_user = set() if is_checked else set(_read_by_user(fn.body))
        self.conditions: Conditions = {}  # what they are known to be where the walk is
        self.unset = unset
        self.typed = fn.target.is_compiled
        self.doubtful: set[tuple[Value | None, Value]] = set()

    @contextmanager
    def where(self, condition: Atom, truth: bool) -> Iterator[None]:
        """Within: the condition is known."""
        outer = self.conditions
        self.conditions = {**outer, **dict(settled(condition, truth, self.maker))}
        yield
        self.conditions = outer

    def at(self, atom: Atom) -> Atom:
        return self.home.get(atom, atom) if isinstance(atom, Value) else atom

    def many(self, atoms: Sequence[Atom]) -> tuple[Atom, ...]:
        return tuple(map(self.at, atoms))

    def is_absent(self, atom: Atom) -> bool:
        return self.presence.is_absent(atom, self.conditions)

    def read(self, atom: Atom, target: Value | None = None) -> None:
        """Note where a value is read, not by the user, that may be absent."""
        variable = self.at(atom)
        if isinstance(variable, Value) and not self.presence.is_present(atom, self.conditions):
            self.doubtful.add((target, variable))

    def noted(self, op: Op) -> None:
        """Note what a write reads. In Python, a place that is absent raises, as the function does: `x[None]` is x.

        Compiled code has no checks in front of what reads a shape alone.
        """
        is_subscript = not self.typed and "where" in op.attrs
        is_noted = op.decl.writes or (self.typed and op.decl in _READ_SHAPES)
        for atom in op.operands[: 2 if is_subscript else None] if is_noted else ():
            if atom not in self.read_by_user:
                self.read(atom)

    def source(self, atom: Atom, target: Value | None) -> Atom | None:
        """What is copied to a target; None where nothing has to be."""
        if target is None:
            return self.at(atom)
        if self.is_absent(atom):
            is_unset = target in self.unset and target not in self.members
            return self.nothing(target, atom) if is_unset else None
        self.read(atom, target)
        return self.at(atom)

    def nothing(self, variable: Value | None, absent: Atom) -> Atom:
        """What a variable starts as, for an atom that is absent: in compiled code something of its type."""
        type_ = None if variable is None else variable.type
        if self.typed and isinstance(type_, Array) and isinstance(absent, Value):
            return absent if is_undefined(self.maker.get(absent)) else _NOTHING
        if self.typed and isinstance(type_, Scalar):
            return const(_UNSET.get(type_.dtype[0], 0))
        return _NOTHING

    def sources(self, yields: Sequence[Atom], end: End) -> list[Atom | None]:
        return [self.source(a, t) for a, t in zip(yields, end.receives(yields), strict=True)]

    def starts(self, loop: For | While, variables: Sequence[Value | None]) -> list[Atom | None]:
        """What a loop's variables have in front of it."""
        found = [self.source(a, v) for a, v in zip(loop.carried, variables, strict=True)]
        return [
            self.nothing(v, start) if a is None and v in self.unset else a
            for a, v, start in zip(found, variables, loop.carried, strict=True)
        ]

    def passed(
        self, yields: Sequence[Atom], end: End, given: Mapping[Value, Atom | None]
    ) -> list[Atom | None]:
        """The values that an end receives in place of a branch's results, where they are known."""
        out: list[Atom | None] = []
        for a, target in zip(yields, end.receives(yields), strict=True):
            found = given[a] if isinstance(a, Value) and a in given else self.source(a, target)
            if isinstance(found, Value) and (a, found) in self.doubtful:
                self.doubtful.add((target, found))
            out.append(found)
        return out


def _read_by_user(region: Region) -> Iterator[Atom]:
    """The values that an operation of the user's reads in the region that defines them."""
    here = {*region.params, *(r for s in region.body for r in s.results)}
    for s in region.body:
        if isinstance(s, Op) and s.origin == "user" and not s.decl.writes:
            yield from here.intersection(s.operands)
        for inner in regions_of(s):
            yield from _read_by_user(inner)


def unbound(plan: Plan, names: Mapping[Value, str]) -> set[Value]:
    """The variables that the text would read without a value: where two have one name, nothing is written.

    A variable that is read has to have a value from each variable that is copied to it.
    """
    copied = {
        pair
        for node in walk_nodes(plan.nodes)
        if isinstance(node, Copy)
        for pair in zip(node.targets, node.sources, strict=True)
    }
    read = {v for to, v in plan.doubtful if to is None}
    while more := {v for to, v in plan.doubtful if to in read} - read:
        read |= more
    return read | {
        v
        for to, v in plan.doubtful
        if to is not None and (to, v) in copied and names.get(to) != names.get(v)
    }


def with_value_checks(fn: Function, unset: set[Value]) -> Function:
    """`fn` with an error in front of the end where it would return None, which no iteration of a loop has replaced."""
    b = Builder(body=list(fn.body.body))
    for loop in fn.body.body:
        if not isinstance(loop, For | While):
            continue
        results = loop.carried_results if isinstance(loop, For) else loop.results
        carried = loop.body.params[len(loop.body.params) - len(results) :]
        for start, result in zip(carried, results, strict=True):
            if start in unset and result in fn.body.yields:
                b.location = loop.location
                message = (
                    f"{result.name or 'a variable'} has no value, since a loop had no iterations"
                )
                missing = b.op(control.test, result, text="{0} is None")
                control.raise_if(b, missing, UnboundLocalError, message)
    if len(b.body) == len(fn.body.body):
        return fn
    return replace(fn, body=b.region(fn.body.params, fn.body.yields))
