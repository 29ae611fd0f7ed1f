"""Factored form of a value: the exponential of a sum of terms, times factors, divided by divisors.

`logarithm` brings values into this form and takes the logarithm of each part.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Function, If, Op, regions_of, walk
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.transforms.analysis.reachability import operands_through, postorder
from srcdiff.transforms.analysis.signs import Signs
from srcdiff.transforms.rewrite.named_values import (
    EXTREMES,
    KEEPING,
    log_one_less_exp,
    log_one_less_exps,
)
from srcdiff.transforms.rewrite.patterns import Anything, build, function
from srcdiff.transforms.simplify.constants import constant_value

_SUMS = ("add", "subtract", "multiply", "divide", "negative")

log, logaddexp = map(function, ("log", "logaddexp"))

Here = Callable[[Atom], Atom]


class OwnShifts:
    """Finds shifts by the user's own hand: a maximum that is subtracted from exponents, also if a loop computed it."""

    def __init__(self, fn: Function, made: Mapping[Atom, Op]) -> None:
        self.made = made
        self.merged: dict[Atom, list[Atom]] = {
            v: [region.yields[k] for region in regions_of(s)]
            for s in walk(fn.body)
            if isinstance(s, For | If)
            for k, v in enumerate(s.results)
        }

    def are_in(self, exponent: Atom) -> bool:
        op = self.made.get(exponent)
        if op is None or op.decl.name not in _SUMS:
            return False
        if op.decl.name == "subtract" and self.is_largest(op.operands[1]):
            return True
        return any(map(self.are_in, op.operands))

    def is_largest(self, a: Atom) -> bool:
        """Whether a value is a maximum, computed by a function or by a loop."""
        through = operands_through(self.made, KEEPING)

        def sources(v: Atom) -> Sequence[Atom]:
            return [*through(v), *self.merged.get(v, ())]

        made = (self.made.get(v) for v in postorder(a, sources, ()))
        return any(op is not None and op.decl.name in EXTREMES for op in made)


@dataclass
class Parts:
    """`exp(sum of scale * exponent) * factors / divisors`.

    is_bounded : the value is at most 1.
    is_positive : the value is positive for all arguments.
    is_signed : the value may be negative, and its exponent is NaN there, as of `1 - exp(x)` for x > 0. This is allowed
        where the logarithm of the value would be NaN, too.
    """

    exponents: list[tuple[float, Atom]] = field(default_factory=list)
    factors: list[Atom] = field(default_factory=list)
    divisors: list[Atom] = field(default_factory=list)
    is_bounded: bool = False

    is_positive: bool = True
    is_signed: bool = False

    def times(self, other: Parts) -> Parts:
        """The product; its sign is that of the factors where both exponents exist for all arguments."""
        return Parts(
            self.exponents + other.exponents,
            self.factors + other.factors,
            self.divisors + other.divisors,
            self.is_bounded and other.is_bounded,
            self.is_positive and other.is_positive,
        )

    @property
    def is_plain(self) -> bool:
        return not self.exponents and not self.divisors

    @property
    def is_pure(self) -> bool:
        return not self.factors and not self.divisors


def signed(exponents: list[tuple[float, Atom]], is_bounded: bool = False) -> Parts:
    """The parts of a value that may be negative; its exponent is NaN there."""
    return Parts(exponents, is_bounded=is_bounded, is_positive=False, is_signed=True)


class Maker:
    """Appends operations to `b`.

    seen : the defining operation of each value of the old function.
    here : the new value of an old one.
    """

    def __init__(
        self, seen: Mapping[Atom, Op], here: Here, b: Builder, is_python: bool = False
    ) -> None:
        self.seen, self.here, self.b, self.is_python = seen, here, b, is_python
        self.done: dict[object, Atom] = {}
        self.signs = Signs(seen)
        self.numbers: dict[Atom, Atom] = {}  # what values fold to
        self.softplus_of: dict[Atom, Atom] = {}  # log(1 + exp(x)) -> x
        self.at_most_zero: set[Atom] = set()  # exponents of probabilities, and their maxima
        # (a value without its axes of length 1, the index pattern that adds them) -> the value with them
        self.kept: dict[tuple[Atom, str], Atom] = {}
        self.product_terms: set[Value] = set()  # exponents that stand for a product of matrices
        # logarithms that are computed as written, and chosen only where they are accurate
        self.settled: set[Value] = set()

    def less(self, x: Atom) -> Atom:
        """log(1 - exp(x))"""
        return self.make(log_one_less_exps if shape_of(x.type) else log_one_less_exp, x)

    # ---- making -----------------------------------------------------------------------------------------

    def make(self, written: Callable[..., Any], *atoms: Atom) -> Atom:
        """Append the operations of a small function that is written as in rules; equal requests share one result."""
        names = [f"x{k}" for k in range(len(atoms))]
        pattern = written(*map(Anything, names))
        binding = dict(zip(names, atoms, strict=True))
        if (pattern, atoms) not in self.done:
            self.done[pattern, atoms] = build(pattern, binding, self.b, self.is_python)
        return self.done[pattern, atoms]

    def product(self, atoms: Sequence[Atom]) -> Atom:
        out, *rest = atoms
        for a in rest:
            out = self.make(lambda x, y: x * y, out, a)
        return out

    def total(self, terms: Iterable[tuple[float, Atom]]) -> Atom:
        """The sum of scaled values."""
        out: Atom | None = None
        for scale, x in terms:
            if abs(scale) != 1:
                x = self.make(lambda x, k: k * x, x, const(abs(scale)))
            if out is None:
                out = self.make(lambda x: -x, x) if scale < 0 else x
            else:
                out = self.make((lambda x, y: x - y) if scale < 0 else (lambda x, y: x + y), out, x)
        return const(0.0) if out is None else out

    def exponent(self, parts: Parts) -> Atom:
        """The sum of the exponents."""
        return self.total(sorted(combined(parts.exponents), key=lambda e: e[0] < 0))

    def factor(self, parts: Parts) -> Atom:
        out = self.product(parts.factors) if parts.factors else const(1.0)
        if not parts.divisors:
            return out
        return self.make(lambda x, y: x / y, out, self.product(parts.divisors))

    def logarithm(self, parts: Parts) -> Atom:
        """The logarithm of all parts: the exponent, plus logarithms of factors, minus logarithms of divisors."""
        out = self.exponent(parts)
        is_zero = not combined(parts.exponents)
        factors, divisors = but_ones(parts.factors), parts.divisors
        if factors and not (parts.is_positive or all(map(is_positive_number, divisors))):
            factors, divisors = [self.factor(parts)], []  # both may be negative
        if factors:
            x = self.log_of(factors)
            out = x if is_zero else self.make(lambda x, y: y + x, out, x)
        if divisors:
            out = self.make(lambda x, y: x - y, out, self.log_of(divisors))
        return out

    def log_of(self, factors: Sequence[Atom]) -> Atom:
        found = self.product(factors)
        if isinstance(found, Const) and found.value <= 0 and not self.is_python:
            return const(-math.inf if found.value == 0 else math.nan)  # where `math.log` raises
        return self.make(log, found)

    def may_grow(self, parts: Parts) -> bool:
        """Whether the exponentials in a value may be greater than 1."""
        return not parts.is_bounded and any(
            a not in (self.softplus_of if scale < 0 else self.at_most_zero)
            for scale, a in parts.exponents
        )

    def op(self, atom: Atom) -> Op | None:
        return self.seen.get(atom)

    def number(self, atom: Atom) -> Atom:
        """The constant that an atom folds to; the atom itself if it is not constant."""
        for a in postorder(atom, self.signs.operands, self.numbers):
            self.numbers[a] = a
            if (op := self.op(a)) is not None:
                operands = tuple(self.numbers[x] for x in op.operands)
                if all(isinstance(x, Const) for x in operands):
                    self.numbers[a] = constant_value(replace(op, operands=operands)) or a
        return self.numbers[atom]

    def softplus(self, x: Atom) -> Atom:
        out = self.make(lambda x: logaddexp(0.0, x), x)
        self.softplus_of[out] = x
        return out

    def minus(self, x: Atom) -> Atom:
        op = self.op(x)
        if op is not None and op.decl is arithmetic.negative:
            return self.here(op.operands[0])
        return self.make(lambda x: -x, x)

    def sigmoid(self, x: Atom) -> Parts:
        """1 / (1 + exp(-x))"""
        return Parts([(-1.0, self.softplus(self.minus(x)))], is_bounded=True)


def is_positive_number(atom: Atom, sign: int = 1) -> TypeGuard[Const]:
    """Whether an atom is a real constant above 0; with `sign` -1, below 0."""
    value = atom.value if isinstance(atom, Const) else None
    return isinstance(value, int | float | np.integer | np.floating) and bool(sign * value > 0)


def as_number(atom: Atom, type_: Type, b: Builder) -> Atom:
    """An atom converted to `type_`: Python's float to NumPy's, NumPy's to Python's, or float64 to float32."""
    if _is_plain_number(atom.type) and _is_plain_number(type_, is_python=False):
        return b.op(conversions.float64, atom)
    if _is_plain_number(atom.type, is_python=False) and _is_plain_number(type_):
        return b.op(conversions.to_float, atom)
    if _dtype(type_) == "float32" and _dtype(atom.type) == "float64":
        spelling = "" if shape_of(atom.type) else "np.float32"
        return b.op(conversions.astype, atom, dtype="float32", spelling=spelling)
    return atom


def is_real(type_: Type) -> bool:
    """Whether values are numbers or arrays of real numbers, of whatever precision."""
    return _dtype(type_) in ("float64", "float32")


def _dtype(type_: Type) -> str:
    return type_.dtype if isinstance(type_, Scalar | Array) else ""


def _is_plain_number(type_: Type, is_python: bool = True) -> bool:
    """Whether a type is Python's float; with `is_python` false, NumPy's float64."""
    return isinstance(type_, Scalar) and type_.dtype == "float64" and type_.weak == is_python


def combined(exponents: Sequence[tuple[float, Atom]]) -> list[tuple[float, Atom]]:
    """Each exponent once, with the sum of its scales; an exponent whose scales cancel is dropped."""
    scales: dict[Atom, float] = defaultdict(float)
    for scale, x in exponents:
        scales[x] += scale
    return [(scale, x) for x, scale in scales.items() if scale]


def but_ones(atoms: Sequence[Atom]) -> list[Atom]:
    return [a for a in atoms if not (isinstance(a, Const) and a.value == 1)]


def with_name(atom: Atom, name: str, b: Builder) -> Atom:
    """The atom under this name, if the last statement made it."""
    last = b.body[-1] if b.body else None
    if isinstance(last, Op) and last.results == (atom,) and isinstance(atom, Value):
        new = replace(atom, name=name)
        b.body[-1] = replace(last, results=(new,))
        return new
    return atom
