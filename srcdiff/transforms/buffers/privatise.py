"""Privatisation: a buffer that each iteration fills before it reads it becomes private to the iteration.

    %y = zeros %n                               for i:
    for i:                                          %y = empty %n
        for j: store[i] %y, ..., %j     becomes     for j: store[i] %y, ..., %j
        for j: %0 = index[i] %y, %j                 for j: %0 = index[i] %y, %j

Iterations that share no storage commute, so that residuals need not outlive an iteration. `hoist_allocations` later
allocates the storage once, in front of the loop.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ranges_of
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, walk
from srcdiff.ir.types import Array, Scalar, shape_of
from srcdiff.ir.values import Const
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import all_regions, takes_element, used_atoms
from srcdiff.transforms.analysis.dependence.definite_init import Filling
from srcdiff.transforms.analysis.dependence.iteration_space import Places
from srcdiff.transforms.analysis.dependence.load_stability import survey

_EMPTY = {
    memory.empty: memory.empty,
    memory.zeros: memory.empty,
    memory.empty_like: memory.empty_like,
    memory.zeros_like: memory.empty_like,
}
_ZEROS = {
    memory.zeros: memory.empty,
    memory.zeros_like: memory.empty_like,
    memory.zeros_of: memory.empty_of,
}


def private_buffers(fn: Function) -> Function:
    """`fn` with each private buffer allocated in the innermost loop that alone uses it."""
    while (found := _find(fn)) is not None:
        fn = _Move(*found)(fn)
    return fn


def _find(fn: Function) -> tuple[Op, For] | None:
    """A buffer, and the loop into which it moves."""
    roots = storage_roots(fn)
    places: Places | None = None
    for region in all_regions(fn.body):
        for k, made in enumerate(region.body):
            loop = _only_user(made, region, k, roots)
            if loop is None:
                continue
            if places is None:
                counts = frozenset(fn.lengths.nonnegative)
                places = Places(survey(fn.body, roots), counts)
                ranges = ranges_of(fn.body)
            assert isinstance(made, Op)
            lengths = shape_of(made.result.type)
            filling = Filling(made.result, places, ranges)
            if all(map(places.is_length, lengths)) and filling.is_read_after_writing(loop.body):
                return made, loop
    return None


def _only_user(made: Statement, region: Region, k: int, roots: Roots) -> For | None:
    """The loop that contains all uses of a buffer, if all are accesses of elements."""
    if (
        not isinstance(made, Op)
        or made.decl not in _EMPTY
        or not isinstance(made.result.type, Array)
    ):
        return None
    buffer = made.result
    if buffer in region.yields or roots[buffer] != {buffer}:
        return None
    users = [s for s in region.body[k + 1 :] if buffer in set(used_atoms(s))]
    loop = users[0] if len(users) == 1 else None
    if not isinstance(loop, For):
        return None
    inner = [s for s in walk(loop.body) if buffer in s.operands]
    in_elements = all(isinstance(s, Op) and takes_element(s, buffer) for s in inner)
    yielded = any(buffer in r.yields for r in all_regions(loop.body))
    return loop if in_elements and not yielded and buffer not in loop.operands else None


def clear_in_iterations(fn: Function) -> Function:
    """`fn` with iterations that clear storage instead of allocating zeros, so that all iterations may share it."""
    return _Clear()(fn)


class _Clear(Rewriter):
    def __init__(self) -> None:
        self.depth = 0

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if self.depth and isinstance(old, Op) and old.decl in _ZEROS:
            operands = tuple(lookup(env, a) for a in old.operands)
            b.append(replace(old, decl=_ZEROS[old.decl], operands=operands))
            zero = Const(0.0, Scalar("float64"))
            where = {"where": ""}
            b.append(Op(memory.store, (old.result, zero), (), where, old.location, old.origin))
            return
        self.depth += isinstance(old, For | While)
        super().statement(old, env, b)
        self.depth -= isinstance(old, For | While)


class _Move(Rewriter):
    def __init__(self, made: Op, loop: For) -> None:
        self.made, self.loop = made, loop

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old is self.made:
            return
        if old is self.loop:
            empty = replace(self.made, decl=_EMPTY[self.made.decl], origin="compiler")
            body = self.loop.body
            inner = Region(body.params, (empty, *body.body), body.yields)
            b.append(replace(self.loop, body=inner))
            return
        super().statement(old, env, b)
