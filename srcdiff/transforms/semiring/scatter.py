"""Scatter-add in another semiring: adds to parts of an array by `maximum` or `logaddexp` instead of `+`.

    d_x[rows, k] += d_y        becomes        for row, d in zip(rows, d_y):
                                                  d_x[row, k] = np.maximum(d_x[row, k], d)

A row or element whose index occurs several times receives all amounts, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Op, OpDecl
from srcdiff.ir.types import INT, ndim_of, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.index_patterns import arrays_in_front, items
from srcdiff.ops.shapes import diagonals, repeat, reshapes


def put(
    b: Builder, two: OpDecl, target: Atom, amount: Atom, places: Sequence[Atom], where: str
) -> None:
    """Append an update of part of an array by `two` instead of `+`."""
    part = b.op(memory.index, target, *places, where=where) if places else target
    before = b.op(memory.read, part) if ndim_of(part.type) else part
    b.ops(memory.store, target, b.op(two, before, amount), *places, where=where)


def can_be_put(old: Op) -> bool:
    """Whether `put_at` can rewrite an operation that adds to a diagonal, or to elements or rows by index arrays."""
    if old.decl is diagonals.add_diagonal:
        return not any(old.attrs.get(k) for k in ("k", "offset"))
    return _is_of_elements(old) or _is_by_rows(old)


def put_at(
    b: Builder, two: OpDecl, old: Op, target: Atom, amount: Atom, places: Sequence[Atom]
) -> None:
    """Append the update of `old` by `two` instead of `+`."""
    if old.decl is diagonals.add_diagonal:
        _put_on_diagonal(b, two, target, amount)
    elif _is_of_elements(old):
        _put_elements(b, two, target, amount, places)
    else:
        _put_rows(b, two, target, amount, places, items(old.attrs["where"]))


def _put_on_diagonal(b: Builder, two: OpDecl, target: Atom, amount: Atom) -> None:
    after = b.op(two, b.op(diagonals.diagonal, target), amount)
    places = b.op(creation.arange, b.op(memory.axis_length, after, axis=0))
    b.ops(memory.store, target, after, places, places, where="g, g")


def _is_of_elements(old: Op) -> bool:
    pattern = items(old.attrs["where"])
    is_whole = len(pattern) == ndim_of(old.operands[0].type)  # each axis has its index
    return is_whole and {*pattern} <= {"g", "i"} and not _is_by_rows(old)


def _put_elements(
    b: Builder, two: OpDecl, target: Atom, amount: Atom, places: Sequence[Atom]
) -> None:
    """Update one element after the other; indices and amounts are broadcast together first."""
    where = ", ".join("g" if ndim_of(p.type) else "i" for p in places)
    whole = shape_of(b.inner().op(memory.gather, target, *places, where=where).type)
    lengths = [length_of(b, d) for d in whole]
    full = [
        x if shape_of(x.type) == whole else b.op(repeat.broadcast_to, x, *lengths)
        for x in (*places, amount)
    ]
    each = [b.op(reshapes.ravel, x) for x in full]
    k, inner = Value(INT, "k"), b.inner()
    *at, part = (inner.op(memory.index, x, k, where="i") for x in each)
    put(inner, two, target, part, at, ", ".join("i" for _ in at))
    _for_each(b, each[-1], k, inner)


def _is_by_rows(old: Op) -> bool:
    """Whether an operation adds rows (along some axis) to the rows that one index array names."""
    pattern = items(old.attrs["where"])
    target, amount, *places = old.operands
    rows = [
        p
        for p, item in zip(places, [i for i in pattern if i != ":"], strict=True)
        if item == "g"
    ]  # fmt: skip
    if not {*pattern} <= {"g", "i", ":"} or arrays_in_front(pattern) or len(rows) != 1:
        return False
    axes = ndim_of(target.type) - pattern.count("i")
    return ndim_of(rows[0].type) == 1 and ndim_of(amount.type) == axes


def _put_rows(
    b: Builder,
    two: OpDecl,
    target: Atom,
    amount: Atom,
    places: Sequence[Atom],
    pattern: Sequence[str],
) -> None:
    """Update one row after the other."""
    at = pattern.index("g")
    which = sum(item != ":" for item in pattern[:at])
    k, inner = Value(INT, "k"), b.inner()
    row = inner.op(memory.index, places[which], k, where="i")
    where = ", ".join([":"] * pattern[:at].count(":") + ["i"])
    part = inner.op(memory.index, amount, k, where=where)
    into = ", ".join("i" if item == "g" else item for item in pattern)
    put(inner, two, target, part, [*places[:which], row, *places[which + 1 :]], into)
    _for_each(b, places[which], k, inner)


def _for_each(b: Builder, of: Atom, k: Value, inner: Builder) -> None:
    stop = b.op(memory.axis_length, of, axis=0)
    body = inner.region((k,), ())
    b.append(For(const(0), stop, const(1), (), body, (), location=b.location, origin=b.origin))
