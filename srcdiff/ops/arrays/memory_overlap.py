"""Alias checks at run time: whether two parameters share memory. A saved module tests it on entry."""

from __future__ import annotations

from srcdiff.ir.core import Op
from srcdiff.ir.types import BOOL, Array, List, Struct, Type, holds_arrays
from srcdiff.ops.arrays.container_text import part_texts
from srcdiff.ops.core.registry import operation


def _text(op: Op) -> str:
    return _shared(op.operands[1].type, "{1}")


def _shared(type_: Type, name: str, item: str = "item") -> str:
    """The text that tests whether an array, or an array in a container, shares memory with operand 0."""
    if isinstance(type_, Array):
        return f"np.shares_memory({{0}}, {name})"
    if isinstance(type_, List):
        return f"any({_shared(type_.element, item, 'entry')} for {item} in {name})"
    assert isinstance(type_, Struct)
    parts = [(text, t) for text, t in part_texts(type_, name) if holds_arrays(t)]
    return " or ".join(_shared(t, text, "entry") for text, t in parts)


# operand 0 is an array; operand 1 is an array, or a container of arrays
shares_memory = operation(
    "shares_memory",
    template=_text,
    infer=lambda shapes, operands, attrs: (BOOL,),
    differentiable=False,
    shape_of=(0, 1),
    takes_complex=True,
)
