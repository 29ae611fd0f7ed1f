"""Entropy by the expectation semiring: log_Z minus the expected log-weight of the terms that log_Z sums over.

The expected log-weight is the tangent of log_Z in the direction of its own potentials. Forward mode computes it in the
same loop, beside each message, and needs no tape. Terms whose potential is -inf do not contribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.build import Builder, map_ops, shapes_for
from srcdiff.ir.core import Function, Op, OpDecl
from srcdiff.ir.types import Scalar, Struct, Type, is_float
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, reductions
from srcdiff.ops.control.semiring_ops import (
    weighed_logaddexp,
    weighed_logsumexp,
    weighed_max,
    weighed_maximum,
)
from srcdiff.ops.elementwise import arithmetic, conversions, elementary, special
from srcdiff.transforms.analysis.defuse import substitute
from srcdiff.transforms.semiring.log_semiring import log_plus

_WEIGHED = {
    special.logsumexp: weighed_logsumexp, elementary.logaddexp: weighed_logaddexp,
    reductions.max: weighed_max, arithmetic.maximum: weighed_maximum,
}  # fmt: skip
_PLAIN = {new: old for old, new in _WEIGHED.items()}


def weighed(fn: Function) -> Function:
    """`fn` with its sums of exponentials as operations whose tangents leave out terms of weight 0."""
    return _declared(log_plus(fn), _WEIGHED)


def plain_sums(fn: Function) -> Function:
    """`fn` with the operations of `weighed` replaced by plain sums again."""
    return _declared(fn, _PLAIN)


def entropy_of(fn: Function, count: int) -> Function:
    """The value minus the tangent, with the `count` parameters themselves as the direction.

    `fn` is the forward-mode derivative of a log_Z; its parameters after the first `count` are tangents.
    """
    own, dots = fn.params[:count], fn.params[count:]
    by_name = {p.name: p for p in own}
    first = Builder(shapes_for(fn), location=fn.location)
    env = {d: _direction(by_name[d.name.removesuffix("_dot")], d.type, first) for d in dots}
    body = replace(fn.body, params=own, body=(*first.body, *fn.body.body))
    fn = substitute(replace(fn, body=body), env)
    value, tangent = fn.body.yields
    b = Builder(shapes_for(fn), location=fn.location)
    found = b.op(arithmetic.subtract, value, tangent)
    body = replace(fn.body, body=(*fn.body.body, *b.body), yields=(found,))
    return replace(fn, body=body, output=0)


def _direction(own: Value, type_: Type, b: Builder) -> Value:
    """A parameter as a tangent: a structure has 0 in the place of integers."""
    if own.type == type_ or not (isinstance(own.type, Struct) and isinstance(type_, Struct)):
        return own
    parts = [
        _part(b.op(containers.get, own, key=key), part, b)
        for key, part in zip(type_.keys, type_.parts, strict=True)
    ]
    return b.op(containers.pack, *parts, kind=type_.kind, keys=type_.keys, cls=type_.cls)


def _part(own: Value, type_: Type, b: Builder) -> Atom:
    if isinstance(own.type, Scalar) and own.type != type_:
        return b.op(conversions.float64, own) if is_float(own.type) else const(0.0)
    return _direction(own, type_, b)


def _declared(fn: Function, other: Mapping[OpDecl, OpDecl]) -> Function:
    """`fn` with other operations on floats."""

    def declared(op: Op) -> Op:
        is_one = op.decl in other and is_float(op.result.type)
        return replace(op, decl=other[op.decl], spelling="") if is_one else op

    return map_ops(fn, declared)
