"""Loop fusion: neighbouring loops over the same range become one, where an iteration of the second loop reads only
elements that the same iteration of the first loop has written.

    for 0, %n { (%i) -> store %t, a, %i }                  for 0, %n { (%i) ->
    for 0, %n { (%j) ->                         becomes        store %t, a, %i
        %1 = index %t, %j;  store %y, b, %j }                  %1 = index %t, %i;  store %y, b, %i }
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import has_effect, may_raise, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, change_dims_within, lookup, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.dims import resolved
from srcdiff.ir.types import Array, Scalar, is_float
from srcdiff.ir.values import Atom, Const, Value, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.cost_model import price_of_element
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, all_regions, defined_in, uses_outside
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, is_element
from srcdiff.transforms.analysis.effects import may_move

_DEAR = 10  # operations of an iteration that are worth a vectorised loop of their own
Access = tuple[Value, Value, tuple[Atom, ...], bool]


def fuse_nests(fn: Function, lanes: Collection[Value] = ()) -> Function:
    """`fn` with loops fused, outer loops first. `lanes`: the indices of loops to be vectorised as outer loops."""
    return _Fuse(fn, lanes)(fn)


def mixed_nests(fn: Function) -> tuple[Function, list[frozenset[Value]]]:
    """`fn` with loops fused as if all loops were vectorised as outer loops. Also, for each fusion that needs this, the
    indices of the loops of which one has to be vectorised.
    """
    fuse = _Fuse(fn, None)
    return fuse(fn), fuse.mixed


class _Fuse(Rewriter):
    """`lanes`: the indices of loops that are vectorised as outer loops; None for all."""

    def __init__(self, fn: Function, lanes: Collection[Value] | None) -> None:
        self.lanes = lanes
        self.mixed: list[frozenset[Value]] = []
        self.around: tuple[Value, ...] = ()
        self.roots = storage_roots(fn).copied()
        self.views = _views(fn)
        self.carried = {p for r in all_regions(fn.body) for p in r.params} - {*fn.params}

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        env = dict(env)
        body: list[Statement] = []
        for statement in old.body:
            new = with_parts(
                statement, [lookup(env, a) for a in statement.operands], regions_of(statement)
            )
            if not (isinstance(new, For) and self.fused(new, body)):
                body.append(new)
        for statement in body:
            around = self.around
            if isinstance(statement, For):
                self.around = (*around, statement.index)
            inner = [self.region(r, {}, b.inner()) for r in regions_of(statement)]
            self.around = around
            b.append(with_parts(statement, statement.operands, inner))
        yields = tuple(lookup(env, y) for y in old.yields)
        return b.region(old.params, yields)

    def fused(self, loop: For, body: list[Statement]) -> bool:
        """Fuse a loop with an earlier loop of `body`, if it may be; whether it was."""
        fresh = frozenset(
            r for s in body if isinstance(s, Op) and s.decl.name in ALLOCATIONS for r in s.results
        )
        for k in range(len(body) - 1, -1, -1):
            first = body[k]
            if isinstance(first, For) and self.may_fuse(first, loop, fresh):
                moved = self.to_front(loop, first, body[k + 1 :])
                if moved is not None:
                    if _is_mixed(first, loop):
                        self.mixed.append(frozenset((*self.around, first.index)))
                    rest = [s for s in body[k + 1 :] if s not in moved]
                    body[k:] = [*moved, self.joined(first, loop), *rest]
                    return True
            if not may_move(loop, [first], self.roots) and not _is_maker(first):
                return False
        return False

    def joined(self, first: For, second: For) -> For:
        """The fused loop."""
        inner = _with_index_symbol(first.index, second)
        inner = Rewriter().region(inner, {inner.params[0]: first.index}, Builder())
        self.know(dict(zip(defined_in(second.body), defined_in(inner), strict=True)))
        region = Region(
            (*first.body.params, *inner.params[1:]),
            (*first.body.body, *inner.body),
            (*first.body.yields, *inner.yields),
        )
        origin = first.origin if first.origin == "user" else second.origin
        return replace(
            first, carried=(*first.carried, *second.carried), body=region,
            results=(*first.results, *second.results), pair=0, origin=origin,
        )  # fmt: skip

    def know(self, copies: Mapping[Value, Value]) -> None:
        """Record the storage of copied values."""
        for old, new in copies.items():
            if old is not new and old in self.roots:
                self.roots.copy_to(new, old, copies)
            for known_ones in (self.views, self.carried):
                if old in known_ones:
                    known_ones.add(new)

    def to_front(
        self, loop: For, first: For, between: Sequence[Statement]
    ) -> list[Statement] | None:
        """The statements between two loops that have to move in front of both; None if they cannot."""
        wanted = uses_outside(loop)
        moved: list[Statement] = []
        for s in reversed(between):
            if not wanted.isdisjoint(s.results):
                if isinstance(s, For) or not may_move(s, [first], self.roots):
                    return None
                if not uses_outside(s).isdisjoint(first.results):
                    return None
                moved.insert(0, s)
                wanted |= uses_outside(s)
            elif not may_move(s, [loop, *moved], self.roots):
                return None
        return moved if wanted.isdisjoint(first.results) else None

    def may_fuse(self, first: For, second: For, fresh: frozenset[Value]) -> bool:
        if (
            not _same_range(first, second)
            or first.reverse
            or second.reverse
            or first.breaks
            or second.breaks
        ):
            return False
        if any(has_effect(s) or may_raise_here(s) for s in (first, second)):
            return False
        if _is_mixed(first, second) and not self.are_lanes(first):
            return False
        if not uses_outside(second).isdisjoint(first.results):
            return False
        mine, theirs = self.accesses(first, fresh), self.accesses(second, fresh)
        if mine is None or theirs is None:
            return False
        for root in {r for r, *_ in mine} & {r for r, *_ in theirs}:
            ones = [(at, w) for r, _, at, w in mine if r is root]
            others = [(at, w) for r, _, at, w in theirs if r is root]
            if not any(w for _, w in (*ones, *others)):
                continue
            names = {name for r, name, _, _ in (*mine, *theirs) if r is root}
            if len(names) > 1 and not names.isdisjoint(self.views):
                return False  # the subscripts of a view and of its base differ
            if not _by_iteration(ones, first.index) & _by_iteration(others, second.index):
                return False
        return True

    def are_lanes(self, loop: For) -> bool:
        return self.lanes is None or not {loop.index, *self.around}.isdisjoint(self.lanes)

    def accesses(self, loop: For, fresh: frozenset[Value]) -> list[Access] | None:
        """The element accesses of a loop: root, array, subscripts, and whether it is a write; None if unknown.

        Storage in `fresh` was allocated just before. A value that an enclosing loop carries may refer to the storage of
        another iteration, but not to the fresh storage.
        """
        own = {p for r in all_regions(loop.body) for p in r.params}
        found: list[Access] = []
        for s in walk(loop.body):
            for op, operand in _arrays_of(s):
                if (
                    not isinstance(op, Op)
                    or op.decl not in ELEMENT_ACCESSES
                    or op.operands[0] is not operand
                ):
                    return None
                at = op.operands[1 if op.decl is memory.index else 2 :]
                if not is_element(op):
                    return None
                roots = self.roots.get(operand, frozenset())
                if operand in self.carried and operand not in own:
                    roots -= fresh
                found += [(r, operand, at, op.decl is not memory.index) for r in roots]
        return found


def _views(fn: Function) -> set[Value]:
    found: set[Value] = set()
    before = -1
    while before != (before := len(found)):
        for s in walk(fn.body):
            if isinstance(s, Op) and s.view_of is not None:
                base = s.operands[s.view_of]
                found.update(r for r in s.results if isinstance(base.type, Array))
            found.update(v for sources, v in _passed_on(s) if not found.isdisjoint(sources))
    return found


def _passed_on(s: Statement) -> Iterator[tuple[tuple[Atom, ...], Value]]:
    """The values that branches and loops merge, each with the value that it may be afterwards."""
    if isinstance(s, If):
        for a, b, result in zip(s.then.yields, s.orelse.yields, s.results, strict=True):
            yield (a, b), result
    elif isinstance(s, For | While):
        results = s.carried_results if isinstance(s, For) else s.results
        own = s.body.params[1:] if isinstance(s, For) else s.body.params
        tested = s.test.params if isinstance(s, While) and s.test is not None else own
        rows = zip(s.carried, s.carried_yields, own, tested, results, strict=True)
        for init, end, *values in rows:
            yield from (((init, end), v) for v in values)


def may_raise_here(loop: Statement) -> bool:
    """Whether anything inside a loop may raise, apart from element accesses and float arithmetic."""
    return any(
        may_raise(s)
        for s in walk(*regions_of(loop))
        if not isinstance(s, For | If) and not (isinstance(s, Op) and _is_quiet(s))
    )


def _is_quiet(op: Op) -> bool:
    """Whether an operation never raises in compiled code, where a division of floats gives inf or nan."""
    computes = op.decl.elementwise and all(is_float(r.type) for r in op.results)
    return computes or op.decl in ELEMENT_ACCESSES


def _is_mixed(first: For, second: For) -> bool:
    """Whether fusion would prevent vectorisation: expensive operations of one loop would be beside an inner loop, or
    beside scattered writes, of the other.
    """
    is_dear = [_price(loop) >= _DEAR for loop in (first, second)]
    if any(is_dear) and _has_loops(first) != _has_loops(second):
        return True
    scatters = [_scatters(loop) for loop in (first, second)]
    return any(is_dear[k] and scatters[1 - k] and not scatters[k] for k in (0, 1))


def _scatters(loop: For) -> bool:
    """Whether iterations write with a large stride: `x[i, k]`, but not coordinates of points, `x[i, 2]`."""
    writes = [s for s in loop.body.body if isinstance(s, Op) and s.decl.writes]
    at = [s.operands[2:] for s in writes if s.decl in ELEMENT_ACCESSES and is_element(s)]
    return any(
        loop.index in a[:-1] and a[-1] is not loop.index and not isinstance(a[-1], Const)
        for a in at
    )


def _has_loops(loop: For) -> bool:
    return any(isinstance(s, For) for s in loop.body.body)


def _price(loop: For) -> int:
    """The price of the operations that LLVM vectorises if the loop has no inner loop."""
    return sum(price_of_element(s) for s in loop.body.body if isinstance(s, Op) and s.results)


def _is_maker(statement: Statement) -> bool:
    """Whether a statement has no effect, so that a loop follows it only for its results."""
    return isinstance(statement, Op) and not statement.decl.effect and not statement.decl.writes


def _same_range(a: For, b: For) -> bool:
    return all(
        _same_number(x, y) for x, y in ((a.start, b.start), (a.stop, b.stop), (a.step, b.step))
    )


def _same_number(x: Atom, y: Atom) -> bool:
    if x is y or x == y:
        return True
    return known_dim(x) is not None and known_dim(x) == known_dim(y)


def _arrays_of(s: Statement) -> Iterator[tuple[Statement, Value]]:
    if isinstance(s, Op) and s.decl.name in ("length", "axis_length", "empty_of", "zeros_of"):
        return
    for a in (*s.operands, *s.results):
        if isinstance(a, Value) and not isinstance(a.type, Scalar):
            yield s, a


def _by_iteration(accesses: Sequence[tuple[tuple[Atom, ...], bool]], index: Value) -> set[int]:
    """The axes along which all accesses have the loop's index as subscript."""
    found: set[int] | None = None
    for at, _ in accesses:
        mine = {k for k, a in enumerate(at) if a is index}
        found = mine if found is None else found & mine
    return found or set()


def _with_index_symbol(index: Value, loop: For) -> Region:
    """The body of a loop, with the symbol of another loop's index in its symbolic integers."""
    new, symbol = known_dim(index), symbol_of(loop.index)
    if new is None or symbol is None or new.symbol == symbol:
        return loop.body
    return change_dims_within(loop.body, lambda d: resolved(d, {symbol: new}))
