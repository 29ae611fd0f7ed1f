"""Random programs that may reach outside of their arrays: indices, slices, index arrays and lengths of any size.

The arguments' shapes and numbers are drawn, too, so that most programs run with some of them and raise with others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz.draw import Drawing

HEADER = """\
import numpy as np


def f(x, y, A, n, k, rows):
    z = np.zeros({length})
    s = 0.0
"""


class Writer(Drawing):
    """Draws one program."""

    def __init__(self, *seed: int) -> None:
        super().__init__(*seed)
        self.budget = int(self.rng.integers(2, 6))

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def index(self, names: list[str]) -> str:
        if not names or self.chance(0.2):
            return self.one(
                ["n", "k", "-1", "0", "2", "-3", "n - 1", "rows[0]", "len(x) - 2", "-k"]
            )
        i = self.one([*names, names[-1]])
        return self.one([
            i, i, i, f"{i} + 1", f"{i} - 1", f"{i} - 2", f"-{i}", f"-1 - {i}", f"n - {i}", f"n - 1 - {i}", f"{i} + k",
            f"2 * {i}", f"{i} // 2", f"{i} % 3", f"rows[{i}]", f"len(x) - 1 - {i}", f"{i} * n", f"min({i}, k)",
        ])  # fmt: skip

    def bounds(self, names: list[str]) -> str:
        i, j = self.index(names), self.index(names)
        return self.one(
            [f"{i}:", f":{i}", f"{i}:{j}", f"{i}:{i} + 2", ":", "::2", f"{i}::-1", f":{i}:2"]
        )

    def range_arguments(self, names: list[str]) -> str:
        if names and self.chance(0.4):
            return self.one(
                [names[-1], f"{names[-1]} + 1", f"{names[-1]}, len(x)", f"{names[-1]}, n"]
            )
        return self.one([
            "n", "len(x)", "len(y)", "A.shape[0]", "A.shape[1]", "n + 1", "len(x) - 1", "1, n", "1, len(y) - 1",
            "k, n", "0, n, 2", "n, -1, -1", "len(x) - 1, -1, -1", "len(rows)", "n - k", "3",
        ])  # fmt: skip

    def value(self, names: list[str]) -> str:
        i, j = self.index(names), self.index(names)
        number = [
            f"x[{i}]",
            f"x[{i}] * x[{j}]",
            f"np.sin(y[{i}])",
            f"A[{i}, {j}]",
            f"z[{i}]",
            f"A[{i}][{j}] * x[{i}]",
        ]
        whole = [
            f"np.sum(A[{i}])", f"np.sum(A[:, {j}] * s)", f"np.sum(x[{self.bounds(names)}])", f"np.max(A[{i}])",
            f"np.sum(A[{self.bounds(names)}, {j}])", "np.sum(x[rows])", f"np.sum(A[rows, {j}])", "np.sum(x * y)",
            f"np.sum(x[{self.bounds(names)}] * y[{self.bounds(names)}])", f"A[{i}] @ y", "np.dot(x, z)",
        ]  # fmt: skip
        return self.one(number if self.chance(0.7) else whole)

    def write(self, names: list[str]) -> str:
        i, e = self.index(names), self.value(names)
        return self.one([
            f"s += {e}", f"s += {e}", f"z[{i}] = {e}", f"z[{i}] += {e}", f"z[{i}] = z[{self.index(names)}] * 0.5 + {e}",
            f"z[{self.bounds(names)}] += {e}", f"z[{self.bounds(names)}] = x[{self.bounds(names)}]",
            f"z[rows] = {e}", f"z[{self.bounds(names)}] = A[{i}]",
        ])  # fmt: skip

    def block(self, depth: int, names: list[str]) -> None:
        self.budget -= 1
        if self.budget > 0 and depth < 4 and self.chance(0.55 if names else 0.85):
            i = self.name("i")
            self.put(depth, f"for {i} in range({self.range_arguments(names)}):")
            for _ in range(int(self.rng.integers(1, 3))):
                self.block(depth + 1, [*names, i])
        elif self.budget > 0 and depth < 4 and self.chance(0.3):
            i = self.index(names)
            test = self.one([f"{i} < len(x)", f"0 <= {i} < len(z)", "s < 1.0", f"{i} > 0", "k > 1"])
            self.put(depth, f"if {test}:")
            self.block(depth + 1, names)
        else:
            self.put(depth, self.write(names))

    def program(self) -> str:
        self.lines = []
        while self.budget > 0:
            self.block(1, [])
        length = self.one(["len(x)", "n + 1", "4", "A.shape[0]", "len(y)"])
        end = ["    return s + np.sum(z * z)", ""]
        return HEADER.format(length=length) + "\n".join([*self.lines, *end])


def program(seed: int) -> str:
    """The text of a program `f(x, y, A, n, k, rows)`."""
    return Writer(seed, 21).program()


def arguments(seed: int, call: int = 0) -> tuple[Any, ...]:
    """Those of one call; their types are those of all."""
    rng = np.random.default_rng([seed, 22, call])
    m = int(rng.integers(3, 7)) if call % 2 else int(rng.integers(0, 7))
    others = [m if rng.random() < 0.8 else int(rng.integers(0, 7)) for _ in range(3)]
    x, y, A = (rng.uniform(0.2, 0.9, s) for s in (m, others[0], others[1:]))
    rows = rng.integers(-3, 4, int(rng.integers(1, 4)))
    return x, y, A, int(rng.integers(-1, 5)), int(rng.integers(-1, 3)), rows
