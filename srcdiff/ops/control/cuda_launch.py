"""Launches of kernels in host code: `kernel[grid, block](x, y)`.

The operands are the extents of the grid and of the block, and then the kernel's arguments. After the printed operands
stand copies of the earlier contents of arrays, which reverse mode uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ops.core.type_rules import nothing


@cache
def launch_of(kernel: object, name: str, count: int, writes: tuple[int, ...]) -> OpDecl:
    """The launch of a kernel with `count` arguments, which writes the arguments at the positions `writes`.

    Attributes of the operation: `grid` and `block`, the number of operands for the extents of each (0 for a number that
    is not a tuple); `derived`, the kernel's adjoint and tangent; `reads`, the positions of arrays that it reads.
    """
    return OpDecl(
        "launch",
        nothing,
        template=_text,
        spelling=name,
        function=kernel,
        writes=writes,
    )


def first_argument(op: Op) -> int:
    """The position of the kernel's first argument among the operands."""
    return max(int(op.attrs["grid"]), 1) + max(int(op.attrs["block"]), 1)


def _text(op: Op) -> str:
    at, parts = 0, []
    for count in (op.attrs["grid"], op.attrs["block"]):
        names = [f"{{{k}}}" for k in range(at, at + max(count, 1))]
        at += len(names)
        parts.append(_together(names) if count else names[0])
    given = [f"{{{k}}}" for k in range(at, at + op.attrs["count"])]
    return f"{op.decl.spelling}[{', '.join(parts)}]({', '.join(given)})"


def _together(names: Sequence[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def is_launch(statement: object) -> bool:
    return isinstance(statement, Op) and statement.decl.name == "launch"
