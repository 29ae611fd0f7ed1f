"""Which values a function's text needs: found backwards from what it returns and writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from srcdiff.ir.alias import written_operands
from srcdiff.ir.core import (
    Call,
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    While,
    carried_values,
    regions_of,
)
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value


class Needed:
    """The values that what is printed reads, found backwards from results and effects."""

    def __init__(self, fn: Function) -> None:
        self.values: set[Value] = set()
        self.add(fn.body.yields)
        self.region(fn.body)

    def add(self, atoms: Sequence[Atom]) -> None:
        self.values.update(a for a in atoms if isinstance(a, Value))

    def region(self, region: Region) -> None:
        for statement in reversed(region.body):
            if self.keeps(statement):
                self.statement(statement)

    def keeps(self, statement: Statement) -> bool:
        if isinstance(statement, Op) and statement.decl.name == "undefined":
            return bool(statement.attrs.get("typed")) and isinstance(statement.result.type, Array)
        if any(r in self.values for r in statement.results):
            return True
        if isinstance(statement, Op):
            return bool(statement.decl.writes or statement.decl.effect)
        if isinstance(statement, Call) and written_operands(statement):
            return True
        return any(self.keeps(s) for region in regions_of(statement) for s in region.body)

    def statement(self, statement: Statement) -> None:
        match statement:
            case Op() | Call():
                self.add(statement.operands)
            case If():
                for region in (statement.then, statement.orelse):
                    self.add(
                        [
                            y
                            for y, r in zip(region.yields, statement.results, strict=True)
                            if r in self.values
                        ]
                    )
                    self.region(region)
                self.add(statement.operands)
            case For() | While():
                self.loop(statement)

    def loop(self, loop: For | While) -> None:
        before = -1
        flags = len(loop.body.yields) - len(loop.carried_yields)
        self.add(loop.body.yields[:flags])
        if isinstance(loop, For):
            self.add(loop.operands[:3])
        if isinstance(loop, While) and loop.test is not None:
            self.add(loop.test.yields)
        while before != len(self.values):
            before = len(self.values)
            for k in self.carried(loop):
                self.add((loop.carried[k], loop.carried_yields[k]))
            for region in regions_of(loop)[::-1]:
                self.region(region)

    def carried(self, loop: For | While) -> list[int]:
        """The positions of carried values that anything needs."""
        return [
            k
            for k in range(len(loop.carried))
            if any(v in self.values for v in carried_values(loop, k))
        ]


def reads_within(s: Statement) -> Iterator[Atom]:
    """What a statement reads, at any depth."""
    yield from s.operands
    for region in regions_of(s):
        yield from region.yields
        for inner in region.body:
            yield from reads_within(inner)
