"""Cancellation of shifts and normalisers: a number that is subtracted from exponents and added again is removed.

    top = np.max(scores, axis=0, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    log_alpha = logsumexp(scores - top, axis=0) + top[0]          ->    log_alpha = logsumexp(scores, axis=0)

A shift is a maximum, or a sum of exponentials that is subtracted. Its degree in a value is the number of times it is
added (-1 in `scores - top`). The analysis follows degrees through sums, views and loops. A shift whose degree is 0 in
all results may have any value, so it is set to 0. If this is not shown, the shift stays, as a maximum that truncates
small values does.

    total += top                    the sum of the shifts of all iterations so far:
    log_alpha = log_alpha - top     its degree is 1 in `total` and -1 in `log_alpha`, in each iteration
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Dim, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.transforms.analysis.defuse import defined_in, rename
from srcdiff.transforms.analysis.reachability import MOVED, flows, reached
from srcdiff.transforms.semiring.normalise.arrays_to_carries import rows_to_carries
from srcdiff.transforms.semiring.normalise.axis_maps import (
    axis_map,
    may_stand_for,
    reduced_axis_map,
    selects,
)
from srcdiff.transforms.semiring.normalise.normaliser_sums import (
    with_last_norms,
    without_reciprocals,
)
from srcdiff.transforms.semiring.normalise.recognise_max import with_maxima
from srcdiff.transforms.semiring.normalise.shift_removal import WithoutShifts, WithoutZeros
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries

# a shift, and the number of earlier writes to its storage; a negative number stands for the sum over a loop's
# iterations
Symbol = tuple[Value, int]
# the axes of a value that are the shift's own axes; -1 for an axis of length 1
Axes = tuple[int, ...]
# shift -> degree and axes; None for -inf, which has any degree
Form = dict[Symbol, tuple[int, Axes]]

_MAXIMA = {"max", "maximum"}
_SUMS = {"add": 1, "subtract": -1}
_PASSES = 100  # rounds over a loop until the fixpoint, at most
_PLACES = {"index", "read", "copy", "transpose", "squeeze"}


def without_shifts(fn: Function) -> Function:
    """`fn` without shifts; its sums of exponentials have to be `logsumexp` and `logaddexp`."""
    fn = without_reciprocals(fn)
    # equal expressions have to be one value
    single = cse(with_maxima(cse(fn, in_user_lines=True)), in_user_lines=True)
    with_rows = rows_to_carries(single)
    if norms_of(with_rows):
        single = cse(without_reciprocals(with_rows), in_user_lines=True)
    if not any(map(_is_maximum, walk(single.body))) and not norms_of(single):
        return fn
    fn = with_last_norms(single)
    norms = norms_of(fn)

    def is_shift(s: Op | Call) -> bool:
        return _is_maximum(s) or (isinstance(s, Op) and s in norms)

    shifts = reached(fn, is_shift, {*_MAXIMA, "where"})
    while True:
        degrees = _Degrees(fn, shifts)
        degrees.run()
        if shifts.isdisjoint(degrees.kept):
            break
        shifts -= degrees.kept  # a shift that stays is an ordinary value
    found = {op: x for op, (shift, x) in degrees.uses.items() if shift not in degrees.kept}
    if not found:
        return fn
    without = WithoutShifts(found)
    fn = remove_invariant_carries(rename(without(fn), without.names))
    return dce(WithoutZeros()(fn))


def _is_maximum(s: object) -> bool:
    return isinstance(s, Op) and s.decl.name in _MAXIMA


def norms_of(fn: Function) -> set[Op]:
    """The sums of exponentials that are subtracted from something."""
    sources: dict[Value, list[Value]] = {}
    sums: dict[Atom, Op] = {}
    open_values: list[Value] = []
    for s in walk(fn.body):
        for value, given in flows(s, {"where"}):
            sources.setdefault(value, []).extend(a for a in given if isinstance(a, Value))
        if isinstance(s, Op) and s.decl.name == "subtract" and isinstance(s.operands[1], Value):
            open_values.append(s.operands[1])
        elif isinstance(s, Op) and s.decl.name == "logsumexp":
            sums[s.result] = s
    seen = set(open_values)
    while open_values:
        new = set(sources.get(open_values.pop(), ())) - seen
        seen |= new
        open_values += new
    return {op for value, op in sums.items() if value in seen}


class _Degrees:
    """The degree of each shift in each value; `kept`: the shifts that stay."""

    def __init__(self, fn: Function, shifts: set[Value]) -> None:
        self.fn = fn
        self.shifts = shifts
        self.roots = storage_roots(fn)
        self.forms: dict[Value, Form | None] = {}
        # shift -> the shifts in the values from which it is computed
        self.under: dict[Value, set[Value]] = {}
        self.running: dict[tuple[For | While, Symbol], Symbol] = {}  # sums over iterations
        self.writes: dict[Value, int] = {}  # root -> number of writes so far
        self.kept: set[Value] = set()
        # an addition of a shift -> the shift, and the other operand
        self.uses: dict[Op, tuple[Value, Atom]] = {}
        self.places_of: dict[Value, Form] = {}  # the forms of views of shifts

    def run(self) -> None:
        self.region(self.fn.body)
        for y in self.fn.body.yields:
            self.keep(y)

    def form(self, atom: Atom) -> Form | None:
        if isinstance(atom, Const):
            return None if atom.value == -math.inf else {}
        if atom in self.shifts:  # used as a plain number
            self.kept |= self.under.get(atom, set())
            return {}
        return self.forms.get(atom, {})

    def found_from(self, shift: Value, *atoms: Atom) -> None:
        for atom in atoms:
            if isinstance(atom, Value):
                others = (
                    self.under.get(atom)
                    if atom in self.shifts
                    else {s for s, _ in self.forms.get(atom) or {}}
                )
                self.under.setdefault(shift, set()).update(others or ())

    def keep(self, *atoms: Atom) -> None:
        """Keep the shifts in values whose use is not supported."""
        for atom in atoms:
            self.keep_form(self.form(atom))

    def keep_form(self, form: Form | None) -> None:
        self.kept |= {shift for shift, _ in form or {}}

    def region(self, region: Region) -> None:
        for statement in region.body:
            if isinstance(statement, Op):
                self.op(statement)
            elif isinstance(statement, For):
                self.loop(statement, (statement.body,), statement.body.params[1:])
            elif isinstance(statement, While):
                test = () if statement.test is None else (statement.test,)
                self.loop(statement, (*test, statement.body), statement.body.params)
            elif isinstance(statement, If):
                self.branches(statement)
            else:
                self.keep(*statement.operands)

    def loop(self, loop: For | While, regions: Sequence[Region], params: Sequence[Value]) -> None:
        results = loop.carried_results if isinstance(loop, For) else loop.results
        for p, c in zip(params, loop.carried, strict=True):
            if p in self.shifts:
                self.found_from(p, c)
            else:
                self.forms[p] = self.form(c)
        own = {v for r in regions for v in defined_in(r)}
        changed, passes = True, 0
        while changed:
            changed, passes = False, passes + 1
            if passes > _PASSES:
                self.kept |= self.shifts
            self.count_writes(loop)
            if isinstance(loop, While) and loop.test is not None:
                for p, q in zip(loop.test.params, params, strict=True):
                    if p in self.shifts:
                        self.found_from(p, q)
                    else:
                        self.forms[p] = self.form(q)
            for region in regions:
                self.region(region)
            for p, y in zip(params, loop.carried_yields, strict=True):
                if passes > _PASSES:
                    break
                if p in self.shifts:
                    size = len(self.under.get(p, ()))
                    self.found_from(p, y)
                    changed |= size != len(self.under.get(p, ()))
                    continue
                both = self.after_iterations(loop, self.forms[p], self.form(y), own)
                changed |= both != self.forms[p]
                self.forms[p] = both
        for p, r in zip(params, results, strict=True):
            if r in self.shifts:
                self.found_from(r, p)
            else:
                self.forms[r] = self.form(p)
        self.count_writes(loop)

    def after_iterations(
        self, loop: For | While, before: Form | None, after: Form | None, own: set[Value]
    ) -> Form | None:
        """The form of a carried value: the shifts of each iteration are added to the sum over earlier iterations."""
        if after is None:
            return before
        sums = {r for (other, _), r in self.running.items() if other is loop}
        known = {s: d for s, d in (before or {}).items() if s in sums}
        inside = {s for s in walk(*regions_of(loop)) if isinstance(s, For | While)}
        of_others = {r for (other, _), r in self.running.items() if other not in inside}
        iteration = {s: d for s, d in after.items() if s[0] in own and s not in of_others}
        for s, degree in iteration.items():
            if s[1] > 0:  # written storage holds another number in each iteration
                self.kept.add(s[0])
                continue
            new = (s[0], -1 - len(self.running))
            r = self.running.setdefault((loop, s), new)
            if known.setdefault(r, degree) != degree or (
                r in (before or {}) and after.get(r) != degree
            ):
                self.kept.add(s[0])
        for (other, s), r in self.running.items():
            if other is loop and r in after and iteration.get(s) != after[r]:
                self.kept.add(s[0])
        rest = {s: d for s, d in after.items() if s not in iteration and s not in sums}
        if before is not None:
            given = {s: d for s, d in before.items() if s not in sums}
            rest = self.joined(given, rest) or {}
        return {**rest, **known}

    def branches(self, branch: If) -> None:
        for region in (branch.then, branch.orelse):
            self.region(region)
        own = set(defined_in(branch.then)) | set(defined_in(branch.orelse))
        rows = zip(branch.results, branch.then.yields, branch.orelse.yields, strict=True)
        for result, x, y in rows:
            if result in self.shifts:
                self.found_from(result, x, y)
            else:
                self.forms[result] = both = self.joined(self.form(x), self.form(y))
                self.kept |= {shift for shift, _ in both or {} if shift in own}
        self.count_writes(branch)

    def count_writes(self, statement: Statement) -> None:
        for root in writes_of(statement, self.roots):
            self.writes[root] = self.writes.get(root, 0) + 1

    def joined(self, x: Form | None, y: Form | None) -> Form | None:
        """The form of a value that is one of two; shifts with different degrees stay."""
        if x is None or y is None:
            return y if x is None else x
        different = {s for s in x.keys() | y.keys() if x.get(s) != y.get(s)}
        self.kept |= {shift for shift, _ in different}
        return {s: d for s, d in x.items() if s not in different}

    # ---- operations ----------------------------------------------------------------------------------

    def op(self, op: Op) -> None:
        name = op.decl.name
        if op.decl.writes:
            self.keep(*op.operands)
            self.count_writes(op)
        elif len(op.results) != 1:
            self.keep(*op.operands)
        elif op.result in self.shifts:
            if name in _PLACES:
                self.moved_shift(op)
            if name in _MAXIMA or name == "logsumexp" or name in MOVED:
                self.found_from(op.result, *op.operands[: None if name in _MAXIMA else 1])
            else:
                self.keep(*op.operands)
        elif name in _SUMS:
            self.forms[op.result] = self.total(op)
        elif name == "logsumexp":
            self.forms[op.result] = self.along(op)
        elif name in ("logaddexp", "where"):
            parts = [self.spread(a, op.result) for a in op.operands[-2:]]
            self.keep(*op.operands[:-2])
            self.forms[op.result] = self.joined(*parts)
        elif name == "full" and self.form(op.operands[0]) is None:
            self.forms[op.result] = None
        elif name in MOVED:
            self.forms[op.result] = self.moved(op, self.form(op.operands[0]))
        else:
            self.keep(*op.operands)

    def shift(self, atom: Atom) -> Form | None:
        """The form of a shift that is an operand of a sum."""
        if not isinstance(atom, Value) or atom not in self.shifts:
            return None
        if atom in self.places_of:
            return self.places_of[atom]
        axes = tuple(-1 if n == Dim(1) else k for k, n in enumerate(shape_of(atom.type)))
        return {(atom, self.count(atom)): (1, axes)}

    def count(self, shift: Value) -> int:
        """The number of writes to a shift's storage so far."""
        return sum(self.writes.get(r, 0) for r in self.roots.get(shift, ()))

    def moved_shift(self, op: Op) -> None:
        """Record that a view of a shift is the same shift; a copy may be written, and is another shift."""
        source = self.shift(op.operands[0])
        name = op.decl.name
        if source is None or name == "copy" or (name == "index" and selects(op)):
            return
        if name == "read":  # the current contents
            source = {(shift, self.count(shift)): at for (shift, _), at in source.items()}
        form = self.moved(op, source)
        if form:
            self.places_of[op.result] = form

    def total(self, op: Op) -> Form | None:
        x, y = op.operands
        shifts = [self.shift(a) for a in (x, y)]
        whole = [
            {} if s is not None else self.spread(a, op.result)
            for a, s in zip((x, y), shifts, strict=True)
        ]
        sign = _SUMS[op.decl.name]
        for k, shift in enumerate(shifts):
            other = op.operands[1 - k]
            if shift is None:
                continue
            spread = self.placed(shift, ndim_of(op.operands[k].type), op.result)
            plain = shifts[1 - k] is not None or (k == 0 and sign < 0)
            if plain or not may_stand_for(other, op.result):
                self.keep_form(shift)
                self.keep(op.operands[k])
                continue
            ((value, _),) = shift
            self.uses[op] = value, other
            whole[k] = spread
        if None in whole:
            return None
        out: Form = dict(whole[0] or {})
        for s, (degree, axes) in (whole[1] or {}).items():
            before, own = out.pop(s, (0, axes))
            if own != axes:
                self.kept.add(s[0])
            elif before + sign * degree:
                out[s] = before + sign * degree, axes
        return out

    def spread(self, atom: Atom, result: Value) -> Form | None:
        form = self.form(atom)
        return None if form is None else self.placed(form, ndim_of(atom.type), result)

    def placed(self, form: Form, axes: int, result: Value) -> Form:
        """The form of an operand with `axes` axes, for the result to which it is broadcast."""
        later = ndim_of(result.type) - axes
        return self.axes_changed(form, lambda k: k + later)

    def axes_changed(self, form: Form, change: Callable[[int], int | None]) -> Form:
        out: Form = {}
        for s, (degree, axes) in form.items():
            new = [k if k < 0 else change(k) for k in axes]
            if None in new:
                self.kept.add(s[0])
            else:
                out[s] = degree, tuple(k for k in new if k is not None)
        return out

    def along(self, op: Op) -> Form | None:
        """The form of a `logsumexp`: a shift without a summed axis is in all terms, and so in the sum."""
        form = self.form(op.operands[0])
        if form is None:
            return None
        return self.axes_changed(form, reduced_axis_map(op))

    def moved(self, op: Op, form: Form | None) -> Form | None:
        """The form of a view or a copy."""
        if not form:
            return form
        change = axis_map(op)
        if change is None:
            self.keep_form(form)
            return {}
        return self.axes_changed(form, change)
