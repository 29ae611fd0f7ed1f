"""Zero adjoint elimination: adjoints that are zero for all arguments are removed, such as that of a log-sum-exp shift.

    %e = exp (subtract %x, %m)                     %e = exp (subtract %x, %m)
    %s = sum %e                                    %s = sum %e
    %r = add (log %s), %m                          %r = add (log %s), %m
    %d_e = multiply (divide 1.0, %s), %e    ->     %d_e = multiply (divide 1.0, %s), %e
    %d_m = subtract 1.0, (sum %d_e)
    %d_x = add %d_e, (... %d_m ...)                yield %r, %d_e
    yield %r, %d_x

`sum_of_products` gives numbers as sums of products. A factor that is invariant in a loop, or along an axis, stands in
front of the sum: `sum(e / s)` is `sum(e) / s`, which is 1. So the maximum that keeps `exp` in range has no adjoint, and
the values that only the maximum was computed from have none. Nothing is stored for them: neither the position of the
largest element, nor the largest so far in a loop. The adjoint is zero where it is defined. Where the sum is 0 or
infinite, the formula gives NaN, and this pass gives zero.

A loop-carried adjoint that starts as zero and is only multiplied stays zero.
"""

from __future__ import annotations

from collections.abc import Set

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Scalar, dims_of
from srcdiff.ir.values import Value
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.simplify.algebra.sum_of_products import zeros_of
from srcdiff.transforms.simplify.constants import zero
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.fold import fold, zeros_like


def cancel(fn: Function) -> Function:
    """`fn` without adjoints that are zero by the rules of algebra."""
    zeros = zeros_of(fn)
    numbers: Env = {v: zero(v.type) for v in zeros if isinstance(v.type, Scalar)}
    arrays = {v for v in zeros if isinstance(v.type, Array)}
    if arrays:
        fn = _Zeros(fn, arrays)(fn)
    return dce(fold(substitute(fn, numbers))) if zeros else fn


class _Zeros(Rewriter):
    """Replaces operations by zeros."""

    def __init__(self, fn: Function, zeros: Set[Value]) -> None:
        self.zeros = zeros
        self.shown = {d for p in fn.params for d in dims_of(p.type)}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and len(new.results) == 1 and new.result in self.zeros:
            b.location, b.origin = new.location, new.origin
            new = zeros_like(new, self.shown, new.result, b) or new
        b.append(new)
