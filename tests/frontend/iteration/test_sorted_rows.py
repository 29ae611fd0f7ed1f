"""Rows of known parts, sorted by keys that are known when compiling."""

import itertools

import numpy as np
import pytest
from transforms.sources import source

import srcdiff

KEYS = (
    "key=operator.itemgetter(0)",
    "key=lambda row: row[0]",
    "key=lambda row: len(row[0])",
    "key=first",
)
ROWS = ("d.items()", "[('c', x), ('a', y), ('b', x * y)]", "zip(['b', 'aa', 'c'], [x, y, x + y])")


@pytest.mark.parametrize(
    ("key", "rows", "falls"), list(itertools.product(KEYS, ROWS, ("", "reverse=True")))
)
def test_rows_in_the_order_of_their_keys(key, rows, falls):
    options = "".join(f", {o}" for o in (key, falls) if o)
    f = source(
        f"""
        import operator

        def first(row):
            return row[0]

        def f(x, y):
            d = {{"b": x, "a": y**2, "ccc": x * y}}
            total = 0.0
            for k, (name, v) in enumerate(sorted({rows}{options})):
                total += (k + 1) * len(name) * v
            return total
        """
    )
    with np.errstate(all="raise"):
        step = 1e-6
        expected = [(f(2.0 + step, 3.0) - f(2.0 - step, 3.0)) / (2 * step)]
        expected.append((f(2.0, 3.0 + step) - f(2.0, 3.0 - step)) / (2 * step))
    np.testing.assert_allclose(srcdiff.grad(f, argnums=(0, 1))(2.0, 3.0), expected, rtol=1e-7)
