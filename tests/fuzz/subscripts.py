"""Random subscripts: index arrays, masks, integers, slices, None and an ellipsis in any mix, read, written and added to.

Index arrays name places twice, and count from both ends.
"""

from __future__ import annotations

import numpy as np
from fuzz.draw import Drawing

# along the axes of A, which have the lengths 3, 4, 2; `m` are masks of these lengths, `i` and `j` go together
ARRAYS = ["i", "j", "i[:, None]", "c", "[1, 0]", "np.arange(2)", "-1", "0"]


class Writer(Drawing):
    """Draws one program."""

    def item(self, axis: int) -> str:
        if self.chance(0.5):
            return self.one(ARRAYS)
        return self.one([":", "1:", ":-1", "::-1", f"m{axis}", "n"])

    def subscript(self) -> str:
        """A subscript of an array with three axes."""
        items = [self.item(axis) for axis in range(3)]
        if self.chance(0.1):
            items[:2] = ["m01"]
        count = len(items)
        if self.chance(0.2):
            items[int(self.rng.integers(count))] = "..."
        elif self.chance(0.3):
            items = items[: int(self.rng.integers(1, count + 1))]
        if self.chance(0.15):
            items.insert(int(self.rng.integers(len(items) + 1)), "None")
        return ", ".join(items)

    def statement(self) -> str:
        s = self.subscript()
        e = self.one(
            [f"np.sin(A[{s}])", f"A[{s}] * v", f"B[{s}] * A[{s}]", "v", f"{self.number()} * v"]
        )
        kind = int(self.rng.integers(6))
        return [
            f"B[{s}] = {e}",
            f"B[{s}] += {e}",
            f"B[{s}] *= {self.one(['v', '2.0', f'A[{s}]'])}",
            f"np.add.at(B, np.s_[{s}], {e})",
            f"s += np.sum(np.cos(B[{s}]) * v)",
            f"s += np.sum(A[{s}] * B[{s}])",
        ][kind]

    def program(self) -> str:
        lines = [self.statement() for _ in range(int(self.rng.integers(1, 5)))]
        return "\n".join([
            "def f(A, v, i, j, c, n, m0, m1, m2, m01):", "    B = np.sin(A)", "    s = 0.0",
            *(f"    {line}" for line in lines), "    return s + np.sum(B * B * A)", "",
        ])  # fmt: skip


def program(seed: int) -> str:
    """The text of a program `f(A, v, i, j, c, n, m0, m1, m2, m01)`."""
    return "import numpy as np\n" + Writer(seed, 11).program()


def arguments(seed: int) -> tuple[object, ...]:
    rng = np.random.default_rng([seed, 12])
    i, j = rng.integers(-2, 2, 3), rng.integers(0, 2, 3)
    c = rng.integers(0, 2, (2, 1))
    masks = [rng.random(shape) < 0.6 for shape in (3, 4, 2, (3, 4))]
    A = rng.uniform(-0.8, 0.8, (3, 4, 2))
    return A, float(rng.uniform(0.3, 0.9)), i, j, c, int(rng.integers(-2, 2)), *masks
