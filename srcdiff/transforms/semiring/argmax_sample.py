"""Viterbi decoding and forward filtering-backward sampling: the adjoint of each sum of exponentials goes to one term.

                                                       scores = log_alpha[:, None] + log_A
    log_alpha = logsumexp(                             best = np.argmax(scores, axis=0)
        log_alpha[:, None] + log_A, axis=0)     ->     log_alpha = np.max(scores, axis=0)

`best_choices` chooses the largest term. The gradient then is 1 for each term on the best path: Viterbi's traceback.
`drawn_choices` keeps the value of the sum (forward filtering) and draws a term in proportion to its share of the sum.
The backward part visits the drawn states from the last to the first (backward sampling).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Call, Function, Op, OpDecl, Statement, walk
from srcdiff.ir.recursion import is_itself, tied
from srcdiff.ir.types import Static, ndim_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.arrays import creation, memory, reductions, running
from srcdiff.ops.control.control import stop_gradient
from srcdiff.ops.control.semiring_ops import follows, follows_once, random_numbers
from srcdiff.ops.core.adjoint_builders import lengths_of_axes
from srcdiff.ops.elementwise import arithmetic, elementary, special
from srcdiff.ops.shapes.permutations import transpose
from srcdiff.ops.shapes.reshapes import ravel, reshape
from srcdiff.transforms.analysis.reachability import shown_lengths
from srcdiff.transforms.semiring.linearity import may_use_sums_twice
from srcdiff.transforms.semiring.log_semiring import has_norms, log_plus
from srcdiff.transforms.semiring.normalise.cancel_normalisers import norms_of
from srcdiff.transforms.simplify.calls.inline import without_calls
from srcdiff.transforms.simplify.cse import cse

_SUMS = {"logsumexp", "logaddexp"}


def best_choices(fn: Function) -> Function:
    """`fn` in the max-plus semiring; the adjoint of a maximum goes to the first of its largest terms."""
    fn = log_plus(fn)
    return _Best(shown_lengths(fn))(fn)


def drawn_choices(fn: Function) -> Function:
    """`fn` and its callees with a further parameter `rng`; the adjoint of a sum goes to a term that is drawn from it.

    A normaliser that is subtracted and added up has to follow the same drawn term in both places. A function with
    normalisers is therefore inlined as a whole.
    """
    whole = without_calls(fn)
    if whole is not fn and has_norms(whole):
        fn = whole
    carrier = follows_once if may_use_sums_twice(_normal(fn)) else follows
    return _Drawn(shown_lengths(fn), {}, carrier).function(fn)


def _normal(fn: Function) -> Function:
    normal = log_plus(fn)
    # common subexpression elimination: a normaliser that is written twice is drawn once
    return cse(normal, in_user_lines=True) if norms_of(normal) else normal


class _Choices(Rewriter):
    # an operation with the value of its first operand; its adjoint goes to the second
    carrier = follows

    def __init__(self, shown: frozenset[str]) -> None:
        self.shown = shown

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl.name not in _SUMS:
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        _name_scores(old.operands[0], env, b)
        operands = [lookup(env, a) for a in old.operands]
        if old.decl.name == "logaddexp":
            env[old.result] = self.of_two(old, *operands, b=b)
        else:
            env[old.result] = self.along(old, operands[0], b)

    def along(self, old: Op, x: Atom, b: Builder) -> Atom:
        x, axis = self.one_axis(old, x, b)
        if axis is None:
            return x
        attrs = {} if ndim_of(x.type) == 1 else {"axis": axis}
        total, chosen = self.chosen(old, x, attrs, b)
        term = self.taken(x, chosen, axis, b)
        found = b.op(
            self.carrier, b.op(stop_gradient, total), term, name=_name(old), user=old.result.user
        )
        return _with_axes_kept(old, found, b)

    def one_axis(self, old: Op, x: Atom, b: Builder) -> tuple[Atom, int | None]:
        """`x` with the summed axes merged into one, and that axis; None if `x` is a number."""
        axes = ndim_of(x.type)
        if axes == 0:
            return x, None
        reduced = axes_of_sum(old.attrs.get("axis"), axes)
        if len(reduced) == 1:
            return x, reduced[0]
        if len(reduced) == axes:
            return b.op(ravel, x), 0
        left = [k for k in range(axes) if k not in reduced]
        lengths = lengths_of_axes(b, x, self.shown)
        x = (
            b.op(transpose, x, axes=(*left, *reduced))
            if [*left, *reduced] != sorted(left + reduced)
            else x
        )
        return b.op(reshape, x, *(lengths[k] for k in left), const(-1)), len(left)

    def chosen(self, old: Op, x: Atom, attrs: Attrs, b: Builder) -> tuple[Atom, Atom]:
        """The value of the sum, and the index of the chosen term."""
        raise NotImplementedError

    def taken(self, x: Atom, chosen: Atom, axis: int, b: Builder) -> Value:
        """`x[..., chosen, ...]`: the chosen element along an axis, at each index of the other axes."""
        axes = ndim_of(x.type)
        if axes == 1:
            return b.op(memory.index, x, chosen, where="i")
        lengths = [n for k, n in enumerate(lengths_of_axes(b, x, self.shown)) if k != axis]
        places: list[Atom] = []
        for after, n in zip(reversed(range(axes - 1)), lengths, strict=True):
            places.append(_with_trailing_axes(b.op(creation.arange, n), after, b))
        places.insert(axis, chosen)
        return b.op(memory.gather, x, *places, where=", ".join(["g"] * axes), distinct=True)

    def of_two(self, old: Op, x: Atom, y: Atom, *, b: Builder) -> Atom:
        raise NotImplementedError


class _Best(_Choices):
    def chosen(self, old: Op, x: Atom, attrs: Attrs, b: Builder) -> tuple[Atom, Atom]:
        best = b.op(reductions.argmax, x, name="choice", **attrs)
        return b.op(reductions.max, x, **attrs), best

    def of_two(self, old: Op, x: Atom, y: Atom, *, b: Builder) -> Atom:
        first = b.op(arithmetic.greater_equal, x, y)
        return b.op(elementary.where, first, x, y, name=_name(old), user=old.result.user)


class _Drawn(_Choices):
    def __init__(
        self, shown: frozenset[str], done: dict[Function, Function], carrier: OpDecl
    ) -> None:
        super().__init__(shown)
        self.done = done
        self.carrier = carrier
        self.rng = Value(Static(np.random.Generator), "rng", True)

    def function(self, fn: Function) -> Function:
        """`fn` with `rng` as its last parameter, if it draws."""
        if fn not in self.done:
            self.done[fn] = fn
            if _draws(fn):
                new = _Drawn(shown_lengths(fn), self.done, self.carrier)
                changed = new(_normal(fn))
                body = replace(changed.body, params=(*changed.params, new.rng))
                self.done[fn] = tied(changed.with_body(body))
        return self.done[fn]

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Call) and is_itself(old.function):
            b.append(replace(old, operands=(*_looked_up(old, env), self.rng)))
        elif isinstance(old, Call) and _draws(old.function):
            operands = (*_looked_up(old, env), self.rng)
            b.append(replace(old, function=self.function(old.function), operands=operands))
        else:
            super().statement(old, env, b)

    def chosen(self, old: Op, x: Atom, attrs: Attrs, b: Builder) -> tuple[Atom, Atom]:
        total = b.op(special.logsumexp, x, name=_name(old), user=old.result.user, **attrs)
        axis = attrs.get("axis", 0)
        norm = _with_axis(self.finite(total, b), axis, b)
        share = b.op(elementary.exp, b.op(arithmetic.subtract, x, norm))
        upto = b.op(running.cumsum, share, name="upto", **attrs)
        last = b.op(memory.index, upto, const(-1), where=", ".join([":"] * axis + ["i"]))
        point = b.op(arithmetic.multiply, self.random(total, b), last)
        reached = b.op(arithmetic.greater, upto, _with_axis(point, axis, b))
        return total, b.op(reductions.argmax, reached, name="choice", **attrs)

    def of_two(self, old: Op, x: Atom, y: Atom, *, b: Builder) -> Atom:
        total = b.op(elementary.logaddexp, x, y)
        share = b.op(elementary.exp, b.op(arithmetic.subtract, x, self.finite(total, b)))
        first = b.op(arithmetic.less, self.random(total, b), share)
        term = b.op(elementary.where, first, x, y)
        return b.op(
            self.carrier, b.op(stop_gradient, total), term, name=_name(old), user=old.result.user
        )

    def random(self, like: Atom, b: Builder) -> Value:
        return b.op(random_numbers, self.rng, *lengths_of_axes(b, like, self.shown))

    @staticmethod
    def finite(total: Atom, b: Builder) -> Value:
        """A sum that may be subtracted: 0 in place of -inf, the value of a sum without terms."""
        nothing = b.op(arithmetic.equal, total, const(-math.inf))
        return b.op(elementary.where, nothing, const(0.0), total)


def _draws(fn: Function) -> bool:
    """Whether a function or one of its callees has a sum of exponentials."""
    return any(
        (isinstance(s, Op) and (s.decl.name in _SUMS or s.decl is elementary.exp))
        or (isinstance(s, Call) and not is_itself(s.function) and _draws(s.function))
        for s in walk(fn.body)
    )


def _looked_up(old: Call, env: Env) -> list[Atom]:
    return [lookup(env, a) for a in old.operands]


def _name_scores(x: Atom, env: Env, b: Builder) -> None:
    """Name the summed array `scores`, if the last statement made it and it has no name; its adjoint gets the name."""
    last = b.body[-1] if b.body else None
    if isinstance(x, Value) and not x.name and isinstance(last, Op) and last.results == (x,):
        named = replace(x, name="scores")
        b.body[-1] = replace(last, results=(named,))
        env[x] = named


def _name(old: Op) -> str:
    return old.result.name


def axes_of_sum(axis: object, axes: int) -> list[int]:
    """The summed axes of an array with `axes` axes, as non-negative numbers in ascending order."""
    given = range(axes) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return sorted(int(k) % axes for k in given)


def _with_axes_kept(old: Op, found: Atom, b: Builder) -> Atom:
    whole = ndim_of(old.result.type)
    if not old.attrs.get("keepdims") or whole == ndim_of(found.type):
        return found
    reduced = axes_of_sum(old.attrs.get("axis"), whole)
    if ndim_of(found.type) == 0:  # an array of one element has the last axis
        found = b.op(creation.asarray, found)
        reduced.pop()
    if not reduced:
        return found
    return b.op(
        memory.index, found, where=", ".join("None" if k in reduced else ":" for k in range(whole))
    )


def _with_axis(x: Atom, axis: int, b: Builder) -> Atom:
    """`x` with a new axis at `axis`, for broadcasting; a first axis is added by broadcasting itself."""
    if axis == 0:
        return x
    parts = [":"] * ndim_of(x.type)
    return b.op(memory.index, x, where=", ".join([*parts[:axis], "None", *parts[axis:]]))


def _with_trailing_axes(x: Atom, count: int, b: Builder) -> Atom:
    if not count:
        return x
    return b.op(memory.index, x, where=", ".join([":"] * ndim_of(x.type) + ["None"] * count))
