"""Block-wide reductions and broadcasts, for threads of a block that work on one item together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Atom
from srcdiff.ops.core.type_rules import same_as_first

_SUFFIXES = {"float64": "", "float32": "f", "int64": "i", "bool": "b"}


def _same(shapes: Shapes, operands: Sequence[Atom], attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    return same_as_first(shapes, operands, attrs)


def _of_block(name: str) -> OpDecl:
    """A function of `srcdiff.runtime.blocks` that every thread of the block calls with its own number."""

    def text(op: Op) -> str:
        type_ = op.result.type
        assert isinstance(type_, Scalar)
        return f"srcdiff.runtime.blocks.{name}{_SUFFIXES[type_.dtype]}({{0}})"

    # as for barriers, no pass moves or removes these calls
    return OpDecl(name, _same, template=text, effect=True, raises=True, differentiable=False)


block_sum = _of_block("block_sum")
block_max = _of_block("block_max")
block_min = _of_block("block_min")
block_first = _of_block("block_first")  # the value of the first thread
