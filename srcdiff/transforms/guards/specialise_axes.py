"""Shape specialisation: an axis that is indexed by constants only, like the fields of a record, has a known length.

    cameras[p, 0], ..., cameras[p, 10]        of an array with eleven columns

The loop form is generated for that length. The distance from row to row is then known when it is compiled, and LLVM
can prove that no two rows share an element: it vectorises loops over rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import axes_taken, items, operands_in

_SUBSCRIPTS = (memory.index, memory.store, memory.add_into)


def records(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` for arguments whose records have the given lengths."""
    symbols = {
        d.symbol
        for p in fn.params
        if isinstance(p.type, Array)
        for d in p.type.shape[1:]
        if d.symbol is not None and d.symbol in lengths
    }
    return assuming(fn, {s: lengths[s] for s in sorted(symbols) if _fields(fn, s) == lengths[s]})


def assuming(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` for arguments with axes of these lengths, which `lengths.specialised` lists."""
    facts = fn.lengths
    pairs = ((Dim.of(symbol), Dim(n)) for symbol, n in lengths.items())
    taken = tuple(pair for pair in pairs if pair not in facts.specialised)
    if not taken:
        return fn
    specialised = (*facts.specialised, *taken)
    facts = replace(facts, assumed=(*facts.assumed, *taken), specialised=specialised)
    return replace(fn, lengths=facts)


def _fields(fn: Function, symbol: str) -> int | None:
    """One more than the last field of arrays with this axis; None where an access is not by a constant index."""
    last = 0
    for s in walk(fn.body):
        for a in s.operands:
            axes = [k for k, d in enumerate(shape_of(a.type)) if d.symbol == symbol]
            field = _field_of(s, a, axes) if axes else 0
            if field is None:
                return None
            last = max(last, field)
    return last


def _field_of(s: Statement, array: Atom, axes: Sequence[int]) -> int | None:
    """One more than the last field that a statement reads or writes."""
    if isinstance(s, Op) and s.decl is memory.read:
        return 0
    if isinstance(s, Op) and s.decl is memory.axis_length and s.attrs["axis"] not in axes:
        return 0
    if not isinstance(s, Op) or s.decl not in _SUBSCRIPTS or s.operands[0] is not array:
        return None
    at = s.operands[1 if s.decl is memory.index else 2 :]
    fields = [_field(items(s.attrs["where"]), at, axis) for axis in axes]
    return None if None in fields else max(f for f in fields if f is not None)


def _field(pattern: Iterable[str], operands: tuple[Atom, ...], axis: int) -> int | None:
    """One more than the last field that a subscript takes."""
    for item in pattern:
        if item in ("None", "...") or item.startswith("m"):
            return None
        count = operands_in(item)
        if axis == 0:
            return _end(item, operands[:count])
        axis -= axes_taken(item)
        operands = operands[count:]
    return None


def _end(item: str, operands: tuple[Atom, ...]) -> int | None:
    numbers = [a.value for a in operands if isinstance(a, Const) and type(a.value) is int]
    if item not in ("i", "b:e", ":e") or len(numbers) < len(operands) or min(numbers) < 0:
        return None
    return numbers[-1] + (item == "i")
