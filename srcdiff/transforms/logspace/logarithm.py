"""Logarithms of sums, products and powers of exponentials are computed from the exponents, so that nothing overflows.

    np.log(w @ np.exp(x))                 shift = np.max(x);  np.log(w @ np.exp(x - shift)) + shift
    np.log(2.0 * expit(x) ** 3)      ->   np.log(2.0) - 3.0 * np.logaddexp(0.0, -x)
    np.log(np.prod(softmax(x)))           np.sum(log_softmax(x))

A value is brought into factored form (`Parts`): exponentials of terms, times factors, divided by divisors. Terms of
sums that are positive for all arguments (exponentials, sigmoids, their products with positive constants) are added as
logarithms. Other sums are shifted by their largest exponent, which is correct for all signs of the factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.types import element_type, shape_of
from srcdiff.ir.values import Atom, Const, const, is_zero
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.analysis.reachability import postorder
from srcdiff.transforms.analysis.signs import Sign
from srcdiff.transforms.logspace.factored_form import (
    Here,
    Parts,
    but_ones,
    is_positive_number,
    signed,
)
from srcdiff.transforms.logspace.powers import Roots
from srcdiff.transforms.rewrite.equivalents import name_of, readings
from srcdiff.transforms.rewrite.named_values import is_shifted, log_cosh
from srcdiff.transforms.rewrite.patterns import Anything, Number, Pattern, function, match

# operation -> base, None for e
LOGARITHMS = {"log": None, "log2": 2.0, "log10": 10.0, "log1p": None}
_PRODUCTS = ("multiply", "divide", "negative", "power", "square", "sqrt", "float64", "to_float")

exp, log, logaddexp, log_softmax, sqrt, where = map(
    function, ("exp", "log", "logaddexp", "log_softmax", "sqrt", "where")
)
slogdet, gammaln, gammasgn = map(function, ("slogdet", "gammaln", "gammasgn"))
absolute, tanh, erf, erfc, ndtr, log_ndtr = map(
    function, ("absolute", "tanh", "erf", "erfc", "ndtr", "log_ndtr")
)


_X = Anything("x")
_ROOT = math.sqrt(2.0)
_FORMS: tuple[tuple[Pattern, Callable[[Pattern], Pattern], float], ...] = (
    # a positive expression = factor * exp(its second column)
    (1 - tanh(_X) ** 2, lambda x: -(2.0 * log_cosh(x)), 1.0),
    (1 + tanh(_X), lambda x: -logaddexp(0.0, -2.0 * x), 2.0),
    (1 - tanh(_X), lambda x: -logaddexp(0.0, 2.0 * x), 2.0),
    (ndtr(_X), log_ndtr, 1.0),
    (1 - ndtr(_X), lambda x: log_ndtr(-x), 1.0),
    (erfc(-_X / Number(_ROOT)), log_ndtr, 2.0),
    (erfc(_X / Number(_ROOT)), lambda x: log_ndtr(-x), 2.0),
    (erfc(_X), lambda x: log_ndtr(-_ROOT * x), 2.0),
    (1 + erf(_X / Number(_ROOT)), log_ndtr, 2.0),
    (1 + erf(_X), lambda x: log_ndtr(_ROOT * x), 2.0),
    (1 - erf(_X / Number(_ROOT)), lambda x: log_ndtr(-x), 2.0),
    (1 - erf(_X), lambda x: log_ndtr(-_ROOT * x), 2.0),
)


_SIGMOID = exp(_X) / (1 + exp(_X))
_ONE_LESS_TWICE = 1 - (1 - _X)
_LOG_SIGMOID = -logaddexp(0.0, _X)


class Logarithms(Roots):
    """Brings values into factored form. A method `of_<operation>` gives the parts of an operation's result, None if
    the result is only a factor.
    """

    def __init__(
        self, seen: Mapping[Atom, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        super().__init__(seen, here, b, is_python)
        self.known: MutableMapping[Atom, Parts] = {}

    def of(self, op: Op) -> Atom | None:
        """The replacement of a logarithm; None if nothing is gained."""
        name = op.decl.name
        x = op.operands[0]
        if name == "log1p":
            found = self.log1p(x)
        else:
            parts = self.parts(x)
            found = self.logarithm(parts) if parts.exponents else self.of_root(x)
            found = self.of_softplus(x) if found is None else found
        base = LOGARITHMS[name]
        if found is None or base is None:
            return found
        return self.make(lambda x: x / log(base), found)

    def log1p(self, x: Atom) -> Atom | None:
        op = self.op(x)
        is_minus = op is not None and op.decl.name == "negative"
        parts = self.parts(op.operands[0] if op is not None and is_minus else x)
        if not parts.is_positive:
            return self.of_one_plus(self.parts(x))
        if not parts.exponents:
            return None
        if is_minus:
            u = self.under_sigmoid(parts)
            return (
                self.less(self.logarithm(parts)) if u is None else self.logarithm(self.sigmoid(u))
            )
        if parts.is_bounded:
            return None
        return self.make(lambda x: logaddexp(0.0, x), self.logarithm(parts))

    # ---- decomposition ----------------------------------------------------------------------------------

    def plain(self, atom: Atom) -> Parts:
        factor = self.here(atom)
        self.factor_of.setdefault(factor, atom)
        return Parts(factors=[factor], is_positive=self.signs.of(atom) is Sign.POSITIVE)

    def parts(self, atom: Atom) -> Parts:
        """The factored form of a value; a value without exponentials is one factor."""
        for a in postorder(atom, self.made_of, self.known):
            if a not in self.known:
                self.known[a] = self.factored(a)
        return self.known[atom]

    def made_of(self, atom: Atom) -> Sequence[Atom]:
        """The values whose factored forms a product, quotient, sum or move has: chains of them need no recursion."""
        op = self.op(atom)
        if op is None:
            return ()
        if self.sum_of(atom) is not None:
            return [a for a in postorder(atom, self.summands, ()) if self.sum_of(a) is None]
        is_move = op.decl.place is not None
        return op.operands if op.decl.name in _PRODUCTS else op.operands[:is_move]

    def factored(self, atom: Atom) -> Parts:
        if (binding := match(_SIGMOID, atom, self.seen)) is not None:
            return self.sigmoid(self.here(binding["x"]))
        if (binding := match(_ONE_LESS_TWICE, atom, self.seen)) is not None:
            return self.parts(binding["x"])
        for form, written, factor in _FORMS:
            binding = match(form, atom, self.seen)
            if binding is not None:
                exponent = self.make(written, self.here(binding["x"]))
                return Parts([(1.0, exponent)], [const(factor)] if factor != 1 else [])
        op = self.op(atom)
        if op is not None and op.decl.name == "einsum":
            for reading in readings(op, self.seen):
                decl, attrs = OPERATIONS[reading.name], dict(reading.attrs)
                op = replace(op, decl=decl, operands=reading.operands, attrs=attrs, spelling="")
        made = getattr(self, f"of_{name_of(op)}", None) if op is not None else None
        if op is not None and op.decl.place is not None:
            made = self.of_moved
        found = made(op) if op is not None and made is not None else None
        return found if found is not None and found.exponents else self.plain(atom)

    def of_exp(self, op: Op) -> Parts | None:
        if is_shifted(op.operands[0], self.seen):
            return None
        if (binding := match(_LOG_SIGMOID, op.operands[0], self.seen)) is not None:
            return Parts([(-1.0, self.softplus(self.here(binding["x"])))], is_bounded=True)
        return Parts([(1.0, self.here(op.operands[0]))])

    def of_float64(self, op: Op) -> Parts:
        return self.parts(op.operands[0])

    of_to_float = of_float64

    def of_computed_as(self, op: Op) -> Parts | None:
        value = self.op(op.operands[0])
        return self.of_tanh(value) if value is not None and value.decl.name == "tanh" else None

    def of_expit(self, op: Op) -> Parts:
        return self.sigmoid(self.here(op.operands[0]))

    def of_softmax(self, op: Op) -> Parts:
        axes = {"axis": op.attrs["axis"]} if "axis" in op.attrs else {}
        x = self.make(lambda x: log_softmax(x, **axes), self.here(op.operands[0]))
        self.at_most_zero.add(x)
        return Parts([(1.0, x)], is_bounded=True)

    def of_expm1(self, op: Op) -> Parts:
        """exp(x) - 1, which is exp(x) (1 - exp(-x))."""
        x = self.here(op.operands[0])
        return signed([(1.0, x), (1.0, self.less(self.make(lambda x: -x, x)))])

    def of_det(self, op: Op) -> Parts | None:
        if len(shape_of(op.operands[0].type)) != 2:
            return None
        x = self.here(op.operands[0])
        sign, size = self.b.ops(OPERATIONS["slogdet"], x)
        return Parts([(1.0, size)], [sign], is_positive=False)

    def of_absolute(self, op: Op) -> Parts | None:
        parts = self.unsigned(op.operands[0])
        if not parts.factors and not parts.divisors:
            return parts
        factors = [self.make(absolute, self.factor(parts))]
        return replace(parts, factors=factors, divisors=[], is_positive=False)

    def of_gamma(self, op: Op) -> Parts:
        x = self.here(op.operands[0])
        size = [(1.0, self.make(gammaln, x))]
        if is_positive_number(x):
            return Parts(size)
        return Parts(size, [self.make(gammasgn, x)], is_positive=False)

    def of_cosh(self, op: Op) -> Parts | None:
        x = self.here(op.operands[0])
        return None if isinstance(x, Const) else Parts([(1.0, self.make(log_cosh, x))])

    def of_sinh(self, op: Op) -> Parts:
        """exp(x) (1 - exp(-2x)) / 2"""
        x = self.here(op.operands[0])
        rest = self.less(self.make(lambda x: -2.0 * x, x))
        return replace(signed([(1.0, x), (1.0, rest)]), divisors=[const(2.0)])

    def of_tanh(self, op: Op) -> Parts:
        """(1 - exp(-2x)) / (1 + exp(-2x))"""
        x = self.make(lambda x: -2.0 * x, self.here(op.operands[0]))
        return signed([(1.0, self.less(x)), (-1.0, self.softplus(x))], is_bounded=True)

    def of_negative(self, op: Op) -> Parts | None:
        inner = self.op(op.operands[0])
        if inner is not None and inner.decl.name == "expm1":
            return signed([(1.0, self.less(self.here(inner.operands[0])))])
        parts = self.unsigned(op.operands[0])
        factors = [const(-1.0), *parts.factors]
        return Parts(parts.exponents, factors, parts.divisors, is_positive=False)

    def of_multiply(self, op: Op) -> Parts | None:
        masked = self.masked(op)
        if masked is not None:
            return masked
        x, y = (self.parts(a) for a in op.operands)
        is_signed = self.is_signed(x, y)
        if is_signed is None:
            return None
        return replace(x.times(y), is_signed=is_signed)

    def is_signed(self, x: Parts, y: Parts) -> bool | None:
        """Whether a product has no exponent where it is negative; None where it may be positive there."""
        if not (x.is_signed or y.is_signed):
            return False
        return True if x.is_positive or y.is_positive else None

    def masked(self, op: Op) -> Parts | None:
        """A product with a boolean mask: its logarithm is -inf where the mask is False."""
        mask, x = sorted(op.operands, key=lambda a: element_type(a.type).dtype != "bool")
        parts = self.unsigned(x)
        if element_type(mask.type).dtype != "bool" or not (parts.exponents and parts.is_positive):
            return None
        out = self.make(where, self.here(mask), self.logarithm(parts), const(-np.inf))
        return Parts([(1.0, out)], is_bounded=parts.is_bounded)

    def of_divide(self, op: Op) -> Parts | None:
        x, y = (self.parts(a) for a in op.operands)
        is_signed = self.is_signed(x, y)
        if is_signed is None:
            return None
        negated = [(-scale, a) for scale, a in y.exponents]
        signs = x.is_positive and y.is_positive
        return Parts(
            x.exponents + negated,
            but_ones(x.factors + y.divisors),
            x.divisors + y.factors,
            False,
            signs,
            is_signed,
        )

    def of_power(self, op: Op) -> Parts | None:
        base, n = map(self.number, op.operands)
        if isinstance(n, Const):
            return self.powered(op, float(n.value))
        parts = self.unsigned(base)
        if not (parts.exponents or is_positive_number(base)) or not parts.is_positive:
            return None
        size = const(math.log(base.value)) if is_positive_number(base) else self.logarithm(parts)
        return Parts([(1.0, self.make(lambda x, n: n * x, size, self.here(n)))])

    def of_square(self, op: Op) -> Parts | None:
        return self.powered(op, 2.0)

    def of_sqrt(self, op: Op) -> Parts | None:
        return self.powered(op, 0.5)

    def powered(self, op: Op, n: float) -> Parts | None:
        return self.raised(self.parts(op.operands[0]), n)

    def raised(self, parts: Parts, n: float) -> Parts | None:
        def powers(atoms: list[Atom]) -> list[Atom]:
            return (
                [self.make(lambda x: sqrt(x) if n == 0.5 else x**n, self.product(atoms))]
                if atoms
                else []
            )

        is_whole = n == round(n)
        has_root = is_whole or parts.is_positive or parts.is_signed
        if not has_root and parts.divisors:  # factor and divisor may both be negative
            parts = replace(parts, factors=[self.factor(parts)], divisors=[])
        if not parts.exponents:
            return None
        if parts.is_signed and is_whole and n % 2 != 1:
            return None
        scaled = [(n * scale, a) for scale, a in parts.exponents]
        is_bounded = parts.is_bounded and n >= 0
        factors, divisors = powers(parts.factors), powers(parts.divisors)
        return Parts(scaled, factors, divisors, is_bounded, parts.is_positive, parts.is_signed)

    def of_moved(self, op: Op) -> Parts | None:
        """The same move of elements on exponents and factors; scalars stay as they are."""
        parts, shape = self.parts(op.operands[0]), shape_of(op.operands[0].type)
        if op.decl in (memory.read, memory.copy):
            return parts
        x, rest = self.exponent(parts), [self.here(a) for a in op.operands[1:]]
        factors = (*parts.factors, *parts.divisors)
        if any(shape_of(a.type) not in ((), shape) for a in factors) or shape_of(x.type) != shape:
            return None

        def moved(a: Atom) -> Atom:
            if not shape_of(a.type):
                return a
            if (with_axes := self.kept.get((a, op.attrs.get("where", "")))) is not None:
                return with_axes
            return self.b.op(op.decl, a, *rest, spelling=op.spelling, **op.attrs)

        return replace(
            parts,
            exponents=[(1.0, moved(x))],
            factors=[moved(a) for a in parts.factors],
            divisors=[moved(a) for a in parts.divisors],
        )

    def of_where(self, op: Op) -> Parts | None:
        condition, *branches = op.operands
        parts = [self.parts(a) for a in branches]
        if not any(p.exponents for p in parts):
            return None
        logs = [self.of_branch(a, p) for a, p in zip(branches, parts, strict=True)]
        if None in logs:
            return None
        out = self.make(where, self.here(condition), *logs)  # type: ignore[arg-type]
        is_positive = all(p.is_positive or is_zero(a) for a, p in zip(branches, parts, strict=True))
        return Parts(
            [(1.0, out)],
            is_bounded=all(p.is_bounded for p in parts),
            is_positive=is_positive,
            is_signed=not is_positive,
        )

    def of_branch(self, atom: Atom, parts: Parts) -> Atom | None:
        """The logarithm of one branch of `where`; None if it has no exponent and may be negative."""
        if is_zero(atom):
            return const(-np.inf)
        return self.logarithm(parts) if parts.exponents or parts.is_positive else None
