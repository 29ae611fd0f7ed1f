"""Long lines: where a line of generated code may be broken, and how it is.

The printer (`printer`) writes each logical line as a list of strings. Some of them say more
than their text: an `Open` and its `Close` are brackets, a `Break` is a comma or an operator that a
new line may start at. They are strings all the same, so that a line that fits costs one `join`.
A line that does not is opened at its widest bracket, and what stands inside goes to lines of its
own, split at the loosest `Break` only if it has to be:

    value = 0.5 * (np.sum(C**2) + mu @ mu - len(mu)) - np.sum(np.log(np.diag(C)))

    value = (
        0.5 * (np.sum(C**2) + mu @ mu - len(mu))
        - np.sum(np.log(np.diag(C)))
    )

The brackets round the whole value are *optional* ones, an `Open` without text: they are printed
where nothing else allows the line to be broken well.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Self, TextIO

INDENT = 4
COMMA_LEVEL = 0  # commas are looser than every operator


class Open(str):
    """An opening bracket; without text, one that is printed only when the line is broken there.

    `one_each` is true for displays such as lists: broken at all, they have one element a line.
    `last` is true where a line is broken only if it has no other bracket, as round a target.
    """

    one_each: bool
    last: bool

    def __new__(cls, text: str, one_each: bool = False, last: bool = False) -> Self:
        mark = super().__new__(cls, text)
        mark.one_each = one_each
        mark.last = last
        return mark


class Close(str):
    """The bracket that ends an `Open`."""


class Break(str):
    """A comma or operator with the spaces round it; the lower its level, the looser it binds."""

    level: int

    def __new__(cls, text: str, level: int) -> Self:
        mark = super().__new__(cls, text)
        mark.level = level
        return mark


class LineWriter:
    """The file that the printer writes to: collects a logical line, then passes it on, wrapped."""

    def __init__(self, out: TextIO, width: int) -> None:
        self.pieces: list[str] = []
        self._out = out
        self._width = width
        self._indent = 0
        self._started = False
        self.remark = ""  # a comment that belongs to the line

    def begin_line(self, indent: int, blank_lines: int) -> None:
        """Ends the line so far; the next stands `indent` steps in, below `blank_lines`."""
        self.end_line()
        self._out.write("\n" * blank_lines)
        self._indent = indent
        self._started = True

    def write(self, piece: str) -> None:
        """Adds to the line. A newline on its own ends it (the base printer closes with one)."""
        if piece == "\n":
            self.end_line()
        else:
            self.pieces.append(piece)

    def end_line(self) -> None:
        if not self._started and not any(self.pieces):
            return  # nothing was printed
        indent = " " * (INDENT * self._indent)
        text = indent + "".join(self.pieces)
        if self.remark and len(text) + len(self.remark) + 4 <= self._width:
            text += f"  # {self.remark}"
        elif self.remark:
            self._out.write(f"{indent}# {self.remark}\n")
        self.remark = ""
        if len(text) > self._width:
            text = _Layout(self.pieces, self._indent, self._width).text
        self._out.write(text + "\n")
        self.pieces.clear()
        self._started = False

    def flush(self) -> None:
        """Part of being a file; nothing is held back beyond the line that is being written."""


class _Layout:
    """The lines that one logical line is broken into; ranges `[start, end)` count pieces."""

    def __init__(self, pieces: list[str], indent: int, width: int) -> None:
        self._pieces = pieces
        self._width = width
        self._offsets = [0, *accumulate(map(len, pieces))]
        self._partner = _partners(pieces)
        self._written = [" " * (INDENT * indent)]
        self._column = INDENT * indent
        self._place(0, len(pieces), indent, tail=0, bracketed=False)

    @property
    def text(self) -> str:
        return "".join(self._written)

    def _place(self, start: int, end: int, indent: int, tail: int, bracketed: bool) -> None:
        """Writes a range from the current column on, breaking it if it does not fit.

        `tail` more characters will follow on its last line. Lines may end at a `Break` of the
        range only when it is `bracketed`; inside its own brackets they always may.
        """
        if self._column + self._span(start, end) + tail <= self._width:
            self._emit(start, end)
            return
        breaks, widest = self._scan(start, end)
        if bracketed and breaks:
            self._split(start, end, breaks, indent, tail)
        elif widest is None:
            self._emit(start, end)
        else:
            close = self._partner[widest]
            self._place(start, widest, indent, 1, bracketed)
            if self._column + self._span(widest, end) + tail <= self._width:
                self._emit(widest, end)  # since what stands before had to be broken
                return
            self._expand(widest, close, indent, self._span(close + 1, end) + tail)
            self._place(close + 1, end, indent, tail, bracketed)

    def _expand(self, start: int, close: int, indent: int, tail: int) -> None:
        """Writes a bracket with its contents on lines of their own."""
        bracket = self._pieces[start]
        assert isinstance(bracket, Open)
        breaks, widest = self._scan(start + 1, close)
        needless = widest is not None or not self._gains(start, close, indent)
        if not bracket and not breaks and needless:
            self._place(start + 1, close, indent, tail, bracketed=False)
            return
        self._write(bracket or "(")
        self._new_line(indent + 1)
        if bracket.one_each and breaks and self._level(breaks[0]) == COMMA_LEVEL:
            self._split(start + 1, close, breaks, indent + 1, 0)
        else:
            self._place(start + 1, close, indent + 1, 0, bracketed=True)
        self._new_line(indent)
        self._write(self._pieces[close] or ")")

    def _split(self, start: int, end: int, breaks: list[int], indent: int, tail: int) -> None:
        """Writes a range with a line for each part between `breaks`; commas end their lines."""
        comma = self._level(breaks[0]) == COMMA_LEVEL
        for at in [*breaks, end]:
            self._place(start, at, indent, 1 if comma else tail, bracketed=True)
            if comma:
                self._write(",")
            if at < end:
                self._new_line(indent)
                self._write("" if comma else self._pieces[at].lstrip())
            start = at + 1

    def _scan(self, start: int, end: int) -> tuple[list[int], int | None]:
        """The loosest breaks outside inner brackets, and the widest bracket that holds anything."""
        breaks: list[int] = []
        widest, best = None, (False, 0)
        at = start
        while at < end:
            piece = self._pieces[at]
            if isinstance(piece, Open):
                close = self._partner[at]
                rank = (not piece.last, self._span(at + 1, close))
                if rank >= best and rank[1]:
                    widest, best = at, rank
                at = close
            elif isinstance(piece, Break):
                if breaks and piece.level < self._level(breaks[0]):
                    breaks = []
                if not breaks or piece.level == self._level(breaks[0]):
                    breaks.append(at)
            at += 1
        return breaks, widest

    def _gains(self, start: int, close: int, indent: int) -> bool:
        """True if what cannot be broken starts earlier, and fits, on a line of its own."""
        column = INDENT * (indent + 1)
        return column < self._column and column + self._span(start, close) <= self._width

    def _level(self, at: int) -> int:
        piece = self._pieces[at]
        assert isinstance(piece, Break)
        return piece.level

    def _span(self, start: int, end: int) -> int:
        return self._offsets[end] - self._offsets[start]

    def _emit(self, start: int, end: int) -> None:
        self._write("".join(self._pieces[start:end]))

    def _write(self, text: str) -> None:
        self._written.append(text)
        self._column += len(text)

    def _new_line(self, indent: int) -> None:
        self._written.append("\n" + " " * (INDENT * indent))
        self._column = INDENT * indent


def _partners(pieces: list[str]) -> dict[int, int]:
    """Where the bracket that is opened at each position is closed."""
    partner: dict[int, int] = {}
    unclosed: list[int] = []
    for at, piece in enumerate(pieces):
        if isinstance(piece, Open):
            unclosed.append(at)
        elif isinstance(piece, Close):
            partner[unclosed.pop()] = at
    return partner
