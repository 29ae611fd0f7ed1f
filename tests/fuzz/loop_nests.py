"""Random nests of loops over elements, rows and slices, for dependence analysis and schedules.

Bounds start late, end early, step by two, count down, or depend on an outer index; subscripts are moved, turned round
and counted from the end. Several statements read and write the same few arrays.
"""

from __future__ import annotations

import itertools

import numpy as np
from fuzz.program import Program, runs

N, ROOM = 4, 3  # iterations, and places more than these

MATRICES, VECTORS, READ = ("P", "Q"), ("p", "q"), {"A": 2, "x": 1}


class _Nest:
    """Writes one program."""

    def __init__(self, seed: int, attempt: int) -> None:
        self.rng = np.random.default_rng((seed, attempt))
        self.lines: list[str] = []
        self.scalars = ["s"]
        self.written = dict.fromkeys(MATRICES, 2) | dict.fromkeys(VECTORS, 1)

    def one(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    # ---- places ----

    def place(self, indices: list[str]) -> str:
        """A subscript of one axis, inside of it in all iterations."""
        i = self.one(indices)
        return self.one(
            [i, i, i, f"{i} + 1", f"{i} + 2", f"{i} - 1", f"n - {i}", f"-1 - {i}", "1", "-1", "k"]
        )

    def element(self, indices: list[str], arrays: dict[str, int]) -> str:
        name = self.one([*arrays])
        return f"{name}[{', '.join(self.place(indices) for _ in range(arrays[name]))}]"

    def span(self, indices: list[str]) -> tuple[str, str]:
        """A slice, and one of the same length that is moved."""
        i = self.one(indices)
        first, last = self.one(
            [("1", "n"), ("0", "n"), (i, "n"), ("0", i), (i, f"{i} + 2"), ("k", "n + k")]
        )
        moved = self.one([(first, last), (f"{first} + 1", f"{last} + 1"), (first, last)])
        return f"{first}:{last}", ":".join(moved)

    # ---- statements ----

    def value(self, indices: list[str], terms: int) -> str:
        known = READ | self.written
        parts = []
        for _ in range(terms):
            factors = [self.element(indices, known) for _ in range(1 + self.chance(0.5))]
            if self.chance(0.2):
                factors.append(self.one(self.scalars))
            if self.chance(0.15):
                factors[0] = f"{self.one(['np.sin', 'np.cos'])}({factors[0]})"
            parts.append(" * ".join(factors))
        parts += ["0.2"] if self.chance(0.1) else []
        return f"{self.one(['0.5', '0.3', 'c'])} * ({self.one([' + ', ' - ']).join(parts)})"

    def assignment(self, indices: list[str], indent: str) -> None:
        value, sign = self.value(indices, 1 + self.chance(0.4)), self.one(["=", "+=", "+=", "-="])
        kind = self.rng.random()
        if kind < 0.25:
            self.lines.append(f"{indent}{self.one(self.scalars)} += {value}")
        elif kind < 0.35:
            self.lines.append(f"{indent}t = {value}")
            self.scalars.append("t")
        elif kind < 0.8:
            target = self.element(indices, self.written)
            self.lines.append(f"{indent}{target} {sign} {value}")
        else:
            self.in_rows(indices, indent, sign)

    def in_rows(self, indices: list[str], indent: str, sign: str) -> None:
        """A statement over slices or whole rows."""
        (to, of), P, q = self.span(indices), self.one(MATRICES), self.one(VECTORS)
        row, other = self.place(indices), self.place(indices)
        self.lines.append(
            indent
            + self.one(
                [
                    f"{q}[{to}] {sign} 0.5 * x[{of}]",
                    f"{q}[{to}] {sign} 0.5 * {self.one(VECTORS)}[{of}] * x[{to}]",
                    f"{P}[{row}, {to}] {sign} 0.5 * A[{other}, {of}]",
                    f"{P}[{to}, {row}] {sign} 0.5 * {self.one(MATRICES)}[{other}, {of}]",
                    f"{P}[{row}] {sign} 0.5 * {self.one(MATRICES)}[{other}]",
                    f"s += np.dot({P}[{row}, {to}], x[{of}])",
                    f"{P} += 0.3 * np.outer({q}, A[{row}])",
                    f"{q} += 0.3 * {P}[:, {row}]",
                ]
            )
        )

    def loop(self, indices: list[str], depth: int) -> None:
        index, indent = "ijl"[len(indices) - 1], "    " * (len(indices))
        outer = indices[-1]
        bounds = ["n", "n", "1, n", "0, n - 1", "0, n, 2", "n - 1, -1, -1", "k, n"]
        bounds += [f"{outer} + 1", f"{outer}, n", outer] if outer != "0" else []
        self.lines.append(f"{indent}for {index} in range({self.one(bounds)}):")
        inner, kept, written = [*indices, index], list(self.scalars), dict(self.written)
        if "r" not in self.written and self.chance(0.2):
            self.lines.append(f"{indent}    r = {self.one(MATRICES)}[{self.place(inner)}]")
            self.written["r"] = 1
        for _ in range(self.rng.integers(1, 4)):
            if depth and self.chance(0.5):
                self.loop(inner, depth - 1)
            elif self.chance(0.15):
                self.lines.append(f"{indent}    if {self.one(inner)} > k:")
                self.assignment(inner, indent + "        ")
                self.scalars = list(kept)
            else:
                self.assignment(inner, indent + "    ")
        if self.chance(0.1):
            self.lines.append(f"{indent}    {self.one(['p, q = q, p', 'P, Q = Q, P'])}")
        self.scalars, self.written = kept, written

    def text(self) -> str:
        for _ in range(self.rng.integers(1, 4)):
            self.loop(["0"], 2)
        head = ["import numpy as np", "", "def f(A, x, c, n, k):", "    s = 0.0"]
        head += [f"    {P} = A * {v}" for P, v in zip(MATRICES, (0.5, "c"), strict=True)]
        head += [f"    {p} = x * {v}" for p, v in zip(VECTORS, (0.5, "c"), strict=True)]
        sums = " + ".join(f"np.sum({a} * {a})" for a in (*MATRICES, *VECTORS))
        return "\n".join((*head, *self.lines, f"    return s + {sums}", ""))


def nest(seed: int) -> Program:
    """The first nest that runs, of those that the seed gives."""
    rng, side = np.random.default_rng(seed), N + ROOM
    args = (rng.normal(size=(side, side)), rng.normal(size=side), 0.7, N, int(rng.integers(3)))
    drawn = (Program(seed, _Nest(seed, a).text(), args) for a in itertools.count())
    return next(p for p in drawn if runs(p))
