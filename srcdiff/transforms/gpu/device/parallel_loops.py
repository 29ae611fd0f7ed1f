"""Parallel loops for a block of threads: finds the loops whose iterations are independent up to reductions.

The dependence tests are the tests for CPU threads (`transforms/analysis/dependence/loop_dependence.py`). An iteration
may write elements at its own index, and carry sums, maxima and minima. Storage that iterations only add to, at any
place, is added to atomically, unless atomics are forbidden or an inner loop can be shared without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.core import For, Function, Op, Region, Statement, walk
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import block_max, block_min, block_sum, syncthreads
from srcdiff.ops.core.index_patterns import items
from srcdiff.transforms.analysis.defuse import defined_in, definitions_in, uses_outside
from srcdiff.transforms.analysis.dependence.loop_dependence import Accesses, accesses, only_adds
from srcdiff.transforms.analysis.effects import footprint
from srcdiff.transforms.schedule.parallel import is_sum, may_raise

_FEW = 4  # a loop with a smaller known trip count is not shared
_NUMBERS = ("float64", "float32", "int64")


@dataclass(frozen=True)
class Shared:
    """How threads share a loop.

    Attributes
    ----------
    carries : tuple of OpDecl
        The reduction over the block, for each carried number.
    sums : frozenset of Value
        Storage to which iterations add atomically.
    found : Accesses
        The accesses of the iterations.
    """

    carries: tuple[object, ...]
    sums: frozenset[Value]
    found: Accesses


@dataclass
class Finder:
    """Finds loops to share; `atomics`: additions may be atomic; `private`: storage that each thread has for itself."""

    uses: Mapping[Value, int]
    atomics: bool
    private: frozenset[Value] = frozenset()

    def __call__(self, loop: For, roots: Roots) -> Shared | None:
        """How a loop is shared; None if it cannot be, or if a loop inside is shared instead."""
        own = self.own(loop, roots)
        if own is None or not own.sums:
            return own
        if not self.atomics or self.has_own(loop.body, roots):
            return None
        return own

    def has_own(self, region: Region, roots: Roots) -> bool:
        """Whether a loop inside a region, other than a short one, can be shared without atomic additions."""
        for s in walk(region):
            if isinstance(s, For):
                found = self.own(s, roots)
                if found is not None and not found.sums:
                    return True
        return False

    def own(self, loop: For, roots: Roots) -> Shared | None:
        own = footprint(loop, roots)
        if loop.breaks or loop.step != const(1) or own.slots or own.effect or not _is_long(loop):
            return None
        if may_raise(loop.body) or any(_is_barrier(s) for s in walk(loop.body)):
            return None
        carries = tuple(self.carries(loop))
        if None in carries or (own.reads | own.writes) & self.private - {*defined_in(loop.body)}:
            return None
        sums, found = set(), accesses(loop, roots)
        for root, access in found.items():
            if not access.writes or any(isinstance(kind, tuple) for kind in access.kinds):
                continue
            if not is_sum(root, loop, roots, _NUMBERS) or not _adds_elements(root, loop):
                return None
            sums.add(root)
        return Shared(carries, frozenset(sums), found)

    def carries(self, loop: For) -> Iterable[object]:
        made = definitions_in(walk(loop.body))
        for param, y in zip(loop.body.params[1:], loop.carried_yields, strict=True):
            if not isinstance(param.type, Scalar) or param.type.dtype not in _NUMBERS:
                yield None
            elif only_adds(y, param, made, self.uses):
                yield block_sum
            else:
                yield self.extreme(y, param, made)

    def extreme(self, y: Atom, param: Value, made: Mapping[Atom, Statement]) -> object:
        op = made.get(y)
        decl = _EXTREMES.get(op.decl.name) if isinstance(op, Op) else None
        is_one = decl is not None and op is not None and op.operands.count(param) == 1
        return decl if is_one and self.uses.get(param) == 1 and self.uses.get(y) == 1 else None  # type: ignore[arg-type]


_EXTREMES = {"maximum": block_max, "minimum": block_min}


def _is_barrier(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl is syncthreads


def _is_long(loop: For) -> bool:
    ends = (loop.start, loop.stop)
    known = [a.value for a in ends if isinstance(a, Const)]
    return len(known) < 2 or known[1] - known[0] >= _FEW


def _adds_elements(root: Value, loop: For) -> bool:
    """Whether all additions are to single elements, so that they can be atomic."""
    for s in walk(loop.body):
        if isinstance(s, Op) and s.decl.writes and s.operands[0] is root:
            whole = s.decl is not memory.add_into or set(items(s.attrs["where"])) != {"i"}
            if whole or not isinstance(s.operands[1].type, Scalar):
                return False
    return True


# ---- buffers that a loop swaps ----------------------------------------------------------------------------


def roots_inside(loop: For, roots: Roots, fn: Function) -> Roots:
    """The roots of arrays within a loop; two buffers that the loop swaps in each iteration never alias.

    for 0, %n with %a, %b { (%i, %p, %q) -> ... yield %q, %p }        # in an iteration, %p and %q are roots
    """
    params = {p: k for k, p in enumerate(loop.body.params[1:]) if isinstance(p.type, Array)}
    if not params or {loop.carried_yields[k] for k in params.values()} != {*params}:
        return roots
    held = [roots.get(loop.carried[k], frozenset()) for k in params.values()]  # type: ignore[arg-type]
    together = frozenset().union(*held)
    if sum(map(len, held)) != len(together) or not all(held):
        return roots
    outside = uses_outside(loop) - {*loop.carried}
    body_uses = {a for s in loop.body.body for a in (uses_outside(s) | {*s.operands})}
    if any(
        not together.isdisjoint(roots.get(v, ()))
        for v in (outside | body_uses)
        if isinstance(v, Value) and v not in {*defined_in(loop.body)}
    ):
        return roots
    inside = fn.with_body(Region((*loop.body.params, *sorted_values(outside)), loop.body.body, ()))
    new = roots.copied()
    for v, own in storage_roots(inside).items():
        if v not in outside:
            meant = (roots.get(r, frozenset({r})) if r in outside else {r} for r in own)
            new[v] = new.own[v] = frozenset().union(*meant)
    return new


def sorted_values(values: Iterable[Value]) -> list[Value]:
    return sorted(values, key=lambda v: v.name)
