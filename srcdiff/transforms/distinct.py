"""Notes which subscripts name no place twice: those can be written and added to in any order.

    %i, %k = triu_indices 3
    store[where='g, g'] %Q, %v, %i, %k        becomes        store[distinct=True, where='g, g'] %Q, %v, %i, %k

Where nothing says so, reverse mode has to find out who wrote last (`transforms/last_writes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import Env, Rewriter
from srcdiff.ir.core import Atom, Const, Function, Op, Statement, Value, walk
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ops import creation, memory
from srcdiff.ops.index_patterns import is_mask, items, operands_in

__all__ = ["note_distinct", "with_distinct"]

_SUBSCRIPTED = (memory.gather, memory.store, memory.add_into, memory.add_at)


def note_distinct(fn: Function) -> Function:
    """`fn` with the attribute `distinct` where index arrays name no place twice."""
    makers = {r: s for s in walk(fn.body) if isinstance(s, Op) for r in s.results}
    return _Note(makers)(fn)


class _Note(Rewriter):
    def __init__(self, makers: dict[Value, Op]) -> None:
        self.makers = makers

    def keep(self, old: Statement, env: Env, b: object) -> Statement:
        new = super().keep(old, env, b)  # type: ignore[arg-type]
        return with_distinct(new, self.makers) if isinstance(new, Op) else new


def with_distinct(op: Op, makers: dict[Value, Op]) -> Op:
    """A subscript with the attribute, if its operands show that it names no place twice."""
    if op.decl not in _SUBSCRIPTED or op.attrs.get("distinct"):
        return op
    pattern = items(op.attrs["where"])
    if any(map(is_mask, pattern)):
        return replace(op, attrs={**op.attrs, "distinct": True})
    arrays = _index_arrays(op, pattern)
    if arrays and _covers(arrays, makers):
        return replace(op, attrs={**op.attrs, "distinct": True})
    return op


def _index_arrays(op: Op, pattern: Sequence[str]) -> list[Atom]:
    k, found = 2 if op.decl.writes else 1, []
    for item in pattern:
        if item == "g":
            found.append(op.operands[k])
        k += operands_in(item)
    return found


def _covers(arrays: Sequence[Atom], makers: dict[Value, Op]) -> bool:
    """Whether each axis of what index arrays are broadcast to has some that tell its places apart."""
    ndim = max(len(shape_of(a.type)) for a in arrays)
    lengths: list[set[Dim]] = [set() for _ in range(ndim)]
    told: list[bool] = [False] * ndim
    for a in arrays:
        shape = shape_of(a.type)
        for k, d in enumerate(shape, start=ndim - len(shape)):
            lengths[k] |= {d} - {Dim(1)}
        along, siblings = _axis_of_indices(a, makers)
        if along is not None and all(s in arrays or s is a for s in siblings):
            told[ndim - len(shape) + along] = True
    return all(t or not d for t, d in zip(told, lengths, strict=True)) and all(
        len(d) < 2 for d in lengths
    )


def _axis_of_indices(a: Atom, makers: dict[Value, Op]) -> tuple[int | None, Sequence[Value]]:
    """The axis along which an array has indices that are told apart, together with others made beside it."""
    op = makers.get(a) if isinstance(a, Value) else None
    if op is None or not isinstance(a.type, Array):
        return None, ()
    if op.decl is memory.index and set(items(op.attrs["where"])) <= {":", "None"}:
        along, siblings = _axis_of_indices(op.operands[0], makers)
        kept = [k for k, item in enumerate(items(op.attrs["where"])) if item == ":"]
        alone = along == 0 and len(siblings) < 2 and kept
        return (kept[0], ()) if alone else (None, ())
    if op.decl.distinct or (op.decl is creation.arange and a.type.dtype == "int64"):
        return 0, op.results
    return (0, ()) if _are_other_numbers(op) else (None, ())


def _are_other_numbers(op: Op) -> bool:
    """Whether it is a list of numbers in the program that are all counted from the front, or all from the end."""
    if op.decl is not creation.array_of or len(shape_of(op.result.type)) != 1:
        return False
    numbers = [a.value for a in op.operands if isinstance(a, Const) and isinstance(a.value, int)]
    if len(numbers) < len(op.operands) or len(set(numbers)) < len(numbers):
        return False
    return len({k < 0 for k in numbers}) == 1
