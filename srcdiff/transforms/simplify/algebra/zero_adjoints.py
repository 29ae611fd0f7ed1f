"""Adjoints that are zero whatever the arguments are: above all that of a number by which a sum was shifted.

    %e = exp (subtract %x, %m)                     %e = exp (subtract %x, %m)
    %s = sum %e                                    %s = sum %e
    %r = add (log %s), %m                          %r = add (log %s), %m
    %d_e = multiply (divide 1.0, %s), %e    ->     %d_e = multiply (divide 1.0, %s), %e
    %d_m = subtract 1.0, (sum %d_e)
    %d_x = add %d_e, (... %d_m ...)                yield %r, %d_e
    yield %r, %d_x

`sum_of_products` says what numbers are, as sums of products in which what is invariant in a loop, or along an axis,
stands in front of the sum: `sum(e / s)` is `sum(e) / s`, which is 1. So the maximum that keeps `exp` in range has no
adjoint, nor has anything that only it was computed from, and nothing is stored for that: neither which element was the
largest, nor what a loop had found so far. What is zero is so where it is defined; where the sum is 0 or infinite, so
that the formula gave NaN, it is zero as well.

A carried adjoint that starts as such a zero and is only multiplied stays zero.
"""

from __future__ import annotations

from collections.abc import Set

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement, Value
from srcdiff.ir.dims import missing
from srcdiff.ir.types import Array, Scalar, dims_of, shape_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.simplify.algebra.sum_of_products import zeros_of
from srcdiff.transforms.simplify.constants import zero
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.fold import fold

__all__ = ["cancel"]


def cancel(fn: Function) -> Function:
    """`fn` without adjoints that are zero by the rules of algebra."""
    zeros = zeros_of(fn)
    numbers: Env = {v: zero(v.type) for v in zeros if isinstance(v.type, Scalar)}
    arrays = {v for v in zeros if isinstance(v.type, Array)}
    if arrays:
        fn = _Zeros(fn, arrays)(fn)
    return dce(fold(substitute(fn, numbers))) if zeros else fn


class _Zeros(Rewriter):
    """Zeros in the place of operations that give nothing else."""

    def __init__(self, fn: Function, zeros: Set[Value]) -> None:
        self.zeros = zeros
        self.shown = {d for p in fn.params for d in dims_of(p.type)}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and len(new.results) == 1 and new.result in self.zeros:
            new = self.zero(new, b)
        b.append(new)

    def zero(self, op: Op, b: Builder) -> Op:
        """The zeros; the operation itself where nothing shows how many."""
        unknown = [d for d in shape_of(op.result.type) if missing(d, self.shown)]
        axes = {d: (a, k) for a in op.operands[::-1] for k, d in enumerate(shape_of(a.type))}
        if not axes.keys() >= {*unknown}:
            return op
        b.location, b.origin = op.location, op.origin
        asks = (axes[d] for d in dict.fromkeys(unknown))
        lengths = tuple(b.op(memory.axis_length, a, axis=k) for a, k in asks)
        type_ = {"type": op.result.type}
        return Op(memory.zeros_of, lengths, op.results, type_, op.location, op.origin)
