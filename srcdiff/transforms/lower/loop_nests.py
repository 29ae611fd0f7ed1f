"""Construction of loop nests: an element of an array is loaded, or computed where it is used.

    %z = exp (add %x, %y)            not stored: an element of it is exp(x[i] + y[i])
    store[where='i'] %H, %z, %t      for 0, %n { (%i) -> ... store[where='i, i'] %H, %e, %t, %i }

`deferred_arrays` decides which arrays are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from srcdiff.ir.build import Builder, range_of
from srcdiff.ir.core import For, If, Op, OpDecl, Region
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Scalar, Type, shape_of, strip
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.core.scalar_spellings import of_numbers
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.ops.loopforms.element_maps import align, same_place

ONE = Dim(1)
At = Sequence[Atom]
Step = Callable[["Nest", At, At], At]
_INDEX_NAMES = "ijklmn"


class NoLoopForm(Exception):
    """An operation that has no form as loops over scalars; the text names it, and `location` is its line."""

    def __init__(self, reason: str, location: Location | None = None) -> None:
        super().__init__(reason)
        self.location = location


@dataclass
class Arrays:
    """The values of the function during lowering.

    Attributes
    ----------
    now : dict
        The new values of scalars, containers and stored arrays.
    lazy : dict
        The defining operations of deferred arrays.
    calls : bool
        Whether NumPy may be called; device code cannot call it.
    """

    now: dict[Value, Atom] = field(default_factory=dict)
    lazy: dict[Value, Op] = field(default_factory=dict)
    calls: bool = True

    def get(self, atom: Atom) -> Atom:
        """The new value of an atom that is not a deferred array."""
        return atom if isinstance(atom, Const) else self.now[atom]


class Nest:
    """The innermost body of a loop nest: builds elements into `b`. Equal index computations are made once."""

    def __init__(
        self,
        arrays: Arrays,
        b: Builder,
        depth: int = 0,
        beside: str = "float32",
        made: dict[tuple[object, ...], Atom] | None = None,
    ) -> None:
        self.arrays = arrays
        self.b = b
        self.depth = depth  # number of enclosing loops
        self.beside = beside  # the type of Python's numbers beside those of single precision
        self.made = {} if made is None else made

    @property
    def calls(self) -> bool:
        return self.arrays.calls

    def number(self, atom: Atom) -> Atom:
        return self.arrays.get(atom)

    def stored(self, atom: Atom) -> Atom | None:
        return self.arrays.now.get(atom) if isinstance(atom, Value) else None

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
        operands = tuple(self.of_one_width(operands))
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
            own = Nest(self.arrays, self.b, self.depth, beside_narrow(op), self.made)
            return op.decl.element(own, op, at)
        if op.decl.place is not None:
            return self.element(op.operands[0], op.decl.place(self, op, at))
        return self.elementwise(op, at)

    def elementwise(self, op: Op, at: At) -> Atom:
        parts = [self.element(a, align(shape_of(a.type), at)) for a in op.operands]
        if op.decl is conversions.astype:
            return self.cast(parts[0], op.attrs["dtype"])
        if op.decl is not arithmetic.power or not isinstance(parts[1], Const):
            parts = self.of_one_width(self.of_arrays(op.operands, parts))
        spelling = "" if op.spelling.startswith(".") else op.spelling
        decl, spelling = of_numbers(op.decl, parts, spelling, is_python=False)
        return self.b.op(decl, *parts, name=op.result.name, spelling=spelling, **op.attrs)

    def of_arrays(self, arrays: Sequence[Atom], parts: Sequence[Atom]) -> list[Atom]:
        """Elements of arrays, with Python's numbers (as of `np.arange`) converted to the width that NumPy uses beside
        float32.
        """
        if not any(_is_narrow(a) for a in parts):
            return list(parts)
        return [
            self.cast(part, np.result_type(array.type.dtype, np.float32))
            if isinstance(array.type, Array) and _is_python(part)
            else part
            for array, part in zip(arrays, parts, strict=True)
        ]

    def of_one_width(self, parts: Sequence[Atom]) -> list[Atom]:
        """Python's numbers as float32 if another part is float32; compiled code would otherwise use 64 bits."""
        if not any(map(_is_narrow, parts)):
            return list(parts)
        return [self.cast(a, self.beside) if _is_python(a) else a for a in parts]

    def cast(self, number: Atom, dtype: object) -> Atom:
        name = type_named(dtype)
        if isinstance(number, Const) and name in ("float32", "float64"):
            return const(np.dtype(name).type(number.value))
        make = lambda: self.b.op(conversions.astype, number, spelling=f"np.{name}", dtype=dtype)
        return self.once(("cast", number, name), make)

    def load(self, stored: Atom, at: At) -> Value:
        return self.b.op(memory.index, stored, *at, where=elements_of(at))

    # ---- statements for forms that fill storage ----

    def each(self, shape: Sequence[Dim], carried: At, body: Step, name: str = "") -> At:
        depth = self.depth + sum(d != ONE for d in shape)
        inner = lambda b, at, c: body(Nest(self.arrays, b, depth, self.beside), at, c)
        return nest(self.b, shape, carried, inner, depth=self.depth, called=name)

    def iterations(self, count: Atom, carried: At, body: Step) -> At:
        inner = lambda b, at, c: body(Nest(self.arrays, b, self.depth + 1, self.beside), at, c)
        return loop(self.b, count, carried, inner, _INDEX_NAMES[self.depth % len(_INDEX_NAMES)])

    def when(self, condition: Atom, body: Callable[[Nest], At], otherwise: At) -> At:
        then, orelse = self.b.inner(), self.b.inner()
        given = tuple(body(Nest(self.arrays, then, self.depth, self.beside)))
        results = tuple(Value(strip(a.type), getattr(a, "name", "")) for a in given)
        regions = then.region((), given), orelse.region((), otherwise)
        self.b.append(If(condition, *regions, results, self.b.location, self.b.origin))
        return results

    def new(self, type_: Type, lengths: Sequence[Atom] | None = None, name: str = "") -> Value:
        if lengths is None:
            return self.b.op(memory.empty_of, type=type_, name=name)
        assert isinstance(type_, Array)
        attrs = {} if type_.dtype == "float64" else {"dtype": type_.dtype}
        made = Value(type_, name)
        where = (self.b.location, self.b.origin)
        self.b.append(Op(memory.empty, tuple(lengths), (made,), attrs, *where))
        return made

    def store(self, stored: Value, value: Atom, at: At) -> None:
        store_element(self.b, stored, value, at)

    def add(self, stored: Value, value: Atom, at: At) -> None:
        add_element(self.b, stored, value, at)

    def front(self, stored: Value, count: Atom, result: Value) -> Value:
        found = replace(result)
        where = (self.b.location, self.b.origin)
        self.b.append(Op(memory.index, (stored, count), (found,), {"where": ":e"}, *where))
        return found

    def count(self, items: Atom) -> Atom:
        return self.b.op(containers.list_length, self.arrays.get(items))

    def item(self, items: Atom, k: Atom) -> Value:
        found = self.b.op(containers.list_item, self.arrays.get(items), k)
        self.arrays.now[found] = found
        return found

    def axis_length(self, array: Atom, axis: int) -> Atom:
        return self.b.op(memory.axis_length, self.arrays.get(array), axis=axis)

    def refuse(
        self, test: str, operands: Sequence[Atom], error: type[Exception], text: str
    ) -> None:
        condition = self.b.op(control.test, *operands, text=test)
        control.raise_if(self.b, condition, error, text)

    def refuse_empty(self, lengths: Sequence[Dim], text: str) -> None:
        for d in lengths:
            if not self.b.shapes.is_at_least_zero(d - 1):
                self.refuse("{0} == 0", [self.length(d)], ValueError, text)

    # ---- storage ----

    def place(self, atom: Atom, at: At) -> tuple[Value, tuple[Atom, ...]]:
        """The stored array and the indices for an element of storage or of a view."""
        if not isinstance(atom.type, Array):
            raise NoLoopForm("a number that is broadcast has no storage")
        assert isinstance(atom, Value)
        op = self.arrays.lazy.get(atom)
        if op is None:
            stored = self.arrays.get(atom)
            assert isinstance(stored, Value)
            return stored, tuple(at)
        if op.decl.place is None:
            raise NoLoopForm(f"writing into the result of {op.decl.name}")
        return self.place(op.operands[0], op.decl.place(self, op, at))


def beside_narrow(op: Op) -> str:
    """What a Python number among the elements of an operation's arrays is beside single precision: double precision, if
    the arrays' own types make the result so.
    """
    types = [v.type for v in (*op.operands, *op.results) if isinstance(v.type, Array)]
    return "float64" if {t.dtype for t in types} == {"float32", "float64"} else "float32"


def _is_narrow(atom: Atom) -> bool:
    type_ = atom.type
    return isinstance(type_, Scalar) and type_.dtype == "float32" and not type_.weak


def _is_python(atom: Atom) -> bool:
    type_ = atom.type
    return isinstance(type_, Scalar) and type_.weak and type_.dtype in ("float64", "int64")


def index_called(b: Builder, name: str) -> Value:
    return Value(Scalar("int64", True, b.shapes.fresh(name)), name, user=True)


Body = Callable[[Builder, tuple[Atom, ...], tuple[Atom, ...]], Sequence[Atom]]


def loop(
    b: Builder,
    stop: Atom,
    carried: Sequence[Atom],
    body: Body,
    name: str = "i",
    reverse: bool = False,
    called: str = "",
) -> tuple[Value, ...]:
    """Append a loop over `range(stop)`; `body(b, (index,), carried)` returns the yields."""
    inner = b.inner()
    index = Value(Scalar("int64", True, b.shapes.fresh("i")), name, user=True)
    b.shapes.note_ranges(range_of(index, const(0), stop, const(1)))
    params = tuple(Value(strip(a.type), called or getattr(a, "name", "")) for a in carried)
    yields = tuple(body(inner, (index,), params))
    region = Region((index, *params), tuple(inner.body), yields)
    results = tuple(Value(strip(y.type), p.name) for y, p in zip(yields, params, strict=True))
    statement = For(
        const(0), stop, const(1), tuple(carried), region, results, reverse,
        location=b.location, origin=b.origin,
    )  # fmt: skip
    b.append(statement)
    return results


def nest(
    b: Builder,
    shape: Sequence[Dim],
    carried: Sequence[Atom],
    body: Body,
    order: Sequence[int] | None = None,
    depth: int = 0,
    called: str = "",
) -> tuple[Atom, ...]:
    """Append loops over all indices into `shape`, the last axis of `order` innermost; axes of length 1 have index 0."""
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
            called=called,
        )

    return tuple(level(b, 0, {}, carried))


def element_of(b: Builder, array: Atom, at: At) -> Atom:
    """An element of a stored array, which is broadcast; a number as it is."""
    if not isinstance(array.type, Array):
        return array
    inside = align(shape_of(array.type), at)
    return b.op(memory.index, array, *inside, where=elements_of(inside))


def store_each(b: Builder, to: Value, value: Atom, first: At = ()) -> None:
    """Copy a number, or the elements of a stored array, to a place in another one."""

    def body(b: Builder, at: At, _: At) -> At:
        store_element(b, to, element_of(b, value, at), (*first, *at))
        return ()

    nest(b, shape_of(to.type)[len(first) :], (), body)


def store_element(b: Builder, array: Value, value: Atom, at: At) -> None:
    b.ops(memory.store, array, value, *at, where=elements_of(at))


def add_element(b: Builder, array: Value, value: Atom, at: At) -> None:
    b.ops(memory.add_into, array, value, *at, where=elements_of(at))


def combine(n: Nest, decl: OpDecl, a: Atom, c: Atom) -> Atom:
    """Combine two scalars in a reduction."""
    chosen, spelling = of_numbers(decl, (a, c), "", is_python=False)
    return n.b.op(chosen, a, c, spelling=spelling)


def type_named(dtype: object) -> str:
    """NumPy's name for the scalar type of a dtype."""
    return str(np.dtype(dtype).type.__name__)  # type: ignore[call-overload]
