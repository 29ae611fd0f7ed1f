"""Reduction loops in log space: sums and products of exponentials in a loop are shifted by the largest exponent, where
their uses end in logarithms.

    t = 0.0                              for a in x:
    for a in x:                              largest = np.maximum(largest, a)
        t += np.exp(a)            ->     for a in x:
    return np.log(t)                         t += np.exp(a - largest)
                                         return np.log(t) + largest

The shift is correct for all signs of the factors, and the derivative does not depend on it. Where the exponent of an
iteration depends on earlier iterations, a single loop carries the largest exponent so far. Products of positive terms
are carried as sums of logarithms. After the loop the original value is restored as an exponential; the rewriting of
logarithms simplifies it further (`logarithm`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, clone_value, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.analysis.defuse import all_regions, definitions, same_kind, with_rewrites
from srcdiff.transforms.analysis.reachability import made_through
from srcdiff.transforms.logspace.factored_form import OwnShifts, with_name
from srcdiff.transforms.logspace.logarithm import LOGARITHMS, Logarithms
from srcdiff.transforms.rewrite.patterns import function
from srcdiff.transforms.rewrite.reduction_terms import IterationTerms

NAME = "log_of_loops"
_THROUGH = {"add", "subtract", "multiply", "divide", "power", "sqrt", "index", "negative", "square"}
_ZEROS = ("zeros", "zeros_like")

exp, held, maximum = map(function, ("exp", "held", "maximum"))


@dataclass(frozen=True)
class Sum:
    """A reduction: `op` adds `term` to the carried value at position `at`, or multiplies it by `term`.

    at : -1 for an array that the loop adds to.
    front : the operations that compute the term, if it does not depend on earlier iterations; otherwise None.
    """

    at: int
    op: Op
    term: Atom
    is_positive: bool
    front: tuple[Op, ...] | None

    @property
    def is_product(self) -> bool:
        return self.op.decl is arithmetic.multiply

    @property
    def is_along(self) -> bool:
        """Whether the loop carries the exponent as a second value."""
        return not self.is_positive if self.is_product else self.front is None


def log_loops(fn: Function) -> Function:
    """`fn` with reduction loops in log space, where logarithms use their results."""
    if not any(isinstance(s, For) for s in walk(fn.body)):
        return fn
    pass_ = _Loops(fn)
    new = pass_(fn)
    return with_rewrites(new, fn, pass_.fired) if pass_.fired else fn


class _Loops(IterationTerms, Rewriter):
    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.body = fn.body
        # None: a yield, or a statement with regions
        self.users: dict[Atom, list[Op | None]] = defaultdict(list)
        self.statements_of: dict[Atom, list[Statement]] = defaultdict(list)
        for s in walk(fn.body):
            op = s if isinstance(s, Op) and set(s.results) <= self.made.keys() else None
            for a in s.operands:
                self.users[a].append(op)
                self.statements_of[a].append(s)
        for region in all_regions(fn.body):
            for y in region.yields:
                self.users[y].append(None)
        self.fired: list[tuple[str, Location | None]] = []
        self.first_made = definitions(fn)
        self.shifts = OwnShifts(fn, self.made)
        self.places: dict[Statement, tuple[Region, int]] = {}
        self.shifted_reads: dict[Statement, Atom] = {}  # a read of a shifted array -> the shift

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        self.places |= {s: (old, k) for k, s in enumerate(old.body)}
        return super().region(old, env, b)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        sums = [*self.sums(old, b), *self.stores(old, b)] if isinstance(old, For) else []
        if isinstance(old, For) and sums:
            self.collected(old, sums, env, b)
        elif old in self.shifted_reads:
            self.read(old, env, b)
        else:
            b.append(self.keep(old, env, b))

    # ---- which sums ---------------------------------------------------------------------------------------

    def sums(self, loop: For, b: Builder) -> list[Sum]:
        if loop.breaks or loop.is_parallel or loop.slots or loop.pair:
            return []
        inside = {r for s in loop.body.body for r in s.results}
        found = []
        for at, (param, y, first, result) in enumerate(
            zip(loop.body.params[1:], loop.body.yields, loop.carried, loop.results, strict=True)
        ):
            op = self.made.get(y) if y in inside else None
            if op is None or op.decl not in (arithmetic.add, arithmetic.multiply):
                continue
            rest = [a for a in op.operands if a is not param]
            is_own = len(self.users[param]) == len(rest) == len(self.users[op.result]) == 1
            if not is_own or not self.reaches_logarithm(result) or not self.starts(op, first):
                continue
            is_product = op.decl is arithmetic.multiply
            is_positive = self.is_positive(op.result.type, rest[0], b, is_product)
            if is_positive is not None:
                front = self.front(rest[0], loop)
                found.append(Sum(at, op, rest[0], is_positive, front))
        return found

    def stores(self, loop: For, b: Builder) -> list[Sum]:
        """Sums into whole arrays that start as zeros and are read only after the loop."""
        if loop.breaks or loop.is_parallel or loop.slots or loop.pair:
            return []
        return [
            Sum(-1, s, s.operands[1], False, front)
            for s in loop.body.body
            if isinstance(s, Op)
            and s.decl is memory.add_into
            and s.attrs["where"] == ""
            and self.is_own_store(s, loop)
            and self.is_positive(s.operands[0].type, s.operands[1], b, False) is not None
            and (front := self.front(s.operands[1], loop)) is not None
        ]

    def is_own_store(self, op: Op, loop: For) -> bool:
        """Whether only `op` writes to an array of zeros, and all reads are after the loop and reach logarithms."""
        storage = op.operands[0]
        made = self.first_made.get(storage)
        if made is None or made.decl.name not in _ZEROS:
            return False
        reads = [s for s in self.statements_of[storage] if s is not op]
        outside = [y for r in all_regions(self.body) for y in r.yields if y is storage]
        return (
            bool(reads)
            and not outside
            and all(
                isinstance(s, Op)
                and s.decl is memory.read
                and self.is_after(s, loop)
                and self.reaches_logarithm(s.result)
                for s in reads
            )
        )

    def is_after(self, s: Statement, loop: For) -> bool:
        region, at = self.places[loop]
        return any(x is s for x in region.body[at + 1 :])

    def reaches_logarithm(self, result: Value) -> bool:
        """Whether all uses of a value end in logarithms or are shares (an exponential divided by the value)."""
        pending, seen = [result], {result}
        while pending:
            x = pending.pop()
            users = [u for u in self.users[x] if not self.ends_in_logarithm(u, x)]
            if not self.users[x] or any(u is None or not self.is_through(u) for u in users):
                return False
            further = {u.result for u in users if u is not None} - seen
            seen |= further
            pending += further
        return True

    def is_through(self, user: Op) -> bool:
        return len(user.results) == 1 and user.decl.name in _THROUGH

    def ends_in_logarithm(self, user: Op | None, x: Value) -> bool:
        if user is None or len(user.results) != 1:
            return False
        is_share = user.decl is arithmetic.divide and user.operands[1] is x
        return user.decl.name in LOGARITHMS or (is_share and self.has_exponent(user.operands[0]))

    def has_exponent(self, atom: Atom) -> bool:
        found = made_through(atom, self.made, ("multiply", "index"))
        return any(op.decl is elementary.exp for op in found)

    def starts(self, op: Op, first: Atom) -> bool:
        """Whether the start value is supported: any for a sum, a positive constant for a product."""
        if op.decl is arithmetic.add:
            return True
        return isinstance(first, Const) and first.value > 0

    def is_positive(self, type_: Type, term: Atom, b: Builder, is_product: bool) -> bool | None:
        """Whether a term is positive for all arguments; None if the reduction stays as it is: the term has no exponent
        of the sum's shape, or the user has shifted it.
        """
        if (
            not isinstance(type_, Array | Scalar)
            or type_.dtype != "float64"
            or getattr(type_, "weak", False)
        ):
            return None
        trial = Logarithms(self.made, lambda a: a, b.inner())
        parts = trial.parts(term)
        if not parts.exponents or parts.is_signed:
            return None
        if any(self.shifts.are_in(a) for _, a in parts.exponents):
            return None  # the user has shifted the exponents
        is_whole = parts.is_positive and is_product
        log = trial.logarithm(parts) if is_whole else trial.exponent(parts)
        return parts.is_positive if shape_of(log.type) == shape_of(type_) else None

    # ---- replacement --------------------------------------------------------------------------------------

    def collected(self, loop: For, sums: Sequence[Sum], env: Env, b: Builder) -> None:
        b.location, b.origin = loop.location, "compiler"
        stores, sums = [s for s in sums if s.at < 0], [s for s in sums if s.at >= 0]
        starts = {s: self.start(s, loop.carried[s.at], env, b) for s in sums}
        starts |= {s: self.start(s, s.op.operands[0], env, b) for s in stores}
        shifts = {
            s: self.largest(s, loop, starts[s][1], env, b)
            for s in (*sums, *stores)
            if not s.is_along and not s.is_product
        }
        firsts = [lookup(env, a) for a in loop.carried]
        params, results = list(loop.body.params[1:]), list(loop.results)
        along: dict[Sum, Value] = {}  # the exponents so far
        for s in sums:
            old, shift = params[s.at], shifts.get(s)
            prefix = "log" if s.is_product and s.is_positive else "scaled"
            params[s.at] = Value(old.type, f"{prefix}_{old.name or 'total'}")
            results[s.at] = replace(params[s.at])
            firsts[s.at] = starts[s][0]
            if shift is not None and not self.is_zero(loop.carried[s.at]):
                maker = Logarithms({}, lambda a: a, b)
                firsts[s.at] = self.shifted(starts[s], shift, maker)
            if s.is_along:
                along[s] = Value(old.type, "exponent" if s.is_product else "shift")
        by_op = {s.op: s for s in (*sums, *stores)}
        inner, within, yields = b.inner(), dict(env), list(loop.body.yields)
        ends: dict[Sum, Atom] = {}
        for statement in loop.body.body:
            found = by_op.get(statement) if isinstance(statement, Op) else None
            if found is None:
                self.statement(statement, within, inner)
                continue
            inner.location, inner.origin = found.op.location, "compiler"
            self.fired.append((NAME, found.op.location))
            shift = along.get(found, shifts.get(found))
            if found.at < 0:
                self.store(found, shifts[found], within, inner)
                continue
            yields[found.at], ends[found] = self.iteration(
                found, params[found.at], shift, within, inner
            )
        ys = [lookup(within, y) for y in yields]
        region = inner.region(
            (loop.body.params[0], *params, *along.values()), (*ys, *(ends[s] for s in along))
        )
        after = {s: replace(p) for s, p in along.items()}
        start, stop, step = (lookup(env, a) for a in (loop.start, loop.stop, loop.step))
        carried = (*firsts, *(starts[s][1] for s in along))
        made = (*results, *after.values())
        b.append(
            replace(
                loop, start=start, stop=stop, step=step, carried=carried, body=region, results=made
            )
        )
        for s in sums:
            self.whole(loop.results[s.at], results[s.at], after.get(s, shifts.get(s)), b)

    def start(self, s: Sum, first: Atom, env: Env, b: Builder) -> tuple[Atom, Atom]:
        """The start value of a reduction as a factor and an exponent."""
        if s.is_product:
            if s.is_positive and isinstance(first, Const):
                first = const(math.log(first.value))
            return first, const(0.0)
        new = lookup(env, first)
        if isinstance(first, Const):
            return new, const(0.0 if first.value else -np.inf)
        if self.is_zero(first):
            new = b.op(memory.read, new) if s.at < 0 else new
            return new, b.op(arithmetic.subtract, new, const(np.inf))
        maker = Logarithms(self.made, lambda a: lookup(env, a), b)
        parts = maker.unsigned(first)
        exponent = maker.exponent(parts)
        if not parts.exponents or shape_of(exponent.type) != shape_of(first.type):
            is_number = not shape_of(first.type)
            return new, const(0.0) if is_number else b.op(arithmetic.multiply, new, const(0.0))
        return maker.factor(parts), exponent

    def is_zero(self, first: Atom) -> bool:
        if isinstance(first, Const):
            return bool(first.value == 0)
        made = self.first_made.get(first)
        return made is not None and made.decl.name in _ZEROS

    def shifted(self, start: tuple[Atom, Atom], shift: Atom, maker: Logarithms) -> Atom:
        factor, exponent = start
        return maker.make(lambda t, x, m: t * exp(x - m), factor, exponent, shift)

    def largest(self, s: Sum, loop: For, first: Atom, env: Env, b: Builder) -> Atom:
        """Append a loop that computes the largest exponent of all iterations."""
        assert s.front is not None
        inner, within = b.inner(), dict(env)
        index = clone_value(loop.index, within)
        for op in s.front:
            inner.append(clone_statement(op, within))
        inner.location, inner.origin = s.op.location, "compiler"
        maker = Logarithms(self.made, lambda a: lookup(within, a), inner)
        param = Value(s.op.operands[0].type if s.at < 0 else s.op.result.type, "largest")
        top = maker.make(
            lambda t, x: maximum(t, held(x)), param, maker.exponent(maker.parts(s.term))
        )
        region = inner.region((index, param), (with_name(top, "largest", inner),))
        out = replace(param)
        start, stop, step = (lookup(env, a) for a in (loop.start, loop.stop, loop.step))
        first = first if isinstance(first, Const) else b.op(elementary.held, first)
        b.append(
            replace(
                loop,
                start=start,
                stop=stop,
                step=step,
                carried=(first,),
                body=region,
                results=(out,),
            )
        )
        return Logarithms({}, lambda a: a, b).finite(out)

    def iteration(
        self, s: Sum, param: Value, shift: Atom | None, env: Env, b: Builder
    ) -> tuple[Atom, Atom]:
        """The values that an iteration yields: the sum or product, and the exponent."""
        made = Logarithms(self.made, lambda a: lookup(env, a), b)
        parts = made.parts(s.term)
        if s.is_product and shift is None:
            out = made.make(lambda t, x: t + x, param, made.logarithm(parts))
            return with_name(out, param.name, b), const(0.0)
        assert shift is not None
        exponent = made.exponent(parts)
        if s.is_product:
            out = made.make(lambda t, x: t * x, param, made.factor(parts))
            return with_name(out, param.name, b), made.make(lambda t, x: t + x, shift, exponent)
        kept: Atom = param
        top = shift
        if s.is_along:
            top = made.finite(made.make(maximum, shift, exponent))
            kept = made.make(lambda t, m, top: t * exp(m - top), param, shift, top)
        term = made.scaled(parts, made.make(lambda x, top: exp(x - top), exponent, top))
        return with_name(made.make(lambda x, y: x + y, kept, term), param.name, b), top

    def store(self, s: Sum, shift: Atom, env: Env, b: Builder) -> None:
        made = Logarithms(self.made, lambda a: lookup(env, a), b)
        parts = made.parts(s.term)
        weights = made.make(lambda x, top: exp(x - top), made.exponent(parts), shift)
        storage = lookup(env, s.op.operands[0])
        b.append(replace(s.op, operands=(storage, made.scaled(parts, weights))))
        for read in self.statements_of[s.op.operands[0]]:
            if read is not s.op:
                self.shifted_reads[read] = shift

    def read(self, old: Statement, env: Env, b: Builder) -> None:
        """Restore the contents of an array that the loop has added shifted terms to."""
        assert isinstance(old, Op)
        b.location, b.origin = old.location, "compiler"
        scaled = replace(old.result, name=f"scaled_{old.result.name or 'total'}", user=False)
        b.append(replace(self.keep(old, env, b), results=(scaled,)))
        self.whole(old.result, scaled, self.shifted_reads[old], b)

    def whole(self, old: Value, new: Value, exponent: Atom | None, b: Builder) -> None:
        """Restore the result of the reduction."""
        maker = Logarithms({}, lambda a: a, b)
        if exponent is None:
            maker.make(exp, new)
        else:
            maker.make(lambda t, m: t * exp(m), new, exponent)
        last = b.body[-1]
        assert isinstance(last, Op) and same_kind(last.result.type, old.type)
        b.body[-1] = replace(last, results=(old,))
