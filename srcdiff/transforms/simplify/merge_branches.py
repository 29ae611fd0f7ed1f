"""Branch merging: two branches on one condition become one, if the statements between them can move in front.

    %a = if %c { yield %x } { yield %y }
    %s = add %u, %v                            ->    %s = add %u, %v
    %b = if %c { yield %a } { yield 0.0 }            %a, %b = if %c { yield %x, %x } { yield %y, 0.0 }

A loop with a branch can then fuse with the loop that reverses it. Two branches of the user's stay two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, with_body
from srcdiff.ir.core import Function, If, Region, Statement
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import is_generated, uses_outside
from srcdiff.transforms.analysis.effects import NOTHING, conflict, footprint, together
from srcdiff.transforms.simplify.cse import cse

_REACH = 64  # statements between two branches that are looked at: keeps the pass linear


def merge_ifs(fn: Function) -> Function:
    """`fn` with neighbouring branches on one condition joined."""
    merge = _Merge(fn)
    out = merge(fn)
    return out if merge.count else fn


def merged_branches(fn: Function) -> Function:
    """`fn` with branches joined, and then branches inside of joined ones, whose conditions became one value."""
    while (new := merge_ifs(fn)) is not fn:
        fn = cse(new)
    return fn


class _Merge(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots: Roots = storage_roots(fn)
        self.count = 0

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body: list[Statement] = []
        for statement in old.body:
            body.append(statement)
            if isinstance(statement, If):
                self.join_last(body)
        return super().region(with_body(old, body), env, b)

    def join_last(self, body: list[Statement]) -> None:
        second = body[-1]
        assert isinstance(second, If)
        for place in range(len(body) - 2, max(-1, len(body) - 2 - _REACH), -1):
            first = body[place]
            if isinstance(first, If) and first.condition == second.condition:
                if is_generated(first) or is_generated(second):
                    joined = self.joined(first, body[place + 1 : -1], second)
                    if joined is not None:
                        body[place:] = joined
                        self.count += 1
                return

    def joined(self, first: If, between: Sequence[Statement], second: If) -> list[Statement] | None:
        """The statements with the two branches in one; None where a statement between them cannot move."""
        before: list[Statement] = []
        after: list[Statement] = []
        branch = footprint(first, self.roots)
        later = NOTHING
        late: set[Value] = set(first.results)
        for statement in between:
            own = footprint(statement, self.roots)
            if uses_outside(statement) & late or conflict(own, together([branch, later])):
                after.append(statement)
                later = together([later, own])
                late.update(statement.results)
            else:
                before.append(statement)
        last = footprint(second, self.roots)
        if uses_outside(second) & (late - set(first.results)) or conflict(last, later):
            return None
        return [*before, _one(first, second), *after]


def _one(first: If, second: If) -> If:
    then = _sequence(first, first.then, second.then)
    orelse = _sequence(first, first.orelse, second.orelse)
    pair = 0 if first.pair == second.pair else first.pair  # joined with its mirror, it has none
    return replace(
        first, then=then, orelse=orelse, results=(*first.results, *second.results), pair=pair
    )


def _sequence(first: If, start: Region, end: Region) -> Region:
    """One branch after the other; what the first yields is available in the second."""
    env: dict[Value, Atom] = dict(zip(first.results, start.yields, strict=True))
    rest = Rewriter().region(end, env, Builder())
    return Region((), (*start.body, *rest.body), (*start.yields, *rest.yields))
