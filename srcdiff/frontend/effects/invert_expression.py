"""The inverse of an expression in one of its calls: `mu + sigma * draw` is x where the draw is (x - mu) / sigma."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

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
    inverse = _Inverse(fr, call, value)
    node = root
    while node is not call:
        node = inverse.step(node)
    slope = inverse.log_slope
    return [inverse.value, const(None) if slope is None else slope, const(inverse.either_sign)]


@dataclass
class _Inverse:
    """The value of the subexpression reached so far, and what led to it from the root."""

    fr: Frame
    call: gast.AST
    value: Atom
    log_slope: Atom | None = None
    either_sign: bool = False

    def op(self, node: gast.AST, decl: OpDecl, *operands: Atom) -> Atom:
        outer = self.fr.b.origin
        self.fr.b.origin = "compiler"
        try:
            return self.fr.op(node, decl, *operands)
        finally:
            self.fr.b.origin = outer

    def steeper(self, node: gast.AST, log: Atom) -> None:
        slope = self.log_slope
        self.log_slope = log if slope is None else self.op(node, arithmetic.add, slope, log)

    def refuse(self, node: gast.AST) -> NoReturn:
        self.fr.fail(node, "this cannot be undone for the value of the draw", _ADVICE)

    def step(self, node: gast.AST) -> gast.AST:
        """Undo the operation at a node; the operand in which the call is."""
        if self.either_sign and not isinstance(node, gast.BinOp | gast.UnaryOp):
            self.fr.fail(node, "the absolute value of this cannot be undone", _ADVICE)
        match node:
            case gast.UnaryOp(op=gast.USub()):
                self.value = self.op(node, arithmetic.negative, self.value)
                return node.operand
            case gast.BinOp():
                return self.arithmetic(node)
            case gast.Call(args=[child], keywords=[]):
                self.function(node)
                return child
        self.refuse(node)

    def arithmetic(self, node: gast.AST) -> gast.AST:
        on_left = _holds(node.left, self.call)
        child, other = (node.left, node.right) if on_left else (node.right, node.left)
        if self.either_sign and isinstance(node.op, gast.Add | gast.Sub):
            self.fr.fail(node, "the absolute value of a shifted draw cannot be undone", _ADVICE)
        known = self.fr.number(other)
        match node.op:
            case gast.Add():
                self.value = self.op(node, arithmetic.subtract, self.value, known)
            case gast.Sub() if on_left:
                self.value = self.op(node, arithmetic.add, self.value, known)
            case gast.Sub():
                self.value = self.op(node, arithmetic.subtract, known, self.value)
            case gast.Mult():
                self.value = self.op(node, arithmetic.divide, self.value, known)
                if (size := self.log_size(node, known)) is not None:
                    self.steeper(node, size)
            case gast.Div() if on_left:
                self.value = self.op(node, arithmetic.multiply, self.value, known)
                if (size := self.log_size(node, known)) is not None:
                    self.steeper(node, self.op(node, arithmetic.negative, size))
            case _:
                self.refuse(node)
        return child

    def function(self, node: gast.AST) -> None:
        function = self.fr.expr(node.func)
        which = function.value if isinstance(function, Known) else None
        if which in _ABS:
            self.either_sign = True
        elif which in _EXP:
            self.value = self.op(node, elementary.log, self.value)
            self.steeper(node, self.value)
        elif which in _LOG:
            self.steeper(node, self.op(node, arithmetic.negative, self.value))
            self.value = self.op(node, elementary.exp, self.value)
        else:
            self.refuse(node)

    def log_size(self, node: gast.AST, factor: Atom) -> Atom | None:
        """The logarithm of |factor|; None where that is 0."""
        if isinstance(factor, Const):
            size = abs(factor.value)
            return None if size == 1 else self.op(node, elementary.log, const(float(size)))
        return self.op(node, elementary.log, self.op(node, arithmetic.absolute, factor))


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
