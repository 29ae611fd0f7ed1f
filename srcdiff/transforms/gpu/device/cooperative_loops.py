"""Cooperative loops: the threads of a block compute one item together and share the iterations of independent loops.

    for 0, %n { (%i) ->                        for %thread, %n, %threads { (%i) ->
        store[where='i'] %a, ..., %i }             store[where='i'] %a, ..., %i }
    for 0, %n { (%i) ->             becomes    syncthreads
        %0 = index[where='i'] %a, %k ... }     for %thread, %n, %threads { ... }

Sums over iterations are computed by each thread, and then reduced over the block. Every thread computes everything
else, but only the first thread stores. A loop that stores and cannot be shared is executed by the first thread, which
broadcasts the results. A barrier stands in front of each access that may conflict with an access of another thread
since the last barrier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, map_region, ops_of, shapes_for
from srcdiff.ir.core import (
    For,
    Function,
    If,
    Op,
    OpDecl,
    Region,
    Statement,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import cuda_scalar
from srcdiff.ops.control.control import raise_, undefined
from srcdiff.ops.control.cuda_kernel import (
    atomic_add,
    block_first,
    block_sum,
    position,
    syncthreads,
)
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, defined_inside
from srcdiff.transforms.gpu.device.deferred_errors import failing_loops, with_carried_failure
from srcdiff.transforms.gpu.device.parallel_loops import Finder, Shared, roots_inside

# An access since the last barrier: the storage, whether it is a write, and which thread accesses an element: None for
# any thread, "first" for the first one, "atomic" for any thread in any order, or a key for the owner of the element.
_Touch = tuple[Value, bool, object]
_Seen = frozenset[_Touch]
_NOTHING: _Seen = frozenset()


def mark_block_loops(fn: Function, atomics: bool) -> Function:
    """`fn` with the loops that threads can share marked as parallel; their iterations keep private storage.

    An error in a loop that could be shared otherwise is raised after the loop.
    """
    tried: set[Value] = set()
    while (
        loop := next((f for f in failing_loops(fn.body) if f.index not in tried), None)
    ) is not None:
        tried.add(loop.index)
        found = with_carried_failure(fn, loop)
        if found is not None and loop.index in _marked(_mark(found, atomics)):
            fn = found
    return _mark(fn, atomics)


def _mark(fn: Function, atomics: bool) -> Function:
    return _Mark(Finder(count_uses(fn), atomics), storage_roots(fn), fn)(fn)


def _marked(fn: Function) -> set[Value]:
    return {s.index for s in walk(fn.body) if isinstance(s, For) and s.is_parallel}


class _Mark(Rewriter):
    def __init__(self, finder: Finder, roots: Roots, fn: Function) -> None:
        self.finder, self.roots, self.fn = finder, roots, fn

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, For) and self.finder(old, self.roots) is not None:
            new = Rewriter().keep(old, env, b)
            assert isinstance(new, For)
            b.append(replace(new, is_parallel=True))
            return
        around = self.roots
        if isinstance(old, For):
            self.roots = roots_inside(old, around, self.fn)
        super().statement(old, env, b)
        self.roots = around


def block_loops(fn: Function, atomics: bool) -> Function:
    """`fn` for all threads of a block together.

    `target.shared_iterations` holds the trip count of each shared loop, None if it is not known statically. Without
    `atomics`, sums into storage have a fixed order, and results are reproducible to the last bit.
    """
    fn = _Settled()(fn)
    pass_ = _Blocks(fn, atomics)
    b, _ = pass_.region(fn.body, storage_roots(fn), _NOTHING)
    body = b.region(fn.params, fn.body.yields)
    target = replace(fn.target, shared_iterations=tuple(pass_.iterations))
    return replace(fn, body=body, target=target)


class _Settled(Rewriter):
    """Replaces unbound numbers by 0, since the first thread broadcasts them on every path."""

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is undefined and isinstance(old.result.type, Scalar):
            env[old.result] = _zero(old.result)
            return
        super().statement(old, env, b)


class _Blocks:
    def __init__(self, fn: Function, atomics: bool) -> None:
        self.fn = fn
        made = [s for s in ops_of(fn) if s.decl is cuda_scalar.local_array]
        self.private = frozenset(op.result for op in made)
        self.finder = Finder(count_uses(fn), atomics, self.private)
        self.shapes = shapes_for(fn)
        self.iterations: list[Dim | None] = []  # the trip counts of shared loops

    # ---- code for all threads ----

    def region(self, region: Region, roots: Roots, seen: _Seen) -> tuple[Builder, _Seen]:
        """The statements of a region that all threads execute, and the accesses since the last barrier at its end."""
        out = _Together(self, Builder(self.shapes, "compiler"), roots, seen)
        for s in region.body:
            out.statement(s)
        out.flush()
        return out.b, out.seen

    def touched(self, s: Statement, roots: Roots, owner: object) -> _Seen:
        read = ((r, False, owner) for r in reads_of(s, roots) - self.private)
        written = ((r, True, owner) for r in writes_of(s, roots) - self.private)
        return frozenset((*read, *written))

    def has_shared(self, s: Statement, roots: Roots) -> bool:
        """Whether a loop inside a statement is shared."""
        inner = roots_inside(s, roots, self.fn) if isinstance(s, For) else roots
        for region in regions_of(s):
            for i in region.body:
                if isinstance(i, For) and self.finder(i, inner) is not None:
                    return True
                if self.has_shared(i, inner):
                    return True
        return False


class _Together:
    """Emits the statements of one region in their order, with barriers between them."""

    def __init__(self, blocks: _Blocks, b: Builder, roots: Roots, seen: _Seen) -> None:
        self.blocks, self.b, self.roots, self.seen = blocks, b, roots, seen
        self.stores: list[Statement] = []  # deferred stores of the first thread

    def statement(self, s: Statement) -> None:
        self.b.location = s.location
        shared = self.blocks.finder(s, self.roots) if isinstance(s, For) else None
        if isinstance(s, Op):
            self.op(s)
        elif shared is not None and isinstance(s, For):
            self.shared_loop(s, shared)
        elif self.blocks.has_shared(s, self.roots) or self.stays_whole(s):
            self.flush()
            self.nested(s)
        elif self.written(s) - self.blocks.private:
            self.first_thread(s)
        else:
            self.order(self.blocks.touched(s, self.roots, None))
            self.flush()
            self.b.append(_unmarked(s))

    def op(self, s: Op) -> None:
        touched = self.blocks.touched(s, self.roots, "first" if s.decl.writes else None)
        if s.decl.writes and any(is_write for _, is_write, _ in touched):
            # only the first thread reads the operands of a store, and adds
            self.order(touched)
            self.stores.append(s)
            return
        self.order(touched)
        if s.decl.effect:
            self.flush()
        self.b.append(s)

    def stays_whole(self, s: Statement) -> bool:
        """Whether all threads have to execute a statement: it may end a thread, or its results are arrays."""
        ends = any(
            isinstance(i, Op) and (i.decl is raise_ or i.decl.effect) for i in walk(*regions_of(s))
        )
        has_own = not self.blocks.private.isdisjoint(written := self.written(s))
        is_mixed = has_own and bool(written - self.blocks.private)
        return ends or is_mixed or any(not isinstance(r.type, Scalar) for r in s.results)

    def written(self, s: Statement) -> frozenset[Value]:
        """The storage from outside that a statement writes."""
        return writes_of(s, self.roots) - {*defined_inside(s)}

    def order(self, touched: _Seen) -> None:
        """Emit a barrier if accesses since the last one conflict with `touched`."""
        if any(_conflict(a, c) for a in self.seen for c in touched):
            self.barrier()
        self.seen |= touched

    def barrier(self) -> None:
        self.flush()
        self.b.ops(syncthreads, kind="syncthreads")
        self.seen = _NOTHING

    def flush(self) -> None:
        """Emit the deferred stores of the first thread."""
        if self.stores:
            region = Region((), tuple(self.stores), ())
            self.stores = []
            self.b.append(
                If(self.is_first(self.b), region, Region((), (), ()), (), origin="compiler")
            )

    def is_first(self, b: Builder) -> Value:
        return b.op(arithmetic.equal, b.op(position, of="threadIdx.x"), const(0))

    # ---- code for the first thread ----

    def first_thread(self, s: Statement) -> None:
        """Emit a statement that the first thread executes; it broadcasts the results."""
        self.order(self.blocks.touched(s, self.roots, "first"))
        if not s.results:
            self.stores.append(_unmarked(s))
            return
        self.flush()
        found = tuple(replace(r) for r in s.results)
        run = Region((), (replace(_unmarked(s), results=found),), found)
        zeros = Region((), (), tuple(map(_zero, s.results)))
        chosen = tuple(replace(r) for r in s.results)
        self.b.append(If(self.is_first(self.b), run, zeros, chosen, origin="compiler"))
        for mine, result in zip(chosen, s.results, strict=True):
            self.b.append(Op(block_first, (mine,), (result,), {}, s.location, "compiler"))
        self.seen = _NOTHING

    # ---- statements with regions for all threads ----

    def nested(self, s: Statement) -> None:
        if isinstance(s, If):
            then, seen_then = self.blocks.region(s.then, self.roots, self.seen)
            orelse, seen_orelse = self.blocks.region(s.orelse, self.roots, self.seen)
            self.b.append(
                replace(
                    s,
                    then=then.region(s.then.params, s.then.yields),
                    orelse=orelse.region(s.orelse.params, s.orelse.yields),
                )
            )
            self.seen = seen_then | seen_orelse
            return
        assert isinstance(s, For | While)
        # swapped buffers are distinct within an iteration; across iterations, each may be any of them
        inner = roots_inside(s, self.roots, self.blocks.fn) if isinstance(s, For) else self.roots
        count, seen = len(self.blocks.iterations), self.seen
        while True:  # fixpoint: the accesses at the end of an iteration precede the next one
            del self.blocks.iterations[count:]
            end, regions = self.inside(seen, s, inner), []
            for region in regions_of(s):
                b, end = self.blocks.region(region, inner, end)
                regions.append(b.region(region.params, region.yields))
            end = self.outside(end, inner)
            if end <= seen:
                break
            seen |= end
        if isinstance(s, For):
            self.b.append(replace(s, body=regions[0], is_parallel=False))
        else:
            test = None if s.test is None else regions[0]
            self.b.append(replace(s, test=test, body=regions[-1]))
        self.seen = seen | end

    def inside(self, seen: _Seen, loop: For | While, inner: Roots) -> _Seen:
        """The accesses, also by the names that their storage has inside an iteration."""
        if inner is self.roots:
            return seen
        params = [p for p in loop.body.params if inner.get(p) == frozenset({p})]
        return seen | {
            (p, is_write, None)
            for root, is_write, _ in seen
            for p in params
            if root in self.roots.get(p, ())
        }

    def outside(self, seen: _Seen, inner: Roots) -> _Seen:
        """The accesses of an iteration, by the names that their storage has outside the loop."""
        if inner is self.roots:
            return seen
        out: set[_Touch] = set()
        for root, is_write, owner in seen:
            meant = self.roots.get(root, frozenset({root}))
            out |= {(r, is_write, owner if r is root else None) for r in meant}
        return frozenset(out)

    # ---- loops that threads share ----

    def shared_loop(self, loop: For, shared: Shared) -> None:
        self.order(frozenset(self.touches(loop, shared)))
        self.flush()
        start, stop = known_dim(loop.start), known_dim(loop.stop)
        self.blocks.iterations.append(None if start is None or stop is None else stop - start)
        b = self.b
        thread, threads = b.op(position, of="threadIdx.x"), b.op(position, of="blockDim.x")
        is_zero = isinstance(loop.start, Const) and loop.start.value == 0
        begin = thread if is_zero else b.op(arithmetic.add, loop.start, thread)
        found = tuple(replace(r) for r in loop.results)
        sums = [k for k, decl in enumerate(shared.carries) if decl is block_sum]
        carried = tuple(_zero(p) if k in sums else p for k, p in enumerate(loop.carried))
        body = map_region(map_region(loop.body, _for_one_thread), lambda s: _atomic(s, shared.sums))
        b.append(
            replace(
                loop,
                start=begin,
                step=threads,
                carried=carried,
                body=body,
                results=found,
                reverse=False,
                is_parallel=False,
            )
        )
        for k, (decl, mine) in enumerate(zip(shared.carries, found, strict=True)):
            self.put_together(decl, mine, loop, k)  # type: ignore[arg-type]
        if found:
            self.seen = _NOTHING  # the reductions have barriers

    def put_together(self, decl: OpDecl, mine: Value, loop: For, k: int) -> None:
        result, before = loop.results[k], loop.carried[k]
        is_zero = isinstance(before, Const) and before.value == 0
        if decl is not block_sum or is_zero:
            self.b.append(Op(decl, (mine,), (result,), {}, loop.location, "compiler"))
            return
        total = self.b.op(decl, mine, name="total")
        self.b.append(Op(arithmetic.add, (before, total), (result,), {}, loop.location, "compiler"))

    def touches(self, loop: For, shared: Shared) -> Sequence[_Touch]:
        """The accesses of the iterations, with owners: an element at the loop's own index belongs to one thread."""
        out: list[_Touch] = []
        for root, access in shared.found.items():
            if root in self.blocks.private:
                continue
            own = [kind for kind in access.kinds if isinstance(kind, tuple)]
            owner: object = None
            if root in shared.sums:
                owner = "atomic"
            elif len(own) == 1 and isinstance(loop.start, Const):
                # the base has to be a whole array, not a view that changes with the iteration
                base, axis = own[0]
                owner = (
                    (axis, loop.start.value) if self.roots.get(base) == frozenset({base}) else None
                )
            out.append((root, access.writes, owner))
        return out


def _conflict(one: _Touch, other: _Touch) -> bool:
    """Whether two threads may access one element, and one of the accesses is a write."""
    if one[0] is not other[0] or not (one[1] or other[1]):
        return False
    return one[2] is None or one[2] != other[2]


def _unmarked(s: Statement) -> Statement:
    """A statement without marks of parallel loops, for one thread."""
    return map_region(Region((), (s,), ()), _for_one_thread).body[0]


def _for_one_thread(s: Statement) -> Statement:
    return replace(s, is_parallel=False) if isinstance(s, For) and s.is_parallel else s


def _atomic(s: Statement, sums: frozenset[Value]) -> Statement:
    """A statement; an addition to the storage `sums` is atomic."""
    if isinstance(s, Op) and s.decl is memory.add_into and s.operands[0] in sums:
        return replace(s, decl=atomic_add)
    return s


def _zero(a: Atom) -> Const:
    dtype = a.type.dtype if isinstance(a.type, Scalar | Array) else "float64"
    return const({"f": 0.0, "b": False}.get(dtype[0], 0))
