"""Terms of reduction loops: the operations that compute a term, if another loop before or after can repeat them."""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.core import For, Function, Op, Statement
from srcdiff.ir.values import Atom
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.defuse import definitions_in, pure_definitions, written_values


class IterationTerms:
    """`made`: the pure operation that defines a value."""

    def __init__(self, fn: Function) -> None:
        self.roots, self.written = storage_roots(fn), written_values(fn)
        self.made = pure_definitions(fn, self.written)

    def front(self, term: Atom, loop: For) -> tuple[Op, ...] | None:
        """The operations of an iteration that compute a term; None if the term depends on other iterations."""
        inside = definitions_in(loop.body.body)
        carried, pending, needed = set(loop.body.params[1:]), [term], set[Statement]()
        while pending:
            a = pending.pop()
            if a in carried:
                return None
            s = inside.get(a)
            if s is None or s in needed:
                continue
            if not isinstance(s, Op) or not (
                self.made.keys() >= set(s.results) or self.is_kept(s, loop)
            ):
                return None
            needed.add(s)
            pending += s.operands
        return tuple(s for s in loop.body.body if isinstance(s, Op) and s in needed)

    def is_kept(self, op: Op, loop: For) -> bool:
        """Whether an operation reads storage that the loop does not write."""
        if op.decl not in (memory.index, memory.gather, memory.read, containers.list_item):
            return False
        return self.roots.of(op.operands[0]).isdisjoint(writes_of(loop, self.roots))
