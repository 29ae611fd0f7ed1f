"""Restarts: exceptions that make the reader read a part again, with more known than before."""

from __future__ import annotations


class NeedStatic(Exception):
    """An operation needs a parameter's value when compiling; the reader starts again with it."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class Unroll(Exception):
    """A part of a container is taken by a loop's index: the loop has to be unrolled."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


class Restart(Exception):
    """Something was learned (the element type of a list) that the beginning of the function depends on."""


class NoResult(Exception):
    """A function calls itself, and what it gives is not known so far: the path that does so is left out."""


class Recursive(Exception):
    """A function that is read turned out to call itself; it is read again for lengths and integers of any call."""

    def __init__(self, function: object) -> None:
        super().__init__(function)
        self.function = function


class MustInline(Exception):
    """A function that has to be read in place: what it does to an argument is not known without the caller."""
