"""Expressions of a random program: typed by the values that its names have."""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz.calls import Call, Operand, by_name, literal
from fuzz.draw import Drawing
from fuzz.environment import Environment, float_places, is_float, is_moderate

Shape = tuple[int, ...]

# of a number or an array: all are smooth, and defined everywhere
UNARY = [
    "np.sin({0})", "np.tanh({0})", "0.5 * {0}", "{0} ** 2", "np.exp(-{0} ** 2)", "np.sqrt(1.0 + {0} ** 2)", "-{0}", "np.cos({0})",
    "np.cbrt(2.0 + {0} ** 2)", "np.log(1.5 + {0} * {0})", "1.0 / (1.0 + {0} ** 2)", "0.1 * {0} ** 3", "np.arctan({0})", "np.square({0})",
    "(1.0 + {0} ** 2) ** -0.5", "(1.2 + {0} * {0}) ** 1.5", "np.exp(np.sin({0}))", "np.log1p(np.exp({0}))", "1.0 / (1.0 + np.exp(-{0}))",
    "abs({0})", "np.abs({0})", "np.expm1(0.3 * {0})", "np.maximum({0}, 0.1)", "np.clip({0}, -0.8, 0.9)", "np.power({0}, 2)", "2.0 ** {0}",
]  # fmt: skip
BINARY = [
    "{0} + {1}", "{0} * {1}", "{0} - {1}", "{0} / (1.5 + {1} ** 2)", "{0} / np.sqrt(0.5 + {1} * {1})", "np.hypot({0}, 1.0 + {1} ** 2)",
    "(1.1 + {0} ** 2) ** {1}", "np.maximum({0}, {1})", "np.minimum({0}, {1})", "np.arctan2({0}, 1.3 + {1} ** 2)", "np.logaddexp({0}, {1})",
    "np.cbrt(1.5 + {0} ** 2) * {1}", "0.7 * {0} + 0.2 * {1}", "{0} * {1} / (1.0 + {0} ** 2)", "np.exp({0} - {1}) * 0.3", "({0} * {1}) ** 2",
    "np.log((1.0 + {0} ** 2) / (2.0 + {1} ** 2))", "{0} * {0} * {1}", "({0} - {1}) / ({0} ** 2 + {1} ** 2 + 1.0)",
]  # fmt: skip
OF_ARRAY = [
    "np.sum({0})", "np.mean({0})", "0.2 * np.sum({0} * {1})", "{0}.sum()", "np.max({0})", "np.min({0})", "np.linalg.norm({0} + 3.0)", "np.std({0})",
    "np.var({0})", "np.log(np.sum(np.exp({0})))", "scipy.special.logsumexp({0})", "np.prod(1.0 + 0.2 * {0})", "{0}.mean()", "np.vdot({0}, {1})",
    "np.log(1.0 + np.sum({0} ** 2))", "np.sqrt(0.3 + np.sum({0} * {0}))", "sum([v * v for v in np.ravel({0})])", "np.log(np.sum(np.exp({0}) * (1.0 + {1} ** 2)))",
]  # fmt: skip
OF_VECTOR = [
    "np.cumsum(0.3 * {0})", "{0}[::-1]", "np.sort({0})", "np.diff({0}, append=0.5)", "np.roll({0}, 1)", "{0}[np.argsort({0})]", "np.concatenate([{0}[1:], {0}[:1]])",
    "np.convolve({0}, [0.2, 0.5, 0.2], 'same')", "np.exp({0}) / np.sum(np.exp({0}))", "np.gradient({0})", "np.array([0.5 * v for v in {0}])", "{0} - np.mean({0})",
]  # fmt: skip
OF_MATRIX = ["{0}.T", "np.tril({0})", "{0} * {0}[:1]", "{0} - {0}.mean(axis=0)", "{0} / np.sqrt(1.0 + np.sum({0} ** 2, axis=1, keepdims=True))", "np.flip({0}, 1)"]  # fmt: skip
SQUARE = [
    "np.linalg.inv({0} @ {0}.T + 2.0 * np.eye(len({0})))", "np.linalg.cholesky({0} @ {0}.T + 2.0 * np.eye(len({0})))", "np.linalg.solve({0} @ {0}.T + 2.0 * np.eye(len({0})), {0})",
    "scipy.linalg.expm(0.2 * {0})", "{0} @ {0}",
]  # fmt: skip
OF_SQUARE = ["np.linalg.slogdet({0} @ {0}.T + np.eye(len({0})))[1]", "np.trace({0})", "np.log(np.linalg.det({0} @ {0}.T + np.eye(len({0}))))", "np.linalg.eigvalsh({0} @ {0}.T)[-1]"]  # fmt: skip
SUBSCRIPTS = {
    1: ["1:", ":-1", "::-1", "::2", "1:-1", "[0, -1]", "[1, 0, 1]", "np.array([0, 0])", "-2:", ":", "{i}:", ":{i}", "{i}", "{i} - 1", "-1", "0", "[{i}, 0]", "None", "...", "-{i}:"],
    2: ["0", "{i}", "-1", ":, 0", ":, {i}", "{i}, {j}", "1:", "::-1", ":, ::-1", "1:, :2", "[0, -1]", ":, [1, 0]", "[0, 1], [1, 0]", "{i}, 1:", "..., -1", "{i}:, {i}", "0, :", ":, None", ":, :{i}", "-1, 0"],
    3: ["0", ":, 0", "..., {i}", "0, 1", "[1, 0]", ":, ::-1", "1, :, 0"],
}  # fmt: skip


class Expressions(Drawing):
    """Draws expressions over the names of an environment."""

    env: Environment
    largest = 1.4

    # ---- names and places ----

    def places(self) -> list[tuple[str, Any]]:
        return [p for name, value in self.env.variables() for p in float_places(name, value)]

    def arrays(self, *ndims: int) -> list[str]:
        return [t for t, v in self.places() if np.ndim(v) in (ndims or (1, 2, 3)) and np.size(v)]

    def integers(self) -> list[str]:
        found = [
            n for n, v in self.env.variables() if isinstance(v, int) and not isinstance(v, bool)
        ]
        return [n for n in found if n[0] in "ick"]  # not the sum of an empty list

    def index(self) -> str:
        known = self.integers()
        if not known or self.chance(0.3):
            return self.one(["0", "1", "-1", "2"])
        i = self.one(known[-3:])
        return self.one([i, i, i, f"{i} - 1", f"({i} + 1) % 2", f"-{i}"])

    def subscript(self, ndim: int) -> str:
        return self.one(SUBSCRIPTS[min(ndim, 3)]).format(i=self.index(), j=self.index())

    def element(self) -> str:
        """A number in an array."""
        found = self.arrays(1, 2)
        if not found:
            return self.number()
        name = self.one(found)
        ndim = np.ndim(self.env.value(name))
        return f"{name}[{', '.join(self.index() for _ in range(ndim))}]"

    def leaf(self, shape: Shape) -> str:
        fitting = [t for t, v in self.places() if np.shape(v) == shape]
        if shape == ():
            return self.one([*fitting[-6:] * 2, self.element(), self.element(), self.number()])
        if fitting and self.chance(0.85):
            return self.one(fitting)
        for _ in range(3):
            text = self.part()
            if text and np.shape(self.env.value(text)) == shape:
                return text
        if fitting:
            return self.one(fitting)
        if self.chance(0.2):
            return f"np.full({shape}, {self.leaf(())})"
        return f"np.sin({self.leaf(())} + np.arange({float(np.prod(shape))}).reshape({shape}))"

    def part(self) -> str:
        """A part of an array; the empty text where there is none."""
        names = self.arrays()
        if not names:
            return ""
        name = self.one(names)
        return f"{name}[{self.subscript(np.ndim(self.env.value(name)))}]"

    def narrower(self, shape: Shape) -> Shape:
        """A shape that is broadcast to another."""
        if not shape or self.chance(0.4):
            return ()
        known = [np.shape(v) for _, v in self.places()]
        fitting = [s for s in known if s != shape and _is_broadcast(s, shape)]
        return (
            fitting[int(self.rng.integers(len(fitting)))] if fitting and self.chance(0.4) else shape
        )

    # ---- expressions of a shape ----

    def fit(self, shape: Shape, depth: int = 2) -> str:
        if depth <= 0 or self.chance(0.2):
            return self.leaf(shape)
        text = self.drawn(shape, depth - 1)
        value = self.env.value(text)
        return (
            f"({text})"
            if is_float(value) and np.shape(value) == shape and is_moderate(value)
            else self.leaf(shape)
        )

    def drawn(self, shape: Shape, depth: int) -> str:
        kind = self.rng.random()
        if kind < 0.3:
            return self.one(UNARY).format(self.fit(shape, depth))
        if kind < 0.55:
            return self.one(BINARY).format(
                self.fit(shape, depth), self.fit(self.narrower(shape), depth)
            )
        if kind < 0.68:
            return self.of_table(shape, depth)
        if kind < 0.74:
            return self.chosen(shape, depth)
        return self.of_shape(shape, depth)

    def chosen(self, shape: Shape, depth: int) -> str:
        one, other = self.fit(shape, depth), self.fit(self.narrower(shape), depth)
        if shape == () or self.chance(0.3):
            return f"{one} if {self.condition()} else {self.fit(shape, depth)}"
        return self.one(
            [
                f"np.where({one} > {self.number()}, {one}, {other})",
                f"np.where({self.leaf(shape)} < {other}, {other}, {one})",
            ]
        )

    def of_shape(self, shape: Shape, depth: int) -> str:
        """By what has a result of this shape: reductions, products, elements."""
        one = self.fit(shape, depth)
        if shape == ():
            return self.reduced(depth)
        if len(shape) == 1:
            matrices = [t for t in self.arrays(2) if self.env.value(t).shape[0] == shape[0]]
            if matrices and self.chance(0.5):
                m = self.one(matrices)
                other = self.fit((self.env.value(m).shape[1],), depth)
                return self.one(
                    [
                        f"{m} @ {other}",
                        f"np.mean({m} * {other}, axis=1)",
                        f"np.sum({m}, axis=-1)",
                        f"np.max({m}, axis=1)",
                        f"np.einsum('ij,j->i', {m}, {other})",
                    ]
                )
            return self.one(OF_VECTOR).format(one)
        if len(shape) == 2:
            column = (
                self.fit((shape[0], 1), 0)
                if self.chance(0.3)
                else f"{self.fit(shape[:1], depth)}[:, None]"
            )
            row = self.fit(shape[1:], depth)
            texts = [
                f"{column} * {row}",
                f"{column} + {row}",
                f"np.outer({self.fit(shape[:1], depth)}, {row})",
            ]
            texts += [
                t.format(one) for t in OF_MATRIX + (SQUARE if shape[0] == shape[1] > 0 else [])
            ]
            return self.one(texts)
        return f"0.5 * {one}"

    def reduced(self, depth: int) -> str:
        names = self.arrays()
        if not names:
            return self.element()
        name = self.one(names)
        shape = np.shape(self.env.value(name))
        one, other = self.fit(shape, depth), self.fit(shape, 0)
        if len(shape) == 2 and shape[0] == shape[1] and self.chance(0.3):
            return self.one(OF_SQUARE).format(name)
        if len(shape) == 1 and self.chance(0.2):
            return f"{one} @ {other}"
        return self.one(OF_ARRAY).format(one, other)

    def condition(self) -> str:
        known = self.integers()
        if known and self.chance(0.4):
            i = self.one(known[-3:])
            return f"{i} {self.one(['% 2 == 0', '> 1', '!= 2', '< 1', '== 0', '>= 1'])}"
        arrays = self.arrays(1, 2)
        if arrays and self.chance(0.2):
            return f"np.{self.one(['any', 'all'])}({self.one(arrays)} {self.one(['>', '<'])} {self.number()})"
        plain = f"{self.leaf(())} {self.one(['>', '<'])} {self.number()}"
        return (
            f"{plain} {self.one(['and', 'or'])} {self.leaf(())} < {self.number()}"
            if self.chance(0.15)
            else plain
        )

    # ---- the table of operations ----

    def of_table(self, shape: Shape, depth: int) -> str:
        """An operation element by element."""
        names = [n for n, found in by_name().items() if found[0].is_elementwise]
        call = by_name()[self.one(names)][0]
        shapes = [shape if k == 0 else self.narrower(shape) for k in range(len(call.operands))]
        texts = [self.operand(o, s, depth) for o, s in zip(call.operands, shapes, strict=True)]
        return call.written(texts)

    def any_call(self) -> str:
        """Any operation, with the shapes of one of its samples."""
        found = by_name()[self.one(list(by_name()))]
        call: Call = found[int(self.rng.integers(len(found)))]
        return call.written([self.operand(o, o.shape, 1) for o in call.operands])

    def operand(self, o: Operand, shape: Shape, depth: int) -> str:
        if o.is_free:
            inner = self.fit(shape, depth)
            value = self.env.value(inner)
            inside = (
                value is not None
                and np.size(value)
                and o.low <= np.min(value)
                and np.max(value) <= o.high
            )
            if inside and self.chance(0.7):
                return inner
            middle, half = (o.low + o.high) / 2.0, 0.47 * (o.high - o.low)
            return f"({middle:.3f} + {half:.3f} * np.sin({inner}))"
        if o.may_scale and self.chance(0.7):
            return f"({literal(o.value)} * (1.0 + 0.1 * np.tanh({self.leaf(())})))"
        return literal(o.value)


def _is_broadcast(shape: Shape, to: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
