"""Random programs that copy, write and reduce: arrays are made from others, read and written here and there, swapped, rebound.

What an array is made by (`-x`, `w - x`, `x / w`, a copy, a view of one) decides whether its adjoint may be the adjoint of
another array, scaled or negated, and the writes that follow show whether it was. Lengths of arguments have nothing to do
with each other in the types, though they are equal, or one, in the call.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from fuzz.compare import function_of
from fuzz.draw import Drawing

SIGNS = ["=", "=", "+=", "+=", "-=", "*="]


@dataclass
class Scope:
    """The arrays by their number of axes: those that may be read, those that were made here; and numbers."""

    arrays: dict[int, list[str]]
    made: dict[int, list[str]]
    scalars: list[str]
    indices: list[str]

    def inner(self, *indices: str) -> Scope:
        arrays = {k: list(v) for k, v in self.arrays.items()}
        made = {k: list(v) for k, v in self.made.items()}
        return Scope(arrays, made, list(self.scalars), [*self.indices, *indices])


class Writer(Drawing):
    """Draws one program."""

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # ---- expressions ----

    def any(self, s: Scope, axes: int) -> str:
        return self.one([*s.arrays[axes], *s.made[axes] * 2])

    def index(self, s: Scope) -> str:
        return self.one(["0", "1", "-1", *s.indices * 2])

    def place(self, s: Scope, axes: int) -> tuple[str, str | None]:
        """A place in an array, and one of the same shape; None for that of a number."""
        i, j = self.index(s), self.index(s)
        if axes == 1:
            return [
                (i, None), (i, None), ("1:", ":-1"), (":-1", "1:"), ("::-1", ":"), (":", "::-1"),
                (":2", "-2:"), ("1:", "1:"), ("::2", "::2"), (":", ":"),
            ][int(self.rng.integers(10))]  # fmt: skip
        return [
            (f"{i}, {j}", None), (i, j), (f":, {i}", f":, {j}"), (i, f":, {j}"), ("1:", ":-1"), (":-1, 1:", "1:, 1:"),
            (":, ::2", ":, ::2"), ("::-1", ":"), (":2, :2", "-2:, -2:"), (f"1:, {i}", f"{j}, 1:"),
        ][int(self.rng.integers(10))]  # fmt: skip

    def scalar(self, s: Scope) -> str:
        axes = self.one([1, 1, 2])
        p, q, n = self.any(s, axes), self.any(s, axes), self.one(s.scalars)
        element = f"{p}[{self.index(s)}]" if axes == 1 else f"{p}[{self.index(s)}, {self.index(s)}]"
        v, u = self.any(s, 1), self.any(s, 1)
        return self.one([
            element, element, f"-{element}", f"{self.number()} * {n}", f"np.sin({n} + {element})", f"{n} * {element}",
            f"-({v} @ {u})", f"np.sum({p} * {q})", f"-np.sum({p})", f"{element} - np.sum({p} * {q})", f"2.0 - np.sum({q} * {p})",
            f"np.mean({p}) / {self.number()}", f"-np.sum({p} - {q})", f"np.sum(-{p}) * {n}",
        ])  # fmt: skip

    def array(self, s: Scope, axes: int) -> tuple[str, bool]:
        """An array, and whether it is new: no view of another."""
        p, q, c = self.any(s, axes), self.any(s, axes), self.number()
        new = [
            f"{p}.copy()", f"{p} * 1.0", f"-{p}", f"{p} - {q}", f"{p} / {q}", f"np.cos({p})", f"np.zeros_like({p})", f"-({p} * {q})",
            f"{c} - {p}", f"{p} / {c}", f"-{p}[::-1]", f"{p}[::-1].copy()", f"np.array({p})", f"{p} + {self.one(s.scalars)}",
            f"({p} if {self.condition(s)} else {q}) * -1.0", f"np.where({p} > {c}, {p}, -{q})", f"{c} * ({p} + {q})", f"-(-{p})",
        ]  # fmt: skip
        shared = [p, f"{p}[::-1]", f"{p}[:]"]
        if axes == 2:
            v = self.any(s, 1)
            new += [
                f"np.outer({v}, {self.any(s, 1)})", f"{p} - {v}", f"-{p}.T", f"{p} @ {q}", f"{p} / {v}[:, None]", f"{p}.T - {q}",
            ]  # fmt: skip
            shared += [f"{p}.T", f"{p}.T[::-1]"]
        else:
            m = self.any(s, 2)
            new += [f"-({m} @ {p})", f"{p} @ {m}", f"np.sum({m}, axis=0)", f"-{m}[{self.index(s)}]", f"-np.cumsum({p})"]  # fmt: skip
            new += [f"np.concatenate(({p}[1:], {q}[:1]))", f"-np.sum({m} - {p}, axis=1)"]
            shared += [f"{m}[{self.index(s)}]", f"{m}[:, {self.index(s)}]", f"{m}.T[0]"]
        return (self.one(shared), False) if self.chance(0.12) else (self.one(new), True)

    def condition(self, s: Scope) -> str:
        value = self.one([*s.scalars, f"{self.any(s, 1)}[{self.index(s)}]"])
        if s.indices and self.chance(0.5):
            return f"{s.indices[-1]} > 0"
        return f"{value} {self.one(['>', '<'])} {self.number()}"

    # ---- statements ----

    def make(self, s: Scope, depth: int) -> None:
        """A new name for an array."""
        axes = self.one([1, 1, 2])
        text, new = self.array(s, axes)
        name = self.name("v" if axes == 1 else "M")
        self.put(depth, f"{name} = {text}")
        writable = new or text[0] in "vM"
        (s.made if writable else s.arrays)[axes].append(name)

    def rebind(self, s: Scope, depth: int) -> None:
        """Another array for a name, one of the same shape."""
        axes = self.one([1, 1, 2])
        name, text = self.one(s.made[axes]), self.array(s, axes)
        self.put(depth, f"{name} = {text[0] if text[1] else f'{name} / 2.0'}")

    def write(self, s: Scope, depth: int) -> None:
        axes = self.one([1, 1, 2])
        p, q, sign = self.one(s.made[axes]), self.any(s, axes), self.one(SIGNS)
        where, other = self.place(s, axes)
        amount = self.scalar(s)
        if other is not None and self.chance(0.8):
            part = f"{q}[{other}]"
            amount = self.one([part, f"-{part}", f"{part} * {self.number()}", f"np.sin({part})", f"{part} * {p}[{where}]"])  # fmt: skip
        self.put(depth, f"{p}[{where}] {sign} {amount}")

    def whole(self, s: Scope, depth: int) -> None:
        axes = self.one([1, 1, 2])
        amount = self.one([self.scalar(s), self.any(s, axes), f"-{self.any(s, axes)}"])
        self.put(depth, f"{self.one(s.made[axes])} {self.one(['+=', '-=', '*='])} {amount}")

    def reduce(self, s: Scope, depth: int) -> None:
        if self.chance(0.5):
            self.put(depth, f"s {self.one(['=', '+=', '-='])} {self.scalar(s)}")
            return
        name = self.name("t")
        self.put(depth, f"{name} = {self.scalar(s)}")
        s.scalars.append(name)

    def swap(self, s: Scope, depth: int) -> None:
        made = s.made[self.one([1, 1, 2])]
        p, q = self.one(made), self.one(made)
        if p == q:
            return self.write(s, depth)
        if self.chance(0.6):
            self.put(depth, f"if {self.condition(s)}:")
            depth += 1
        return self.put(depth, f"{p}, {q} = {q}, {p}")

    def branch(self, s: Scope, depth: int) -> None:
        kinds = [self.write, self.rebind, self.write, self.whole, self.reduce, self.swap]
        self.put(depth, f"if {self.condition(s)}:")
        if self.chance(0.3) and depth < 3:
            self.branch(s.inner(), depth + 1)
        for _ in range(int(self.rng.integers(1, 3))):
            self.one(kinds)(s.inner(), depth + 1)
        if self.chance(0.4):
            self.put(depth, "else:")
            self.one(kinds)(s.inner(), depth + 1)

    def loop(self, s: Scope, depth: int) -> None:
        i = self.name("i")
        self.put(depth, f"for {i} in {self.one(['range(k)', 'range(2)', 'reversed(range(2))'])}:")
        inner = s.inner(i)
        kinds = [self.make, self.rebind, self.write, self.write, self.whole, self.reduce, self.swap]
        for _ in range(int(self.rng.integers(1, 4))):
            self.one(kinds)(inner, depth + 1)

    def program(self) -> str:
        s = Scope({1: ["x", "w"], 2: ["A"]}, {1: ["y", "z"], 2: ["B"]}, ["s", "a"], [])
        for name, axes in (("y", 1), ("z", 1), ("B", 2)):
            base = self.one(s.arrays[axes])
            made = [f"{base}.copy()", f"{base} * 1.0", f"-{base}", f"{base} / a", f"np.zeros_like({base})", f"a - {base}"]  # fmt: skip
            self.put(1, f"{name} = {self.one(made)}")
        self.put(1, f"s = {self.one(['a', '0.0', 'x[0]'])}")
        kinds = [self.make] * 4 + [self.write] * 6 + [self.rebind, self.whole, self.reduce] * 2
        kinds += [self.swap, self.branch, self.loop]
        for _ in range(int(self.rng.integers(3, 9))):
            self.one(kinds)(s, 1)
        ends = [self.scalar(s), f"np.sum({self.one(s.made[2])} * {self.any(s, 2)})", f"s - {self.one(s.made[1])} @ w"]  # fmt: skip
        self.put(1, f"return {' - '.join(f'({end})' for end in self.rng.permutation(ends)[:2])}")
        return "import numpy as np\n\n\ndef f(x, w, A, a, k):\n" + "\n".join(self.lines) + "\n"


def program(seed: int) -> str:
    """The text of a program `f(x, w, A, a, k)`: the first that runs, of those that the seed gives."""
    drawn = (Writer(seed, attempt).program() for attempt in itertools.count())
    return next(text for text in drawn if runs(text, arguments(seed)))


def runs(text: str, args: tuple[object, ...]) -> bool:
    """Whether all shapes fit, and numbers stay reasonable."""
    try:
        with np.errstate(all="ignore"):
            return bool(abs(function_of(text)(*args)) < 1e3)
    except (ValueError, IndexError):
        return False


def arguments(seed: int) -> tuple[object, ...]:
    """Arguments for it: vectors of one length, of which `w` may have length one; a square matrix."""
    rng = np.random.default_rng([seed, 5])
    n = int(rng.integers(2, 5))
    return (
        rng.uniform(0.4, 1.5, n),
        rng.uniform(0.4, 1.5, 1 if rng.random() < 0.1 else n),
        rng.uniform(0.4, 1.5, (n, n)),
        float(rng.uniform(0.4, 1.2)),
        2,
    )
