"""Store forwarding in kernels: an addition to an element that the thread has just stored becomes one store.

    store[where='i'] %d, %a, %i
    add_into[where='i'] %d, %b, %i       becomes       %c = add %a, %b;  store[where='i'] %d, %c, %i

A store that is overwritten before any read is removed. Both are legal because no other thread accesses the element up
to the next barrier, or the original kernel has a race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement, regions_of
from srcdiff.ir.values import Const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import is_generated
from srcdiff.transforms.analysis.dependence.affine import is_element
from srcdiff.transforms.buffers.store_forwarding import Forward


def own_elements(fn: Function) -> Function:
    """`fn` with one store for each element that was stored, and then added to or overwritten."""
    fn = _Sums(fn)(fn)
    return _Once(storage_roots(fn))(fn)


class _Sums(Forward):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is memory.add_into and is_generated(old):
            place = tuple(lookup(env, a) for a in (old.operands[0], *old.operands[2:]))
            known = self.known.get(place)
            if known is not None and is_element(old):
                b.location, b.origin = old.location, old.origin
                total = b.op(arithmetic.add, known, lookup(env, old.operands[1]))
                operands = (place[0], total, *place[1:])
                stored = replace(old, decl=memory.store, operands=operands)
                b.append(stored)
                self.forget(stored, place)
                self.note(stored, env)
                return
        super().statement(old, env, b)


class _Once(Rewriter):
    def __init__(self, roots: Roots) -> None:
        self.roots = roots

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body = [s for k, s in enumerate(old.body) if not self.is_over(s, old.body[k + 1 :])]
        return super().region(Region(old.params, tuple(body), old.yields), env, b)

    def is_over(self, s: Statement, rest: Sequence[Statement]) -> bool:
        """Whether a store is overwritten before any read."""
        if not isinstance(s, Op) or s.decl is not memory.store or not is_element(s):
            return False
        touched = writes_of(s, self.roots)
        for later in rest:
            if isinstance(later, Op) and later.decl is memory.store:
                if (later.operands[0], later.operands[2:]) == (s.operands[0], s.operands[2:]):
                    return True
                continue
            if isinstance(later, Op) and later.decl is memory.index and self.is_distinct(s, later):
                continue
            if touched & (reads_of(later, self.roots) | writes_of(later, self.roots)):
                return False
            if regions_of(later) and touched & writes_of(later, self.roots):
                return False
        return False

    def is_distinct(self, store: Op, load: Op) -> bool:
        pairs = zip(store.operands[2:], load.operands[1:], strict=False)
        return store.operands[0] is load.operands[0] and any(
            isinstance(a, Const) and isinstance(b, Const) and a != b and min(a.value, b.value) >= 0
            for a, b in pairs
        )
