"""Adjoint hooks: the block of `with srcdiff.adjoint(x) as d_x:` takes the adjoint, and returns the adjoint to use.

An operation holds the block. Reverse mode inlines the block into the backward part; otherwise the operation is removed,
as is `follows`, an operation whose adjoint is another value's:

    %y.1 = adjoint_block[block=...] %y, %limit
    %z = f %y.1                                      becomes    %z = f %y
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import reads_of, storage_roots, writes_of, written_roots
from srcdiff.ir.build import Env, change_dims, clone_statement, lookup, map_ops, ops_of
from srcdiff.ir.core import Function, Op, Statement, regions_of, walk
from srcdiff.ir.types import Dim, all_dims
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.adjoint_hooks import adjoint_block, comment
from srcdiff.ops.control.semiring_ops import follows, follows_once
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal
from srcdiff.transforms.analysis.activity import edges
from srcdiff.transforms.analysis.defuse import (
    defined_in,
    forward_operands,
    substitute,
    written_values,
)
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries


def blocks_of(fn: Function) -> list[Value]:
    """The results of the adjoint blocks of a function."""
    return [s.result for s in ops_of(fn) if s.decl is adjoint_block]


def reverse_block(r: Reversal, op: Op, scope: Scope) -> None:
    """Inline the block where the adjoint is complete; the adjoint that it assigns goes to earlier statements."""
    x, *free = op.operands
    if isinstance(x, Value) and x in r.buffers:
        _check_contents(r, op, x)
        buffer = r.open(x, scope)
        found = _put(r, op, buffer, free, scope)
        if found is not buffer:
            scope.b.ops(memory.store, buffer, found, where="")
        return
    _check_uses(r, op, x)
    d = r.take_whole(op.result, scope)
    r.contribute(x, _put(r, op, d, free, scope), scope)


def _put(r: Reversal, op: Op, d: Atom, free: list[Atom], scope: Scope) -> Atom:
    """Append the block's statements as the user wrote them, and return the adjoint that they compute from `d`. If the
    array is written, `d` is storage.
    """
    block: Function = _with_own_symbols(r, op.attrs["block"])
    (result,) = block.body.yields
    written = written_values(block)
    first, *params = block.params
    env: Env = {}
    line = op.location.source_line.strip() if op.location is not None else ""
    scope.b.ops(comment, text=line.rstrip(":") or "srcdiff.adjoint")
    used = {a for s in walk(block.body) for a in (*s.operands, *_yields(s))} | {result}
    for param, a in zip(params, free, strict=True):
        if param in used:
            env[param] = r.forward.primal(a, scope)
    own = _own_copy(block)
    is_storage = isinstance(op.operands[0], Value) and op.operands[0] in r.buffers
    if is_storage and (own is None or own.result is not result):
        d = scope.b.op(memory.read, d, name=first.name)
    env[first] = d
    for statement in block.body.body:
        # the block changes the adjoint in place
        if statement is own and is_storage and own.result is result:
            env[own.result] = d
            continue
        copy = clone_statement(statement, env)
        scope.b.append(replace(copy, origin="adjoint") if statement is own else copy)
    found = lookup(env, result)
    if result in written and found is not d:
        return scope.b.op(memory.read, found, name=first.name)
    return found


def _own_copy(block: Function) -> Op | None:
    """The copy of the adjoint that a block makes at its start if the block writes the adjoint."""
    adjoint = block.params[0]
    uses = [s for s in walk(block.body) if adjoint in (*s.operands, *_yields(s))]
    copy = uses[0] if len(uses) == 1 else None
    if not isinstance(copy, Op) or copy.decl is not memory.copy or copy.spelling:
        return None
    return copy if copy in block.body.body[: len(block.params)] else None


def _yields(statement: Statement) -> list[Atom]:
    return [y for region in regions_of(statement) for y in region.yields]


def _with_own_symbols(r: Reversal, block: Function) -> Function:
    """The block with fresh dimension symbols for the lengths and integers that it defines."""
    made = {s for v in defined_in(block.body) for d in all_dims(v.type) for s in d.symbols()}
    made -= {s for v in r.forward.home for d in all_dims(v.type) for s in d.symbols()}
    if not made:
        return block
    number = r.forward.number()
    own = {s: Dim.of(f"{s}_{number}") for s in made}
    return change_dims(block, lambda d: d.substitute(own))


# ---- checks that the adjoint is complete in the block -----------------------------------------------------


def _check_uses(r: Reversal, op: Op, x: Atom) -> None:
    """Refuse a block whose value has other uses: their contributions would come after the block."""
    if not r.is_active(x):
        return
    for s in walk(r.forward.program.top):
        if s is not op and any(x in sources and r.is_active(t) for sources, t in edges(s)):
            raise _incomplete(op, s)
    if x in r.forward.program.top.yields:
        raise _incomplete(op, None)


def _check_contents(r: Reversal, op: Op, x: Value) -> None:
    """Refuse a block of a written array that is read between the last write and the block."""
    roots = r.forward.program.roots
    mine = roots.get(x, frozenset())
    region = r.forward.program.region_of[id(op)]
    for s in reversed(region.body[: region.body.index(op)]):
        if x in s.results or writes_of(s, roots) & mine:
            return
        if reads_of(s, roots) & mine and any(r.is_active(v) for v in s.results):
            raise _incomplete(op, s)


def _incomplete(op: Op, use: Statement | None) -> UnsupportedError:
    name = op.result.name
    where = use.location.line if use is not None and use.location is not None else None
    line = "" if where is None else f" (line {where})"
    return UnsupportedError(
        f"`{name}` is used before the block of srcdiff.adjoint, or by another name{line}: its adjoint is not complete "
        "in the block",
        f"Put the block right after the line that makes `{name}`.",
        op.location,
    )


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
