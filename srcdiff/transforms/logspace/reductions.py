"""Factored form of sums, means, extremes and products, for the logarithms of `logarithm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.core.scalar_spellings import of_numbers
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.logspace.factored_form import Maker, Parts, but_ones, signed
from srcdiff.transforms.rewrite.named_values import log_two_cosh
from srcdiff.transforms.rewrite.patterns import are_opposite, function

DEPTH = 12  # nested operations that are decomposed
_ONE = Dim(1)
_TERMS = 6  # terms of a sum that is written with +, at most

exp, logaddexp, logsumexp, isfinite = map(function, ("exp", "logaddexp", "logsumexp", "isfinite"))
maximum, total, prod = map(function, ("maximum", "sum", "prod"))
_EXTREMES = {name: function(name) for name in ("max", "min")}


class Sums(Maker):
    """A method `of_<operation>` gives the parts of an operation's result, None if the result is only a factor."""

    def parts(self, atom: Atom, depth: int = 0) -> Parts:
        """The factored form of a value; a value without exponentials is one factor."""
        raise NotImplementedError

    def unsigned(self, atom: Atom, depth: int) -> Parts:
        """The factored form of a value, if its exponent exists for all arguments; otherwise one factor."""
        parts = self.parts(atom, depth)
        return self.plain(atom) if parts.is_signed else parts

    def plain(self, atom: Atom) -> Parts:
        """A value as a factor."""
        raise NotImplementedError

    def of_add(self, op: Op, depth: int) -> Parts | None:
        if (x := self.two_cosh(op)) is not None:
            return Parts([(1.0, self.make(log_two_cosh, self.here(x)))])
        terms = self.terms(op, 1, depth)
        if not terms or not any(p.exponents for _, p in terms):
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

    def terms(self, op: Op, sign: int, depth: int) -> list[tuple[int, Parts]]:
        """The signed terms of a sum; none if there are too many."""
        found: list[tuple[int, Parts]] = []
        signs = (sign, -sign if op.decl.name == "subtract" else sign)
        for s, a in zip(signs, op.operands, strict=True):
            found += self.terms_of(a, s, depth)
        return found if len(found) <= _TERMS else []

    def terms_of(self, a: Atom, sign: int, depth: int) -> list[tuple[int, Parts]]:
        """An operand as one signed term, or as the terms of a sum; `1 - p` of a probability is one term."""
        op = self.op(a)
        if op is None or op.decl.name not in ("add", "subtract") or depth >= DEPTH:
            return [(sign, self.unsigned(a, depth))]
        inner = self.terms(op, sign, depth + 1)
        if inner and all(s == sign and p.is_positive for s, p in inner):
            return inner
        whole = self.unsigned(a, depth)
        return (
            [(sign, whole)]
            if whole.exponents and whole.is_positive
            else inner or [(sign, self.plain(a))]
        )

    def shifted_terms(self, terms: Sequence[tuple[int, Parts]]) -> Parts:
        exponents = [self.exponent(p) for _, p in terms]
        top, *rest = sorted(dict.fromkeys(exponents), key=lambda a: isinstance(a, Const))
        for x in rest:
            top = self.make(maximum, top, x)
        top = self.finite(top)
        out: Atom | None = None
        for (sign, p), x in zip(terms, exponents, strict=True):
            weights = (
                self.make(lambda x, top: exp(x - top), x, top)
                if p.exponents
                else self.make(lambda top: exp(-top), top)
            )
            term = self.scaled(replace(p, factors=but_ones(p.factors)), weights)
            if out is None:
                out = term if sign > 0 else self.make(lambda x: -x, term)
            else:
                out = self.make(
                    (lambda x, y: x + y) if sign > 0 else (lambda x, y: x - y), out, term
                )
        assert out is not None
        is_positive = all(sign > 0 and p.is_positive for sign, p in terms)
        return Parts([(1.0, top)], [out], is_positive=is_positive)

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

    def largest(self, x: Atom, **axes: Any) -> Atom:
        return self.b.op(reductions.highest, x, name="largest", **axes)

    def of_sum(self, op: Op, depth: int) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        return self.summed(op.operands[0], self.unsigned(op.operands[0], depth), dict(op.attrs))

    def summed(self, x: Atom, parts: Parts, axes: dict[str, Any]) -> Parts | None:
        shape = shape_of(x.type)
        if not parts.exponents or not shape:
            return None
        exponent = self.exponent(parts)
        if not any(shape_of(a.type) for a in (*parts.factors, *parts.divisors)):
            if shape_of(exponent.type) != shape:
                return None
            summed = self.make(lambda x: logsumexp(x, **axes), exponent)
            return replace(parts, exponents=[(1.0, summed)], is_bounded=False, is_signed=False)
        if parts.is_positive:
            whole = self.logarithm(parts)
            if shape_of(whole.type) != shape:
                return None
            return Parts([(1.0, self.make(lambda x: logsumexp(x, **axes), whole))])
        if not is_within(shape_of(exponent.type), shape):
            return None
        return self.scaled_terms(exponent, parts, axes, shape, total)

    def scaled_terms(
        self, exponent: Atom, parts: Parts, axes: dict[str, Any], shape: tuple[Dim, ...], reduction: Any,
    ) -> Parts:  # fmt: skip
        """The reduction of terms with factors of either sign, shifted by the largest exponent."""
        kept = self.finite(self.largest(exponent, **{**axes, "keepdims": True}))
        if axes.get("axis") is None and not axes.get("keepdims"):
            kept = self.finite(self.largest(exponent))
        weights = self.make(lambda x, top: exp(x - top), exponent, kept)
        out = self.make(lambda x: reduction(x, **axes), self.scaled(parts, weights))
        top = self.without_axes(kept, axes, shape)
        self.at_most_zero |= set() if self.may_grow(parts) else {top}
        return Parts([(1.0, top)], [out], is_positive=False)

    def without_axes(self, top: Atom, axes: Mapping[str, object], shape: Sequence[object]) -> Atom:
        """A shift that has reduced axes of length 1, in the shape of the reduction's result."""
        axis = axes.get("axis")
        if axis is None or axes.get("keepdims"):
            return top
        reduced = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
        where = ", ".join("i" if k in reduced else ":" for k in range(len(shape)))
        zeros = [const(0)] * len(reduced)
        out = self.b.op(memory.index, top, *zeros, where=where)
        self.kept[out, where.replace("i", "None")] = top
        return out

    def whole(self, parts: Parts, x: Atom) -> Atom | None:
        """The exponent of an array, if the exponent has the array's shape."""
        if not parts.exponents:
            return None
        out = self.exponent(parts)
        if len(shape_of(x.type)) != len(shape_of(out.type)) or not shape_of(x.type):
            return None
        return out if shape_of(x.type) == shape_of(out.type) else None

    def of_mean(self, op: Op, depth: int) -> Parts | None:
        if self.whole(self.unsigned(op.operands[0], depth), op.operands[0]) is None:
            return None  # no array of the same shape remains whose lengths could be read
        parts = self.of_sum(op, depth)
        if parts is None:
            return None
        axis, shape = op.attrs.get("axis"), shape_of(op.operands[0].type)
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        x = self.exponent(self.parts(op.operands[0]))
        counts = [self.b.op(memory.axis_length, x, axis=a % len(shape)) for a in axes]
        divisors = [*parts.divisors, self.product(counts)]
        return Parts(parts.exponents, parts.factors, divisors, is_positive=parts.is_positive)

    def of_stack(self, op: Op, depth: int) -> Parts | None:
        """Several arrays as one, if all of them are positive."""
        parts = [self.parts(a, depth) for a in op.operands]
        if not any(p.exponents for p in parts) or not all(p.is_positive for p in parts):
            return None
        logs = [self.logarithm(p) for p in parts]
        if any(
            shape_of(x.type) != shape_of(a.type) for x, a in zip(logs, op.operands, strict=True)
        ):
            return None
        out = self.b.op(op.decl, *logs, spelling=op.spelling, **op.attrs)
        return Parts([(1.0, out)], is_bounded=all(p.is_bounded for p in parts))

    of_concatenate = of_array_of = of_stack

    def of_prod(self, op: Op, depth: int) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        x = op.operands[0]
        parts, axes = self.unsigned(x, depth), dict(op.attrs)
        if not parts.exponents:
            return None
        whole = self.logarithm(parts) if parts.is_positive else self.exponent(parts)
        if shape_of(whole.type) != shape_of(x.type):
            return None
        summed = Parts([(1.0, self.make(lambda x: total(x, **axes), whole))])
        if parts.is_positive:
            return summed
        factor = self.factor(parts)
        if shape_of(factor.type) != shape_of(x.type):
            return None
        summed.factors, summed.is_positive = [self.make(lambda x: prod(x, **axes), factor)], False
        return summed

    def of_extreme(self, op: Op, depth: int) -> Parts | None:
        """The maximum or minimum of positive values, whose logarithm is the maximum or minimum of the logarithms."""
        parts = [self.unsigned(a, depth) for a in op.operands]
        if not any(p.exponents for p in parts):
            return None
        if not all(p.is_positive for p in parts):
            return self.signed_extreme(op, parts[0])
        logs = [self.logarithm(p) for p in parts]
        out = self.b.op(op.decl, *logs, spelling=op.spelling, **op.attrs)
        if shape_of(out.type) != shape_of(op.result.type):
            return None
        return Parts([(1.0, out)], is_bounded=all(p.is_bounded for p in parts))

    def signed_extreme(self, op: Op, parts: Parts) -> Parts | None:
        """The largest or the smallest element of an array whose factors may have any sign."""
        shape, exponent = shape_of(op.operands[0].type), self.exponent(parts)
        if op.decl.name not in ("max", "min") or op.attrs.keys() - {"axis", "keepdims"}:
            return None
        if not shape or not is_within(shape_of(exponent.type), shape):
            return None
        return self.scaled_terms(exponent, parts, dict(op.attrs), shape, _EXTREMES[op.decl.name])

    of_max = of_min = of_maximum = of_minimum = of_extreme

    def of_matmul(self, op: Op, depth: int) -> Parts | None:
        x, y = op.operands
        ranks = len(shape_of(x.type)), len(shape_of(y.type))
        if max(ranks) > 2:
            return None
        one, other = self.unsigned(x, depth), self.unsigned(y, depth)
        if one.exponents and other.exponents:
            if not (one.is_positive and other.is_positive):
                return self.of_terms(op, one, other, ranks)
            left, right = map(self.logarithm, (one, other))
            if ranks == (2, 2):
                return self.of_matrices(left, right)
            if ranks == (1, 2):
                left = self.b.op(memory.index, left, where=":, None")
            axes = {} if ranks == (1, 1) else {"axis": 0 if ranks == (1, 2) else 1}
            return self.of_product(self.make(lambda x, y: x + y, left, right), **axes)
        if not (one.exponents or other.exponents):
            return None
        is_left = bool(one.exponents)
        parts, a = (one, x) if is_left else (other, y)
        exponent = self.whole(parts, a)
        if exponent is None:
            return None
        if len(shape_of(a.type)) == 1:
            top = inner = self.finite(self.largest(exponent))
        else:
            axis = 1 if is_left else 0
            kept = {"axis": axis, "keepdims": True}
            top = inner = self.finite(self.largest(exponent, **kept))
            if min(ranks) == 1:
                top = self.without_axes(inner, {"axis": axis}, shape_of(a.type))
        self.at_most_zero |= set() if self.may_grow(parts) else {top}
        weights = self.scaled(parts, self.make(lambda x, t: exp(x - t), exponent, inner))
        pair = (weights, self.here(y)) if is_left else (self.here(x), weights)
        product = self.make(lambda x, y: x @ y, *pair)
        return Parts([(1.0, top)], [product], is_positive=False)

    def of_terms(self, op: Op, one: Parts, other: Parts, ranks: tuple[int, int]) -> Parts | None:
        """A product with a vector, as a sum of its terms, which may have either sign."""
        if min(ranks) > 1:
            return None
        whole = op.operands[0 if ranks == (2, 1) else 1]
        if ranks == (1, 2):
            one = self.as_column(one)
        terms = Parts(
            one.exponents + other.exponents,
            one.factors + other.factors,
            one.divisors + other.divisors,
            is_positive=False,
        )
        axes = {} if ranks == (1, 1) else {"axis": 0 if ranks == (1, 2) else 1}
        return self.summed(whole, terms, axes)

    def as_column(self, parts: Parts) -> Parts:
        def column(a: Atom) -> Atom:
            return self.b.op(memory.index, a, where=":, None") if shape_of(a.type) else a

        return replace(
            parts,
            exponents=[(scale, column(a)) for scale, a in parts.exponents],
            factors=[column(a) for a in parts.factors],
            divisors=[column(a) for a in parts.divisors],
        )

    def of_matrices(self, left: Atom, right: Atom) -> Parts:
        """exp(left) @ exp(right), whose terms have three axes."""
        left = self.b.op(memory.index, left, where=":, :, None")
        return self.of_product(self.b.op(arithmetic.add, left, right), axis=1)

    def of_product(self, terms: Atom, **axes: int) -> Parts:
        """A product with a matrix, as `logsumexp` of the exponents of its terms; `linalg/scaled_gemm.py` makes a
        matrix product of it again.
        """
        self.product_terms |= {terms} if isinstance(terms, Value) else set()
        return Parts([(1.0, self.make(lambda x: logsumexp(x, **axes), terms))])


def is_within(narrow: tuple[Dim, ...], shape: tuple[Dim, ...]) -> bool:
    """Whether `narrow` has the length of `shape` or length 1 along each axis."""
    return len(narrow) == len(shape) and all(
        a in (n, _ONE) for a, n in zip(narrow, shape, strict=True)
    )


def _sign(term: tuple[int, Parts]) -> int:
    return term[0]
