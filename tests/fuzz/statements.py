"""Statements of a random program: those that hold others, and functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

from fuzz.environment import EARLY, Environment
from fuzz.simple_statements import Lines, SimpleStatements

DEEPEST = 3


def indented(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


class Statements(SimpleStatements):
    """Draws statements."""

    def __init__(self, seed: tuple[int, ...], env: Environment) -> None:
        super().__init__(seed, env)
        self.helpers: Lines = []  # functions of the module
        self.in_function = 0
        self.nested: list[Callable[[int], Lines]] = [
            self.loop, self.loop, self.loop, self.branch, self.branch, self.while_, self.helper, self.helper, self.closure,
            self.attempted, self.comprehension, self.total, self.recursion, self.matched,
        ]  # fmt: skip

    def statement(self, nest: int = 0) -> Lines:
        for _ in range(6):
            if nest < DEEPEST and self.chance(0.3):
                found = self.nested[int(self.rng.integers(len(self.nested)))](nest)
            else:
                found = self.simple[int(self.rng.integers(len(self.simple)))]()
            if found:
                return found
        return []

    def block(self, nest: int, most: int = 3) -> Lines:
        return [
            line
            for _ in range(int(self.rng.integers(1, most + 1)))
            for line in self.statement(nest)
        ]

    # ---- blocks ----

    def sketched(self, opening: Lines, nest: int, most: int = 3, freeze: str = "") -> Lines | None:
        """The lines of a block, drawn with the names as they are behind `opening`; the names are then as before."""
        saved = self.env.save()
        before = list(self.frozen)
        self.frozen += [freeze] if freeze else []
        lines = self.block(nest + 1, most) if self.env.run(opening) else None
        self.frozen = before
        self.env.restore(saved)
        return lines

    def taken(self, lines: Lines, keep: float = 0.0) -> Lines:
        """A block that is complete; names made in it are mostly forgotten."""
        before = list(self.env.names)
        if not self.env.attempt(lines):
            return []
        for name in [n for n in self.env.names if n not in before]:
            if not isinstance(self.env.names[name], FunctionType) and not self.chance(keep):
                del self.env.names[name]
        return lines

    def head(self) -> tuple[str, str]:
        """The first line of a loop, and the list that it goes over."""
        i, e, o = self.name("i"), self.name("e"), self.name("e")
        arrays, lists = self.arrays(1, 2) or ["[0.5, 0.2]"], self.names_of(list)
        a, b = self.one(arrays), self.one(arrays)
        ranges = [
            "range(k)",
            "range(3)",
            f"range(len({a}))",
            f"range(1, len({a}))",
            "range(2, -1, -1)",
            f"reversed(range(len({a})))",
            "range(0, 4, 2)",
            "range(k - 1)",
            *[f"range({j} + 1)" for j in self.integers()[-1:]],
        ]
        heads = [f"for {i} in {self.one(ranges)}:"] * 4
        heads += [
            f"for {e} in {a}:",
            f"for {i}, {e} in enumerate({a}):",
            f"for {e}, {o} in zip({a}, {b}):",
            f"for {e} in reversed({a}):",
            f"for {e}, {o} in zip({a}, {a}[1:]):",
            f"for {e} in [{self.leaf(())}, {self.leaf(())}]:",
        ]
        if lists and self.chance(0.5):
            name = self.one(lists)
            return self.one(
                [
                    f"for {e} in {name}:",
                    f"for {i}, {e} in enumerate({name}):",
                    f"for {e} in reversed({name}):",
                ]
            ), name
        dicts = self.names_of(dict)
        if dicts and self.chance(0.3):
            return f"for {i}, {e} in {self.one(dicts)}.items():", self.one(dicts)
        return self.one(heads), ""

    def loop(self, nest: int) -> Lines:
        head, over = self.head()
        body = self.sketched([head, "    break"], nest, freeze=over)
        if not body:
            return []
        if self.chance(0.25):
            leave = [f"if {self.condition()}:", "    " + self.one(["break", "continue", "break"])]
            body = leave + body if self.chance(0.4) else body + leave
        other = (
            ["else:", f"    {self.one(self.numbers())} *= 0.5"]
            if self.chance(0.1) and self.numbers()
            else []
        )
        return self.taken([head, *indented(body), *other], keep=0.3)

    def while_(self, nest: int) -> Lines:
        c = self.name("c")
        body = self.sketched([f"{c} = 0"], nest)
        if not body:
            return []
        stop = f"{c} >= {self.one(['k', '2', '3'])}" + (
            f" or {self.condition()}" if self.chance(0.4) else ""
        )
        if self.chance(0.5):
            lines = [
                f"{c} = 0",
                "while True:",
                f"    if {stop}:",
                "        break",
                f"    {c} += 1",
                *indented(body),
            ]
        else:
            lines = [
                f"{c} = 0",
                f"while {c} < {self.one(['k', '2', '3'])} and ({self.condition()}):",
                f"    {c} += 1",
                *indented(body),
            ]
        return self.taken(lines)

    def branch(self, nest: int) -> Lines:
        condition = self.condition()
        body = self.sketched([], nest, 2) or []
        if not self.in_function and self.chance(0.15):
            body.append(f"return {self.fit((), 1)}{EARLY}")
        lines = [f"if {condition}:", *indented(body)]
        if self.chance(0.25):
            lines += [
                f"elif {self.condition()}:",
                *indented(self.sketched([], nest, 1) or ["pass"]),
            ]
        if self.chance(0.6):
            lines += ["else:", *indented(self.sketched([], nest, 2) or ["pass"])]
        return self.taken(lines) if body else []

    def attempted(self, nest: int) -> Lines:
        """Exceptions that are raised and caught."""
        body, other = self.sketched([], nest, 1), self.sketched([], nest, 1)
        if not body or not other:
            return []
        raised = [f"    if {self.condition()}:", "        raise ValueError('large')"]
        last = (
            ["finally:", *indented(self.sketched([], nest, 1) or ["pass"])]
            if self.chance(0.3)
            else []
        )
        return self.taken(
            ["try:", *indented(body), *raised, "except ValueError:", *indented(other), *last]
        )

    def matched(self, nest: int) -> Lines:
        body, other = self.sketched([], nest, 1), self.sketched([], nest, 1)
        if not body or not other:
            return []
        subject, first = self.one(
            [
                ("k % 2", "0"),
                (f"int({self.condition()})", "1"),
                (f"(k, {self.leaf(())})", f"(2, {self.name('v')})"),
            ]
        )
        return self.taken(
            [
                f"match {subject}:",
                f"    case {first}:",
                *indented(indented(body)),
                "    case _:",
                *indented(indented(other)),
            ]
        )

    def item_of_loop(self, head: str) -> str:
        """A number that an iteration computes."""
        saved = self.env.save()
        item = self.fit((), 2) if self.env.run([head, "    break"]) else "0.5"
        self.env.restore(saved)
        return item

    def total(self, nest: int) -> Lines:
        """A loop that adds to a number."""
        known, (head, _) = self.numbers(), self.head()
        added = f"    {self.one(known or ['a'])} += {self.item_of_loop(head)}"
        return self.taken([head, added]) if known else []

    def comprehension(self, nest: int) -> Lines:
        head, _ = self.head()
        item = self.item_of_loop(head)
        text = f"{item} {head[:-1]}" + (f" if {self.condition()}" if self.chance(0.2) else "")
        kinds = [f"[{text}]", f"np.array([{text}])", f"sum({text})", f"sum([{text}])"]
        return self.attempt(f"{self.name('l')} = {self.one(kinds)}")

    # ---- functions ----

    def function(self, nest: int, is_closure: bool) -> tuple[str, Lines, Lines]:
        """A function's name, its lines, and what it is called with."""
        name, places = self.name("h"), self.places()
        chosen = [
            places[int(self.rng.integers(len(places)))] for _ in range(int(self.rng.integers(1, 4)))
        ]
        names = [self.name("q") for _ in chosen]
        saved = self.env.save()
        values: dict[str, Any] = dict(zip(names, (v for _, v in chosen), strict=True))
        if not is_closure:
            for n in [n for n, _ in self.env.variables()]:
                del self.env.names[n]
        self.env.names.update(values)
        self.in_function += 1
        early = (
            [f"if {self.condition()}:", f"    return {self.fit((), 1)}"] if self.chance(0.1) else []
        )
        body = [*early, *(self.block(nest + 1, 3) if self.chance(0.7) else [])]
        result = self.result()
        if isinstance(ast.parse(result, mode="eval").body, ast.Tuple):
            body = body[len(early) :]  # which returns one number
        self.in_function -= 1
        self.env.restore(saved)
        return (
            name,
            [f"def {name}({', '.join(names)}):", *indented(body), f"    return {result}"],
            [t for t, _ in chosen],
        )

    def result(self) -> str:
        kind = self.rng.random()
        if kind < 0.5:
            return self.fit((), 2)
        return (
            self.fit(self.shape(), 2)
            if kind < 0.85
            else f"{self.fit(self.shape(), 1)}, {self.fit((), 1)}"
        )

    def helper(self, nest: int) -> Lines:
        if nest or self.in_function or not self.places():
            return []
        before = self.helpers
        name, lines, given = self.function(nest, is_closure=False)
        if not self.env.attempt(lines):
            return []
        call = self.attempt(f"{self.name('v')} = {name}({', '.join(given)})")
        self.helpers = [*before, *lines, "", ""] if call else before
        return call

    def closure(self, nest: int) -> Lines:
        if not self.places():
            return []
        if self.chance(0.4) and self.numbers():
            return self.small_closure(nest)
        name, lines, given = self.function(nest, is_closure=True)
        return self.attempt(*lines, f"{self.name('v')} = {name}({', '.join(given)})")

    def small_closure(self, nest: int) -> Lines:
        name, new, n = self.name("h"), self.name("v"), self.one(self.numbers())
        if nest or self.in_function or self.chance(0.5):
            return self.attempt(
                f"{name} = lambda r, k={n}: {self.one(['r * k', 'np.sin(r) + k', f'r * {n} - k', 'np.tanh(r * k)'])}",
                f"{new} = {name}({self.fit((), 1)})",
            )
        change = self.one(["{0} * 0.5 + r", "{0} + 0.3 * r", "np.sin({0} * r)"]).format(n)
        return self.attempt(
            f"def {name}(r):",
            f"    nonlocal {n}",
            f"    {n} = {change}",
            f"    return {n} * r",
            f"{new} = {name}({self.fit((), 1)}) + {name}({self.number()})",
        )

    def recursion(self, nest: int) -> Lines:
        arrays = self.arrays(1)
        texts = [
            f"recurse({self.fit((), 1)}, 2)",
            f"sum(powers({self.fit((), 1)}, 3))",
            *[f"walk({a}, 0, len({a}))" for a in arrays[:1]],
            *[f"first_big({a}, {self.leaf(())})" for a in arrays[:1]],
        ]
        return self.attempt(f"{self.name('v')} = {self.one(texts)}")
