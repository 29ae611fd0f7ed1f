"""Clear placement: the zero for the adjoint of a written element moves after the last use, or merges with the next sum.

    %t = index[i] %d_u, %i                   add_into[i] %d_v, (index[i] %d_u, %i), %i
    store[i] %d_u, 0.0, %i            ->     store[i] %d_u, 0.0, %i
    add_into[i] %d_v, %t, %i

    store[i] %d_u, 0.0, %i                   %d = ...
    %d = ...                          ->     store[i] %d_u, %d, %i
    add_into[i] %d_u, %d, %i

In text, the first prints as `d_v[i] += d_u[i]; d_u[i] = 0.0`, and the second as `d_u[i] = d`.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, with_body
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.values import Const
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.effects import may_move


def place_clears(fn: Function) -> Function:
    """`fn` with clears at the places where they read best."""
    return _PlaceClears(storage_roots(fn))(fn)


class _PlaceClears(Rewriter):
    def __init__(self, roots: Roots) -> None:
        self.roots = roots

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        new = super().region(old, env, b)
        return with_body(new, self.sink(list(new.body)))

    def sink(self, body: list[Statement]) -> list[Statement]:
        """Move each clear down as far as possible, the last clear first, so that clears keep their order."""
        for k in range(len(body) - 1, -1, -1):
            clear = body[k]
            if not is_clear(clear):
                continue
            assert isinstance(clear, Op)
            end = k + 1
            while end < len(body) and may_move(clear, [body[end]], self.roots):
                end += 1
            if end < len(body) and (filled := self.refill(clear, body[end])) is not None:
                body[end : end + 1] = [filled]
                del body[k]
            elif end > k + 1:
                body.insert(end, clear)
                del body[k]
        return body

    def refill(self, clear: Op, add: Statement) -> Op | None:
        """`d[i] = v` for `d[i] = 0; d[i] += v`; None for other statements."""
        if not isinstance(add, Op) or add.decl is not memory.add_into or add.attrs != clear.attrs:
            return None
        if add.operands[0] is not clear.operands[0] or add.operands[2:] != clear.operands[2:]:
            return None
        return replace(add, decl=memory.store)


def is_clear(statement: Statement) -> bool:
    """Whether a statement is a store of zero that a pass has made."""
    if (
        not isinstance(statement, Op)
        or statement.decl is not memory.store
        or statement.origin == "user"
    ):
        return False
    value = statement.operands[1]
    return isinstance(value, Const) and value.value == 0
