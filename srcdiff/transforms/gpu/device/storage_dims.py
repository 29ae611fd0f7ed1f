"""Device dimensions: lengths of storage are computed from lengths of arguments, before storage becomes parameters.

    %n = count %t        becomes        %a = length[n]; %b = length[m]; %n = multiply %a, %b

The pass also expands conversions of arrays into loops, and replaces NumPy's exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.transforms.lower.loop_nests import element_of, nest, store_element


def device_lengths(fn: Function) -> Function:
    """`fn` with lengths of arguments only, and without conversions of arrays and NumPy's exceptions."""
    return _Lengths({s for p in fn.params for s in _symbols(p)})(fn)


def _symbols(param: Value) -> Iterator[str]:
    number = param.type.expr if isinstance(param.type, Scalar) else None
    for d in shape_of(param.type) if number is None else (number,):
        yield from d.symbols()


class _Lengths(Rewriter):
    def __init__(self, known: set[str]) -> None:
        self.known = known

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        """As in `Rewriter`; inside a loop, the symbol of its index is known."""
        outer = self.known
        indices = (p for p in old.params if isinstance(p.type, Scalar))
        self.known = outer | {s for p in indices for s in _symbols(p)}
        new = super().region(old, env, b)
        self.known = outer
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op):
            b.location, b.origin = old.location, old.origin
            if old.decl is conversions.astype and isinstance(old.result.type, Array):
                env[old.result] = _cast(b, lookup(env, old.operands[0]), old)
                return
            lengths = _counted_lengths(old)
            if lengths is not None and all(d.symbols() <= self.known for d in lengths):
                env[old.result] = _product(b, lengths)
                return
            text = old.attrs.get("text", "")
            if isinstance(text, str) and text.startswith("np.linalg."):
                plain = text.replace("np.linalg.LinAlgError", "ValueError", 1)
                old = replace(old, attrs={**old.attrs, "text": plain})
        super().statement(old, env, b)


def _counted_lengths(op: Op) -> tuple[Dim, ...] | None:
    """The lengths whose product an operation computes."""
    shape = shape_of(op.operands[0].type) if op.operands else ()
    if op.decl is memory.axis_length and isinstance(op.operands[0].type, Array):
        return (shape[op.attrs["axis"]],)
    if op.decl is reductions.count:
        return tuple(shape[k] for k in axes_of(len(shape), op.attrs.get("axis")))
    return shape if op.decl.name == "size" and isinstance(op.operands[0].type, Array) else None


def _product(b: Builder, lengths: tuple[Dim, ...]) -> Atom:
    total: Atom = const(1)
    for k, d in enumerate(lengths):
        length = length_of(b, d)
        total = b.op(arithmetic.multiply, total, length) if k else length
    return total


def _cast(b: Builder, given: Atom, op: Op) -> Value:
    """An array of another dtype, element by element."""
    type_ = op.result.type
    assert isinstance(type_, Array)
    new = b.op(memory.empty_of, type=type_, name=op.result.name)
    name = np.dtype(type_.dtype).type.__name__

    def body(b: Builder, at: tuple[Atom, ...], _: tuple[Atom, ...]) -> tuple[Atom, ...]:
        number = element_of(b, given, at)
        cast = b.op(conversions.astype, number, spelling=f"np.{name}", dtype=type_.dtype)
        store_element(b, new, cast, at)
        return ()

    nest(b, type_.shape, (), body)
    return new
