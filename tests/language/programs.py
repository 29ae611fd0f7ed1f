"""How the modules of this folder list their programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A function and arguments to try it with; what holds floats is differentiated.

    Attributes
    ----------
    jit : bool
        Whether it is compiled as well: False only where Numba has no such thing, and `why` says which.
    order : int
        Of the derivatives that are compared with differences.
    dynamic : bool
        Whether it has values of types that only the run knows, and runs in the interpreter.
    """

    function: Callable[..., Any]
    examples: tuple[tuple[Any, ...], ...]
    row: str
    jit: bool = True
    why: str = ""
    order: int = 1
    dynamic: bool = False

    def __repr__(self) -> str:
        return f"{self.row}-{self.function.__name__}"


class Row:
    """Collects the programs of one row of the table; every third is checked to second order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.programs: list[Program] = []

    def __call__(
        self,
        *examples: tuple[Any, ...],
        jit: bool = True,
        why: str = "",
        dynamic: bool = False,
    ) -> Any:
        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            order = 2 if len(self.programs) % 3 == 0 else 1
            made = Program(function, examples, self.name, jit, why, order, dynamic)
            self.programs.append(made)
            return function

        return add
