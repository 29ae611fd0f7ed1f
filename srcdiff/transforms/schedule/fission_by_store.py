"""Loop fission by stores: an innermost loop that LLVM cannot vectorise becomes several that it can.

    for 1, %n { (%i) ->                                  for 1, %n { (%i) -> add_into %d, %a, (add %i, 1) }
        add_into %d, %a, (add %i, 1)         becomes     for 1, %n { (%i) -> add_into %d, %b, (subtract %i, 1) }
        add_into %d, %b, (subtract %i, 1) }

A loop that writes one array at several places, as adjoints of stencils do, has iterations that depend on each other.
Its parts have independent iterations. They may follow each other if no iteration of a later part writes what an
iteration of an earlier part reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, clone_region
from srcdiff.ir.core import For, Function, Op, Region, Statement
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.cost_model import STORING, price_of_element
from srcdiff.transforms.analysis.defuse import definitions
from srcdiff.transforms.analysis.dependence.affine import (
    ELEMENT_ACCESSES,
    Affine,
    affine,
    is_element,
)

_ANY = "any"  # two accesses may overlap in any iterations


def split_nests(fn: Function) -> Function:
    """`fn` with innermost loops split, if all parts can then be vectorised."""
    return _Split(fn)(fn)


class _Split(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.maker = definitions(fn)

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        """As in `Rewriter`, but a loop may become several statements."""
        new = super().region(old, env, b)
        body = [part for s in new.body for part in self.parts(s)]
        return new if len(body) == len(new.body) else replace(new, body=tuple(body))

    def parts(self, s: Statement) -> Sequence[Statement]:
        if not (isinstance(s, For) and all(isinstance(inner, Op) for inner in s.body.body)):
            return [s]
        if s.breaks or s.reverse or s.is_parallel or s.step != Const(1, s.step.type):
            return [s]
        iteration = _Iteration.of(s, self.roots, self.maker)
        if iteration is None or iteration.is_free(range(len(iteration.sinks))):
            return [s]
        groups = iteration.groups()
        return [s] if groups is None else [_part(s, iteration, g) for g in groups]


@dataclass(frozen=True)
class _Access:
    """An access of an array's elements by the iterations."""

    root: Value
    at: tuple[Affine, ...]
    position: int
    kind: str  # index, store, add_into


@dataclass(frozen=True)
class _Sink:
    """A write or a yield of an iteration, with all operations that compute it."""

    ops: tuple[Op, ...]
    params: frozenset[int]
    reads: tuple[_Access, ...]
    write: _Access | None
    carried: int = -1


@dataclass(frozen=True)
class _Iteration:
    """An iteration of an innermost loop."""

    index: Value
    sinks: tuple[_Sink, ...]

    @classmethod
    def of(cls, loop: For, roots: Roots, maker: dict[Atom, Op]) -> _Iteration | None:
        """The iteration of a loop; None if its accesses or operations cannot be analysed."""
        body = [s for s in loop.body.body if isinstance(s, Op)]
        accesses: dict[Op, _Access] = {}
        for k, op in enumerate(body):
            if op.decl in ELEMENT_ACCESSES:
                array = op.operands[0]
                own = roots.of(array)
                if len(own) != 1 or not is_element(op):
                    return None
                at = op.operands[1 if op.decl is memory.index else 2 :]
                (root,) = own
                where = tuple(affine(a, maker) for a in at)
                accesses[op] = _Access(root, where, k, op.decl.name)
            elif op.decl.effect or op.decl.writes or not op.decl.elementwise:
                return None
        made: dict[Atom, Op] = {r: op for op in body for r in op.results}
        params = {p: k for k, p in enumerate(loop.body.params[1:])}
        ends: list[tuple[tuple[Atom, ...], Op | None, int]] = [
            ((y,), None, k) for k, y in enumerate(loop.carried_yields)
        ]
        ends += [(op.operands, op, -1) for op in body if op.decl.writes]
        sinks = [_sink(*end, made, params, accesses, body) for end in ends]
        return cls(loop.index, tuple(sinks))

    def meets(self, a: _Access, b: _Access) -> int | str | None:
        """The dependence distance: the iterations from `a` to an access `b` of the same element; None if never."""
        if a.root is not b.root:
            return None
        found: int | str | None = _ANY
        for x, y in zip(a.at, b.at, strict=True):
            step = x.terms.get(self.index, 0)
            distance = x.minus(y).known
            if distance is None or step != y.terms.get(self.index, 0):
                return _ANY
            if step == 0 or distance % step:
                if distance:
                    return None
                continue
            if found not in (_ANY, distance // step):
                return None
            found = distance // step
        return found

    def is_free(self, group: Sequence[int]) -> bool:
        """Whether the iterations of a part are independent, apart from reductions."""
        accesses = [a for k in group for a in (*self.sinks[k].reads, self.sinks[k].write) if a]
        written = [a for a in accesses if a.kind != "index"]
        return all(self.meets(w, a) in (0, None) for w in written for a in accesses if a is not w)

    def before(self, j: int, k: int) -> tuple[bool, bool]:
        """Whether the part with sink `j` has to precede the part with sink `k`, and the other way round."""
        mine, other = self.sinks[j], self.sinks[k]
        forth = back = bool(mine.params & other.params)
        pairs: list[tuple[_Access | None, _Access | None, bool]]
        pairs = [(mine.write, r, False) for r in other.reads]
        pairs += [(other.write, r, True) for r in mine.reads]
        both = {mine.write and mine.write.kind, other.write and other.write.kind}
        if both != {"add_into"}:
            pairs.append((mine.write, other.write, False))
        for write, access, swapped in pairs:
            iterations = None if write is None or access is None else self.meets(access, write)
            if iterations is None:
                continue
            assert write is not None and access is not None
            is_first = iterations == _ANY or _is_first(iterations, write, access)
            is_last = iterations == _ANY or not is_first
            forth |= is_last if swapped else is_first
            back |= is_first if swapped else is_last
        return forth, back

    def groups(self) -> list[list[int]] | None:
        """The sinks of each part, in the order of the parts; None if there is no legal split, or it costs too much."""
        count = len(self.sinks)
        orders = {(j, k): self.before(j, k) for j in range(count) for k in range(j + 1, count)}
        parts: list[list[int]] = []
        left = list(range(count))
        while left:
            part: list[int] = []
            for k in left:
                others = [j for j in left if j != k and j not in part]
                ahead = any(orders[j, k][0] if j < k else orders[k, j][1] for j in others)
                if not ahead and self.is_free([*part, k]):
                    part.append(k)
            if not part:
                return None
            parts.append(part)
            left = [k for k in left if k not in part]
        return parts if self.repeated(parts) <= STORING * (len(parts) - 1) else None

    def repeated(self, parts: Sequence[Sequence[int]]) -> int:
        """The price of the operations that several parts repeat."""
        each = [{op for k in part for op in self.sinks[k].ops} for part in parts]
        return sum(
            price_of_element(op) * (sum(op in p for p in each) - 1) for op in set().union(*each)
        )


def _is_first(iterations: int | str, write: _Access, access: _Access) -> bool:
    """Whether a write that is `iterations` after an access, in iterations, is executed before it."""
    assert isinstance(iterations, int)
    return iterations < 0 or (iterations == 0 and write.position < access.position)


def _sink(
    operands: Sequence[Atom],
    op: Op | None,
    carried: int,
    made: dict[Atom, Op],
    params: dict[Value, int],
    accesses: dict[Op, _Access],
    body: Sequence[Op],
) -> _Sink:
    wanted, seen, own = list(operands), set(), set()
    while wanted:
        a = wanted.pop()
        if a in params:
            own.add(params[a])  # type: ignore[index]
        maker = made.get(a)
        if maker is not None and maker not in seen:
            seen.add(maker)
            wanted += maker.operands
    ops = tuple(s for s in body if s in seen or s is op)
    reads = tuple(accesses[s] for s in ops if s in accesses and s is not op)
    used = frozenset(own | ({carried} if carried >= 0 else set()))
    return _Sink(ops, used, reads, None if op is None else accesses[op], carried)


def _part(loop: For, iteration: _Iteration, group: Sequence[int]) -> For:
    """The loop with some of its sinks, and the operations that compute them."""
    wanted = {op for k in group for op in iteration.sinks[k].ops}
    kept = [iteration.sinks[k].carried for k in group if iteration.sinks[k].carried >= 0]
    region = Region(
        (loop.index, *(loop.body.params[k + 1] for k in kept)),
        tuple(s for s in loop.body.body if s in wanted),
        tuple(loop.body.yields[k] for k in kept),
    )
    return replace(
        loop,
        carried=tuple(loop.carried[k] for k in kept),
        body=clone_region(region, {}),
        results=tuple(loop.results[k] for k in kept),
        pair=0,
    )
