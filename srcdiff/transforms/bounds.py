"""Checks that indices are inside arrays, where that is not known when compiling: loops over scalars read memory as it
comes, and compiled code would read what is behind an array.

    %v = index[where='i'] %x, %k        becomes        if not -%n <= %k < %n { raise IndexError };  %v = ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from srcdiff.ir.alias import has_effect, may_raise
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, For, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Array, Dim, dims_of, shape_of
from srcdiff.ops import control, memory
from srcdiff.ops.building import length_of
from srcdiff.ops.integers import known
from srcdiff.transforms.nests import ELEMENT_ACCESSES

__all__ = ["BoundsChecks"]

_SUBSCRIPTED = (memory.index, memory.gather, memory.store, memory.add_into, memory.add_at)

Elements = Callable[[Builder, Atom, Callable[[Builder, Atom], None]], None]


class BoundsChecks:
    """Puts checks into the builder of the region at hand. What was checked there, or around it, is not again.

    `number(atom)` is what stands for an integer operand; `each(b, array, check)` builds a loop that checks each
    element of an array of indices.
    """

    def __init__(self, number: Callable[[Atom], Atom], each: Elements) -> None:
        self.number = number
        self.each = each
        self.done: set[tuple[Atom, Dim]] = set()

    def region(self) -> set[tuple[Atom, Dim]]:
        """What was checked so far; to be put back behind the region."""
        before, self.done = self.done, set(self.done)
        return before

    def before(self, op: Op, b: Builder) -> None:
        """Check the indices of a subscript."""
        if op.decl not in _SUBSCRIPTED or not isinstance(op.operands[0].type, Array):
            return
        shape = shape_of(op.operands[0].type)
        first = 2 if op.decl.writes else 1
        for index, axis in _indices(op.attrs["where"], op.operands[first:], len(shape)):
            if (index, shape[axis]) in self.done:
                continue
            self.done.add((index, shape[axis]))
            if isinstance(index.type, Array):
                if index.type.dtype != "bool":
                    self.each(b, index, lambda b, i, n=shape[axis]: self.check(op, i, n, b))  # type: ignore[misc]
            else:
                self.check(op, self.number(index), shape[axis], b)

    def check(self, op: Op, index: Atom, length: Dim, b: Builder) -> None:
        text = _outside(index, length, b)
        if not text:
            return
        inner = b.inner()
        outside = inner.op(control.test, index, length_of(inner, length), text=text)
        told = inner.inner()
        told.ops(
            control.raise_, text=f"IndexError({_message(op)!r})", classes={"IndexError": IndexError}
        )
        nothing = Region((), (), ())
        inner.append(If(outside, told.region((), ()), nothing, (), op.location, "compiler"))
        at = _early(b.body, index, length)
        b.body[at:at] = inner.body


def _indices(where: str, given: Sequence[Atom], ndim: int) -> Iterator[tuple[Atom, int]]:
    """The integers and integer arrays of a subscript, with the axes that they pick from."""
    pattern = where.split(", ") if where else []
    used = sum(item not in ("None", "...") for item in pattern)
    axis, k = 0, 0
    for item in pattern:
        if item == "...":
            axis += ndim - used
        elif item in ("i", "g", "m"):
            if item != "m":
                yield given[k], axis
            axis, k = axis + 1, k + 1
        elif item != "None":
            axis, k = axis + 1, k + sum(bool(c) for c in item.split(":"))


def _outside(index: Atom, length: Dim, b: Builder) -> str:
    """The test that an index is outside; empty where it never is."""
    if isinstance(index, Const):
        needed = index.value + 1 if index.value >= 0 else -index.value
        is_inside = b.shapes.is_at_least_zero(length - needed)
        return "" if is_inside else f"{{1}} < {needed}" if needed > 1 else "{1} == 0"
    expr = known(index)
    if expr is None:
        return "not -{1} <= {0} < {1}"
    is_below = b.shapes.is_at_least_zero(length - expr - 1)
    if b.shapes.is_at_least_zero(expr):
        return "" if is_below else "{0} >= {1}"
    return "{0} < -{1}" if is_below else "not -{1} <= {0} < {1}"


def _message(op: Op) -> str:
    array = op.operands[0]
    name = getattr(array, "name", "") or "an array"
    if op.origin == "adjoint":  # of an array of the user's that was indexed so
        name = name.removeprefix("d_")
    line = f" (line {op.location.line})" if op.location is not None else ""
    return f"an index is out of bounds for {name}{line}"


def _early(body: Sequence[Statement], index: Atom, length: Dim) -> int:
    """Where a check may stand: before loops that were made here, so that those find each other."""
    at = len(body)
    while at and index not in body[at - 1].results and _is_quiet(body[at - 1]):
        shown = {s for r in body[at - 1].results for d in dims_of(r.type) for s in d.symbols()}
        if not shown.isdisjoint(length.symbols()):
            break
        at -= 1
    return at


def _is_quiet(s: Statement) -> bool:
    """Whether nobody can tell if something is raised before or after a statement."""
    if has_effect(s):
        return False
    if isinstance(s, For):
        return all(_is_quiet(inner) for r in regions_of(s) for inner in walk(r))
    return isinstance(s, Op) and (s.decl in ELEMENT_ACCESSES or not may_raise(s))
