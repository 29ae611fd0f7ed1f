"""Full unrolling of short loops, such as those over the coordinates of a point, so that loops over points fuse and
are vectorised.

    for j in range(n):                          for j in range(n):
        s = 0.0                                     s = (x[i, 0] - x[j, 0]) ** 2
        for k in range(3):             becomes      s += (x[i, 1] - x[j, 1]) ** 2
            s += (x[i, k] - x[j, k]) ** 2           s += (x[i, 2] - x[j, 2]) ** 2

It applies to loops of at most four iterations inside another loop that only compute and store. Where the length of an
axis of an argument (points in space, quaternions) lets a loop be unrolled, the program is specialised for that length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from srcdiff.ir.build import (
    Builder,
    Env,
    Rewriter,
    change_dims_within,
    clone_statement,
    lookup,
    with_own_symbols,
)
from srcdiff.ir.core import For, Function, Op, Statement, While, walk
from srcdiff.ir.types import Array, Dim, Scalar, Struct, Type
from srcdiff.ir.values import Atom, const, known_dim, symbol_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.simplify.constants import constant_value
from srcdiff.transforms.simplify.folding.fold import fold
from srcdiff.transforms.simplify.folding.identities import may_stand

_MOST = 4
_STATEMENTS = 96  # statements of all iterations together, at most


def small_axes(fn: Function, lengths: Mapping[str, int]) -> dict[str, int]:
    """The lengths of the given arguments' small axes, by symbol; first axes do not count."""
    return {
        d.symbol: lengths[d.symbol]
        for p in fn.params
        for type_ in _arrays(p.type)
        for d in type_.shape[1:]
        if d.symbol is not None and 1 < lengths.get(d.symbol, 0) <= _MOST
    }


def _arrays(type_: Type) -> Iterator[Array]:
    """The types of the arrays in an argument, which may be a structure."""
    if isinstance(type_, Array):
        yield type_
    elif isinstance(type_, Struct):
        for part in type_.parts:
            yield from _arrays(part)


def unroll(fn: Function) -> Function:
    """`fn` with its short innermost loops unrolled."""
    pass_ = _Unroll(fn)
    new = pass_(fn)
    if not pass_.count:
        return fn
    return fold(replace(new, target=replace(new.target, is_unrolled=True)))


class _Unroll(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.depth = 0
        self.count = 0

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        iterations = _iterations(old) if isinstance(old, For) and self.depth else None
        if isinstance(old, For) and iterations is not None:
            self.count += 1
            carried = [lookup(env, a) for a in old.carried]
            for k in iterations:
                carried = self.iteration(old, k, carried, env, b)
            env.update(zip(old.results, carried, strict=True))
            return
        is_loop = isinstance(old, For | While)
        self.depth += is_loop
        super().statement(old, env, b)
        self.depth -= is_loop

    def iteration(self, loop: For, k: int, carried: list[Atom], env: Env, b: Builder) -> list[Atom]:
        """Append the statements of iteration `k`; returns its yields."""
        symbol = symbol_of(loop.index)
        bound = {symbol: Dim(k)} if symbol else {}
        body = change_dims_within(loop.body, lambda d: d.substitute(bound))
        body = with_own_symbols(body, b.shapes)
        inner: Env = {**env, **dict(zip(body.params, [const(k), *carried], strict=True))}
        for s in body.body:
            found = _added_to_zero(s, inner) or _place(s, inner)
            if found is None:
                b.append(clone_statement(s, inner))
            else:
                inner[s.results[0]] = found
        return [lookup(inner, y) for y in body.yields]


def _added_to_zero(s: Statement, env: Env) -> Atom | None:
    """The operand that is added to 0 in a first iteration, which is the sum."""
    if not isinstance(s, Op) or s.decl is not arithmetic.add:
        return None
    operands = [lookup(env, a) for a in s.operands]
    rest = [a for a in operands if a != const(0.0)]
    return rest[0] if len(rest) == 1 and may_stand(rest[0].type, s.result.type) else None


def _place(s: Statement, env: Env) -> Atom | None:
    """The constant integer that an iteration computes from its index."""
    if not isinstance(s, Op) or not s.operands or not _is_integer(s):
        return None
    operands = tuple(lookup(env, a) for a in s.operands)
    if s.decl is arithmetic.add and const(0) in operands:
        return operands[1 - operands.index(const(0))]
    return constant_value(replace(s, operands=operands))


def _is_integer(s: Statement) -> bool:
    """Whether a statement computes an integer, usually a subscript, which unrolling makes constant."""
    types = [v.type for v in s.results]
    return len(types) == 1 and isinstance(types[0], Scalar) and types[0].dtype == "int64"


def _number(atom: Atom) -> int | None:
    """The value of a constant, or of the length of a small axis."""
    expr = known_dim(atom)
    return expr.const if expr is not None and expr.is_const else None


def _iterations(loop: For) -> range | None:
    """The indices of a loop that is unrolled; None if it is not."""
    bounds = [n for a in (loop.start, loop.stop, loop.step) if (n := _number(a)) is not None]
    if loop.breaks or len(bounds) < 3:
        return None
    iterations = range(*bounds)[:: -1 if loop.reverse else 1]
    ops = list(walk(loop.body))
    size = sum(not _is_integer(s) for s in ops)
    if not 0 < len(iterations) <= _MOST or len(iterations) * size > _STATEMENTS:
        return None
    return iterations if all(isinstance(s, Op) and not s.decl.effect for s in ops) else None
