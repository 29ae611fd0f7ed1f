"""Random programs of finite differences: overlapping slices of two fields are read and written, turn after turn.

What the parts of a field are at one moment decides what is kept, so the moments lie close together: several writes a
turn, in branches too, and names for views that are written in between.
"""

from __future__ import annotations

import numpy as np
from fuzz.draw import Drawing

PARTS = ["u[1:-1]", "u[:-2]", "u[2:]", "v[1:-1]", "v[2:]", "w"]
PLACES = ["0", "1", "2", "-1"]


class Writer(Drawing):
    """Draws one program."""

    def expression(self, depth: int = 0) -> str:
        if depth > 2 or self.chance(0.5):
            return self.one(PARTS)
        if self.chance(0.4):
            return f"np.sin({self.expression(depth + 1)})"
        left, right = self.expression(depth + 1), self.expression(depth + 1)
        return f"({left} {self.one(['+', '-', '*'])} {right})"

    def field(self) -> str:
        return self.one(["u", "v"])

    def statements(self) -> list[str]:
        e, field, other = self.expression, self.field(), self.field()
        view = self.one(["u[2:]", "v[2:]"])
        return [
            [f"{field}[1:-1] {self.one(['=', '+=', '-='])} {self.number()} * {e()}"],
            [
                f"{field}[{self.one(PLACES)}] {self.one(['=', '*='])} {other}[{self.one(PLACES)}] * 0.4"
            ],
            [f"w = {self.number()} * {e()}"],
            [f"left, right = u[:-2], {view}", "w = w * 0.1 + np.cos(left * right)"],
            ["if s > 0.2:", f"    u[1:-1] *= {e(2)}", "else:", f"    v[2:] = 0.4 * {e(1)}"],
            [f"q = {e()}", "u[2:] = 0.2 * q", f"s += np.sum(q * {e()})"],
            ["u, v = v, u"],
            [f"s += np.sum({e()})"],
        ][int(self.rng.integers(8))]

    def program(self) -> str:
        turn = [line for _ in range(int(self.rng.integers(2, 7))) for line in self.statements()]
        return "\n".join([
            "def f(x, a, n):", "    u, v = x.copy(), a * x", "    v[0] = 0.1", "    w = x[1:-1] * 0.3", "    s = 0.0",
            "    for _ in range(n):", *(f"        {line}" for line in turn), "        s += 0.1 * np.sum(u * v)",
            "    return s + np.sum(u**2) + np.sum(w)", "",
        ])  # fmt: skip


def program(seed: int) -> str:
    """The text of a program `f(x, a, n)`."""
    return "import numpy as np\n" + Writer(seed, 9).program()


def arguments(seed: int) -> tuple[object, ...]:
    rng = np.random.default_rng([seed, 6])
    return rng.uniform(-0.8, 0.8, 6), float(rng.uniform(0.3, 0.7)), 3
