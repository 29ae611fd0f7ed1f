"""String literals of generated code: quotes, escapes, docstrings and f-strings.

Used by the printer (`printer`) alone. Double quotes are preferred; what is not printable is
escaped, so that a literal stands on one line (a docstring excepted) and the text is plain.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

QUOTES = ('"', "'", '"""', "'''")
_NEWLINES_STAY = {"\n": "\n"}
# A doubled brace means itself in the text of an f-string, but not in a format specification.
_BRACES = {"text": {"{": "{{", "}": "}}"}, "spec": {"{": r"\x7b", "}": r"\x7d"}}

# A part of an f-string: program text, text of the string, or text of a format specification.
FStringPart = tuple[Literal["code", "text", "spec"], str]


def quoted(value: str | bytes) -> str:
    """A one-line literal in double quotes, in single ones where those save escapes."""
    text = repr(value)
    if '"' in text:
        return text
    return text.replace("'", '"')


def docstring(text: str) -> str:
    """A triple-quoted literal, its lines exactly as in `text`."""
    quote = r"\"" if text.endswith('"') else ""  # three more follow, the first would end it
    body = _escaped(text.removesuffix('"'), _NEWLINES_STAY).replace('"""', r"\"\"\"")
    # Spaces at the end of a line belong to the value; escaped, they cannot get lost.
    body = body.replace(" \n", r"\x20" + "\n")
    return '"""' + body + quote + '"""'


def fstring(parts: list[FStringPart], depth: int) -> str:
    """An f-string of `parts`; `depth` counts the f-strings it stands in.

    Up to Python 3.11 the program text inside can hold neither the quotes of the string nor a
    backslash. Quotes are chosen so on every version, since generated files move between them.
    """
    code = "".join(text for kind, text in parts if kind == "code")
    wanted = QUOTES if depth % 2 == 0 else ("'", '"', "'''", '"""')
    free = [quote for quote in wanted if quote not in code]
    if sys.version_info < (3, 12) and ("\\" in code or not free):
        raise TypeError("cannot print JoinedStr: before Python 3.12 its values hold no backslash")
    quote = free[0] if free else wanted[0]
    body = [
        text if kind == "code" else _escaped(text, {**_BRACES[kind], quote[0]: "\\" + quote[0]})
        for kind, text in parts
    ]
    return "f" + quote + "".join(body) + quote


def _escaped(text: str, special: Mapping[str, str]) -> str:
    return "".join(
        special[c] if c in special else c if c.isprintable() and c != "\\" else repr(c)[1:-1]
        for c in text
    )
