"""Reads the documentation's code blocks, and runs them.

A `python` block is run, in order, in one namespace for each document; `# name.py` as its first line gives it a
file name. What stands in a comment in front of a block says more:

    <!-- output -->           the block is what the previous one printed
    <!-- error -->            the block is the error that the previous one raises
    <!-- warning -->          the block is the warning that the previous one gives
    <!-- stage: f, reverse -->  the block is the IR of `f_grad` after that pass; a line `...` leaves some out
    <!-- from: FILE -->       the block stands in that file
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    line: int
    mark: str
    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, m.start()) + 1, m["mark"] or "", m["language"], m["text"])
        for m in _BLOCK.finditer(text)
    ]


@dataclass(frozen=True)
class Outcome:
    """What running a block came to."""

    printed: str
    error: Exception | None
    warned: list[str]


class Session:
    """The namespace that a document's blocks share."""

    def __init__(self, name: str) -> None:
        self.module = ModuleType(name)
        sys.modules[name] = self.module

    def close(self) -> None:
        del sys.modules[self.module.__name__]

    def run(self, block: Block) -> Outcome:
        given = re.match(r"# (\w+\.py)\n", block.text)
        file = given[1] if given else f"<{self.module.__name__}:{block.line}>"
        linecache.cache[file] = (len(block.text), None, block.text.splitlines(True), file)
        out, error = io.StringIO(), None
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)  # of libraries, as users have it
            try:
                exec(compile(block.text, file, "exec"), vars(self.module))
            except Exception as e:
                error = e
        return Outcome(out.getvalue(), error, [str(w.message) for w in caught])


def without_notes(stage: str) -> str:
    return "\n".join(line for line in stage.splitlines() if not line.startswith("  facts ["))


def is_part(shown: str, whole: str) -> bool:
    """Whether a text with lines `...` for what is left out is the other one."""
    pieces = [
        p for p in re.split(r"^[ \t]*\.\.\.\n", shown.strip() + "\n", flags=re.M) if p.strip()
    ]
    pattern = r"(?:.*\n)*?".join(map(re.escape, pieces))
    return re.match(pattern, whole.strip() + "\n") is not None
