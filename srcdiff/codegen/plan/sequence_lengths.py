"""Whether the number of a sequence's elements is the trip count of a loop.

Numbers are compared by what determines them: a length in the types, a list that comes from
elsewhere, or the loop that filled the list with one `append` in each iteration.
"""

from __future__ import annotations

from collections import defaultdict

from srcdiff.ir.alias import Roots
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim


class Counts:
    """Answers for one function."""

    def __init__(self, fn: Function, roots: Roots) -> None:
        self.maker: dict[Atom, Statement] = {}
        self.changes: dict[Value, list[tuple[Op, For | While | Region]]] = defaultdict(list)
        self._visit(fn.body, None, roots)

    def _visit(self, region: Region, owner: Statement | None, roots: Roots) -> None:
        for s in region.body:
            self.maker.update((r, s) for r in s.results)
            if isinstance(s, Op) and s.decl.name in ("append", "list_pop"):
                for root in roots.of(s.operands[0]):
                    place = owner if isinstance(owner, For | While) else region
                    self.changes[root].append((s, place))
            for inner in regions_of(s):
                self._visit(inner, s, roots)

    def of_sequence(self, sequence: Atom) -> object:
        """What decides the number of a sequence's elements; equal for sequences of equal length."""
        if isinstance(sequence.type, Array):
            return shape_of(sequence.type)[0].trip_bound()
        filler = self.filler(sequence)
        if filler is None:
            return sequence
        if (
            isinstance(filler, For)
            and not filler.breaks
            and filler.start == const(0)
            and filler.step == const(1)
        ):
            return self.of_bound(filler.stop)
        return filler

    def of_bound(self, stop: Atom) -> object:
        """What decides the upper bound of a range."""
        if isinstance(stop, Const):
            return Dim(stop.value) if type(stop.value) is int else stop
        made = self.maker.get(stop)
        if (
            isinstance(made, Op)
            and made.decl.name in ("list_length", "axis_length")
            and not made.attrs.get("axis")
        ):
            return self.of_sequence(made.operands[0])
        if isinstance(made, For) and made.breaks and made.results[0] is stop:
            return made
        known = known_dim(stop)
        return stop if known is None else known.trip_bound()

    def filler(self, sequence: Atom) -> For | While | Region | None:
        """The loop that fills a list made here, by one `append` in each iteration and nothing else; the branch,
        where the list is filled in a branch.
        """
        made = self.maker.get(sequence)
        if (
            not isinstance(sequence, Value)
            or not isinstance(made, Op)
            or made.decl.name != "list_new"
            or made.operands
        ):
            return None
        changes = self.changes.get(sequence, [])
        if len(changes) != 1 or changes[0][0].decl.name != "append":
            return None
        return changes[0][1]
