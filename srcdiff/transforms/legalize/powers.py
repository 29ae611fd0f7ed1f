"""Legalisation of powers: powers of real numbers with integer exponents are computed as NumPy and Python do.

    %y = power %x, -2        becomes        %z = power %x, 2;  %y = divide 1.0, %z
    %y = power %x, %n        becomes        %m = to_float %n;  %y = power %x, %m

Numba multiplies for these powers. It raises for `0.0 ** -2`, which is infinite in NumPy (where Python's numbers raise,
a check stands in front). It also loses half a unit in the last place with each factor. A few factors are faster, and
as exact down to 2e-308.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of
from srcdiff.ops.elementwise import arithmetic, conversions

_FEW = 32  # factors: about six multiplications, and an error of some units in the last place


def plain_powers(fn: Function) -> Function:
    """`fn` with float exponents, except for small positive constants."""
    return _PlainPowers()(fn)


class _PlainPowers(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and _multiplies(new):
            new = _plain(new, b)
        b.append(new)


def _multiplies(op: Op) -> bool:
    """Whether Numba would multiply: a float to the power of an integer (`math.pow` takes two floats)."""
    if op.decl is not arithmetic.power or not all(isinstance(a.type, Scalar) for a in op.operands):
        return False
    made = op.result.type
    is_float = isinstance(made, Scalar) and made.dtype.startswith("float")
    return is_float and _is_integer(op.operands[1])


def _is_integer(atom: Atom) -> bool:
    return isinstance(atom.type, Scalar) and np.dtype(atom.type.dtype).kind in "iu"


def _plain(op: Op, b: Builder) -> Op:
    """The operation that replaces it; statements that it needs are appended to `b`."""
    base, exponent = op.operands
    if _is_integer(base):
        base = _as_float(base, op, b)
    if not isinstance(exponent, Const):
        return replace(op, operands=(base, _as_float(exponent, op, b)))
    n = int(exponent.value)
    if 0 <= n <= _FEW:
        return replace(op, operands=(base, exponent))
    if not -_FEW <= n < 0:
        return replace(op, operands=(base, _constant(n, op.result)))
    below = base if n == -1 else b.op(arithmetic.power, base, const(-n))
    return replace(
        op, decl=arithmetic.divide, operands=(_constant(1, op.result), below), spelling=""
    )


def _constant(n: int, result: Value) -> Const:
    return const(np.float32(n) if is_number_of(result, "float32") else float(n))


def _as_float(number: Atom, op: Op, b: Builder) -> Atom:
    if isinstance(number, Const):
        return _constant(int(number.value), op.result)
    type_ = op.result.type
    assert isinstance(type_, Scalar)
    if type_.weak or (type_.dtype == "float64" and op.operands[0].type == type_):
        return b.op(conversions.to_float, number)
    return b.op(conversions.astype, number, spelling=f"np.{type_.dtype}", dtype=type_.dtype)
