"""Index arrays of the places in a triangle of a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type
from srcdiff.ir.values import Atom, Attrs, Const, known_dim
from srcdiff.ops.core.bind import refuse
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, UnknownMistake


def _bind(args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    """`(n, k=0, m=None)`: lengths are operands, `k` is static."""
    refuse(kwargs, "n", "k", "m")
    given = dict(zip(("n", "k", "m"), args, strict=False)) | dict(kwargs)
    k, m = given.get("k"), given.get("m")
    offset = 0 if k is None else k.value if isinstance(k, Const) else None
    if not isinstance(offset, int):
        raise UnknownMistake("the offset k must be known when compiling")
    is_square = m is None or (isinstance(m, Const) and m.value is None)
    return (given["n"], *(() if is_square else (m,))), ({"k": offset} if offset else {})


def _places(function: Any) -> TypeRule:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        if any(not isinstance(a.type, Scalar) or a.type.dtype[0] not in "iu" for a in operands):
            raise TypeMistake("the lengths of a triangle must be integers")
        lengths = [known_dim(a) for a in operands]
        if all(d is not None and d.is_const for d in lengths):
            n, *m = (d.const for d in lengths if d is not None)
            count = Dim(len(function(n, attrs.get("k", 0), *m)[0]))
        else:
            count = shapes.fresh()
        return (Array("int64", (count,)),) * 2

    return infer


def _text(op: Op) -> str:
    k = op.attrs.get("k", 0)
    rest = f", {k}" if k or len(op.operands) > 1 else ""
    return f"np.{op.decl.name}({{0}}{rest}{', {1}' if len(op.operands) > 1 else ''})"


def _declared(function: Any) -> OpDecl:
    return operation(
        function.__name__,
        function,
        infer=_places(function),
        template=_text,
        bind=_bind,
        differentiable=False,
        distinct=True,
        signature="n, *m",
        defaults={"k": 0},
    )


triu_indices = _declared(np.triu_indices)
tril_indices = _declared(np.tril_indices)
