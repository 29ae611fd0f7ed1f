"""Rules of symbolic evaluation: the result of an operation as a sum of products (`laurent`) of its operands' forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, Scalar, Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import reductions
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products
from srcdiff.transforms.simplify.algebra import laurent
from srcdiff.transforms.simplify.algebra.laurent import Sum

_SIGNED = {arithmetic.add: 1, arithmetic.subtract: -1}


class Known(Protocol):
    """What rules need to know of the function."""

    def of(self, a: Atom) -> Sum: ...

    def at(self, a: Atom, result: Type) -> Sum: ...

    def along(
        self, found: Sum, shape: Sequence[Dim], reduced: Sequence[int], keeps: bool
    ) -> Sum | None: ...


def is_real(type_: Type) -> bool:
    return isinstance(type_, Array | Scalar) and type_.dtype.startswith("float")


def labels(type_: Type) -> tuple[int, ...]:
    """The axes along which a value's elements differ."""
    return tuple(k for k, d in enumerate(shape_of(type_)) if d != Dim(1))


def itself(value: Value) -> Sum:
    return laurent.atom((value, labels(value.type)))


def _moved_to(value: Value, result: Type) -> Sum:
    ahead = ndim_of(result) - ndim_of(value.type)
    return laurent.moved(itself(value), lambda k: k + ahead)


def _plus(f: Known, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    return laurent.plus(x, y, _SIGNED[op.decl])


def _times(f: Known, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    return laurent.times(x, y)


def _over(f: Known, op: Op) -> Sum | None:
    x, y = (f.at(a, op.result.type) for a in op.operands)
    below = laurent.inverse(y)
    if below is None and len(y) > 1 and isinstance(op.operands[1], Value):
        below = laurent.inverse(_moved_to(op.operands[1], op.result.type))
    return None if below is None else laurent.times(x, below)


def _minus(f: Known, op: Op) -> Sum | None:
    return laurent.times(f.of(op.operands[0]), laurent.number(-1))


def _power(f: Known, op: Op) -> Sum | None:
    base, exponent = op.operands
    if not isinstance(exponent, Const) or type(exponent.value) not in (int, float):
        return None
    whole = int(exponent.value) if float(exponent.value).is_integer() else 0
    return laurent.powered(f.of(base), whole) if whole > 0 else None


def _summed(f: Known, op: Op) -> Sum | None:
    shape = shape_of(op.operands[0].type)
    reduced = axes_of(len(shape), op.attrs.get("axis"))
    return f.along(f.of(op.operands[0]), shape, reduced, bool(op.attrs.get("keepdims")))


def _averaged(f: Known, op: Op) -> Sum | None:
    shape = shape_of(op.operands[0].type)
    reduced = axes_of(len(shape), op.attrs.get("axis"))
    total = _summed(f, op)
    count = f.along(laurent.number(1), shape, reduced, keeps=False)
    share = None if count is None else laurent.inverse(count)
    return None if total is None or share is None else laurent.times(total, share)


def _dot(f: Known, op: Op) -> Sum | None:
    if any(ndim_of(a.type) != 1 for a in op.operands):
        return None
    x, y = op.operands
    product = laurent.times(f.of(x), f.of(y))
    longer = max(shape_of(x.type), shape_of(y.type), key=lambda s: s != (Dim(1),))
    return None if product is None else f.along(product, longer, (0,), keeps=False)


def _expanded(f: Known, op: Op) -> Sum | None:
    ndim = ndim_of(op.result.type)
    new = axes_of(ndim, op.attrs["axis"])
    kept = [k for k in range(ndim) if k not in new]
    return laurent.moved(f.of(op.operands[0]), kept.__getitem__)


def _picked(f: Known, op: Op) -> Sum | None:
    """`m[:, None]`, and `m[:, 0]` where the axis has length 1: no element is selected."""
    x, ndim = op.operands[0], ndim_of(op.result.type)
    where: dict[int, int] = {}  # axes of the array and of the result
    axis = place = 0
    for item in op.attrs["where"].split(", "):
        is_only = item == "i" and shape_of(x.type)[axis] == Dim(1)
        if item == ":":
            where[axis] = place
        elif item != "None" and not is_only:
            return None
        axis += item != "None"
        place += not is_only
    where |= {axis + k: place + k for k in range(ndim - place)}
    return laurent.placed(f.of(x), where)


def _squeezed(f: Known, op: Op) -> Sum | None:
    ndim = ndim_of(op.operands[0].type)
    axis = op.attrs.get("axis")
    if axis is None:
        return None
    kept = [k for k in range(ndim) if k not in axes_of(ndim, axis)]
    return laurent.placed(f.of(op.operands[0]), {axis: k for k, axis in enumerate(kept)})


SUMS = (reductions.sum, products.matmul, products.dot)
RULES: dict[str, Callable[[Known, Op], Sum | None]] = {
    "add": _plus,
    "subtract": _plus,
    "multiply": _times,
    "divide": _over,
    "negative": _minus,
    "power": _power,
    "sum": _summed,
    "mean": _averaged,
    "matmul": _dot,
    "dot": _dot,
    "expand_dims": _expanded,
    "index": _picked,
    "squeeze": _squeezed,
}
