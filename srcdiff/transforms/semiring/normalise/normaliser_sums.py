"""Sums of normalisers: the logarithm of the normalised message, which is 0, is added to a sum of its normalisers.

    for y in data:                              for y in data:
        message = step(message, y)                  message = step(message, y)
        norm = logsumexp(message)                   norm = logsumexp(message)
        message = message - norm                    message = message - norm
        total += norm                     ->        total += norm
                                                    left = logsumexp(message)
    return total                                return total + left

Each normaliser is then added as often as it is subtracted, so that `cancel_normalisers` removes all of them, and `left`
becomes the sum itself. A multiplication by `1 / norm` counts as a division by `norm`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.types import Scalar, ndim_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.elementwise import arithmetic, special
from srcdiff.transforms.simplify.dce import dce

_SIGNS = {arithmetic.add: arithmetic.subtract, arithmetic.subtract: arithmetic.add}


def with_last_norms(fn: Function) -> Function:
    """`fn` with the logarithm of the normalised message added to sums of normalisers."""
    return _LastNorms(fn)()


def without_reciprocals(fn: Function) -> Function:
    """`fn` with subtractions in place of additions of negated values."""
    return dce(_Reciprocals()(fn))


class _Reciprocals(Rewriter):
    """Writes `x - n` for `x + (0 - n)`."""

    def __init__(self) -> None:
        self.negated: dict[Atom, Atom] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl is arithmetic.negative:
            if new.operands[0] in self.negated:
                env[new.result] = self.negated[new.operands[0]]
                return
            self.negated[new.result] = new.operands[0]
        elif (
            isinstance(new, Op)
            and new.decl is arithmetic.subtract
            and new.operands[0] == const(0.0)
        ):
            self.negated[new.result] = new.operands[1]
        elif isinstance(new, Op) and new.decl in _SIGNS:
            x, y = new.operands
            if x in self.negated and new.decl is arithmetic.add:
                x, y = y, x
            if y in self.negated:
                new = replace(new, decl=_SIGNS[new.decl], operands=(x, self.negated[y]))
        b.append(new)


class _LastNorms(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.made = {s.result: s for s in ops_of(fn) if len(s.results) == 1}
        uses = [a for s in walk(fn.body) for a in s.operands] + [*fn.body.yields]
        inner = [a for s in walk(fn.body) for a in getattr(s, "carried_yields", ())]
        self.uses = Counter(a for a in (*uses, *inner) if isinstance(a, Value))

    def __call__(self) -> Function:  # type: ignore[override]
        return super().__call__(self.fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        pair = self.pair(old) if isinstance(old, For) and not old.breaks else None
        new = self.keep(old, env, b)
        if pair is None or not isinstance(new, For) or not isinstance(old, For):
            b.append(new)
            return
        message, total = pair
        first = self.norm(old.carried[message])
        # so that the normaliser is an operand of a sum
        if first is not None and old.carried[total] == first:
            carried = [*new.carried]
            carried[total] = b.op(arithmetic.add, const(0.0), carried[total])
            new = replace(new, carried=tuple(carried))
        if first is not None:  # whatever the number of iterations
            b.append(new)
            left = b.op(special.logsumexp, new.results[message])
        else:
            left = self.carried(new, message, old.carried_yields[message], b)
        result = old.results[total]
        env[result] = b.op(arithmetic.add, lookup(env, result), left)

    def carried(self, loop: For, message: int, yielded: Atom, b: Builder) -> Value:
        """Append the loop with the logarithm of the normalised message as a further carried value, first 0."""
        norm = self.norm(yielded)
        assert norm is not None
        inner = b.inner()
        inner.body.extend(loop.body.body)
        left = inner.op(special.logsumexp, loop.carried_yields[message])
        before, after = replace(norm), replace(norm)
        body = inner.region((*loop.body.params, before), (*loop.body.yields, left))
        carried, results = (*loop.carried, const(0.0)), (*loop.results, after)
        b.append(replace(loop, carried=carried, body=body, results=results))
        return after

    def pair(self, loop: For) -> tuple[int, int] | None:
        """The positions of a normalised message and of the sum of its normalisers among the carried values."""
        rows = [*zip(loop.body.params[1:], loop.carried_yields, loop.results, strict=True)]
        for k, (_, yielded, result) in enumerate(rows):
            norm = None if self.uses[result] else self.norm(yielded)
            for n, (param, added, _) in enumerate(rows if norm is not None else ()):
                made = self.made.get(added) if isinstance(added, Value) else None
                is_sum = made is not None and made.decl is arithmetic.add
                if made is not None and is_sum and {*made.operands} == {param, norm}:
                    return k, n
        return None

    def norm(self, message: Atom) -> Value | None:
        """The normaliser that is subtracted from a message, if it is the sum over the whole message."""
        made = self.made.get(message) if isinstance(message, Value) else None
        if made is None or made.decl is not arithmetic.subtract:
            return None
        whole, norm = made.operands
        found = self.made.get(norm) if isinstance(norm, Value) else None
        if found is None or found.decl is not special.logsumexp or found.operands[0] != whole:
            return None
        is_whole = isinstance(found.result.type, Scalar) and ndim_of(whole.type) > 0
        return found.result if is_whole else None
