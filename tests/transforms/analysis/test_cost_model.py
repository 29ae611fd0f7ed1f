"""The cost model: compiled loops store values that are expensive to compute again, and recompute cheap ones."""

import numpy as np
import pytest
from transforms.hard_programs import V
from transforms.sources import kept, loops_agree, source

ITERATION = """
    def f(x, y):
        s = 0.5
        for i in range(len(x)):
            s = s * 0.9 + 1.0
        for i in range(len(x)):
            s = s + {value} * s
        return s
"""


@pytest.mark.parametrize(
    ("value", "count"), [("(x[i] * y[i])", 1), ("math.lgamma(x[i] * y[i])", 2)]
)
def test_a_dear_value_is_kept_and_a_cheap_one_is_not(value, count):
    text = "    import math\n" + ITERATION.format(value=value)
    args = (abs(V(5)) + 1.0, abs(V(5)) + 1.0)
    assert kept(source(text), args, loops=True, argnums=(0, 1)) == count * 5
    loops_agree(text, *args)


def test_a_square_is_cheap_and_another_power_is_not():
    args = (abs(V(5)) + 1.0, abs(V(5)) + 1.0)
    square, power = (ITERATION.format(value=f"x[i] ** {k}") for k in ("2", "y[i]"))
    assert kept(source(square), args, loops=True, argnums=(0, 1)) == 5
    assert kept(source(power), args, loops=True, argnums=(0, 1)) == 2 * 5


def test_what_leaves_the_caches_is_computed_again():
    """An `exp` costs about as much as storing a number; but not in an array with three axes of any lengths."""
    branches = """
        def f(x, w, n):
            h, old = x.copy(), np.empty(len(x))
            for t in range(n):
                for j in range(len(x)):
                    old[j] = h[j]
                for j in range(len(x)):
                    total = 0.0
                    for i in range(len(x)):
                        total += np.exp(0.5 * (old[i] + w[i, j]) - 0.1)
                    h[j] = np.log(total)
            return np.sum(h)
    """
    x = V(4)
    args = (x, np.outer(x, x), 3)
    options = {"loops": True, "argnums": (0, 1), "fastmath": False}
    assert kept(source(branches), args, **options) < 3 * 4 * 4
    loops_agree(branches, *args)
