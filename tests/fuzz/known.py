"""What random programs are refused for, and findings that are to be mended: each with its reason and a program.
Programs without types are not refused: their derivatives run in the interpreter.

The lists only get shorter: `test_fuzz.py` fails for an entry whose program no longer shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from fuzz.program import Program

X = np.array([0.4, -0.7, 0.9])


@dataclass(frozen=True)
class Entry:
    """A pattern of messages, the reason for which they stand, and the smallest program that shows it."""

    pattern: str
    reason: str
    text: str
    args: tuple[Any, ...] = (X, 0.3, 2)
    change: str = ""  # the transformation that shows it

    @property
    def program(self) -> Program:
        return Program(0, f"import numpy as np\n\n\n{self.text}", self.args)


# errors at the user's line
REFUSALS = (
    Entry(
        "has length 1 is known only when the program runs",
        "`np.einsum` broadcasts an axis of length one, and the lengths of lists of numbers are not known",
        "def f(l, a, k):\n    return np.einsum('i,i', l, [a, 1.0])\n",
        ([0.4, -0.7], 0.3, 2),
    ),
    Entry(
        "may not be bound here",
        "a function that one branch makes is called after it",
        "def f(x, a, k):\n    if k > 1:\n        def h(v):\n            return v * a\n    return h(a)\n",
    ),
    Entry(
        "the truth value of an array is ambiguous",
        "an array of one element has a truth value in NumPy, and its length is not part of its type",
        "def f(x, a, k):\n    if x > 0.1:\n        a = a * 2.0\n    return a + np.sum(x)\n",
        (X[:1], 0.3, 2),
    ),
    Entry(
        "this operator does not take a tuple|cannot (loop over|write into) float64|float64!? cannot be subscripted|which NumPy makes read-only|@ takes arrays|the name `.*` is not defined",
        "statements that never run are read with types, too, and raise when they are read",
        "def f(x, a, k):\n    if k > 5:\n        for v in a:\n            x = x * v\n    return np.sum(x) * a\n",
    ),
    Entry(
        "do not broadcast|of lengths .* differ",
        "lengths that do not fit are refused when they are read, also in a statement that this call does not run",
        "def f(x, a, k):\n    for i in range(k - 2):\n        a += np.dot(np.ones(3), np.zeros(4))\n    return np.sum(x) * a\n",
    ),
    Entry(
        "(CubicSpline|interp1d|apply_along_axis|piecewise)` is not known to srcdiff",
        "library functions that give or take functions are not read in programs without types",
        "def f(x, a, k):\n    match (k, a):\n        case (2, v):\n            a = v\n    return a * np.sum(np.apply_along_axis(lambda v: v * 2.0, 0, x))\n",
    ),
    Entry(
        "ValueError: some eigenvalues are complex",
        "eigenvalues of a real matrix are real or complex as the run finds them, and real ones have a type",
        "def f(x, a, k):\n    return np.sum(np.real(np.linalg.eigvals(np.array([[a, 1.0], [-1.0, a]]))))\n",
    ),
    Entry(
        "takes is written later, and its result would show|an array is written of which `.real`, `.imag`",
        "the real part of a complex array shares memory with the array, and each has an adjoint of its own",
        "def f(x, a, k):\n    match (k, a):\n        case (2, v):\n            a = v\n    z = 1j * x\n    v = np.imag(z)\n    z[0] = a\n    return np.sum(v)\n",
    ),
)

# findings that are not mended yet
KNOWN = (
    Entry(
        "KeyError: %|no derivative of f could be generated .%",
        "a write in a branch that never runs, because a branch around it has the opposite condition, has no text",
        "def f(x, a, k):\n    if k != 2:\n        x = x * 1.0\n    else:\n        if k != 2:\n            x *= a\n    return np.sum(np.cos(x))\n",
    ),
    Entry(
        "whole_into_helper: at .* finite",
        "exponentials of arrays are not cancelled in helpers",
        "def f(x, a, k):\n    x = np.exp(x * 1.0) * 0.5 / np.exp(x * 1.0)\n    return np.sum(x)\n",
        change="whole_into_helper",
    ),
    Entry(
        "constant_as_argument: at .* finite",
        "exponentials of products with arguments are not cancelled",
        "def f(x, a, k):\n    return np.sum(np.exp(x * 1.0) * 0.5 / np.exp(x * 1.0))\n",
        change="constant_as_argument",
    ),
    Entry(
        "LinAlgError: [Ss]ingular",
        "the derivative of det is written with the inverse",
        "def f(x, a, k):\n    return np.linalg.det(np.full((3, 3), a)) + a\n",
    ),
    Entry(
        "rest_of_lstsq",
        "in a program without types, forward mode needs the tangents of results that are not used",
        "def f(x, a, k, l):\n    items = l + [a]\n    return np.sum(np.linalg.lstsq(np.arange(6.0).reshape(3, 2), x)[0]) + items[-1]\n",
        (X, 0.3, 2, [X, X]),
    ),
    Entry(
        "zero-size array to reduction operation maximum",
        "a quotient of exponentials and their sum is rewritten as `softmax`, whose maximum needs an element",
        "def f(x, a, k):\n    y = np.exp(x[3:]) / np.sum(np.exp(x[3:]))\n    return np.sum(x) * a + np.sum(y)\n",
    ),
)
