"""Recognition of `logaddexp`: sums of two exponentials that are shifted by the larger one by hand.

    high = max(a, b)
    low = min(a, b)
    total = high + np.log1p(np.exp(low - high))                         ->    total = np.logaddexp(a, b)
    np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))                 ->    np.logaddexp(a, b)
    a + log1p(exp(b - a)) if a > b else b + log1p(exp(a - b))           ->    np.logaddexp(a, b)

`x + logaddexp(0, y - x)` is `logaddexp(x, y)`, whichever is larger. The pair of maximum and minimum of two numbers is
replaced by the numbers. An earlier pass has written `log1p(exp(x))` as `logaddexp(0, x)`.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, ops_of
from srcdiff.ir.core import Function, If, Op, Statement, walk
from srcdiff.ir.values import Atom, const
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce

_ZERO = const(0.0)
_LARGER_OR_SMALLER = ("maximum", "minimum")


def with_logaddexp(fn: Function) -> Function:
    """`fn` with `logaddexp` for sums of two exponentials that are shifted by hand."""
    if not any(s.decl is elementary.logaddexp for s in ops_of(fn)):
        return fn
    return dce(_Spelled()(cse(fn, in_user_lines=True)))  # equal loads have to be one value


class _Spelled(Rewriter):
    def __init__(self) -> None:
        self.made: dict[Atom, Op] = {}
        self.branches: dict[Atom, tuple[If, int]] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, If):
            self.branch(new, b)
            return
        if isinstance(new, Op) and len(new.results) == 1:
            pair = self.pair(new)
            if pair is not None:
                new = replace(
                    new,
                    decl=elementary.logaddexp,
                    operands=self.plain(*pair),
                    attrs={},
                    spelling="",
                )
            self.made[new.result] = new
        b.append(new)

    def pair(self, op: Op) -> tuple[Atom, Atom] | None:
        """The exponents of the two exponentials that an operation adds."""
        if op.decl is elementary.logaddexp:
            return op.operands[0], op.operands[1]
        if op.decl is arithmetic.add:
            x, y = op.operands
            return self.in_front(x, y) or self.in_front(y, x)
        if op.decl is elementary.where:
            return self.same(*op.operands[1:])
        return None

    def in_front(self, x: Atom, rest: Atom) -> tuple[Atom, Atom] | None:
        """The exponents in `x + logaddexp(0, y - x)`."""
        added = self.op(rest, "logaddexp")
        if added is None or _ZERO not in added.operands:
            return None
        exponent = added.operands[1 if added.operands[0] == _ZERO else 0]
        difference = self.op(exponent, "subtract")
        if difference is not None and difference.operands[1] == x:
            return x, difference.operands[0]
        negated = self.op(exponent, "negative")
        distance = None if negated is None else self.op(negated.operands[0], "absolute")
        gap = None if distance is None else self.op(distance.operands[0], "subtract")
        larger = self.op(x, "maximum")
        if gap is not None and larger is not None and {*gap.operands} == {*larger.operands}:
            return larger.operands[0], larger.operands[1]
        return None

    def same(self, x: Atom, y: Atom) -> tuple[Atom, Atom] | None:
        """The exponents of two equal `logaddexp`."""
        pairs = [self.op(a, "logaddexp") for a in (x, y)]
        first, second = pairs
        if first is None or second is None:
            return None
        a, b = first.operands
        return (a, b) if {*second.operands} == {a, b} else None

    def plain(self, x: Atom, y: Atom) -> tuple[Atom, Atom]:
        """Two numbers in place of their maximum and minimum."""
        larger, smaller = (self.op(a, *_LARGER_OR_SMALLER) for a in (x, y))
        if larger is not None and smaller is not None and larger.decl is not smaller.decl:
            first, second = larger.operands
            if {*smaller.operands} == {first, second}:
                return first, second
        first_side, other_side = (self.branches.get(a) for a in (x, y))
        if first_side is not None and other_side is not None and first_side[0] is other_side[0]:
            (branch, i), (_, j) = first_side, other_side
            then, orelse = branch.then.yields, branch.orelse.yields
            if (then[i], then[j]) == (orelse[j], orelse[i]):
                return then[i], then[j]
        return x, y

    def branch(self, new: If, b: Builder) -> None:
        """Append a branch; a `logaddexp` that both sides yield moves in front of it."""
        defined = {r for s in (*walk(new.then), *walk(new.orelse)) for r in s.results}
        results, yields = [], []
        for row in zip(new.results, new.then.yields, new.orelse.yields, strict=True):
            pair = self.same(*row[1:])
            if pair is None or not defined.isdisjoint(pair):
                results.append(row[0])
                yields.append(row[1:])
                continue
            operands = self.plain(*pair)
            op = Op(elementary.logaddexp, operands, (row[0],), {}, new.location, new.origin)
            self.made[row[0]] = op
            b.append(op)
        then, orelse = zip(*yields, strict=True) if yields else ((), ())
        branch = replace(
            new, results=tuple(results), then=replace(new.then, yields=then),
            orelse=replace(new.orelse, yields=orelse),
        )  # fmt: skip
        self.branches.update({r: (branch, k) for k, r in enumerate(branch.results)})
        b.append(branch)

    def op(self, atom: Atom, *names: str) -> Op | None:
        found = self.made.get(atom)
        return found if found is not None and found.decl.name in names else None
