"""What the grammars draw with."""

from __future__ import annotations

from typing import Any

import numpy as np


class Drawing:
    """The lines of a program, and the choices that make them."""

    largest = 0.9  # of the numbers that are written down

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = 0
        self.lines: list[str] = []

    def one(self, items: list[Any]) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def name(self, hint: str) -> str:
        self.count += 1
        return f"{hint}{self.count}"

    def number(self) -> str:
        return f"{self.rng.uniform(0.2, self.largest):.1f}"
