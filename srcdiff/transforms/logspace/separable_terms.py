"""Separable exponents: splits the exponent of a `logsumexp` into groups of terms whose exponentials are cheaper.

    logsumexp(a[:, None] + B, axis=0)        ->    groups (a,) and (B,), if B is loop-invariant
    logsumexp(X[:, :, None] + Y, axis=1)     ->    groups (X,) and (Y,)

A group is cheaper if it is loop-invariant, or if it has fewer axes than the sum. `linalg/scaled_gemm.py` computes the
sum of exponentials as a product of the two groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic

_LETTERS = "abcdefghijkl"
_MOST = 12  # terms, at most
_SIGNS = {
    arithmetic.add: (False, False),
    arithmetic.subtract: (False, True),
    arithmetic.negative: (True,),
}
_ONE = Dim(1)


@dataclass(frozen=True)
class Term:
    """An array in a sum, with letters for its axes; an axis of length 1 has no letter."""

    atom: Atom
    letters: str
    minus: bool = False


Group = tuple[Term, ...]


@dataclass(frozen=True)
class Split:
    """`log(sum(exp(...)))` over the axes `summed` of `letters`.

    groups : one or two groups of terms; their exponentials are multiplied.
    outside : the terms that have no summed axis.
    inner : the operations that compute the whole exponent, in their order.
    """

    letters: str
    summed: str
    groups: tuple[Group, ...]
    outside: Group
    inner: tuple[Op, ...]


def letters_of(terms: Sequence[Term]) -> str:
    """The axes of the sum of these terms."""
    return "".join(sorted(set("".join(t.letters for t in terms))))


def split(op: Op, made: Mapping[Atom, Op], levels: Mapping[Value, int], depth: int) -> Split | None:
    """The groups of a `logsumexp`, if fewer exponentials are computed with them.

    made : the pure operation that defines a value.
    levels : the number of loops around the definition of a value.
    depth : the number of loops around `op`.
    """
    x = op.operands[0]
    shape = shape_of(x.type)
    if not 0 < len(shape) <= len(_LETTERS) or _ONE in shape:
        return None
    sum_ = _Sum(made, shape)
    if not sum_.collect(x):
        return None
    whole, axis = _LETTERS[: len(shape)], op.attrs.get("axis")
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    summed = {whole[k] for k in axes}
    outside = tuple(t for t in sum_.terms if summed.isdisjoint(t.letters))
    inside = tuple(t for t in sum_.terms if t not in outside)
    early = tuple(t for t in inside if isinstance(t.atom, Value) and levels.get(t.atom, 0) < depth)
    groups = _groups(inside, early, whole)
    if not groups:
        return None
    return Split(whole, "".join(sorted(summed)), groups, outside, tuple(sum_.inner))


def _groups(terms: Group, early: Group, whole: str) -> tuple[Group, ...]:
    """One group or two; none if nothing is gained. `early` are the terms that are loop-invariant."""
    if letters_of(terms) != whole:
        return (terms,)
    late = tuple(t for t in terms if t not in early)
    if early and letters_of(late) != whole:
        # a sum that is loop-invariant as a whole is hoisted anyway
        return (late, early) if late else ()
    widest = max(terms, key=lambda t: len(t.letters))
    one = tuple(t for t in terms if set(t.letters) <= set(widest.letters))
    other = tuple(t for t in terms if t not in one)
    return () if whole in (letters_of(one), letters_of(other)) else (one, other)


class _Sum:
    """The terms of a sum of this shape, collected."""

    def __init__(self, made: Mapping[Atom, Op], shape: Sequence[Dim]) -> None:
        self.made, self.shape = made, shape
        self.terms: list[Term] = []
        self.inner: list[Op] = []

    def collect(self, atom: Atom, minus: bool = False) -> bool:
        """Collect the terms of `atom`; whether their axes are known and there are not too many."""
        op = self.made.get(atom)
        if op is None or op.decl not in _SIGNS or not isinstance(atom.type, Array):
            return self.term(atom, minus)
        signs = zip(op.operands, _SIGNS[op.decl], strict=True)
        found = [self.collect(a, minus != sign) for a, sign in signs]
        if op not in self.inner:
            self.inner.append(op)
        return all(found) and len(self.terms) <= _MOST

    def term(self, atom: Atom, minus: bool) -> bool:
        own = shape_of(atom.type)
        dims = list(
            zip(
                _LETTERS[len(self.shape) - len(own) :],
                self.shape[len(self.shape) - len(own) :],
                strict=False,
            )
        )
        op = self.made.get(atom)
        if op is not None and _adds_axes(op):
            where = items(op.attrs["where"])
            where += [":"] * (len(own) - len(where))
            dims = [d for d, item in zip(dims, where, strict=True) if item == ":"]
            if op not in self.inner:
                self.inner.append(op)
            atom = op.operands[0]
            own = shape_of(atom.type)
        if any(d not in (_ONE, whole) for d, (_, whole) in zip(own, dims, strict=True)):
            return False
        letters = "".join(c for d, (c, _) in zip(own, dims, strict=True) if d != _ONE)
        self.terms.append(Term(atom, letters, minus))
        return True


def _adds_axes(op: Op) -> bool:
    """Whether an operation only adds axes, as `x[:, None]`."""
    return (
        op.decl is memory.index
        and "None" in (where := items(op.attrs["where"]))
        and {*where} <= {":", "None"}
    )
