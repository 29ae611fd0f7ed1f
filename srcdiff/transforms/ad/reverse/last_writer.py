"""Last writers: the adjoint of a store through index arrays that may name a place twice.

    store[where='g'] %u, %v, %idx        becomes, backwards,

        writers[idx] = np.arange(len(idx))
        d_v += np.where(writers[idx] == np.arange(len(idx)), d_u[idx], 0.0)

NumPy keeps the last value that is stored at a place. The adjoint goes to that value, and the others get zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.index_patterns import arrays_in_front, axes_taken, operands_in, with_rest
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.shapes import reshapes
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal


def of_last_writers(r: Reversal, op: Op, picked: Value, scope: Scope) -> Atom:
    """The adjoints `picked` at the places of a write, with zeros where a later entry wrote to the same place."""
    is_last = _is_last(r, op, scope)
    pattern = with_rest(op.attrs["where"])
    axes = len(shape_of(is_last.type))
    after = 0 if arrays_in_front(pattern) else _axes_in_front(op, pattern)
    trailing = len(shape_of(picked.type)) - axes - after
    if trailing:
        where = ", ".join([":"] * axes + ["None"] * trailing)
        is_last = scope.b.op(memory.index, is_last, where=where)
    return scope.b.op(elementary.where, is_last, picked, const(0.0))


def _is_last(r: Reversal, op: Op, scope: Scope) -> Value:
    """For each entry of the index arrays: whether no later entry names the same place."""
    b, base = scope.b, op.operands[0]
    assert isinstance(base, Value)
    arrays = _index_arrays(op)
    indices = [r.forward.primal(a, scope) for a, _ in arrays]
    lengths = [r.forward.primal(r.forward.length_of(base, axis), scope) for _, axis in arrays]
    where = ", ".join("g" for _ in arrays)
    numbers = _numbers(r, [a for a, _ in arrays], scope)
    writers = b.op(memory.empty, *lengths, dtype="int64", name="writers")
    b.ops(memory.store, writers, numbers, *indices, where=where)
    found = b.op(memory.gather, b.op(memory.read, writers), *indices, where=where)
    return b.op(arithmetic.equal, found, numbers)


def _numbers(r: Reversal, arrays: Sequence[Atom], scope: Scope) -> Value:
    """The entries of index arrays, numbered in order."""
    ndim = max(len(shape_of(a.type)) for a in arrays)
    lengths = [_length_along(r, arrays, ndim - k, scope) for k in range(ndim)]
    count = lengths[0]
    for length in lengths[1:]:
        count = scope.b.op(arithmetic.multiply, count, length)
    numbers = scope.b.op(creation.arange, count)
    return numbers if ndim == 1 else scope.b.op(reshapes.reshape, numbers, *lengths)


def _length_along(r: Reversal, arrays: Sequence[Atom], after: int, scope: Scope) -> Atom:
    """The length of an axis of the shape to which index arrays are broadcast; axes are counted from the last."""
    found: dict[Dim, Atom] = {}
    for a in arrays:
        shape = shape_of(a.type)
        if isinstance(a, Value) and len(shape) >= after and shape[-after] != Dim(1):
            axis = len(shape) - after
            found.setdefault(shape[axis], r.forward.primal(r.forward.length_of(a, axis), scope))
            if not r.fitting.may_be_one(shape[axis]):
                return found[shape[axis]]
    longest: Atom = const(1)
    for k, length in enumerate(found.values()):
        longest = scope.b.op(arithmetic.maximum, longest, length) if k else length
    return longest


def _index_arrays(op: Op) -> list[tuple[Atom, int]]:
    """The index arrays of a write, each with the axis that it indexes."""
    pattern = with_rest(op.attrs["where"])
    left = len(shape_of(op.operands[0].type)) - sum(map(axes_taken, pattern))
    k, axis, found = 2, 0, []
    for item in pattern:
        if item == "g":
            found.append((op.operands[k], axis))
        k += operands_in(item)
        axis += left if item == "..." else axes_taken(item)
    return found


def _axes_in_front(op: Op, pattern: Sequence[str]) -> int:
    """How many axes of the written part precede the axes of the index arrays."""
    at = min(k for k, item in enumerate(pattern) if item in ("i", "g"))
    left = len(shape_of(op.operands[0].type)) - sum(map(axes_taken, pattern))
    return sum(left if item == "..." else 1 for item in pattern[:at])
