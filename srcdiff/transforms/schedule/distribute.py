"""Loop distribution: one loop for each part of an iteration.

    for 0, %n { (%i) ->                          for 0, %n { (%i) -> %a = ...;  store %x, %a, %i }
        %a = ...;  store %x, %a, %i              for 0, %n { (%i) ->
        for 0, %m { ... %a ... }       becomes       %b = index %x, %i;  for 0, %m { ... %b ... } }
        for 0, %m { ... } }                      for 0, %n { (%i) -> for 0, %m { ... } }

A part holds one inner loop. No statement before that loop writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.build import Builder, Env, change_dims_within, clone_statement
from srcdiff.ir.core import For, Op, Region, Statement, walk
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Scalar, element_type
from srcdiff.ir.values import Atom, Value, const, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import used_atoms
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.effects import conflict, footprint, together


def other_iteration(loop: For, index: Atom) -> Region:
    """The body of a loop with another index."""
    symbol, at = symbol_of(loop.index), known_dim(index)
    body = change_dims_within(
        loop.body, lambda d: d.substitute({symbol: at}) if symbol and at is not None else d
    )
    env: Env = {body.params[0]: index}
    statements = tuple(clone_statement(s, env) for s in body.body)
    return Region((index,) if isinstance(index, Value) else (), statements, ())


def parts_of_iterations(loop: For, roots: Roots, b: Builder) -> tuple[list[Statement], list[For]]:
    """The loops over the parts of a loop's iterations, and the storage for the values that cross between them.

    Returns the loop itself if it has only one part, or if parts of different iterations conflict.
    """
    parts = _parts(loop.body.body, roots)
    touched = [together(footprint(s, roots) for s in part) for part in parts]
    if len(parts) < 2 or loop.start != const(0) or not all(map(_is_element, _crossing(parts))):
        return [], [loop]
    if any(conflict(*pair) for pair in combinations(touched, 2)):
        return [], [loop]
    crossing = _Crossing(loop, roots, b.inner())
    found = [crossing.part(part, parts[k + 1 :]) for k, part in enumerate(parts)]
    return crossing.b.body, found


def _parts(body: Sequence[Statement], roots: Roots) -> list[list[Statement]]:
    parts: list[list[Statement]] = [[]]
    has_loop = False  # whether the current part has one
    for s in body:
        if isinstance(s, For):
            if has_loop or any(writes_of(x, roots) for x in parts[-1]):
                parts.append([])
            has_loop = True
        parts[-1].append(s)
    return parts


class _Crossing:
    """The numbers that one part of an iteration computes and a later part uses, as elements of arrays."""

    def __init__(self, loop: For, roots: Roots, b: Builder) -> None:
        self.loop, self.roots, self.b = loop, roots, b
        self.written = writes_of(loop, roots)
        self.loads: dict[Atom, Op] = {}  # value -> how later parts load it

    def part(self, body: Sequence[Statement], later: Sequence[Sequence[Statement]]) -> For:
        """The loop over a part."""
        wanted = _used(body)
        loads = [op for value, op in self.loads.items() if value in wanted]
        used = set().union(*map(_used, later))
        stores: list[Statement] = []
        for s in body:
            for value in s.results:
                if value in used:
                    stores += self.keep(value, s, body)
        region = Region((self.loop.index,), (*loads, *body, *stores), ())
        index = replace(self.loop.index, type=Scalar("int64", True, self.b.shapes.fresh("i")))
        part = replace(self.loop, body=region, pair=0)
        return replace(part, body=other_iteration(part, index))

    def keep(self, value: Value, maker: Statement, body: Sequence[Statement]) -> list[Statement]:
        """Record how later parts load a number; returns the stores that its own part needs for that."""
        if isinstance(maker, Op) and self.is_fixed(maker):
            self.loads[value] = replace(maker, results=(value,))
            return []
        for s in body:
            if isinstance(s, Op) and self.is_own(s, value):
                self.loads[value] = self.load(s.operands[0], s.operands[2:], value, s)
                return []
        assert isinstance(value.type, Scalar)
        count = known_dim(self.loop.stop)
        assert count is not None
        row = Value(Array(value.type.dtype, (count,)), plural(value.name) if value.name else "")
        where = (maker.location, "compiler")
        attrs = {} if value.type.dtype == "float64" else {"dtype": value.type.dtype}
        self.b.append(Op(memory.empty, (self.loop.stop,), (row,), attrs, *where))  # type: ignore[arg-type]
        at = (self.loop.index,)
        store = Op(memory.store, (row, value, *at), (), {"where": "i"}, *where)  # type: ignore[arg-type]
        self.loads[value] = self.load(row, at, value, store)
        return [store]

    def load(self, array: Atom, at: Sequence[Atom], value: Value, like: Op) -> Op:
        attrs = {"where": like.attrs["where"]}
        return Op(memory.index, (array, *at), (value,), attrs, like.location, "compiler")

    def is_fixed(self, op: Op) -> bool:
        """Whether an operation loads an element that the loop does not write, from an array made before the loop."""
        array = op.operands[0]
        if op.decl is not memory.index or not subscripts(op) or not isinstance(array, Value):
            return False
        return self.roots[array].isdisjoint(self.written) and self.is_there(op.operands)

    def is_own(self, store: Op, value: Value) -> bool:
        """Whether `store` stores `value` at the loop's own index, and nothing else in the loop writes the array."""
        if (
            not isinstance(store, Op)
            or store.decl is not memory.store
            or store.operands[1] is not value
        ):
            return False
        array = store.operands[0]
        if not isinstance(array, Value) or not self.is_there((array, *store.operands[2:])):
            return False
        if self.loop.index not in subscripts(store) or element_type(array.type) != value.type:
            return False
        ops = (s for s in walk(self.loop.body) if isinstance(s, Op) and s is not store)
        return all(self.roots[array].isdisjoint(writes_of(s, self.roots)) for s in ops)

    def is_there(self, atoms: Sequence[Atom]) -> bool:
        return _made(self.loop.body.body).isdisjoint(a for a in atoms if isinstance(a, Value))


def _crossing(parts: Sequence[Sequence[Statement]]) -> set[Value]:
    """The values that one part computes and a later one uses."""
    pairs = combinations(parts, 2)
    return {v for first, later in pairs for v in _made(first) & _used(later)}


def _made(body: Sequence[Statement]) -> set[Value]:
    return {v for s in body for v in s.results}


def _is_element(value: Value) -> bool:
    """Whether a value can be stored as an element of an array."""
    return isinstance(value.type, Scalar) and not value.type.weak


def _used(body: Sequence[Statement]) -> set[Value]:
    return {a for s in body for a in used_atoms(s) if isinstance(a, Value)}
