"""Logarithms of what exponentials are multiplied, added and raised to: taken of the parts, so that nothing overflows.

    np.log(w @ np.exp(x))                 shift = np.max(x);  np.log(w @ np.exp(x - shift)) + shift
    np.log(2.0 * expit(x) ** 3)      ->   np.log(2.0) - 3.0 * np.logaddexp(0.0, -x)
    np.log(np.prod(softmax(x)))           np.sum(log_softmax(x))

A value is said as `Parts`: exponentials of some terms, times and divided by factors. Terms of sums that are positive for
all arguments (exponentials, sigmoids, their products with positive constants) are added as logarithms; other sums are
shifted by their largest exponent, which is right whatever the signs of the factors are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, Op, Value, const
from srcdiff.ir.types import shape_of
from srcdiff.ops import elementwise, memory, reductions
from srcdiff.ops.numbers import of_numbers
from srcdiff.transforms.patterns import Anything, Apply, Pattern, build, function, name_of

__all__ = ["LOGARITHMS", "NAME", "Logarithms", "is_shifted", "settled_values"]

NAME = "log_of_parts"
LOGARITHMS = {"log": None, "log2": 2.0, "log10": 10.0, "log1p": None}  # and their bases
_DEPTH = 12  # operations that are looked through, one behind the other
_TERMS = 6  # of a sum that is written with +
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
_EXTREMES = ("max", "maximum", "highest")

log, exp, logaddexp, logsumexp, log_softmax = map(
    function, ("log", "exp", "logaddexp", "logsumexp", "log_softmax")
)
expm1, log1p, where, isfinite = map(function, ("expm1", "log1p", "where", "isfinite"))
maximum, minimum, total = map(function, ("maximum", "minimum", "sum"))
known_less = function("log_one_less_exp")
sqrt, prod, expand_dims = map(function, ("sqrt", "prod", "expand_dims"))

Here = Callable[[Atom], Atom]


def log_one_less_exp(x: Pattern) -> Apply:
    """log(1 - exp(x)): near 0 the one loses digits, elsewhere the other."""
    near, far = log(-expm1(x)), log1p(-exp(x))
    return known_less(where(function("greater")(x, -0.7), near, far), x)


def log_one_less_exps(x: Pattern) -> Apply:
    """The same of arrays, where both are computed: without a logarithm of 0."""
    near, far = log(-expm1(x)), log1p(-exp(minimum(x, -0.7)))
    return known_less(where(function("greater")(x, -0.7), near, far), x)


def settled_values(made: Mapping[Value, Op]) -> set[Value]:
    """What rewritings have computed in two ways, each right where it is chosen."""
    found: set[Value] = set()
    for op in made.values():
        if op.decl not in (elementwise.log_one_less_exp, elementwise.log_cosh):
            continue
        x, u = op.operands
        rest = [x]
        while rest:
            a = rest.pop()
            if isinstance(a, Value) and a != u and a in made and a not in found:
                found.add(a)
                rest += made[a].operands
    return found


def is_shifted(x: Any, made: Mapping[Value, Op]) -> bool:
    """Whether `x` is less a maximum, by the user's own hand: `x - np.max(x, axis=1)[:, None]`."""
    op = made.get(x)
    if op is None or op.decl.name != "subtract":
        return False
    shift = op.operands[1]
    inner = made.get(shift) if isinstance(shift, Value) else None
    if inner is not None and inner.decl.name == "index":
        inner = made.get(inner.operands[0])  # type: ignore[arg-type]
    if inner is not None and inner.decl is elementwise.held:
        return True
    while isinstance(shift, Value) and shift in made and made[shift].decl.name not in _EXTREMES:
        arrays = [a for a in made[shift].operands if shape_of(a.type)]
        shift = arrays[-1] if arrays else const(0)  # the middle one of `where(isfinite(m), m, 0)`
    return isinstance(shift, Value) and shift in made


@dataclass
class Parts:
    """`exp(sum of exponents) * factors / divisors`; a bounded one is at most 1."""

    exponents: list[tuple[float, Atom]] = field(default_factory=list)
    factors: list[Atom] = field(default_factory=list)
    divisors: list[Atom] = field(default_factory=list)
    is_bounded: bool = False

    is_positive: bool = True

    @property
    def is_plain(self) -> bool:
        return not self.exponents and not self.divisors

    @property
    def is_pure(self) -> bool:
        return not self.factors and not self.divisors


class Logarithms:
    """`seen` : what makes values; `here` : a value of the old function in the new one; `b` : where operations go."""

    def __init__(
        self, seen: Mapping[Value, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        self.seen, self.here, self.b, self.is_python = seen, here, b, is_python
        self.known: dict[Atom, Parts] = {}
        self.done: dict[Any, Atom] = {}
        self.softplus_of: dict[Atom, Atom] = {}  # log(1 + exp(x)) -> x

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

    def less(self, x: Atom) -> Atom:
        """log(1 - exp(x))"""
        return self.make(log_one_less_exps if shape_of(x.type) else log_one_less_exp, x)

    # ---- making -----------------------------------------------------------------------------------------

    def make(self, said: Callable[..., Any], *atoms: Atom) -> Atom:
        """The operations of a small function, as in rules."""
        names = [f"x{k}" for k in range(len(atoms))]
        pattern = said(*map(Anything, names))
        binding = dict(zip(names, atoms, strict=True))
        if (pattern, atoms) not in self.done:
            self.done[pattern, atoms] = build(pattern, binding, self.b, self.is_python)
        return self.done[pattern, atoms]

    def product(self, atoms: Sequence[Atom]) -> Atom:
        out, *rest = atoms
        for a in rest:
            out = self.make(lambda x, y: x * y, out, a)
        return out

    def exponent(self, parts: Parts) -> Atom:
        """The sum of the exponents."""
        out: Atom | None = None
        for scale, x in sorted(parts.exponents, key=lambda e: e[0] < 0):
            if abs(scale) != 1:
                x = self.make(lambda x, scale=abs(scale): scale * x, x)
            if out is None:
                out = self.make(lambda x: -x, x) if scale < 0 else x
            else:
                out = self.make((lambda x, y: x - y) if scale < 0 else (lambda x, y: x + y), out, x)
        return const(0.0) if out is None else out

    def factor(self, parts: Parts) -> Atom:
        out = self.product(parts.factors) if parts.factors else const(1.0)
        if not parts.divisors:
            return out
        return self.make(lambda x, y: x / y, out, self.product(parts.divisors))

    def logarithm(self, parts: Parts) -> Atom:
        """Of all parts."""
        out = self.exponent(parts)
        is_zero = not parts.exponents
        factors = _but_ones(parts.factors)
        if factors:
            x = self.product(factors)
            out = self.make(log, x) if is_zero else self.make(lambda x, y: log(y) + x, out, x)
        if parts.divisors:
            out = self.make(lambda x, y: x - log(y), out, self.product(parts.divisors))
        return out

    # ---- taking apart -----------------------------------------------------------------------------------

    def op(self, atom: Atom) -> Op | None:
        return self.seen.get(atom) if isinstance(atom, Value) else None

    def plain(self, atom: Atom) -> Parts:
        return Parts(factors=[self.here(atom)], is_positive=self.is_positive(atom))

    def is_positive(self, atom: Atom, depth: int = 0) -> bool:
        """Whether a factor is positive for all arguments."""
        if isinstance(atom, Const):
            return isinstance(atom.value, int | float) and atom.value > 0
        op = self.op(atom)
        if op is None or depth > _DEPTH:
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
        found = made(op, depth + 1) if made is not None and depth < _DEPTH else None
        return found if found is not None and found.exponents else self.plain(atom)

    def of_exp(self, op: Op, depth: int) -> Parts | None:
        if is_shifted(op.operands[0], self.seen):
            return None
        return Parts([(1.0, self.here(op.operands[0]))])

    def of_expit(self, op: Op, depth: int) -> Parts:
        minus = self.make(lambda x: -x, self.here(op.operands[0]))
        return Parts([(-1.0, self.softplus(minus))], is_bounded=True)

    def softplus(self, x: Atom) -> Atom:
        out = self.make(lambda x: logaddexp(0.0, x), x)
        self.softplus_of[out] = x
        return out

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
            _but_ones(x.factors + y.divisors),
            x.divisors + y.factors,
            False,
            signs,
        )

    def of_power(self, op: Op, depth: int) -> Parts | None:
        n = op.operands[1]
        return self.powered(op, float(n.value), depth) if isinstance(n, Const) else None

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

    # ---- sums -------------------------------------------------------------------------------------------

    def of_add(self, op: Op, depth: int) -> Parts | None:
        terms = self.terms(op, 1, depth)
        if not terms or not any(p.exponents for _, p in terms):
            return None
        signs = [sign for sign, _ in terms]
        has_number = any(not p.exponents for _, p in terms)  # near one, the logarithm is small
        if min(signs) > 0 and has_number and all(p.is_bounded for _, p in terms if p.exponents):
            return None  # a sum that neither overflows nor vanishes
        if all(p.is_positive for _, p in terms) and (len(terms) == 2 or has_number):
            logs = sorted((self.logarithm(p) for _, p in terms), key=lambda a: isinstance(a, Value))
            if min(signs) > 0:
                out = logs[0]
                for x in logs[1:]:
                    is_one = isinstance(out, Const) and out.value == 0
                    out = self.softplus(x) if is_one else self.make(logaddexp, out, x)
                return Parts([(1.0, out)])
            if sorted(signs) == [-1, 1]:
                (_, less), (_, whole) = sorted(terms, key=_sign)
                one = whole.factors == [const(1)] and whole.is_plain
                if one and len(less.exponents) == 1 and less.is_pure:
                    scale, x = less.exponents[0]
                    if scale == -1 and x in self.softplus_of:  # one less a sigmoid is one
                        minus = self.make(lambda x: -x, self.softplus_of[x])
                        return Parts([(-1.0, self.softplus(minus))], is_bounded=True)
                return self.difference(self.logarithm(less), self.logarithm(whole))
        return self.shifted_terms(terms)

    of_subtract = of_add

    def difference(self, less: Atom, x: Atom) -> Parts:
        """exp(x) - exp(less)"""
        if isinstance(x, Const) and x.value == 0:
            return Parts([(1.0, self.less(less))])
        rest = self.less(self.make(lambda x, y: y - x, x, less))
        return Parts([(1.0, x), (1.0, rest)])

    def terms(self, op: Op, sign: int, depth: int) -> list[tuple[int, Parts]]:
        """What a sum is made of; none where that is too much."""
        found: list[tuple[int, Parts]] = []
        signs = (sign, -sign if op.decl.name == "subtract" else sign)
        for s, a in zip(signs, op.operands, strict=True):
            inner = self.op(a)
            if inner is not None and inner.decl.name in ("add", "subtract") and depth < _DEPTH:
                found += self.terms(inner, s, depth + 1) or [(s, self.plain(a))]
            else:
                found.append((s, self.parts(a, depth)))
        return found if len(found) <= _TERMS else []

    def shifted_terms(self, terms: Sequence[tuple[int, Parts]]) -> Parts:
        exponents = [self.exponent(p) for _, p in terms]
        top, *rest = sorted(dict.fromkeys(exponents), key=lambda a: isinstance(a, Const))
        for x in rest:
            top = self.make(maximum, top, x)
        top = self.finite(top)
        out: Atom | None = None
        for (sign, p), x in zip(terms, exponents, strict=True):
            term = self.scaled(p, self.make(lambda x, top: exp(x - top), x, top))
            if out is None:
                out = term if sign > 0 else self.make(lambda x: -x, term)
            else:
                out = self.make(
                    (lambda x, y: x + y) if sign > 0 else (lambda x, y: x - y), out, term
                )
        assert out is not None
        return Parts([(1.0, top)], [out], is_positive=False)

    def finite(self, top: Atom) -> Atom:
        """A shift: what is largest, or 0 where that is infinite; nothing depends on it."""
        parts = (self.make(isfinite, top), top, const(0.0))
        decl, spelling = of_numbers(elementwise.where, parts, "", False)
        shift = self.b.op(decl, *parts, spelling=spelling, name="shift")
        return self.b.op(elementwise.held, shift, name="shift")

    def scaled(self, parts: Parts, weights: Atom) -> Atom:
        """Weights with the factors."""
        if parts.factors:
            weights = self.make(lambda x, y: x * y, self.product(parts.factors), weights)
        if parts.divisors:
            weights = self.make(lambda x, y: x / y, weights, self.product(parts.divisors))
        return weights

    def largest(self, x: Atom, **axes: Any) -> Atom:
        return self.b.op(reductions.highest, x, name="largest", **axes)

    def of_sum(self, op: Op, depth: int) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        x = op.operands[0]
        parts = self.parts(x, depth)
        exponent = self.whole(parts, x)
        if exponent is None:
            return None
        axes = dict(op.attrs)
        constant = not any(shape_of(a.type) for a in (*parts.factors, *parts.divisors))
        if constant:
            summed = self.make(lambda x: logsumexp(x, **axes), exponent)
            return Parts(
                [(1.0, summed)], parts.factors, parts.divisors, is_positive=parts.is_positive
            )
        if parts.is_positive:
            whole = self.logarithm(parts)
            return Parts([(1.0, self.make(lambda x: logsumexp(x, **axes), whole))])
        kept = self.finite(self.largest(exponent, **{**axes, "keepdims": True}))
        if axes.get("axis") is None and not axes.get("keepdims"):
            kept = self.finite(self.largest(exponent))
        weights = self.make(lambda x, top: exp(x - top), exponent, kept)
        out = self.make(lambda x: total(x, **axes), self.scaled(parts, weights))
        return Parts(
            [(1.0, self.without_axes(kept, axes, shape_of(x.type)))], [out], is_positive=False
        )

    def without_axes(self, top: Atom, axes: Mapping[str, Any], shape: Sequence[Any]) -> Atom:
        """What was kept with axes of length 1 for a sum, as the sum has it."""
        axis = axes.get("axis")
        if axis is None or axes.get("keepdims"):
            return top
        gone = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
        said = ", ".join("i" if k in gone else ":" for k in range(len(shape)))
        zeros = [const(0)] * len(gone)
        return self.b.op(memory.index, top, *zeros, where=said)

    def whole(self, parts: Parts, x: Atom) -> Atom | None:
        """The exponent of an array, if it has its shape."""
        if not parts.exponents:
            return None
        out = self.exponent(parts)
        if len(shape_of(x.type)) != len(shape_of(out.type)) or not shape_of(x.type):
            return None
        return out if shape_of(x.type) == shape_of(out.type) else None

    def of_mean(self, op: Op, depth: int) -> Parts | None:
        parts = self.of_sum(op, depth)
        if parts is None:
            return None
        axis, shape = op.attrs.get("axis"), shape_of(op.operands[0].type)
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        x = self.exponents_array(op.operands[0])
        counts = [self.b.op(memory.axis_length, x, axis=a % len(shape)) for a in axes]
        divisors = [*parts.divisors, self.product(counts)]
        return Parts(parts.exponents, parts.factors, divisors, is_positive=parts.is_positive)

    def exponents_array(self, x: Atom) -> Atom:
        """An array with the lengths of another one, which nothing else may ask for."""
        return self.exponent(self.parts(x))

    def of_prod(self, op: Op, depth: int) -> Parts | None:
        if op.attrs.keys() - {"axis", "keepdims"}:
            return None
        x = op.operands[0]
        parts, axes = self.parts(x, depth), dict(op.attrs)
        if not parts.exponents:
            return None
        whole = self.logarithm(parts) if parts.is_positive else self.exponent(parts)
        if shape_of(whole.type) != shape_of(x.type):
            return None
        summed = Parts([(1.0, self.make(lambda x: total(x, **axes), whole))])
        if parts.is_positive:
            return summed
        factor = self.factor(parts)
        if shape_of(factor.type) != shape_of(x.type):
            return None
        summed.factors, summed.is_positive = [self.make(lambda x: prod(x, **axes), factor)], False
        return summed

    def of_matmul(self, op: Op, depth: int) -> Parts | None:
        x, y = op.operands
        ranks = len(shape_of(x.type)), len(shape_of(y.type))
        if max(ranks) > 2:
            return None
        one, other = self.parts(x, depth), self.parts(y, depth)
        if one.exponents and other.exponents:
            both = one.is_positive and other.is_positive and ranks == (1, 1)
            if not both:
                return None
            logs = self.make(lambda x, y: logsumexp(x + y), *map(self.logarithm, (one, other)))
            return Parts([(1.0, logs)])
        if not (one.exponents or other.exponents):
            return None
        is_left = bool(one.exponents)
        parts, a = (one, x) if is_left else (other, y)
        exponent = self.whole(parts, a)
        if exponent is None:
            return None
        if len(shape_of(a.type)) == 1:
            top = inner = self.finite(self.largest(exponent))
        else:
            if ranks[1 if is_left else 0] == 2:
                return None
            axis = 1 if is_left else 0
            kept = {"axis": axis, "keepdims": True}
            inner = self.finite(self.largest(exponent, **kept))
            top = self.without_axes(inner, {"axis": axis}, shape_of(a.type))
        weights = self.scaled(parts, self.make(lambda x, t: exp(x - t), exponent, inner))
        pair = (weights, self.here(y)) if is_left else (self.here(x), weights)
        product = self.make(lambda x, y: x @ y, *pair)
        return Parts([(1.0, top)], [product], is_positive=False)


def _but_ones(atoms: Sequence[Atom]) -> list[Atom]:
    return [a for a in atoms if not (isinstance(a, Const) and a.value == 1)]


def _sign(term: tuple[int, Parts]) -> int:
    return term[0]
