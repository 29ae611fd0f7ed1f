"""The cost model of outer-loop vectorisation: which loops gain by it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from srcdiff.ir.core import (
    Atom,
    Const,
    For,
    If,
    Op,
    Region,
    Statement,
    Value,
    const,
    known_dim,
    regions_of,
    symbol_of,
    walk,
)
from srcdiff.ir.types import Dim, Type, shape_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.dependence.affine import affine, subscripts
from srcdiff.transforms.analysis.dependence.loop_dependence import carries_only_add
from srcdiff.transforms.analysis.dependence.uniformity import Varying, has_loop

__all__ = ["LanePrices", "Lengths"]

_FEW = 8  # iterations that vector instructions do not help with
_UNKNOWN = 16  # iterations of a loop of which nothing is known
_MOST = 256  # lanes: longer rows win nothing more
_LEAST = 32  # shorter rows cost more to begin with than their numbers do
_FIRST = 4096  # numbers that stay in the first cache
_SHORT = 32  # iterations that are soon over, with vectors
_REPEATS = 4  # sums in memory with a copied number that are worth the copy
_HELD = 2**20  # numbers that lanes may have of their own: more come from memory each time
_CACHED = 32768  # numbers that stay in the second-level cache beside what else is read


@dataclass(frozen=True)
class Lengths:
    """How long loops are, as far as the arguments at hand say it; an index is taken to be in the middle."""

    known: Mapping[str, float]

    @classmethod
    def of(cls, region: Region, known: Mapping[str, int]) -> Lengths:
        found: dict[str, float] = dict(known)
        lengths = cls(found)
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
    """What is known of a function when its loops are looked at.

    Attributes
    ----------
    maker : dict
        What makes each value.
    movable : set
        Arrays whose axes may change places.
    """

    lengths: Lengths
    uses: Mapping[Value, int]
    maker: Mapping[Value, Op]
    movable: frozenset[Value] = field(default_factory=frozenset)

    def pays(self, found: Varying, copies: Collection[For] = ()) -> bool:
        """Whether inner loops that cannot be vectorised would be, and none that can loses by it; `copies` are loops
        that were put there for it.
        """
        always = Lengths({}).iterations(found.loop)  # other calls may have more than this one
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
        """The lengths of inner loops where iterations are side by side only since these are short, and what they are
        less than.
        """
        loops = [s for s in walk(found.loop.body) if isinstance(s, For) and not has_loop(s.body)]
        loops = [s for s in loops if not found.is_uniform(s)]
        if any(self.never_vectors(s) for s in loops):
            return {}
        stops = dict.fromkeys(known_dim(s.stop) for s in loops if self.is_short(s))
        return {
            d: 2 * _FEW for d in stops if d is not None and d.symbols() <= {*self.lengths.known}
        }

    def count(self, region: Region, times: float, iterations: dict[For, float]) -> None:
        """Enters how many iterations the innermost loops of a region make."""
        for s in region.body:
            inside = times * self.lengths.iterations(s) if isinstance(s, For) else times
            if isinstance(s, For) and not has_loop(s.body):
                iterations[s] = inside
            for inner in regions_of(s):
                self.count(inner, inside, iterations)

    def lanes(self, found: Varying) -> int:
        """How many iterations are taken together: as many as leave what is their own in the second-level cache."""
        count = _MOST
        while count > _LEAST and self.numbers(found) * count > _CACHED:
            count //= 2
        return count

    def is_at_most(self, loop: For, lanes: int) -> bool:
        """Whether a loop is known to make as many iterations at most: a block of rows has no more (`row_blocks`)."""
        made = self.maker.get(loop.stop) if isinstance(loop.stop, Value) else None
        if made is None or made.decl is not arithmetic.minimum or loop.start != const(0):
            return False
        return any(isinstance(a, Const) and a.value <= lanes for a in made.operands)

    def numbers(self, found: Varying) -> float:
        """How many numbers the arrays of an iteration's own have."""
        return sum(self.lengths.size(array.type) for array in found.own & found.values)

    def is_slow(self, loop: For) -> bool:
        """Whether LLVM does not turn an innermost loop into vector instructions, or nothing is won by them."""
        return self.is_short(loop) or self.never_vectors(loop)

    def is_short(self, loop: For) -> bool:
        return self.lengths.iterations(loop) < _FEW

    def never_vectors(self, loop: For) -> bool:
        """Whether iterations of an innermost loop wait for each other, or stride through memory."""
        if not carries_only_add(loop, self.uses):
            return True
        return any(self.stops(s) or self.strides(s, loop.index) for s in walk(loop.body))

    def adds(self, loop: For, found: Varying) -> bool:
        """Whether an innermost loop adds to a matrix that all iterations add to, where lanes would sum up numbers
        first. What stays in the first cache is added to in long rows as fast.
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
        """Whether neighbouring iterations of a loop find what a statement asks for apart from each other."""
        *first, last = [affine(a, self.maker).terms.get(index, 0) for a in subscripts(s)] or [0]
        return any(first) or last not in (0, 1)

    def is_contiguous(self, loop: For, found: Varying) -> bool:
        """Whether lanes find their numbers beside each other."""
        return all(self.is_beside(s, found) for s in walk(loop.body))

    def is_beside(self, s: Statement, found: Varying) -> bool:
        if isinstance(s, If) and found.of(s.condition) and any(map(self.stops, _inside(s))):
            return False
        at = [affine(a, self.maker) for a in subscripts(s)]
        index = found.loop.index
        if any(found.of(v) for place in at for v in place.values() if v is not index):
            return False
        steps = [place.terms.get(index, 0) for place in at]
        if isinstance(s, Op) and any(steps) and s.operands[0] in self.movable:
            return sum(map(bool, steps)) == 1
        return not any(steps[:-1]) and (not steps or steps[-1] in (0, 1))


def _inside(s: If) -> Iterator[Statement]:
    return (inner for r in regions_of(s) for inner in walk(r))
