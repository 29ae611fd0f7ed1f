"""Single precision: a program over float32 has no operation in double precision, which is slow on most devices.

    %s = for 0, %n, 1 with 0.0 {                        %s = for 0, %n, 1 with float32(0.0) {
        ... yield add %s.1, astype[float64] %x }  becomes   ... yield add %s.1, %x }

Compiled code for the processor keeps sums of float32 in float64, as NumPy's sums by halves are as exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, shapes_for, with_parts
from srcdiff.ir.core import Function, Op, Region, Statement, regions_of
from srcdiff.ir.types import Array, Scalar, Struct, Type
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic, conversions, gamma
from srcdiff.transforms.analysis.defuse import written_values

_CASTS = ("to_float", "float64", "astype")
_KEPT = (gamma.polygamma,)  # their integers are counts
_MADE = (memory.empty, memory.zeros, memory.ones)


def is_single(fn: Function) -> bool:
    """Whether a function takes floats of 32 bits, and none of 64 except Python's; own storage does not count."""
    own = {name for name, _ in fn.target.stacks}
    own |= {kept.name for kept in fn.target.thread_storage}
    leaves = [t for p in fn.params if p.name not in own for t in _leaves(p.type)]
    wide = any(t.dtype == "float64" and not (isinstance(t, Scalar) and t.weak) for t in leaves)
    return any(t.dtype == "float32" for t in leaves) and not wide


def single(fn: Function) -> Function:
    """`fn` with float32 in the place of float64, if `is_single`."""
    if not is_single(fn):
        return fn
    kept = tuple(replace(k, dtype=str(_attribute(k.dtype))) for k in fn.target.thread_storage)
    new = fn.with_body(_Single(fn).region(fn.body, Builder(shapes_for(fn))))
    return replace(new, target=replace(new.target, thread_storage=kept)) if kept else new


def _leaves(type_: Type) -> list[Scalar | Array]:
    if isinstance(type_, Struct):
        return [t for part in type_.parts for t in _leaves(part)]
    return [type_] if isinstance(type_, Scalar | Array) else []


def _narrow(type_: Type) -> Type:
    if isinstance(type_, Struct):
        return replace(type_, parts=tuple(map(_narrow, type_.parts)))
    if isinstance(type_, Scalar) and type_.dtype in ("float64", "float32"):
        return replace(type_, dtype="float32", weak=False)
    if isinstance(type_, Array) and type_.dtype == "float64":
        return replace(type_, dtype="float32")
    return type_


def _single(number: float) -> Const:
    """A number in single precision: infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return const(np.float32(number))


class _Single:
    def __init__(self, fn: Function) -> None:
        self.now: dict[Value, Atom] = {}
        self.written = written_values(fn)

    def atom(self, a: Atom) -> Atom:
        if isinstance(a, Value):
            return self.now[a]
        return _single(a.value) if _is_float(a.type) else a

    def value(self, v: Value) -> Value:
        new = self.now[v] = replace(v, type=_narrow(v.type))
        return new

    def region(self, old: Region, b: Builder) -> Region:
        params = tuple(map(self.value, old.params))
        for s in old.body:
            b.location, b.origin = s.location, s.origin
            self.statement(s, b)
        return b.region(params, tuple(map(self.atom, old.yields)))

    def statement(self, s: Statement, b: Builder) -> None:
        operands = tuple(map(self.atom, s.operands))
        if isinstance(s, Op) and s.decl.name in _CASTS:
            given = operands[0]
            if _is_float(s.result.type):
                self.now[s.result] = given if given.type == _NUMBER else self.cast(given, b)
                return
            if _same_dtype(given.type, _narrow(s.result.type)):
                self.same_array(s, given, b)
                return
        if isinstance(s, Op):
            operands = self.floats(s, operands, b)
        regions = tuple(self.region(r, b.inner()) for r in regions_of(s))
        new = with_parts(s, operands, regions, lambda: tuple(map(self.value, s.results)))
        if isinstance(new, Op):
            attrs = {k: _attribute(v) for k, v in new.attrs.items()}
            if new.decl in _MADE and new.result.type != s.results[0].type:
                attrs["dtype"] = "float32"  # without a dtype, they are of float64
            spelling = "" if new.spelling.startswith("math.") else new.spelling  # of float64
            new = replace(new, attrs=attrs, spelling=spelling)
        b.append(new)

    def same_array(self, op: Op, given: Atom, b: Builder) -> None:
        """A cast to the array's own dtype: a copy, if the array or the result is written."""
        if self.written.isdisjoint((op.result, op.operands[0])):
            self.now[op.result] = given
        else:
            self.now[op.result] = b.op(memory.copy, given, name=op.result.name)

    def floats(self, op: Op, operands: Sequence[Atom], b: Builder) -> tuple[Atom, ...]:
        """Integers beside floats as floats: Numba would compute with 64 bits."""
        mixed = any(_is_float(a.type) for a in (*op.operands, *op.results))
        if not op.decl.elementwise or not mixed or op.decl in _KEPT:
            return tuple(operands)
        is_power = op.decl is arithmetic.power
        return tuple(
            self.cast(a, b)
            if _is_integer(a.type) and not (k and is_power and isinstance(a, Const))
            else a
            for k, a in enumerate(operands)
        )

    def cast(self, a: Atom, b: Builder) -> Atom:
        if isinstance(a, Const):
            return _single(a.value)
        return b.op(conversions.astype, a, spelling="np.float32", dtype="float32")


_NUMBER = Scalar("float32", False)


def _same_dtype(one: Type, other: Type) -> bool:
    return isinstance(one, Array) and isinstance(other, Array) and one.dtype == other.dtype


def _attribute(value: object) -> object:
    if isinstance(value, Type):
        return _narrow(value)
    return "float32" if isinstance(value, str) and value == "float64" else value


def _is_float(type_: Type) -> bool:
    return isinstance(type_, Scalar) and type_.dtype in ("float64", "float32")


def _is_integer(type_: Type) -> bool:
    return isinstance(type_, Scalar) and type_.dtype.startswith(("int", "uint"))
