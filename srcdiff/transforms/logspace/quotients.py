"""Quotients by sums of exponentials: both sides are shifted by the largest exponent, which cancels.

    a = 0.3 * np.exp(x)              shift = np.maximum(x, y)
    b = 0.7 * np.exp(y)       ->     a = 0.3 * np.exp(x - shift)
    r = a / (a + b)                  r = a / (a + 0.7 * np.exp(y - shift))

Where both sides overflow or underflow, their quotient need not. This rewriting follows the rules, which rewrite
logarithms of quotients and name sigmoids and softmaxes. Sums that neither overflow nor underflow (a number plus a value
of at most 1) are left alone, and so are exponents that are shifted already.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.core import Op
from srcdiff.ir.types import shape_of
from srcdiff.ir.values import Atom
from srcdiff.transforms.analysis.signs import AT_MOST_ZERO
from srcdiff.transforms.logspace.factored_form import Parts, but_ones, combined, is_positive_number
from srcdiff.transforms.logspace.logarithm import Logarithms
from srcdiff.transforms.rewrite.equivalents import name_of
from srcdiff.transforms.rewrite.patterns import Anything, function, match

NAME = "quotient_of_sums"
_PROBABILITIES = ("expit", "softmax", "ndtr", "erf", "erfc", "tanh")

exp = function("exp")

_LOGISTIC = 1 / (1 + exp(Anything("x")))  # has rules of its own


class Quotients(Logarithms):
    """Factored form in which sums are shifted by their largest exponent.

    shifts : the exponents by which sums are shifted.
    `is_bounded` of a part means that its exponentials are at most 1; plain numbers count as bounded.
    """

    shifts: frozenset[Atom] = frozenset()

    def of(self, op: Op) -> Atom | None:
        """The replacement of a quotient; None if nothing is gained."""
        if match(_LOGISTIC, op.result, self.seen) is not None:
            return None
        if not self.is_shifted(self.parts(op.operands[1])):
            return None
        parts = self.of_divide(op)
        if not combined(parts.exponents):
            return self.factor(parts)
        return self.scaled(parts, self.grown(parts))

    def is_shifted(self, parts: Parts) -> bool:
        return not self.shifts.isdisjoint(x for _, x in parts.exponents)

    def noted(self, found: Parts | None, of: Parts) -> Parts | None:
        if found is not None:
            self.shifts |= {x for _, x in found.exponents}
            found.is_bounded = of.is_bounded
        return found

    def grown(self, parts: Parts) -> Atom:
        """exp(sum of the exponents), spelled as in the terms of a shifted sum, so that the two are shared."""
        match combined(parts.exponents):
            case [(1.0, x), (-1.0, top)]:
                return self.make(lambda x, top: exp(x - top), x, top)
        return self.make(exp, self.exponent(parts))

    # ---- decomposition ----------------------------------------------------------------------------------

    def plain(self, atom: Atom) -> Parts:
        """A factor. Only a positive constant counts as positive: other factors may be 0, so no logarithm is taken."""
        is_number = is_positive_number(self.number(atom))
        return replace(super().plain(atom), is_bounded=True, is_positive=is_number)

    def factored(self, atom: Atom) -> Parts:
        """As in `Logarithms`, but signed values are factors, and so are probabilities, which seldom underflow."""
        op = self.op(atom)
        is_logistic = match(_LOGISTIC, atom, self.seen) is not None
        if op is None or is_logistic or name_of(op) in _PROBABILITIES:
            return self.plain(atom)
        parts = super().factored(atom)
        return self.plain(atom) if parts.is_signed else parts

    def of_exp(self, op: Op) -> Parts | None:
        found = super().of_exp(op)
        if found is not None:
            found.is_bounded = self.signs.of(op.operands[0]) in AT_MOST_ZERO
        return found

    def of_power(self, op: Op) -> Parts | None:
        """Powers of a number seldom overflow."""
        is_number = is_positive_number(self.number(op.operands[0]))
        return None if is_number else super().of_power(op)

    def of_divide(self, op: Op) -> Parts:
        above, below = (self.parts(a) for a in op.operands)
        negated = [(-scale, a) for scale, a in below.exponents]
        return Parts(
            above.exponents + negated,
            but_ones(above.factors + below.divisors),
            above.divisors + below.factors,
            is_bounded=above.is_bounded and not negated,
            is_positive=above.is_positive and below.is_positive,
        )

    def of_add(self, op: Op) -> Parts | None:
        terms = self.collected(self.terms(op))
        if not any(p.exponents for _, p in terms):
            return None
        are_bounded = all(p.is_bounded for _, p in terms)
        if are_bounded and not all(p.exponents for _, p in terms):
            return None
        found = self.shifted_terms(terms)
        if shape_of(self.exponent(found).type) != shape_of(op.result.type):
            return None
        found.is_positive = all(sign > 0 and p.is_positive for sign, p in terms)
        return self.noted(found, Parts(is_bounded=are_bounded))

    of_subtract = of_add

    def of_sum(self, op: Op) -> Parts | None:
        return self.noted(super().of_sum(op), self.parts(op.operands[0]))

    def of_matmul(self, op: Op) -> Parts | None:
        x, y = (self.parts(a) for a in op.operands)
        are_bounded = Parts(is_bounded=x.is_bounded and y.is_bounded)
        return self.noted(super().of_matmul(op), are_bounded)

    def of_moved(self, op: Op) -> Parts | None:
        before, found = self.parts(op.operands[0]), super().of_moved(op)
        return self.noted(found, before) if self.is_shifted(before) else found
