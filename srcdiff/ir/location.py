"""Where in the user's code something stands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Location:
    """A span on one line of the user's code; `column` counts from 0, as in `ast`.

    `called_from`: the call by which a helper's line was reached, where the helper is read in its place.
    """

    file: str
    line: int
    column: int = 0
    end_column: int = 0
    function: str = ""
    source_line: str = ""
    called_from: Location | None = field(default=None, compare=False, repr=False)

    @property
    def chain(self) -> tuple[Location, ...]:
        """The calls that led here, outermost first."""
        before = self.called_from
        return () if before is None else (*before.chain, before)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
