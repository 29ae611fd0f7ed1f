"""Markers of adjoint hooks: operations that hold the blocks of `with srcdiff.adjoint(x) as d_x:`, and their removal.

    %y.1 = adjoint_block[block=...] %y, %limit
    %z = f %y.1                                      becomes, for all but reverse mode,    %z = f %y

`hook_reverse` inlines the block into the backward part. `follows`, an operation whose adjoint is another value's, is
removed in the same way.
"""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import map_ops, ops_of
from srcdiff.ir.core import Function
from srcdiff.ir.values import Value
from srcdiff.ops.control.adjoint_hooks import adjoint_block, comment
from srcdiff.ops.control.semiring_ops import follows, follows_once
from srcdiff.transforms.analysis.defuse import forward_operands, substitute
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries

NOTHING: frozenset[Value] = frozenset()
_CARRIERS = (adjoint_block, follows, follows_once)


def settle_blocks(fn: Function) -> Function:
    """`fn` where a written array keeps one name after a block. The block is about the array's contents at that moment,
    and no loop carries the array as a second value.
    """
    blocks = [s for s in ops_of(fn) if s.decl is adjoint_block]
    if not blocks:
        return fn
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    env = {s.result: s.operands[0] for s in blocks if roots.get(s.result, NOTHING) & written}
    return remove_invariant_carries(substitute(fn, env)) if env else fn


def drop_blocks(fn: Function) -> Function:
    """`fn` with the operand of each marker in the place of its result."""
    return forward_operands(fn, lambda op: op.decl in _CARRIERS)


def drop_comments(fn: Function) -> Function:
    """`fn` without comments: to passes, a comment is an effect that keeps its place."""
    return map_ops(fn, lambda op: None if op.decl is comment else op)
