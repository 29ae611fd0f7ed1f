"""Adjoint hooks and effects outside of the program: `with srcdiff.adjoint(x) as d_x:`, and calls of outside objects."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.values import Attrs
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import nothing, same_as_first

# `x`, with a block that runs when its adjoint is complete. `block` is a function of that adjoint and of the other
# operands, and returns the adjoint's replacement. Reverse mode inserts the block; everywhere else this is `x`
# (`transforms/ad/directives/hook_reverse.py`)
adjoint_block = operation(
    "adjoint_block",
    template="{0}",
    infer=same_as_first,
    view_of=0,
    effect=True,
    evaluate=lambda operands, attrs: operands[0],
    takes_complex=True,
)


def _run_outside(operands: Sequence[object], attrs: Attrs) -> None:
    places = {f"_{i}": v for i, v in enumerate(operands)}
    builtins.exec(attrs["text"].format(*places), {**attrs["bindings"], **places})


# a call of an outside object, or an assignment to a part of it, for its effect: `log.append({0})`. `bindings` are the
# objects in the text
outside_call = operation(
    "outside_call",
    template=lambda op: str(op.attrs["text"]),
    infer=nothing,
    effect=True,
    raises=True,
    differentiable=False,
    evaluate=_run_outside,
    takes_complex=True,
)


def _nothing(operands: Sequence[object], attrs: Attrs) -> None:
    return None


def _place(op: Op) -> str:
    return "pass"


# a line of text between statements, which no pass moves
comment = operation(
    "comment",
    template=_place,
    infer=nothing,
    effect=True,
    differentiable=False,
    evaluate=_nothing,
    takes_complex=True,
)
