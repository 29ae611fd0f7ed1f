"""SciPy's sparse matrices: those from outside, and those that a program builds from their elements.

A @ x                                               sparse_product %x
csr_array((data, indices, indptr), shape=(m, n))    a container of elements, rows, columns, and the shape
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.core.constants import bound_name
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Known, Parts
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.linalg.sparse import coo_product, coo_solve, sparse_product, sparse_solve

Elements = namedtuple("Elements", "data rows columns m n")
_FORMATS = {
    f"{name}_{kind}": name for name in ("csr", "csc", "coo") for kind in ("array", "matrix")
}


def is_matrix(value: FrontValue) -> bool:
    """Whether this is a sparse matrix, from outside or made here."""
    if isinstance(value, Parts):
        return value.cls is Elements
    return isinstance(value, Known) and is_sparse(value.value)


def is_sparse(value: object) -> bool:
    made_by = type(value).__module__ or ""
    return made_by.startswith("scipy.sparse.") and hasattr(value, "tocoo") and hasattr(value, "nnz")


def format_of(function: object) -> str:
    """`csr`, `csc`, `coo` for SciPy's classes; empty for all else."""
    name = getattr(function, "__name__", "")
    sparse = sys.modules.get("scipy.sparse")
    is_class = isinstance(function, type) and getattr(sparse, name, None) is function
    return _FORMATS.get(name, "") if is_class else ""


def made_matrix(
    fr: Frame,
    node: gast.AST,
    function: Any,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """`csr_array((data, indices, indptr), shape=(m, n))`, `coo_array((data, (rows, columns)), shape=(m, n))`."""
    kind = format_of(function)
    given, shape = (
        args[0] if args else None,
        kwargs.get("shape", args[1] if len(args) > 1 else None),
    )
    is_whole = isinstance(given, Parts) and isinstance(shape, Parts) and len(shape.values) == 2
    if not is_whole or not isinstance(given, Parts) or not isinstance(shape, Parts):
        fr.fail(
            node,
            f"`{function.__name__}` is made of elements, their places, and a shape here",
            "Write csr_array((data, indices, indptr), shape=(m, n)), or coo_array((data, (rows, columns)), shape=...).",
        )
    m, n = shape.values

    def call(f: object, *values: FrontValue) -> FrontValue:
        return fr.call(node, Known(f), list(values))

    if len(given.values) == 2 and isinstance(given.values[1], Parts):
        data, (rows, columns) = given.values[0], given.values[1].values
    else:
        data, inner, starts = given.values
        count = call(len, data)
        outer = fr.call(
            node,
            Known(np.searchsorted),
            [starts, call(np.arange, count)],
            {"side": const("right")},
        )
        rows = call(np.subtract, outer, const(1))
        columns = inner
        if kind == "csc":
            rows, columns = columns, rows
    return Parts("namedtuple", Elements._fields, (data, rows, columns, m, n), Elements)


def transpose(matrix: Parts) -> Parts:
    data, rows, columns, m, n = matrix.values
    return Parts(matrix.kind, matrix.keys, (data, columns, rows, n, m), matrix.cls)


def product(
    fr: Frame, node: gast.AST, left: FrontValue, right: FrontValue, texts: Any
) -> FrontValue:
    """`A @ x`, `x @ A`."""
    if is_matrix(left) and is_matrix(right):
        fr.fail(
            node,
            "a product of two sparse matrices is not differentiated",
            "Multiply with one after the other.",
        )
    matrix, other, is_left = (left, right, True) if is_matrix(left) else (right, left, False)
    x = _vector(fr, node, other)
    return _applied(
        fr, node, matrix, x, texts[0 if is_left else 1], not is_left, (sparse_product, coo_product)
    )


def solved(fr: Frame, node: gast.AST, args: Sequence[FrontValue]) -> FrontValue:
    """`spsolve(A, b)`."""
    text = node.args[0] if getattr(node, "args", None) else node
    return _applied(
        fr, node, args[0], _vector(fr, node, args[1]), text, False, (sparse_solve, coo_solve)
    )


def _vector(fr: Frame, node: gast.AST, value: FrontValue) -> Atom:
    atom = fr.as_atom(value, node)
    if not isinstance(atom.type, Array):
        fr.fail(
            node,
            "a sparse matrix can only be multiplied with arrays here",
            "Multiply its elements instead.",
        )
    return atom


def _applied(
    fr: Frame,
    node: gast.AST,
    matrix: FrontValue,
    x: Atom,
    text: gast.Name,
    transposed: bool,
    decls: Any,
) -> Value:
    if isinstance(matrix, Parts):
        whole = transpose(matrix) if transposed else matrix
        return fr.op(node, decls[1], *(fr.as_atom(v, node) for v in whole.values), x)
    assert isinstance(matrix, Known)
    name = bound_name(fr, gast.unparse(text).strip(), matrix.value)
    attrs: dict[str, Any] = {
        "called": name,
        "bindings": {name: matrix.value},
        "shape": tuple(map(int, matrix.value.shape)),
    }
    return fr.op(node, decls[0], x, transposed=transposed, **attrs)
