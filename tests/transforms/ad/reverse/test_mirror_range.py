"""Mirror ranges: loops of all ranges, left at once, early or not at all, in both directions, in first and second order."""

import numpy as np
import pytest
from transforms.sources import agrees, loops_agree

RANGES = (
    *("range(n)", "range(2, n)", "range(1, n, 2)", "range(n - 1, 0, -1)", "range(n - 1, -1, -2)"),
    *("range(a, n, k)", "range(n - a, a - 1, -k)", "range(n, a, k)"),
)
LOOP = """
def f(x, n, a, k, limit):
    s = 0.2
    for i in {indices}:
        s = s * np.sin(x[i]) + x[i] ** 2
        if s > limit:
            break
        s = s + 0.1 * x[i] ** 3
    return s * x[0]
"""


@pytest.mark.parametrize("indices", [*RANGES, *map("reversed({})".format, RANGES)])
def test_a_loop_that_is_left_is_reversed_from_where_it_was_left(indices):
    x, text = np.linspace(0.4, 1.7, 6), LOOP.format(indices=indices)
    for limit in (0.0, 1.4, 9.0):
        agrees(text, x, 6, 1, 2, limit)
        loops_agree(text, x, 6, 1, 2, limit)
