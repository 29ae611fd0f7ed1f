"""No file uses a word that the glossary retires."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("words", ROOT / "tools" / "words.py")
assert _spec is not None and _spec.loader is not None
WORDS = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(WORDS)


def test_no_retired_word_is_used() -> None:
    assert WORDS.complaints() == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the last turn of a loop", "turn"),
        ("def drop_last_turns(fn)", "turn"),
        ("class LastTurn:", "turn"),
        ("a branch hands on its results", "hand on"),
        ("what each turn\n    # hands it on", "hand on"),
        ("the arguments at hand", "at hand"),
        ("with_values_told", "told"),
        ("is told from the others", "told"),
        ("what is said of it", "said"),
        ("where it is asked for", "asked"),
        ("arrays in waiting", "waiting"),
        ("taken apart", "apart"),
        ("as it is gone through", "gone through"),
        ("behind the loop", "behind the loop"),
        ("what it is differentiated by", "differentiated by"),
    ],
)
def test_retired_words_are_found(text: str, word: str) -> None:
    assert word in [found for _, found in WORDS.found(text)]


@pytest.mark.parametrize(
    "text",
    [
        "each in turn", "in its turn", "turn off rewriting", "turns array operations into loops", "returns a value",
        "apart from that", "as its author said so", "the other hand", "he asked her", "unlike the others",
        "he turns to it",
    ],
)  # fmt: skip
def test_plain_english_is_not_counted(text: str) -> None:
    assert list(WORDS.found(text)) == []
