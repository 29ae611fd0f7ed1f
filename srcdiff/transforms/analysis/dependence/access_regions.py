"""Access regions: the order of statements, the loops around them, and the array elements that an access touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from srcdiff.ir.alias import Roots
from srcdiff.ir.core import For, Op, Region, Statement, While
from srcdiff.ir.types import Dim
from srcdiff.ir.values import Atom, Const, Value, known_dim
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.core.index_patterns import items
from srcdiff.transforms.analysis.dependence.affine import Affine, affine

Loop = For | While

_ACCESSES = (memory.read, memory.index, memory.store, memory.add_into, containers.unpack)


@dataclass(frozen=True)
class Span:
    """The places that an access touches on one axis: from `lowest` to `highest` (None if it is not known)."""

    lowest: Affine
    highest: Affine | None

    @property
    def only(self) -> Affine | None:
        """The place, if there is only one."""
        return self.lowest if self.lowest is self.highest else None


@dataclass
class Outline:
    """Each statement's number in program order, and the loops around it."""

    roots: Roots
    top: Region
    maker: dict[Atom, Statement] = field(default_factory=dict)
    home: dict[Value, Region] = field(default_factory=dict)
    number: dict[int, int] = field(default_factory=dict)
    around: dict[int, tuple[Loop, ...]] = field(default_factory=dict)
    # the statement to which a region belongs, and the region in which a statement stands
    owner: dict[Region, Statement] = field(default_factory=dict)
    region_of: dict[int, Region] = field(default_factory=dict)
    keeps: dict[Value, list[Op]] = field(default_factory=dict)  # the `store`s of a value
    writes: dict[Value, list[Op]] = field(default_factory=dict)

    def is_top(self, atom: Atom) -> bool:
        """Whether the backward part can refer to an atom: a constant, or a value of the top level."""
        return not isinstance(atom, Value) or self.home.get(atom, self.top) is self.top

    def loops_around(self, region: Region) -> tuple[Loop, ...]:
        """The loops around a region, the outermost first."""
        owner = self.owner.get(region)
        if owner is None:
            return ()
        outer = self.around[id(owner)]
        return (*outer, owner) if isinstance(owner, For | While) else outer

    def counts_from_front(self, position: Affine) -> bool:
        """Whether an index is certain not to be negative (negative indices count from the end)."""
        lowest = self.extreme(position, lowest=True)
        if lowest is None or lowest.const < 0:
            return False
        return all(k > 0 and self.is_length(v) for v, k in lowest.terms.items())

    def is_length(self, value: Value) -> bool:
        maker = self.maker.get(value)
        return isinstance(maker, Op) and maker.decl in (
            memory.axis_length,
            memory.length,
            containers.list_length,
        )

    def extreme(self, position: Affine, lowest: bool, inside: Loop | None = None) -> Affine | None:
        """The lowest (or highest) value of an expression, without indices of loops; None if it is not known. With
        `inside`, indices of that loop and of the loops around it stay.
        """
        out = Affine(position.const)
        for value, k in position.terms.items():
            loop = self.loop_of(value)
            term: Affine | None = Affine(0, {value: 1})
            if loop is not None and (inside is None or inside in self.around[id(loop)]):
                if not isinstance(loop.step, Const):
                    return None
                upwards = loop.step.value > 0
                at_start = upwards == (lowest == (k > 0))
                end = affine(loop.start if at_start else loop.stop, self.maker)
                first_or_last = end if at_start else end.plus(Affine(-1 if upwards else 1))
                term = self.extreme(first_or_last, lowest == (k > 0), inside)
            if term is None:
                return None
            out = out.plus(term.times(k))
        return out

    def loop_of(self, index: Value) -> For | None:
        """The loop of which a value is the index."""
        home = self.home.get(index)
        owner = None if home is None else self.owner.get(home)
        return owner if isinstance(owner, For) and owner.index is index else None

    def subscript(self, op: Op) -> tuple[Value, list[Span]] | None:
        """The array, and the places on its leading axes, that an access touches; None if this is not known.

        An access through a view `H[t]` touches places of `H[t]`.
        """
        base, where, indices = op.operands[0], op.attrs.get("where"), op.operands[1:]
        if op.decl not in _ACCESSES or not isinstance(base, Value):
            return None
        made = self.maker.get(base)
        if isinstance(made, Op) and made.decl is memory.index:
            return self.subscript(made)
        if isinstance(made, Op) and made.view_of is not None:
            return None  # other views are not followed
        if op.decl in (memory.read, containers.unpack):
            return base, []
        if op.decl is not memory.index:
            indices = op.operands[2:]
        assert where is not None
        return base, self.spans(items(where), indices)

    def spans(self, items: Sequence[str], indices: Sequence[Atom]) -> list[Span]:
        """The places on the leading axes, up to the first subscript that is no integer and no slice with step 1."""
        places = iter(indices)
        out: list[Span] = []
        for item in items:
            if item == "i":
                place = affine(next(places), self.maker)
                out.append(Span(place, place))
            elif item in ("b:", ":e", "b:e"):
                first = affine(next(places), self.maker) if "b" in item else Affine()
                end = affine(next(places), self.maker) if "e" in item else None
                inside = end is not None and self.counts_from_front(end)
                out.append(Span(first, end.plus(Affine(-1)) if end and inside else None))
            else:
                break
        return out

    def never_meet(self, left: Span, right: Span) -> bool:
        """Whether two accesses touch different places on an axis, in all pairs of iterations."""
        if not all(self.counts_from_front(s.lowest) for s in (left, right)):
            return _are_other_numbers(left, right)
        return self.is_below(left, right) or self.is_below(right, left)

    def is_below(self, left: Span, right: Span) -> bool:
        """Whether the highest place of one span is certain to be below the lowest of the other."""
        if left.highest is None:
            return False
        highest = self.extreme(left.highest, lowest=False)
        lowest = self.extreme(right.lowest, lowest=True)
        if highest is None or lowest is None:
            return False
        if not all(map(self.is_top, (*highest.values(), *lowest.values()))):
            return False  # the value may differ between the two iterations
        gap = highest.minus(lowest).known
        return gap is not None and gap < 0

    def distinct_at_end(self, left: Span, right: Span, length: Dim) -> bool:
        """Whether one access touches a place counted from the end of an axis, and the other only places before it."""
        return self._is_before_end(left, right, length) or self._is_before_end(right, left, length)

    def _is_before_end(self, span: Span, end: Span, length: Dim) -> bool:
        from_end = None if end.only is None else self._from_end(end.only, length)
        if from_end is None or span.highest is None or not self.counts_from_front(span.lowest):
            return False
        highest = self.extreme(span.highest, lowest=False)
        last = None if highest is None else self._as_length(highest)
        gap = None if last is None else length + from_end - last
        return gap is not None and gap.is_const and gap.const > 0

    def _from_end(self, place: Affine, length: Dim) -> int | None:
        """The negative index of a place: -1 for the last place, also if it is written as `n - 1`."""
        if place.known is not None:
            return place.known if place.known < 0 else None
        found = self._as_length(place)
        gap = None if found is None else found - length
        return gap.const if gap is not None and gap.is_const and gap.const < 0 else None

    def _as_length(self, position: Affine) -> Dim | None:
        """A position in terms of dimension symbols, if it is the same in all iterations."""
        out = Dim(position.const)
        for value, k in position.terms.items():
            known = known_dim(value) if self.is_top(value) else None
            if known is None:
                return None
            out += known.scaled(k)
        return out


def _are_other_numbers(left: Span, right: Span) -> bool:
    """Whether two places are different constants that count from the same end."""
    if left.only is None or right.only is None:
        return False
    one, other = left.only.known, right.only.known
    if one is None or other is None or one == other:
        return False
    return (one < 0) == (other < 0)
