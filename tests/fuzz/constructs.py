"""Random programs of Python's own constructs: objects, closures that bind, dicts, lists that change, recursion, exceptions;
and, with types that only the run knows, functions on lists, generators, computed keys and operations that raise.
"""

from __future__ import annotations

import numpy as np
from fuzz.draw import Drawing

HELPERS = """
class Acc:
    def __init__(self, v, rate=0.5):
        self.v = v
        self.rate = rate
        self.n = 0

    def add(self, w):
        self.v = self.v * self.rate + w
        self.n += 1
        return self.v

    @property
    def mean(self):
        return self.v / (self.n + 1.0)

    def __add__(self, other):
        return Acc(self.v + other.v, self.rate)


def recurse(v, n):
    if n == 0:
        return np.sin(v)
    return v * 0.5 + recurse(v * 0.9, n - 1)


def walk(x, lo, hi):
    if hi - lo == 1:
        return x[lo] ** 2
    mid = (lo + hi) // 2
    return walk(x, lo, mid) * 0.5 + np.cos(walk(x, mid, hi))


def checked(v):
    if v > 0.4:
        raise ValueError("large")
    return v * v


def powers(v, n):
    for k in range(n):
        yield v**k * 0.5
"""


class Writer(Drawing):
    """Draws one program; `s` and `t` are numbers, `x` an array of four, `d` a dict, `xs` a list, `acc` an object."""

    dynamic = False

    def expression(self, depth: int = 0) -> str:
        leaf = ["s", "t", "a", "x[i]", "x[0]", 'd["p"]', 'd["q"]', "acc.v", "xs[-1]", "other.rate"]
        if depth > 1 or self.chance(0.35):
            return self.one(leaf)
        e = self.expression(depth + 1)
        f = self.expression(depth + 1)
        return self.one([
            f"np.sin({e})", f"({e} + {f})", f"0.5 * ({e} * {f})", f"({e} - {self.number()})", f"np.tanh({e})",
            f"recurse({e}, 2)", "walk(x, 0, 4)", "acc.mean", f"max({e}, {f})", f"sum([{e}, {f}]) * 0.3",
            f"sum(v * {e} for v in x) * 0.2", f"({e} if s > 0.1 else {f})",
        ])  # fmt: skip

    def statements(self) -> list[str]:
        e = self.expression
        name = self.one(["s", "t"])
        options = [
            [f"{name} = {e()}"],
            [f"{name} += 0.3 * {e()}"],
            [f"acc.add(0.2 * {e()})"],
            [f"acc.v = 0.5 * {e()}", "other = acc + other"],
            [f"other.rate *= {e()}"],
            [f'd["{self.one(["p", "q"])}"] {self.one(["=", "+="])} 0.4 * {e()}'],
            [f"d.update(p={e()})", f'{name} = d.get("q", 0.0) + d.get("r", {e()})'],
            [f"xs.append(0.5 * {e()})", f"{name} = xs[-1] * xs[0]"],
            [f"xs.append({e()})", f"{name} = xs.pop() * 0.7"],
            [f"bump(0.3 * {e()})", f"{name} = {name} + shared * 0.2"],
            ["try:", f"    {name} = checked({e()})", "except ValueError:", f"    {name} = 0.3 * {e()}"],
            [f"if {e()} > {self.number()}:", f"    {name} = {e()}", "else:", f"    acc.add({e()} * 0.1)"],
            ["first, *rest = xs", f"{name} = first * {e()} * 0.4"],
            [f"f = lambda v, k={e()}: v * k", f"{name} = f({e()}) * 0.5"],
        ]  # fmt: skip
        if self.dynamic:
            options += [
                [f"steps.append(lambda v, k={e()}: np.tanh(v * k))"],
                [f"steps.append(lambda v: v + 0.1 * {self.one(['s', 'a', 'x[1]'])})"],
                ["for step in steps[-3:]:", f"    {name} = step({name})"],
                [f"{name} = sum(powers(0.5 * np.tanh({e()}), 3))"],
                ['key = "pq"[int(s > t)]', f"table[key] = table.get(key, 0.1) + 0.3 * {e()}"],
                ["for key in sorted(table):", f"    {name} = 0.5 * {name} + table[key]"],
                ["try:", f"    {name} = {e()} / (0 if t > s else 2)", "except ZeroDivisionError:",
                 f"    {name} = {e()} * 0.2"],
                ["objects.append(Acc(0.3 * s))", f"objects[0].add({e()})", f"{name} = objects[-1].v"],
                [f"match (s > t, {e()}):", "    case (True, v):", f"        {name} = v * 0.5",
                 "    case (_, v):", f"        {name} = np.sin(v)"],
                ["y = x * 1.0", "parts = [y, y[1:]]", f"parts[i % 2][0] += {e()}", f"{name} = 0.3 * np.sum(y * x)"],
            ]  # fmt: skip
        return options[int(self.rng.integers(len(options)))]

    def program(self) -> str:
        head = [line for _ in range(2) for line in self.statements()]
        turn = [line for _ in range(int(self.rng.integers(2, 5))) for line in self.statements()]
        extra = ["    steps, table, objects = [], {}, []"] if self.dynamic else []
        return "\n".join([
            "def f(x, a, n):", "    i = 0", "    s, t = a * 0.5, x[2]", '    d = {"p": x[1], "q": a}', "    xs = [x[0], x[3]]",
            "    acc, other = Acc(x[3]), Acc(a, 0.7)", "    shared = 0.1", *extra,
            "    def bump(v):", "        nonlocal shared", "        shared = shared * 0.5 + v", "        return shared",
            *(f"    {line}" for line in head), "    for i in range(n):", *(f"        {line}" for line in turn),
            "    return s + t * 0.5 + acc.v + other.mean + shared + d['p'] * d['q'] + sum(xs) * 0.1", "",
        ])  # fmt: skip


class DynamicWriter(Writer):
    """Draws one with values whose types only the run knows."""

    dynamic = True


def program(seed: int) -> str:
    """The text of a program `f(x, a, n)`; every third is dynamic."""
    writer = DynamicWriter(seed, 12) if seed % 3 == 0 else Writer(seed, 12)
    return "import numpy as np\n" + HELPERS + "\n\n" + writer.program()


def arguments(seed: int) -> tuple[object, ...]:
    rng = np.random.default_rng([seed, 8])
    return rng.uniform(-0.8, 0.8, 4), float(rng.uniform(0.3, 0.7)), 3
