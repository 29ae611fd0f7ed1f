"""Symbols of lengths: which lengths of a function under construction are equal, and which are assumed to be."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcdiff.ir.dims import ShapeMismatch, Shapes
from srcdiff.ir.types import Dim
from srcdiff.ops.core.type_rules import UntypedMistake


@dataclass
class Symbols(Shapes):
    """Lengths of a function under construction, with the order in which symbols were made.

    Attributes
    ----------
    equal : list
        Lengths that have to be equal, or NumPy raises; they are equal for the given arguments.
    doubts : list
        Lengths that have to be equal and are not, at places that the program may not reach.
    conditional : bool
        The function is called at a place that the program may not reach.
    compared : frozenset of str
        Lengths of arguments that are not known. Those that meet are taken to be equal, wherever that is.
    """

    order: dict[str, int] = field(default_factory=dict)
    equal: list[tuple[Dim, Dim]] = field(default_factory=list)
    doubts: list[tuple[Dim, Dim]] = field(default_factory=list)
    conditional: bool = False
    compared: frozenset[str] = frozenset()
    regions: list[int] = field(
        default_factory=list
    )  # for each open region, the number of symbols at its start

    def fresh(self, hint: str = "k") -> Dim:
        never_one = hint.endswith(
            "_"
        )  # see `arguments`: the lengths of a list's elements, where none of them is 1
        hint = hint.rstrip("_") or "k"
        while True:
            dim = super().fresh(hint)
            (symbol,) = dim.symbols()
            if symbol not in self.rigid and symbol not in self.order:
                self.order[symbol] = len(self.order)
                if never_one:
                    self.rigid.add(symbol)
                return dim

    def must_equal(self, a: Dim, b: Dim, what: str = "lengths") -> Dim:
        """The younger symbol stands for the older, so that a length is never named after something that comes later.

        Lengths that the given arguments decide are compared here: nothing else may compare them, where only the
        derivative's shape depends on it.
        """
        a, b = self.resolve(a), self.resolve(b)
        if a == b or (a.is_const and b.is_const):
            return super().must_equal(a, b, what)
        ages = [self.order.get(d.symbol, -1) if d.symbol is not None else -1 for d in (a, b)]
        left, right = self.actually(a), self.actually(b)
        may_not_run = bool(self.regions) and max(ages) < self.regions[-1]
        if (left is None or right is None) and a.symbols() | b.symbols() <= self.compared:
            self.equal.append((a, b))
            if may_not_run:
                self.assumptions.append((a, b))
        elif left is None or right is None:
            if may_not_run:
                return a
        elif left != right:
            if not may_not_run and not self.conditional:
                raise ShapeMismatch(f"{what} {left} and {right} differ")
            self.doubts.append((a, b))
            return a
        else:
            self.equal.append((a, b))
            if may_not_run:
                self.assumptions.append((a, b))
        return super().must_equal(*((b, a) if ages[0] > ages[1] else (a, b)), what)

    def may_take(self, a: Dim, b: Dim) -> bool:
        """Whether two axes of arguments may be taken to be of one length: for the given arguments, they are."""
        a, b = self.resolve(a), self.resolve(b)
        is_given = all(d.is_const or d.symbol in self.rigid & self.actual.keys() for d in (a, b))
        return is_given and a != b and self.actually(a) == self.actually(b)

    def take_as_equal(self, a: Dim, b: Dim) -> None:
        """One length for two axes: calls where they differ have a program of their own."""
        if self.may_take(a, b):
            self.assumptions.append((self.resolve(a), self.resolve(b)))
            self.must_equal(a, b)

    def decide(self, a: Dim, b: Dim) -> Dim:
        """Lengths that do not fit for the given arguments are left open at places that the program may not reach."""
        left, right = self.actually(self.resolve(a)), self.actually(self.resolve(b))
        differ = left is not None and right is not None and left != right and 1 not in (left, right)
        if differ and (self.regions or self.conditional):
            return self.open(a, b)
        return super().decide(a, b)

    def is_one(self, dim: Dim, axis: str) -> bool:
        """Refuse what is known only when the program runs: the number of axes of a result is known when compiling."""
        if not super().is_one(dim, axis) and not self.not_one(self.resolve(dim)):
            raise UntypedMistake(
                f"whether {axis} has length 1, and is dropped, is known only when this runs",
                "Say which axes to drop: np.squeeze(x, axis=0).",
            )
        return super().is_one(dim, axis)

    def actually(self, dim: Dim) -> int | None:
        """The length, for the given arguments."""
        try:
            return dim.evaluate(self.actual)
        except KeyError:
            return None
