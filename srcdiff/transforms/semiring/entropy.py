"""Entropy by the expectation semiring: log_Z minus the expected log-weight of the terms that log_Z sums over.

The expected log-weight is the tangent of log_Z in the direction of its own potentials. Forward mode computes it in the
same loop, beside each message, and needs no tape. Terms whose potential is -inf do not contribute.
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

_WEIGHED = {
    special.logsumexp: weighed_logsumexp, elementary.logaddexp: weighed_logaddexp,
    reductions.max: weighed_max, arithmetic.maximum: weighed_maximum,
}  # fmt: skip
_PLAIN = {new: old for old, new in _WEIGHED.items()}


def weighed(fn: Function) -> Function:
    """`fn` with its sums of exponentials as operations whose tangents leave out terms of weight 0."""
    return _Declared(_WEIGHED)(log_plus(fn))


def plain_sums(fn: Function) -> Function:
    """`fn` with the operations of `weighed` replaced by plain sums again."""
    return _Declared(_PLAIN)(fn)


def entropy_of(fn: Function, count: int) -> Function:
    """The value minus the tangent, with the `count` parameters themselves as the direction.

    `fn` is the forward-mode derivative of a log_Z; its parameters after the first `count` are tangents.
    """
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
