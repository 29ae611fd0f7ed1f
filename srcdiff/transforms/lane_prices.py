"""Which loops are faster with their turns side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from srcdiff.ir.core import Atom, Const, For, If, Op, Region, Statement, Value, regions_of, walk
from srcdiff.ir.types import Scalar
from srcdiff.ops import control
from srcdiff.transforms.affine import affine
from srcdiff.transforms.nests import subscripts
from srcdiff.transforms.turns import carries_only_add
from srcdiff.transforms.varying import Varying, has_loop

__all__ = ["LanePrices", "Lengths"]

_FEW = 8  # turns that vector instructions do not help with
_UNKNOWN = 16  # turns of a loop of which nothing is known


@dataclass(frozen=True)
class Lengths:
    """How long loops are, as far as the arguments at hand say it; an index is taken to be in the middle."""

    known: Mapping[str, float]

    @classmethod
    def of(cls, region: Region, known: Mapping[str, int]) -> Lengths:
        found: dict[str, float] = dict(known)
        lengths = cls(found)
        for s in walk(region):
            if isinstance(s, For) and (symbol := _symbol(s.index)) is not None:
                start, stop = lengths.number(s.start), lengths.number(s.stop)
                if start is not None and stop is not None:
                    found[symbol] = (start + stop) / 2
        return lengths

    def turns(self, loop: For) -> float:
        start, stop = self.number(loop.start), self.number(loop.stop)
        return _UNKNOWN if start is None or stop is None else abs(stop - start)

    def number(self, atom: Atom) -> float | None:
        if isinstance(atom, Const):
            return float(atom.value)
        known = atom.type.expr if isinstance(atom.type, Scalar) else None
        try:
            return None if known is None else known.evaluate(self.known)  # type: ignore[arg-type]
        except KeyError:
            return None


def _symbol(index: Value) -> str | None:
    known = index.type.expr if isinstance(index.type, Scalar) else None
    return None if known is None else known.symbol


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

    def pays(self, found: Varying) -> bool:
        """Whether inner loops that cannot be vectorised would be, and none that can be loses by it."""
        if self.lengths.turns(found.loop) < _FEW:
            return False
        inner = [s for s in _innermost(found.loop.body) if not found.is_uniform(s)]
        return any(map(self.is_slow, inner)) and all(self.is_contiguous(s, found) for s in inner)

    def is_slow(self, loop: For) -> bool:
        """Whether LLVM does not turn an innermost loop into vector instructions, or nothing is won by them."""
        if self.lengths.turns(loop) < _FEW or not carries_only_add(loop, self.uses):
            return True
        return any(self.stops(s) or self.strides(s, loop.index) for s in walk(loop.body))

    @staticmethod
    def stops(s: Statement) -> bool:
        return isinstance(s, Op) and s.decl is control.raise_

    def strides(self, s: Statement, index: Value) -> bool:
        """Whether neighbouring turns of a loop find what a statement asks for apart from each other."""
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


def _innermost(region: Region) -> Iterator[For]:
    return (s for s in walk(region) if isinstance(s, For) and not has_loop(s.body))
