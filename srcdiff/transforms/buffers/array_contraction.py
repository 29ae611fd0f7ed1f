"""Array contraction: where each iteration uses only its own row of an array, one row is enough.

    %t = empty_of (n, m)                                  for 0, %n { (%i) ->
    for 0, %n { (%i) ->                         becomes       %t = empty_of (m)
        for 0, %m { (%j) -> store %t, %a, %i, %j }            for 0, %m { (%j) -> store %t, %a, %j }
        for 0, %m { (%j) -> index %t, %i, %j } }              for 0, %m { (%j) -> index %t, %j } }

All accesses have to be elements in one loop, with the loop's index as the first subscript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.transforms.analysis.defuse import used_atoms
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, is_element


def shrink_buffers(fn: Function) -> Function:
    """`fn` with single rows in place of arrays of rows."""
    return _Shrink(fn)(fn)


class _Shrink(Rewriter):
    def __init__(self, fn: Function) -> None:
        roots = storage_roots(fn)
        self.names: dict[Value, int] = {}
        for own in roots.values():
            for root in own:
                self.names[root] = self.names.get(root, 0) + 1
        self.rows: dict[Value, Value] = {}
        self.made: dict[Region, list[Op]] = {}  # the rows of each iteration

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        for k, s in enumerate(old.body):
            if isinstance(s, Op) and s.decl is memory.empty_of and not s.operands:
                loop = self.loop_of(s.result, old, old.body[k + 1 :])
                if loop is not None:
                    type_ = s.result.type
                    assert isinstance(type_, Array)
                    row = replace(s.result, type=Array(type_.dtype, type_.shape[1:]))
                    self.rows[s.result] = row
                    made = replace(s, results=(row,), attrs={"type": row.type})
                    self.made.setdefault(loop.body, []).append(made)
        for op in self.made.get(old, ()):
            b.append(op)
        return super().region(old, env, b)

    def loop_of(self, array: Value, region: Region, after: tuple[Statement, ...]) -> For | None:
        """The loop whose iterations each use their own row of an array, if it is the only user of the array."""
        type_ = array.type
        users = [s for s in after if array in used_atoms(s)]
        if not isinstance(type_, Array) or type_.ndim < 2 or self.names.get(array) != 1:
            return None
        if len(users) != 1 or array in region.yields:
            return None
        (loop,) = users
        if not isinstance(loop, For) or array in loop.operands:
            return None
        for s in walk(loop.body):
            if array not in s.operands:
                continue
            if not isinstance(s, Op) or s.decl not in ELEMENT_ACCESSES or not is_element(s):
                return None
            first = 1 if s.decl is memory.index else 2
            if s.operands[0] is not array or array in s.operands[1:]:
                return None
            if len(s.operands) != first + type_.ndim or s.operands[first] is not loop.index:
                return None
        return loop

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or self.rows.keys().isdisjoint((*old.operands, *old.results)):
            super().statement(old, env, b)
        elif old.decl is not memory.empty_of:
            b.append(super().keep(_of_row(old, self.rows), env, b))


def _of_row(access: Op, rows: Mapping[Value, Value]) -> Op:
    """The same access, to the row of the current iteration."""
    array, *rest = access.operands
    kept = 0 if access.decl is memory.index else 1
    at = rest[kept + 1 :]
    assert isinstance(array, Value)
    operands = (rows[array], *rest[:kept], *at)
    return replace(access, operands=operands, attrs={**access.attrs, "where": elements_of(at)})
