"""Rematerialisation of recurrences: a second inner loop computes a recurrence again instead of loading its values.

    for 0, %m with 1.0 { (%j, %p) ->                     for 0, %m with 1.0 { (%j, %p) ->
        store %ps, %p, %j                                    ...
        ... yield (multiply %p, %t) }        becomes         yield (multiply %p, %t) }
    for 0, %m { (%k) ->                                  for 0, %m with 1.0 { (%k, %q) ->
        ... index %ps, %k ... }                              ... %q ...; yield (multiply %q, %t) }

A few simple operations take less time than storing and loading a row of numbers, one for each lane. This holds only
under outer-loop vectorisation: otherwise the iterations of the second loop would wait for each other.

Where the second loop only multiplies the value by a loop-invariant factor, it carries the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.build import Builder, Env, Rewriter, change_dims_within, lookup
from srcdiff.ir.core import For, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value, const, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.cost_model import price_of_element
from srcdiff.transforms.analysis.defuse import defined_in, definitions_in, used_atoms
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.dependence.uniformity import Varying
from srcdiff.transforms.schedule.strength_reduction import by_horner

_CHEAP = 2  # operations of a recurrence, at most


@dataclass(frozen=True)
class _Kept:
    """An array in which a loop stores its carried number `place`, and the operations of the recurrence."""

    array: Value
    loop: For
    store: Op
    place: int
    steps: Sequence[Op]


def run_again(found: Varying, b: Builder) -> For:
    """The loop with cheap recurrences computed again; the loop itself if there are none."""
    loop = found.loop
    for array in sorted(found.own & found.values, key=lambda v: v.name):
        kept = _kept(array, loop, found)
        if kept is not None:
            loop = _without(kept, loop, b)
    return loop


def _kept(array: Value, loop: For, found: Varying) -> _Kept | None:
    """The recurrence by which an inner loop fills an array, if all other inner loops can compute it themselves."""
    loops = [s for s in loop.body.body if isinstance(s, For)]
    users = [s for s in loops if array in _operands(s)]
    uses = sum(_operands(s).count(array) for s in loop.body.body)
    if len(users) < 2 or uses != sum(len(_at_own_index(s, array)) for s in users):
        return None
    first, *others = users
    stores = [op for op in _at_own_index(first, array) if op.decl is memory.store]
    same_range = all(_same_number(s.stop, first.stop) for s in others)
    if len(stores) != 1 or len(_at_own_index(first, array)) > 1 or not same_range:
        return None
    if any(op.decl is not memory.index for s in others for op in _at_own_index(s, array)):
        return None
    return _recurrence(array, first, stores[0], found)


def _same_number(left: Atom, right: Atom) -> bool:
    known = known_dim(left)
    return left == right or (known is not None and known == known_dim(right))


def _operands(s: Statement) -> list[Atom]:
    inner = [*walk(*regions_of(s))]
    return [a for each in (s, *inner) for a in each.operands]


def _at_own_index(loop: For, array: Value) -> list[Op]:
    """The accesses of an array in a loop from 0, if each is unconditional and has the loop's index as subscript."""
    counts = loop.start == const(0) and loop.step == const(1)
    if not counts or loop.reverse or loop.breaks or loop.is_parallel:
        return []
    return [
        s for s in loop.body.body
        if isinstance(s, Op) and s.operands and s.operands[0] is array and subscripts(s) == (loop.index,)
    ]  # fmt: skip


def _recurrence(array: Value, loop: For, store: Op, found: Varying) -> _Kept | None:
    """The recurrence of a stored value: the operations that compute it and the next carried number, if they are few."""
    made = definitions_in(loop.body.body)
    params = loop.body.params[1:]
    needed: set[Statement] = set()
    carried: set[Value] = set()
    pending = [store.operands[1]]
    while pending:
        atom = pending.pop()
        if not isinstance(atom, Value):
            continue
        if atom in params and atom not in carried:
            carried.add(atom)
            pending.append(loop.carried_yields[params.index(atom)])
        elif atom in made and made[atom] not in needed:
            needed.add(made[atom])
            pending += made[atom].operands
    steps = [s for s in loop.body.body if s in needed]
    if len(carried) != 1 or not all(_is_free(s, found) for s in steps):
        return None
    ops = [s for s in steps if isinstance(s, Op)]
    if sum(price_of_element(op) for op in ops if not _is_integer(op)) > _CHEAP:
        return None
    return _Kept(array, loop, store, params.index(carried.pop()), ops)


def _is_integer(op: Op) -> bool:
    """Whether an operation computes an integer; these are uniform."""
    return isinstance(op.result.type, Scalar) and op.result.type.dtype == "int64"


def _is_free(s: Statement, found: Varying) -> bool:
    """Whether a statement gives the same result at any position."""
    if not isinstance(s, Op) or s.decl.effect or s.decl.writes:
        return False
    return s.decl is not memory.index or s.operands[0] in found.fixed


def _without(kept: _Kept, loop: For, b: Builder) -> For:
    """The loop without an array; the readers of its elements compute them."""
    body: list[Statement] = []
    for s in loop.body.body:
        if s is kept.loop:
            statements = tuple(op for op in kept.loop.body.body if op is not kept.store)
            region = replace(kept.loop.body, body=statements)
            first = replace(kept.loop, body=region)
            is_used = any(first.results[kept.place] in used_atoms(t) for t in loop.body.body)
            is_used |= first.results[kept.place] in loop.body.yields
            shorter = None if is_used else by_horner(first, b)
            body += [first] if shorter is None else shorter
        elif isinstance(s, For) and _at_own_index(s, kept.array):
            body += _scaled(_again(kept, s, b), b)
        elif kept.array not in s.results:
            body.append(s)
    return replace(loop, body=replace(loop.body, body=tuple(body)))


def _again(kept: _Kept, loop: For, b: Builder) -> For:
    """A loop that computes the recurrence itself."""
    old = kept.loop.body.params[kept.place + 1]
    param, last = replace(old), replace(old)
    stored, end = kept.store.operands[1], kept.loop.carried_yields[kept.place]
    steps = Region((kept.loop.index, old), tuple(kept.steps), (stored, end))
    index, symbol = known_dim(loop.index), symbol_of(kept.loop.index)
    if index is not None and symbol is not None:
        steps = change_dims_within(steps, lambda d: d.substitute({symbol: index}))
    inner = b.inner()
    stored, end = inner.inline(steps, (loop.index, param))
    own: Env = {}
    for s in loop.body.body:
        if s in _at_own_index(loop, kept.array):
            own[s.results[0]] = stored
        else:
            inner.append(Rewriter().keep(s, own, inner))
    yields = (*(lookup(own, y) for y in loop.body.yields), end)
    region = Region((*loop.body.params, param), tuple(inner.body), yields)
    carried = (*loop.carried, kept.loop.carried[kept.place])
    return replace(loop, carried=carried, body=region, results=(*loop.results, last))


def _scaled(loop: For, b: Builder) -> list[Statement]:
    """The loop with the product carried in place of its last carried number, if every use multiplies the number by one
    loop-invariant factor; the start of the product precedes it. Otherwise the loop itself.
    """
    param, end = loop.body.params[-1], loop.body.yields[-1]
    users = [s for s in loop.body.body if param in used_atoms(s)]
    step = next((s for s in users if s.results == (end,)), None)
    products = [s for s in users if s is not step]
    factors = {_factor(s, param) for s in products}
    ends = sum(end in used_atoms(s) for s in loop.body.body) + loop.body.yields.count(end)
    factor = factors.pop() if len(factors) == 1 else None
    is_whole = step is not None and _factor(step, param) is not None and ends == 1
    moved = None if factor is None else _unchanged(factor, loop)
    if factor is None or moved is None or not is_whole or param in loop.body.yields:
        return [loop]
    ahead, inner = b.inner(), b.inner()
    for s in moved:
        ahead.append(s)
    start: Atom = factor
    if loop.carried[-1] != const(1.0):
        start = ahead.op(arithmetic.multiply, factor, loop.carried[-1])
    own: Env = {s.results[0]: param for s in products}
    for s in loop.body.body:
        if s not in products and s not in moved:
            inner.append(Rewriter().keep(s, own, inner))
    yields = tuple(lookup(own, y) for y in loop.body.yields)
    region = Region(loop.body.params, tuple(inner.body), yields)
    return [*ahead.body, replace(loop, carried=(*loop.carried[:-1], start), body=region)]


def _factor(s: Statement, number: Value) -> Value | None:
    """The factor by which a statement multiplies a number, if it does nothing else with the number."""
    if not isinstance(s, Op) or s.decl is not arithmetic.multiply:
        return None
    others = [a for a in s.operands if a is not number]
    is_plain = all(isinstance(a.type, Scalar) and a.type.dtype == number.type.dtype for a in others)  # type: ignore[union-attr]
    return others[0] if len(others) == 1 and is_plain and isinstance(others[0], Value) else None


def _unchanged(number: Value, loop: For) -> list[Statement] | None:
    """The statements of an iteration that compute a loop-invariant number; None if it is not invariant."""
    made = definitions_in(loop.body.body)
    inside = {*defined_in(loop.body), *loop.body.params}
    chain: set[Statement] = set()
    pending: list[Atom] = [number]
    while pending:
        atom = pending.pop()
        if atom not in inside:
            continue
        s = made.get(atom)
        if not isinstance(s, Op) or s.decl not in _PLAIN:
            return None
        chain.add(s)
        pending += s.operands
    return [s for s in loop.body.body if s in chain]


_PLAIN = (arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.negative)
