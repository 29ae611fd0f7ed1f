"""Line breaking of generated text: at the commas of a line's last call, or at the signs of a sum."""

import textwrap
from collections.abc import Iterator

WIDTH = 100


def broken(line: str) -> list[str]:
    """The lines of a line that is too long: `elbo += f(a, b)`, `return a + b`, or a sentence of a docstring."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    if line.endswith("draws.") or line.lstrip().startswith("Estimator: "):
        return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    terms = [*_parts(line.strip().removeprefix("return "), " + ")]
    if line.lstrip().startswith("return ") and len(terms) > 1:
        head, parts, tail = f"{indent}return (", terms, ")"
    elif line.endswith((")", "):")):
        call = line.removesuffix(":")
        start = _opening(call)
        head, parts, tail = (
            line[: start + 1],
            [*_parts(call[start + 1 : -1], ", ")],
            line[len(call) - 1 :],
        )
    else:
        return [line]
    return [head, *_packed(parts, f"{indent}    "), f"{indent}{tail}"]


def _opening(line: str) -> int:
    """The position of the bracket that the line's last character closes."""
    depth = 0
    for k in range(len(line) - 1, -1, -1):
        depth += (line[k] in ")]}") - (line[k] in "([{")
        if depth == 0:
            return k
    return 0


def _parts(text: str, sign: str) -> Iterator[str]:
    """The parts between signs outside of all brackets, each with its comma after it, or its plus before it."""
    depth, start = 0, 0
    cut = 1 if sign == ", " else 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and text.startswith(sign, k):
            yield text[start : k + cut].strip()
            start = k + cut
    yield text[start:].strip()


def _packed(parts: list[str], indent: str) -> list[str]:
    """The parts packed into lines, as many as fit."""
    lines = [indent + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) > WIDTH:
            lines.append(indent + part)
        else:
            lines[-1] += f" {part}"
    return lines
