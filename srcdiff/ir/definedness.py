"""Which values are there: a name that only one of two paths binds has none on the other.

    returned = False                             `value` is absent where `returned` is False, and
    while ...:                                   present where it is True: where the loop is left
        if ...: returned = True; value = ...     the other way, nothing has to be yielded for it.
    if returned: return value

Absence and presence are relations of values to flags: the greatest fixpoint over the yields of branches and loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TypeGuard

from srcdiff.ir.core import (
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    While,
    carried_values,
    regions_of,
    walk,
)
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value, known_trip_count

Conditions = Mapping[Value, bool]  # what conditions are known to be at a place of the program
Makers = Mapping[Atom, Statement]


class Presence:
    """Answers for one function."""

    def __init__(self, fn: Function, maker: Makers) -> None:
        some = any(is_undefined(s) for s in walk(fn.body))
        self.absent = _Relation(fn, maker, False) if some else None
        self.present = _Relation(fn, maker, True) if some else None

    def is_absent(self, atom: Atom, known: Conditions) -> bool:
        return self.absent is not None and self.absent.holds(atom, known)

    def is_present(self, atom: Atom, known: Conditions) -> bool:
        return self.present is None or self.present.holds(atom, known)

    def uncertain(self) -> Set[Value]:
        """The results of branches and loops that have a value on some paths only."""
        return set() if self.present is None else self.present.when.keys() - self.present.always


def is_undefined(s: Statement | None) -> bool:
    return isinstance(s, Op) and s.decl.name == "undefined"


def perhaps_undefined(fn: Function) -> Set[Value]:
    """The values that an undefined value reaches by joins, tapes and lists, whatever the conditions are."""
    found: set[Value] = set()
    stores: set[object] = set()  # slots of the tape, and lists
    if not any(is_undefined(s) for s in walk(fn.body)):
        return found
    size = -1
    while len(found) + len(stores) > size:
        size = len(found) + len(stores)
        for s in walk(fn.body):
            match s:
                case If():
                    pairs = zip(s.results, s.then.yields, s.orelse.yields, strict=True)
                    found.update(r for r, *sources in pairs if not found.isdisjoint(sources))
                case For() | While():
                    for k, pair in enumerate(zip(s.carried, s.carried_yields, strict=True)):
                        found.update(carried_values(s, k) if not found.isdisjoint(pair) else ())
                case Op() if is_undefined(s):
                    found.update(s.results)
                case Op() if s.decl.name in ("save", "append") and s.operands[-1] in found:
                    stores.add(s.attrs.get("slot", s.operands[0]))
                case Op() if s.decl.name in ("restore", "list_item", "list_pop"):
                    store = s.attrs["slot"] if s.decl.name == "restore" else s.operands[0]
                    found.update(s.results if store in stores else ())
    return found


def settled(condition: Atom, truth: bool, maker: Makers) -> Iterator[tuple[Value, bool]]:
    """What is known where a condition holds (or does not): of the flag, of what it is `not` of, and of the only
    side of a branch on which it may be so.
    """
    while isinstance(condition, Value):
        yield condition, truth
        made = maker.get(condition)
        if isinstance(made, If):
            sides = _sides(made, condition, truth)
            if len(sides) != 1:
                return
            condition, truth = made.condition, sides[0]
        elif isinstance(made, Op) and made.decl.name == "not":
            condition, truth = made.operands[0], not truth
        else:
            return


def _sides(branch: If, flag: Value, truth: bool) -> list[bool]:
    """The sides of a branch on which a flag that it yields may be `truth`."""
    k = branch.results.index(flag)
    sides = []
    for side, region in ((True, branch.then), (False, branch.orelse)):
        y = region.yields[k]
        is_known = isinstance(y, Const) or y is branch.condition
        if not is_known or (bool(y.value) if isinstance(y, Const) else side) is truth:
            sides.append(side)
    return sides


class _Relation:
    """`when[v]`: flags each of which, if it is `side`, makes v present (`side` is True) or absent (False).

    `always`: the values that are so in any case.
    """

    def __init__(self, fn: Function, maker: Makers, side: bool) -> None:
        self.maker = maker
        self.side = side
        self.always: set[Value] = set()
        self.when: dict[Value, set[Value]] = {}
        if side:
            self.always.update(fn.params)
        self.region(fn.body, {})

    def holds(self, atom: Atom, known: Conditions) -> bool:
        if not isinstance(atom, Value):
            return self.side
        return atom in self.always or any(
            known.get(flag) is self.side for flag in self.when.get(atom, ())
        )

    def given(self, atom: Atom, flag: Atom, known: Conditions) -> bool:
        """Whether a value is so if a flag is; where the flag is never, that is no evidence."""
        if isinstance(flag, Const):
            return bool(flag.value) is not self.side or self.holds(atom, known)
        if known.get(flag) is not None and known[flag] is not self.side:
            return True
        return self.holds(atom, {**known, **dict(settled(flag, self.side, self.maker))})

    # ---- the walk ----

    def region(self, region: Region, known: Conditions) -> None:
        for s in region.body:
            match s:
                case If():
                    self.branch(s, known)
                case For() | While():
                    self.loop(s, known)
                case _:
                    for result in s.results:
                        self.note(result, is_undefined(s) is not self.side)

    def branch(self, s: If, known: Conditions) -> None:
        arms = [
            (region, {**known, **dict(settled(s.condition, truth, self.maker))})
            for region, truth in ((s.then, True), (s.orelse, False))
        ]
        for region, here in arms:
            self.region(region, here)
        flags = {r: k for k, r in enumerate(s.results) if is_flag(r)}
        tested = {flag for flag, _ in settled(s.condition, True, self.maker)}
        for k, result in enumerate(s.results):
            yielded = [(region.yields, region.yields[k], here) for region, here in arms]
            self.note(result, all(self.holds(y, here) for _, y, here in yielded))
            outer = {f for _, y, _ in yielded for f in self.flags_of(y)}
            self.when[result] = {
                flag
                for flag in {**flags, **dict.fromkeys(tested | outer)}
                if all(self.given(y, _part(flag, flags, all_), here) for all_, y, here in yielded)
            }

    def loop(self, loop: For | While, known: Conditions) -> None:
        """What holds at the start is assumed of every iteration, until an iteration is found not to yield it."""
        names = [carried_values(loop, k) for k in range(len(loop.carried))]
        flags = {each[0]: k for k, each in enumerate(names) if is_flag(each[0])}
        always = [self.holds(start, known) for start in loop.carried]
        pairs = [
            {
                flag
                for flag in {**flags, **dict.fromkeys(self.flags_of(start))}
                if self.given(start, _part(flag, flags, loop.carried), known)
            }
            for start in loop.carried
        ]
        if isinstance(loop, For):
            for number in (loop.index, *loop.results[: loop.breaks]):
                self.note(number, self.side)
        while True:
            for k, each in enumerate(names):
                for at, name in enumerate(each):
                    self.note(name, always[k])
                    here = [other[at] for other in names]
                    self.when[name] = {_part(flag, flags, here) for flag in pairs[k]}  # type: ignore[misc]
            for region in regions_of(loop):
                self.region(region, {**known, **self.unchanged(loop)})
            yields = loop.carried_yields
            before = (always, pairs)
            always = [a and self.holds(y, known) for a, y in zip(always, yields, strict=True)]
            pairs = [
                {f for f in found if self.given(y, _part(f, flags, yields), known)}
                for found, y in zip(pairs, yields, strict=True)
            ]
            if (always, pairs) == before:
                break
        if self.side and _surely_runs(loop):
            for result, y in zip(loop.carried_results, yields, strict=True):
                self.note(result, self.holds(y, known))

    def unchanged(self, loop: For | While) -> Conditions:
        """The flags that are the same at the start of every iteration: the loop ends after one changes."""
        if not isinstance(loop, For) or not loop.breaks:
            return {}
        continues = dict(settled(loop.body.yields[0], True, self.maker))
        found = {}
        for start, end, param in zip(
            loop.carried, loop.carried_yields, loop.body.params[1:], strict=True
        ):
            made = self.maker.get(end) if isinstance(end, Value) else None
            if (
                isinstance(made, If)
                and isinstance(made.condition, Value)
                and made.condition in continues
            ):
                side = made.then if continues[made.condition] else made.orelse
                end = side.yields[made.results.index(end)]
            if is_flag(param) and isinstance(start, Const) and end in (param, start):
                found[param] = bool(start.value)
        return found

    def note(self, value: Value, always: bool) -> None:
        (self.always.add if always else self.always.discard)(value)

    def flags_of(self, atom: Atom) -> set[Value]:
        return self.when.get(atom, set()) if isinstance(atom, Value) else set()


def _surely_runs(loop: For | While) -> TypeGuard[For]:
    """Whether a loop is certain to complete an iteration: it has constant bounds, and no `break`."""
    if not isinstance(loop, For) or loop.breaks:
        return False
    return bool(known_trip_count(loop.start, loop.stop, loop.step))


def _part(flag: Value, places: Mapping[Value, int], atoms: Sequence[Atom]) -> Atom:
    """What stands in the place of a flag among others; a flag from outside is itself."""
    return atoms[places[flag]] if flag in places else flag


def is_flag(value: Value) -> bool:
    return isinstance(value.type, Scalar) and value.type.dtype == "bool"
