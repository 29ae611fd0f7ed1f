"""Bounds checks: an index that is not known to be inside its array is compared with the length. Compiled loops would
otherwise read past the end of the array.

    %v = index[where='i'] %x, %k        becomes        if not -%n <= %k < %n { raise IndexError };  %v = ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.alias import has_effect, may_raise
from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Op, Statement, regions_of, walk
from srcdiff.ir.types import Array, Dim, dims_of, shape_of
from srcdiff.ir.values import Atom, Const, known_dim
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.control import control
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.index_patterns import axes_taken, items, operands_in
from srcdiff.ops.indices import masks, triangles
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES

_SUBSCRIPTED = (memory.index, memory.gather, memory.store, memory.add_into, memory.add_at)

Elements = Callable[[Builder, Atom, Callable[[Builder, Atom], None]], None]


Fact = tuple[Atom | Dim, Dim]  # an index, and a length that is larger


class BoundsChecks:
    """Appends checks to the builder of the current region. A check is omitted if this region or a region around it has
    made it already, or if each iteration of the mirrored loop has.

    number : the new value of an integer operand.
    each : `each(b, array, check)` builds a loop that checks each element of an array of indices.
    """

    def __init__(self, number: Callable[[Atom], Atom], each: Elements) -> None:
        self.number = number
        self.each = each
        self.done: set[Fact] = set()
        # the checks of a loop's iterations, by a key that a matched pair shares
        self.of_iterations: dict[object, set[Fact]] = {}
        self.iterations: dict[str, Dim] = {}  # index symbol -> a symbol that a matched pair shares
        self.path: tuple[object, ...] = ()  # the keys of the enclosing branches

    @contextlib.contextmanager
    def region(self, loop: For | None = None, branch: object = None) -> Iterator[None]:
        """A scope for the checks of a region. `loop`: the loop whose body it is; `branch`: a key for the branch."""
        before, self.done = self.done, set(self.done)
        path, self.path = self.path, self.path if branch is None else (*self.path, branch)
        key = None if loop is None else self.mirrored(loop)
        if key is not None:
            self.done |= self.of_iterations.get(key, set())
        yield
        if key is not None:
            self.of_iterations[key] = self.done - before
        self.done, self.path = before, path

    def mirrored(self, loop: For) -> object:
        """A key that the loops of a matched pair share; None if an iteration may end early."""
        index = known_dim(loop.index)
        if not loop.pair or loop.breaks or index is None or index.symbol is None:
            return None
        self.iterations[index.symbol] = Dim.of(f"iteration of {loop.pair}")
        bounds = (loop.start, loop.stop, loop.step)
        return (loop.pair, self.path, *(known_dim(a) or self.number(a) for a in bounds))

    def inside(self, index: Atom, length: Dim) -> None:
        self.done.add(self.fact(index, length))

    def note(self, op: Op) -> None:
        """Note the facts about an operation that makes indices below a known length."""
        lengths: Sequence[Dim | None] = ()
        if op.decl in (masks.places_of_true, masks.nonzero):
            lengths = shape_of(op.operands[0].type)
        elif op.decl in (triangles.triu_indices, triangles.tril_indices):
            lengths = [known_dim(op.operands[0]), known_dim(op.operands[-1])]
        elif op.decl is creation.arange and len(op.operands) == 1:
            lengths = [known_dim(op.operands[0])]
        for result, length in zip(op.results, lengths, strict=False):
            if length is not None:
                self.inside(result, length)

    def fact(self, index: Atom, length: Dim) -> Fact:
        expr = known_dim(index)
        return index if expr is None else expr.substitute(self.iterations), length

    def before(self, op: Op, b: Builder) -> None:
        """Append checks of the indices of a subscript."""
        if op.decl not in _SUBSCRIPTED or not isinstance(op.operands[0].type, Array):
            return
        shape = shape_of(op.operands[0].type)
        first = 2 if op.decl.writes else 1
        for index, axis in _indices(op.attrs["where"], op.operands[first:], len(shape)):
            fact = self.fact(index, shape[axis])
            if fact in self.done:
                continue
            self.done.add(fact)
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
        control.raise_if(inner, outside, IndexError, _message(op), op.location)
        at = _early(b.body, index, length)
        b.body[at:at] = inner.body


def _indices(where: str, given: Sequence[Atom], ndim: int) -> Iterator[tuple[Atom, int]]:
    """The integers and integer arrays of a subscript, each with its axis."""
    pattern = items(where)
    used = sum(map(axes_taken, pattern))
    axis, k = 0, 0
    for item in pattern:
        if item == "...":
            axis += ndim - used
        elif item in ("i", "g"):
            yield given[k], axis
        axis, k = axis + axes_taken(item), k + operands_in(item)


def _outside(index: Atom, length: Dim, b: Builder) -> str:
    """The text of the test that an index is out of bounds; empty if it never is."""
    if isinstance(index, Const):
        needed = index.value + 1 if index.value >= 0 else -index.value
        is_inside = b.shapes.is_at_least_zero(length - needed)
        return "" if is_inside else f"{{1}} < {needed}" if needed > 1 else "{1} == 0"
    expr = known_dim(index)
    if expr is None:
        return "not -{1} <= {0} < {1}"
    is_below = b.shapes.is_at_least_zero(length - expr - 1)
    if b.shapes.is_at_least_zero(expr):
        return "" if is_below else "{0} >= {1}"
    return "{0} < -{1}" if is_below else "not -{1} <= {0} < {1}"


def _message(op: Op) -> str:
    array = op.operands[0]
    name = getattr(array, "name", "") or "an array"
    if op.origin == "adjoint":  # the adjoint of an array that the user has indexed in the same way
        name = name.removeprefix("d_")
    line = f" (line {op.location.line})" if op.location is not None else ""
    return f"an index is out of bounds for {name}{line}{INCOMPLETE}"


def _early(body: Sequence[Statement], index: Atom, length: Dim) -> int:
    """The earliest position of a check: before loops of the lowering, so that neighbouring loops can fuse."""
    at = len(body)
    while at and index not in body[at - 1].results and _is_quiet(body[at - 1]):
        shown = {s for r in body[at - 1].results for d in dims_of(r.type) for s in d.symbols()}
        if not shown.isdisjoint(length.symbols()):
            break
        at -= 1
    return at


def _is_quiet(s: Statement) -> bool:
    """Whether it cannot be observed if an exception is raised before or after a statement."""
    if has_effect(s):
        return False
    if isinstance(s, For):
        return all(_is_quiet(inner) for inner in walk(*regions_of(s)))
    return isinstance(s, Op) and (s.decl in ELEMENT_ACCESSES or not may_raise(s))
