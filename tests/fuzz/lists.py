"""Random programs over lists: grown, popped, reversed, indexed from both ends, copied, nested, in containers, in helpers.

A program keeps for each list the least length that it has for sure, so that most programs run. Every element that is used
has a weight of its own: an adjoint that ends up at another element is a wrong number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from fuzz.draw import Drawing

N = 3  # the length of the argument

HELPERS = """\
import numpy as np


def push(items, value):
    items.append(0.5 * value)


def last(items):
    return items[-1] * 0.7


def squares(items):
    out = []
    for v in items:
        out.append(0.3 * v * v + 0.2)
    return out


def weigh(items):
    total = 0.0
    for k, v in enumerate(items):
        total += v * (0.3 + 0.7 * k)
    return total


def drain(items, count):
    total = 0.0
    for k in range(count):
        total = 0.6 * total + items.pop()
    return total

"""


@dataclass
class Scope:
    """Names that a statement may use."""

    lists: dict[str, int]  # of numbers, each with its least length
    scalars: list[str]
    rows: dict[str, int] = field(default_factory=dict)  # lists of vectors
    indices: list[str] = field(default_factory=list)  # below N

    def inner(self, *indices: str) -> Scope:
        return Scope(
            dict(self.lists), list(self.scalars), dict(self.rows), [*self.indices, *indices]
        )


class Writer(Drawing):
    """Draws one program."""

    largest = 1.6

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # ---- expressions ----

    def index(self, s: Scope) -> str:
        return self.one([*s.indices, *s.indices, "0", "1", "-1", "2"])

    def at(self, s: Scope, least: int) -> str:
        """A position in a list of at least this length."""
        fixed = [str(k) for k in range(-least, least)]
        return self.one(fixed + (s.indices * 2 if least >= N else []))

    def scalar(self, s: Scope, depth: int = 2) -> str:
        known = [(n, k) for n, k in s.lists.items() if k]
        leaves = [f"x[{self.index(s)}]", f"x[{self.index(s)}]", self.one(s.scalars), self.number()]
        if known:
            name, least = known[int(self.rng.integers(len(known)))]
            leaves += [f"{name}[{self.at(s, least)}]"] * 2 + [f"last({name})"]
        if s.rows and self.chance(0.3):
            name = self.one(list(s.rows))
            if s.rows[name]:
                leaves.append(f"{name}[{self.at(s, s.rows[name])}][{self.index(s)}]")
        if not depth or self.chance(0.3):
            return self.one(leaves)
        left, right = self.scalar(s, depth - 1), self.scalar(s, depth - 1)
        return self.one([
            f"np.sin({left})", f"(0.5 * {left} + 0.4 * {right})", f"np.tanh({left} * {right})",
            f"({left} if {self.condition(s)} else {right})",
        ])  # fmt: skip

    def condition(self, s: Scope) -> str:
        if s.indices and self.chance(0.6):
            return f"{self.one(s.indices)} {self.one(['% 2 == 0', '> 0', '!= 1'])}"
        return f"{self.one(s.scalars)} {self.one(['>', '<'])} {self.number()}"

    def some(self, s: Scope) -> str:
        return self.one(list(s.lists))

    def loop_head(self, s: Scope) -> tuple[str, Scope]:
        """A loop of N turns, over numbers or the elements of what has them."""
        i, v = self.name("i"), self.name("v")
        full = [f"range({N})", "range(len(x))"]
        back = [f"reversed(range({N}))", f"range({N - 1}, -1, -1)"]
        inner = s.inner(i)
        if self.chance(0.5):
            return f"for {i} in {self.one(full + back)}:", inner
        inner.scalars.append(v)
        whole = [n for n, least in s.lists.items() if least >= N]
        if whole and self.chance(0.5):
            other = self.one(whole)
            order = self.one([other, f"reversed({other})", f"list({other})", f"{other}[::-1]"])
            return f"for {i}, {v} in zip(range({N}), {order}):", inner
        return (
            f"for {i}, {v} in {self.one(['enumerate(x)', f'zip(range({N}), reversed(x))'])}:",
            inner,
        )

    # ---- statements ----

    def new(self, s: Scope, depth: int) -> None:
        name, v = self.name("l"), self.name("v")
        element = s.inner()
        element.scalars.append(v)
        old = self.some(s) if s.lists else "x"
        text, least = [
            ("[]", 0), (f"[{self.scalar(s)}, {self.scalar(s, 1)}]", 2),
            (f"[{self.scalar(element)} for {v} in {self.one(['x', 'reversed(x)', 'x[::-1]'])}]", N),
            ("list(x)", N), (f"list({old})", s.lists.get(old, N)), (f"squares({old})", s.lists.get(old, N)),
            (f"{old}[1:]" if s.lists else "[]", max(0, s.lists.get(old, 0) - 1)), (f"[{v} * {v} for {v} in {old}]", s.lists.get(old, N)),
            (f"{old}[::-1]" if s.lists else "list(x)", s.lists.get(old, N)), (f"list({old}) + [{self.scalar(s)}]", s.lists.get(old, N) + 1),
        ][int(self.rng.integers(10))]  # fmt: skip
        self.put(depth, f"{name} = {text}")
        s.lists[name] = least

    def change(self, s: Scope, depth: int, lengths: bool = True) -> None:
        """A change of one list; outside of branches and loops it counts for the length that is known."""
        name = self.some(s)
        least = s.lists[name]
        value = self.scalar(s)
        kinds = [f"{name}.reverse()"]
        if least:
            kinds += [f"{name}[{self.at(s, least)}] {self.one(['=', '=', '*=', '+='])} {value}"] * 3
        grow = [
            f"{name}.append({value})",
            f"push({name}, {value})",
            f"{name} += [{value}]",
            f"{name}.extend([{value}])",
        ]
        if lengths and least and self.chance(0.2):
            self.put(depth, self.one([f"s = s + {name}.pop()", f"s = 0.5 * s + drain({name}, 1)"]))
            s.lists[name] -= 1
        elif self.chance(0.6):
            self.put(depth, self.one(grow))
            s.lists[name] += lengths
        else:
            self.put(depth, self.one(kinds))

    def loop(self, s: Scope, depth: int) -> None:
        head, inner = self.loop_head(s)
        self.put(depth, head)
        gone_over = [n for n in s.lists if f" {n})" in head or f"({n})" in head]
        inner.lists = {n: k for n, k in s.lists.items() if n not in gone_over} or {}
        grown = dict.fromkeys(inner.lists, 0)
        for _ in range(int(self.rng.integers(1, 4))):
            kind = self.rng.random()
            if kind < 0.45 and inner.lists:
                name = self.some(inner)
                self.put(
                    depth + 1,
                    self.one(
                        [
                            f"{name}.append({self.scalar(inner)})",
                            f"push({name}, {self.scalar(inner)})",
                        ]
                    ),
                )
                grown[name] += N
            elif kind < 0.6:
                self.put(depth + 1, f"s = {self.scalar(inner)} + 0.5 * s")
            elif kind < 0.75 and inner.lists:
                self.put(depth + 1, f"if {self.condition(inner)}:")
                self.change(inner.inner(), depth + 2, lengths=False)
                if self.chance(0.5):
                    self.put(depth + 1, "else:")
                    self.change(inner.inner(), depth + 2, lengths=False)
            elif kind < 0.85 and depth < 2:
                self.new(inner, depth + 1)
                self.put(depth + 1, f"s += weigh({list(inner.lists)[-1]})")
                inner.lists.popitem()
            elif inner.lists:
                self.change(inner.inner(), depth + 1, lengths=False)
        if self.lines[-1].endswith(":"):
            self.put(depth + 1, "s = 0.9 * s")
        for name, more in grown.items():
            s.lists[name] += more

    def nested(self, s: Scope, depth: int) -> None:
        """Lists on a list, or in a container."""
        name, i, j = self.name("g"), self.name("i"), self.name("j")
        inner = s.inner(i, j)
        if self.chance(0.5):
            self.put(depth, f"{name} = []")
            self.put(depth, f"for {i} in range({N}):")
            self.put(
                depth + 1,
                f"{name}.append([{self.scalar(inner, 1).replace(j, i)} for {j} in range({N})])",
            )
            if self.chance(0.5):
                self.put(depth, f"{name}[{self.index(s)}].append({self.scalar(s)})")
            if self.chance(0.5):
                self.put(depth, f"{name}[{self.index(s)}][{self.index(s)}] = {self.scalar(s)}")
            self.put(depth, f"for {i} in range({N}):")
            self.put(depth + 1, f"s += weigh({name}[{i}]) * ({i} + 0.5)")
            return
        kind = self.one(["{'a': [], 'b': []}", "([], [])", "[[], []]"])
        a, b = ("['a']", "['b']") if kind[0] == "{" else ("[0]", "[1]")
        self.put(depth, f"{name} = {kind}")
        self.put(depth, f"for {i} in {self.one([f'range({N})', f'reversed(range({N}))'])}:")
        inner = s.inner(i)
        self.put(depth + 1, f"{name}{a}.append({self.scalar(inner)})")
        self.put(depth + 1, f"if {self.condition(inner)}:")
        self.put(depth + 2, f"{name}{b}.append({self.scalar(inner)} * {name}{a}[-1])")
        self.put(depth, f"s += weigh({name}{a}) - weigh({name}{b})")
        alias = self.name("l")
        self.put(depth, f"{alias} = {name}{a}")
        s.lists[alias] = N

    def vectors(self, s: Scope, depth: int) -> None:
        name, i = self.name("r"), self.name("i")
        self.put(depth, f"{name} = []")
        self.put(depth, f"for {i} in range({N}):")
        inner = s.inner(i)
        self.put(depth + 1, f"{name}.append({self.scalar(inner, 1)} * x + {self.scalar(inner, 1)})")
        if self.chance(0.4):
            self.put(depth, f"{name}.reverse()")
        weights = f"np.arange(1.0, {N * N + 1}.0)"
        self.put(depth, "s += " + self.one([
            f"np.sum(np.array({name}) * {weights}.reshape({N}, {N}))", f"np.sum(np.stack({name}, axis=1) * {weights}.reshape({N}, {N}))",
            f"np.concatenate({name}) @ {weights}", f"np.sum(np.vstack({name}) ** 2 * {weights}.reshape({N}, {N}))",
        ]) + " * 0.1")  # fmt: skip
        s.rows[name] = N

    def use(self, s: Scope, depth: int) -> None:
        name = self.some(s)
        kinds = [
            f"s += np.array({name}) @ np.arange(1.0, len({name}) + 1.0)", f"s += weigh({name})",
            f"s += sum({name}) * {self.scalar(s, 1)}", f"s += weigh(squares({name}))",
        ]  # fmt: skip
        if s.lists[name]:
            pairs = (
                f"for a, b in zip({name}, {name}[1:]):\n{'    ' * (depth + 1)}s = 0.7 * s + a * b"
            )
            kinds += [f"s += weigh({name}[1:])", pairs]
        self.put(depth, self.one(kinds))

    def program(self) -> str:
        s = Scope({}, ["s", "k"])
        self.put(1, "s = 0.1")
        self.new(s, 1)
        kinds = [self.new, self.change, self.loop, self.loop, self.nested, self.vectors, self.use]
        for _ in range(int(self.rng.integers(3, 7))):
            kinds[int(self.rng.integers(len(kinds)))](s, 1)
        for k, name in enumerate(s.lists):
            self.put(1, f"s += weigh({name}) * {k + 1}.0")
        self.put(1, "return s")
        return f"{HELPERS}\ndef f(x, k):\n" + "\n".join(self.lines) + "\n"


def program(seed: int) -> str:
    return Writer(seed).program()


def arguments(seed: int) -> tuple[np.ndarray, float]:
    rng = np.random.default_rng(seed + 1)
    return rng.uniform(0.3, 1.5, N), float(rng.uniform(0.3, 1.5))
