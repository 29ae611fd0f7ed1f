"""Recognition of maxima: a comparison that selects the larger value becomes `maximum`.

    if score > top:                                top = max(score, top)
        top = score                        ->
    if top == -np.inf:                             if top == -np.inf:
        return top                                     return -np.inf

`np.where(score > top, score, top)` is recognised, too. `cancel_normalisers` then finds the shift. In a branch that
tests for -inf, the tested value is replaced by -inf.
"""

from __future__ import annotations

import math
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, If, Op, Statement
from srcdiff.ir.types import ndim_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.elementwise import arithmetic, elementary, special
from srcdiff.transforms.analysis.defuse import same_kind

_LARGER = {"greater": 0, "greater_equal": 0, "less": 1, "less_equal": 1}
_IS_NOTHING = {"equal": "then", "less_equal": "then", "not_equal": "orelse", "greater": "orelse"}


def with_maxima(fn: Function) -> Function:
    """`fn` with `maximum` for selections of the larger value; `logsumexp` of a vector loses its axis attribute."""
    return _Maxima()(fn)


class _Maxima(Rewriter):
    def __init__(self) -> None:
        self.tests: dict[Atom, Op] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, If):
            self.branch(old, env, b)
            return
        new = _of_all(self.keep(old, env, b))
        if isinstance(new, Op) and new.decl.name in _LARGER.keys() | _IS_NOTHING.keys():
            self.tests[new.result] = new
        elif isinstance(new, Op) and new.decl is elementary.where:
            condition, x, y = new.operands
            new = self.maximum(condition, x, y, new.result) or new
        b.append(new)

    def branch(self, old: If, env: Env, b: Builder) -> None:
        condition = lookup(env, old.condition)
        nothing = self.nothing(condition)
        sides = {}
        for name in ("then", "orelse"):
            known = {nothing[0]: const(-math.inf)} if nothing and nothing[1] == name else {}
            sides[name] = self.region(getattr(old, name), {**env, **known}, b.inner())
        rows = list(zip(old.results, sides["then"].yields, sides["orelse"].yields, strict=True))
        maxima = [self.maximum(condition, x, y, result) for result, x, y in rows]
        left = [row for row, op in zip(rows, maxima, strict=True) if op is None]
        for op in maxima:
            if op is not None:
                b.append(op)
        b.append(
            replace(
                old, condition=condition, results=tuple(r for r, _, _ in left),
                then=replace(sides["then"], yields=tuple(x for _, x, _ in left)),
                orelse=replace(sides["orelse"], yields=tuple(y for _, _, y in left)),
            )
        )  # fmt: skip

    def maximum(self, condition: Atom, x: Atom, y: Atom, result: Value) -> Op | None:
        """The maximum that equals `x` if the condition is true, otherwise `y`; None if it is not a maximum."""
        test = self.tests.get(condition)
        if test is None or test.decl.name not in _LARGER:
            return None
        larger, smaller = test.operands if _LARGER[test.decl.name] == 0 else test.operands[::-1]
        if (x, y) != (larger, smaller):
            return None
        if not all(same_kind(a.type, result.type) for a in (x, y)):
            return None
        return Op(arithmetic.maximum, (x, y), (result,), {}, test.location, test.origin)

    def nothing(self, condition: Atom) -> tuple[Value, str] | None:
        """The value that a condition compares with -inf, and the branch in which it is -inf."""
        test = self.tests.get(condition)
        if test is None or test.decl.name not in _IS_NOTHING:
            return None
        x, other = test.operands
        if not isinstance(x, Value) or other != const(-math.inf):
            return None
        return x, _IS_NOTHING[test.decl.name]


def _of_all(s: Statement) -> Statement:
    """A `logsumexp` of a vector without its axis attribute, so that equal sums are equal operations."""
    if not isinstance(s, Op) or s.decl is not special.logsumexp or s.attrs.get("keepdims"):
        return s
    return replace(s, attrs={}) if ndim_of(s.operands[0].type) == 1 else s
