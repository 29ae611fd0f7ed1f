"""Jacobians: a derivative along one direction becomes loops over all directions.

    tangent(%x, %x_dot)                             jacobian(%x)
      %0 = cos %x                                     %0 = cos %x
      %y_dot = multiply %0, %x_dot                    %jacobian = empty_of[type=float64[n, n]]
      yield %y_dot                            ->      %1 = eye %n
                                                      for 0, %n, 1 { (%k) ->
                                                        %x_dot = index[where=i] %1, %k
                                                        %y_dot = multiply %0, %x_dot
                                                        store[where=:, i] %jacobian, %y_dot, %k }
                                                      yield %jacobian

Statements that do not depend on the direction stay in front of the loops; in reverse mode, this is the whole forward
part. The direction of a number is 1, and needs no loop. Each number or array that has directions has loops of its own.
Each such number or array has one block of the matrix for each result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, clone_statement, lookup, shapes_for
from srcdiff.ir.core import For, Function, Node, Op, Region, Statement, Tree
from srcdiff.ir.types import Array, Dim, Scalar, Struct, Type, is_float, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.transforms.ad.adjoints.accumulate import whole
from srcdiff.transforms.analysis.defuse import is_generated, uses_outside
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking
from srcdiff.transforms.prepare.flat_results import flat_results
from srcdiff.transforms.simplify.constants import zero, zeros

NOTHING = -1  # a leaf without directions
_INDICES = ("i", "j", "k", "l", "m", "n")


def along_all(
    fn: Function,
    count: int,
    types: Sequence[Type],
    tree: Tree,
    *,
    rows: bool,
    names: Sequence[Sequence[str]],
) -> Function:
    """The derivative along all directions, from a derivative along one direction: its last `count` parameters.

    Parameters
    ----------
    fn
        Its results are numbers, arrays and None (see `flat_uncopied`).
    types
        The types of the values that the results are the derivatives of. A result may be smaller than its type, and
        stand for its broadcast.
    tree
        The structure of the values that have directions. A leaf is the number of a part of the last parameters, or
        `NOTHING`.
    rows
        Whether directions come first, in the result's structure, and among the axes of each block.
    names
        For each part that has directions, the names of the blocks of the results.
    """
    made = _Directions(fn, count, types, rows)
    yields: list[Atom] = []
    parts = [(seed, k) for seed in made.seeds for k in range(len(numbers_in(seed.type)))]
    blocks = [made.blocks(*part, called) for part, called in zip(parts, names, strict=True)]
    results = _without(fn.output, [is_float(t) for t in types])
    output = _joined(tree, results, rows, blocks, yields)
    body = Region(made.params, tuple(made.b.body), tuple(yields))
    result = bind_lengths(replace(fn, body=body, output=output))
    if lacking(result):
        raise UnsupportedError(
            "the length of the result is known only after it is computed, so there is no matrix to store its "
            "derivatives in",
            "Use jvp or vjp for single directions, or write the result into an array of a known length.",
            fn.location,
        )
    return result


def flat_uncopied(fn: Function) -> Function:
    """As `flat_results`, also without the generated copies of results."""
    copied = _own_copies(fn)
    b = Builder(shapes_for(fn), "compiler", fn.location)
    yields = tuple(b.op(memory.read, copied[y]) if y in copied else y for y in fn.body.yields)
    body = Region(fn.params, (*fn.body.body, *b.body), yields)
    return flat_results(replace(fn, body=body))


def _own_copies(fn: Function) -> dict[Atom, Atom]:
    """The generated copies at the end of a function, each with the value that it copies."""
    found: dict[Atom, Atom] = {}
    for s in reversed(fn.body.body):
        if not isinstance(s, Op) or s.decl is not memory.copy or not is_generated(s):
            break
        found[s.result] = s.operands[0]
    return found


def _without(tree: Tree, floats: Sequence[bool]) -> Tree:
    """The structure of results, with `NOTHING` for leaves without floats."""
    if isinstance(tree, int):
        return tree if floats[tree] else NOTHING
    return replace(tree, children=tuple(_without(c, floats) for c in tree.children))


def _joined(
    directions: Tree,
    results: Tree,
    rows: bool,
    blocks: Sequence[Sequence[Atom]],
    yields: list[Atom],
) -> Tree:
    """One structure inside each leaf of the other; the blocks are appended to the yields."""
    first, second = (directions, results) if rows else (results, directions)

    def leaf(atom: Atom) -> Tree:
        yields.append(atom)
        return len(yields) - 1

    def inside(tree: Tree, outer: int) -> Tree:
        if isinstance(tree, Node):
            return replace(tree, children=tuple(inside(c, outer) for c in tree.children))
        d, k = (outer, tree) if rows else (tree, outer)
        return leaf(const(None) if NOTHING in (d, k) else blocks[d][k])

    def outside(tree: Tree) -> Tree:
        if isinstance(tree, Node):
            return replace(tree, children=tuple(map(outside, tree.children)))
        return leaf(const(None)) if tree == NOTHING else inside(second, tree)

    return outside(first)


def numbers_in(type_: Type) -> list[Type]:
    """The types of the numbers and arrays in a type, in order."""
    if isinstance(type_, Struct):
        return [t for part in type_.parts for t in numbers_in(part)]
    return [type_]


def is_one_number(params: Sequence[Value]) -> bool:
    """Whether there is one direction only: the floats in the parameters are one number, or an array of one element."""
    found = [t for p in params for t in numbers_in(p.type) if is_float(t)]
    return len(found) == 1 and all(d == Dim(1) for d in shape_of(found[0]))


def split_by(fn: Function, params: frozenset[Value]) -> tuple[list[Statement], list[Statement]]:
    """The statements that do not depend on these parameters, and the statements that do.

    If a statement of the second kind writes storage, all statements that touch this storage are of the second kind. A
    statement that writes over storage that an earlier statement of the second kind reads is of the second kind, too.
    """
    roots = storage_roots(fn)
    statements = fn.body.body
    reads = [reads_of(s, roots) for s in statements]
    writes = [writes_of(s, roots) for s in statements]
    touched = [
        reads[k] | writes[k] | {r for v in s.results for r in roots.get(v, ())}
        for k, s in enumerate(statements)
    ]
    uses = [uses_outside(s) for s in statements]
    inside: set[int] = set()
    depends: set[Value] = set(params)
    written: set[Value] = set()
    grown = True
    while grown:
        grown = False
        read: set[Value] = set()
        for k, s in enumerate(statements):
            if k not in inside and (uses[k] & depends or touched[k] & written or writes[k] & read):
                inside.add(k)
                depends.update(s.results)
                written |= writes[k]
                grown = True
            if k in inside:
                read |= reads[k]
    front = [s for k, s in enumerate(statements) if k not in inside]
    return front, [s for k, s in enumerate(statements) if k in inside]


class _Directions:
    """Builds the loops; `b` collects the statements in front of the loops, and the loops."""

    def __init__(self, fn: Function, count: int, types: Sequence[Type], rows: bool) -> None:
        self.fn = fn
        self.types = types
        self.rows = rows
        self.params = fn.params[: len(fn.params) - count]
        self.seeds = fn.params[len(fn.params) - count :]
        front, self.along = split_by(fn, frozenset(self.seeds))
        self.b = Builder(shapes_for(fn), "tangent", fn.location)
        self.b.body.extend(front)

    def blocks(self, seed: Value, part: int, names: Sequence[str]) -> list[Atom]:
        """The derivatives of all results with respect to one part of the value of which `seed` is the direction."""
        type_ = numbers_in(seed.type)[part]
        if not is_float(type_):
            return [const(None)] * len(self.fn.body.yields)
        axes = shape_of(type_)
        if all(d == Dim(1) for d in axes):
            found = self.along_element(seed, part, [const(0)] * len(axes), self.b)
            named = zip(found, self.types, names, strict=True)
            return [self.with_axes(a, t, axes, name) for a, t, name in named]
        storage = [self.storage(t, axes, name) for t, name in zip(self.types, names, strict=True)]
        self.loops(seed, part, list(axes), [], storage, self.b)
        return [self.b.op(memory.read, s) if s is not None else const(None) for s in storage]

    def storage(self, type_: Type, axes: Sequence[Dim], name: str) -> Value | None:
        """Storage of a block for a result of this type; None if the type has no floats."""
        if not isinstance(type_, Scalar | Array) or not is_float(type_):
            return None
        shape = (*axes, *shape_of(type_)) if self.rows else (*shape_of(type_), *axes)
        return self.b.op(memory.empty_of, name=name, type=Array(type_.dtype, shape))

    def loops(
        self,
        seed: Value,
        part: int,
        axes: list[Dim],
        at: list[Atom],
        storage: Sequence[Value | None],
        b: Builder,
    ) -> None:
        """A loop over each axis of the direction, with the derivative along the direction in the innermost loop."""
        if len(at) == len(axes):
            found = self.along_element(seed, part, at, b)
            for y, type_, target in zip(found, self.types, storage, strict=True):
                if target is not None:
                    self.store(target, y, type_, at, b)
            return
        if axes[len(at)] == Dim(1):
            self.loops(seed, part, axes, [*at, const(0)], storage, b)
            return
        hint = "k" if len(axes) == 1 else _INDICES[min(len(at), len(_INDICES) - 1)]
        index = Value(Scalar("int64", True, b.shapes.fresh(hint)), hint)
        stop = b.op(memory.length, dim=axes[len(at)])
        inner = b.inner()
        self.loops(seed, part, axes, [*at, index], storage, inner)
        body = inner.region((index,), ())
        b.append(For(const(0), stop, const(1), (), body, (), location=b.location, origin=b.origin))

    def store(
        self, target: Value, amount: Atom, type_: Type, at: Sequence[Atom], b: Builder
    ) -> None:
        rest = ", ".join(":" for _ in shape_of(type_))
        order = (elements_of(at),) if self.rows else (rest, elements_of(at))
        b.ops(memory.store, target, amount, *at, where=", ".join(filter(None, order)))

    def along_element(self, seed: Value, part: int, at: Sequence[Atom], b: Builder) -> list[Atom]:
        """The results for the direction along one element; their statements are appended to `b`."""
        env: Env = {}
        for other in self.seeds:
            env[other] = self.direction(other, part if other is seed else None, at, b)
        b.body.extend(clone_statement(s, env) for s in self.along)
        return [lookup(env, y) for y in self.fn.body.yields]

    def direction(self, seed: Value, part: int | None, at: Sequence[Atom], b: Builder) -> Atom:
        """The direction along one element of a part; zeros if `part` is None."""
        count = 0

        def made(type_: Type) -> Atom:
            nonlocal count
            if isinstance(type_, Struct):
                parts = [made(t) for t in type_.parts]
                keys = type_.keys
                return b.op(containers.pack, *parts, kind=type_.kind, keys=keys, cls=type_.cls)
            count += 1
            return self.unit(type_, at, b, seed.name) if count - 1 == part else self.nothing(type_)

        return made(seed.type)

    def unit(self, type_: Type, at: Sequence[Atom], b: Builder, name: str) -> Atom:
        """The number or array that is 1 at one place, and 0 elsewhere."""
        if isinstance(type_, Scalar):
            return _one(type_)
        assert isinstance(type_, Array)
        given: dict[str, Any] = {} if type_.dtype == "float64" else {"dtype": type_.dtype}
        if all(d == Dim(1) for d in type_.shape):
            return b.op(memory.ones, *(const(1) for _ in at), name=name, **given)
        if len(at) == 1:
            n = self.b.op(memory.length, dim=type_.shape[0])
            rows = self.b.op(creation.eye, n, **given)
            return b.op(memory.index, rows, *at, where="i", name=name)
        target = zeros(b, type_, name)
        b.ops(memory.store, target, _one(Scalar(type_.dtype)), *at, where=elements_of(at))
        return b.op(memory.read, target)

    def nothing(self, type_: Type) -> Atom:
        if isinstance(type_, Scalar):
            return zero(type_)
        if isinstance(type_, Array):
            return zeros(self.b, type_)
        return const(None)

    def with_axes(self, found: Atom, type_: Type, axes: Sequence[Dim], name: str) -> Atom:
        """The derivative with respect to an array of one element, with the axes of that array, at full size."""
        storage = self.storage(type_, axes, name) if axes else None
        if storage is None:
            return whole(self.b, found, type_) if is_float(type_) else const(None)
        self.store(storage, found, type_, [const(0)] * len(axes), self.b)
        return self.b.op(memory.read, storage)


def _one(type_: Scalar) -> Atom:
    return const(1.0 if type_.dtype == "float64" else np.dtype(type_.dtype).type(1))
