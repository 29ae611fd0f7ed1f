"""Reasoning about lengths while a function is built: which axes are equal, which have length 1, which is unknown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from srcdiff.ir.core import Op
from srcdiff.ir.types import (
    Array,
    Clamp,
    Dim,
    Product,
    Quotient,
    Scalar,
    Struct,
    Symbol,
    Type,
    dims_of,
    factors_of,
    inner_lengths,
)

ONE = Dim(1)

Range = tuple[Dim | None, Dim | None]


class ShapeMismatch(Exception):
    """Lengths that can never fit; the text names them, the frontend adds the user's line."""


def resolved(dim: Dim, bindings: Mapping[str, Dim]) -> Dim:
    """A length in symbols that are bound to nothing."""
    while any(s in bindings for s in dim.symbols()):
        dim = dim.substitute(bindings)
    return dim


def settling(pairs: Iterable[tuple[Dim, Dim]]) -> Callable[[Dim], Dim]:
    """Lengths that are equal or 1 by assumption are made one: either side of a pair is the other, fixed ones last."""
    ordered = [(b, a) if a.is_const else (a, b) for a, b in pairs]
    whole = {a: b for a, b in ordered if not a.is_const and a != b}
    symbols = {
        a.symbol: b
        for a, b in whole.items()
        if a.symbol is not None and a.symbol not in b.symbols()
    }

    def settled(dim: Dim) -> Dim:
        return whole[dim] if dim in whole else dim.substitute(symbols)

    return settled if whole else lambda dim: dim


@dataclass
class Shapes:
    """Symbols of one function under construction.

    Attributes
    ----------
    rigid : set of str
        Symbols of the arguments' axes that are not of length 1 (which axes are is part of a specialisation).
        Two of them that meet must be equal, or NumPy raises.
    axes : set of str
        Symbols of any arrays' axes, as far as they are collected: not negative.
    actual : mapping of str to int
        Lengths and integers of the arguments that the function is specialised for, where known. They decide between
        "equal" and "of length 1" where the program alone does not; `assumptions` has what was concluded.
    others, find_ranges : callable or None
        Give the symbols that are in use already, and the ranges; asked when first needed.
    bindings : dict
        What symbols turned out to be.
    ranges : dict
        The first and the last value of loop indices, where they are known. They say that `x[i:i + n]` has n elements.
    """

    rigid: set[str] = field(default_factory=set)
    axes: set[str] = field(default_factory=set)
    actual: Mapping[str, int] = field(default_factory=dict)
    bindings: dict[str, Dim] = field(default_factory=dict)
    assumptions: list[tuple[Dim, Dim]] = field(default_factory=list)
    ranges: dict[str, Range] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    others: Callable[[], set[str]] | None = None
    find_ranges: Callable[[], dict[str, Range]] | None = None
    _taken: set[str] | None = None

    def fresh(self, hint: str = "k") -> Dim:
        """A new symbol for a length or integer that is known only when the program runs."""
        if self._taken is None:
            self._taken = self.others() if self.others is not None else set()
        while True:
            count = self.used[hint] = self.used.get(hint, -1) + 1
            name = f"{hint}{count or ''}"
            if name not in self._taken and not self._is_given(name, hint):
                return Dim.of(name)

    def _is_given(self, name: str, hint: str) -> bool:
        """Whether another hint gave a name: the second symbol for "k" and the first for "k1"."""
        stem = len(name.rstrip("0123456789"))
        ends = (k for k in range(stem, len(name) + 1) if not name.startswith("0", k))
        return any(
            name[:k] != hint and self.used.get(name[:k], -1) >= int(name[k:] or 0) for k in ends
        )

    def resolve(self, dim: Dim) -> Dim:
        return resolved(dim, self.bindings)

    def same(self, a: Dim, b: Dim) -> bool:
        """Whether two lengths are known to be equal."""
        return a == b or self.resolve(a) == self.resolve(b)

    def note_ranges(self, found: Mapping[str, Range]) -> None:
        """Note the first and last values of the indices of loops that are being made."""
        if self.find_ranges is not None:
            self.ranges, self.find_ranges = self.find_ranges(), None
        self.ranges |= found

    def is_at_least_zero(self, dim: Dim) -> bool:
        """Whether a number is never negative: indices are put at whichever end makes it smallest."""
        self.note_ranges({})
        dim = self.resolve(dim)
        if any(dim == self.resolve(b) for a, b in self.assumptions if is_clamp_of(a, b)):
            return True
        for symbol, k in dim.terms:
            if symbol in self.ranges and isinstance(symbol, str):
                end = self.ranges[symbol][k < 0]
                rest = dim - Dim.of(symbol).scaled(k)
                return end is not None and self.is_at_least_zero(rest + end.scaled(k))
            if isinstance(symbol, Quotient) and k < 0:  # by * (n // by) <= n
                rest = dim - Dim.of(symbol).scaled(k)
                return self.is_at_least_zero(rest.scaled(symbol.by) + symbol.inner.scaled(k))
        return self.is_sum_of_lengths(dim)

    def is_sum_of_lengths(self, dim: Dim) -> bool:
        """Whether a number is never negative because no part of it is."""
        dim = self.resolve(dim)
        return dim.const >= 0 and all(
            k > 0 and (s in self.rigid or s in self.axes or self._is_composed_length(s))
            for s, k in dim.terms
        )

    def _is_composed_length(self, symbol: Symbol) -> bool:
        if isinstance(symbol, Quotient):
            return self.is_sum_of_lengths(symbol.inner)
        return not isinstance(symbol, str)

    def take_as_inside(self, dims: Sequence[Dim], length: Dim) -> bool:
        """Whether `x[:n]` has n elements because numbers are not negative, as far as the given arguments decide it.
        It is noted if so. What has one element now, and others for other n, is left open: it may be broadcast.
        """
        try:
            if any(self.resolve(d).evaluate(self.actual) < 0 for d in dims):
                return False
            length = self.resolve(length)
            if not length.is_const and length.evaluate(self.actual) == 1:
                return False
        except KeyError:
            return False
        self.assumptions += [(Dim.of(Clamp(d)), d) for d in map(self.resolve, dims)]
        return True

    def must_equal(self, a: Dim, b: Dim, what: str = "lengths") -> Dim:
        """Record that the program runs only if the two are equal (NumPy raises otherwise)."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return a
        if a.is_const and b.is_const:
            raise ShapeMismatch(f"{what} {a} and {b} differ")
        for left, right in ((b, a), (a, b)):
            name = left.symbol
            if (
                name in self.rigid
                and (right.is_const or right.symbol in self.rigid)
                and right != ONE
            ):
                assert name is not None
                self.bindings[name] = right
                return right
        if len(factors_of([a, b])[1]) > 2:
            self.assumptions += self._equal_now(a, b)
        return b if a.is_const is False and b.is_const else a

    def broadcast(self, shapes: Iterable[Sequence[Dim]]) -> tuple[Dim, ...]:
        """The shape that NumPy's broadcasting gives."""
        out: list[Dim] = []
        for shape in shapes:
            pad = len(shape) - len(out)
            out = [ONE] * pad + out
            for axis in range(1, len(shape) + 1):
                out[-axis] = self.broadcast_axis(out[-axis], shape[-axis])
        return tuple(out)

    def broadcast_axis(self, a: Dim, b: Dim) -> Dim:
        a, b = self.resolve(a), self.resolve(b)
        if a == b or b == ONE:
            return a
        if a == ONE:
            return b
        if self.not_one(a) and self.not_one(b):
            return self.must_equal(a, b, "axes of lengths")
        settled = settling(self.assumptions)
        one, other = settled(a), settled(b)
        if one == other:
            return b if self.not_one(b) else a
        if ONE in (one, other):
            return b if one == ONE else a
        return self.decide(a, b)

    def not_one(self, dim: Dim) -> bool:
        """Whether an axis is known not to have length 1."""
        if dim.is_const:
            return dim != ONE
        _, factors = factors_of([dim])
        return any(d.symbol in self.rigid for d in factors)

    def take_as_long(self, dim: Dim) -> bool:
        """Whether an axis is not of length 1: it is known, or it is longer now, which is noted."""
        if self.not_one(dim):
            return True
        dim = self.resolve(dim)
        if isinstance(dim.symbol, Clamp):
            dim = dim.symbol.inner
        try:
            is_long = dim.evaluate(self.actual) > 1
        except KeyError:
            return False
        if is_long:
            self.assumptions.append((Dim.of(Clamp(dim - 2)), dim - 2))
        return is_long

    def is_one(self, dim: Dim, axis: str) -> bool:
        """Whether an axis is dropped because its length is 1."""
        return self.resolve(dim) == ONE

    def decide(self, a: Dim, b: Dim) -> Dim:
        """An axis whose lengths the program alone does not decide: ask the actual arguments, or leave it open."""
        try:
            left, right = (self.resolve(d).evaluate(self.actual) for d in (a, b))
        except KeyError:
            return self.open(a, b)
        if left == right and left != 1:
            self.assumptions += self._equal_now(self.resolve(a), self.resolve(b))
            return b if self.not_one(b) else a
        if left == 1 or right == 1:
            if left == 1:
                self.assumptions.append((a, ONE))
            if right == 1:
                self.assumptions.append((b, ONE))
            return b if left == 1 else a
        raise ShapeMismatch(f"axes of lengths {left} and {right} do not broadcast")

    def _equal_now(self, a: Dim, b: Dim) -> list[tuple[Dim, Dim]]:
        """What is assumed where two lengths are equal for the given arguments: of products, that their factors are,
        where the factors are equal now.
        """
        try:
            if self._number(a) != self._number(b):
                return []
        except KeyError:
            return []
        pairs = self._parts_equal_now(a, b)
        return [(a, b)] if pairs is None else [p for pair in pairs for p in self._equal_now(*pair)]

    def _parts_equal_now(self, a: Dim, b: Dim) -> list[tuple[Dim, Dim]] | None:
        """The parts of two products or quotients, where they are equal one by one."""
        terms = sorted((a - b).terms, key=lambda term: term not in a.terms)
        if (a - b).const or len(terms) != 2 or terms[0][1] + terms[1][1]:
            return None
        match terms[0][0], terms[1][0]:
            case Quotient(inner=left, by=k), Quotient(inner=right, by=m) if k == m:
                pairs = [(left, right)]
            case Product(factors=one), Product(factors=other) if len(one) == len(other):
                ordered = (sorted(f, key=self._number) for f in (one, other))
                pairs = [(f, g) for f, g in zip(*ordered, strict=True) if f != g]
            case _:
                return None
        return pairs if all(self._number(f) == self._number(g) for f, g in pairs) else None

    def _number(self, dim: Dim) -> int:
        return dim.evaluate(self.actual)

    def open(self, a: Dim, b: Dim) -> Dim:
        """The length of an axis that is decided when the program runs."""
        if self.not_one(a):
            return a
        return b if self.not_one(b) else self.fresh("k")


def is_clamp_of(a: Dim, b: Dim) -> bool:
    """Whether the equality of the two means that a number is not negative."""
    return a == Dim.of(Clamp(b))


def lengths_in(type_: Type, base: str = "{0}") -> list[tuple[Dim, str]]:
    """The lengths that a value of a type shows, each with its text; leading axes first."""
    if isinstance(type_, Array):
        axes = [
            (d, f"len({base})" if k == 0 else f"{base}.shape[{k}]")
            for k, d in enumerate(type_.shape)
        ]
        return [(d, text) for d, text in axes if not d.is_const]
    if isinstance(type_, Scalar):
        return [(type_.expr, base)] if type_.expr is not None and not type_.expr.is_const else []
    if isinstance(type_, Struct):
        out: list[tuple[Dim, str]] = []
        for key, part in zip(type_.keys, type_.parts, strict=True):
            named = type_.kind in ("namedtuple", "dataclass")
            out += lengths_in(part, f"{base}.{key}" if named else f"{base}[{key!r}]")
        return out
    return []


def needed_lengths(op: Op) -> tuple[Dim, ...]:
    """The lengths that an operation names by its attributes."""
    if op.decl.lengths_from is None:
        return ()
    return (op.attrs["dim"],) if "dim" in op.attrs else dims_of(op.attrs["type"])


def missing(dim: Dim, shown: Collection[Dim]) -> list[str]:
    """The symbols that have to be known for a length to be computed, beside the lengths that are."""
    if dim.is_const or dim in shown:
        return []
    out: list[str] = []
    for symbol, _ in dim.terms:
        if not isinstance(symbol, str):
            inner = () if Dim.of(symbol) in shown else inner_lengths(symbol)
            out += [s for d in inner for s in missing(d, shown)]
        elif not any(d.terms == ((symbol, 1),) for d in shown):
            out.append(symbol)
    return out
