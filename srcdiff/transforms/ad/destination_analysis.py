"""Analysis for destination passing: which results of an adjoint can be added to an array of the caller.

`transforms/ad/destination_passing.py` carries the plan out. A result of a helper is *poured* if all of its terms are
added to a parameter instead: zeros, additions to zeros, results of branches, sums, products with numbers, and results
of calls that get the same parameter. A call gets an array (a *sink*) if its result is only added to that array. The
place in the array, and the number by which the result is multiplied, must be known in front of the call. Between the
call and the addition, no statement may use the array, except to add to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import reads_of, writes_of
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, regions_of
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import is_view
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import is_generated
from srcdiff.transforms.analysis.effects import added_to
from srcdiff.transforms.analysis.placement import SUMS, Place, Placement, is_zeros
from srcdiff.transforms.simplify.calls.dead_arguments import can_lose_results


@dataclass(frozen=True)
class Destinations:
    """The results of a function that are added to arrays of its caller; `scaled`: times a number from the caller."""

    results: tuple[int, ...]
    scaled: bool


@dataclass(frozen=True)
class Sink:
    """A part of an array to which values are added, each times all `factors`.

    `by`: the original addition, whose operation is used again (index arrays may name a place twice).
    """

    base: Value
    where: str = ""
    at: tuple[Atom, ...] = ()
    factors: tuple[Atom, ...] = ()
    by: Op | None = None


@dataclass(frozen=True)
class Share:
    """A value that is added to a sink."""

    value: Atom
    sink: Sink


@dataclass(frozen=True)
class Scaled:
    """The factors by which a call's result is multiplied before any other use, and the product."""

    product: Value
    factors: tuple[Atom, ...]


def may_be_passed(fn: Function, calls: Sequence[Call]) -> tuple[int, ...]:
    """The results of an adjoint that are arrays of the type of an argument, in all of its calls."""
    if not fn.interface.gradient_names or not all(map(is_generated, calls)):
        return ()
    if not can_lose_results(fn.output):
        return ()
    kinds = "fc" if fn.interface.partials is None else "f"
    return tuple(
        k
        for k, y in enumerate(fn.body.yields)
        if isinstance(y, Value)
        and isinstance(y.type, Array)
        and y.type.dtype[0] in kinds
        and all(like(c, k) is not None for c in calls)
    )


def like(call: Call, k: int) -> Value | None:
    """An operand of a call that has the type of a result."""
    wanted = call.results[k].type
    return next((a for a in call.operands if isinstance(a, Value) and a.type == wanted), None)


class Plan:
    """The changes to the statements of a function, and to its calls.

    Attributes
    ----------
    sinks : dict
        Result of a call -> the array to which the call adds it.
    instead, behind, at_end : dict
        The additions in the place of a statement, after a statement, and at the end of a region.
    early : dict
        Call -> statements that move in front of it.
    scaled : dict
        Result of a call that gets new zeros -> the factors that are passed with the call.
    yields_removed : dict
        Region of a branch -> its yields that are added instead.
    """

    def __init__(self, fn: Function, chosen: Mapping[Function, Destinations]) -> None:
        self.fn, self.chosen = fn, chosen
        self.refused: set[Call] = set()
        self.look = Placement(fn)
        while True:
            self._start()
            uneven = self._uneven()
            if not uneven:
                return
            self.refused |= uneven

    def _start(self) -> None:
        self.sinks: dict[Value, Sink] = {}
        self.dropped: set[Statement] = set()
        self.early: dict[Statement, list[Statement]] = {}
        self.instead: dict[Statement, list[Share]] = {}
        self.after: dict[Statement, list[Share]] = {}
        self.at_end: dict[Region, list[Share]] = {}
        self.yields_removed: dict[Region, set[int]] = {}
        self.arrays: dict[int, Value] = {}
        self.seeds: tuple[Value, ...] = ()
        self.makes_zeros: set[int] = set()
        self.scaled: dict[Value, Scaled] = {}
        self.pouring = -1  # the current result
        destinations = self.chosen.get(self.fn)
        if destinations is not None:
            self._pour_results(destinations)
        calls = [s for s in self.look.place if isinstance(s, Call) and self.destinations_of(s)]
        if calls:
            self._pass_to_sums(self.fn.body)
        for call in calls:
            destinations = self.destinations_of(call)
            if destinations is not None and destinations.scaled and len(destinations.results) == 1:
                (k,) = destinations.results
                if call.results[k] not in self.sinks:
                    self._scale_zeros(call, k)

    def _uneven(self) -> set[Call]:
        """Calls that would need different factors for several arrays: a call takes one factor."""
        found: set[Call] = set()
        for s in self.look.place:
            if not isinstance(s, Call):
                continue
            destinations = self.destinations_of(s)
            if destinations is not None and destinations.scaled and len(destinations.results) > 1:
                sinks = [self.sinks.get(s.results[k]) for k in destinations.results]
                if len({sink and sink.factors for sink in sinks}) > 1:
                    found.add(s)
        return found

    def destinations_of(self, call: Call) -> Destinations | None:
        return self.chosen.get(self.fn if is_itself(call.function) else call.function)

    # ---- results ------------------------------------------------------------------------------

    def _pour_results(self, destinations: Destinations) -> None:
        for k in destinations.results:
            y = self.fn.body.yields[k]
            assert isinstance(y, Value)
            self.arrays[k] = replace(y, name=y.name or "d_out", user=False)
            if destinations.scaled and not self.seeds:
                assert isinstance(y.type, Array)
                self.seeds = (Value(Scalar(y.type.dtype, False), "d_out"),)
            self.pouring = k
            self._pour_yield(self.fn.body, k, Sink(self.arrays[k], factors=self.seeds))
        self.pouring = -1

    def _pour_yield(self, region: Region, k: int, sink: Sink) -> None:
        y = region.yields[k]
        found = self._shares(y, sink, Place(region, len(region.body)), whole=True)
        left = [Share(y, sink)] if found is None else found
        self.at_end.setdefault(region, []).extend(left)
        self.yields_removed.setdefault(region, set()).add(k)

    def _shares(self, v: Atom, sink: Sink, at: Place, whole: bool = False) -> list[Share] | None:
        """The terms of a value that remain to be added to a sink, after calls have added the other terms; None if the
        value remains as a whole. `whole`: the value is a result, which has no other use.
        """
        made = self.look.made_in(v, at.region)
        if made is None or not isinstance(v, Value):
            return None
        if self.look.uses.get(v) == 1:
            return self._shares_of(made, v, sink, at, whole)
        return [] if whole and self._pour_buffer(v, sink, at.region) else None

    def _shares_of(
        self, made: Statement, v: Value, sink: Sink, at: Place, whole: bool
    ) -> list[Share] | None:
        if isinstance(made, Call):
            return [] if self._pass_on(made, v, sink, at) else None
        if isinstance(made, If) and whole and self.look.are_before(sink.factors, made):
            for region in regions_of(made):
                self._pour_yield(region, made.results.index(v), sink)
            return []
        if not isinstance(made, Op) or not is_generated(made):
            return None
        found: list[Share] | None = None
        if is_zeros(made):
            found = []
            self.makes_zeros.add(self.pouring)
        elif made.decl is memory.read and whole:
            base = made.operands[0]
            is_poured = isinstance(base, Value) and self._pour_buffer(base, sink, at.region)
            found = [] if is_poured else None
        elif made.decl is arithmetic.multiply:
            found = self._shares_of_product(made, sink, at, whole)
        elif made.decl in SUMS:
            found = self._shares_of_sum(made, sink, at, whole)
        if found is not None:
            self.dropped.add(made)
        return found

    def _shares_of_product(
        self, made: Op, sink: Sink, at: Place, whole: bool
    ) -> list[Share] | None:
        for array in made.operands:
            number = _number_of(made, array) if isinstance(array, Value) else None
            if number is not None:
                more = replace(sink, factors=(*sink.factors, number))
                return self._shares(array, more, at, whole)
        return None

    def _shares_of_sum(self, made: Op, sink: Sink, at: Place, whole: bool) -> list[Share] | None:
        if any(a.type != made.result.type for a in made.operands):
            return None
        minus = replace(sink, factors=(*sink.factors, const(-1.0)))
        signed = {arithmetic.add: (sink, sink), arithmetic.subtract: (sink, minus)}
        parts = [*zip(made.operands, signed.get(made.decl, (minus,)), strict=True)]
        found = [self._shares(a, s, at, whole) for a, s in parts]
        if all(shares is None for shares in found):
            return None
        left = [[Share(*p)] if f is None else f for p, f in zip(parts, found, strict=True)]
        return [share for shares in left for share in shares]

    def _pour_buffer(self, b: Value, sink: Sink, region: Region) -> bool:
        """Whether an array's first contents, and all additions to it, are added to a sink instead (a whole array)."""
        look = self.look
        made = look.made_in(b, region)
        if (
            not isinstance(made, Op | Call)
            or not is_generated(made)
            or look.roots.get(b) != frozenset((b,))
        ):
            return False
        if not look.are_before(sink.factors, made):
            return False
        users = look.users.get(b, [])
        sums = []
        for s in users:
            if look.is_sum(s, b) or look.is_first(s, made):
                sums.append(s)
            elif not (
                isinstance(s, Op) and s.decl is memory.read and look.place[s].region is region
            ):
                return False
        reads = look.uses[b] - len(sums)
        ends = [look.outer(s, region) for s in users if s not in sums] or [len(region.body)]
        if reads != 1 or any(look.outer(s, region) > ends[0] for s in sums):
            return False
        found = self._shares_of(made, b, sink, look.place[made], whole=True)
        if found is None and isinstance(made, Call):
            return False
        if found is None:
            self.after[made] = [Share(b, sink)]
        elif found:
            self.instead[made] = found
        for s in sums:
            self._add(s, replace(sink, where=s.attrs["where"], at=s.operands[2:]))
        return True

    def _add(self, s: Op, sink: Sink) -> None:
        """Make an addition an addition to a sink."""
        sink = replace(sink, by=None if s.decl is memory.store else s)
        found = self._shares(s.operands[1], sink, self.look.place[s])
        self.instead[s] = [Share(s.operands[1], sink)] if found is None else found

    # ---- calls --------------------------------------------------------------------------------

    def _pass_to_sums(self, region: Region) -> None:
        """Pass to calls the arrays to which their results are added."""
        for s in region.body:
            for inner in regions_of(s):
                self._pass_to_sums(inner)
            if s in self.instead or not isinstance(s, Op) or not s.operands:
                continue
            base = s.operands[0]
            if isinstance(base, Value) and (self.look.is_sum(s, base) or self.look.is_first(s)):
                found = self._shares(
                    s.operands[1], Sink(base, s.attrs["where"], s.operands[2:]), self.look.place[s]
                )
                if found is not None:
                    self.instead[s] = found

    def _pass_on(self, call: Call, v: Value, sink: Sink, at: Place) -> bool:
        """Whether a call gets a sink for one of its results; if so, the plan is changed."""
        destinations = self.destinations_of(call)
        if (
            destinations is None
            or call in self.refused
            or call.results.index(v) not in destinations.results
        ):
            return False
        fitted = self._fitted(call, v, sink)
        if fitted is None or (sink.factors and not destinations.scaled):
            return False
        look = self.look
        first = look.place[call].before
        own = look.roots.get(sink.base, frozenset())
        if not own.isdisjoint(look.seen_through(call.operands)):
            return False
        wanted: list[Statement] = []
        needed = (sink.base, *fitted.at, *sink.factors)
        if not all(look.is_ready(a, call, wanted) for a in needed):
            return False
        between = [s for s in at.region.body[first + 1 : at.before] if s not in wanted]
        if not all(self._only_adds(s, own) or look.is_first(s) for s in between):
            return False
        for s in between:
            if not self._only_adds(s, own) and isinstance(s, Op):  # the first store into zeros
                self._add(s, Sink(s.operands[0], s.attrs["where"], s.operands[2:]))  # type: ignore[arg-type]
        self.sinks[v] = fitted
        self.early.setdefault(call, []).extend(wanted)
        return True

    def _only_adds(self, s: Statement, own: frozenset[Value]) -> bool:
        """Whether a statement does not touch storage, or only adds to it."""
        roots = self.look.roots
        touched = (reads_of(s, roots) | writes_of(s, roots)) & own
        return not touched or s in self.instead or touched <= added_to(s, roots)

    def _scale_zeros(self, call: Call, k: int) -> None:
        """Pass the factors of a result with the call, for a result that gets new zeros."""
        v, at = call.results[k], self.look.place[call]
        factors: list[Atom] = []
        wanted: list[Statement] = []
        ends: list[Statement] = []
        while self.look.uses.get(v) == 1:
            user = next(iter(self.look.users.get(v, ())), None)
            number = _number_of(user, v)
            if user is None or number is None or self.look.place[user].region is not at.region:
                break
            if not self.look.is_ready(number, call, wanted):
                break
            factors.append(number)
            ends.append(user)
            v = user.results[0]
        if factors:
            self.scaled[call.results[k]] = Scaled(v, tuple(factors))
            self.dropped.update(ends)
            self.early.setdefault(call, []).extend(wanted)

    def _fitted(self, call: Call, v: Value, sink: Sink) -> Sink | None:
        """The sink, if it has the type of a result; None otherwise.

        If an argument of the result's type is the same part of an array of the base's type, the sink takes the
        argument's subscript.
        """
        wanted, base = v.type, sink.base.type
        assert isinstance(wanted, Array)
        if not isinstance(base, Array) or base.dtype != wanted.dtype or not is_view(sink.where):
            return None
        for a in call.operands if sink.where else ():
            made = self.look.maker.get(a) if isinstance(a, Value) and a.type == wanted else None
            if isinstance(made, Op) and made.decl is memory.index and made.operands[0].type == base:
                at = made.operands[1:]
                if made.attrs["where"] == sink.where and all(map(_same_number, at, sink.at)):
                    return replace(sink, at=at)
        if not sink.where:
            return sink if base == wanted else None
        part = Builder(shapes_for(self.fn)).op(memory.index, sink.base, *sink.at, where=sink.where)
        return sink if part.type == wanted else None


def _number_of(s: Statement | None, v: Value) -> Atom | None:
    """The number by which a generated statement multiplies an array; None for other statements."""
    if not isinstance(s, Op) or s.decl is not arithmetic.multiply or not is_generated(s):
        return None
    other = s.operands[1] if s.operands[0] is v else s.operands[0]
    return other if isinstance(other.type, Scalar) and s.result.type == v.type else None


def _same_number(x: Atom, y: Atom) -> bool:
    return x is y or x == y or (known_dim(x) is not None and known_dim(x) == known_dim(y))
