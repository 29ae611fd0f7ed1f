"""Loop-invariant code motion with array expansion: a value that depends on an inner loop only is computed once for all
iterations of the outer loop, and kept in a table.

    for 0, %n { (%p) ->                                  %t = empty_like %q
        for 0, %k { (%c) ->                              if %n > 0 { for 0, %k { (%c) ->
            %v = index[i] %q, %c                             store %t, (exp (index %q, %c)), %c } }
            %e = exp %v                    becomes       for 0, %n { (%p) ->
            ... %e ... } }                                   for 0, %k { (%c) ->
                                                                 %e = index %t, %c
                                                                 ... %e ... } }

It applies to elementary functions of an element of an array that the loop does not write; the table has the shape of
that array. Statements under a condition stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, walk
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const, known_trip_count
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.transforms.analysis.cost_model import machine_price
from srcdiff.transforms.analysis.defuse import count_uses, defined_in

_DEAR = 0.8  # the price of an elementary function; loading it costs about half a unit

_OFTEN = 4  # iterations of the loop, at least; an unknown trip count is assumed to be larger


def tables(fn: Function) -> Function:
    """`fn` with tables of values that its loops would compute again."""
    return _Tables(fn)(fn)


@dataclass(frozen=True, eq=False)
class _Entry:
    """An operation that may have a table.

    chain : the operations in the loop that compute it, and itself.
    lengths : the lengths in the loop that bound inner loops.
    load : the load of the array whose shape the table has.
    """

    op: Op
    chain: tuple[Op, ...]
    lengths: tuple[Op, ...]
    load: Op
    inner: tuple[For, ...]  # the loops over the array, in the order of its axes
    others: tuple[For, ...]  # the other enclosing loops


class _Tables(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        # an operation -> its table and the subscripts
        self.at: dict[Op, tuple[Value, Sequence[Atom]]] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, For):
            self.fill(old, env, b)
        if isinstance(old, Op) and old in self.at:
            table, indices = self.at[old]
            b.location, b.origin = old.location, "compiler"
            where, name = elements_of(indices), old.result.name
            places = [lookup(env, i) for i in indices]
            env[old.result] = b.op(memory.index, table, *places, where=where, name=name)
        else:
            b.append(self.keep(old, env, b))

    def fill(self, loop: For, env: Env, b: Builder) -> None:
        """Put the tables for a loop in front of it."""
        groups: dict[object, dict[object, list[_Entry]]] = {}
        for entry in _entries(loop, self.roots, self.uses):
            if entry.op not in self.at:
                group = groups.setdefault(_key(entry, any_place=True), {})
                group.setdefault(_key(entry), []).append(entry)
        for group in groups.values():
            table = _filled([same[0] for same in group.values()][::-1], env, b)
            for entry in (e for same in group.values() for e in same):
                self.at[entry.op] = table, entry.load.operands[1:]


# ---- candidates --------------------------------------------------------------------------------


class _Look:
    """The operations of a loop's body that are loop-invariant, except for the indices of inner loops."""

    def __init__(self, loop: For, roots: Roots) -> None:
        self.loop, self.roots = loop, roots
        self.written = writes_of(loop, roots)
        self.inside = set(defined_in(loop.body))
        self.makers: dict[Atom, Op] = {}  # values that each iteration computes unconditionally
        self.path: dict[Op, tuple[For, ...]] = {}
        self.chains: dict[Op, tuple[Op, ...] | None] = {}
        self.enter(loop, ())

    def enter(self, loop: For, around: tuple[For, ...]) -> None:
        path = (*around, loop)
        for s in loop.body.body:
            if isinstance(s, Op):
                self.path[s] = path
                self.makers.update(dict.fromkeys(s.results, s))
            elif isinstance(s, For) and not s.breaks:
                self.enter(s, path)

    def chain(self, op: Op) -> tuple[Op, ...] | None:
        """The operations that compute a result, in order; None if it is not invariant apart from inner indices."""
        if op not in self.chains:
            self.chains[op] = self.found_chain(op)
        return self.chains[op]

    def found_chain(self, op: Op) -> tuple[Op, ...] | None:
        is_plain = op.decl.elementwise or op.decl is memory.index
        if len(op.results) != 1 or not isinstance(op.result.type, Scalar) or not is_plain:
            return None
        if reads_of(op, self.roots) & self.written:
            return None
        out: dict[Op, None] = {}
        indices = {loop.index for loop in self.path[op][1:]}
        for a in op.operands:
            if a not in self.inside or a in indices:
                continue
            maker = self.makers.get(a)
            chain = None if maker is None else self.chain(maker)
            if chain is None:
                return None
            out.update(dict.fromkeys(chain))
        return (*out, op)

    def entry(self, op: Op) -> _Entry | None:
        """The entry of an operation that may have a table; None if it may not."""
        chain = self.chain(op)
        if chain is None:
            return None
        used = {a for s in chain for a in s.operands}
        path = self.path[op]
        inner: dict[Atom, For] = {loop.index: loop for loop in path[1:] if loop.index in used}
        array = next((s for s in chain if _runs_through(s, inner, op)), None)
        others = tuple(loop for loop in path if loop.index not in inner)
        lengths = self.lengths((*inner.values(), *others[1:]))
        if array is None or lengths is None:
            return None
        if any(loop.start != const(0) or loop.step != const(1) for loop in inner.values()):
            return None
        axes = tuple(inner[i] for i in array.operands[1:] if isinstance(i, Value))
        entry = _Entry(op, chain, lengths, array, axes, others)
        return None if self.is_checked(entry) else entry

    def lengths(self, loops: Sequence[For]) -> tuple[Op, ...] | None:
        """The lengths that bound loops; None if a bound is another value of the iteration."""
        found: dict[Op, None] = {}
        for a in (a for loop in loops for a in (loop.start, loop.stop)):
            maker = self.makers.get(a)
            if maker is not None and maker.decl in (memory.length, memory.axis_length):
                if not self.inside.isdisjoint(maker.operands):
                    return None
                found[maker] = None
            elif a in self.inside:
                return None
        return tuple(found) if all(isinstance(loop.step, Const) for loop in loops) else None

    def is_checked(self, entry: _Entry) -> bool:
        """Whether an iteration checks the index of a load before the load."""
        tests = (s for s in walk(self.loop.body) if isinstance(s, Op) and s.decl is control.test)
        compared = {a for s in tests for a in s.operands}
        loaded = {a for s in entry.chain if s.decl is memory.index for a in s.operands[1:]}
        return not compared.isdisjoint(loaded | {loop.stop for loop in entry.inner})


def _runs_through(load: Op, inner: Mapping[Atom, For], op: Op) -> bool:
    """Whether a load subscripts an array with all inner indices, and the array has the dtype of the result."""
    base, *places = load.operands
    return (
        load.decl is memory.index
        and isinstance(base.type, Array)
        and isinstance(op.result.type, Scalar)
        and base.type.dtype == op.result.type.dtype
        and base.type.ndim == len(load.operands) - 1
        and sorted(map(id, inner)) == sorted(id(a) for a in places if isinstance(a, Value))
        and all(isinstance(a, Value) or a.value >= 0 for a in places)
        and bool(inner)
    )


def _entries(loop: For, roots: Roots, uses: Mapping[Value, int]) -> Iterator[_Entry]:
    """The entries of a loop, without operations that only other entries use."""
    if loop.breaks or _is_short(loop):
        return
    look = _Look(loop, roots)
    inner: dict[Value, int] = {}  # value -> number of its uses in tables
    for op in reversed(look.path):
        if len(op.results) != 1 or inner.get(op.result) == uses.get(op.result):
            continue
        if len(look.path[op]) < 2 or machine_price(op) < _DEAR or not op.decl.elementwise:
            continue
        entry = look.entry(op)
        if entry is not None:
            for s in entry.chain:
                for a in s.operands:
                    if isinstance(a, Value):
                        inner[a] = inner.get(a, 0) + 1
            yield entry


def _is_short(loop: For) -> bool:
    known = known_trip_count(loop.start, loop.stop, loop.step)
    return known is not None and known < _OFTEN


def _key(entry: _Entry, any_place: bool = False) -> object:
    """A key that operations with equal results share; `any_place`: a key of operations that may share a table, since
    they differ only in constant subscripts.
    """
    names: dict[Atom, object] = {loop.index: k for k, loop in enumerate(entry.inner)}
    for op in (*entry.lengths, *entry.chain):
        attrs = repr(sorted(op.attrs.items()))
        is_open = any_place and op is entry.load
        operands = (a for a in op.operands if not (is_open and isinstance(a, Const)))
        names[op.result] = (op.decl.name, attrs, *(names.get(a, a) for a in operands))
    loops = (*entry.inner, *entry.others[1:])
    bounds = [a for loop in loops for a in (loop.start, loop.stop, loop.step)]
    return (names[entry.op.result], *(names.get(a, a) for a in bounds))


# ---- filling them ------------------------------------------------------------------------------------


def _filled(entries: Sequence[_Entry], env: Env, b: Builder) -> Value:
    """Append a table, filled if the loops that use it have an iteration. Without one, the program does not access the
    array, which may be too short.
    """
    entry = entries[0]
    b.location, b.origin = entry.op.location, "compiler"
    array = lookup(env, entry.load.operands[0])
    table = b.op(memory.empty_like, array, name=plural(entry.op.result.name))
    env = dict(env)
    b.body += [replace(clone_statement(op, env), origin="compiler") for op in entry.lengths]
    fill = b.inner()
    _fill(entries, table, dict(env), 0, fill)
    bounds = [_in_iteration(loop, env) for loop in entry.others]
    places = range(0, 2 * len(bounds), 2)
    text = " and ".join(f"{{{k}}} > {{{k + 1}}}" for k in places)
    makes_iterations = b.op(control.test, *(a for pair in bounds for a in pair), text=text)
    nothing = Region((), (), ())
    filling = fill.region((), ())
    b.append(If(makes_iterations, filling, nothing, (), b.location, b.origin))
    return table


def _in_iteration(loop: For, env: Env) -> tuple[Atom, Atom]:
    """Two numbers; the first is larger if and only if the loop has an iteration."""
    assert isinstance(loop.step, Const)
    ends = lookup(env, loop.stop), lookup(env, loop.start)
    return ends if loop.step.value > 0 else ends[::-1]


def _fill(entries: Sequence[_Entry], table: Value, env: Env, level: int, b: Builder) -> None:
    """Append the loops that store all elements."""
    if level == len(entries[0].inner):
        for entry in entries:
            b.body += [replace(clone_statement(op, env), origin="compiler") for op in entry.chain]
            places = [lookup(env, i) for i in entry.load.operands[1:]]
            made = lookup(env, entry.op.result)
            b.ops(memory.store, table, made, *places, where=elements_of(places))
        return
    first = entries[0].inner[level]
    index = replace(first.index)
    env.update((entry.inner[level].index, index) for entry in entries)
    inner = b.inner()
    _fill(entries, table, env, level + 1, inner)
    start, stop, step = (lookup(env, a) for a in (first.start, first.stop, first.step))
    body = inner.region((index,), ())
    b.append(For(start, stop, step, (), body, (), location=b.location, origin=b.origin))
