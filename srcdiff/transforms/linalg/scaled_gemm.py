"""Scaled matrix products: a `logsumexp` of separable terms becomes a matrix product of shifted exponentials.

    for t in ...:                                           shift = np.max(B, axis=0)
        a = logsumexp(a[:, None] + B, axis=0)               weights = np.exp(B - shift)
                                                   ->       for t in ...:
                                                                top = np.max(a)
                                                                p = np.exp(a - top) @ weights
                                                                if np.all(p > 1e-200):
                                                                    a = np.log(p) + (top + shift)
                                                                else:
                                                                    a = logsumexp(a[:, None] + B, axis=0)

The terms form two groups (`transforms/logspace/separable_terms.py`). Either one group is loop-invariant, and its
exponentials are hoisted, or both groups have fewer axes than the sum. Terms without a summed axis stay outside the
logarithm. The rewriting applies if it saves exponentials.

Each group is shifted by its maximum, so nothing overflows, and terms that underflow are less than 1e-308. If all sums
are larger than their bound in `FLOORS`, the underflow affects neither the value nor the derivative. If a sum is smaller
(as for states that no path reaches) or NaN, the user's line is computed as it stands. The result does not depend on the
shifts, so they have no derivative.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, element_type, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.core.scalar_spellings import of_numbers
from srcdiff.ops.elementwise import arithmetic, elementary, rounding, special
from srcdiff.ops.linalg import einsum
from srcdiff.ops.linalg.einsum_spelling import contraction
from srcdiff.transforms.analysis.defuse import (
    definitions,
    pure_definitions,
    same_kind,
    with_rewrites,
    written_values,
)
from srcdiff.transforms.logspace.separable_terms import Group, Split, letters_of, split

NAME = "scaled_probabilities"
# far above the numbers that underflow; the reciprocal is far below the numbers that overflow
FLOORS = {
    "float64": 1e-200,
    "float32": 1e-24,
}


def log_products(fn: Function, of_all: bool = True) -> Function:
    """`fn` with separable sums as products; without `of_all`, only sums that the user wrote as matrix products."""
    terms = fn.rewriting.product_terms
    if not (terms or of_all):
        return fn
    if not any(op.decl is special.logsumexp for op in definitions(fn).values()):
        return fn
    pass_ = _LogProducts(fn, None if of_all else terms)
    new = pass_(fn)
    if not pass_.fired:
        return fn
    # otherwise their lines are recorded already
    return with_rewrites(new, fn, pass_.fired if of_all else ())


class _LogProducts(Rewriter):
    """Rewrites separable sums.

    terms : the exponents of the sums that are changed; None for all.
    levels : the number of loops around the definition of a value.
    builders : `builders[k]` builds the innermost region with k loops around it.
    """

    def __init__(self, fn: Function, terms: Collection[Value] | None) -> None:
        self.terms = terms
        self.written = written_values(fn)
        self.made = pure_definitions(fn, self.written)
        self.levels: dict[Value, int] = {}
        self.builders: list[Builder] = []
        self.depth = 0
        self.fired: list[tuple[str, Location | None]] = []

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer = self.builders
        self.builders = [*outer[: self.depth], b]
        self.levels.update(dict.fromkeys(old.params, self.depth))
        new = super().region(old, env, b)
        self.builders = outer
        return new

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        is_loop = isinstance(old, For | While)
        self.depth += is_loop
        new = super().keep(old, env, b)
        self.depth -= is_loop
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        self.levels.update(dict.fromkeys(old.results, self.depth))
        if isinstance(old, Op) and self.is_sum(old):
            found = split(old, self.made, self.levels, self.depth)
            if found is not None and self.replaced(old, found, env, b):
                self.fired.append((NAME, old.location))
                return
        b.append(self.keep(old, env, b))

    def is_sum(self, op: Op) -> bool:
        if op.decl is not special.logsumexp or op.result not in self.made:
            return False
        if self.terms is not None and op.operands[0] not in self.terms:
            return False
        type_ = op.operands[0].type
        return isinstance(type_, Array) and type_.dtype in FLOORS

    def replaced(self, op: Op, found: Split, env: Env, b: Builder) -> bool:
        """Append the replacement of an operation; False if the type of the result would change."""
        site = b.inner()
        site.location, site.origin = op.location, "compiler"
        here = _Site(op, found, env, site)
        if len(found.groups) == 1:
            out: Atom = here.alone()
            if not same_kind(out.type, op.result.type):
                return False
            env[op.result] = out
            b.body += site.body
            return True
        early = [self.level(g) for g in found.groups]
        fronts = [site if level == self.depth else b.inner() for level in early]
        for front in fronts:
            front.location, front.origin = op.location, "compiler"
        weights, tops = [], []
        for group, front in zip(found.groups, fronts, strict=True):
            tops.append(here.top(group, front))
            weights.append(here.exponential(group, tops[-1], front))
        is_enough = here.is_enough(here.product(weights, site), site)
        then, orelse = site.inner(), site.inner()
        again = [
            here.exponential(g, top, then) if front is site else w
            for g, top, front, w in zip(found.groups, tops, fronts, weights, strict=True)
        ]
        out = here.completed(then.op(elementary.log, here.product(again, then)), tops, then)
        if not same_kind(out.type, op.result.type):
            return False
        for level, front in zip(early, fronts, strict=True):
            if front is not site:
                self.builders[level].body += front.body
        branches = then.region((), (out,)), orelse.region((), (here.as_written(orelse),))
        site.append(If(is_enough, *branches, op.results, op.location, "compiler"))
        b.body += site.body
        return True

    def level(self, group: Group) -> int:
        """The number of loops in which a group has to be computed."""
        return max(self.levels.get(t.atom, 0) if isinstance(t.atom, Value) else 0 for t in group)


class _Site:
    """The replacement of one sum."""

    def __init__(self, op: Op, found: Split, env: Env, b: Builder) -> None:
        self.op, self.found, self.env, self.b = op, found, env, b
        self.left = self.without_summed(found.letters)

    def without_summed(self, letters: str) -> str:
        return "".join(c for c in letters if c not in self.found.summed)

    def alone(self) -> Atom:
        """`logsumexp` of a single group, plus the terms without a summed axis."""
        (group,) = self.found.groups
        letters, x = letters_of(group), self.total(group, self.b)
        out: Atom = self.b.op(special.logsumexp, x, **self.axes(letters))
        return self.with_outside(out, self.without_summed(letters), self.b)

    def total(self, group: Group, b: Builder) -> Atom:
        """The sum of a group's terms, with the axes of the group only."""
        letters = letters_of(group)
        first, *rest = sorted(group, key=lambda t: t.minus)
        out = self.aligned(self.plain(first.atom, b), first.letters, letters, b)
        if first.minus:
            out = b.op(arithmetic.negative, out)
        for t in rest:
            term = self.aligned(self.plain(t.atom, b), t.letters, letters, b)
            out = b.op(arithmetic.subtract if t.minus else arithmetic.add, out, term)
        return out

    def plain(self, atom: Atom, b: Builder) -> Atom:
        """An array without its axes of length 1."""
        atom, shape = lookup(self.env, atom), shape_of(atom.type)
        ones = [d == Dim(1) for d in shape]
        if not any(ones):
            return atom
        where = ", ".join("i" if one else ":" for one in ones)
        return b.op(memory.index, atom, *[const(0)] * sum(ones), where=where)

    def aligned(self, atom: Atom, own: str, letters: str, b: Builder) -> Atom:
        """An array with axes `own`, with new axes for the other letters, for broadcasting."""
        if letters.endswith(own):
            return atom
        wanted = letters[letters.index(own[0]) :]
        where = ", ".join(":" if c in own else "None" for c in wanted)
        return b.op(memory.index, atom, where=where)

    def axes(self, letters: str) -> dict[str, Any]:
        """The summed axes, as an attribute."""
        at = tuple(k for k, c in enumerate(letters) if c in self.found.summed)
        if len(at) == len(letters):
            return {}
        return {"axis": at[0] if len(at) == 1 else at}

    def top(self, group: Group, b: Builder) -> Atom:
        """The shift of a group: its maximum along the summed axes, or 0 where that is infinite."""
        axes = self.axes(letters_of(group))
        largest = b.op(reductions.highest, self.total(group, b), name="largest", **axes)
        parts = (b.op(rounding.isfinite, largest), largest, const(0.0))
        decl, spelling = of_numbers(elementary.where, parts, "", False)
        return b.op(decl, *parts, spelling=spelling, name="shift")

    def exponential(self, group: Group, top: Atom, b: Builder) -> Atom:
        letters = letters_of(group)
        shift = self.aligned(top, self.without_summed(letters), letters, b)
        shifted = b.op(arithmetic.subtract, self.total(group, b), shift)
        return b.op(elementary.exp, shifted, name="weights")

    def product(self, weights: Sequence[Atom], b: Builder) -> Atom:
        parts = [(letters_of(g), w) for g, w in zip(self.found.groups, weights, strict=True)]
        target = self.without_summed("".join(sorted({c for letters, _ in parts for c in letters})))
        return contraction(b, einsum.decl_for, parts, target)

    def is_enough(self, p: Atom, b: Builder) -> Atom:
        """The condition under which underflow does not affect a product."""
        floor = const(FLOORS[element_type(p.type).dtype])
        above = b.op(arithmetic.greater, p, floor)
        return b.op(reductions.all, above, name="is_enough") if shape_of(p.type) else above

    def completed(self, out: Atom, tops: Sequence[Atom], b: Builder) -> Atom:
        """A logarithm plus the shifts of both groups and the terms without a summed axis."""
        parts = [self.without_summed(letters_of(g)) for g in self.found.groups]
        letters = "".join(sorted(set("".join(parts))))
        one, other = (self.aligned(t, p, letters, b) for t, p in zip(tops, parts, strict=True))
        out = b.op(arithmetic.add, out, b.op(arithmetic.add, one, other))
        return self.with_outside(out, letters, b)

    def with_outside(self, out: Atom, letters: str, b: Builder) -> Atom:
        for t in self.found.outside:
            term = self.aligned(self.plain(t.atom, b), t.letters, self.left, b)
            out = self.aligned(out, letters, self.left, b)
            out = b.op(arithmetic.subtract if t.minus else arithmetic.add, out, term)
        if self.op.attrs.get("keepdims"):
            where = ", ".join(":" if c in self.left else "None" for c in self.found.letters)
            out = b.op(memory.index, out, where=where)
        return out

    def as_written(self, b: Builder) -> Atom:
        """The operations that the user wrote."""
        env = dict(self.env)
        for op in (*self.found.inner, self.op):
            b.append(clone_statement(op, env))
        return env[self.op.result]
