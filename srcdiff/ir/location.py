"""Where in the user's code something stands."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Location"]


@dataclass(frozen=True, slots=True)
class Location:
    """A span on one line of the user's code; `column` counts from 0, as in `ast`."""

    file: str
    line: int
    column: int = 0
    end_column: int = 0
    function: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
