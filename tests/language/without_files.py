"""Functions that are defined in a REPL, in a notebook cell, or by `exec`."""

import linecache

import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
without_files = Row("without a file")
ROWS = [without_files]


def cell(number, text):
    """What a notebook does with a cell: its text is in `linecache` under a name that is no file's."""
    name = f"<ipython-input-{number}>"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    made = {"np": np}
    exec(compile(text, name, "exec"), made)
    return made


without_files((x3,))(cell(1, "def in_a_cell(x):\n    return np.sum(x**2)\n")["in_a_cell"])
without_files((0.7,))(
    cell(
        2,
        "def helper(x):\n    return x * x\n\ndef with_a_helper(x):\n    return np.sin(helper(x)) + x\n",
    )["with_a_helper"]
)
without_files((0.7, 1.2))(
    cell(3, "k = 3.0\ndef with_a_global(x, y=2.0):\n    return k * x**2 * y\n")["with_a_global"]
)
without_files((x3,))(
    cell(4, "def with_a_loop(x):\n    s = 0.0\n    for v in x:\n        s += v**3\n    return s\n")[
        "with_a_loop"
    ]
)
by_lambda = cell(5, "by_lambda = lambda x: np.sum(np.tanh(x))\n")["by_lambda"]
by_lambda.__name__ = "by_lambda"
without_files((x3,))(by_lambda)
without_files((0.4,))(
    cell(
        6,
        "class Model:\n    k = 2.0\n    def loss(self, x):\n        return self.k * x**2\nloss = Model().loss\n",
    )["loss"]
)
