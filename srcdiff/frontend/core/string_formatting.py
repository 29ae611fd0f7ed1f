"""Texts of `print`, `assert` and exceptions: Python text with `{i}` for the values in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame, reads
from srcdiff.frontend.core.operands import as_operand
from srcdiff.frontend.core.values import FrontValue, Parts, ShapeOf, Text, is_static, static
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.control.control import print_


def text_of(fr: Frame, value: FrontValue, node: gast.AST, operands: list[Atom]) -> str:
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
        return _braced(_literal(known))
    operands.append(as_operand(fr, node, value))
    return f"{{{len(operands) - 1}}}"


def _literal(value: object) -> str:
    """A value that is known when compiling, as text that reads back, or says the same."""
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    return repr(str(value)) if callable(value) else repr(value)


def is_text(value: FrontValue) -> bool:
    """Whether a value is a string, known or not."""
    return isinstance(value, Text) or (isinstance(value, Const) and isinstance(value.value, str))


@reads(gast.JoinedStr)
def _f_string(fr: Frame, node: gast.AST) -> FrontValue:
    """An f-string: known when compiling if all in it is, else text for a message."""
    operands: list[Atom] = []
    pieces: list[tuple[bool, str]] = []  # (whether it is program text, the text)
    for part in node.values:
        if isinstance(part, gast.Constant):
            pieces.append((False, part.value))
            continue
        value = fr.expr(part.value)
        conversion = "" if part.conversion < 0 else f"!{chr(part.conversion)}"
        spec = _format_spec(fr, part.format_spec, operands)
        if is_static(value) and not isinstance(value, Value) and "{" not in spec:
            known = fr.evaluated(node, ("{0" + conversion + spec + "}").format, static(value))
            pieces.append((False, known))
            continue
        pieces.append((True, text_of(fr, value, node, operands) + conversion + spec))
    if not operands:
        return const("".join(text for _, text in pieces))
    code = "".join(text for is_code, text in pieces if is_code)
    quote = next((q for q in ("'", '"', "'''", '"""') if q not in code), "")
    if not quote:
        fr.fail(node, "an f-string in this f-string is not supported", "Make it a variable first.")
    body = "".join(
        f"{{{{{text}}}}}" if is_code else _braced(_braced(_escaped(text)))
        for is_code, text in pieces
    )
    return Text(f"f{quote}{body}{quote}", tuple(operands))


def _format_spec(fr: Frame, node: gast.AST, operands: list[Atom]) -> str:
    """The colon and the format after it, where there is one."""
    if node is None:
        return ""
    spec = fr.expr(node)
    if is_static(spec):
        return f":{static(spec)}"
    texts = [
        part.value
        if isinstance(part, gast.Constant)
        else f"{{{{{text_of(fr, fr.expr(part.value), node, operands)}}}}}"
        for part in node.values
    ]
    return ":" + "".join(texts)


def _escaped(text: str) -> str:
    """Text as it stands in a string literal, whatever its quotes."""
    return text.encode("unicode_escape").decode().replace("'", r"\'").replace('"', r"\"")


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def joined(fr: Frame, left: FrontValue, right: FrontValue, node: gast.AST) -> FrontValue:
    """`left + right` of strings."""
    operands: list[Atom] = []
    texts = [text_of(fr, v, node, operands) for v in (left, right)]
    return Text(" + ".join(texts), tuple(operands))


def formatted(
    fr: Frame,
    node: gast.AST,
    text: str,
    name: str,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """`text.name(...)` of a string that is known when compiling, such as `"...".format(x)`."""
    operands: list[Atom] = []
    inner = [text_of(fr, a, node, operands) for a in args]
    inner += [f"{k}={text_of(fr, v, node, operands)}" for k, v in kwargs.items()]
    template = _braced(repr(text))
    return Text(f"{template}.{name}({', '.join(inner)})", tuple(operands))


def _print(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    return write(fr, node, "print", args, kwargs)


def write(
    fr: Frame,
    node: gast.AST,
    called: str,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    """A call that only writes a message: `print`, and those of `logging`."""
    operands: list[Atom] = []
    texts = [text_of(fr, a, node, operands) for a in args]
    texts += [f"{k}={text_of(fr, v, node, operands)}" for k, v in kwargs.items()]
    fr.ops(node, print_, *operands, text=f"{_braced(called)}({', '.join(texts)})")
    return const(None)


def _called(function: Callable[[object], str] | type[str]) -> Callable[..., FrontValue]:
    """`str` and `repr`: text where their argument is not known when compiling."""

    def read(
        fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
    ) -> FrontValue:
        if all(map(is_static, args)) and not any(isinstance(a, Value) for a in args):
            return const(function(*map(static, args)))
        operands: list[Atom] = []
        inner = ", ".join(text_of(fr, a, node, operands) for a in args)
        return Text(f"{function.__name__}({inner})", tuple(operands))

    return read


TEXTS = {print: _print, str: _called(str), repr: _called(repr)}
