"""Text in messages: what `print`, `assert` and exceptions say, as Python text with `{i}` for the values in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.frontend.apart import as_operand
from srcdiff.frontend.frame import Frame
from srcdiff.frontend.values import FrontValue, Parts, ShapeOf, Text, is_static, static
from srcdiff.ir.core import Atom, Const, Value, const
from srcdiff.ir.types import Array
from srcdiff.ops.control import print_

__all__ = ["TEXTS", "formatted", "is_text", "joined", "text_of"]


def text_of(fr: Frame, value: FrontValue, node: Any, operands: list[Atom]) -> str:
    """Python text of a value in a message, with `{i}` for operands (appended to `operands`)."""
    if isinstance(value, Text):
        shifted = value.template
        for k in reversed(range(len(value.operands))):
            shifted = shifted.replace(f"{{{k}}}", f"{{{k + len(operands)}}}")
        operands += value.operands
        return shifted
    if isinstance(value, ShapeOf) and isinstance(value.array.type, Array):
        operands.append(value.array)
        return f"{{{len(operands) - 1}}}.shape"
    if isinstance(value, Parts) and value.kind in ("tuple", "list") and not is_static(value):
        inner = ", ".join(text_of(fr, v, node, operands) for v in value.values)
        if value.kind == "list":
            return f"[{inner}]"
        return f"({inner},)" if len(value.values) == 1 else f"({inner})"
    if isinstance(value, ShapeOf) or (is_static(value) and not isinstance(value, Value)):
        known = () if isinstance(value, ShapeOf) else static(value)
        return _literal(known).replace("{", "{{").replace("}", "}}")
    operands.append(as_operand(fr, node, value))
    return f"{{{len(operands) - 1}}}"


def _literal(value: Any) -> str:
    """A value that is known when compiling, as text that reads back, or says the same."""
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    return repr(str(value)) if callable(value) else repr(value)


def is_text(value: FrontValue) -> bool:
    """Whether a value is a string, known or not."""
    return isinstance(value, Text) or (isinstance(value, Const) and isinstance(value.value, str))


def joined(fr: Frame, left: FrontValue, right: FrontValue, node: Any) -> FrontValue:
    """`left + right` of strings."""
    operands: list[Atom] = []
    texts = [text_of(fr, v, node, operands) for v in (left, right)]
    return Text(" + ".join(texts), tuple(operands))


def formatted(
    fr: Frame,
    node: Any,
    text: str,
    name: str,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """`text.name(...)` of a string that is known when compiling, such as `"...".format(x)`."""
    operands: list[Atom] = []
    inner = [text_of(fr, a, node, operands) for a in args]
    inner += [f"{k}={text_of(fr, v, node, operands)}" for k, v in kwargs.items()]
    template = repr(text).replace("{", "{{").replace("}", "}}")
    return Text(f"{template}.{name}({', '.join(inner)})", tuple(operands))


def _print(
    fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    operands: list[Atom] = []
    texts = [text_of(fr, a, node, operands) for a in args]
    texts += [f"{k}={text_of(fr, v, node, operands)}" for k, v in kwargs.items()]
    fr.ops(node, print_, *operands, text=f"print({', '.join(texts)})")
    return const(None)


def _called(function: Any) -> Any:
    """`str` and `repr`: text where their argument is not known when compiling."""

    def read(
        fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
    ) -> FrontValue:
        if all(map(is_static, args)) and not any(isinstance(a, Value) for a in args):
            return const(function(*map(static, args)))
        operands: list[Atom] = []
        inner = ", ".join(text_of(fr, a, node, operands) for a in args)
        return Text(f"{function.__name__}({inner})", tuple(operands))

    return read


TEXTS: dict[Any, Any] = {print: _print, str: _called(str), repr: _called(repr)}
