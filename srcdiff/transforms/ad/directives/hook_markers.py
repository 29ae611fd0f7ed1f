"""The operations that carry the blocks of `with srcdiff.adjoint(x) as d_x:`, and how they vanish.

    %y.1 = adjoint_block[block=...] %y, %limit
    %z = f %y.1                                      becomes, for all but reverse mode,    %z = f %y

`hook_reverse` puts the block into the backward part. `follows`, whose adjoint is another's, vanishes as they do.
"""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Statement, Value, walk
from srcdiff.ops.control.adjoint_hooks import adjoint_block, comment
from srcdiff.ops.control.semiring_ops import follows, follows_once
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries

__all__ = ["drop_blocks", "drop_comments", "settle_blocks"]


NOTHING: frozenset[Value] = frozenset()
_CARRIERS = (adjoint_block, follows, follows_once)


def settle_blocks(fn: Function) -> Function:
    """`fn` where a written array keeps its one name behind a block: what the block is of is the array as it is then,
    and a loop that goes on with it carries nothing.
    """
    blocks = [s for s in walk(fn.body) if isinstance(s, Op) and s.decl is adjoint_block]
    if not blocks:
        return fn
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    env = {s.result: s.operands[0] for s in blocks if roots.get(s.result, NOTHING) & written}
    return remove_invariant_carries(substitute(fn, env)) if env else fn


def drop_blocks(fn: Function) -> Function:
    """`fn` where such an operation is the value that it is of."""
    has_some = any(isinstance(s, Op) and s.decl in _CARRIERS for s in walk(fn.body))
    return _WithoutBlocks()(fn) if has_some else fn


class _WithoutBlocks(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl in _CARRIERS:
            env[old.result] = lookup(env, old.operands[0])
        else:
            b.append(self.keep(old, env, b))


def drop_comments(fn: Function) -> Function:
    """`fn` without lines that only a reader looks at: to passes, they are effects that keep their place."""
    has_some = any(isinstance(s, Op) and s.decl is comment for s in walk(fn.body))
    return _WithoutComments()(fn) if has_some else fn


class _WithoutComments(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and old.decl is comment):
            b.append(self.keep(old, env, b))
