"""Lists of which one loop takes each element once."""

import numpy as np
import pytest
from transforms.sources import after

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import For
from srcdiff.transforms.by_element import lists_by_element
from srcdiff.transforms.loads import survey

BODY = "def f(x):\n    xs = []\n    for k in range(3):\n        xs.append(x * k)\n    s = 0.0\n{loop}    return s\n"
LOOPS = {
    "each element": ("    for v in xs:\n        s += np.sum(v * v)\n", True),
    "and its length": ("    for v in xs:\n        s += np.sum(v * v) / len(xs)\n", True),
    "some of them": ("    for k in range(2):\n        s += np.sum(xs[k] * xs[k])\n", False),
    "not all, after a break": (
        "    for v in xs:\n        s += np.sum(v)\n        if s > 1.0:\n            break\n",
        False,
    ),
    "each, and one again": ("    for v in xs:\n        s += np.sum(v * xs[0])\n", False),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_over_a_list_is_found_where_nothing_else_uses_the_list(name):
    loop, is_found = LOOPS[name]
    fn = after(BODY.format(loop=loop), (np.ones(3),), "reads")
    found = lists_by_element(survey(fn.body, storage_roots(fn)))
    assert [xs.name for xs in found] == ["xs"] * is_found
    assert all(isinstance(loop, For) and loop in fn.body.body for loop in found.values())
