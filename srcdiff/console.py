"""Source text on the terminal: highlighted where a person reads, plain where a program does."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

_FRAME = 4  # columns that a panel's borders and padding take


def show_source(console: Console, source: str) -> None:
    """Print Python source; only a terminal gets colours and wrapped lines."""
    if console.is_terminal:
        console.print(_highlighted(source))
    else:
        _print_plain(console, source.strip("\n") + "\n")


def show_pair(console: Console, left: tuple[str, str], right: tuple[str, str]) -> None:
    """Print two (title, source) side by side, or below each other where the terminal is too narrow."""
    if not console.is_terminal:
        for title, source in (left, right):
            _print_plain(console, f"# ---- {title}\n\n{source.strip()}\n\n")
        return
    widths = [_width(*left), _width(*right)]
    if sum(widths) > console.width:
        for title, source in (left, right):
            console.print(_panel(title, source, min(_width(title, source), console.width)))
        return
    pair = Table.grid()
    panels = [_panel(*part, width) for part, width in zip((left, right), widths, strict=True)]
    pair.add_row(*panels)
    console.print(pair)


def _print_plain(console: Console, text: str) -> None:
    # rich would wrap lines and read square brackets as markup
    console.file.write(text)


def _highlighted(source: str) -> Syntax:
    # the terminal's own palette: readable on dark and on light
    return Syntax(
        source.strip("\n"), "python", theme="ansi_dark", background_color="default", word_wrap=True
    )


def _panel(title: str, source: str, width: int) -> Panel:
    return Panel(_highlighted(source), title=title, title_align="left", width=width)


def _width(title: str, source: str) -> int:
    return max(len(title) + 2, *map(len, source.splitlines() or [""])) + _FRAME
