"""Inlining of small helpers that factorise a matrix, where the caller knows more about the matrix.

    def log_density(x, S):                               for x in X:
        return -0.5 * (x @ np.linalg.inv(S) @ x              total += -0.5 * (x @ np.linalg.inv(S) @ x
                       + np.linalg.slogdet(S)[1])   ->                        + np.linalg.slogdet(S)[1])

    for x in X:
        total += log_density(x, L @ L.T)

The caller knows more if the matrix is symmetric or triangular, loop-invariant, or factorised elsewhere, too. One
factorisation then serves all uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from srcdiff.ir.core import Call, For, Function, Op, Region, While, regions_of, walk
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import definitions
from srcdiff.transforms.linalg.symmetry import Symmetry
from srcdiff.transforms.linalg.triangular_systems import triangles
from srcdiff.transforms.simplify.calls.inline import is_few_lines

_SHARING = ("solve", "inv", "slogdet", "det")


def with_known_matrices(fn: Function) -> set[Call]:
    """The calls to inline: the helper gets a matrix of which more is known, or returns a triangular one that the caller
    factorises.
    """
    made = definitions(fn)
    matrices_used = Counter(_matrices(fn))
    calls = [s for s in walk(fn.body) if isinstance(s, Call) and is_few_lines(s.function, Call)]
    given = {c: set(_given(c)) for c in calls}
    matrices_used.update(a for matrices in given.values() for a in matrices)
    symmetry = Symmetry(fn) if any(given.values()) else None
    around = {a for call, a in _from_outside(fn.body) if a in given.get(call, ())}
    found = set()
    for c in calls:
        for a in given[c]:
            if (
                matrices_used[a] > 1
                or a in around
                or (symmetry and symmetry.holds(a))
                or triangles(a, made)
            ):
                found.add(c)
        inner = definitions(c.function)
        for r, y in zip(c.results, c.function.body.yields, strict=True):
            if matrices_used[r] and triangles(y, inner):
                found.add(c)
    return found


def _matrices(fn: Function) -> Iterator[Atom]:
    made = definitions(fn)
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl.name in _SHARING:
            a = s.operands[0]
            while isinstance(a, Value) and a in made and made[a].decl is permutations.transpose:
                a = made[a].operands[0]
            yield a


def _given(call: Call) -> Iterator[Atom]:
    """The matrices among a helper's arguments that it factorises."""
    own = dict(zip(call.function.params, call.operands, strict=True))
    yield from (own[a] for a in _matrices(call.function) if isinstance(a, Value) and a in own)


def _from_outside(region: Region) -> Iterator[tuple[Call, Atom]]:
    """The calls in loops, each with its arguments that are defined outside the innermost loop."""
    for s in region.body:
        if isinstance(s, For | While):
            for body in regions_of(s):
                own = {r for e in walk(body) for r in e.results} | {*body.params}
                for e in walk(body):
                    if isinstance(e, Call):
                        yield from ((e, a) for a in e.operands if a not in own)
                yield from _from_outside(body)
        else:
            for body in regions_of(s):
                yield from _from_outside(body)
