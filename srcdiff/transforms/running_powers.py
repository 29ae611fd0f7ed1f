"""Powers whose exponents a loop counts are running products.

    for 0, %n { (%j) ->                          for 0, %n with 1.0 { (%j, %power) ->
        %p = power %t, %j            becomes         ... %power ...
        ... %p ... }                                 yield (multiply %power, %t) }

Compiled code raises to an integer by repeated squaring, which is as exact: the relative error grows by half a unit in
the last place for each step of the exponent.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of, lookup
from srcdiff.ir.core import (
    Atom,
    Const,
    For,
    Function,
    If,
    Op,
    Statement,
    Value,
    const,
    known_dim,
    regions_of,
    walk,
)
from srcdiff.ir.types import Scalar, shape_of
from srcdiff.ops import arithmetic, memory
from srcdiff.transforms.facts import defined_in, definitions, used_atoms
from srcdiff.transforms.nests import subscripts

__all__ = ["running_powers"]


def running_powers(fn: Function) -> Function:
    """`fn` with running products for powers of what a loop does not change, with its index as exponent."""
    return _Running(fn)(fn)


class _Running(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.lengths = lengths_of(fn)
        self.made = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        found: dict[Op, list[Statement]] = {}
        if isinstance(new, For) and _counts(new):
            chains = {p: self.fixed(p.operands[0], new) for p in _powers(new)}
            found = {p: chain for p, chain in chains.items() if chain is not None}
        b.append(_running(new, found, b) if isinstance(new, For) and found else new)

    def fixed(self, base: Atom, loop: For) -> list[Statement] | None:
        """The statements of a turn that give a number which is the same in all turns; None if it is not."""
        inside = set(defined_in(loop.body))
        made = {r: s for s in loop.body.body for r in s.results}
        chain: set[Statement] = set()
        pending = [base]
        while pending:
            atom = pending.pop()
            if not isinstance(atom, Value) or atom not in inside:
                continue
            s = made.get(atom)
            if s is None or not self.may_move(s, loop):
                return None
            chain.add(s)
            own = {v for r in regions_of(s) for v in defined_in(r)}
            pending += (a for a in used_atoms(s) if a not in own)
        return [s for s in loop.body.body if s in chain]

    def may_move(self, s: Statement, loop: For) -> bool:
        """Whether a statement may be run in front of a loop that may make no turn."""
        if isinstance(s, If):
            return all(self.may_move(inner, loop) for r in regions_of(s) for inner in walk(r))
        if not isinstance(s, Op):
            return False
        if s.decl is memory.index:
            written = writes_of(loop, self.roots)
            return self.roots[s.operands[0]].isdisjoint(written) and self.is_inside(s)  # type: ignore[index]
        is_number = all(isinstance(v.type, Scalar) for v in (*s.operands, *s.results))
        raises = s.decl.raises and not self.is_quotient(s)
        return is_number and not (s.decl.effect or s.decl.writes or raises)

    def is_quotient(self, op: Op) -> bool:
        """Whether a division is not one by zero."""
        if op.decl is not arithmetic.divide:
            return False
        made = self.made.get(op.operands[1])  # type: ignore[arg-type]
        at_least = (
            made.operands
            if made is not None and made.decl is arithmetic.maximum
            else op.operands[1:]
        )
        return any(isinstance(a, Const) and a.value > 0 for a in at_least)

    def is_inside(self, op: Op) -> bool:
        """Whether an element is there whatever the loop does."""
        places = [known_dim(a) for a in subscripts(op)]
        return bool(places) and all(
            p is not None
            and self.lengths.is_at_least_zero(p)
            and self.lengths.is_at_least_zero(d - 1 - p)
            for p, d in zip(places, shape_of(op.operands[0].type), strict=True)
        )


def _counts(loop: For) -> bool:
    counts = loop.start == const(0) and loop.step == const(1)
    return counts and not (loop.reverse or loop.breaks or loop.is_parallel)


def _powers(loop: For) -> list[Op]:
    """The powers with a loop's index as exponent, of which each turn asks for one."""
    return [
        s for s in loop.body.body
        if isinstance(s, Op) and s.decl is arithmetic.power and s.operands[1] is loop.index
        and all(isinstance(v.type, Scalar) and v.type.dtype == "float64" for v in (s.operands[0], s.result))
    ]  # fmt: skip


def _running(loop: For, found: dict[Op, list[Statement]], b: Builder) -> For:
    """The loop with powers that it carries; what they are powers of is appended in front of it."""
    moved = {op for chain in found.values() for op in chain}
    for s in loop.body.body:
        if s in moved:
            b.append(s)
    params = {op: Value(op.result.type, op.result.name or "power") for op in found}
    inner, env = b.inner(), dict[Value, Atom]()
    inner.location, inner.origin = loop.location, "compiler"
    for s in loop.body.body:
        if isinstance(s, Op) and s in params:
            env[s.result] = params[s]
        elif s not in moved:
            inner.append(Rewriter().keep(s, env, inner))
    ends = [
        inner.op(arithmetic.multiply, p, op.operands[0], name=p.name) for op, p in params.items()
    ]
    yields = (*(lookup(env, y) for y in loop.body.yields), *ends)
    region = inner.region((*loop.body.params, *params.values()), yields)
    return replace(
        loop,
        carried=(*loop.carried, *(const(1.0) for _ in params)),
        body=region,
        results=(*loop.results, *map(replace, params.values())),
    )
