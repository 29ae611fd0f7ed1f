"""Unique index analysis: marks subscripts that name no place twice, so that writes and additions commute.

    %i, %k = triu_indices 3
    store[where='g, g'] %Q, %v, %i, %k        becomes        store[distinct=True, where='g, g'] %Q, %v, %i, %k

Without the mark, reverse mode must find the last writer of each place (`transforms/ad/reverse/last_writer.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Const, Value, known_dim
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.index_patterns import is_mask, items, operands_in
from srcdiff.transforms.analysis.defuse import definitions

_SUBSCRIPTED = (memory.gather, memory.store, memory.add_into, memory.add_at)


def mark_unique_indices(fn: Function) -> Function:
    """`fn` with the attribute `distinct` on accesses whose index arrays name no place twice."""
    return _Note(fn)(fn)


class _Note(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.makers = definitions(fn)
        self.lengths = lengths_of(fn)

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        if not isinstance(new, Op) or new.decl not in _SUBSCRIPTED or new.attrs.get("distinct"):
            return new
        pattern = items(new.attrs["where"])
        arrays = _index_arrays(new, pattern)
        if any(map(is_mask, pattern)) or (arrays and self.covers(arrays)):
            return replace(new, attrs={**new.attrs, "distinct": True})
        return new

    def covers(self, arrays: Sequence[Atom]) -> bool:
        """Whether some index arrays have unique indices along each axis of the shape to which all are broadcast."""
        ndim = max(len(shape_of(a.type)) for a in arrays)
        lengths: list[set[Dim]] = [set() for _ in range(ndim)]
        unique: list[bool] = [False] * ndim
        for a in arrays:
            shape = shape_of(a.type)
            for k, d in enumerate(shape, start=ndim - len(shape)):
                lengths[k] |= {d} - {Dim(1)}
            along, siblings = self.axis_of_indices(a)
            if along is None or shape[along] == Dim(1):  # an axis of length 1 is repeated
                continue
            if all(s in arrays or s is a for s in siblings):
                unique[ndim - len(shape) + along] = True
        return all(t or not d for t, d in zip(unique, lengths, strict=True)) and all(
            len(d) < 2 for d in lengths
        )

    def axis_of_indices(self, a: Atom) -> tuple[int | None, Sequence[Value]]:
        """The axis along which an array has unique indices, perhaps only together with the other results of its
        operation, which come second.
        """
        op = self.makers.get(a)
        if op is None or not isinstance(a.type, Array):
            return None, ()
        if op.decl is memory.index and set(items(op.attrs["where"])) <= {":", "None"}:
            along, siblings = self.axis_of_indices(op.operands[0])
            kept = [k for k, item in enumerate(items(op.attrs["where"])) if item == ":"]
            alone = along == 0 and len(siblings) < 2 and kept
            return (kept[0], ()) if alone else (None, ())
        if op.decl.distinct and op.attrs.get("axis") is not None:  # `argsort`: along that axis
            return op.attrs["axis"] % a.type.ndim, op.results
        if op.decl.distinct or self.counts_from_front(op):
            return 0, op.results
        return (0, ()) if _are_other_numbers(op) else (None, ())

    def counts_from_front(self, op: Op) -> bool:
        """Whether an operation is an `arange` that counts up from 0 or more: -1 would be the last place."""
        type_ = op.results[0].type if op.results else None
        if op.decl is not creation.arange or not isinstance(type_, Array) or type_.dtype != "int64":
            return False
        if len(op.operands) == 1:
            return True
        start, _, *step = (known_dim(a) for a in op.operands)
        is_up = all(s is not None and s.is_const and s.const > 0 for s in step)
        return is_up and start is not None and self.lengths.is_at_least_zero(start)


def _index_arrays(op: Op, pattern: Sequence[str]) -> list[Atom]:
    k, found = 2 if op.decl.writes else 1, []
    for item in pattern:
        if item == "g":
            found.append(op.operands[k])
        k += operands_in(item)
    return found


def _are_other_numbers(op: Op) -> bool:
    """Whether an array consists of different constants that all count from the front, or all from the end."""
    if op.decl is not creation.array_of or len(shape_of(op.result.type)) != 1:
        return False
    numbers = [a.value for a in op.operands if isinstance(a, Const) and isinstance(a.value, int)]
    if len(numbers) < len(op.operands) or len(set(numbers)) < len(numbers):
        return False
    return len({k < 0 for k in numbers}) == 1
