"""Finds the words that the glossary of docs/architecture.md retires.

    python tools/words.py            prints each with its file and line, and the word to write

Names count as their words: `drop_last_turns` and `LastTurn` have one "turn" each. Code, strings, comments, docstrings
and documents are searched; generated texts (golden files, the gallery) and quotations are not.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOTS = ("srcdiff", "tests", "tools", "docs", "examples", "benchmarks")
GENERATED = ("tests/golden", "docs/gallery", "docs/coverage.md", "docs/distributions.md")
QUOTED = ("examples/crf_tagging.py", "examples/hmm_em.py")  # Jane Austen
ITSELF = ("tools/words.py", "tests/test_words.py")

# the pattern of a retired word, and its replacement
RETIRED = {
    "turn": (
        r"(?<!in )(?<!in its )(?<!in their )(?<!what )(?<!whose )\bturns?\b"
        r"(?! (?:on|off|into|out|up|round|to)\b)(?! (?:\w+ ){1,4}into\b)",
        "iteration",
    ),
    "hand on": (r"\bhand(?:s|ed|ing)?(?: \w+)? on\b", "pass on, yield, carry"),
    "at hand": (r"\b(?:at|in) hand\b", "given, available"),
    "told": (r"\btold\b", "given, declared, known"),
    "tell": (r"\btells?\b(?! a )", "show, determine, distinguish"),
    "said": (r"\bsaid\b(?! (?:by|so)\b)", "declared, written, reported"),
    "asked": (r"\bask(?:s|ed|ing)? (?:for|of|about)\b|\b(?:is|are|was|were|be) asked\b", "used, requested, needed"),
    "waiting": (r"\b(?:is|in|are) waiting\b|\bwaiting: |\bwaiting\b(?=[\]\[.,)=])", "deferred"),
    "apart": (r"\bapart\b(?! from)", "separate, decomposed, distinguished"),
    "go by": (r"\b(?:goes|go|gone|going) by\b", "is chosen by, depends on"),
    "gone through": (r"\bgone through\b", "iterated over"),
    "behind the loop": (r"\bbehind (?:the|a|that|each) loops?\b|\bbehind it\b", "after the loop, after it"),
    "differentiated by": (r"\bdifferentiat(?:e|es|ed|ing) by\b", "with respect to"),
    "that of which": (r"\b(?:that|those|one|what) of which\b", "a relative clause with its noun"),
    "whereabouts": (r"\bwhereabouts\b", "placement"),
    "alike": (r"\balike\b", "equal, the same in all iterations"),
    "unlike": (r"\bunlike\b(?! (?:the|a|in|those|NumPy)\b)", "different"),
}  # fmt: skip


def found(text: str) -> Iterator[tuple[int, str]]:
    """The line and the word of each retired word in a text; phrases may continue on the next line."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("_", " ")).lower()
    lines = [" ".join(line.split()).removeprefix("# ") for line in text.split("\n")]
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    plain = " ".join(lines)
    for word, (pattern, _) in RETIRED.items():
        for match in re.finditer(pattern, plain):
            yield bisect(starts, match.start()), word


def files() -> list[Path]:
    inside = [p for root in ROOTS for e in ("*.py", "*.md") for p in (ROOT / root).rglob(e)]
    names = [p.relative_to(ROOT).as_posix() for p in (*inside, *ROOT.glob("*.md"))]
    return [ROOT / n for n in sorted(names) if not n.startswith((*GENERATED, *QUOTED, *ITSELF))]


def complaints() -> list[str]:
    return [
        f'{file.relative_to(ROOT)}:{line}: "{word}": write {RETIRED[word][1]}'
        for file in files()
        for line, word in found(file.read_text(encoding="utf-8"))
    ]


if __name__ == "__main__":
    print("\n".join(complaints()) or "no retired word is used")
