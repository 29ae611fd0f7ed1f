"""Random programs of loops that end early: over ranges, arrays, rows, views, lists and dicts, forwards and backwards.

Loops carry numbers, arrays and counters, leave by `break`, `continue` and `return`, or go on in an `else`; what they write
is read by another view of it, in the same turn or a later one. `while True` is left at its top, in the middle or at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from fuzz.draw import Drawing

N = 5  # the length of vectors; matrices are N x 3


@dataclass
class Scope:
    """What a statement may use; inner blocks add to copies."""

    arrays: list[str] = field(default_factory=lambda: ["x", "y", "d['u']", "d['v']", "l[0]"])
    made: list[str] = field(default_factory=lambda: ["q", "p"])
    scalars: list[str] = field(default_factory=lambda: ["s", "t", "s", "t", "a"])
    indices: list[str] = field(default_factory=list)  # below N
    views: list[tuple[str, int]] = field(default_factory=list)  # with lengths
    rows: list[str] = field(default_factory=list)  # of length 3

    def inner(self, *indices: str) -> Scope:
        return Scope(
            list(self.arrays), list(self.made), list(self.scalars), [*self.indices, *indices],
            list(self.views), list(self.rows),
        )  # fmt: skip


class Writer(Drawing):
    """Draws one program."""

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # ---- expressions ----

    def index(self, s: Scope, length: int = N) -> str:
        fixed = ["0", "1", "-1"]
        if length < N:
            return self.one([*fixed, *[f"{i} % {length}" for i in s.indices]])
        return self.one([*fixed, *s.indices * 2, *[f"{i} - 1" for i in s.indices]])

    def any(self, s: Scope) -> str:
        return self.one([*s.arrays, *s.made * 3])

    def element(self, s: Scope) -> str:
        if s.views and self.chance(0.4):
            name, length = s.views[int(self.rng.integers(len(s.views)))]
            return f"{name}[{self.index(s, length)}]"
        if self.chance(0.2):
            return f"Q[{self.index(s)}, {self.index(s, 3)}]"
        return f"{self.any(s)}[{self.index(s)}]"

    def cut(self, s: Scope) -> str:
        """Where a slice begins or ends."""
        return self.one(["k", "1", "-2", *s.indices * 2])

    def scalar(self, s: Scope) -> str:
        e, n, c, v = self.element(s), self.one(s.scalars), self.number(), self.any(s)
        return self.one([
            e, n, f"{c} * {n}", f"{n} * {e}", f"np.sin({n} + {e})", f"({n} - {c} * {e})", f"0.1 * ({v} @ {self.any(s)})",
            f"np.mean({v}[{self.cut(s)}:])", f"np.sum({v}[:{self.cut(s)}]) * {c}", f"np.tanh({n}) / (1.0 + {e} ** 2)",
            f"np.sum({self.rows(s)} * {c})",
        ])  # fmt: skip

    def rows(self, s: Scope) -> str:
        return self.one([*s.rows * 2, f"Q[{self.index(s)}]", f"{self.any(s)}[:3]", f"np.array([{self.element(s)}, s, t])"])  # fmt: skip

    def array(self, s: Scope) -> str:
        v, u, k = self.any(s), self.any(s), self.cut(s)
        return self.one([
            f"np.concatenate(({v}[{k}:], {u}[:{k}]))", f"{self.number()} * {v} + {self.scalar(s)}", f"np.sin({v} * {u})",
            f"{v}.copy()", f"-{v}", f"{v} / (1.0 + {u} ** 2)", f"{v}[::-1] * {self.number()}", f"Q @ {self.rows(s)}",
            f"np.array([{', '.join(self.element(s) for _ in range(N))}])", f"Q[:, {self.index(s, 3)}] - {v}", f"np.cumsum({v} * 0.4)",
        ])  # fmt: skip

    def condition(self, s: Scope) -> str:
        if s.indices and self.chance(0.5):
            return f"{s.indices[-1]} {self.one(['> 0', '> 1', '> 2', '== 1', '% 2 == 1', '< 3', '>= k'])}"
        value = self.one([self.one(s.scalars), self.element(s), f"np.sum({self.any(s)}) * 0.3"])
        return f"{value} {self.one(['>', '<'])} {self.rng.uniform(0.1, 1.8):.1f}"

    # ---- statements ----

    def change(self, s: Scope) -> str:
        """What is done to a number: factors are small, since loops repeat them."""
        if self.chance(0.2):
            return f"*= np.cos({self.scalar(s)})"
        return f"{self.one(['=', '=', '+=', '-='])} {self.scalar(s)}"

    def assign(self, s: Scope, depth: int) -> None:
        self.put(depth, f"{self.one(['s', 't'])} {self.change(s)}")

    def both(self, s: Scope, depth: int) -> None:
        ends = ["t, s", f"t, {self.scalar(s)}", f"{self.scalar(s)}, s * {self.number()}"]
        self.put(depth, f"s, t = {self.one(ends)}")

    def rebind(self, s: Scope, depth: int) -> None:
        self.put(depth, f"p = {self.array(s)}")

    def write(self, s: Scope, depth: int) -> None:
        places = [f"{self.one(s.made)}[{self.index(s)}]", f"Q[{self.index(s)}, {self.index(s, 3)}]"]
        places += [f"{name}[{self.index(s, length)}]" for name, length in s.views] * 2
        places += [f"{r}[{self.index(s, 3)}]" for r in s.rows]
        self.put(depth, f"{self.one(places)} {self.change(s)}")

    def write_more(self, s: Scope, depth: int) -> None:
        v, u, k, c = self.one(s.made), self.any(s), self.cut(s), self.number()
        sign = self.one(["=", "+=", "-="])
        self.put(depth, self.one([
            f"{v}[{k}:] {sign} {c} * {u}[{k}:]", f"{v}[{k}:] *= np.cos({u}[{k}:])", f"{v}[1:] {sign} {u}[:-1] * {c}", f"{v}[:{k}] {self.change(s)}",
            f"Q[{self.index(s)}] {sign} {c} * {self.rows(s)}", f"Q[:, {self.index(s, 3)}] {sign} {u} * {c}", f"{v}[::-1] {sign} {u}",
            f"{v} {self.one(['+=', '-=', '*='])} {c}", f"{v}[{u} > {c}] {self.change(s)}",
        ]))  # fmt: skip

    def view(self, s: Scope, depth: int) -> None:
        name, v, i = self.name("r"), self.one(s.made), self.index(s)
        kinds = [(f"{v}[1:]", N - 1), (f"{v}[::-1]", N), (f"{v}[::2]", 3), (f"Q[:, {self.index(s, 3)}]", N)]  # fmt: skip
        kinds += [(f"Q.T[{self.index(s, 3)}]", N), (f"Q[:, ::2][{i}]", 2), (f"{v}[:3]", 3)]
        text, length = kinds[int(self.rng.integers(len(kinds)))]
        self.put(depth, f"{name} = {text}")
        s.views.append((name, length))

    def gather(self, s: Scope, depth: int) -> None:
        """Some elements of an array, which are then written."""
        name, v = self.name("g"), self.any(s)
        self.put(depth, f"{name} = {v}[{self.one(['[0, 2]', '[3, 1, 1]', f'{v} > {self.number()}', '[-1, 0]'])}]")  # fmt: skip
        change = [f"{name}[:1] {self.change(s)}", f"{name} *= {self.scalar(s)}", f"{name} -= {name}[::-1]"]  # fmt: skip
        self.put(depth, self.one(change))
        self.put(depth, f"s = {self.number()} * s - np.sum({name} * {name})")

    def unpack(self, s: Scope, depth: int) -> None:
        b, c, e = self.name("b"), self.name("b"), self.name("b")
        self.put(depth, f"{b}, {c}, {e} = {self.rows(s)}")
        s.scalars += [b, c, e]

    def branch(self, s: Scope, depth: int) -> None:
        self.put(depth, f"if {self.condition(s)}:")
        self.one(self.simple())(s.inner(), depth + 1)
        if self.chance(0.5):
            self.put(depth, "else:")
            self.one(self.simple())(s.inner(), depth + 1)

    def simple(self) -> list:
        return [self.assign, self.assign, self.both, self.rebind, self.write, self.write, self.write_more, self.gather]  # fmt: skip

    def leave(self, s: Scope, depth: int, kinds: list[str]) -> None:
        self.put(depth, f"if {self.condition(s)}:")
        if self.chance(0.3):
            self.one(self.simple())(s.inner(), depth + 1)
        kind = self.one(kinds)
        self.put(depth + 1, f"return {self.scalar(s)}" if kind == "return" else kind)

    def head(self, s: Scope) -> tuple[str, Scope]:
        """The first line of a loop, and what its body may use."""
        i, e, o, v = self.name("i"), self.name("e"), self.name("e"), self.any(s)
        number, pair, row = s.inner(), s.inner(), s.inner()
        number.scalars += [e, e]
        pair.scalars += [e, o]
        row.rows += [e, o]
        one_row, vector = s.inner(), s.inner()
        one_row.rows.append(e)
        vector.arrays += [e, e]
        place = self.one([f"range({N})", "range(len(x))", f"range({N - 1}, -1, -1)", f"reversed(range({N}))", f"range(k, {N})", f"range(0, {N}, 2)"])  # fmt: skip
        counted = s.inner(i)
        both = number.inner(i)
        return [
            (f"for {i} in {place}:", counted), (f"for {i} in {place}:", counted), (f"for {i} in {place}:", counted),
            (f"for {e} in {self.one([v, f'reversed({v})', f'{v}[1:]', f'{v}[::-1]', f'[s, {self.element(s)}, t]'])}:", number),
            (f"for {i}, {e} in enumerate({v}):", both), (f"for {i}, {e} in zip({place}, {self.one([v, f'reversed({v})'])}):", both),
            (f"for {e}, {o} in zip({self.one([f'{v}[1:], {v}', f'{v}, reversed({self.any(s)})', f'{v}, {v}[::-1]'])}):", pair),
            (f"for {e}, {o} in zip({self.one(['Q[1:], Q', 'Q, Q[::-1]', 'Q, reversed(Q)'])}):", row),
            (f"for {e} in {self.one(['Q', 'reversed(Q)', 'Q[::2]', 'Q[:, ::-1]'])}:", one_row),
            (f"for {i}, {e} in enumerate(Q):", one_row.inner(i)),
            (f"for {e} in {self.one(['l', 'reversed(l)', 'd.values()', '[p, x, q]', 'Q.T'])}:", vector),
        ][int(self.rng.integers(11))]  # fmt: skip

    def loop(self, s: Scope, depth: int) -> None:
        line, inner = self.head(s)
        self.put(depth, line)
        leaves = ["break", "break", "continue", "return"] if depth == 1 else ["break", "continue"]
        turns = self.simple() + [self.unpack, self.view, self.branch]
        when = int(self.rng.integers(4))
        for k in range(int(self.rng.integers(1, 4))):
            if k == when:
                self.leave(inner, depth + 1, leaves)
            self.one(turns)(inner, depth + 1)
        if depth < 2 and self.chance(0.2):
            self.loop(inner, depth + 1)
        if self.chance(0.3):
            self.leave(inner, depth + 1, ["break"])
        if self.chance(0.2):
            self.put(depth, "else:")
            self.assign(s, depth + 1)

    def endless(self, s: Scope, depth: int) -> None:
        """A `while True`, left in front of, between or behind what a turn does."""
        c = self.name("c")
        self.put(depth, f"{c} = 0")
        self.put(depth, "while True:")
        inner, end = s.inner(c), int(self.rng.integers(4))
        count = int(self.rng.integers(3))
        for k in range(4):
            if k == end:
                more = f" or {self.condition(inner)}" if self.chance(0.4) else ""
                self.put(depth + 1, f"if {c} >= {self.one(['k', '3', '4'])}{more}:")
                self.put(depth + 2, "break")
            if k < 3:
                self.one(self.simple())(inner, depth + 1)
            if k == count:
                self.put(depth + 1, f"{c} += 1")

    def program(self) -> str:
        s = Scope()
        self.put(0, "def f(x, y, A, d, l, a, k):")
        if self.chance(0.4):
            self.put(1, f"q = np.zeros({N})")
            self.put(1, f"q[:] = {self.one(['x', 'y', 'x - y'])}")
        else:
            self.put(1, f"q = {self.one(['x.copy()', 'x * y', '-y', 'd[0] * 1.0', 'l[1] - x'])}".replace("d[0]", "d['u']"))  # fmt: skip
        self.put(1, f"p = {self.one(['y', 'x / a', 'y + 0.5', 'np.zeros_like(x)', 'x[::-1].copy()'])}")  # fmt: skip
        if self.lines[-1].endswith("= y"):
            self.put(1, "p = p * 1.0")
        self.put(1, f"Q = {self.one(['A.copy()', '-A', 'A * a', f'np.zeros(({N}, 3)) + A'])}")
        self.put(1, f"s, t = {self.one(['0.2, a', 'a, 0.7', 'x[0], y[1]', '0.0, 1.0'])}")
        kinds = [self.loop] * 6 + [self.endless] * 2 + [self.view, self.gather, self.write_more, self.branch]  # fmt: skip
        for _ in range(int(self.rng.integers(3))):
            self.one(kinds)(s, 1)
        self.loop(s, 1)
        ends = ["s * t", "-(y @ q)", "np.sum(np.sin(Q))", "s - np.sum(p * x)", "2.0 - p @ q"]
        self.put(1, f"return {' + '.join(self.rng.permutation(ends)[:3])} + s")
        return "import numpy as np\n\n\n" + "\n".join(self.lines) + "\n"


def program(seed: int) -> str:
    """The text of a program `f(x, y, A, d, l, a, k)`."""
    return Writer(seed).program()


def arguments(seed: int) -> tuple[object, ...]:
    """Arguments for it: vectors and a matrix, a dict and a list of vectors, a number, a count."""
    rng = np.random.default_rng([seed, 7])
    x, y, u, v, b, c = rng.uniform(0.2, 1.4, (6, N))
    return x, y, rng.uniform(0.2, 1.2, (N, 3)), {"u": u, "v": v}, [b, c], float(rng.uniform(0.3, 1.2)), 2  # fmt: skip
