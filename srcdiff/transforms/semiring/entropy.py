"""The entropy of what a log_Z sums over: the logarithm of the sum, less the expected log-weight of its terms.

The expected log-weight is the tangent of log_Z along its own potentials, so forward mode makes one loop in which each
message has its expectation beside it (the expectation semiring), and nothing is kept for a way back. Terms that -inf
forbids have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, shapes_for
from srcdiff.ir.core import Function, Op, OpDecl, Statement
from srcdiff.ir.types import is_float
from srcdiff.ops.arrays import reductions
from srcdiff.ops.control.semiring_ops import (
    weighed_logaddexp,
    weighed_logsumexp,
    weighed_max,
    weighed_maximum,
)
from srcdiff.ops.elementwise import arithmetic, elementary, special
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.semiring.log_semiring import log_plus

__all__ = ["entropy_of", "weighed"]

_WEIGHED = {
    special.logsumexp: weighed_logsumexp, elementary.logaddexp: weighed_logaddexp,
    reductions.max: weighed_max, arithmetic.maximum: weighed_maximum,
}  # fmt: skip
_PLAIN = {new: old for old, new in _WEIGHED.items()}


def weighed(fn: Function) -> Function:
    """`fn` with sums in one spelling, whose tangents leave out what has no weight."""
    return _Declared(_WEIGHED)(log_plus(fn))


def plain_sums(fn: Function) -> Function:
    """`fn` with such sums as they were."""
    return _Declared(_PLAIN)(fn)


def entropy_of(fn: Function, count: int) -> Function:
    """The tangent of a log_Z of `count` parameters, along what the differentiated ones are: value less tangent."""
    own, dots = fn.params[:count], fn.params[count:]
    by_name = {p.name: p for p in own}
    env = {d: by_name[d.name.removesuffix("_dot")] for d in dots}
    body = replace(fn.body, params=own)
    fn = substitute(replace(fn, body=body), env)
    value, tangent = fn.body.yields
    b = Builder(shapes_for(fn), location=fn.location)
    found = b.op(arithmetic.subtract, value, tangent)
    body = replace(fn.body, body=(*fn.body.body, *b.body), yields=(found,))
    return replace(fn, body=body, output=0)


class _Declared(Rewriter):
    def __init__(self, other: Mapping[OpDecl, OpDecl]) -> None:
        self.other = other

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl in self.other and is_float(new.result.type):
            new = replace(new, decl=self.other[new.decl], spelling="")
        b.append(new)
