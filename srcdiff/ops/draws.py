"""Random numbers from a `np.random.Generator` that a program is given: an effect, which nothing moves or leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ops.infer import of_type
from srcdiff.ops.registry import operation

__all__ = ["draw"]


def _draw(operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    places = {f"_{i}": v for i, v in enumerate(operands)}
    return eval(attrs["text"].format(*places), places)


def _text(op: Op) -> str:
    return str(op.attrs["text"])


# `{0}.normal({1}, {2}, size={3})`: operands are the generator, and what stands in the brackets
draw = operation(
    "draw",
    template=_text,
    infer=of_type,
    effect=True,
    raises=True,
    evaluate=_draw,
    advice="Write the value with draws that do not depend on it, as in mu + sigma * rng.standard_normal(), "
    "or pass the draws as an argument.",
)
