"""Random programs over slices whose bounds run with loops: triangles, tables filled row by row, sweeps up and down.

What is read before and after it is written, at places that overlap or do not, is what decides whether a value can be had
again from the program's own storage.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fuzz.draw import Drawing

HEADER = """\
import numpy as np


def energy(v):
    return 0.3 * np.sum(np.tanh(v) * v)


def f(x, A, a, n, k):
    y = x * a
    z = np.{z}
    T = A * 1.0
    U = np.zeros((len(x), len(x)))
    s = a
"""


@dataclass
class Scope:
    indices: list[str] = field(default_factory=list)
    scalars: list[str] = field(default_factory=lambda: ["s", "a"])


class Writer(Drawing):
    """Draws one program."""

    def __init__(self, *seed: int) -> None:
        super().__init__(*seed)
        self.budget = 9

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # ---- places ----

    def index(self, s: Scope) -> str:
        if not s.indices or self.chance(0.15):
            return self.one(["0", "1", "-1", "k"])
        i = self.one([*s.indices, s.indices[-1]])
        return self.one([i, i, i, f"{i} - 1", f"{i} + 1", f"n - 1 - {i}", f"-{i} - 1"])

    def bounds(self, s: Scope) -> str:
        """A slice's bounds."""
        if not s.indices or self.chance(0.15):
            return self.one(["1:", ":-1", "::2", "1:-1", ":k", "k:", "-2:", ":2", "1:n", "::-1"])
        i = self.one([*s.indices, s.indices[-1]])
        return self.one([
            f":{i}", f"{i}:", f"{i}:{i} + 2", f"{i} - 1:{i} + 2", f"{i} + 1:", f":{i} + 1", f"{i}:{i} + k",
            f"max({i} - 1, 0):{i} + 1", f"{i}:n", f"{s.indices[0]}:{i}", f":-{i}", f"{i} - 2:{i}", f"1:{i}", f"{i}:-1",
            f":{i}:2", f"{i}::-1", f"-{i}:",
        ])  # fmt: skip

    def vector(self) -> str:
        return self.one(["x", "y", "z", "y", "z"])

    def line(self, s: Scope, where: str) -> str:
        """Something one-dimensional, cut to a slice."""
        v, m, i = self.vector(), self.one(["T", "U", "A"]), self.index(s)
        return self.one(
            [f"{v}[{where}]", f"{v}[{where}]", f"{m}[{i}, {where}]", f"{m}[{where}, {i}]"]
        )

    # ---- expressions ----

    def scalar(self, s: Scope) -> str:
        w = self.bounds(s)
        number = self.number()
        return self.one([
            f"np.tanh({self.line(s, w)} @ {self.line(s, w)})", f"0.2 * np.sum({self.line(s, w)})", f"energy({self.line(s, w)})",
            f"0.5 * {self.vector()}[{self.index(s)}]", f"np.sin({self.one(['T', 'U'])}[{self.index(s)}, {self.index(s)}])",
            f"{number} * {self.one(s.scalars)}", f"0.3 * np.sum({self.line(s, w)} * {self.line(s, w)})",
            f"np.sin({self.one(s.scalars)} * {self.vector()}[{self.index(s)}])",
            f"(0.4 * {self.vector()}[{self.index(s)}] - {number} * {self.one(s.scalars)})",
        ])  # fmt: skip

    def amount(self, s: Scope, where: str) -> str:
        """What is written into a slice: a number, or something of the same length."""
        c = self.number()
        return self.one([
            self.scalar(s), f"np.tanh({self.line(s, where)})", f"{c} * {self.line(s, where)}",
            f"np.sin({self.line(s, where)} * {self.one(s.scalars)})", f"{self.line(s, where)} * {self.line(s, where)} * {c}",
        ])  # fmt: skip

    # ---- statements ----

    def block(self, s: Scope, depth: int) -> None:
        for _ in range(1 + int(self.rng.integers(3))):
            self.statement(s, depth)

    def statement(self, s: Scope, depth: int) -> None:
        self.budget -= 1
        sign = self.one(["=", "=", "+=", "*=", "-="])
        kind = self.rng.random()
        if kind < 0.3 and len(s.indices) < 3 and self.budget > 0:
            self.loop(s, depth)
        elif kind < 0.4:
            self.put(depth, f"s {self.one(['=', '+=', '-='])} {self.scalar(s)}")
        elif kind < 0.5:
            t = f"t{self.count}"
            self.count += 1
            self.put(depth, f"{t} = {self.scalar(s)}")
            s.scalars.append(t)
        elif kind < 0.65:
            self.put(depth, f"{self.one(['y', 'z'])}[{self.index(s)}] {sign} {self.scalar(s)}")
        elif kind < 0.75:
            where = self.bounds(s)
            self.put(depth, f"{self.one(['y', 'z'])}[{where}] {sign} {self.amount(s, where)}")
        elif kind < 0.85:
            m, where = self.one(["T", "U"]), self.bounds(s)
            place = self.one([f"{self.index(s)}, {where}", f"{where}, {self.index(s)}"])
            self.put(depth, f"{m}[{place}] {sign} {self.amount(s, where)}")
        elif kind < 0.92:
            m, i, j = self.one(["T", "U"]), self.index(s), self.index(s)
            self.put(depth, f"{m}[{i}, {j}] {sign} {self.scalar(s)}")
        elif kind < 0.96:
            m, i = self.one(["T", "U"]), self.index(s)
            self.put(depth, f"{m}[{i}] {sign} np.tanh({self.line(s, ':')})")
        elif s.indices:
            i = s.indices[-1]
            self.put(depth, f"if {self.one([f'{i} % 2 == 0', f'{i} > 1', f'{i} < k'])}:")
            self.block(Scope(list(s.indices), list(s.scalars)), depth + 1)

    def loop(self, s: Scope, depth: int) -> None:
        i = "ijl"[len(s.indices)]
        heads = [
            "range(n)", "range(1, n)", "range(n - 1, -1, -1)", "range(0, n, 2)", "range(n - 1)", "reversed(range(n))",
            "range(len(x))", "range(k, n)", "range(n + 2)", "range(-1, n)", "range(n - 2, 0, -2)", "range(k)",
            "range(1, n - 1)", "reversed(range(1, n))",
        ]  # fmt: skip
        if s.indices:
            o = s.indices[-1]
            heads = [
                f"range({o})", f"range({o} + 1)", f"range({o} + 1, n)", f"range({o}, n)", f"range({o} - 1, -1, -1)",
                f"range(n - 1, {o}, -1)", f"range({o}, n, 2)", f"reversed(range({o}))", "range(n)", "range(k, n)",
                f"range({o} - 1, {o} + 2)", f"range(1, {o})",
            ]  # fmt: skip
        self.put(depth, f"for {i} in {self.one(heads)}:")
        self.block(Scope([*s.indices, i], list(s.scalars)), depth + 1)

    def program(self) -> str:
        header = HEADER.format(z=self.one(["zeros(len(x))", "sin(x)", "zeros(n)"]))
        s = Scope()
        while self.budget > 0:
            if self.chance(0.7):
                self.loop(s, 1)
            else:
                self.statement(s, 1)
        end = "    return s + np.sum(y * y) + np.sum(np.sin(z)) + np.sum(np.sin(T)) + np.sum(U * x)"
        return header + "\n".join([*self.lines, end]) + "\n"


def program(seed: int) -> str:
    """The text of a program `f(x, A, a, n, k)`: the first that runs, of those that the seed gives."""
    drawn = (Writer(seed, attempt).program() for attempt in itertools.count())
    return next(text for text in drawn if runs(text, arguments(seed)))


def runs(text: str, args: tuple[object, ...]) -> bool:
    """Whether all indices are inside and all lengths fit, and numbers stay small."""
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    try:
        return bool(abs(namespace["f"](*args)) < 1e3)
    except (ValueError, IndexError):
        return False


def arguments(seed: int) -> tuple[object, ...]:
    """Arguments for it: vectors of length n, matrices n x n."""
    rng = np.random.default_rng([seed, 3])
    n = int(rng.integers(3, 7))
    return (
        rng.normal(size=n) * 0.6,
        rng.normal(size=(n, n)) * 0.4,
        float(rng.uniform(0.3, 1.0)),
        n,
        int(rng.integers(1, 3)),
    )
