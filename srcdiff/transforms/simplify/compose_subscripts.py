"""Subscript composition: `x[0][i]` becomes `x[0, i]`, `x[:, 2][1:]` becomes `x[1:, 2]`, `x[0][:] = v` `x[0] = v`.

The first subscript has integers and whole axes, the second integers and slices: other subscripts need not name the
same place. Two subscripts of a load are composed where the first one has constants only: a row `ys[t]` gets a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, ops_of
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.values import Atom, Const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items

_FIRST_INDEX = {memory.index: 1, memory.store: 2, memory.add_into: 2}


def composed(op: Op, view: Op, any_row: bool = False) -> Op | None:
    """An access of a view as an access of its base; None where the two subscripts cannot be composed.

    `any_row`: loads are composed for all rows, not only for rows with constant subscripts.
    """
    if op.decl not in _FIRST_INDEX or view.decl is not memory.index:
        return None
    if not (any_row or op.decl.writes or all(isinstance(a, Const) for a in view.operands[1:])):
        return None
    inner, outer = items(view.attrs["where"]), items(op.attrs["where"])
    first = _FIRST_INDEX[op.decl]
    if not set(inner) <= {"i", ":"} or not all(item == "i" or ":" in item for item in outer):
        return None
    where, operands = _joined(inner, outer, iter(view.operands[1:]), iter(op.operands[first:]))
    while where and where[-1] == ":" and len(where) > 1:
        where.pop()
    head = (view.operands[0], *op.operands[1:first])
    return replace(op, operands=(*head, *operands), attrs={**op.attrs, "where": ", ".join(where)})


def compose_subscripts(fn: Function, named: bool = False) -> Function:
    """`fn` with elements of rows as elements of the array, where the row has no name, as in `f(x[i])`; with `named`,
    where it has a name, too.
    """
    made = {s.result: s for s in ops_of(fn) if s.decl is memory.index}
    return _Elements({v: s for v, s in made.items() if named or not v.name})(fn)


class _Elements(Rewriter):
    def __init__(self, rows: dict[Atom, Op]) -> None:
        self.rows = rows

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        while isinstance(old, Op) and old.operands:
            base = old.operands[0]
            row = self.rows.get(base)
            new = composed(old, row, any_row=True) if row is not None else None
            if new is None:
                break
            old = new
        super().statement(old, env, b)


def is_whole(op: Op) -> bool:
    """Whether an access is of a whole array by its pattern: `x[:]`."""
    return op.decl is memory.index and set(items(op.attrs["where"])) == {":"}


def _joined(
    inner: list[str], outer: list[str], given: Iterator[Atom], more: Iterator[Atom]
) -> tuple[list[str], list[Atom]]:
    """The composed pattern and its operands: the whole axes of the first subscript take the items of the second."""
    left = iter(outer)
    where: list[str] = []
    operands: list[Atom] = []
    for item in inner:
        if item == "i":
            where.append(item)
            operands.append(next(given))
        else:
            where.append(_take(next(left, ":"), more, operands))
    where += [_take(item, more, operands) for item in left]
    return where, operands


def _take(item: str, more: Iterator[Atom], operands: list[Atom]) -> str:
    letters = item.split(":")
    operands += [next(more) for letter in letters if letter]
    return item
