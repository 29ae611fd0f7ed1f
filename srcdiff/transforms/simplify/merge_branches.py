"""Branch merging: two branches on one condition become one, if the statements between them can move in front.

    %a = if %c { yield %x } { yield %y }
    %s = add %u, %v                            ->    %s = add %u, %v
    %b = if %c { yield %a } { yield 0.0 }            %a, %b = if %c { yield %x, %x } { yield %y, 0.0 }

A loop with a branch can then fuse with the loop that reverses it. Two branches of the user's stay two.

Identical branch folding: a branch whose two sides have the same statements becomes these statements.

    if %c {                                       %y = softplus %u
      %y = softplus %u             ->             store %p, %y, %i
      store %p, %y, %i
    } else {
      %z = softplus %u
      store %p, %z, %i }

Stability rewriting leaves such branches in functions that choose between two formulas by the sign of an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, with_body
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, walk
from srcdiff.ir.types import Dim
from srcdiff.ir.values import Atom, Const, Value
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


_PLAIN = (bool, int, float, complex, str, type(None))


def fold_identical_branches(fn: Function) -> Function:
    """`fn` without branches whose two sides are statement by statement the same."""
    return _Merged()(fn) if any(isinstance(s, If) for s in walk(fn.body)) else fn


class _Merged(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, If) or not _are_identical(old.then, old.orelse, {}):
            b.append(self.keep(old, env, b))
            return
        for statement in old.then.body:
            self.statement(statement, env, b)
        env.update((r, lookup(env, y)) for r, y in zip(old.results, old.then.yields, strict=True))


def _are_identical(one: Region, other: Region, names: dict[Value, Value]) -> bool:
    """Whether two regions do the same; `names` maps values of `other` to values of `one`."""
    return (
        len(one.body) == len(other.body)
        and all(_is_like(s, t, names) for s, t in zip(one.body, other.body, strict=True))
        and _same(one.yields, other.yields, names)
    )


def _is_like(s: Statement, t: Statement, names: dict[Value, Value]) -> bool:
    if type(s) is not type(t) or not _same(s.operands, t.operands, names):
        return False
    if isinstance(s, Op) and isinstance(t, Op):
        same = s.decl is t.decl and _same_attributes(s.attrs, t.attrs)
    elif isinstance(s, Call) and isinstance(t, Call):
        same = s.function is t.function
    elif isinstance(s, If) and isinstance(t, If):
        same = _are_identical(s.then, t.then, names) and _are_identical(s.orelse, t.orelse, names)
    else:
        same = False  # loops are not compared
    if not same or [r.type for r in s.results] != [r.type for r in t.results]:
        return False
    names.update(zip(t.results, s.results, strict=True))
    return True


def _same(ours: tuple[Atom, ...], theirs: tuple[Atom, ...], names: dict[Value, Value]) -> bool:
    return len(ours) == len(theirs) and all(
        _is_constant(a, b) if isinstance(b, Const) else a is names.get(b, b)
        for a, b in zip(ours, theirs, strict=True)
    )


def _is_constant(a: Atom, b: Const) -> bool:
    """Whether `a` is the same constant; -0.0 is not 0.0, although they are equal."""
    return isinstance(a, Const) and a.type == b.type and _is_equal(a.value, b.value)


def _same_attributes(ours: Any, theirs: Any) -> bool:
    return ours.keys() == theirs.keys() and all(_is_equal(ours[k], theirs[k]) for k in ours)


def _is_equal(a: object, b: object) -> bool:
    if a is b or (isinstance(a, Dim) and a == b):
        return True
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(map(_is_equal, a, b))
    return type(a) is type(b) and isinstance(a, _PLAIN) and repr(a) == repr(b)
