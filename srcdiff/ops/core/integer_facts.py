"""Symbolic values of integer scalars: each is an affine expression in lengths, or a symbol of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Clamp, Dim, Scalar, Type, product_of, quotient_of
from srcdiff.ir.values import Atom, Attrs, known_dim
from srcdiff.ops.core.type_rules import TypeRule, arithmetic


def integers(
    combine: Callable[..., Dim | None], of_lengths: Callable[..., Dim] | None = None
) -> TypeRule:
    """As `arithmetic`. For integer scalars, `combine` gives the expression of the result, or None. If it is None and
    all operands are sums of lengths, `of_lengths` gives the expression.
    """

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        (result,) = arithmetic(shapes, operands, attrs)
        if not isinstance(result, Scalar) or result.dtype not in ("int64", "bool"):
            return (result,)
        if result.dtype == "bool":
            return (Scalar("int64", True, shapes.fresh("i")) if result.weak else result,)
        exprs = [known_dim(a) for a in operands]
        expr = None if any(e is None for e in exprs) else combine(*exprs)
        are_lengths = all(e is not None and shapes.is_sum_of_lengths(e) for e in exprs)
        if expr is None and of_lengths is not None and are_lengths:
            expr = of_lengths(*exprs)
        return (Scalar("int64", result.weak, shapes.fresh("i") if expr is None else expr),)

    return infer


def constants(function: Callable[..., int]) -> Callable[..., Dim | None]:
    """The expression of `function(a, b)`, if both operands are constants."""

    def combine(*exprs: Dim) -> Dim | None:
        if not all(e.is_const for e in exprs):
            return None
        try:
            return Dim(int(function(*(e.const for e in exprs))))
        except (ArithmeticError, ValueError):
            return None

    return combine


def largest(a: Dim, b: Dim) -> Dim | None:
    """The expression of `max(a, b)`, for two constants, or for an expression and 0."""
    both = constants(max)(a, b)
    if both is not None:
        return both
    number = a if b == Dim() else b if a == Dim() else None
    return None if number is None else Dim.of(Clamp(number))


def times(a: Dim, b: Dim) -> Dim | None:
    if a.is_const:
        return b.scaled(a.const)
    return a.scaled(b.const) if b.is_const else None


def product(a: Dim, b: Dim) -> Dim:
    return product_of([a, b])


def quotient(a: Dim, b: Dim) -> Dim | None:
    """The expression of `a // b`."""
    if b.is_const and b.const > 0:
        return quotient_of(a, b.const)
    return constants(operator.floordiv)(a, b)
