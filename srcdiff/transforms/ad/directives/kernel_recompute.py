"""Recomputation in kernels: iterations of a loop that load tiles into shared memory run again in the backward part.

Of such an iteration, only loop-carried values at its start are stored. In front of its adjoint, the tiles are loaded
again, with the barriers.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from srcdiff.ir.alias import reads_of, with_inner, writes_of
from srcdiff.ir.build import Builder, Env, clone_region, lookup, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import barrier_of, is_barrier, shared_array
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.analysis.defuse import substitute, used_atoms
from srcdiff.transforms.simplify.dce import dce


def runs_again(r: Reversal, loop: For | While) -> bool:
    """Whether each iteration of a loop fills shared memory before it reads it, so that an iteration can run again.

    Each iteration stores at the same places, and reads at the same places. So no iteration reads an element that an
    earlier iteration has stored, for any shape of the block.
    """
    if not isinstance(loop, For) or not any(map(is_barrier, walk(loop.body))):
        return False
    program = r.forward.program
    written = writes_of(loop, program.roots)
    tiles = {
        s
        for s in written
        if isinstance(made := program.maker.get(s), Op) and made.decl is shared_array
    }
    inside = {id(s) for s in walk(loop.body)}
    iteration = _varying(loop)
    for s in walk(loop.body):
        if not isinstance(s, Op) or is_barrier(s):
            continue
        own = (writes_of(s, program.roots) | reads_of(s, program.roots)) & tiles
        if own and (s.decl not in (memory.store, memory.index) or own != {s.operands[0]}):
            return False
        if own and iteration & {*s.operands[2 if s.decl is memory.store else 1 :]}:
            return False
        if not own and s.decl is memory.index and not program.is_stable(s):
            return False
    for tile in tiles:
        if any(id(w) not in inside and not is_barrier(w) for w in program.writes.get(tile, ())):
            return False
        if not _fills_first(loop.body, tile, iteration):
            return False
    return bool(tiles)


def _varying(loop: For) -> set[Atom]:
    """The values that may differ from iteration to iteration. Indices of inner loops with invariant bounds do not."""
    found: set[Atom] = set(loop.body.params)
    while True:
        before = len(found)
        for s in walk(loop.body):
            if isinstance(s, For) and not s.breaks:
                if not found.isdisjoint((s.start, s.stop, s.step)):
                    found.add(s.index)
                found.update(s.body.params[1:])
                found.update(s.results)
            elif isinstance(s, Op) and s.decl not in _LOADS:
                if not found.isdisjoint(s.operands):
                    found.update(s.results)
            else:
                found.update(s.results)
                found.update(p for region in regions_of(s) for p in region.params)
        if len(found) == before:
            return found


_LOADS = (memory.index, memory.gather, memory.read)


def _fills_first(body: Region, tile: Value, iteration: Set[Atom]) -> bool:
    """Whether an iteration stores at all of its places of a tile before it reads the tile; `iteration`: the values
    that vary from iteration to iteration.
    """
    sure: set[tuple[Atom, ...]] = set()
    for s in body.body:
        if is_barrier(s):
            continue
        places = set(_stores(s, tile))
        if any(
            isinstance(i, Op) and i.decl is memory.index and i.operands[0] is tile
            for i in with_inner(s)
        ):
            return bool(sure) and places <= sure
        sure |= _surely(s, tile, iteration)
        if not places <= sure:
            return False
    return True


def _stores(s: Statement, tile: Value) -> Iterator[tuple[Atom, ...]]:
    for i in with_inner(s):
        if isinstance(i, Op) and i.decl is memory.store and i.operands[0] is tile:
            yield i.operands[2:]


def _surely(s: Statement, tile: Value, iteration: Set[Atom]) -> set[tuple[Atom, ...]]:
    """The places at which a statement stores on all of its paths."""
    if isinstance(s, If):
        halves = [
            {p for i in region.body for p in _surely(i, tile, iteration)}
            for region in regions_of(s)
        ]
        return halves[0] & halves[1]
    if isinstance(s, For):  # it makes the same iterations each time
        is_same = not s.breaks and iteration.isdisjoint((s.start, s.stop, s.step))
        return {p for i in s.body.body for p in _surely(i, tile, iteration)} if is_same else set()
    return set(_stores(s, tile)) if isinstance(s, Op) else set()


def run_iteration_again(r: Reversal, loop: For, inner: Scope) -> list[Statement]:
    """The statements of an iteration that its adjoint needs, which run again in front of the adjoint."""
    roots = r.forward.program.roots
    wanted = {v for v in inner.values if v is not loop.index}
    read: set[Value] = set()
    found: list[Statement] = []
    for s in reversed(r.forward.with_saves(loop.body).body):
        saves = any(isinstance(i, Op) and "slot" in i.attrs for i in with_inner(s))
        if saves or not wanted.isdisjoint(s.results) or writes_of(s, roots) & read:
            wanted.update(a for a in used_atoms(s) if isinstance(a, Value))
            read |= reads_of(s, roots)
            found.append(s)
    b = Builder(inner.b.shapes, "compiler", loop.location)
    tiles = [v for v in sorted(read, key=r.forward.program.order) if _is_tile(r, v)]
    twins = [_twin(r, v, inner) for v in tiles]
    if tiles:
        b.ops(barrier_of(len(tiles)), *twins, kind="syncthreads")
    env: Env = {**inner.values, **dict(zip(tiles, twins, strict=True))}
    before: list[Statement] = []
    for p in loop.body.params[1:]:
        if p in wanted:
            before.append(r.forward.kept_from_start(p, loop, inner))
            env[p] = inner.values[p]
    for s in reversed(found):
        b.append(_copied(s, env, inner.values))
    return [*before, *b.body]


def _twin(r: Reversal, tile: Value, scope: Scope) -> Value:
    """A twin of a tile, for iterations that run again; `one_of_twins` merges the two later."""
    while scope.parent is not None:
        scope = scope.parent
    found = scope.values.get(tile)
    if found is None:
        made = r.forward.maker[tile]
        assert isinstance(made, Op)
        found = scope.values[tile] = replace(tile)
        scope.prologue.append(replace(made, results=(found,), origin="compiler"))
    assert isinstance(found, Value)
    return found


def one_of_twins(fn: Function) -> Function:
    """`fn` with one tile in the place of twins: iterations, and iterations that run again, share it."""
    first: dict[object, Value] = {}
    env: dict[Value, Atom] = {}
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl is shared_array and "tile" in s.attrs:
            known = first.setdefault(s.attrs["tile"], s.result)
            if known is not s.result:
                env[s.result] = known
    return dce(substitute(fn, env)) if env else fn


def _is_tile(r: Reversal, v: Value) -> bool:
    made = r.forward.maker.get(v)
    return isinstance(made, Op) and made.decl is shared_array


def _copied(s: Statement, env: Env, values: Env) -> Statement:
    def results() -> tuple[Value, ...]:
        known = [values.get(v) for v in s.results]
        made = [
            k if isinstance(k, Value) else replace(v) for v, k in zip(s.results, known, strict=True)
        ]
        env.update(zip(s.results, made, strict=True))
        return tuple(made)

    operands = [lookup(env, a) for a in s.operands]
    regions = [clone_region(region, env) for region in regions_of(s)]
    return replace(with_parts(s, operands, regions, results), origin="compiler")
