"""What random programs are refused for, and findings that are to be mended: each with its reason and a program.

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
        "Python's True or False, and not NumPy's, is not known",
        "`match` of a truth value needs its class",
        "def f(x, a, k):\n    match bool(a > 0.1):\n        case True:\n            a = 2.0 * a\n        case _:\n            a = -a\n    return a + 1j.real\n",
    ),
    Entry(
        "raise here would be caught",
        "exceptions of library functions are no part of a program",
        "def f(x, a, k):\n    try:\n        v = np.linalg.solve(np.outer(x, x) + np.eye(3), x)\n    except ValueError:\n        v = x\n    return np.sum(v)\n",
    ),
    Entry(
        "`match` is supported on constants only",
        "patterns that unpack values are not read with types",
        "def f(x, a, k):\n    match (k, a):\n        case (2, v):\n            a = v * v\n        case _:\n            a = -a\n    return a + np.real(a + 1j)\n",
    ),
    Entry(
        "has length 1 is known only when the program runs",
        "`np.einsum` broadcasts an axis of length one, and the lengths of the items of lists are not known",
        "def f(ws, a, k):\n    v = np.array([0.5 for _ in ws[-1]])\n    return np.einsum('ij,j->i', np.outer(ws[0], ws[0]), v)[0] * a\n",
        ([X, X], 0.3, 2),
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
        "the list holds .* is put on it|the type of what is put on this list|the arrays on the list have different lengths",
        "the items of a list that grows have one type",
        "def f(x, a, k):\n    items = [x]\n    items.append(a)\n    for i in range(k):\n        items.append(a)\n    return items[-1] + 1j.real\n",
    ),
    Entry(
        "this operator does not take a tuple|cannot (loop over|write into) float64|float64 cannot be subscripted|which NumPy makes read-only",
        "statements that never run are read with types, too, and raise when they are read",
        "def f(x, a, k):\n    if k > 5:\n        for v in a:\n            x = x * v\n    return np.sum(x) * a\n",
    ),
    Entry(
        "do not broadcast|of lengths .* differ",
        "lengths that do not fit are refused when they are read, also in a statement that this call does not run",
        "def f(x, a, k):\n    for i in range(k - 2):\n        a += np.dot(np.ones(3), np.zeros(4))\n    return np.sum(x) * a\n",
    ),
    Entry(
        "an array that is written has two names where a loop or branch passes it on|an array is written after it was put into",
        "the backward part knows of one name for storage that is written",
        "def f(x, a, k):\n    rows = [v for v in np.outer(x, x)]\n    for i, row in enumerate(rows):\n        np.subtract.at(row, [0], 0.6)\n    return np.sum(row) * a\n",
    ),
    Entry(
        "(CubicSpline|apply_along_axis|piecewise)` is not known to srcdiff",
        "library functions that give or take functions are not read in programs without types",
        "def f(x, a, k):\n    match (k, a):\n        case (2, v):\n            a = v\n    return a * np.sum(np.apply_along_axis(lambda v: v * 2.0, 0, x))\n",
    ),
    Entry(
        "writes into arrays of its argument .*, which is a list",
        "a gradient leaves its arguments as they are, and the items of a list are not copied",
        "def f(x, a, k, l):\n    items = list(l)\n    items[-1] *= a\n    return np.sum(x) * a\n",
        (X, 0.3, 2, [X[:0], X[:0]]),
    ),
    Entry(
        "an exception may leave this `finally`, and be caught outside",
        "a `finally` runs once in the text, whatever leaves its block",
        "def f(x, a, k):\n    y = x.copy()\n    try:\n        try:\n            y[0] = a\n            if k > 1:\n                raise ValueError\n        finally:\n            y[1] = 2.0 * a\n    except ValueError:\n        y = y * a\n    return np.sum(y)\n",
    ),
    Entry(
        "a loop over a generator stands inside of `try`",
        "the body of a generator is read in the place of the loop",
        "def powers(v, n):\n    for i in range(n):\n        yield v ** (i + 1)\n\n\ndef f(x, a, k):\n    try:\n        a = sum(powers(a, 3))\n        if k > 5:\n            raise ValueError\n    except ValueError:\n        a = 2.0\n    return a * np.sum(x)\n",
    ),
    Entry(
        "the dict has no key|a container is changed in two ways",
        "a dict has the same keys on each way through a program",
        "def f(x, a, k):\n    d = {'u': a}\n    if k > 1:\n        d['v'] = 2.0 * a\n    return np.sum(x) * d['v']\n",
    ),
    Entry(
        "ValueError: some eigenvalues are complex",
        "eigenvalues of a real matrix are real or complex as the run finds them, and real ones have a type",
        "def f(x, a, k):\n    return np.sum(np.real(np.linalg.eigvals(np.array([[a, 1.0], [-1.0, a]]))))\n",
    ),
)

# findings that are not mended yet
KNOWN = (
    Entry(
        "halved_terms: at .* finite before only",
        "the logarithm of a sum of more than six exponentials is not rewritten",
        "def f(x, a, k):\n    return np.log(np.exp(x[0]) + np.exp(x[1]) + np.exp(x[2]) + np.exp(a))\n",
        change="halved_terms",
    ),
    Entry(
        "^(into_helper|helper_inlined): at .* finite",
        "rewriting reaches into helpers of twelve operations at most",
        "def f(x, a, k):\n    v = np.exp(x[0] * 2.0 + a * x[1]) + np.exp(x[1] - a) + np.exp(x[2] * 3.0 - a * k + x[0])\n    return np.log(v)\n",
        change="into_helper",
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
