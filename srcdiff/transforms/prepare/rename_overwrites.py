"""Array renaming: a statement that overwrites a whole local array makes a new array under its name.

    %w = exp %z                              %w = exp %z
    %s = sum %w                              %s = sum %w
    %0 = divide %w, %s         becomes       %w.1 = divide %w, %s
    store %w, %0
    %p = matmul %w, %V                       %p = matmul %w.1, %V

The program means the same if no other name or view of the old array is used afterwards. Rules can then match through
the write: this is a softmax. An array that is written in another region than the one that made it, such as in each
iteration of a loop, stays in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, rename, same_kind, uses_outside


def rebind_whole(fn: Function) -> Function:
    """`fn` where writes of whole arrays that it made itself make new arrays."""
    if not any(map(_overwrites, walk(fn.body))):
        return fn
    passes = _Rebound(fn)
    return rename(passes(fn), passes.names)


def _overwrites(s: Statement) -> bool:
    """Whether a statement writes each element of an array, or adds to each."""
    return (
        isinstance(s, Op)
        and s.decl in (memory.store, memory.add_into)
        and all(item in (":", "...") for item in items(s.attrs["where"]))
    )


class _Rebound(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        self.made: dict[Atom, Op] = {}  # by the statements so far
        self.writes: set[int] = set()  # whose arrays have no other use afterwards, by identity
        self.names: dict[Value, Value] = {}

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        self.writes |= {id(s) for s in _unseen(old, self.roots)}
        return super().region(old, env, b)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op):
            new = self.new_array(old, env, b) if id(old) in self.writes else None
            if new is not None:
                assert isinstance(old.operands[0], Value)
                env[old.operands[0]] = new
                return
            self.made.update(dict.fromkeys(old.results, old))
        super().statement(old, env, b)

    def new_array(self, write: Op, env: Env, b: Builder) -> Atom | None:
        """The new array; None where its type would differ, or where it belongs to another statement."""
        array, value = write.operands[:2]
        assert isinstance(array, Value)
        if write.decl is memory.add_into:
            return self.sum(array, value, write, env, b)
        if not self.is_fresh(value) or not same_kind(value.type, array.type):
            return None
        assert isinstance(value, Value)
        self.names[value] = replace(value, name=array.name, user=array.user)
        return lookup(env, value)

    def sum(self, array: Value, value: Atom, write: Op, env: Env, b: Builder) -> Value | None:
        decl, maker = arithmetic.add, self.made.get(value)
        if maker is not None and maker.decl is arithmetic.negative and self.is_fresh(value):
            decl, value = arithmetic.subtract, maker.operands[0]  # as the user had it
        operands = lookup(env, array), lookup(env, value)
        (type_,) = decl.infer(b.shapes, operands, {})
        if not same_kind(type_, array.type):
            return None
        b.location, b.origin = write.location, write.origin
        return b.op(decl, *operands, name=array.name, user=array.user)

    def is_fresh(self, value: Atom) -> bool:
        """Whether an operation made it for this write."""
        if not isinstance(value, Value) or value.name or value not in self.made:
            return False
        if self.uses[value] != 1:
            return False
        return isinstance(value.type, Scalar) or self.roots.get(value) == frozenset((value,))


def _unseen(region: Region, roots: Roots) -> Iterator[Op]:
    """The writes of whole arrays that the region makes, after which no other name of the array is used."""
    place = {v: i for i, s in enumerate(region.body) for v in s.results}
    last = {v: i for i, s in enumerate(region.body) for v in uses_outside(s)}
    last.update((v, len(region.body)) for v in region.yields if isinstance(v, Value))
    spans: dict[Atom, list[tuple[int, int]]] = {}  # where other names of an array may be used
    for value, end in last.items():
        for root in roots.get(value, frozenset()) - {value}:
            spans.setdefault(root, []).append((place.get(value, -1), end))
    for i, s in enumerate(region.body):
        array = s.operands[0] if isinstance(s, Op) and _overwrites(s) else None
        if isinstance(array, Value) and array in place and roots.get(array) == frozenset((array,)):
            assert isinstance(s, Op)
            if not any(start <= i < end for start, end in spans.get(array, ())):
                yield s
