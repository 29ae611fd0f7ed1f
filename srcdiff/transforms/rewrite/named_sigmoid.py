"""Logistic functions, written as quotients, become a named operation with the derivative `p * (1 - p)`.

    e = exp(-x);  p = 1 / (1 + e)        d_x = d_p * p * (1 - p)    and not    d_p * p * e / (1 + e)

Before differentiation the quotient gets the argument of the sigmoid as a further operand. After differentiation it
becomes a quotient again. The derivative uses neither the exponential nor its argument, and it has no `inf / inf` where
the exponential overflows. A power `(1 + e) ** -1` and a reciprocal stay, and are annotated. Quotients by norms are
named, too, because the square of a norm may overflow.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import is_complex
from srcdiff.ir.values import Atom
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.defuse import pure_definitions
from srcdiff.transforms.rewrite.patterns import Anything, Pattern, function, match
from srcdiff.transforms.simplify.folding.identities import may_stand

exp = function("exp")
_U = Anything("u")
# the form, and whether it is the sigmoid of `u` or of `-u`
_FORMS: tuple[tuple[Pattern, bool], ...] = (
    (1 / (1 + exp(-_U)), True),
    (exp(_U) / (1 + exp(_U)), True),
    (1 / (1 + exp(_U)), False),
)


def name_sigmoids(fn: Function) -> Function:
    """`fn` with its sigmoids, and its quotients by norms, as named operations; its text stays the same."""
    return _Name(fn)(fn)


def expand_sigmoids(fn: Function) -> Function:
    """`fn` without the named operations: sigmoids are quotients again, and annotated values are plain values."""
    return _Plain()(fn)


KNOWN = (
    elementary.held,
    elementary.log_one_less_exp,
    elementary.log_cosh,
    elementary.computed_as,
    elementary.one_less_sigmoid,
)


class _Name(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = pure_definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(old, Op) and isinstance(new, Op) and old.decl is arithmetic.divide:
            argument = self.argument(old, env, b)
            if self.is_norm(old.operands[1]) and not is_complex(old.result.type):
                new = replace(new, decl=elementary.unit_part)
            elif argument is not None:
                operands = (*new.operands, argument)
                new = replace(new, decl=elementary.sigmoid_quotient, operands=operands)
        b.append(new)
        if isinstance(old, Op) and old.decl.name in ("power", "reciprocal"):
            argument = self.argument(old, env, b)
            if argument is not None:
                env[old.result] = b.op(elementary.one_less_sigmoid, new.results[0], argument)

    def is_norm(self, divisor: Atom) -> bool:
        op = self.made.get(divisor)
        while op is not None and op.view_of is not None:
            op = self.made.get(op.operands[op.view_of])
        return op is not None and op.decl is products.euclidean_norm

    def argument(self, op: Op, env: Env, b: Builder) -> Atom | None:
        if op.result not in self.made:
            return None
        for pattern, is_positive in _FORMS:
            found = match(pattern, op.result, self.made)
            if found is not None and may_stand(found["u"].type, op.result.type):
                u = lookup(env, found["u"])
                b.location, b.origin = op.location, "compiler"
                return u if is_positive else b.op(arithmetic.negative, u)
        return None


class _Plain(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl is elementary.sigmoid_quotient:
            new = replace(new, decl=arithmetic.divide, operands=new.operands[:2])
        if isinstance(new, Op) and new.decl in KNOWN:
            env[old.results[0]] = new.operands[0]
            return
        b.append(new)
