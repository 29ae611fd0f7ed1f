"""Cost model of outer-loop vectorisation: decides which loops gain, and how many lanes they have."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from srcdiff.ir.core import For, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Dim, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.dependence.affine import affine, subscripts
from srcdiff.transforms.analysis.dependence.loop_dependence import carries_only_add
from srcdiff.transforms.analysis.dependence.uniformity import Varying, has_loop

_FEW = 8  # a loop with fewer iterations does not gain by vector instructions
_UNKNOWN = 16  # assumed trip count of a loop whose range is unknown
_MOST = 256  # lanes, at most; longer rows gain nothing
_LEAST = 32  # lanes, at least; for shorter rows, the overhead of a loop is larger than its work
_FIRST = 4096  # numbers that stay in the first-level cache
_SHORT = 32  # iterations of a loop that is too short for vector instructions to pay fully
_REPEATS = 4  # sums in memory for each copied number, at least, so that the copy pays
_HELD = 2**20  # numbers in private arrays of all lanes, at most; more do not stay in a cache
_CACHED = 32768  # numbers that stay in the second-level cache beside other data


@dataclass(frozen=True)
class Lengths:
    """Trip counts of loops for the given arguments; a loop index counts as the middle of its range."""

    known: Mapping[str, float]
    given: frozenset[str] = frozenset()  # the symbols of arguments among them

    @classmethod
    def of(cls, region: Region, known: Mapping[str, int]) -> Lengths:
        found: dict[str, float] = dict(known)
        lengths = cls(found, frozenset(known))
        for s in walk(region):
            if isinstance(s, For) and (symbol := symbol_of(s.index)) is not None:
                start, stop = lengths.number(s.start), lengths.number(s.stop)
                if start is not None and stop is not None:
                    found[symbol] = (start + stop) / 2
        return lengths

    def iterations(self, loop: For) -> float:
        start, stop = self.number(loop.start), self.number(loop.stop)
        return _UNKNOWN if start is None or stop is None else abs(stop - start)

    def size(self, type_: Type) -> float:
        return math.prod(self.length(d) for d in shape_of(type_))

    def length(self, dim: Dim) -> float:
        try:
            return dim.evaluate(self.known)  # type: ignore[arg-type]
        except KeyError:
            return _UNKNOWN

    def number(self, atom: Atom) -> float | None:
        if isinstance(atom, Const):
            return float(atom.value)
        known = known_dim(atom)
        try:
            return None if known is None else known.evaluate(self.known)  # type: ignore[arg-type]
        except KeyError:
            return None


@dataclass(frozen=True)
class LanePrices:
    """The cost model for the loops of a function.

    Attributes
    ----------
    maker : dict
        The defining operation of each value.
    movable : set
        Arrays whose axes may be reordered.
    """

    lengths: Lengths
    uses: Mapping[Value, int]
    maker: Mapping[Atom, Op]
    movable: frozenset[Value] = field(default_factory=frozenset)

    def pays(self, found: Varying, copies: Collection[For] = ()) -> bool:
        """Whether the loop gains: inner loops that LLVM cannot vectorise become vectorised, and no other inner loop
        loses. `copies` are the loops that packing adds.
        """
        # not from the given lengths: other calls may have longer loops
        always = Lengths({}).iterations(found.loop)
        if always < _FEW or self.numbers(found) * _LEAST > _HELD:
            return False
        iterations: dict[For, float] = {}
        self.count(found.loop.body, 1.0, iterations)
        inner = [s for s in iterations if s not in copies and not found.is_uniform(s)]
        slow = sum(iterations[s] for s in inner if self.is_slow(s))
        slow += sum(
            iterations[s] / _REPEATS for s in inner if not self.is_slow(s) and self.adds(s, found)
        )
        copied = sum(iterations.get(s, 0.0) for s in copies)
        return 0 < slow >= copied and all(self.is_contiguous(s, found) for s in inner)

    def short(self, found: Varying) -> dict[Dim, int]:
        """The lengths of short inner loops that alone are the reason to vectorise the outer loop, with upper bounds."""
        loops = [s for s in walk(found.loop.body) if isinstance(s, For) and not has_loop(s.body)]
        loops = [s for s in loops if not found.is_uniform(s)]
        if any(self.never_vectors(s) for s in loops):
            return {}
        stops = dict.fromkeys(known_dim(s.stop) for s in loops if self.is_short(s))
        given = self.lengths.given
        return {d: 2 * _FEW for d in stops if d is not None and d.symbols() <= given}

    def count(self, region: Region, times: float, iterations: dict[For, float]) -> None:
        """Enter the total trip counts of the innermost loops of a region."""
        for s in region.body:
            inside = times * self.lengths.iterations(s) if isinstance(s, For) else times
            if isinstance(s, For) and not has_loop(s.body):
                iterations[s] = inside
            for inner in regions_of(s):
                self.count(inner, inside, iterations)

    def lanes(self, found: Varying) -> int:
        """The number of lanes: as many as keep their private arrays in the second-level cache."""
        count = _MOST
        while count > _LEAST and self.numbers(found) * count > _CACHED:
            count //= 2
        return count

    def is_at_most(self, loop: For, lanes: int) -> bool:
        """Whether a loop is known to have at most `lanes` iterations, as a loop over a block of rows (`row_tiling`)."""
        made = self.maker.get(loop.stop)
        if made is None or made.decl is not arithmetic.minimum or loop.start != const(0):
            return False
        return any(isinstance(a, Const) and a.value <= lanes for a in made.operands)

    def numbers(self, found: Varying) -> float:
        """The number of elements in the private arrays of an iteration."""
        return sum(self.lengths.size(array.type) for array in found.own & found.values)

    def is_slow(self, loop: For) -> bool:
        """Whether LLVM does not vectorise an innermost loop, or the loop is too short to gain."""
        return self.is_short(loop) or self.never_vectors(loop)

    def is_short(self, loop: For) -> bool:
        return self.lengths.iterations(loop) < _FEW

    def never_vectors(self, loop: For) -> bool:
        """Whether iterations of an innermost loop depend on each other, may raise, or stride through memory."""
        if not carries_only_add(loop, self.uses):
            return True
        return any(self.stops(s) or self.strides(s, loop.index) for s in walk(loop.body))

    def adds(self, loop: For, found: Varying) -> bool:
        """Whether an innermost loop adds to a matrix to which all iterations add; lanes would sum in registers first.
        A matrix in the first-level cache gains nothing, if its rows are long.
        """
        return loop not in found.loop.body.body and any(
            isinstance(s, Op)
            and s.decl is memory.add_into
            and s.operands[0] not in found.own
            and not any(map(found.of, subscripts(s)))
            and (
                self.lengths.iterations(loop) < _SHORT
                or self.lengths.size(s.operands[0].type) > _FIRST
            )
            for s in walk(loop.body)
        )

    @staticmethod
    def stops(s: Statement) -> bool:
        return isinstance(s, Op) and s.decl is control.raise_

    def strides(self, s: Statement, index: Value) -> bool:
        """Whether an access of neighbouring iterations has a stride other than 0 or 1."""
        *first, last = [affine(a, self.maker).terms.get(index, 0) for a in subscripts(s)] or [0]
        return any(first) or last not in (0, 1)

    def is_contiguous(self, loop: For, found: Varying) -> bool:
        """Whether neighbouring lanes access neighbouring elements."""
        return all(self.is_beside(s, found) for s in walk(loop.body))

    def is_beside(self, s: Statement, found: Varying) -> bool:
        if (
            isinstance(s, If)
            and found.of(s.condition)
            and any(map(self.stops, walk(*regions_of(s))))
        ):
            return False
        at = [affine(a, self.maker) for a in subscripts(s)]
        index = found.loop.index
        if any(found.of(v) for place in at for v in place.values() if v is not index):
            return False
        steps = [place.terms.get(index, 0) for place in at]
        if isinstance(s, Op) and any(steps) and s.operands[0] in self.movable:
            return sum(map(bool, steps)) == 1
        return not any(steps[:-1]) and (not steps or steps[-1] in (0, 1))
