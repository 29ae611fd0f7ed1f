"""Elision of zero initialisation: where one loop adds to each row of an array of zeros once, it stores instead.

    %d = zeros_like %x                           %d = empty_like %x
    for 0, len(x) { (%i) ->              ->      for 0, len(x) { (%i) ->
        add_into[i] %d, %v, %i }                     store[i] %d, %v, %i }

The loop has to be the first use of the array.

Zeros without a prototype: no array is kept for its shape alone.

    %scores.1 = restore[slot=1]                    ->    %d_scores = zeros_of[type=type(float64[k])]
    %d_scores = zeros_like %scores.1

A saved array with another use stays a prototype.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, map_ops, ops_of, with_body
from srcdiff.ir.core import For, Function, Op, Region, Statement, regions_of, walk
from srcdiff.ir.definedness import perhaps_undefined
from srcdiff.ir.types import Array
from srcdiff.ir.values import Const, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import is_generated, used_atoms

_EMPTY = {
    memory.zeros_like: memory.empty_like,
    memory.zeros: memory.empty,
    memory.zeros_of: memory.empty_of,
}


def fill_once(fn: Function) -> Function:
    """`fn` with arrays that one loop fills allocated without zeros."""
    return _FillOnce()(fn)


class _FillOnce(Rewriter):
    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body = list(old.body)
        for k, statement in enumerate(body):
            if (
                not isinstance(statement, Op)
                or statement.decl not in _EMPTY
                or statement.origin == "user"
            ):
                continue
            place = self.filling_loop(statement.result, body, k + 1)
            if place is not None:
                loop = body[place]
                assert isinstance(loop, For)
                body[place] = replace(loop, body=_stored(loop.body, statement.result))
                body[k] = replace(statement, decl=_EMPTY[statement.decl])
        return super().region(with_body(old, body), env, b)

    def filling_loop(self, d: Value, body: list[Statement], start: int) -> int | None:
        """The first statement that uses the array, if it is a loop that adds once to each row."""
        place = next((k for k in range(start, len(body)) if d in set(used_atoms(body[k]))), None)
        loop = body[place] if place is not None else None
        if not isinstance(loop, For) or loop.breaks or not _covers(loop, d) or d in loop.operands:
            return None
        inside = [s for s in loop.body.body if d in set(used_atoms(s))]
        if len(inside) == 1 and _adds_own_row(inside[0], d, loop) and d not in loop.body.yields:
            return place
        return None


def _covers(loop: For, d: Value) -> bool:
    """Whether the loop's iterations are the array's rows."""
    counts = (
        isinstance(loop.start, Const)
        and loop.start.value == 0
        and isinstance(loop.step, Const)
        and loop.step.value == 1
    )
    stop = known_dim(loop.stop)
    return counts and isinstance(d.type, Array) and stop == d.type.shape[0]


def _adds_own_row(statement: Statement, d: Value, loop: For) -> bool:
    if (
        not isinstance(statement, Op)
        or statement.decl is not memory.add_into
        or statement.attrs["where"] != "i"
    ):
        return False
    return (
        statement.operands[0] is d
        and statement.operands[2] is loop.index
        and statement.operands[1] is not d
    )


def _stored(region: Region, d: Value) -> Region:
    body = tuple(
        replace(s, decl=memory.store)
        if isinstance(s, Op) and s.decl is memory.add_into and s.operands[0] is d
        else s
        for s in region.body
    )
    return Region(region.params, body, region.yields)


def no_kept_prototypes(fn: Function) -> Function:
    """`fn` with zeros by type in place of zeros like a saved array, if nothing else uses the saved array."""
    ops = list(ops_of(fn))
    made = {s for s in ops if _has_prototype(s)}
    kept = {s.result for s in ops if s.decl is memory.restore}
    if kept.isdisjoint(s.operands[0] for s in made):
        return fn
    absent = perhaps_undefined(fn)  # may be saved as None, which has no length
    others = {a for s in walk(fn.body) if s not in made for a in s.operands}
    others |= {y for s in walk(fn.body) for r in regions_of(s) for y in r.yields}
    others.update(fn.body.yields)
    bare = kept - absent - others

    def without_prototype(op: Op) -> Op:
        if op not in made or op.operands[0] not in bare:
            return op
        return replace(op, decl=memory.zeros_of, operands=(), attrs={"type": op.result.type})

    return map_ops(fn, without_prototype)


def _has_prototype(op: Op) -> bool:
    if op.decl not in (memory.zeros_like, memory.empty_like) or not is_generated(op):
        return False
    prototype = op.operands[0]
    return isinstance(prototype, Value) and prototype.type == op.result.type
