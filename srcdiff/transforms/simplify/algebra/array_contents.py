"""Symbolic contents of arrays: the elements of an array that a loop fills, one in each iteration.

    for i: e[i] = exp(x[i] - m)         after the loop, e[i] is %v of iteration i
    for i: ... e[i] ...                 iteration i of a loop over the same range reads this value

Four states are known of an array: nothing; all elements are zero; one element, as an expression of values of the
iteration; or, after a loop, all elements, as expressions of values of its iterations. `sum_of_products` uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from srcdiff.ir.alias import Roots, reads_of, writes_of
from srcdiff.ir.core import For, Op, walk
from srcdiff.ir.types import INT, ndim_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.simplify.algebra import laurent
from srcdiff.transforms.simplify.algebra.laurent import Sum
from srcdiff.transforms.simplify.algebra.sum_of_products_rules import is_real

_ZEROS = frozenset({"zeros", "zeros_like", "zeros_of"})
_ACCESSES = (memory.index, memory.store, memory.add_into)
_INDEX = Value(INT, "index")  # stands for the index of a loop


@dataclass(frozen=True)
class _Element:
    """The element at a subscript: of this iteration, or (`loop`) of each iteration of a loop over `_INDEX`."""

    at: tuple[Atom, ...]
    content: Sum
    loop: Hashable = None


@dataclass
class Elements:
    """The state at a place in the program; None stands for an array of zeros."""

    roots: Roots
    of: Callable[[Atom], Sum]
    state: dict[Value, _Element | None] = field(default_factory=dict)

    def forget(self, roots: Iterable[Value]) -> None:
        for root in roots:
            self.state.pop(root, None)

    def op(self, op: Op) -> Sum | None:
        """Update the state for an operation; returns the value that it loads, where that is known."""
        if op.decl.name in _ZEROS:
            self.state[op.result] = None
        root = self.root(op)
        if root is None:
            self.forget(writes_of(op, self.roots) if op.decl.writes else ())
            return None
        at = _subscript(op)
        if op.decl is memory.index:
            return self.content(root, at)
        found: Sum | None = self.of(op.operands[1])
        if op.decl is memory.add_into:
            before = self.content(root, at)
            found = None if before is None or found is None else laurent.plus(before, found)
        self.forget((root,))
        if found is not None:
            self.state[root] = _Element(at, found)
        return None

    def content(self, root: Value, at: tuple[Atom, ...]) -> Sum | None:
        """The value of an element, where it is known."""
        if root not in self.state:
            return None
        known = self.state[root]
        if known is None:
            return {}
        return known.content if known.loop is None and known.at == at else None

    def root(self, op: Op) -> Value | None:
        """The array of which an operation loads or stores one element, if the array has one name only."""
        base = op.operands[0] if op.operands else None
        if op.decl not in _ACCESSES or not isinstance(base, Value) or not is_real(base.type):
            return None
        items = op.attrs["where"].split(", ")
        is_element = items == ["i"] * ndim_of(
            base.type
        )  # a row is a view, which shows later writes
        return base if is_element and self.roots.get(base) == frozenset((base,)) else None

    # ---- loops ----

    def enter(self, loop: For, key: Hashable) -> set[Value]:
        """Enter a loop; returns the arrays that each iteration accesses at its own index only."""
        written = writes_of(loop, self.roots)
        own = {r for r in written if self.is_own(r, loop)} if _counts_from_front(loop) else set()
        self.forget(written - own)
        for root, known in list(self.state.items()):
            if known is not None and known.loop == key:
                at = tuple(loop.index if a is _INDEX else a for a in known.at)
                self.state[root] = _Element(at, known.content)
            elif known is not None and root in own:
                self.forget((root,))
        return own

    def leave(self, loop: For, key: Hashable, own: set[Value]) -> None:
        """Leave a loop: the state after the last iteration."""
        self.forget(writes_of(loop, self.roots) - own)
        for root, known in list(self.state.items()):
            if known is None:
                continue
            if known.loop is None and loop.index in known.at:
                at = tuple(_INDEX if a is loop.index else a for a in known.at)
                self.state[root] = _Element(at, known.content, key)
            elif root in own:
                self.forget((root,))

    def is_own(self, root: Value, loop: For) -> bool:
        """Whether each iteration loads and stores elements at its own index along one axis only."""
        axes: set[int] = set()
        for s in walk(loop.body):
            if isinstance(s, For) or root not in reads_of(s, self.roots) | writes_of(s, self.roots):
                continue
            at = _subscript(s) if isinstance(s, Op) and self.root(s) is root else ()
            if loop.index not in at or root in s.operands[1:]:
                return False
            axes.add(at.index(loop.index))
        return len(axes) == 1


def _subscript(op: Op) -> tuple[Atom, ...]:
    return op.operands[2:] if op.decl.writes else op.operands[1:]


def _counts_from_front(loop: For) -> bool:
    """Whether no index is negative: a negative index would name the place of another one."""
    if not isinstance(loop.start, Const) or not isinstance(loop.step, Const) or loop.breaks:
        return False
    return bool(loop.start.value >= 0 and loop.step.value > 0)
