"""Induction variables: an integer that a loop changes by known steps is counted in its mirror, not stored.

    for j:                                          for j:
        for i:                                          for i:
            ... w[at] ...              becomes              ... w[at] ...
            at += 1                                         at += 1
    for j reversed:                                 for j reversed:
        for i reversed:                                 for i reversed:
            ... w[ats[j, i]] ...                            at -= 1
                                                            ... w[at] ...

If the iterations of the mirror commute, the mirror runs forwards and counts as the loop itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from srcdiff.ir.core import For, Function, Op, walk
from srcdiff.ir.types import Array, List
from srcdiff.ir.values import Atom, Const, Value, is_number_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, defined_in
from srcdiff.transforms.analysis.dependence.load_stability import Program
from srcdiff.transforms.analysis.dependence.loop_dependence import (
    accesses,
    carries_only_add,
    storage_commutes,
)
from srcdiff.transforms.analysis.effects import footprint


@dataclass(frozen=True, eq=False)
class Counter:
    """An induction variable: the loop-carried value number `place` of a loop.

    If an inner loop counts on (`inner`), `before` are the steps of an iteration before the inner loop, and `after` the
    steps after it. If there is no such loop, both are all steps.
    """

    loop: For
    mirror: For
    place: int
    before: tuple[Op, ...]
    inner: Counter | None
    after: tuple[Op, ...]
    in_order: bool = False  # the mirror runs forwards

    @property
    def param(self) -> Value:
        return self.loop.body.params[self.place + 1]

    @property
    def start(self) -> Atom:
        return self.loop.carried[self.place]

    @property
    def end_of_iteration(self) -> Value:
        """The value that an iteration yields."""
        yielded = self.loop.carried_yields[self.place]
        assert isinstance(yielded, Value)
        return yielded

    @property
    def result(self) -> Value:
        return self.loop.results[self.place]

    @property
    def begins(self) -> Atom:
        """The value from which the mirror starts."""
        return self.start if self.in_order else self.result

    @property
    def ends(self) -> Value:
        """The value that an iteration of the mirror yields."""
        return self.end_of_iteration if self.in_order else self.param

    def nest(self) -> Iterator[Counter]:
        yield self
        if self.inner is not None:
            yield from self.inner.nest()

    @property
    def steps(self) -> tuple[Op, ...]:
        """The steps at the start of an iteration of the mirror."""
        return self.before if self.in_order else self.after

    def known_values(self) -> Iterator[Value]:
        """The values that are known at the start of an iteration of the mirror."""
        yield from (op.result for op in self.steps)
        if self.in_order:
            yield self.param
        else:
            yield from (self.end_of_iteration, self.last)
        if self.inner is not None:
            yield from self.inner.known_values()

    @property
    def last(self) -> Value:
        """The value that results if the steps are undone from the end of an iteration."""
        return self.param if self.inner is None else self.inner.result


def step(op: Op, program: Program) -> tuple[Value, Atom] | None:
    """The value to which an addition or subtraction applies a step, and the step; None if the step is not known."""
    if op.decl not in (arithmetic.add, arithmetic.subtract) or not is_number_of(op.result, "int64"):
        return None
    orders = (op.operands, op.operands[::-1]) if op.decl is arithmetic.add else (op.operands,)
    for counted, by in orders:
        if is_known(by, program) and isinstance(counted, Value):
            return counted, by
    return None


def is_known(a: Atom, program: Program) -> bool:
    """Whether the backward part has an integer at no cost."""
    return is_number_of(a, "int64") and (
        isinstance(a, Const) or program.is_top(a) or program.is_index(a)
    )


def counters(
    fn: Function, program: Program, has_room: Callable[[Value], bool]
) -> dict[Value, Counter]:
    """The integers that mirrors can count, each with its counter. `has_room`: whether a value, if stored, is stored in
    an array.
    """
    mirrors = mirrored(fn)
    found: list[Counter] = []
    for loop in mirrors:
        inside = {c.param for counter in found for c in counter.nest()}
        for place, param in enumerate(loop.body.params[1:]):
            counter = None if param in inside else _counter(loop, place, mirrors, program)
            found += [] if counter is None else [counter]
    if found:
        uses = count_uses(fn)
        backwards = {
            c.mirror
            for n in found
            for c in n.nest()
            if not _runs_in_order(c, program, has_room, uses)
        }
        backwards |= {n.mirror for n in found if not is_known(n.start, program)}
        same_order = {m for loop, m in mirrors.items() if loop.reverse == m.reverse}
        found = [n for n in found if n.mirror not in same_order or is_known(n.start, program)]
        found = _directed(found, backwards - same_order)
    return {v: n for n in found for v in n.known_values()}


def mirrored(fn: Function) -> dict[For, For]:
    """The loops that have a mirror, each with its mirror."""
    pairs: dict[int, list[For]] = {}
    for s in walk(fn.body):
        if isinstance(s, For) and s.pair and not s.breaks:
            pairs.setdefault(s.pair, []).append(s)
    return {loops[0]: loops[1] for loops in pairs.values() if len(loops) == 2}


def _directed(found: list[Counter], backwards: set[For]) -> list[Counter]:
    """The counters, each in order unless one of its mirrors runs backwards. A mirror that runs backwards for one
    counter runs backwards for all of its counters.
    """
    while True:
        stay = [n for n in found if not backwards.isdisjoint(c.mirror for c in n.nest())]
        more = {c.mirror for n in stay for c in n.nest()}
        if more <= backwards:
            return [n if n in stay else _in_order(n) for n in found]
        backwards |= more


def _counter(loop: For, place: int, mirrors: Mapping[For, For], program: Program) -> Counter | None:
    """The counter of a loop-carried value; None if the loop does anything but known steps to it."""
    mirror, param = mirrors[loop], loop.body.params[place + 1]
    steps: list[Op] = []
    after: list[Op] = []
    inner: Counter | None = None
    at = loop.carried_yields[place]
    while at is not param:
        made = program.maker.get(at)
        if made is None or program.region_of[id(made)] is not loop.body:
            return None
        if isinstance(made, Op) and (counted := step(made, program)) is not None:
            steps.insert(0, made)
            at = counted[0]
        elif (
            isinstance(made, For)
            and mirrors.get(made) in mirror.body.body
            and inner is None
            and isinstance(at, Value)
        ):
            inner = _counter(made, made.results.index(at), mirrors, program)
            if inner is None:
                return None
            after, steps, at = steps, [], inner.start
        else:
            return None
    return Counter(loop, mirror, place, tuple(steps), inner, tuple(after if inner else steps))


def _in_order(counter: Counter) -> Counter:
    inner = None if counter.inner is None else _in_order(counter.inner)
    return replace(counter, inner=inner, in_order=True)


def _runs_in_order(
    counter: Counter,
    program: Program,
    has_room: Callable[[Value], bool],
    uses: Mapping[Value, int],
) -> bool:
    """Whether the iterations of a mirror commute, and all that may be stored for them is stored by index."""
    loop, mirror, roots = counter.loop, counter.mirror, program.roots
    arrays = (v for v in defined_in(loop.body) if isinstance(v.type, Array | List))
    return (
        all(map(has_room, (loop.index, *arrays)))
        and not footprint(mirror, roots).effect
        and carries_only_add(mirror, uses)
        and storage_commutes(accesses(mirror, roots))
    )
