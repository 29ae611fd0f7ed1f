"""Parallel loops: independent iterations are divided among threads.

    %s = for 0, %n (0.0) { (%i, %p) ->             %parts = empty_of[type=float64[threads]]
        yield (add %p, ...) }            becomes   for 0, %threads parallel { (%c) ->
                                                       %part = for %first, %last (0.0) { (%i, %p) -> ... }
                                                       store[where='i'] %parts, %part, %c }
                                                   %s = for 0, %threads (0.0) { ... add up %parts ... }

Each thread has a range of iterations and private accumulators. These are added up in the order of the threads: for a
given number of threads the result is the same to the last bit, whichever thread ends first. Only outermost loops become
parallel, since waking the threads takes some ten microseconds, and no loop that may raise, since an exception in a
thread is lost. Later passes treat the loop of a thread like any other (`vectorize` works on it, too); at the end it
becomes a function (`outline_threads`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup
from srcdiff.ir.core import Call, For, Function, Op, Region, Statement, While, walk
from srcdiff.ir.types import Array, Dim, Scalar, Size, shape_of, size_of
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.cost_model import total, work_of
from srcdiff.transforms.analysis.defuse import count_uses
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES
from srcdiff.transforms.analysis.dependence.loop_dependence import accesses, carries_only_add
from srcdiff.transforms.analysis.effects import footprint
from srcdiff.transforms.lower.loop_nests import nest
from srcdiff.transforms.lower.materialise_dims import bind_lengths

# operations of a loop that becomes parallel without a request by the user: half a millisecond of vector code. Threads
# pay from a hundredth of that (`benchmarks/threads.py`), but waking them takes milliseconds if other processes are busy
WORTH = 20_000_000

_EACH = 64  # operations for each element of the threads' partial sums, at least
_FEW = 32  # a loop with a smaller known trip count is not parallel
_ADDITIONS = (memory.add_into, memory.add_at)
_SUMMED = ("float64", "int64")


def parallel(
    fn: Function, threads: int | None = None, lengths: Mapping[str, int] | None = None
) -> Function:
    """`fn` with its independent outermost loops divided among `threads`; None: as many as Numba has.

    With `lengths` of the given arguments, only loops with enough work become parallel. The comparisons that decided are
    recorded in `fn.lengths.at_most`.
    """
    shared = _Parallel(fn, threads, lengths)
    new = shared(fn)
    facts = shared.facts()
    if facts:
        at_most = (*new.lengths.at_most, *facts)
        new = replace(new, lengths=replace(new.lengths, at_most=at_most))
    if not shared.count:
        return new
    return bind_lengths(replace(new, target=replace(new.target, is_parallel=True)))


class _Parallel(Rewriter):
    def __init__(
        self, fn: Function, threads: int | None, lengths: Mapping[str, int] | None
    ) -> None:
        self.lengths = lengths
        self.long: list[Size] = []  # the work of loops with enough work
        self.short: list[Size] = []
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        self.threads = threads
        self.depth = 0
        self.count = 0

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        sums = self.private(old) if isinstance(old, For) and not self.depth else None
        if isinstance(old, For) and sums is not None and self.is_worth_it(old, sums):
            self.count += 1
            b.location, b.origin = old.location, "compiler"
            _Shared(old, sums, self.threads, env, b).write()
            return
        self.depth += isinstance(old, For | While)
        super().statement(old, env, b)
        self.depth -= isinstance(old, For | While)

    def private(self, loop: For) -> list[Value] | None:
        """The arrays to which iterations only add, if all their other writes are private; None if iterations depend on
        each other.
        """
        own = footprint(loop, self.roots)
        is_plain = not loop.breaks and not loop.reverse and loop.step == const(1)
        if not is_plain or own.slots or own.effect or may_raise(loop.body) or not _is_long(loop):
            return None
        dtypes = [p.type.dtype for p in loop.body.params[1:] if isinstance(p.type, Scalar)]
        if len(dtypes) != len(loop.carried) or not {*dtypes} <= {*_SUMMED}:
            return None
        if not carries_only_add(loop, self.uses):
            return None
        return self.sums(loop)

    def is_worth_it(self, loop: For, sums: Sequence[Value]) -> bool:
        """Whether a loop has enough work; the comparison is recorded."""
        if self.lengths is None:
            return True
        if any(isinstance(s, Op) and s.decl.cost == "heavy" for s in walk(loop.body)):
            return False  # BLAS has threads of its own
        work = work_of(loop)
        try:
            found = size_of(work, self.lengths)
            added_up = sum(size_of((shape_of(v.type),), self.lengths) for v in sums)
        except KeyError:  # it depends on more than lengths
            return False
        if all(d.is_const for product in work for d in product):
            return found > WORTH
        (self.long if found > WORTH else self.short).append(work)
        return found > WORTH and found > _EACH * added_up

    def facts(self) -> tuple[tuple[Size, Size], ...]:
        """The comparisons of the loops' work; a single one if all loops together are short."""
        worth = Dim(WORTH)
        short, together = self.short, total(self.short)
        if short and size_of(together, self.lengths or {}) <= WORTH:
            short = [together]
        found = [(((worth + 1,),), work) for work in self.long]
        return tuple(dict.fromkeys([*found, *((work, ((worth,),)) for work in short)]))

    def sums(self, loop: For) -> list[Value] | None:
        found: list[Value] = []
        for root, access in accesses(loop, self.roots).items():
            if not access.writes or any(isinstance(kind, tuple) for kind in access.kinds):
                continue
            if not is_sum(root, loop, self.roots):
                return None
            found.append(root)
        return found


def may_raise(region: Region) -> bool:
    """Whether compiled code may raise in a region; arithmetic and element accesses do not: checks precede them."""
    for s in walk(region):
        is_element = isinstance(s, Op) and (s.decl.elementwise or s.decl in ELEMENT_ACCESSES)
        if isinstance(s, Op) and s.decl.raises and not is_element:
            return True
        if isinstance(s, Call) and may_raise(s.function.body):
            return True
    return False


def _is_long(loop: For) -> bool:
    return not (isinstance(loop.start, Const) and isinstance(loop.stop, Const)) or (
        loop.stop.value - loop.start.value >= _FEW
    )


def is_sum(root: Value, loop: For, roots: Roots, dtypes: Collection[str] = _SUMMED) -> bool:
    """Whether a loop only adds to an array of one of some dtypes, and uses it without aliases."""
    if not isinstance(root.type, Array) or root.type.dtype not in dtypes:
        return False
    for statement in walk(loop.body):
        for k, operand in enumerate(statement.operands):
            if isinstance(operand, Value) and root in roots.get(operand, ()):
                adds = isinstance(statement, Op) and statement.decl in _ADDITIONS
                if not adds or k or operand is not root:
                    return False
    return True


class _Shared:
    """Replaces a loop by a parallel loop over threads, and a loop that adds up their results."""

    def __init__(
        self, loop: For, sums: Sequence[Value], threads: int | None, env: Env, b: Builder
    ) -> None:
        self.loop, self.sums, self.env, self.b = loop, sums, env, b
        if threads is None:
            self.threads: Atom = b.op(control.thread_count, name="threads")
            assert isinstance(self.threads.type, Scalar) and self.threads.type.expr is not None
            self.count = self.threads.type.expr
        else:
            self.threads, self.count = const(threads), Dim(threads)

    def write(self) -> None:
        names = [p.name or "sum" for p in self.loop.body.params[1:]]
        types = [p.type.dtype for p in self.loop.body.params[1:] if isinstance(p.type, Scalar)]
        pairs = zip(names, types, strict=True)
        numbers = [self.storage(name, dtype, ()) for name, dtype in pairs]
        arrays = [self.of_array(self.array(root)) for root in self.sums]
        self.in_threads(numbers, arrays)
        if numbers or arrays:
            self.added_up(numbers, arrays)

    def array(self, root: Value) -> Value:
        found = lookup(self.env, root)
        assert isinstance(found, Value)
        return found

    def of_array(self, root: Value) -> Value:
        assert isinstance(root.type, Array)
        return self.storage(root.name or "sums", root.type.dtype, shape_of(root.type))

    def storage(self, name: str, dtype: str, shape: Sequence[Dim]) -> Value:
        """Append storage with a slot for each thread's part."""
        type_ = Array(dtype, (self.count, *shape))
        (found,) = self.b.ops(memory.empty_of, names=(f"{name}_of_threads",), type=type_)
        return found

    def in_threads(self, numbers: Sequence[Value], arrays: Sequence[Value]) -> None:
        loop, inner = self.loop, self.b.inner()
        c = Value(Scalar("int64", True, inner.shapes.fresh("thread")), "thread", user=True)
        mine: Env = dict(self.env)
        for root in self.sums:  # private storage, so that threads do not share cache lines
            own = self.array(root)
            (mine[root],) = inner.ops(memory.zeros_of, names=(own.name,), type=own.type)
        start, stop = lookup(self.env, loop.start), lookup(self.env, loop.stop)
        first = self.bound(inner, start, stop, c)
        first = inner.op(arithmetic.maximum, first, const(0), name="first", spelling="max")
        last = self.bound(inner, start, stop, inner.op(arithmetic.add, c, const(1)))
        zeros = [const(0.0 if is_number_of(p, "float64") else 0) for p in loop.body.params[1:]]
        part = clone_statement(replace(loop, start=first, stop=last, carried=tuple(zeros)), mine)
        inner.append(part)
        for place, found in zip(numbers, part.results, strict=True):
            inner.ops(memory.store, place, found, c, where="i")
        for root, parts in zip(self.sums, arrays, strict=True):
            _kept(inner, mine[root], parts, c)
        self.b.append(
            For(const(0), self.threads, const(1), (), inner.region((c,), ()), (), location=loop.location,
                origin=loop.origin, is_parallel=True)
        )  # fmt: skip

    def bound(self, b: Builder, start: Atom, stop: Atom, thread: Atom) -> Atom:
        """The first iteration of a thread."""
        is_zero = start == const(0)
        span = stop if is_zero else b.op(arithmetic.subtract, stop, start)
        iterations = b.op(
            arithmetic.floor_divide, b.op(arithmetic.multiply, span, thread), self.threads
        )
        return iterations if is_zero else b.op(arithmetic.add, start, iterations)

    def added_up(self, numbers: Sequence[Value], arrays: Sequence[Value]) -> None:
        loop, inner = self.loop, self.b.inner()
        c = Value(Scalar("int64", True, inner.shapes.fresh("thread")), "thread", user=True)
        params = tuple(replace(p) for p in loop.body.params[1:])
        sums = []
        for param, parts in zip(params, numbers, strict=True):
            part = inner.op(memory.index, parts, c, where="i")
            sums.append(inner.op(arithmetic.add, param, part))
        for root, parts in zip(map(self.array, self.sums), arrays, strict=True):
            self.add_part(inner, root, parts, c)
        carried = tuple(lookup(self.env, a) for a in loop.carried)
        region = Region((c, *params), tuple(inner.body), tuple(sums))
        self.b.append(
            For(const(0), self.threads, const(1), carried, region, loop.results, location=loop.location,
                origin=loop.origin)
        )  # fmt: skip

    def add_part(self, b: Builder, root: Value, parts: Value, c: Value) -> None:
        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            part = b.op(memory.index, parts, c, *at, where=elements_of((c, *at)))
            b.ops(memory.add_into, root, part, *at, where=elements_of(tuple(at)))
            return ()

        nest(b, shape_of(root.type), (), body)


def _kept(b: Builder, own: Atom, parts: Value, c: Value) -> None:
    """Append the copy of a thread's sums to its slot."""

    def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        found = b.op(memory.index, own, *at, where=elements_of(tuple(at)))
        b.ops(memory.store, parts, found, c, *at, where=elements_of((c, *at)))
        return ()

    nest(b, shape_of(own.type), (), body)
