"""Random programs as text: loops, branches, in-place writes, views, helper calls and early exits over a few arrays and numbers.

All functions are smooth and bounded, so that finite differences tell right from wrong. A seed gives one program, always the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from fuzz.draw import Drawing

N = 4  # the length of vectors; matrices are N x N

HELPERS = """\
import numpy as np


def blend(s, v):
    return 0.5 * np.sin(s) + 0.2 * np.sum(v * v)


def first_big(v, s):
    for e in v:
        s = 0.9 * s + 0.3 * e
        if e > 0.5:
            return s * e
    return s


def both(s, v):
    return np.tanh(s) * v, s - v[0]


def running(v):
    out = np.zeros(len(v))
    t = 0.1
    for i in range(len(v)):
        t = 0.5 * t + v[i] * 0.4
        out[i] = np.sin(t)
    return out

"""


@dataclass
class Scope:
    """What a statement may use; inner blocks add to copies."""

    scalars: list[str]
    vectors: list[str]  # of length N; never written
    buffers: list[str]  # of length N; written
    matrices: list[str]
    indices: list[str] = field(default_factory=list)  # integers in range(N)
    lists: list[str] = field(default_factory=list)
    views: list[tuple[str, int]] = field(default_factory=list)
    loop: int = 0

    def inner(self, loop: bool = False, index: str | None = None) -> Scope:
        more = [index] if index else []
        return Scope(
            list(self.scalars), list(self.vectors), list(self.buffers), list(self.matrices),
            [*self.indices, *more], list(self.lists), list(self.views), self.loop + loop,
        )  # fmt: skip


class Writer(Drawing):
    """Draws one program."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.budget = 14

    # ---- expressions ----

    def scalar(self, s: Scope, depth: int = 2) -> str:
        if depth == 0 or self.chance(0.2):
            kinds = [self.one(s.scalars)] * 3 + [self.number(), self.element(s)]
            return self.one(kinds)
        left, right = self.scalar(s, depth - 1), self.scalar(s, depth - 1)
        vector = self.vector(s, 1)
        return self.one([
            f"np.sin({left})", f"np.tanh({left} * {right})", f"(0.5 * {left} + 0.3 * {right})",
            f"({left} * {right} / (1.0 + {left} ** 2))", f"(0.2 * np.sum({vector}))", f"np.mean({vector} * {self.vector(s, 1)})",
            f"({left} if {self.condition(s)} else {right})", f"blend({left}, {vector})", f"first_big({vector}, {left})",
            f"({self.one(s.vectors + s.buffers)} @ {vector})", f"({left} - 0.4 * {right})",
        ])  # fmt: skip

    def element(self, s: Scope) -> str:
        if s.matrices and self.chance(0.3):
            return f"{self.one(s.matrices)}[{self.index(s)}, {self.index(s)}]"
        return f"{self.one(s.vectors + s.buffers)}[{self.index(s)}]"

    def index(self, s: Scope) -> str:
        fixed = str(int(self.rng.integers(-1, N)))
        if not s.indices or self.chance(0.25):
            return fixed
        i = self.one(s.indices)
        return self.one([i, i, i, f"{i} - 1", f"({i} + 1) % {N}", f"{N - 1} - {i}"])

    def vector(self, s: Scope, depth: int = 2) -> str:
        base = self.one(s.vectors + s.buffers * 2)
        if depth == 0 or self.chance(0.2):
            if s.matrices and self.chance(0.3):
                m = self.one(s.matrices)
                return self.one(
                    [f"{m}[{self.index(s)}]", f"{m}[:, {self.index(s)}]", f"{m}.T[{self.index(s)}]"]
                )
            return self.one([base, base, f"{base}[::-1]"])
        other, scalar = self.vector(s, depth - 1), self.scalar(s, depth - 1)
        pieces = [
            f"np.sin({other})", f"({other} * {scalar})", f"0.5 * ({base} + {other})", f"np.tanh({other} * {base})",
            f"np.where({base} > {self.number()}, {other}, {scalar})", f"np.concatenate([{other}[1:], {base}[:1]])",
            f"np.cumsum(0.3 * {other})", f"{base}[np.array([0, 2, 2, 1])]", f"running({other})",
        ]  # fmt: skip
        if s.matrices:
            m = self.one(s.matrices)
            pieces += [
                f"({m} @ {base})",
                f"np.sum({m}, axis={int(self.rng.integers(2))})",
                f"np.mean({m} * {other}, axis=1)",
            ]
        return self.one(pieces)

    def condition(self, s: Scope) -> str:
        if s.indices and self.chance(0.5):
            i = self.one(s.indices)
            return self.one([f"{i} % 2 == 0", f"{i} > 1", f"{i} != 2"])
        return f"{self.one([*s.scalars, self.element(s)])} {self.one(['>', '<'])} {self.number()}"

    # ---- statements ----

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def block(self, s: Scope, depth: int, least: int = 1) -> None:
        for _ in range(least + int(self.rng.integers(3))):
            if self.budget > 0:
                self.budget -= 1
                self.statement(s, depth)
        if self.lines[-1].endswith(":"):
            self.put(
                depth,
                f"{s.scalars[-1]} = {self.scalar(s, 1)}"
                if s.scalars[-1] not in ("a", "b")
                else "pass",
            )

    def statement(self, s: Scope, depth: int) -> None:
        simple = [
            self.assign,
            self.assign,
            self.augment,
            self.write,
            self.write,
            self.write_slice,
            self.new_buffer,
            self.view,
            self.matrix,
        ]
        nested = [self.loop, self.loop, self.branch, self.branch, self.while_, self.list_]
        rare = [self.swap, self.leave, self.unpack, self.mask, self.alias]
        kinds = simple * 2 + (nested * 2 if depth < 4 else []) + rare
        kinds[int(self.rng.integers(len(kinds)))](s, depth)

    def local(self, s: Scope) -> str:
        """A scalar that may be assigned to."""
        return self.one([v for v in s.scalars if v not in ("a", "b")])

    def assign(self, s: Scope, depth: int) -> None:
        if self.chance(0.4):
            name = self.name("t")
            self.put(depth, f"{name} = {self.scalar(s)}")
            s.scalars.append(name)
        else:
            self.put(depth, f"{self.local(s)} = {self.scalar(s)}")

    def augment(self, s: Scope, depth: int) -> None:
        self.put(depth, f"{self.local(s)} {self.one(['+=', '-=', '*='])} {self.scalar(s)}")

    def write(self, s: Scope, depth: int) -> None:
        sign = self.one(["=", "=", "+=", "*=", "-="])
        self.put(depth, f"{self.one(s.buffers)}[{self.index(s)}] {sign} {self.scalar(s)}")

    def write_slice(self, s: Scope, depth: int) -> None:
        v, sign = self.one(s.buffers), self.one(["=", "+=", "*="])
        self.put(depth, self.one([
            f"{v}[1:-1] {sign} {self.scalar(s)}", f"{v}[:] = {self.vector(s)}", f"{v}[1:] {sign} {self.vector(s, 1)}[:-1]",
            f"{v}[::2] {sign} {self.vector(s, 1)}[:2]", f"{v}[::-1] {sign} {self.vector(s, 1)}", f"{v} *= {self.scalar(s)}",
            f"{v} += {self.vector(s)}",
        ]))  # fmt: skip

    def new_buffer(self, s: Scope, depth: int) -> None:
        name = self.name("u")
        self.put(
            depth,
            f"{name} = {self.one([f'np.zeros({N})', f'{self.one(s.vectors)}.copy()', self.vector(s) + ' * 1.0'])}",
        )
        s.buffers.append(name)

    def view(self, s: Scope, depth: int) -> None:
        name = self.name("w")
        v = self.one(s.buffers)
        if s.matrices and self.chance(0.4):
            m = self.one(s.matrices)
            self.put(
                depth,
                f"{name} = {self.one([f'{m}[{self.index(s)}]', f'{m}[:, {self.index(s)}]', f'{m}.T[1]'])}",
            )
            s.buffers.append(name)
        elif self.chance(0.5):
            self.put(depth, f"{name} = {v}[::-1]")
            s.buffers.append(name)
        else:
            self.put(depth, f"{name} = {v}[{self.one(['1:3', ':2', '2:', '::2'])}]")
            self.put(depth, f"{name} {self.one(['*=', '+='])} {self.scalar(s)}")
            self.put(depth, f"{name}[{self.one(['0', '1', '-1'])}] = {self.scalar(s)}")

    def matrix(self, s: Scope, depth: int) -> None:
        if len(s.matrices) < 2:
            name = self.name("B")
            base = self.one(s.vectors + s.buffers)
            self.put(
                depth,
                f"{name} = {self.one([f'np.outer({base}, {self.vector(s, 1)})', f'{self.vector(s, 1)}[:, None] + {base}', f'np.zeros(({N}, {N}))'])}",
            )
            s.matrices.append(name)
            return
        m, sign = s.matrices[-1], self.one(["=", "+=", "*="])
        self.put(depth, self.one([
            f"{m}[{self.index(s)}] {sign} {self.vector(s)}", f"{m}[:, {self.index(s)}] {sign} {self.vector(s)}",
            f"{m}[{self.index(s)}, {self.index(s)}] {sign} {self.scalar(s)}", f"{m}[1:, :2] {sign} {self.scalar(s)}",
            f"{m} *= {self.vector(s)}",
        ]))  # fmt: skip

    def mask(self, s: Scope, depth: int) -> None:
        v = self.one(s.buffers)
        self.put(
            depth, f"{v}[{v} > {self.number()}] {self.one(['=', '*=', '+='])} {self.scalar(s)}"
        )

    def loop(self, s: Scope, depth: int) -> None:
        i = self.name("i")
        heads = [
            f"range({N})",
            f"range(1, {N})",
            f"range({N} - 1, -1, -1)",
            f"range(0, {N}, 2)",
            f"range({N} - 1)",
            "range(n)",
            f"reversed(range({N}))",
            f"reversed(range(1, {N}, 2))",
            "reversed(range(n))",
        ]
        if s.indices:
            heads += [f"range({s.indices[-1]})", f"range({s.indices[-1]}, {N})"]
            heads += [f"reversed(range({s.indices[-1]}))"]
        inner = s.inner(True, i)
        if self.chance(0.25):
            e, v = self.name("e"), self.one(s.vectors)
            self.put(
                depth,
                self.one(
                    [
                        f"for {i}, {e} in enumerate({v}):",
                        f"for {i}, {e} in zip(range({N}), {v}):",
                        f"for {i}, {e} in zip(reversed(range({N})), reversed({v})):",
                    ]
                ),
            )
            inner.scalars.insert(0, e)
        else:
            self.put(depth, f"for {i} in {self.one(heads)}:")
        self.block(inner, depth + 1, 2)

    def while_(self, s: Scope, depth: int) -> None:
        c = self.name("c")
        self.put(depth, f"{c} = 0")
        extra = f" and {self.condition(s)}" if self.chance(0.5) else ""
        self.put(depth, f"while {c} < {int(self.rng.integers(1, 4))}{extra}:")
        self.put(depth + 1, f"{c} += 1")
        self.block(s.inner(True), depth + 1)

    def branch(self, s: Scope, depth: int) -> None:
        self.put(depth, f"if {self.condition(s)}:")
        self.block(s.inner(), depth + 1)
        if self.chance(0.6):
            self.put(depth, "else:")
            self.block(s.inner(), depth + 1)

    def list_(self, s: Scope, depth: int) -> None:
        name, i = self.name("xs"), self.name("j")
        is_vector = self.chance(0.5)
        self.put(depth, f"{name} = [{self.vector(s) + ' * 1.0' if is_vector else self.scalar(s)}]")
        self.put(depth, f"for {i} in range({int(self.rng.integers(1, 4))}):")
        inner = s.inner(True, i)
        inner.scalars = list(inner.scalars) + ([] if is_vector else [f"{name}[-1]"])
        inner.vectors = inner.vectors + ([f"{name}[-1]", f"{name}[{i}]"] if is_vector else [])
        self.put(
            depth + 1,
            f"{name}.append({self.vector(inner) + ' * 0.5' if is_vector else self.scalar(inner)})",
        )
        self.put(depth, f"for q in {self.one([name, f'reversed({name})'])}:")
        self.put(
            depth + 1,
            f"{self.local(s)} += {'np.sum(q * q) * 0.1' if is_vector else 'np.sin(q) * 0.3'}",
        )

    def swap(self, s: Scope, depth: int) -> None:
        owned = [u for u in s.buffers if u.startswith("u") or u in ("y", "z")]
        if len(owned) > 1:
            first, second = owned[-2], owned[-1]
            self.put(depth, f"{first}, {second} = {second}, {first}")

    def alias(self, s: Scope, depth: int) -> None:
        name = self.name("u")
        self.put(depth, f"{name} = {self.one(s.buffers)}")
        s.buffers.append(name)

    def unpack(self, s: Scope, depth: int) -> None:
        v, t = self.name("u"), self.name("t")
        self.put(depth, f"{v}, {t} = both({self.scalar(s, 1)}, {self.vector(s, 1)})")
        s.buffers.append(v)
        s.scalars.append(t)

    def leave(self, s: Scope, depth: int) -> None:
        kinds = ["break", "continue"] if s.loop else []
        kinds += ["return " + self.scalar(s, 1)] if self.chance(0.3) else []
        if kinds:
            self.put(depth, f"if {self.condition(s)}:")
            self.put(depth + 1, self.one(kinds))

    def program(self) -> str:
        s = Scope(["a", "b", "s"], ["x"], ["y", "z"], ["A"])
        self.put(0, "def f(x, A, a, b, n):")
        self.put(1, "y = x * b")
        self.put(1, "z = np.zeros(4)" if self.chance(0.5) else "z = np.sin(x)")
        self.put(1, "A = A * 1.0")
        self.put(1, "s = a")
        while self.budget > 0:
            self.budget -= 1
            self.statement(s, 1)
        ends = [f"np.sum({v} * {v})" for v in self.rng.permutation(s.buffers + s.vectors)[:3]]
        self.put(1, f"return {self.local(s)} + {' + '.join(ends)} + np.sum(np.sin(A))")
        return HELPERS + "\n".join(self.lines) + "\n"


def program(seed: int) -> str:
    """The text of a program `f(x, A, a, b, n)`."""
    return Writer(seed).program()


def arguments(seed: int) -> tuple[object, ...]:
    """Arguments for it."""
    rng = np.random.default_rng(seed + 1_000_003)
    return (
        rng.normal(size=N) * 0.6,
        rng.normal(size=(N, N)) * 0.4,
        float(rng.uniform(0.3, 1.0)),
        float(rng.uniform(-0.8, 0.8)),
        3,
    )
