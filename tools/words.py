"""Counts the words that the glossary of docs/architecture.md retires, folder by folder.

    python tools/words.py            prints what a folder has more, or less, than tests/words.toml allows
    python tools/words.py --lower    lowers the allowances of tests/words.toml to what there is; the total
                                     of a word over all folders never grows

Names count as their words: `drop_last_turns` and `LastTurn` have one "turn" each. Code, strings, comments, docstrings
and documents are all counted; generated texts (golden files, the gallery) are not.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "words.toml"
ROOTS = ("srcdiff", "tests", "tools", "docs", "examples", "benchmarks")
GENERATED = ("tests/golden", "docs/gallery", "docs/coverage.md", "docs/distributions.md")
ITSELF = ("tools/words.py", "tests/test_words.py")

Counts = dict[str, dict[str, int]]  # by folder, by word

# what is counted, and the word that takes its place
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


def words_of(text: str) -> str:
    """Text whose names are split into their words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("_", " "))
    return re.sub(r"\s+#?\s*", " ", text).lower()


def counted(text: str) -> Counter[str]:
    plain = words_of(text)
    found = {word: len(re.findall(pattern, plain)) for word, (pattern, _) in RETIRED.items()}
    return Counter({word: n for word, n in found.items() if n})


def files() -> list[Path]:
    inside = [p for root in ROOTS for e in ("*.py", "*.md") for p in (ROOT / root).rglob(e)]
    names = [p.relative_to(ROOT).as_posix() for p in (*inside, *ROOT.glob("*.md"))]
    return [ROOT / n for n in sorted(names) if not n.startswith((*GENERATED, *ITSELF))]


def counts() -> Counts:
    found: dict[str, Counter[str]] = {}
    for file in files():
        folder = file.parent.relative_to(ROOT).as_posix()
        found.setdefault(folder, Counter()).update(counted(file.read_text(encoding="utf-8")))
    return {folder: dict(sorted(n.items())) for folder, n in sorted(found.items()) if n}


def allowed() -> Counts:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))["folders"]


def differences(found: Mapping[str, Mapping[str, int]], limits: Counts) -> list[str]:
    """Where a folder has more of a word than it may have."""
    return [
        f'{folder}: "{word}" {n} times, and at most {limits.get(folder, {}).get(word, 0)}: '
        f"write {RETIRED[word][1]}"
        for folder, by_word in found.items()
        for word, n in by_word.items()
        if n > limits.get(folder, {}).get(word, 0)
    ]


def lowered(found: Counts, limits: Counts) -> Counts:
    """What there is, or the old allowance where that is less. Words may move with files from folder to folder."""
    have, may_have = totals(found), totals(limits)
    moved = {word for word in RETIRED if have[word] <= may_have[word]}
    lower = {
        folder: {
            w: n if w in moved else min(n, limits.get(folder, {}).get(w, 0))
            for w, n in by_word.items()
        }
        for folder, by_word in found.items()
    }
    kept = {folder: {w: n for w, n in by_word.items() if n} for folder, by_word in lower.items()}
    return {folder: by_word for folder, by_word in kept.items() if by_word}


def totals(counts: Counts) -> Counter[str]:
    return sum((Counter(by_word) for by_word in counts.values()), Counter())


def to_toml(limits: Counts) -> str:
    lines = [
        "# How often each folder may use a word that the glossary retires (tools/words.py). The numbers may only fall:",
        "# `python tools/words.py --lower` writes what there is.",
        "[folders]",
    ]
    for folder, by_word in sorted(limits.items()):
        row = ", ".join(f'"{word}" = {n}' for word, n in sorted(by_word.items()))
        lines.append(f'"{folder}" = {{ {row} }}')
    return "\n".join(lines) + "\n"


def main() -> None:
    found, limits = counts(), allowed()
    print("\n".join(differences(found, limits)) or "no folder has more than it may have")
    if "--lower" in sys.argv[1:]:
        DATA.write_text(to_toml(lowered(found, limits)), encoding="utf-8")


if __name__ == "__main__":
    main()
