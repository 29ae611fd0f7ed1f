"""Lengths that NumPy would find to be others when it comes to them: loops over scalars never ask.

    %r = reshape %x, 2, 3                         if len(%x) != 6 { raise ValueError }; %r = reshape ...
    for 0, %n with %v { (%i, %w: float64[m]) ->   if len(%v) != %m { raise ValueError }; for ...

Lengths of arguments that meet in an operation are known to be equal before the program is chosen. These are left: the
number of elements of what is reshaped, and arrays that a loop takes over as others of a length that something else has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Atom, For, Function, Op, Region, Statement, Value, While, const
from srcdiff.ir.types import Array, Dim, Struct, Type, dims_of, product_of, shape_of
from srcdiff.ops import containers, control, loop_forms, masks, memory
from srcdiff.ops.building import length_of, multiplied

__all__ = ["length_checks"]


def length_checks(fn: Function) -> Function:
    """`fn` with checks of lengths where nothing else compares them."""
    return _Checked(fn)(fn)


class _Checked(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.given = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.known: set[tuple[object, ...]] = set()

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        before, self.known = self.known, set(self.known)
        new = super().region(old, env, b)
        self.known = before
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        b.location = new.location or b.location
        if isinstance(new, Op) and new.decl.place is loop_forms.reshaped:
            self.reshaped(new, b)
        elif isinstance(new, For | While):
            self.loop(new, b)
            return
        b.append(new)
        if isinstance(new, Op) and new.decl in (masks.places_of_true, masks.nonzero):
            text = "a mask is not True in as many places as there are values for it"
            self.counted_on(new.results[0], b, text)

    def loop(self, loop: For | While, b: Builder) -> None:
        """What a loop starts with, what its turns hand on, and what it leaves."""
        params = loop.body.params[1:] if isinstance(loop, For) else loop.body.params
        inner = b.inner()
        for given, param, end in zip(loop.carried, params, loop.carried_yields, strict=True):
            if end.type == param.type:
                self.taken_over(given, param.type, b)
            else:  # each turn may find another length
                self.counted_on(
                    param, inner, "a turn starts with {} of another length than it counts on"
                )
        if inner.body:
            body = replace(loop.body, body=(*inner.body, *loop.body.body))
            loop = replace(loop, body=body)
        b.append(loop)
        results = loop.results[len(loop.results) - len(params) :]  # behind the number of turns
        for result, param, end in zip(results, params, loop.carried_yields, strict=True):
            if not result.type == param.type == end.type:
                self.counted_on(
                    result, b, "a loop leaves {} with another length than is needed behind it"
                )

    def reshaped(self, op: Op, b: Builder) -> None:
        """As many elements in the new shape as in the old one."""
        source, shape = op.operands[0], shape_of(op.result.type)
        if not all(d.symbols() <= self.given for d in shape):
            return  # a length that is found from the others, or by the operation
        if product_of(shape) != product_of(shape_of(source.type)):
            self.compare(
                source, shape, f"the size of {_called(source)} does not fit its new shape", b
            )

    def taken_over(self, given: Atom, wanted: Type, b: Builder) -> None:
        """What a loop starts with has the lengths that its turns count on."""
        for atom, type_ in _arrays(given, wanted, b):
            pairs = zip(shape_of(atom.type), shape_of(type_), strict=True)
            for axis, (own, dim) in enumerate(pairs):
                if not b.shapes.same(own, dim) and dim.symbols() <= self.given:
                    text = (
                        f"a loop starts with {_called(atom)} of another length than it goes on with"
                    )
                    self.compare(atom, (dim,), text, b, axis)

    def counted_on(self, value: Value, b: Builder, text: str) -> None:
        """What may have come with other lengths has those of its type, where something else has these."""
        for atom, type_ in _arrays(value, value.type, b):
            for axis, dim in enumerate(shape_of(type_)):
                if dim.symbols() <= self.given:
                    self.compare(atom, (dim,), text.format(_called(atom)), b, axis)

    def compare(
        self, array: Atom, shape: Sequence[Dim], text: str, b: Builder, axis: int | None = None
    ) -> None:
        """Raise unless an axis of an array, or its number of elements, is a product of lengths."""
        key = (array, tuple(shape), axis)
        if key in self.known:
            return
        self.known.add(key)
        axes = range(len(shape_of(array.type))) if axis is None else (axis,)
        own = multiplied(b, [b.op(memory.axis_length, array, axis=k) for k in axes] or [const(1)])
        wanted = multiplied(b, [length_of(b, d) for d in shape] or [const(1)])
        differs = b.op(control.test, own, wanted, text="{0} != {1}")
        control.raise_if(b, differs, ValueError, text)


def _arrays(given: Atom, wanted: Type, b: Builder) -> Iterator[tuple[Value, Array]]:
    """The arrays in a value, and what they are taken for."""
    if isinstance(given, Value) and isinstance(given.type, Array) and isinstance(wanted, Array):
        yield given, wanted
    if isinstance(given.type, Struct) and isinstance(wanted, Struct):
        for key, own, part in zip(given.type.keys, given.type.parts, wanted.parts, strict=True):
            if own != part:
                yield from _arrays(b.op(containers.get, given, key=key), part, b)


def _called(array: Atom) -> str:
    return getattr(array, "name", "") or "an array"
