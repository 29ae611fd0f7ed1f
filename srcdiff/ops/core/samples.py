"""Samples: how tests draw operands for an operation. Every differentiable operation declares a few `Sample`s.

The tests check the rule, the type rule and the printed text of an operation on each of its samples. For a composite,
a sample gives the text of the call (`call`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcdiff.ir.values import Attrs

Draw = Callable[
    ["np.random.Generator"], tuple[Any, ...]
]  # in quotes: numpy.random takes 10 ms to import


@dataclass(frozen=True)
class Sample:
    """One way to call an operation.

    Attributes
    ----------
    args : callable
        `args(rng)` gives the values of the operands.
    attrs : mapping
        The static attributes.
    avoid : str
        Why finite differences are not valid here (a tie, a kink, an infinity). `gradients` then holds the right values.
    wrt : tuple of int
        The operands whose derivatives are checked.
    gradients : tuple or None
        The known derivatives of the sum of the result, one for each operand in `wrt`.
    text : str
        The call, with the operands as `x`, `y`, `z`, `w`.
    complex_text : str
        The call for complex operands, where not all of the result is determined (phases of vectors are not).
    """

    args: Draw
    attrs: Attrs = field(default_factory=dict)
    avoid: str = ""
    wrt: tuple[int, ...] = (0,)
    gradients: tuple[Any, ...] | None = None
    text: str = ""
    complex_text: str = ""


def uniform(
    rng: np.random.Generator, shape: Sequence[int], low: float, high: float
) -> np.ndarray | float:
    """Numbers in an interval; a Python float where the shape is ()."""
    return rng.uniform(low, high, size=tuple(shape)) if shape else float(rng.uniform(low, high))


def draw(
    *shapes: Sequence[int],
    low: float = -2.0,
    high: float = 2.0,
    wrt: tuple[int, ...] | None = None,
    **attrs: object,
) -> Sample:
    """Operands with these shapes, uniform in an interval; all of them are differentiated unless `wrt` lists some."""
    every = tuple(range(len(shapes)))
    return Sample(
        lambda rng: tuple(uniform(rng, s, low, high) for s in shapes),
        attrs,
        wrt=every if wrt is None else wrt,
    )


def fixed(
    *values: object,
    avoid: str = "",
    wrt: tuple[int, ...] = (0,),
    gradients: tuple[object, ...] | None = None,
    **attrs: object,
) -> Sample:
    """Given operands; lists become arrays."""
    made = tuple(np.array(v) if isinstance(v, list) else v for v in values)
    return Sample(lambda rng: made, attrs, avoid=avoid, wrt=wrt, gradients=gradients)


def call(
    text: str,
    *operands: object,
    low: float = -2.0,
    high: float = 2.0,
    wrt: tuple[int, ...] | None = None,
    avoid: str = "",
    gradients: tuple[object, ...] | None = None,
    complex_text: str = "",
) -> Sample:
    """A call as programs write it, with `x`, `y`, `z`, `w`: tuples are shapes to draw, other values are operands."""

    def args(rng: np.random.Generator) -> tuple[object, ...]:
        return tuple(
            uniform(rng, v, low, high)
            if isinstance(v, tuple)
            else np.array(v)
            if isinstance(v, list)
            else v
            for v in operands
        )

    drawn = tuple(
        k for k, v in enumerate(operands) if isinstance(v, tuple) or np.asarray(v).dtype.kind == "f"
    )
    every = drawn if wrt is None else wrt
    return Sample(
        args, avoid=avoid, wrt=every, gradients=gradients, text=text, complex_text=complex_text
    )


def unary(low: float = -2.0, high: float = 2.0) -> tuple[Sample, ...]:
    """One operand of several shapes: ordinary, higher rank with a length-1 axis, scalar, length 1, empty."""
    return tuple(draw(shape, low=low, high=high) for shape in ((4,), (2, 1, 3), (), (1,), (0,)))


def binary(low: float = -2.0, high: float = 2.0) -> tuple[Sample, ...]:
    """Two operands that broadcast, in all ways."""
    pairs = (
        ((4,), (4,)),
        ((2, 3), (3,)),
        ((), (3,)),
        ((3,), ()),
        ((2, 1), (1, 3)),
        ((), ()),
        ((1,), (1,)),
        ((0,), (1,)),
    )
    return tuple(draw(a, b, low=low, high=high) for a, b in pairs)


def of_complex(*shapes: Sequence[int]) -> tuple[Sample, ...]:
    """One complex operand for each of these shapes."""

    def sample(shape: Sequence[int]) -> Sample:
        return Sample(
            lambda rng: (uniform(rng, shape, -2.0, 2.0) + 1j * uniform(rng, shape, -2.0, 2.0),)
        )

    return tuple(map(sample, shapes or ((4,), (2, 1, 3), (), (0,))))


def spd(n: int) -> Sample:
    """A symmetric positive definite matrix."""

    def args(rng: np.random.Generator) -> tuple[object, ...]:
        root = rng.normal(size=(n, n))
        return (root @ root.T + n * np.eye(n),)

    return Sample(args)
