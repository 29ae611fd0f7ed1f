"""Factored form of sums, means, extremes and products, for the logarithms of `logarithm`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, element_type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.logspace.factored_form import Parts
from srcdiff.transforms.logspace.written_sums import WrittenSums
from srcdiff.transforms.rewrite.patterns import function

_ONE = Dim(1)

exp, logsumexp, total, prod = map(function, ("exp", "logsumexp", "sum", "prod"))
minimum, maximum = map(function, ("minimum", "maximum"))
_EXTREMES = {name: function(name) for name in ("max", "min")}


class Sums(WrittenSums):
    """Adds reductions along axes to `WrittenSums`."""

    def largest(self, x: Atom, **axes: Any) -> Atom:
        return self.b.op(reductions.highest, x, name="largest", **axes)

    def of_sum(self, op: Op) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        return self.summed(op.operands[0], self.unsigned(op.operands[0]), dict(op.attrs))

    def summed(self, x: Atom, parts: Parts, axes: dict[str, Any]) -> Parts | None:
        shape = shape_of(x.type)
        if not parts.exponents:
            return None
        if not shape:
            return parts
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

    def of_mean(self, op: Op) -> Parts | None:
        if self.whole(self.unsigned(op.operands[0]), op.operands[0]) is None:
            return None  # no array of the same shape remains whose lengths could be read
        parts = self.of_sum(op)
        if parts is None:
            return None
        axis, shape = op.attrs.get("axis"), shape_of(op.operands[0].type)
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        x = self.exponent(self.parts(op.operands[0]))
        counts = [self.b.op(memory.axis_length, x, axis=a % len(shape)) for a in axes]
        divisors = [*parts.divisors, self.product(counts)]
        return Parts(parts.exponents, parts.factors, divisors, is_positive=parts.is_positive)

    def of_stack(self, op: Op) -> Parts | None:
        """Several arrays as one, if all of them are positive."""
        parts = [self.parts(a) for a in op.operands]
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

    def of_prod(self, op: Op) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        x = op.operands[0]
        parts, axes = self.unsigned(x), dict(op.attrs)
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

    def of_extreme(self, op: Op) -> Parts | None:
        """The maximum or minimum of positive values, whose logarithm is the maximum or minimum of the logarithms."""
        parts = [self.unsigned(a) for a in op.operands]
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

    def of_norm(self, op: Op) -> Parts | None:
        """The root of the sum of squares."""
        if element_type(op.operands[0].type).dtype not in ("float64", "float32"):
            return None
        axes = {k: v for k, v in op.attrs.items() if k != "ord" and v not in (None, False)}
        squares = self.raised(self.unsigned(op.operands[0]), 2.0)
        total = None if squares is None else self.summed(op.operands[0], squares, axes)
        return None if total is None else self.raised(replace(total, is_positive=True), 0.5)

    def raised(self, parts: Parts, n: float) -> Parts | None:
        """The parts of a constant power."""
        raise NotImplementedError

    def of_clip(self, op: Op) -> Parts | None:
        """A positive value between constants."""
        x, *bounds = op.operands
        parts = self.unsigned(x)
        if not parts.exponents or not parts.is_positive:
            return None
        out = self.logarithm(parts)
        for bound, extreme in zip(bounds, (maximum, minimum), strict=True):
            value = bound.value if isinstance(bound, Const) else math.nan
            if value is None or (extreme is maximum and value <= 0):
                continue
            if not value > 0:
                return None
            limit = const(math.log(value))
            out = self.make(lambda x, y, extreme=extreme: extreme(x, y), out, limit)
        return Parts([(1.0, out)]) if shape_of(out.type) == shape_of(x.type) else None

    def of_outer(self, op: Op) -> Parts | None:
        x, y = map(self.unsigned, op.operands)
        if any(len(shape_of(a.type)) != 1 for a in op.operands):
            return None
        x, y = self.as_column(x), self.as_column(y, "None, :")
        return x.times(y)

    of_max = of_min = of_maximum = of_minimum = of_extreme

    def of_matmul(self, op: Op) -> Parts | None:
        x, y = op.operands
        ranks = len(shape_of(x.type)), len(shape_of(y.type))
        if max(ranks) > 2:
            return None
        one, other = self.unsigned(x), self.unsigned(y)
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
        terms = replace(one.times(other), is_bounded=False)
        axes = {} if ranks == (1, 1) else {"axis": 0 if ranks == (1, 2) else 1}
        return self.summed(whole, terms, axes)

    def as_column(self, parts: Parts, where: str = ":, None") -> Parts:
        def column(a: Atom) -> Atom:
            return self.b.op(memory.index, a, where=where) if shape_of(a.type) else a

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
