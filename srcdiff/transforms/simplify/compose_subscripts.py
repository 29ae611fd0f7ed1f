"""Subscripts of subscripts as one: `x[0][i]` is `x[0, i]`, `x[:, 2][1:]` is `x[1:, 2]`, `x[0][:] = v` is `x[0] = v`.

Integers and whole axes in front, integers and slices behind: nothing else is certain to name the same place. What is
only read is put together where the first subscript is of constants: a row `ys[t]` is better given a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Atom, Const, Function, Op, Statement, Value, walk
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items

__all__ = ["composed", "compose_subscripts", "is_whole"]

_FIRST_INDEX = {memory.index: 1, memory.store: 2, memory.add_into: 2}


def composed(op: Op, view: Op, any_row: bool = False) -> Op | None:
    """An access of a view as an access of what it is a view of; None where the two subscripts do not make one.

    `any_row`: not only rows that constants name are put together where they are read.
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
    """`fn` with elements of rows that have no name, as what `f(x[i])` reads, as elements of the array; with `named`,
    those of rows that have one as well.
    """
    made = {s.result: s for s in walk(fn.body) if isinstance(s, Op) and s.decl is memory.index}
    return _Elements({v: s for v, s in made.items() if named or not v.name})(fn)


class _Elements(Rewriter):
    def __init__(self, rows: dict[Value, Op]) -> None:
        self.rows = rows

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        while isinstance(old, Op) and old.operands:
            base = old.operands[0]
            row = self.rows.get(base) if isinstance(base, Value) else None
            new = composed(old, row, any_row=True) if row is not None else None
            if new is None:
                break
            old = new
        super().statement(old, env, b)


def is_whole(op: Op) -> bool:
    """Whether an access is of all of an array, in so many words: `x[:]`."""
    return op.decl is memory.index and set(items(op.attrs["where"])) == {":"}


def _joined(
    inner: list[str], outer: list[str], given: Iterator[Atom], more: Iterator[Atom]
) -> tuple[list[str], list[Atom]]:
    """One pattern, and its operands: the axes that the first leaves whole take the items of the second."""
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
