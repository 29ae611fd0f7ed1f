"""Hoisting of bounds checks: one check in front of a loop, instead of one in each iteration.

    for 0, %n { (%i) ->                                   if %n > %len { raise IndexError }
        if %i >= %len { raise IndexError }      becomes   for 0, %n { (%i) -> ... }
        ... }

It applies only where an earlier error cannot be observed: the loop prints nothing, raises nothing else, and has no
early exit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import has_effect
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, walk
from srcdiff.ir.types import Dim
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.control import control
from srcdiff.transforms.analysis.defuse import defined_in, uses_outside
from srcdiff.transforms.lower.hoist_counter_checks import (
    Check,
    invariant_test,
    without,
    without_counted_checks,
)


def hoist_checks(fn: Function) -> Function:
    """`fn` with the checks of loops hoisted as far as is legal, and without repeated checks."""
    return _HoistChecks()(fn)


class _HoistChecks(Rewriter):
    def region(self, old: Region, env: Env, b: Builder) -> Region:
        for statement in old.body:
            self.statement(statement, env, b)
        yields = tuple(lookup(env, y) for y in old.yields)
        return Region(old.params, tuple(_each_once(b.body, yields)), yields)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, For) and not new.breaks and _is_quiet_but_for_checks(new):
            new = without_counted_checks(new, _checks, b)
            new = _without_checks(new, b)
        b.append(new)


def _checks(body: Sequence[Statement]) -> list[Check]:
    found: list[Check] = []
    for k, s in enumerate(body[:-1]):
        branch = body[k + 1]
        is_test = isinstance(s, Op) and s.decl is control.test
        if (
            is_test
            and isinstance(branch, If)
            and branch.condition is s.results[0]
            and _is_check(branch)
        ):
            assert isinstance(s, Op)
            found.append(Check(s, branch))
    return found


def _is_check(branch: If) -> bool:
    inner = branch.then.body
    return (
        len(inner) == 1
        and isinstance(inner[0], Op)
        and inner[0].decl is control.raise_
        and "IndexError" in inner[0].attrs["classes"]
        and branch.origin == "compiler"
        and not branch.orelse.body
        and not branch.results
    )


def _is_quiet_but_for_checks(loop: For) -> bool:
    """Whether checks are the only observable effect of a loop."""
    inside = [s for s in walk(loop.body) if isinstance(s, If) and _is_check(s)]
    allowed = {inner for s in inside for inner in s.then.body}
    return all(
        not (isinstance(s, Op) and s.decl.effect) or s in allowed for s in walk(loop.body)
    ) and not any(isinstance(s, While | Call) for s in walk(loop.body))


def _without_checks(loop: For, b: Builder) -> For:
    """The loop without the checks that are hoisted to `b`."""
    own = {*loop.body.params, *defined_in(loop.body)}
    removed: set[Statement] = set()
    for check in _checks(loop.body.body):
        test, lengths = invariant_test(check.test, loop, own)
        moved = _in_front(Check(test, check.branch), loop, own)
        if moved is not None:
            b.body += [*lengths, *moved]
            removed |= {check.test, check.branch}
    return without(loop, removed)


def _in_front(check: Check, loop: For, own: set[Value]) -> list[Statement] | None:
    """One check for all iterations; None if there is none."""
    test = _at_the_start(check.test, loop)
    inner = [a for a in test.operands if a in own]
    if not inner:
        return _guarded(check, loop, test.attrs["text"], test.operands)
    index, *others = test.operands
    shift = _offset_from_index(index, loop)
    # the guards test that inner loops have an iteration
    *guards, condition = test.attrs["text"].split(" and ")
    if inner != [index] or shift is None or condition != "{0} >= {1}" or "{0}" in " ".join(guards):
        return None
    more = "" if not shift else f" + {shift}" if shift > 0 else f" - {-shift}"
    text = " and ".join([*guards, f"{{0}}{more} > {{1}}"])
    return _guarded(check, loop, text, (loop.stop, *others), is_enough=shift <= 0)


def _at_the_start(test: Op, loop: For) -> Op:
    """A test with the start of the loop in place of the index in its guards. A guard `n > i + 1` tests that an inner
    loop has an iteration; if any iteration passes it, the first one does.
    """
    *guards, condition = test.attrs["text"].split(" and ")
    for guard in guards:
        bound = re.fullmatch(r"\{\d+\} > \{(\d+)\}", guard)
        k = int(bound.group(1)) if bound is not None else 0
        rest = [t for t in (*guards, condition) if t is not guard]
        shift = _offset_from_index(test.operands[k], loop) if bound is not None else None
        if shift is not None and isinstance(loop.start, Const) and f"{{{k}}}" not in " ".join(rest):
            first = const(loop.start.value + shift)
            operands = (*test.operands[:k], first, *test.operands[k + 1 :])
            test = replace(test, operands=operands)
    return test


def _guarded(
    check: Check, loop: For, text: str, operands: Sequence[Atom], is_enough: bool = False
) -> list[Statement] | None:
    """The check under the condition that the loop has an iteration; `is_enough`: it implies that, for loops from 0."""
    if loop.reverse or not isinstance(loop.step, Const) or loop.step.value != 1:
        return None
    if not (is_enough and loop.start == const(0)):
        place = len(operands)
        if isinstance(loop.stop, Const) and isinstance(loop.start, Const):
            if loop.stop.value <= loop.start.value:
                return []
        elif isinstance(loop.start, Const):
            text, operands = f"{{{place}}} > {loop.start.value} and {text}", (*operands, loop.stop)
        else:
            text = f"{{{place}}} > {{{place + 1}}} and {text}"
            operands = (*operands, loop.stop, loop.start)
    result = replace(check.test.results[0])
    test = replace(check.test, operands=tuple(operands), attrs={"text": text}, results=(result,))
    return [test, replace(check.branch, condition=result)]


def _offset_from_index(index: Atom, loop: For) -> int | None:
    """The constant offset of an index from the loop's index."""
    here, counted = known_dim(index), known_dim(loop.index)
    if here is None or counted is None:
        return None
    rest = here - counted
    return rest.const if rest.is_const else None


def _each_once(body: Sequence[Statement], yields: Sequence[Atom]) -> list[Statement]:
    """A region's statements without checks that an earlier check implies.

    The first of several checks of an array's length tests for the largest, if no effect is between them.
    """
    seen: dict[tuple[object, ...], Op] = {}
    changed: dict[Statement, Statement | None] = {}
    checks = {c.test: c for c in _checks(body)}
    inside = {c.branch for c in checks.values()}
    tested = {c.test.result for c in checks.values()}
    again = [s for s in body if isinstance(s, If) and _is_check(s) and s.condition in tested]
    # the first one tests the same condition
    body = [s for s in body if s not in again or s in inside]
    others = {*yields, *(a for s in body if s not in inside for a in uses_outside(s))}
    checks = {t: c for t, c in checks.items() if t.result not in others}
    for s in body:
        if isinstance(s, Op) and s in checks:
            key, number = _test_key(s)
            first = seen.setdefault(key, s)
            if first is not s:
                changed |= {s: None, checks[s].branch: None}
                if number > _test_key(changed.get(first) or first)[1]:  # type: ignore[arg-type]
                    changed[first] = replace(first, attrs={"text": s.attrs["text"]})
        elif s not in inside and has_effect(s):
            seen = {k: v for k, v in seen.items() if _test_key(v)[1] == 0}
    kept = (changed.get(s, s) for s in body)
    return [s for s in kept if s is not None]


def _test_key(test: Op) -> tuple[tuple[object, ...], int]:
    """A key for a check, and the length that the array needs (0: the check tests something else)."""
    text = test.attrs["text"]
    bound = re.fullmatch(r"(.*){1} (?:< (\d+)|== 0)", text)
    if bound is None:
        return (text, *map(_known, test.operands)), 0
    return (bound.group(1), *map(_known, test.operands[1:])), int(bound.group(2) or 1)


def _known(atom: Atom) -> Atom | Dim:
    """An operand, by its symbolic value if it is known."""
    return known_dim(atom) or atom
