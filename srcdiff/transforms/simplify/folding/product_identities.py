"""Identities of sums and products: `np.sum(s * x)` is `s * np.sum(x)`, `(A.T @ B).T` is `B.T @ A`."""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import einsum, products
from srcdiff.ops.linalg.einsum_spelling import contraction
from srcdiff.transforms.simplify.folding.identities import (
    Identity,
    Known,
    constants_first,
    may_stand,
    negated,
)


def _transpose(f: Known, op: Op, b: Builder) -> Atom | None:
    if any(v is not None for v in op.attrs.values()):
        return None
    inner = f.operand_of(op.operands[0], op.decl.name)
    if inner is not None and all(v is None for v in inner.attrs.values()):
        return inner.operands[0]
    return _transposed_product(f, op, b)


def _transposed_product(f: Known, op: Op, b: Builder) -> Atom | None:
    """`(A.T @ B).T` is `B.T @ A`."""
    product = f.operand_of(op.operands[0], "matmul")
    if product is None or product.origin == "user" or f.uses.get(product.result) != 1:
        return None
    if any(not isinstance(a.type, Array) or a.type.ndim != 2 for a in product.operands):
        return None
    left, right = product.operands
    if f.operand_of(left, op.decl.name) is None and f.operand_of(right, op.decl.name) is None:
        return None
    flipped: list[Atom] = []
    for factor in (right, left):
        inner = f.operand_of(factor, op.decl.name)
        if inner is not None:
            flipped.append(inner.operands[0])
            continue
        type_ = factor.type
        assert isinstance(type_, Array)
        transposed = replace(
            op, operands=(factor,), results=(Value(Array(type_.dtype, type_.shape[::-1])),)
        )
        f.emit(transposed, b)
        flipped.append(transposed.result)
    whole = replace(product, operands=tuple(flipped), results=(replace(op.result),))
    f.emit(whole, b)
    return whole.result


def _sum(f: Known, op: Op, b: Builder) -> Atom | None:
    """`np.sum(-x)` is `-np.sum(x)`, `np.sum(s * a)` is `s * np.sum(a)`; `np.sum(a * b)` of two vectors is `a @ b`."""
    whole = _sum_of_all(f, op, b)
    if whole is not None:
        return whole
    opposite = f.operand_of(op.operands[0], "negative")
    if opposite is not None and op.origin != "user" and f.uses.get(opposite.result) == 1:
        total = replace(op, operands=opposite.operands, results=(Value(op.result.type),))
        f.emit(total, b)
        return negated(total.result, op, f, b)
    return _sum_of_einsum(f, op, b) or _dot_product(f, op, b) or _scaled_sum(f, op, b)


def _sum_of_all(f: Known, op: Op, b: Builder) -> Atom | None:
    """`np.sum(x, axis=-1)` of a vector is `np.sum(x)`, and so is `np.sum(np.sum(x, axis=1))` of a matrix."""
    if op.origin == "user" or not isinstance(op.result.type, Scalar):
        return None
    inner = f.operand_of(op.operands[0], "sum")
    if inner is not None and inner.origin != "user" and f.uses.get(inner.result) == 1:
        source = inner.operands
    elif op.attrs.get("axis") is not None:
        source = op.operands
    else:
        return None
    whole = replace(op, operands=source, results=(replace(op.result),), attrs={})
    simpler = _sum(f, whole, b)
    if simpler is None:
        f.emit(whole, b)
    return simpler or whole.result


def _scaled_sum(f: Known, op: Op, b: Builder) -> Atom | None:
    """`np.sum(s * x / y)` is `s * np.sum(x / y)`: one multiplication, which the code around the sum may combine.

    In derivatives only: formulas of libraries are written as they stand in books.
    """
    if op.origin not in ("adjoint", "tangent"):
        return None
    spine: list[Op] = []
    factor: Atom = op.operands[0]
    while not isinstance(factor.type, Scalar):
        inner = f.operand_of(factor, "multiply") or f.operand_of(factor, "divide")
        if inner is None or inner.origin == "user" or f.uses.get(inner.result) != 1:
            return None
        spine.append(inner)
        factor = inner.operands[0]
    last = spine.pop() if spine else None
    if (
        last is None
        or last.decl.name != "multiply"
        or factor.type.dtype not in ("float64", "float32")
    ):
        return None
    rest = last.operands[1]
    for inner in reversed(spine):
        part = replace(
            inner, operands=(rest, inner.operands[1]), results=(Value(inner.result.type),)
        )
        f.emit(part, b)
        rest = part.result
    if not may_stand(rest.type, op.operands[0].type):
        return None
    total = replace(op, operands=(rest,), results=(Value(op.result.type),))
    f.emit(total, b)
    results = (replace(op.result),)
    scaled = Op(arithmetic.multiply, (factor, total.result), results, {}, op.location, op.origin)
    f.emit(scaled, b)
    return scaled.result


def _sum_of_einsum(f: Known, op: Op, b: Builder) -> Atom | None:
    """`np.sum(np.einsum("ij,jk->ijk", x, y), axis=0)` has one letter less: `np.einsum("ij,jk->jk", x, y)`."""
    inner = f.operand_of(op.operands[0], "einsum")
    if inner is None or "user" in (inner.origin, op.origin) or f.uses.get(inner.result) != 1:
        return None
    if op.attrs.get("keepdims") or inner.attrs.get("optimize"):
        return None
    inputs, output = einsum.with_letters(inner)
    gone = axes_of(len(output), op.attrs.get("axis"))
    target = "".join(c for k, c in enumerate(output) if k not in gone)
    return contraction(b, einsum.decl_for, list(zip(inputs, inner.operands, strict=True)), target)


def _dot_product(f: Known, op: Op, b: Builder) -> Atom | None:
    product = f.operand_of(op.operands[0], "multiply")
    if (
        product is None
        or product.origin == "user"
        or f.uses.get(product.result) != 1
        or op.attrs.get("axis") is not None
    ):
        return None
    left, right = (a.type for a in product.operands)
    if not (isinstance(left, Array) and isinstance(right, Array) and left.ndim == right.ndim == 1):
        return None
    if (
        left.shape != right.shape
        or left.shape[0] == Dim(1)
        or left.dtype != right.dtype
        or op.attrs.get("keepdims")
    ):
        return None
    whole = Op(products.matmul, product.operands, (replace(op.result),), {}, op.location, op.origin)
    scaled = _matmul(f, whole, b)
    if scaled is None:
        f.emit(whole, b)
    return scaled or whole.result


def _matmul(f: Known, op: Op, b: Builder) -> Atom | None:
    """`(0.5 * x) @ y` of two vectors is `0.5 * (x @ y)`: one number is scaled, and `x @ y` may be there already.

    The same with `(-x) @ y`.
    """
    if op.origin == "user" or not isinstance(op.result.type, Scalar):
        return None
    operands = list(op.operands)
    scale = 1.0
    for k, factor in enumerate(op.operands):
        opposite = f.operand_of(factor, "negative")
        if opposite is not None and not (opposite.result.user and opposite.result.name):
            operands[k], scale = opposite.operands[0], -scale
            continue
        product = f.operand_of(factor, "multiply")
        if product is None or (product.result.user and product.result.name):
            continue
        constant, rest = constants_first(product.operands)
        if isinstance(constant, Const) and may_stand(rest.type, factor.type):
            operands[k], scale = rest, scale * constant.value
    if operands == list(op.operands):
        return None
    whole = replace(op, operands=tuple(operands), results=(Value(op.result.type),))
    f.emit(whole, b)
    if scale == 1.0:
        return whole.result
    if scale == -1.0:
        return negated(whole.result, op, f, b)
    results = (replace(op.result),)
    scaled = Op(
        arithmetic.multiply, (const(scale), whole.result), results, {}, op.location, op.origin
    )
    f.emit(scaled, b)
    return scaled.result


PRODUCT_IDENTITIES: dict[str, Identity] = {"transpose": _transpose, "matmul": _matmul, "sum": _sum}
