"""Mirror loop fusion: a forward loop and the loop that reverses it become one loop, if the iterations commute.

    %s = for 0, %n, 1 (0.0) { (%i, %p) ->              %d = zeros_like %x
        %t = index[i] %x, %i                           %s = for 0, %n, 1 (0.0) { (%i, %p) ->
        save[0] %t                                         %t = index[i] %x, %i
        yield (add %p, %t) }                      ->       %a = multiply %t, 2.0
    %d = zeros_like %x                                     add_into[i] %d, %a, %i
    for reverse 0, %n, 1 { (%j) ->                         yield (add %p, %t) }
        %r = restore[0]
        add_into[i] %d, (multiply %r, 2.0), %j }

The values of an iteration are then used in the same iteration, and need not be stored. Fusion is legal if the backward
iterations commute, if the values that they take from between the two loops can be computed before the first loop, and
if no iteration touches storage of another one (`transforms/analysis/dependence/loop_dependence.py`). Other loops over
the same range are fused, too, if at least one of the two is generated. The same test decides whether a reversed loop
may run forwards (`loop_direction`).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from functools import cache, partial

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.ad.tape.save_restore_elimination import pair_up_saves
from srcdiff.transforms.analysis.defuse import (
    count_uses,
    is_generated,
    is_pure,
    uses_outside,
    written_values,
)
from srcdiff.transforms.analysis.dependence.loop_dependence import (
    accesses,
    carries_only_add,
    storage_commutes,
    storage_is_separate,
)
from srcdiff.transforms.analysis.effects import Footprint, added_to, conflict, footprint, together
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries
from srcdiff.transforms.simplify.merge_branches import merge_ifs

_REACH = 200  # the largest number of statements between two loops
_DEPTH = 8  # the largest depth of nested loops


def fuse_loops(fn: Function, complete: bool = True) -> Function:
    """`fn` with loops over the same range fused where that is legal, and reversed loops running forwards.

    `complete`: a loop and its mirror are fused only if no value inside them must still be stored, and sums keep their
    order.
    """
    fn = dce(remove_invariant_carries(fn))
    separate: set[int] = set()
    while True:
        fused, joined = _fused(fn, separate, complete)
        again = {pair for pair, index in joined.items() if complete and _saves_within(fused, index)}
        if not again:
            return loop_direction(fused)
        separate |= again


def _fused(fn: Function, separate: Set[int], complete: bool) -> tuple[Function, dict[int, Value]]:
    """`fn` after fusion, level by level, and the pairs that were fused, each with the index of the fused loop."""
    joined: dict[int, Value] = {}
    for _ in range(_DEPTH):  # the next round fuses inside the loops of this one
        fuse = _Fuse(fn, separate, complete)
        new = fuse(fn)
        if not fuse.count:  # a loop and its mirror may stand in two branches on one condition
            fuse = _Fuse(settled := _settled(fn), separate, complete)
            new = fuse(settled)
        if not fuse.count:
            break
        joined |= fuse.joined
        fn = dce(remove_invariant_carries(_settled(new)))
    return fn, joined


def _saves_within(fn: Function, index: Value) -> bool:
    """Whether the loop with this index saves and restores a value inside that its iterations cannot compute again at
    little cost.
    """
    for loop in walk(fn.body):
        if isinstance(loop, For) and loop.index is index:
            inner = list(walk(loop.body))
            ops = [s for s in inner if isinstance(s, Op) and "slot" in s.attrs]
            restored = {op.attrs["slot"] for op in ops if op.decl is memory.restore}
            saved = [s for s in ops if s.decl is memory.save and s.attrs["slot"] in restored]
            is_recomputable = _IsRecomputable(fn, inner) if saved else None
            return is_recomputable is not None and not all(
                is_recomputable(s.operands[0]) for s in saved
            )
    return False


class _IsRecomputable:
    """Tests whether a value costs little to compute from the indices of the loops, and from values in front of them."""

    def __init__(self, fn: Function, inner: Sequence[Statement]) -> None:
        self.written = written_values(fn)
        self.made = {v: s for s in inner for v in s.results}
        self.carried = {p for s in inner for r in regions_of(s) for p in r.params}
        self.carried -= {s.index for s in inner if isinstance(s, For)}

    def __call__(self, atom: Atom) -> bool:
        if atom in self.carried:
            return False
        maker = self.made.get(atom) if isinstance(atom, Value) else None
        if maker is None:
            return True
        is_quick = isinstance(maker, Op) and maker.decl.cost in ("free", "cheap")
        return is_quick and is_pure(maker, self.written) and all(map(self, maker.operands))


def _settled(fn: Function) -> Function:
    """`fn` with save/restore pairs eliminated and branches merged, as long as one enables the other."""
    for _ in range(_DEPTH):
        before = fn
        fn = merge_ifs(pair_up_saves(fn))
        if fn is before:
            break
    return fn


def loop_direction(fn: Function) -> Function:
    """`fn` with generated reversed loops run forwards, if their iterations commute."""
    return _Direction(fn)(fn)


class _Direction(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if (
            isinstance(old, For)
            and isinstance(new, For)
            and is_generated(old)
            and old.reverse
            and self.any_order(old)
        ):
            new = replace(new, reverse=False)
        b.append(new)

    def any_order(self, loop: For) -> bool:
        own = footprint(loop, self.roots)
        if loop.breaks or own.slots or own.effect:
            return False
        if not self.uses.get(loop.index):  # all iterations are the same
            return True
        return carries_only_add(loop, self.uses) and storage_commutes(accesses(loop, self.roots))


class _Fuse(Rewriter):
    """Fuses pairs of loops in every region. The bodies of fused loops are left to the next round."""

    def __init__(self, fn: Function, separate: Set[int], complete: bool) -> None:
        self.complete = complete
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        self.separate = separate
        self.count = 0
        self.joined: dict[int, Value] = {}
        # each loop is compared with many
        self.footprint = cache(partial(footprint, roots=self.roots))
        self.accesses = cache(partial(accesses, roots=self.roots))

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body: list[Statement] = []
        fresh: set[Statement] = set()
        for statement in old.body:
            body.append(statement)
            if isinstance(statement, For):
                self.fuse_last(body, fresh)
        for statement in body:
            if statement in fresh:
                b.append(statement)
            else:
                self.statement(statement, env, b)
        return b.region(old.params, (lookup(env, y) for y in old.yields))

    def fuse_last(self, body: list[Statement], fresh: set[Statement]) -> None:
        second = body[-1]
        assert isinstance(second, For)
        for place in range(len(body) - 2, max(-1, len(body) - 2 - _REACH), -1):
            first = body[place]
            if first in fresh or not isinstance(first, For) or not self.may_be_one(first, second):
                continue
            fused = self.fused(first, body[place + 1 : -1], second)
            if fused is not None:
                body[place:] = fused
                fresh.update(
                    s
                    for s in fused
                    if isinstance(s, For) and s.results[: len(first.results)] == first.results
                )
                self.count += 1
                if first.pair == second.pair != 0:
                    self.joined[first.pair] = first.index
            return

    # ---- is it legal ----

    def may_be_one(self, first: For, second: For) -> bool:
        """Whether two loops may be fused if no statement between them prevents it."""
        if not (is_generated(first) or is_generated(second)) or first.breaks or second.breaks:
            return False
        if first.pair and first.pair in self.separate:
            return False
        bounds = zip(
            (first.start, first.stop, first.step),
            (second.start, second.stop, second.step),
            strict=True,
        )
        if not all(self.same_number(a, b) for a, b in bounds):
            return False
        left, right = self.footprint(first), self.footprint(second)
        if left.effect or right.effect or not self.slots_match(first, left, second, right):
            return False
        used, added = self.accesses(first), self.accesses(second)
        if first.reverse != second.reverse and not (
            storage_commutes(added) and carries_only_add(second, self.uses)
        ):
            return False
        return storage_is_separate(used, added)

    def same_number(self, a: Atom, b: Atom) -> bool:
        if a == b:
            return True
        known = [t.expr for t in (a.type, b.type) if isinstance(t, Scalar)]
        return len(known) == 2 and known[0] is not None and known[0] == known[1]

    def slots_match(self, first: For, left: Footprint, second: For, right: Footprint) -> bool:
        """Whether each iteration of the second loop restores only values that the same iteration of the first loop has
        saved, if the two are a matched pair; otherwise, whether neither loop saves or restores anything.

        A save for another loop would lose its mirror.
        """
        if first.pair == second.pair != 0:
            return right.slots <= left.slots
        return not left.slots and not right.slots

    def fused(
        self, first: For, between: Sequence[Statement], second: For
    ) -> list[Statement] | None:
        """The statements that replace the two loops and the statements between them; None if one of these can move
        neither above the first loop nor below the second.
        """
        above: list[Statement] = []
        below: list[Statement] = []
        needed = uses_outside(second)
        touched = self.footprint(second)
        # the order of two sums does not change the result
        sums = frozenset() if self.complete else added_to(second, self.roots)
        for statement in reversed(between):
            own = self.footprint(statement)
            both = sums & added_to(statement, self.roots)
            if needed.isdisjoint(statement.results) and not conflict(
                own.without(both), touched.without(both)
            ):
                below.insert(0, statement)
                continue
            above.insert(0, statement)
            needed |= uses_outside(statement)
            touched = together([touched, own])
            sums -= own.reads | own.writes
        first_touches = self.footprint(first)
        moved = together(self.footprint(s) for s in above)
        if not needed.isdisjoint(first.results) or conflict(moved, first_touches):
            return None
        return [*above, _one(first, second), *below]


def _one(first: For, second: For) -> For:
    env: Env = {second.index: first.index}
    rest = Rewriter().region(second.body, env, Builder())
    params = (*first.body.params, *second.body.params[1:])
    body = Region(params, (*first.body.body, *rest.body), (*first.body.yields, *rest.yields))
    results = (*first.results, *second.results)
    return replace(
        first, carried=(*first.carried, *second.carried), body=body, results=results, pair=0
    )
