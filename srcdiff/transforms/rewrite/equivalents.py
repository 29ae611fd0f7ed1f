"""Equivalent readings of an operation, in the operations that rules use: `x * x` is `x ** 2`, `a + -b` is `a - b`.

    np.inner(x, x), np.einsum("i,i", x, x)     x @ x
    np.sum(x) / len(x)                         np.mean(x)
    np.sum(x, axis=1)[:, None]                 np.sum(x, axis=1, keepdims=True)

A rule is written once. An operation is matched with it as it stands, and then in each of its other readings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, Value, const, known_dim
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.linalg import einsum

Made = Mapping[Atom, Op]
_PRODUCTS = {"dot", "inner", "vdot"}
_KEPT = {"sum", "mean", "max", "min", "prod", "logsumexp", "highest", "var", "std"}
_ONE = Dim(1)


class Reading(NamedTuple):
    """An operation in an equivalent form; `inner`: the intermediate values that the form includes."""

    name: str
    operands: tuple[Atom, ...]
    attrs: Attrs = MappingProxyType({})
    inner: tuple[Value, ...] = ()


def name_of(op: Op) -> str:
    """The operation's name in rules: `np.dot` of vectors and matrices is `@`."""
    if op.decl.name not in _PRODUCTS:
        return op.decl.name
    ranks = [len(shape_of(a.type)) for a in op.operands]
    if op.decl.name == "dot" and all(0 < r < 3 for r in ranks):
        return "matmul"
    return "matmul" if ranks == [1, 1] else op.decl.name


def readings(op: Op, made: Made) -> Iterator[Reading]:
    """An operation as it stands, and its equivalent forms."""
    yield Reading(name_of(op), op.operands, op.attrs)
    other = _OTHERS.get(op.decl.name)
    if other is not None:
        yield from other(op, made)


def _number(atom: Atom) -> float | None:
    value = atom.value if isinstance(atom, Const) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _made(atom: Atom, made: Made) -> Op | None:
    return made.get(atom)


def _of_power(op: Op, made: Made) -> Iterator[Reading]:
    base, exponent = op.operands
    n = _number(exponent)
    if n == 2:
        yield Reading("multiply", (base, base))
    elif n == 0.5:
        yield Reading("sqrt", (base,))
    elif n == -1:
        yield Reading("divide", (const(1.0), base))
    elif _number(base) == math.e:
        yield Reading("exp", (exponent,))


def _of_square(op: Op, made: Made) -> Iterator[Reading]:
    yield Reading("power", (op.operands[0], const(2)))
    yield Reading("multiply", (op.operands[0],) * 2)


def _of_reciprocal(op: Op, made: Made) -> Iterator[Reading]:
    yield Reading("divide", (const(1.0), *op.operands))


def _of_add(op: Op, made: Made) -> Iterator[Reading]:
    for kept, added in (op.operands, op.operands[::-1]):
        inner = _made(added, made)
        if inner is not None and inner.decl.name == "negative":
            yield Reading("subtract", (kept, inner.operands[0]), inner=(inner.result,))
        elif (n := _number(added)) is not None and n < 0:
            yield Reading("subtract", (kept, const(-n)))


def _of_subtract(op: Op, made: Made) -> Iterator[Reading]:
    x, less = op.operands
    inner = _made(less, made)
    if inner is not None and inner.decl.name == "negative":
        yield Reading("add", (x, inner.operands[0]), inner=(inner.result,))


def _of_multiply(op: Op, made: Made) -> Iterator[Reading]:
    x, y = op.operands
    if x == y:
        yield Reading("power", (x, const(2)))
    for scale, rest in ((x, y), (y, x)):
        n = _number(scale)
        if n == -1:
            yield Reading("negative", (rest,))
        elif n is not None and 0 < abs(n) < 1 and math.frexp(n)[0] in (0.5, -0.5):
            yield Reading("divide", (rest, const(1.0 / n)))


def _of_divide(op: Op, made: Made) -> Iterator[Reading]:
    x, by = op.operands
    n = _number(by)
    if n == -1:
        yield Reading("negative", (x,))
    elif n and math.frexp(n)[0] in (0.5, -0.5):
        yield Reading("multiply", (const(1.0 / n), x))
    inner = _made(x, made)
    if inner is not None and inner.decl.name == "sum" and _counts(by, inner):
        yield Reading("mean", inner.operands, inner.attrs, (inner.result,))


def _counts(n: Atom, total: Op) -> bool:
    """Whether `n` is known to be the number of elements in each sum of `total`."""
    shape, axis = shape_of(total.operands[0].type), total.attrs.get("axis")
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    dims = [shape[a] for a in axes]
    if all(d.is_const for d in dims):
        return bool(shape) and known_dim(n) == Dim(math.prod(d.const for d in dims))
    return len(dims) == 1 and known_dim(n) == dims[0]


def _of_einsum(op: Op, made: Made) -> Iterator[Reading]:
    inputs, output = einsum.with_letters(op)
    match inputs:
        case [a, b] if (
            len(set(a)) == len(a) and len(set(b)) == len(b) and max(map(len, inputs)) < 3
        ):
            left, right = op.operands
            if (
                a[-1:] == b[:1] != ""
                and output == a[:-1] + b[1:]
                and len({*a, *b}) == len(a + b) - 1
            ):
                yield Reading("matmul", (left, right))
            elif (
                b[-1:] == a[:1] != ""
                and output == b[:-1] + a[1:]
                and len({*a, *b}) == len(a + b) - 1
            ):
                yield Reading("matmul", (right, left))
        case [a] if len(set(a)) == len(a) and output == "".join(c for c in a if c in output) != a:
            reduced = tuple(k for k, c in enumerate(a) if c not in output)
            axis = None if not output else reduced if len(reduced) > 1 else reduced[0]
            yield Reading("sum", op.operands, {"axis": axis})


def _of_axis(op: Op, made: Made) -> Iterator[Reading]:
    """A reduction over one axis that is added again, as a reduction with `keepdims`."""
    inner = _made(op.operands[0], made) if op.operands else None
    if inner is None or inner.decl.name not in _KEPT or inner.attrs.get("keepdims"):
        return
    shape, axis = shape_of(inner.operands[0].type), inner.attrs.get("axis")
    if not isinstance(axis, int) or isinstance(axis, bool):
        return
    axis %= len(shape)
    if op.decl.name == "index":
        where = items(op.attrs["where"])
        where += [":"] * (len(shape) - len(where))
        is_back = where == [":"] * axis + ["None"] + [":"] * (len(shape) - axis - 1)
    else:
        is_back = op.decl.name == "expand_dims" and _same_axis(op, len(shape), axis)
    if is_back:
        attrs = {**inner.attrs, "keepdims": True}
        yield Reading(inner.decl.name, inner.operands, attrs, (inner.result,))


def _same_axis(op: Op, ndim: int, axis: int) -> bool:
    put = op.attrs.get("axis")
    return isinstance(put, int) and put % ndim == axis


def _of_computed(op: Op, made: Made) -> Iterator[Reading]:
    """A hyperbolic tangent that a rule has made (`named_values.own_tanh`)."""
    inner = _made(op.operands[0], made)
    if inner is not None and inner.decl.name == "tanh":
        yield Reading("tanh", inner.operands, inner.attrs, (inner.result,))


_OTHERS: dict[str, Callable[[Op, Made], Iterator[Reading]]] = {
    "power": _of_power,
    "square": _of_square,
    "reciprocal": _of_reciprocal,
    "add": _of_add,
    "subtract": _of_subtract,
    "multiply": _of_multiply,
    "divide": _of_divide,
    "einsum": _of_einsum,
    "index": _of_axis,
    "expand_dims": _of_axis,
    "computed_as": _of_computed,
}
