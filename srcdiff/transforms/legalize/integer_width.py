"""Integer width legalisation: compiled code computes with 64 bits, so results of narrower integers are cast to wrap.

    %2: uint8! = subtract 0, %k      becomes      %3: uint8! = subtract 0, %k
                                                  %2: uint8! = astype[dtype='uint8'] %3

NumPy's integers of fewer than 64 bits wrap around. A chain of sums and products of one dtype is cast once, at its end.
"""

from __future__ import annotations

from collections import defaultdict

from srcdiff.ir.build import Builder, Env, Rewriter, with_parts
from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core import scalar_spellings
from srcdiff.ops.elementwise import arithmetic, conversions, elementary
from srcdiff.transforms.analysis.defuse import all_regions

NARROW = {"int8", "int16", "int32", "uint8", "uint16", "uint32"}
_RING = {arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.negative}
_WRAPPING = _RING | {arithmetic.power, arithmetic.absolute, arithmetic.floor_divide}
_WRAPPING |= {arithmetic.invert, arithmetic.left_shift}


def wrapped_integers(fn: Function) -> Function:
    """`fn` with casts of arithmetic results to the narrow integers that NumPy gives."""
    if not any(_dtype(r) in NARROW | {"uint64"} for s in walk(fn.body) for r in s.results):
        return fn
    return _Wrapped(fn)(fn)


def _dtype(atom: Atom) -> str:
    return atom.type.dtype if isinstance(atom.type, Scalar) else ""


class _Wrapped(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.later = _cast_later(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if not (isinstance(new, Op) and (new.decl in _WRAPPING or _chooses_wide(new))):
            b.append(new)
            return
        result = new.result
        dtype = _dtype(result)
        if dtype == "uint64":  # beside Numba's signed integers these are floats
            new = with_parts(new, [_unsigned(a, b) for a in new.operands], ())
        if dtype not in NARROW or result in self.later:
            b.append(new)
            return
        wide = Value(result.type)
        b.append(with_parts(new, new.operands, (), lambda: (wide,)))
        name = result.name
        env[result] = b.op(
            conversions.astype,
            wide,
            name=name,
            user=result.user,
            spelling=f"np.{dtype}",
            dtype=dtype,
        )


def _chooses_wide(op: Op) -> bool:
    """Whether the chosen value may be an integer of 64 bits: beside a narrow one, Python's."""
    parts = op.operands[1:] if op.decl in (elementary.where, scalar_spellings.choose) else ()
    return any(isinstance(a.type, Scalar) and a.type.dtype == "int64" for a in parts)


def _unsigned(atom: Atom, b: Builder) -> Atom:
    return (
        b.op(conversions.astype, atom, spelling="np.uint64", dtype="uint64")
        if isinstance(atom, Const)
        else atom
    )


def _cast_later(fn: Function) -> set[Value]:
    """The values that only sums and products of their dtype use."""
    users: dict[Value, list[Statement | None]] = defaultdict(list)
    for s in walk(fn.body):
        for a in s.operands:
            if isinstance(a, Value):
                users[a].append(s)
    for region in all_regions(fn.body):
        for y in region.yields:
            if isinstance(y, Value):
                users[y].append(None)
    return {
        v
        for v, found in users.items()
        if all(
            isinstance(s, Op) and s.decl in _RING and _dtype(s.result) == _dtype(v) for s in found
        )
    }
