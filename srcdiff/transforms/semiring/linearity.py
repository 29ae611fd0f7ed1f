"""Linearity analysis: whether a term of a log_Z may contain the same sum of exponentials twice.

Sampling draws one term for each sum, so a sum that occurs twice would be drawn once for both occurrences.

    s = logsumexp(x);  s + s                                            twice
    total = total + logsumexp(scores[t])          in a loop             another sum in each iteration
    chart[i, k] + chart[k, j]                                           perhaps: nothing is known of elements

Each value has a set of marks: the sums that may be in it, and for each sum the loops of which it belongs to an earlier
iteration. Two values that are added share a sum if they share a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.recursion import callees_first, is_itself
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.reachability import JOINED, MOVED

# a sum, and the loops of which it belongs to an earlier iteration; None if it was stored in a buffer
_Mark = tuple[object, frozenset[int] | None]
_Marks = frozenset[_Mark]
_NONE: _Marks = frozenset()
# a term contains one of the operands, or each in an element of its own
_CHOOSING = {
    "where",
    "max",
    "maximum",
    *JOINED,
}


def may_use_sums_twice(fn: Function) -> bool:
    """Whether a term of `fn`, whose sums are `logsumexp` and `logaddexp`, may have one of them more than once."""
    receiving: dict[Function, set[int]] = {f: set() for f in callees_first(fn)}
    size = -1
    while size != (size := sum(map(len, receiving.values()))):
        if any(_Uses(f, receiving).run() for f in receiving):
            return True
    return False


class _Uses:
    """The marks of the values of a function; `receiving`: the positions of parameters that get sums, by function."""

    def __init__(self, fn: Function, receiving: dict[Function, set[int]]) -> None:
        self.roots = storage_roots(fn)
        self.fn = fn
        self.receiving = receiving
        given = (fn.params[k] for k in receiving[fn])
        self.marks: dict[Value, _Marks] = {p: frozenset({(p, frozenset())}) for p in given}
        self.stored: dict[Value, _Marks] = {}
        self.twice = False

    def run(self) -> bool:
        size = -1
        while size != self.size() and not self.twice:
            size = self.size()
            self.region(self.fn.body)
        return self.twice

    def size(self) -> int:
        return sum(map(len, (*self.marks.values(), *self.stored.values())))

    def of(self, atom: Atom) -> _Marks:
        if not isinstance(atom, Value):
            return _NONE
        held = (self.stored.get(r, _NONE) for r in self.roots.get(atom, ()))
        return self.marks.get(atom, _NONE).union(*held)

    def mark(self, value: Value, marks: Iterable[_Mark]) -> None:
        self.marks[value] = self.marks.get(value, _NONE) | frozenset(marks)

    def region(self, region: Region) -> None:
        for s in region.body:
            if isinstance(s, If):
                self.branches(s)
            elif isinstance(s, For | While):
                self.loop(s)
            else:
                self.operation(s)

    def branches(self, s: If) -> None:
        for region in (s.then, s.orelse):
            self.region(region)
        for r, x, y in zip(s.results, s.then.yields, s.orelse.yields, strict=True):
            self.mark(r, self.of(x) | self.of(y))

    def loop(self, s: For | While) -> None:
        """Mark carried values: a sum that an iteration makes belongs to an earlier iteration in the next one."""
        own = {v for region in regions_of(s) for v in defined_in(region)}

        def earlier(marks: _Marks) -> _Marks:
            return frozenset(
                (sum_, None if of is None else of | {id(s)} if sum_ in own else of)
                for sum_, of in marks
            )

        params = s.body.params[1:] if isinstance(s, For) else s.body.params
        tested = s.test.params if isinstance(s, While) and s.test is not None else params
        results = s.carried_results if isinstance(s, For) else s.results
        for region in regions_of(s):
            self.region(region)
        rows = zip(params, tested, results, s.carried, s.carried_yields, strict=True)
        for p, q, r, c, y in rows:
            for value in (p, q):
                self.mark(value, self.of(c) | earlier(self.of(y)))
            self.mark(r, self.of(c) | self.of(y) | self.of(p))

    def operation(self, s: Statement) -> None:
        given = [self.of(a) for a in s.operands]
        every = _NONE.union(*given)
        if isinstance(s, Call):
            self.twice |= _overlap(given)
            callee = self.fn if is_itself(s.function) else s.function
            self.receiving[callee].update(k for k, marks in enumerate(given) if marks)
            for r in s.results:
                self.mark(r, every | {(r, frozenset())})
        elif isinstance(s, Op) and s.decl.writes:
            # the others add to the old contents
            if s.decl.name not in ("store", "append", "list_set"):
                self.twice |= _overlap(given[:2])
            for root in writes_of(s, self.roots):
                stored = frozenset((sum_, None) for sum_, _ in every)
                self.stored[root] = self.stored.get(root, _NONE) | stored
        elif isinstance(s, Op) and any(is_float(r.type) for r in s.results):
            self.made(s, given, every)

    def made(self, s: Op, given: Sequence[_Marks], every: _Marks) -> None:
        name = s.decl.name
        if name in ("logsumexp", "logaddexp"):
            every |= {(s.result, frozenset())}
        elif not every:
            return
        elif name in ("add", "subtract"):
            self.twice |= _overlap(given)
        elif name not in _CHOOSING and name not in MOVED:
            self.twice = True
        for r in s.results:
            self.mark(r, every)


def _overlap(given: Sequence[_Marks]) -> bool:
    """Whether two of several values may contain the same sum."""
    seen: dict[object, set[frozenset[int] | None]] = {}
    for marks in given:
        for sum_, of in marks:
            others = seen.get(sum_, set())
            if others and (of is None or None in others or of in others):
                return True
        for sum_, of in marks:
            seen.setdefault(sum_, set()).add(of)
    return False
