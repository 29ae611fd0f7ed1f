"""A program as text, with its name and arguments for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from fuzz.compare import function_of, same
from fuzz.environment import is_float

from srcdiff.compile.arguments.pytree import map_leaves


@dataclass(frozen=True, eq=False)
class Program:
    """A function's text and name, and arguments for it."""

    seed: int
    text: str
    args: tuple[Any, ...]
    name: str = "f"

    @property
    def is_exact(self) -> bool:
        """Whether its arguments are at ties and zeros, where one-sided derivatives may differ."""
        return self.seed % 10 == 9

    @property
    def is_narrow(self) -> bool:
        return self.seed % 20 == 13 or bool(re.search("float(16|32)|complex64|single", self.text))


def runs(p: Program) -> bool:
    """Whether a program runs, gives an ordinary number, and leaves its arguments alone."""
    given = map_leaves(lambda v: v.copy() if isinstance(v, np.ndarray) else v, p.args)
    try:
        with np.errstate(all="ignore", divide="raise", invalid="raise"):
            value = function_of(p.text, p.name)(*given)
            is_one = is_float(value) and np.shape(value) == () and bool(abs(value) < 1e3)
            return is_one and same(given, p.args)
    except Exception:  # whatever NumPy and SciPy raise
        return False
