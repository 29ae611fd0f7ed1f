"""Random programs of the whole language and table of operations.

A seed gives one program, always the same: its text, its function's name, and example arguments. One in ten has
arguments at ties and zeros; one in twenty has arguments in single precision; lengths are 0 and 1 now and then.
"""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any

import numpy as np
from fuzz.classes import Params
from fuzz.environment import EARLY, Environment
from fuzz.program import Program, runs
from fuzz.statements import Lines, Statements, indented

PRELUDE = {
    "Acc": """\
class Acc:
    def __init__(self, v, rate=0.5):
        self.v = v
        self.rate = rate

    def add(self, w):
        self.v = self.v * self.rate + w
        return self.v

    @property
    def mean(self):
        return self.v / (self.rate**2 + 1.0)

    def __add__(self, other):
        return Acc(self.v + other.v, self.rate)
""",
    "recurse": """\
def recurse(v, n):
    if n == 0:
        return np.sin(v)
    return v * 0.5 + recurse(v * 0.9, n - 1)
""",
    "walk": """\
def walk(x, lo, hi):
    if hi - lo == 1:
        return x[lo] ** 2
    mid = (lo + hi) // 2
    return walk(x, lo, mid) * 0.5 + np.cos(walk(x, mid, hi))
""",
    "powers": """\
def powers(v, n):
    for k in range(n):
        yield v**k * 0.5
""",
    "first_big": """\
def first_big(v, s):
    for e in v:
        s = 0.9 * s + 0.3 * e
        if e > 0.5:
            return s * e
    return s
""",
}


class Writer(Statements):
    """Draws one program."""

    def __init__(self, seed: int, attempt: int) -> None:
        values: dict[str, Any] = {}
        super().__init__((seed, attempt, 31), Environment(values))
        self.seed = seed
        self.parameters = self.drawn_arguments()
        for text in PRELUDE.values():
            exec(text, self.env.names)
        self.env.names.update(copy.deepcopy(self.parameters))  # statements may write into them

    def drawn_arguments(self) -> dict[str, Any]:
        n, m = self.length(), self.length()

        def floats(*shape: int) -> Any:
            drawn = self.rng.uniform(-1.3, 1.5, shape)
            if self.seed % 10 == 9:
                drawn = np.round(drawn)
            return drawn.astype(np.float32) if self.seed % 20 == 13 else drawn

        every: dict[str, Any] = {
            "x": floats(n), "y": floats(n if self.chance(0.6) else m), "A": floats(m, n) if self.chance(0.5) else floats(n, n),
            "a": float(floats(1)[0]), "k": int(self.rng.integers(1, 4)), "p": {"u": floats(n), "c": float(floats(1)[0])},
            "o": Params(floats(n), float(floats(1)[0])), "l": [floats(n) for _ in range(int(self.rng.integers(1, 4)))],
            "t": (floats(n), float(floats(1)[0])), "rows": self.rng.integers(0, max(1, min(n, 3)), 3), "T": floats(2, n, 2), "ws": [(floats(n, n), floats(n)) for _ in range(2)],
            "flag": bool(self.chance(0.5)),
        }  # fmt: skip
        more = [name for name in every if name not in ("x", "a", "k") and self.chance(0.2)]
        return {name: every[name] for name in every if name in ("x", "a", "k", *more)}

    def length(self) -> int:
        return [0, 1, 1, 2, 3, 3, 3, 4, 4, 5, 5, 7][int(self.rng.integers(12))]

    def program(self) -> Program:
        body: Lines = []
        for _ in range(int(self.rng.integers(2, 9))):
            body += self.statement()
        lines = [
            *self.helpers,
            f"def f({', '.join(self.parameters)}):",
            *indented(body),
            f"    return {self.end()}",
        ]
        text = "\n".join(line.removesuffix(EARLY) for line in lines) + "\n"
        used = [source for name, source in PRELUDE.items() if re.search(rf"\b{name}\(", text)]
        modules = sorted(set(re.findall(r"\bscipy\.\w+", text)))
        head = "".join(f"import {m}\n" for m in ["numpy as np", *modules])
        return Program(self.seed, "\n\n".join([head, *used, text]), tuple(self.parameters.values()))

    def end(self) -> str:
        """What depends on most of the program."""
        names = [(t, v) for t, v in self.places() if np.size(v)][-7:]
        kinds = [
            "np.sum(np.sin({0}))",
            "np.sum({0} * {0})",
            "0.5 * np.sum({0})",
            "np.sum({0} ** 3) * 0.1",
            "np.sum(np.cos({0}) * {0})",
        ]
        terms = [
            self.one(kinds).format(t)
            if np.shape(v)
            else self.one([t, f"np.sin({t})", f"{t} * {t}"])
            for t, v in names
        ]
        return " + ".join(terms or ["a"])


def program(seed: int) -> Program:
    """The first program that runs, of those that the seed gives."""
    drawn = (Writer(seed, attempt).program() for attempt in itertools.count())
    return next(p for p in drawn if runs(p))
