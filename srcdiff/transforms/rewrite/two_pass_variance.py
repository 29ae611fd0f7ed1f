"""Two-pass variance: a variance from sums of values and squares becomes a second loop over squared differences.

    for v in x:                             for v in x:
        s += v                                  s += v
        q += v * v                   ->     m = s / len(x)
    var = q / n - (s / n) ** 2              for v in x:
                                                r += (v - m) ** 2
                                            var = r / n

The two are equal if `n` is the number of iterations. The derivative does not depend on the mean, so the mean has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, clone_value, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.analysis.defuse import definitions, same_kind, with_rewrites
from srcdiff.transforms.rewrite.patterns import Anything, match
from srcdiff.transforms.rewrite.reduction_terms import IterationTerms

NAME = "variance"
_Q, _S, _N, _V = map(Anything, "qsnv")
_FORMS = (  # the form, and whether it is a mean
    (_Q / _N - (_S / _N) ** 2, True),
    (_Q - _S**2 / _N, False),
    (_Q - _N * (_S / _N) ** 2, False),
)
_ZEROS = ("zeros", "zeros_like")


def two_pass_variances(fn: Function) -> Function:
    """`fn` with a second loop for each variance."""
    if not any(isinstance(s, For) for s in walk(fn.body)):
        return fn
    pass_ = _LoopVariances(fn)
    new = pass_(fn)
    return with_rewrites(new, fn, pass_.fired) if pass_.fired else fn


class _LoopVariances(IterationTerms, Rewriter):
    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.all_made = definitions(fn)
        # a result in this region -> its loop and position
        self.loops: dict[Value, tuple[For, int]] = {}
        self.fired: list[tuple[str, Location | None]] = []

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer = self.loops
        self.loops = {
            r: (s, k) for s in old.body if isinstance(s, For) for k, r in enumerate(s.results)
        }
        new = super().region(old, env, b)
        self.loops = outer
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (
            isinstance(old, Op) and old.decl is arithmetic.subtract and self.rewritten(old, env, b)
        ):
            b.append(self.keep(old, env, b))

    def rewritten(self, op: Op, env: Env, b: Builder) -> bool:
        for form, is_mean in _FORMS:
            found = match(form, op.result, self.made) if op.result in self.made else None
            squares = self.squares(found) if found is not None else None
            if found is None or squares is None:
                continue
            inner = b.inner()
            inner.location, inner.origin = op.location, "compiler"
            out: Atom = self.spread(
                *squares, lookup(env, found["s"]), lookup(env, found["n"]), env, inner
            )
            if is_mean:
                out = inner.op(arithmetic.divide, out, lookup(env, found["n"]))
            if not same_kind(out.type, op.result.type):
                continue
            env[op.result] = out
            b.body += inner.body
            self.fired.append((NAME, op.location))
            return True
        return False

    def squares(self, found: Mapping[str, Any]) -> tuple[For, int, Atom] | None:
        """The loop that sums the squares, the position of that sum among its results, and the squared value."""
        (loop, at), (other, k) = (self.loops.get(found[name], (None, 0)) for name in "qs")
        if loop is None or loop is not other or not _is_plain(loop, found["n"]):
            return None
        squared, v = self.added(loop, at), self.added(loop, k)
        if squared is None or v is None or self.front(v, loop) is None:
            return None
        is_square = match(_V**2, squared, self.made, {"v": v}) is not None
        return (loop, at, v) if is_square else None

    def added(self, loop: For, at: int) -> Atom | None:
        """The term that each iteration adds to a sum that starts with 0."""
        first, param, y = loop.carried[at], loop.body.params[at + 1], loop.body.yields[at]
        op = self.made.get(y)
        made = self.all_made.get(first)
        is_zero = (
            first.value == 0
            if isinstance(first, Const)
            else (made is not None and made.decl.name in _ZEROS and first not in self.written)
        )
        if op is None or op.decl is not arithmetic.add or not is_zero or param not in op.operands:
            return None
        x, y = op.operands
        return y if x is param else x

    def spread(self, loop: For, at: int, v: Atom, s: Atom, n: Atom, env: Env, b: Builder) -> Value:
        """Append the loop that sums the squared differences from the mean."""
        mean = b.op(elementary.held, b.op(arithmetic.divide, s, n, name="mean"), name="mean")
        param = Value(loop.body.params[at + 1].type, "squares")
        inner, within = b.inner(), dict(env)
        index = clone_value(loop.index, within)
        for op in self.front(v, loop) or ():
            inner.append(clone_statement(op, within))
        d = inner.op(arithmetic.subtract, lookup(within, v), mean, name="difference")
        total = inner.op(
            arithmetic.add, param, inner.op(arithmetic.power, d, const(2)), name="squares"
        )
        start, stop, step = (lookup(env, a) for a in (loop.start, loop.stop, loop.step))
        out = Value(param.type, "squares")
        region = inner.region((index, param), (total,))
        b.append(
            For(
                start,
                stop,
                step,
                (lookup(env, loop.carried[at]),),
                region,
                (out,),
                location=loop.location,
            )
        )
        return out


def _is_plain(loop: For, n: Atom) -> bool:
    """Whether a loop has `n` iterations."""
    if loop.breaks or loop.is_parallel or loop.slots or loop.pair or shape_of(n.type):
        return False
    count = known_dim(loop.stop)
    return (known_dim(loop.start), known_dim(loop.step)) == (Dim(0), Dim(1)) and (
        count is not None and count == known_dim(n)
    )
