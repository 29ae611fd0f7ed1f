"""Subscripts in loop form: the place of each element of a part of an array."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Const, const, known_dim
from srcdiff.ops.core.index_patterns import (
    arrays_in_front,
    axes_taken,
    is_mask,
    items,
    operands_in,
    with_rest,
)
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import align, minus, plus, times


def indexed(n: LoopContext, op: Op, at: At) -> tuple[Atom, ...]:
    """`x[i, b:e:s, None, rows]`."""
    return subscripted(n, op.operands[0], op.attrs["where"], op.operands[1:], at)


def subscripted(
    n: LoopContext, base: Atom, where: str, given: Sequence[Atom], at: At
) -> tuple[Atom, ...]:
    """The indices into an array of the element `at` of its part `where`."""
    shape = shape_of(base.type)
    wraps = not n.is_stored(base)
    pattern = with_rest(where)
    used = sum(map(axes_taken, pattern))
    arrays = _axes_of_arrays(pattern, given)
    rest, operands, out = list(at), list(given), []
    gathered: list[Atom] | None = None
    if arrays is not None and arrays_in_front(pattern):
        gathered, rest = rest[:arrays], rest[arrays:]
    for item in pattern:
        if item == "...":
            for _ in range(len(shape) - used):
                out.append(rest.pop(0))
        elif item == "None":
            rest.pop(0)
        elif item in ("i", "g"):
            if arrays is not None and gathered is None:
                gathered, rest = rest[:arrays], rest[arrays:]
            index = _index_element(n, operands.pop(0), gathered or ())
            out.append(_from_start(n, index, shape[len(out)]) if wraps else index)
        elif item == ":":
            out.append(rest.pop(0))
        else:
            out.append(_sliced(n, shape[len(out)], item, operands, rest.pop(0)))
    return tuple(out)


def _axes_of_arrays(pattern: Sequence[str], given: Sequence[Atom]) -> int | None:
    """The number of axes that index arrays have together; None without index arrays."""
    k, found = 0, None
    for item in pattern:
        if item == "g":
            found = max(found or 0, len(shape_of(given[k].type)))
        k += operands_in(item)
    return found


def _from_start(n: LoopContext, index: Atom, length: Dim) -> Atom:
    """The index counted from the start, for an index that may count from the end."""
    expr = known_dim(index)
    if expr is not None and n.b.shapes.is_at_least_zero(expr):
        return index
    after = plus(n, n.length(length), index)
    if isinstance(index, Const):
        return after
    return n.compute("choose", n.compute("less", index, const(0)), after, index)


def _index_element(n: LoopContext, operand: Atom, at: Sequence[Atom]) -> Atom:
    if not isinstance(operand.type, Array):
        return n.number(operand)
    return n.element(operand, align(operand.type.shape, at))


def is_placed(where: str, given: Sequence[Atom]) -> bool:
    """Whether the places of a part's elements are known when compiling."""
    operands = list(given)
    for item in items(where):
        if is_mask(item):
            return False
        if item in ("i", "g"):
            operands.pop(0)
        elif item not in ("None", "..."):
            bounds = {c: operands.pop(0) for c in item.split(":") if c}
            step = bounds.get("s", const(1))
            if not isinstance(step, Const) or (step.value < 0 and "b" in bounds):
                return False
    return True


def is_aligned(where: str, given: Sequence[Atom], equal: Collection[tuple[Dim, Dim]] = ()) -> bool:
    """Whether it is known which axes of the index arrays have length 1 and are broadcast."""
    lengths: dict[int, list[Dim]] = {}
    k = 0
    for item in items(where):
        if item == "g":
            for axis, d in enumerate(reversed(shape_of(given[k].type))):
                lengths.setdefault(axis, []).append(d)
        k += operands_in(item)
    long = [[d for d in dims if d != Dim(1)] for dims in lengths.values()]
    return all(
        d == dims[0] or (d, dims[0]) in equal or (dims[0], d) in equal
        for dims in long
        for d in dims
    )


def _sliced(n: LoopContext, length: Dim, item: str, operands: list[Atom], k: Atom) -> Atom:
    """The index of element `k` of the slice `b:e:s` along an axis."""
    given = {c: operands.pop(0) for c in item.split(":") if c}
    step = n.number(given["s"]) if "s" in given else const(1)
    assert isinstance(step, Const)
    if step.value < 0 and "b" not in given:
        first = minus(n, n.length(length), const(1))
    else:
        first = _first(n, length, given, step.value)
    if step.value < 0:
        return minus(n, first, times(n, const(-step.value), k))
    return plus(n, first, times(n, step, k))


def _first(n: LoopContext, length: Dim, given: dict[str, Atom], step: int) -> Atom:
    """The begin of a slice: a negative bound counts from the end, and is then at least 0."""
    if "b" not in given:
        return const(0)
    start = given["b"]
    expr = known_dim(start)
    if expr is not None and n.b.shapes.is_at_least_zero(expr) and step > 0:
        return n.number(start)  # a slice that begins beyond the end has no elements
    after = plus(n, n.length(length), n.number(start))
    if isinstance(after, Const):
        from_end: Atom = const(max(after.value, 0))
    else:
        from_end = n.compute("maximum", after, const(0))
    if isinstance(start, Const):
        return from_end
    is_negative = n.compute("less", n.number(start), const(0))
    return n.compute("choose", is_negative, from_end, n.number(start))
