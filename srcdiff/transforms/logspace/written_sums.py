"""Factored form of sums that are written with + and -, for the logarithms of `logarithm`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.scalar_spellings import of_numbers
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.analysis.reachability import postorder
from srcdiff.transforms.logspace.factored_form import (
    Here,
    Maker,
    Parts,
    but_ones,
    combined,
    signed,
)
from srcdiff.transforms.rewrite.named_values import log_two_cosh
from srcdiff.transforms.rewrite.patterns import are_opposite, function

exp, logaddexp, isfinite, maximum = map(function, ("exp", "logaddexp", "isfinite", "maximum"))

Terms = list[tuple[int, Parts]]  # a sign for each


class WrittenSums(Maker):
    """A method `of_<operation>` gives the parts of an operation's result, None if the result is only a factor."""

    def __init__(
        self, seen: Mapping[Atom, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        super().__init__(seen, here, b, is_python)
        self.sums: dict[Atom, Terms] = {}  # the terms of sums that are written with + and -

    def parts(self, atom: Atom) -> Parts:
        """The factored form of a value; a value without exponentials is one factor."""
        raise NotImplementedError

    def unsigned(self, atom: Atom) -> Parts:
        """The factored form of a value, if its exponent exists for all arguments; otherwise one factor."""
        parts = self.parts(atom)
        return self.plain(atom) if parts.is_signed else parts

    def plain(self, atom: Atom) -> Parts:
        """A value as a factor."""
        raise NotImplementedError

    def of_add(self, op: Op) -> Parts | None:
        if (x := self.two_cosh(op)) is not None:
            return Parts([(1.0, self.make(log_two_cosh, self.here(x)))])
        terms = self.collected(self.terms(op))
        if not any(p.exponents for _, p in terms):
            return None
        signs = [sign for sign, _ in terms]
        # of a sum near 1, the logarithm is small
        has_number = any(not p.exponents for _, p in terms)
        if min(signs) > 0 and has_number and all(p.is_bounded for _, p in terms if p.exponents):
            return None  # a sum that neither overflows nor underflows
        if all(p.is_positive for _, p in terms) and (len(terms) == 2 or has_number):
            logs = sorted((self.logarithm(p) for _, p in terms), key=lambda a: isinstance(a, Value))
            if min(signs) > 0:
                out = logs[0]
                for x in logs[1:]:
                    is_one = isinstance(out, Const) and out.value == 0
                    out = self.softplus(x) if is_one else self.make(logaddexp, out, x)
                return Parts([(1.0, out)])
            if sorted(signs) == [-1, 1]:
                (_, less), (_, whole) = sorted(terms, key=_sign)
                one = whole.factors == [const(1)] and whole.is_plain
                if (odds := self.odds(less, whole)) is not None:
                    return Parts([(1.0, odds)])
                u, v = map(self.under_sigmoid, (less, whole))
                if one and u is not None:  # 1 minus a sigmoid is a sigmoid
                    return self.sigmoid(u)
                if u is not None and v is not None:
                    return self.of_sigmoids(u, v)
                return self.difference(self.logarithm(less), self.logarithm(whole))
        return self.shifted_terms(terms)

    of_subtract = of_add

    def two_cosh(self, op: Op) -> Atom | None:
        """The x of exp(x) + exp(-x)."""
        one, other = (self.op(a) for a in op.operands)
        if op.decl.name != "add" or one is None or other is None:
            return None
        if (one.decl.name, other.decl.name) != ("exp", "exp"):
            return None
        x, y = one.operands[0], other.operands[0]
        return x if are_opposite(x, y, self.seen) else None

    def odds(self, less: Parts, whole: Parts) -> Atom | None:
        """The u of (1 + exp(u)) - 1, as in `1 / p - 1` of a sigmoid."""
        is_one = less.factors == [const(1)] and less.is_plain
        match whole.exponents:
            case [(1.0, x)] if is_one and whole.is_pure:
                return self.softplus_of.get(x)
        return None

    def under_sigmoid(self, parts: Parts) -> Atom | None:
        """The u of 1 / (1 + exp(u))."""
        (scale, x), *rest = parts.exponents or [(0.0, const(0))]
        return self.softplus_of.get(x) if scale == -1 and not rest and parts.is_pure else None

    def of_sigmoids(self, u: Atom, v: Atom) -> Parts:
        """1 / (1 + exp(v)) - 1 / (1 + exp(u)) as the product of the two sigmoids and exp(u) - exp(v), since both
        sigmoids round to 1 where u and v are far below 0.
        """
        other = self.softplus(self.minus(u))
        rest = self.less(self.make(lambda u, v: v - u, u, v))
        return signed([(-1.0, self.softplus(v)), (-1.0, other), (1.0, rest)], is_bounded=True)

    def difference(self, less: Atom, x: Atom) -> Parts:
        """exp(x) - exp(less)"""
        if isinstance(x, Const) and x.value == 0:
            return signed([(1.0, self.less(less))])
        rest = self.less(self.make(lambda x, y: y - x, x, less))
        return signed([(1.0, x), (1.0, rest)])

    def terms(self, op: Op) -> Terms:
        """The signed terms of a sum."""
        for atom in postorder(op.result, self.summands, self.sums):
            if (inner := self.sum_of(atom)) is not None:
                one, other = map(self.terms_of, inner.operands)
                is_less = inner.decl is arithmetic.subtract
                self.sums[atom] = [*one, *((-sign if is_less else sign, p) for sign, p in other)]
        return self.sums[op.result]

    def sum_of(self, atom: Atom) -> Op | None:
        op = self.op(atom)
        is_sum = op is not None and op.decl in (arithmetic.add, arithmetic.subtract)
        return op if is_sum else None

    def summands(self, atom: Atom) -> Sequence[Atom]:
        op = self.sum_of(atom)
        return () if op is None else op.operands

    def terms_of(self, a: Atom) -> Terms:
        """An operand as one term, or as the terms of a sum; `1 - p` of a probability is one term."""
        inner = self.sums.get(a)
        if inner is None:
            return [(1, self.unsigned(a))]
        if len(inner) > 2 or all(sign > 0 and p.is_positive for sign, p in inner):
            return inner
        whole = self.unsigned(a)
        return [(1, whole)] if whole.exponents and whole.is_positive else inner

    def collected(self, terms: Terms) -> Terms:
        """The terms, those with the same exponents as one."""
        groups: dict[Any, Terms] = defaultdict(list)
        for term in terms:
            groups[frozenset(combined(term[1].exponents))].append(term)
        return [self.added(group) for group in groups.values()] if len(terms) > 2 else terms

    def added(self, terms: Terms) -> tuple[int, Parts]:
        """Terms with the same exponents as one term."""
        if len(terms) == 1:
            return terms[0]
        factors = [(sign, self.factor(p)) for sign, p in terms]
        total = self.total(factors)
        parts = [p for _, p in terms]
        is_positive = all(sign > 0 and p.is_positive for sign, p in terms)
        return 1, Parts(parts[0].exponents, [total], is_positive=is_positive)

    def shifted_terms(self, terms: Terms) -> Parts:
        exponents = [self.exponent(p) for _, p in terms]
        top, *rest = sorted(dict.fromkeys(exponents), key=lambda a: isinstance(a, Const))
        for x in rest:
            top = self.make(maximum, top, x)
        top = self.finite(top)
        shifted = []
        for (sign, p), x in zip(terms, exponents, strict=True):
            weights = (
                self.make(lambda x, top: exp(x - top), x, top)
                if p.exponents
                else self.make(lambda top: exp(-top), top)
            )
            shifted.append((sign, self.scaled(replace(p, factors=but_ones(p.factors)), weights)))
        is_positive = all(sign > 0 and p.is_positive for sign, p in terms)
        return Parts([(1.0, top)], [self.total(shifted)], is_positive=is_positive)

    def is_finite(self, top: Atom) -> Atom:
        """Whether exponents are finite: a test of the compiler, and no guard that the user wrote."""
        return self.b.op(elementary.held, self.make(isfinite, top))

    def finite(self, top: Atom) -> Atom:
        """A shift: the largest exponent, or 0 where that is infinite; it has no derivative."""
        parts = (self.is_finite(top), top, const(0.0))
        decl, spelling = of_numbers(elementary.where, parts, "", False)
        shift = self.b.op(decl, *parts, spelling=spelling, name="shift")
        return self.b.op(elementary.held, shift, name="shift")

    def scaled(self, parts: Parts, weights: Atom) -> Atom:
        """Weights times the factors, divided by the divisors."""
        if parts.factors:
            weights = self.make(lambda x, y: x * y, self.product(parts.factors), weights)
        if parts.divisors:
            weights = self.make(lambda x, y: x / y, weights, self.product(parts.divisors))
        return weights


def _sign(term: tuple[int, Parts]) -> int:
    return term[0]
