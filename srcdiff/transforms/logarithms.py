"""Logarithms of what exponentials are multiplied, added and raised to: taken of the parts, so that nothing overflows.

    np.log(w @ np.exp(x))                 shift = np.max(x);  np.log(w @ np.exp(x - shift)) + shift
    np.log(2.0 * expit(x) ** 3)      ->   np.log(2.0) - 3.0 * np.logaddexp(0.0, -x)
    np.log(np.prod(softmax(x)))           np.sum(log_softmax(x))

A value is said as `Parts`: exponentials of some terms, times and divided by factors. Terms of sums that are positive
for all arguments (exponentials, sigmoids, their products with positive constants) are added as logarithms; other sums
are shifted by their largest exponent, which is right whatever the signs of the factors are.
"""

from __future__ import annotations

from collections.abc import Mapping

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, Op, Value, const
from srcdiff.ir.types import shape_of
from srcdiff.transforms.log_parts import Here, Parts, but_ones, is_shifted
from srcdiff.transforms.log_sums import DEPTH, Sums
from srcdiff.transforms.patterns import function, name_of

__all__ = ["LOGARITHMS", "NAME", "Logarithms"]

NAME = "log_of_parts"
LOGARITHMS = {"log": None, "log2": 2.0, "log10": 10.0, "log1p": None}  # and their bases
_MOVES = (
    "index",
    "gather",
    "transpose",
    "reshape",
    "expand_dims",
    "squeeze",
)  # elements stay as they are
_POSITIVE = (
    "add",
    "multiply",
    "divide",
    "sqrt",
    "power",
    "square",
    "float64",
)  # of what is positive

log, logaddexp, log_softmax, sqrt, where = map(
    function, ("log", "logaddexp", "log_softmax", "sqrt", "where")
)


class Logarithms(Sums):
    """`seen` : what makes values; `here` : a value of the old function in the new one; `b` : where operations go."""

    def __init__(
        self, seen: Mapping[Value, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        super().__init__(seen, here, b, is_python)
        self.known: dict[Atom, Parts] = {}

    def of(self, op: Op) -> Atom | None:
        """What stands in the place of a logarithm; None where nothing is won."""
        name = op.decl.name
        x = op.operands[0]
        if name == "log1p":
            found = self.log1p(x)
        else:
            parts = self.parts(x)
            found = self.logarithm(parts) if parts.exponents else None
        base = LOGARITHMS[name]
        if found is None or base is None:
            return found
        return self.make(lambda x: x / log(base), found)

    def log1p(self, x: Atom) -> Atom | None:
        op = self.op(x)
        is_minus = op is not None and op.decl.name == "negative"
        parts = self.parts(op.operands[0] if op is not None and is_minus else x)
        if not parts.exponents or not parts.is_positive:
            return None
        if is_minus:
            return self.less(self.logarithm(parts))
        if parts.is_bounded:
            return None
        return self.make(lambda x: logaddexp(0.0, x), self.logarithm(parts))

    # ---- taking apart -----------------------------------------------------------------------------------

    def plain(self, atom: Atom) -> Parts:
        return Parts(factors=[self.here(atom)], is_positive=self.is_positive(atom))

    def is_positive(self, atom: Atom, depth: int = 0) -> bool:
        """Whether a factor is positive for all arguments."""
        if isinstance(atom, Const):
            return isinstance(atom.value, int | float) and atom.value > 0
        op = self.op(atom)
        if op is None or depth > DEPTH:
            return False
        name = op.decl.name
        if name in ("exp", "expit", "softmax", "cosh"):
            return True
        if name == "power" and not isinstance(op.operands[1], Const):
            return False
        made_of = op.operands[:1] if name == "power" else op.operands
        return name in _POSITIVE and all(self.is_positive(a, depth + 1) for a in made_of)

    def parts(self, atom: Atom, depth: int = 0) -> Parts:
        """A value as exponentials and factors; where it is none of these, it is a factor."""
        if atom not in self.known:
            self.known[atom] = self.taken_apart(atom, depth)
        return self.known[atom]

    def taken_apart(self, atom: Atom, depth: int) -> Parts:
        op = self.op(atom)
        made = getattr(self, f"of_{name_of(op)}", None) if op is not None else None
        if op is not None and name_of(op) in _MOVES:
            made = self.of_moved
        found = made(op, depth + 1) if made is not None and depth < DEPTH else None
        return found if found is not None and found.exponents else self.plain(atom)

    def of_exp(self, op: Op, depth: int) -> Parts | None:
        if is_shifted(op.operands[0], self.seen):
            return None
        return Parts([(1.0, self.here(op.operands[0]))])

    def of_expit(self, op: Op, depth: int) -> Parts:
        minus = self.make(lambda x: -x, self.here(op.operands[0]))
        return Parts([(-1.0, self.softplus(minus))], is_bounded=True)

    def of_softmax(self, op: Op, depth: int) -> Parts:
        axes = {"axis": op.attrs["axis"]} if "axis" in op.attrs else {}
        x = self.make(lambda x: log_softmax(x, **axes), self.here(op.operands[0]))
        return Parts([(1.0, x)], is_bounded=True)

    def of_expm1(self, op: Op, depth: int) -> Parts:
        """exp(x) - 1, which is exp(x) (1 - exp(-x))."""
        x = self.here(op.operands[0])
        return Parts([(1.0, x), (1.0, self.less(self.make(lambda x: -x, x)))])

    def of_negative(self, op: Op, depth: int) -> Parts:
        inner = self.op(op.operands[0])
        if inner is not None and inner.decl.name == "expm1":
            return Parts([(1.0, self.less(self.here(inner.operands[0])))])
        parts = self.parts(op.operands[0], depth)
        factors = [const(-1.0), *parts.factors]
        return Parts(parts.exponents, factors, parts.divisors, is_positive=False)

    def of_multiply(self, op: Op, depth: int) -> Parts:
        x, y = (self.parts(a, depth) for a in op.operands)
        both, signs = x.is_bounded and y.is_bounded, x.is_positive and y.is_positive
        return Parts(
            x.exponents + y.exponents, x.factors + y.factors, x.divisors + y.divisors, both, signs
        )

    def of_divide(self, op: Op, depth: int) -> Parts:
        x, y = (self.parts(a, depth) for a in op.operands)
        turned = [(-scale, a) for scale, a in y.exponents]
        signs = x.is_positive and y.is_positive
        return Parts(
            x.exponents + turned,
            but_ones(x.factors + y.divisors),
            x.divisors + y.factors,
            False,
            signs,
        )

    def of_power(self, op: Op, depth: int) -> Parts | None:
        base, n = op.operands
        if isinstance(n, Const):
            return self.powered(op, float(n.value), depth)
        parts = self.parts(base, depth)
        if not parts.exponents or not parts.is_positive:
            return None
        x = self.make(lambda x, n: n * x, self.logarithm(parts), self.here(n))
        return Parts([(1.0, x)], is_positive=True)

    def of_square(self, op: Op, depth: int) -> Parts | None:
        return self.powered(op, 2.0, depth)

    def of_sqrt(self, op: Op, depth: int) -> Parts | None:
        return self.powered(op, 0.5, depth)

    def powered(self, op: Op, n: float, depth: int) -> Parts | None:
        parts = self.parts(op.operands[0], depth)

        def raised(atoms: list[Atom]) -> list[Atom]:
            return (
                [self.make(lambda x: sqrt(x) if n == 0.5 else x**n, self.product(atoms))]
                if atoms
                else []
            )

        if not parts.exponents or (n != round(n) and not parts.is_positive):
            return None
        scaled = [(n * scale, a) for scale, a in parts.exponents]
        is_bounded = parts.is_bounded and n >= 0
        factors, divisors = raised(parts.factors), raised(parts.divisors)
        return Parts(scaled, factors, divisors, is_bounded, parts.is_positive)

    def of_moved(self, op: Op, depth: int) -> Parts | None:
        parts = self.parts(op.operands[0], depth)
        x = self.exponent(parts)
        if not parts.is_pure or shape_of(x.type) != shape_of(op.operands[0].type):
            return None
        rest = [self.here(a) for a in op.operands[1:]]
        moved = self.b.op(op.decl, x, *rest, spelling=op.spelling, **op.attrs)
        return Parts([(1.0, moved)], is_bounded=parts.is_bounded)

    def of_where(self, op: Op, depth: int) -> Parts | None:
        condition, *branches = op.operands
        x, y = (self.parts(a, depth) for a in branches)
        if not (x.exponents and y.exponents):
            return None
        both = [self.logarithm(p) for p in (x, y)]
        out = self.make(where, self.here(condition), *both)
        return Parts([(1.0, out)], is_bounded=x.is_bounded and y.is_bounded)
