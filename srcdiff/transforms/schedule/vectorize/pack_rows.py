"""Packing: the row of a table that an iteration reads several times is copied into private storage.

    for 0, %n { (%p) ->                       for 0, %n { (%p) ->
        for 0, %m { (%i) ->                       %row = empty %d
            index[i, i] %x, %p, %i   becomes      for 0, %d { (%k) -> store %row, (index %x, %p, %k), %k }
                                                  for 0, %m { (%i) -> index[i] %row, %i

Vector lanes would stride through the table. Private rows of neighbouring lanes lie next to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, If, Op, Region, Statement, walk
from srcdiff.ir.types import Array, Dim
from srcdiff.ir.values import Atom, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.dependence.uniformity import Varying
from srcdiff.transforms.lower.loop_nests import loop, store_element


def tables(found: Varying) -> dict[Value, int]:
    """The tables of which inner loops read the iteration's row, with the axis of the iterations (never the last)."""
    axes: dict[Value, set[int | None]] = {}
    for s in _inner(found.loop):
        at = subscripts(s)
        if at and isinstance(s.operands[0], Value):
            axes.setdefault(s.operands[0], set()).add(_axis(at, found))
    return {
        table: axis
        for table, (axis, *others) in axes.items()
        if axis is not None and not others and table in found.fixed
    }


def _inner(outer: For) -> list[Statement]:
    loops = (s for s in walk(outer.body) if isinstance(s, For))
    return list(dict.fromkeys(s for inner in loops for s in walk(inner.body)))


def _axis(at: Sequence[Atom], found: Varying) -> int | None:
    """The axis whose subscript is the iteration's index, if there is one and no other subscript varies."""
    axes = [k for k, a in enumerate(at) if found.of(a)]
    if len(axes) != 1 or at[axes[0]] is not found.loop.index or axes[0] == len(at) - 1:
        return None
    return axes[0]


def own_rows(found: Varying, axes: Mapping[Value, int], b: Builder) -> tuple[For, dict[Value, For]]:
    """The loop with rows of some tables copied first, and for each new row the loop that copies it."""
    old, start = found.loop, b.inner()
    rows: dict[Value, Value] = {}
    copies: dict[Value, For] = {}
    for table, axis in axes.items():
        rows[table] = row = _copied(table, axis, old, start)
        copy = start.body[-1]
        assert isinstance(copy, For)
        copies[row] = copy
    body = _OwnRows(rows, axes, old.index).region(old.body, {}, b.inner())
    return replace(old, body=replace(body, body=(*start.body, *body.body))), copies


def _copied(table: Value, axis: int, iterations: For, b: Builder) -> Value:
    """Append the copy of the iteration's row. If the table has no such row, nothing is copied, and nothing reads it."""
    assert isinstance(table.type, Array)
    length = table.type.shape[axis]
    count = b.op(memory.axis_length, table, axis=axis) if _may_end(iterations, length, b) else None
    others = [k for k in range(table.type.ndim) if k != axis]
    lengths = [b.op(memory.axis_length, table, axis=k) for k in others]
    name = f"{table.name}_block" if table.name else "rows"
    row = b.op(memory.empty, *lengths, dtype=table.type.dtype, name=name)

    def fill(b: Builder, at: tuple[Atom, ...]) -> tuple[Atom, ...]:
        if len(at) < len(lengths):
            inner = lambda b, i, _: fill(b, (*at, *i))
            return loop(b, lengths[len(at)], (), inner, "ijklmn"[len(at)])
        place = (*at[:axis], iterations.index, *at[axis:])
        kept = b if count is None else b.inner()
        element = kept.op(memory.index, table, *place, where=elements_of(place))
        store_element(kept, row, element, at)
        if count is not None:
            is_there = b.op(control.test, iterations.index, count, text="{0} < {1}")
            stored, nothing = kept.region((), ()), Region((), (), ())
            b.append(If(is_there, stored, nothing, (), b.location, b.origin))
        return ()

    fill(b, ())
    return row


def _may_end(iterations: For, length: Dim, b: Builder) -> bool:
    """Whether a loop may run past the end of an axis; where inner loops read nothing, no check has excluded it."""
    stop = known_dim(iterations.stop)
    return stop is None or not b.shapes.is_at_least_zero(length - stop)


class _OwnRows(Rewriter):
    def __init__(
        self, rows: Mapping[Value, Value], axes: Mapping[Value, int], index: Value
    ) -> None:
        self.rows, self.axes, self.index = rows, axes, index

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new, at = super().keep(old, env, b), subscripts(old)
        table = old.operands[0] if at else None
        if not isinstance(new, Op) or not isinstance(table, Value) or table not in self.rows:
            return new
        axis = self.axes[table]
        if at[axis] is not self.index:
            return new
        rest = (*at[:axis], *at[axis + 1 :])
        operands = (self.rows[table], *rest)
        return replace(new, operands=operands, attrs={**new.attrs, "where": elements_of(rest)})
