"""The inverse of an expression in one of its calls: `mu + sigma * draw` is x where the draw is (x - mu) / sigma."""

from __future__ import annotations

import math
from collections.abc import Callable

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Known
from srcdiff.ir.core import OpDecl
from srcdiff.ir.values import Atom, Const, const
from srcdiff.ops.elementwise import arithmetic, elementary

_ABS, _EXP, _LOG = (abs, np.abs, np.absolute, np.fabs), (np.exp, math.exp), (np.log, math.log)
_ADVICE = "Around a draw there may be sums, products with numbers, np.abs, np.exp and np.log; assign the draw first."


def undone(fr: Frame, root: gast.AST, call: gast.AST, value: Atom) -> list[FrontValue]:
    """The value of `call` if the value of `root` is `value`; the logarithm of the slope; whether both signs are
    possible.
    """
    log_slope: Atom | None = None
    either_sign = False

    def op(decl: OpDecl, *operands: Atom) -> Atom:
        outer = fr.b.origin
        fr.b.origin = "compiler"
        try:
            return fr.op(node, decl, *operands)
        finally:
            fr.b.origin = outer

    def steeper(log: Atom | None) -> None:
        nonlocal log_slope
        if log is not None:
            log_slope = log if log_slope is None else op(arithmetic.add, log_slope, log)

    node = root
    while node is not call:
        if either_sign and not isinstance(node, gast.BinOp | gast.UnaryOp):
            fr.fail(node, "the absolute value of this cannot be undone", _ADVICE)
        match node:
            case gast.UnaryOp(op=gast.USub()):
                value, node = op(arithmetic.negative, value), node.operand
            case gast.BinOp():
                on_left = _holds(node.left, call)
                child, other = (node.left, node.right) if on_left else (node.right, node.left)
                if either_sign and isinstance(node.op, gast.Add | gast.Sub):
                    fr.fail(node, "the absolute value of a shifted draw cannot be undone", _ADVICE)
                known = fr.number(other)
                match node.op:
                    case gast.Add():
                        value = op(arithmetic.subtract, value, known)
                    case gast.Sub() if on_left:
                        value = op(arithmetic.add, value, known)
                    case gast.Sub():
                        value = op(arithmetic.subtract, known, value)
                    case gast.Mult():
                        value = op(arithmetic.divide, value, known)
                        steeper(_log_size(op, known))
                    case gast.Div() if on_left:
                        value = op(arithmetic.multiply, value, known)
                        less = _log_size(op, known)
                        steeper(None if less is None else op(arithmetic.negative, less))
                    case _:
                        fr.fail(node, "this cannot be undone for the value of the draw", _ADVICE)
                node = child
            case gast.Call(args=[child], keywords=[]):
                function = fr.expr(node.func)
                which = function.value if isinstance(function, Known) else None
                if which in _ABS:
                    either_sign = True
                elif which in _EXP:
                    value = op(elementary.log, value)
                    steeper(value)
                elif which in _LOG:
                    steeper(op(arithmetic.negative, value))
                    value = op(elementary.exp, value)
                else:
                    fr.fail(node, "this cannot be undone for the value of the draw", _ADVICE)
                node = child
            case _:
                fr.fail(node, "this cannot be undone for the value of the draw", _ADVICE)
    return [value, const(None) if log_slope is None else log_slope, const(either_sign)]


def kinds_around(fr: Frame, root: gast.AST, call: gast.AST) -> list[str]:
    """The operations that an expression applies to a call in it, innermost first."""
    found: list[str] = []
    node = root
    while node is not call:
        match node:
            case gast.UnaryOp():
                found.append("scale")
                node = node.operand
            case gast.BinOp():
                found.append("shift" if isinstance(node.op, gast.Add | gast.Sub) else "scale")
                node = node.left if _holds(node.left, call) else node.right
            case gast.Call(args=[child]):
                function = fr.expr(node.func)
                which = function.value if isinstance(function, Known) else None
                kinds = (("abs", _ABS), ("exp", _EXP), ("log", _LOG))
                found.append(next((name for name, known in kinds if which in known), "other"))
                node = child
            case _:
                return ["other"]
    return found[::-1]


def _holds(tree: gast.AST, call: gast.AST) -> bool:
    return any(n is call for n in gast.walk(tree))


def _log_size(op: Callable[..., Atom], factor: Atom) -> Atom | None:
    """The logarithm of |factor|; None where that is 0."""
    if isinstance(factor, Const):
        size = abs(factor.value)
        return None if size == 1 else op(elementary.log, const(float(size)))
    return op(elementary.log, op(arithmetic.absolute, factor))
