"""The sections of docs/language.md."""

import re
from pathlib import Path

LANGUAGE = Path(__file__).parents[2] / "docs" / "language.md"


def rows():
    """The names of the rows, as the headings have them."""
    return re.findall(r"^## (.+)$", LANGUAGE.read_text(), re.MULTILINE)
