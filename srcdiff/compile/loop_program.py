"""The loop form of a generated program, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.program import Derived, Stored, fits_lengths, fits_sizes
from srcdiff.compile.threads import may_share_loops
from srcdiff.ir.core import Tree
from srcdiff.ir.facts import Keys
from srcdiff.ir.location import Location
from srcdiff.ir.types import Dim, Size, Type

if TYPE_CHECKING:  # for annotations only: it takes a while to import
    from srcdiff.frontend.source.external_dependencies import Watched


@dataclass(frozen=True)
class LoopProgram:
    """The loop form as text, or why there is none.

    Attributes
    ----------
    refused : str
        Why there is no loop form; empty where there is one.
    types : tuple of Type
        The types of the user's arguments.
    results : tuple of Type
        The types of the leaves of the result.
    outside : tuple of array
        The values after the arguments: arrays that the function finds outside.
    output : Tree
        The structure of the user's result.
    in_threads : bool
        Loops run in threads.
    below : pairs of Dim and int
        Lengths that were taken to be short: for longer ones another program is faster.
    assumptions, counts, at_most, watched, written, contiguous, numbers, independent, rewritten, stored
        As in `Program`.
    """

    name: str
    source: str = ""
    refused: str = ""
    bindings: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[Type, ...] = ()
    results: tuple[Type, ...] = ()
    outside: tuple[Any, ...] = ()
    output: Tree = 0
    location: Location | None = None
    written: tuple[tuple[str, Keys], ...] = ()
    contiguous: tuple[str, ...] = ()
    numbers: tuple[tuple[str, Keys, Location | None], ...] = ()
    independent: tuple[str, ...] = ()
    rewritten: tuple[tuple[str, Location | None], ...] = ()
    assumptions: tuple[tuple[Dim, Dim], ...] = ()
    in_threads: bool = False
    below: tuple[tuple[Dim, int], ...] = ()
    counts: tuple[str, ...] = ()
    at_most: tuple[tuple[Size, Size], ...] = ()
    watched: tuple[Watched, ...] = ()
    stored: Stored = field(default_factory=Stored)

    def fits(self, lengths: Mapping[str, int]) -> bool:
        """Whether what was concluded from the arguments' lengths holds now."""
        if not fits_lengths(self.assumptions, self.counts, lengths):
            return False
        if not fits_sizes(self.at_most, lengths):
            return False
        return all(d.evaluate(lengths) < most for d, most in self.below)


def shares_loops(derived: Derived, arguments: Arguments, bound: bool) -> bool:
    """Whether long loops run in threads by default: not in the user's own compiled code, which may run in a thread
    itself, and not in saved files, which do not check how long the loops are.
    """
    is_requested = derived.options.parallel == "auto" and not (arguments.any_lengths or bound)
    return is_requested and may_share_loops()
