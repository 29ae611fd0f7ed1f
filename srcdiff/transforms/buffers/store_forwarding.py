"""Store-to-load forwarding, and removal of stores that the next store to the same element overwrites.

    store[where='i'] %t, %a, %i;  %b = index[where='i'] %t, %i        becomes        %a in the place of %b
    store[where='i'] %t, 0.0, 2;  add_into[where='i'] %t, %a, 2       becomes        store[where='i'] %t, %a, 2

Storage that is written and never read is removed, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from srcdiff.ir.alias import Roots, reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, map_ops
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, walk
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, all_regions
from srcdiff.transforms.analysis.dependence.affine import is_element, subscripts

Known = dict[tuple[Atom, ...], Atom]


def forward_stores(fn: Function) -> Function:
    """`fn` without loads of elements whose value is known."""
    return Forward(fn)(fn)


class Forward(Rewriter):
    """Forwards stored values to loads; `known`: (array, subscripts) -> the value of the element."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.known: Known = {}

    @cached_property
    def is_mixed(self) -> bool:
        """Whether there is float32: beside it, Python's float is narrower than an element of a float64 array."""
        made = (v for s in walk(self.fn.body) for v in s.results)
        return any(getattr(v.type, "dtype", "") == "float32" for v in (*self.fn.params, *made))

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer = dict(self.known)
        new = super().region(old, env, b)
        self.known = outer
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, For | While | If):
            if not isinstance(old, If):
                self.forget(old)
            super().statement(old, env, b)
            self.forget(old)
            return
        if isinstance(old, Op) and old.decl is memory.index and is_element(old):
            found = self.known.get(tuple(lookup(env, a) for a in old.operands))
            if found is not None:
                env[old.result] = found
                return
        if isinstance(old, Op) and old.decl is memory.add_into and is_element(old):
            old = self.sum_stored(old, env, b)
        self.forget(old, tuple(lookup(env, a) for a in (*old.operands[:1], *subscripts(old))))
        super().statement(old, env, b)
        if isinstance(old, Op) and old.decl is memory.store:
            self.note(old, env)

    def sum_stored(self, old: Op, env: Env, b: Builder) -> Op:
        """An addition to an element of known value as a store of the sum."""
        array, value, *at = (lookup(env, a) for a in old.operands)
        found = self.known.get((array, *at))
        if found is None or not _is_of(value, array):
            return old
        if found != const(0.0):
            b.location, b.origin = old.location, old.origin
            value = b.op(arithmetic.add, found, value)
        return replace(old, decl=memory.store, operands=(array, value, *at))

    def forget(self, s: Statement, place: tuple[Atom, ...] = ()) -> None:
        """Forget the elements that a statement may write; `place`: the only place that it writes, if known."""
        written = writes_of(s, self.roots)
        if written:
            self.known = {
                k: v
                for k, v in self.known.items()
                if not (isinstance(k[0], Value) and written & self.roots.get(k[0], frozenset()))
                or _are_distinct(k, place)
            }

    def note(self, store: Op, env: Env) -> None:
        array, value, *at = (lookup(env, a) for a in store.operands)
        if not is_element(store) or not isinstance(array.type, Array) or len(at) != array.type.ndim:
            return
        is_pythons = isinstance(value.type, Scalar) and value.type.weak
        if _is_of(value, array) and not (is_pythons and self.is_mixed):
            self.known[(array, *at)] = value


def _is_of(value: Atom, array: Atom) -> bool:
    """Whether a number has the dtype of an array's elements."""
    own, whole = value.type, array.type
    return isinstance(own, Scalar) and isinstance(whole, Array) and own.dtype == whole.dtype


def _are_distinct(one: tuple[Atom, ...], other: tuple[Atom, ...]) -> bool:
    """Whether two places of an array are certainly distinct, by constant subscripts that do not count from the end."""
    return one[:1] == other[:1] and any(
        isinstance(a, Const) and isinstance(b, Const) and a != b and min(a.value, b.value) >= 0
        for a, b in zip(one[1:], other[1:], strict=False)
    )


def own_elements(fn: Function) -> Function:
    """A kernel with one store for each element that was stored, and then added to or overwritten.

    No other thread accesses the element up to the next barrier, or the original kernel has a race.
    """
    fn = forward_stores(fn)
    stored = {s.operands[0] for s in walk(fn.body) if isinstance(s, Op) and s.decl is memory.store}
    return _without_overwritten(fn, stored)


def drop_overwritten(fn: Function) -> Function:
    """`fn` without stores to elements of its own arrays that are overwritten before any read."""
    own: set[Atom] = {
        r
        for s in walk(fn.body)
        if isinstance(s, Op) and s.decl.name in ALLOCATIONS and s.view_of is None
        for r in s.results
    }
    return _without_overwritten(fn, own)


def _without_overwritten(fn: Function, own: set[Atom]) -> Function:
    roots = storage_roots(fn)
    dead = {s for region in all_regions(fn.body) for s in _overwritten(region, own, roots)}
    return map_ops(fn, lambda op: None if op in dead else op) if dead else fn


def _overwritten(region: Region, own: set[Atom], roots: Roots) -> Iterator[Op]:
    later: set[tuple[Atom, ...]] = set()  # places that are overwritten before any read
    for s in reversed(region.body):
        place = (s.operands[0], *at) if (at := subscripts(s)) else ()
        if isinstance(s, Op) and s.decl is memory.store and place and s.operands[0] in own:
            if place in later:
                yield s
            later.add(place)
            continue
        is_store = isinstance(s, Op) and s.decl is memory.store
        touched = reads_of(s, roots) | (frozenset() if is_store else writes_of(s, roots))
        later = {k for k in later if _is_untouched(k, touched, place, roots)}


def _is_untouched(
    own: tuple[Atom, ...], touched: frozenset[Value], place: tuple[Atom, ...], roots: Roots
) -> bool:
    """Whether accesses of the storage `touched`, or only of `place`, leave an element alone."""
    array = own[0]
    assert isinstance(array, Value)
    return touched.isdisjoint(roots[array]) or _are_distinct(own, place)


def drop_unread(fn: Function) -> Function:
    """`fn` without storage that is written and never read."""
    while True:
        dead = _unread(fn)
        if not dead:
            return fn
        fn = _without(fn, dead)


def _unread(fn: Function) -> frozenset[Value]:
    made: set[Value] = set()
    used: set[Value] = set()
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl.name in ALLOCATIONS and s.view_of is None:
            made.update(s.results)
        if isinstance(s, Op) and s.decl in (memory.store, memory.add_into):
            used.update(a for a in s.operands[1:] if isinstance(a, Value))
        else:
            used.update(a for a in s.operands if isinstance(a, Value))
    for region in all_regions(fn.body):
        used.update(y for y in region.yields if isinstance(y, Value))
    return frozenset(made - used)


def _without(fn: Function, arrays: frozenset[Value]) -> Function:
    return map_ops(fn, lambda op: None if _fills(op, arrays) else op)


def _fills(op: Op, arrays: frozenset[Value]) -> bool:
    """Whether an operation makes one of the arrays, or writes into it."""
    return not arrays.isdisjoint(op.results) or bool(op.decl.writes and op.operands[0] in arrays)
