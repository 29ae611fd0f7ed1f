"""Algebraic identities for constant folding: `x + 0`, `x * 1`, `x * 0`, `-(-x)`, the transpose of a transpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, Statement
from srcdiff.ir.dims import missing
from srcdiff.ir.types import Array, Dim, Scalar, Type, is_complex, product_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.elementwise import arithmetic, conversions, elementary
from srcdiff.ops.elementwise.exact_constants import EXACT, exact_value
from srcdiff.ops.shapes import reshapes
from srcdiff.transforms.analysis.defuse import is_generated, same_kind
from srcdiff.transforms.simplify.constants import is_one, is_zero_constant


class Known(Protocol):
    """What identities need to know of the function that is folded."""

    uses: dict[Value, int]
    written: frozenset[Value]
    shown: set[Dim]  # the lengths that the arguments have

    @property
    def is_narrow(self) -> bool: ...

    def is_zero(self, atom: Atom) -> bool: ...

    def zero(self, op: Op, b: Builder) -> Atom | None: ...

    def operand_of(self, atom: Atom, name: str) -> Op | None: ...

    def emit(self, statement: Statement, b: Builder) -> None: ...


Identity = Callable[[Known, Op, Builder], Atom | None]


def may_stand(new: Type, old: Type) -> bool:
    """Whether a value may take another's place: the same shape and dtype."""
    if isinstance(new, Scalar) and isinstance(old, Scalar):
        return new.dtype == old.dtype
    return same_kind(new, old)


def is_as_complex(atom: Atom, op: Op) -> bool:
    """Whether a value is as complex as an operation's result: no real number stands for a complex one."""
    return is_complex(atom.type) == is_complex(op.result.type)


def negated(atom: Atom, op: Op, f: Known, b: Builder) -> Atom:
    """The negative of a value, in the place of an operation."""
    results = (replace(op.result),)
    negative = Op(arithmetic.negative, (atom,), results, {}, op.location, op.origin)
    f.emit(negative, b)
    return negative.result


def constants_first(operands: Iterable[Atom]) -> tuple[Atom, ...]:
    """The factors of a product in the order in which they are written: `2.0 * x`."""
    return tuple(sorted(operands, key=lambda a: not isinstance(a, Const)))


# ---- the value of an operation of this name, or None ------------------------------------


def _add(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(x):
        x, y = y, x
    if not f.is_zero(y):
        return None
    return x if may_stand(x.type, op.result.type) else _widened(x, op, f, b)


def _widened(x: Atom, op: Op, f: Known, b: Builder) -> Atom | None:
    """A narrow array in the place of its sum with wide zeros."""
    own, wide = x.type, op.result.type
    if not isinstance(own, Array) or not isinstance(wide, Array) or own.shape != wide.shape:
        return None
    results, attrs = (replace(op.result),), {"dtype": wide.dtype}
    cast = Op(conversions.astype, (x,), results, attrs, op.location, op.origin)
    f.emit(cast, b)
    return cast.result


def _astype(f: Known, op: Op, b: Builder) -> Atom | None:
    """A narrow array that was made wide, and is made narrow again."""
    inner = f.operand_of(op.operands[0], "astype")
    if inner is None or inner.origin == "user":
        return None
    source = inner.operands[0]
    return source if same_kind(source.type, op.result.type) else None


def _subtract(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(y):
        return x if is_as_complex(x, op) else None
    if f.is_zero(x) and may_stand(y.type, op.result.type):
        return negated(y, op, f, b)
    return None


def _multiply(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(x) or f.is_zero(y):
        return f.zero(op, b)
    if is_one(y) and may_stand(x.type, op.result.type):
        return x
    if is_one(x):
        return y if is_as_complex(y, op) else None
    for factor, other in ((x, y), (y, x)):
        if (
            isinstance(factor, Const)
            and factor.value == -1
            and same_kind(other.type, op.result.type)
        ):
            return negated(other, op, f, b)
    return None


def _divide(f: Known, op: Op, b: Builder) -> Atom | None:
    x, y = op.operands
    if f.is_zero(x):
        return f.zero(op, b)
    return x if is_one(y) and is_as_complex(x, op) else None


def _power(f: Known, op: Op, b: Builder) -> Atom | None:
    base, exponent = op.operands
    if is_one(exponent):
        return base if is_as_complex(base, op) else None
    is_number = isinstance(op.result.type, Scalar) and not is_complex(op.result.type)
    return const(1.0) if is_zero_constant(exponent) and is_number else None


def _never(f: Known, test: Atom) -> bool:
    """Whether a condition is false for each element, however many there are."""
    both = f.operand_of(test, "bitwise_and")
    tests = (test,) if both is None else both.operands
    return any(isinstance(a, Const) and a.value is False for a in tests)


def _negative(f: Known, op: Op, b: Builder) -> Atom | None:
    inner = f.operand_of(op.operands[0], "negative")
    if inner is not None:
        return inner.operands[0]
    return (
        f.zero(op, b) if f.is_zero(op.operands[0]) and isinstance(op.result.type, Array) else None
    )


def _where(f: Known, op: Op, b: Builder) -> Atom | None:
    test, x, y = op.operands
    if isinstance(test, Const):
        return x if test.value else y
    if f.is_zero(x) and f.is_zero(y):
        return f.zero(op, b)
    return y if x == y or _never(f, test) else None


def _index(f: Known, op: Op, b: Builder) -> Atom | None:
    """`x[...]` is `x`; `sum(x, axis=1, keepdims=True)[:, 0]` is `sum(x, axis=1)`, also under a negation."""
    if op.attrs["where"] == "..." and op.origin != "user" and op.operands[0].type == op.result.type:
        return op.operands[0]
    opposite = f.operand_of(op.operands[0], "negative")
    if opposite is not None and f.uses.get(opposite.result) == 1 and opposite.origin != "user":
        inner = replace(
            op, operands=(*opposite.operands, *op.operands[1:]), results=(Value(op.result.type),)
        )
        found = _index(f, inner, b)
        return None if found is None else negated(found, op, f, b)
    total = f.operand_of(op.operands[0], "sum")
    if (
        total is None
        or total.origin == "user"
        or not total.attrs.get("keepdims")
        or f.uses.get(total.result) != 1
    ):
        return None
    axis, where = total.attrs.get("axis"), op.attrs["where"].split(", ")
    axes = (axis,) if isinstance(axis, int) else axis
    taken = tuple(k for k, item in enumerate(where) if item == "i")
    if (
        axes is None
        or any(item not in ("i", ":") for item in where)
        or taken != tuple(sorted(axes))
    ):
        return None
    whole = replace(total, results=(replace(op.result),), attrs={"axis": axis})
    f.emit(whole, b)
    return whole.result


def _squeeze(f: Known, op: Op, b: Builder) -> Atom | None:
    inner = f.operand_of(op.operands[0], "expand_dims")
    return (
        inner.operands[0]
        if inner is not None and inner.attrs["axis"] == op.attrs.get("axis")
        else None
    )


def _reshape(f: Known, op: Op, b: Builder) -> Atom | None:
    source = op.operands[0]
    if source.type == op.result.type:
        return source
    if is_generated(op) and op.result.type == _in_a_row(source.type):
        flat = replace(op, decl=reshapes.ravel, operands=(source,), attrs={}, spelling=".ravel")
        f.emit(flat, b)
        return flat.result
    inner = f.operand_of(source, op.decl.name)
    if inner is None or f.uses.get(inner.result) != 1 or op.result in f.written:
        return None
    whole = replace(
        op, operands=(inner.operands[0], *op.operands[1:]), results=(replace(op.result),)
    )
    f.emit(whole, b)
    return whole.result


def _in_a_row(type_: Type) -> Type | None:
    """The type of a matrix or higher array, flattened to a vector."""
    if not isinstance(type_, Array) or type_.ndim < 2:
        return None
    return replace(type_, shape=(product_of(type_.shape),))


def _broadcast(f: Known, op: Op, b: Builder) -> Atom | None:
    """An array that already has the shape, where neither the array nor the result is written."""
    return op.operands[0] if f.written.isdisjoint((op.operands[0], op.result)) else None


def _xlogy(f: Known, op: Op, b: Builder) -> Atom | None:
    """`c * np.log(x)`, for a number c that is not 0."""
    factor, x = op.operands
    if not isinstance(factor, Const) or is_zero_constant(factor):
        return None
    log_x = b.op(elementary.log, x)
    return log_x if is_one(factor) else b.op(arithmetic.multiply, factor, log_x)


def _sum_if_one(f: Known, op: Op, b: Builder) -> Atom | None:
    """The choice that was left to the run, where the length is known now."""
    amount, length = op.operands
    if not isinstance(length, Const):
        return None
    if length.value != 1:
        return amount
    return b.op(reductions.sum, amount, axis=op.attrs["axis"], keepdims=True)


def _of_constant(f: Known, op: Op, b: Builder) -> Atom | None:
    """A function of a constant as a number; not beside single precision, where NumPy's number has another type."""
    return None if f.is_narrow else exact_value(op.decl, op.operands[0])


def _axis_length(f: Known, op: Op, b: Builder) -> Atom | None:
    """The length of `np.arange(n)`; where the arguments show a length, no array is kept for its length."""
    array = op.operands[0]
    if is_generated(op) and isinstance(array.type, Array):
        dim = array.type.shape[op.attrs["axis"]]
        if not missing(dim, f.shown):
            return b.op(memory.length, dim=dim)
    counted = f.operand_of(array, "arange")
    if counted is None or len(counted.operands) != 1 or not isinstance(array.type, Array):
        return None
    count = counted.operands[0]
    return count if known_dim(count) == array.type.shape[0] else None


IDENTITIES: dict[str, Identity] = {
    "axis_length": _axis_length,
    **dict.fromkeys(EXACT, _of_constant),
    "add": _add,
    "astype": _astype,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "where": _where,
    "choose": _where,
    "broadcast_to": _broadcast,
    "xlogy": _xlogy,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "index": _index,
    "sum_if_one": _sum_if_one,
}
