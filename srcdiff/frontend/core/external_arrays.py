"""0-d arrays that a function finds outside itself: they are numbers in the IR, and may not be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from srcdiff.frontend.source.refusals import fail
from srcdiff.ir.location import Location
from srcdiff.ir.types import Type
from srcdiff.ir.values import Const


@dataclass(frozen=True, eq=False)
class ExternalArray:
    """A 0-d array that a function finds outside itself, and the constant that stands for it in the IR."""

    name: str
    array: Any
    constant: Const

    @property
    def type(self) -> Type:
        return self.constant.type


def refuse_change(found: ExternalArray, where: Location | None) -> NoReturn:
    """A derivative cannot write into arrays that are not its own."""
    fail(
        f"this changes `{found.name}`, an array from outside",
        "Pass the array as an argument, or change a copy of it.",
        where,
    )
