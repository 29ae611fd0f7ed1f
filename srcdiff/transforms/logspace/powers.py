"""Logarithms of powers and of softplus, which overflow, underflow or lose digits without being exponentials.

    np.log(x**8)                   ->   8.0 * np.log(np.abs(x))
    np.log(np.logaddexp(0, u))     ->   np.where(u < -37, u, np.log(np.logaddexp(0, np.maximum(u, -37))))

The powers are constant. Positive constants that multiply or divide a power, or softplus, are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.reachability import operands_through, postorder
from srcdiff.transforms.analysis.signs import Sign
from srcdiff.transforms.logspace.factored_form import Here, Parts, is_positive_number
from srcdiff.transforms.logspace.scans import RunningSums
from srcdiff.transforms.rewrite.patterns import function

log, logaddexp, absolute, where, less, maximum = map(
    function, ("log", "logaddexp", "absolute", "where", "less", "maximum")
)
exp, log1p, greater = map(function, ("exp", "log1p", "greater"))
held, computed_as = map(function, ("held", "computed_as"))

_PRODUCTS = ("multiply", "divide", "to_float", "float64")
_LEAST = -37.0  # 1 + exp(-37) == 1


class Roots(RunningSums):
    """Its methods return None if nothing is gained."""

    def __init__(
        self, seen: Mapping[Atom, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        super().__init__(seen, here, b, is_python)
        self.log_softplus: dict[Atom, Atom | None] = {}
        self.factor_of: dict[Atom, Atom] = {}  # value of the new function -> value of the old one

    def of_softplus(self, x: Atom) -> Atom | None:
        """The logarithm of a product with log(1 + exp(u)), whose logarithm is u where 1 + exp(u) rounds to 1."""
        through = operands_through(self.seen, _PRODUCTS)
        for a in postorder(x, through, self.log_softplus):
            self.log_softplus[a] = self.log_of_softplus(a)
        return self.log_softplus[x]

    def log_of_softplus(self, x: Atom) -> Atom | None:
        op = self.op(x)
        if op is not None and op.decl.name in ("to_float", "float64"):
            return self.of_softplus(op.operands[0])
        if op is not None and op.decl.name == "divide":
            inner = self.of_softplus(op.operands[0])
            by = self.here(op.operands[1])
            return None if inner is None else self.make(lambda x, y: x - log(y), inner, by)
        if op is not None and op.decl.name == "multiply":
            # a negative factor gives NaN in both forms
            for x, y in (op.operands, op.operands[::-1]):
                if (inner := self.of_softplus(x)) is not None:
                    return self.make(lambda x, y: x + log(y), inner, self.here(y))
            return None
        if op is None or op.decl.name != "logaddexp" or getattr(op.operands[0], "value", 1) != 0:
            return None
        u = self.here(op.operands[1])
        near = self.make(lambda u: log(logaddexp(0.0, maximum(u, _LEAST))), u)
        self.settled |= {near} if isinstance(near, Value) else set()
        return self.make(lambda u, near: where(less(u, _LEAST), u, near), u, near)

    def of_root(self, x: Atom | None) -> Atom | None:
        """The logarithm of a constant power, which overflows and underflows earlier than its base."""
        op = None if x is None else self.op(x)
        if op is not None and op.decl.name == "divide":
            return self.of_root_below(op)
        if op is None or op.decl.name not in ("power", "square"):
            return None
        n = 2 if op.decl.name == "square" else getattr(self.number(op.operands[1]), "value", None)
        if not isinstance(n, int | float) or isinstance(n, bool) or n in (0, 0.5, 1):
            return None
        base = self.here(op.operands[0])
        # for a negative base, an odd power is negative and a fractional one is NaN: both logarithms are NaN
        if n % 2 or self.signs.of(op.operands[0]) is Sign.POSITIVE:
            return self.make(lambda x: float(n) * log(x), base)
        return self.make(lambda x: float(n) * log(absolute(x)), base)

    def of_root_below(self, op: Op) -> Atom | None:
        """The logarithm of a positive number divided by a constant power."""
        above, root = self.number(op.operands[0]), None
        if is_positive_number(above):
            root = self.of_root(op.operands[1])
        if root is None:
            return None
        if getattr(above, "value", None) == 1:
            return self.make(lambda x: -x, root)
        return self.make(lambda x, n: log(n) - x, root, above)

    def of_one_plus(self, parts: Parts) -> Atom | None:
        """log(1 + y exp(x)) for y of either sign, shifted by the exponent where the exponent is positive."""
        if not parts.exponents or parts.is_signed or not self.may_grow(parts):
            return None
        x = self.exponent(parts)
        top = self.make(lambda x: held(maximum(x, 0.0)), x)
        rest = self.scaled(parts, self.make(lambda x, top: exp(x - top), x, top))
        whole = self.make(lambda top, y: log(exp(-top) + y), top, rest)
        return self.make(
            lambda top, y, w: computed_as(top + where(greater(top, 0.0), w, log1p(y)), w),
            top,
            rest,
            whole,
        )

    def log_of(self, factors: Sequence[Atom]) -> Atom:
        """The logarithm of a product; a constant power times positive numbers becomes a sum of logarithms."""
        numbers = {a for a in factors if is_positive_number(self.number(self.factor_of.get(a, a)))}
        others = [a for a in factors if a not in numbers]
        if len(others) == 1 and (power := self.of_root(self.factor_of.get(*others))) is not None:
            rest = [a for a in factors if a in numbers]
            if not rest:
                return power
            return self.make(lambda x, n: log(n) + x, power, self.product(rest))
        return super().log_of(factors)
