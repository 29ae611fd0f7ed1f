"""Loop nests and what stands in them: elements of arrays that are stored, or computed where they are asked for.

%z = exp (add %x, %y)            not stored: an element of it is exp(x[i] + y[i])
store[where='i'] %H, %z, %t      for 0, %n { (%i) -> ... store[where='i, i'] %H, %e, %t, %i }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, For, Op, OpDecl, Region, Value, const
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ops import memory
from srcdiff.ops.building import length_of
from srcdiff.ops.loop_forms import align, same_place
from srcdiff.ops.numbers import of_numbers
from srcdiff.ops.registry import OPERATIONS

__all__ = ["Arrays", "Nest", "NoLoopForm", "loop", "nest"]

ONE = Dim(1)
At = Sequence[Atom]
_INDEX_NAMES = "ijklmn"


class NoLoopForm(Exception):
    """An operation that cannot be said with loops over scalars; the text says which."""


@dataclass
class Arrays:
    """What the values of the function that is lowered have become.

    Attributes
    ----------
    now : dict
        Scalars, containers and stored arrays: what stands for each.
    lazy : dict
        Arrays that are not stored, by the operation that makes them.
    """

    now: dict[Value, Atom] = field(default_factory=dict)
    lazy: dict[Value, Op] = field(default_factory=dict)

    def get(self, atom: Atom) -> Atom:
        """What stands for something that is no array in waiting."""
        return atom if isinstance(atom, Const) else self.now[atom]


class Nest:
    """The innermost body of a loop nest: builds elements into `b`. Equal index computations are made once."""

    def __init__(self, arrays: Arrays, b: Builder) -> None:
        self.arrays = arrays
        self.b = b
        self.made: dict[tuple[object, ...], Atom] = {}

    def number(self, atom: Atom) -> Atom:
        return self.arrays.get(atom)

    def length(self, dim: Dim) -> Atom:
        return self.once(("length", dim), lambda: length_of(self.b, dim))

    def is_stored(self, atom: Atom) -> bool:
        while isinstance(atom, Value) and atom in self.arrays.lazy:
            op = self.arrays.lazy[atom]
            if op.decl.place is not same_place:
                return False
            atom = op.operands[0]
        return True

    def compute(self, name: str, *operands: Atom) -> Atom:
        decl, spelling = of_numbers(OPERATIONS[name], operands, "", is_python=False)
        return self.once((name, *operands), lambda: self.b.op(decl, *operands, spelling=spelling))

    def once(self, key: tuple[object, ...], make: Callable[[], Atom]) -> Atom:
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def element(self, atom: Atom, at: At) -> Atom:
        """An element of an array, or a number as it is."""
        if not isinstance(atom.type, Array):
            return self.number(atom)
        assert isinstance(atom, Value)
        return self.once((atom, *at), lambda: self.new_element(atom, at))

    def new_element(self, array: Value, at: At) -> Atom:
        op = self.arrays.lazy.get(array)
        if op is None:
            return self.load(self.arrays.get(array), at)
        if op.decl.element is not None:
            return op.decl.element(self, op, at)  # type: ignore[no-any-return]
        if op.decl.place is not None:
            return self.element(op.operands[0], op.decl.place(self, op, at))
        return self.elementwise(op, at)

    def elementwise(self, op: Op, at: At) -> Atom:
        parts = [self.element(a, align(shape_of(a.type), at)) for a in op.operands]
        spelling = "" if op.spelling.startswith(".") else op.spelling
        decl, spelling = of_numbers(op.decl, parts, spelling, is_python=False)
        return self.b.op(decl, *parts, name=op.result.name, spelling=spelling, **op.attrs)

    def load(self, stored: Atom, at: At) -> Value:
        return self.b.op(memory.index, stored, *at, where=elements_of(at))

    def place(self, atom: Atom, at: At) -> tuple[Value, tuple[Atom, ...]]:
        """The stored array, and the indices into it, of an element of storage or of a view of it."""
        assert isinstance(atom, Value)
        op = self.arrays.lazy.get(atom)
        if op is None:
            stored = self.arrays.get(atom)
            assert isinstance(stored, Value)
            return stored, tuple(at)
        if op.decl.place is None:
            raise NoLoopForm(f"writing into the result of {op.decl.name}")
        return self.place(op.operands[0], op.decl.place(self, op, at))


def elements_of(at: At) -> str:
    """The pattern of a subscript by integers only."""
    return ", ".join("i" * len(at))


Body = Callable[[Builder, tuple[Atom, ...], tuple[Atom, ...]], Sequence[Atom]]


def loop(
    b: Builder,
    stop: Atom,
    carried: Sequence[Atom],
    body: Body,
    name: str = "i",
    reverse: bool = False,
) -> tuple[Value, ...]:
    """A loop over `range(stop)`: `body(b, (index,), carried)` gives what is carried on."""
    inner = b.inner()
    index = Value(Scalar("int64", True, b.shapes.fresh("i")), name, user=True)
    params = tuple(Value(_type_of(a), getattr(a, "name", "")) for a in carried)
    yields = tuple(body(inner, (index,), params))
    region = Region((index, *params), tuple(inner.body), yields)
    results = tuple(Value(_type_of(y), p.name) for y, p in zip(yields, params, strict=True))
    statement = For(
        const(0), stop, const(1), tuple(carried), region, results, reverse,
        location=b.location, origin=b.origin,
    )  # fmt: skip
    b.append(statement)
    return results


def _type_of(atom: Atom) -> Scalar:
    assert isinstance(atom.type, Scalar)
    return Scalar(atom.type.dtype, atom.type.weak)


def nest(
    b: Builder,
    shape: Sequence[Dim],
    carried: Sequence[Atom],
    body: Body,
    order: Sequence[int] | None = None,
    depth: int = 0,
) -> tuple[Atom, ...]:
    """Loops over all indices into `shape`, the last axis (of `order`) innermost; axes of length 1 have the index 0."""
    order = tuple(range(len(shape))) if order is None else tuple(order)

    def level(b: Builder, k: int, at: dict[int, Atom], carried: Sequence[Atom]) -> Sequence[Atom]:
        if k == len(order):
            return body(
                b, tuple(at[axis] for axis in range(len(shape)) if axis in at), tuple(carried)
            )
        axis = order[k]
        if shape[axis] == ONE:
            return level(b, k + 1, {**at, axis: const(0)}, carried)
        name = _INDEX_NAMES[(depth + k) % len(_INDEX_NAMES)]
        return loop(
            b,
            length_of(b, shape[axis]),
            carried,
            lambda b, i, c: level(b, k + 1, {**at, axis: i[0]}, c),
            name,
        )

    return tuple(level(b, 0, {}, carried))


def store_element(b: Builder, array: Value, value: Atom, at: At) -> None:
    b.ops(memory.store, array, value, *at, where=elements_of(at))


def add_element(b: Builder, array: Value, value: Atom, at: At) -> None:
    b.ops(memory.add_into, array, value, *at, where=elements_of(at))


def combine(n: Nest, decl: OpDecl, a: Atom, c: Atom) -> Atom:
    """Two scalars as one, in a reduction."""
    chosen, spelling = of_numbers(decl, (a, c), "", is_python=False)
    return n.b.op(chosen, a, c, spelling=spelling)
