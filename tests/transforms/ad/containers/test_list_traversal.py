"""List traversal: lists of which one loop takes each item once."""

import numpy as np
import pytest
from fuzz.compare import problems
from transforms.sources import after

import srcdiff
from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import For
from srcdiff.transforms.ad.containers.list_traversal import lists_by_element
from srcdiff.transforms.analysis.dependence.load_stability import survey

BODY = "def f(x):\n    xs = []\n    for k in range(3):\n        xs.append(x * k)\n    s = 0.0\n{loop}    return s\n"
LOOPS = {
    "each element": ("    for v in xs:\n        s += np.sum(v * v)\n", True),
    "and its length": ("    for v in xs:\n        s += np.sum(v * v) / len(xs)\n", True),
    "some of them": ("    for k in range(2):\n        s += np.sum(xs[k] * xs[k])\n", False),
    **{
        f"those of range({of})": (
            f"    for k in range({of}):\n        s += np.sum(xs[k] ** 2)\n",
            is_each,
        )
        for of, is_each in {
            "len(xs)": True,
            "1, len(xs)": False,
            "0, len(xs), 2": False,
            "len(xs) - 1, -1, -1": False,
            "len(x)": False,
        }.items()
    },
    "not all, after a break": (
        "    for v in xs:\n        s += np.sum(v)\n        if s > 1.0:\n            break\n",
        False,
    ),
    "each, and one again": ("    for v in xs:\n        s += np.sum(v * xs[0])\n", False),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_over_a_list_is_found_where_nothing_else_uses_the_list(name):
    loop, is_found = LOOPS[name]
    fn = after(BODY.format(loop=loop), (np.ones(3),), "load insertion")
    found = lists_by_element(survey(fn.body, storage_roots(fn)), frozenset())
    assert [xs.name for xs in found] == ["xs"] * is_found
    assert all(isinstance(loop, For) and loop in fn.body.body for loop in found.values())


def filled_items(x):
    xs = []
    for i in range(4):
        y = np.zeros(4)
        y[i] = x[i] ** 2
        xs.append(y)
    s = 1.0
    for v in xs:
        s = s * (1.0 + np.sum(v * x))
    return s


def items_written_in_the_loop(x):
    xs = []
    for i in range(4):
        xs.append(x * x[i])
    s = 0.0
    for v in xs:
        v[0] *= 2.0
        s += np.sum(v * v)
    return s


def states_of_a_loop(x):
    state, states = x.copy(), []
    for i in range(4):
        states.append(state)
        new = np.empty(4)
        for j in range(4):
            new[j] = state[j] * x[i]
        state = new
    return sum(np.sum(v * v) for v in states)


@pytest.mark.parametrize("f", [filled_items, items_written_in_the_loop, states_of_a_loop])
def test_items_that_are_written_have_their_adjoints_on_the_list(f):
    x = np.array([0.5, 0.7, -0.9, 1.3])
    assert problems(f, (x,), second=True) == []
    _, back = srcdiff.vjp(srcdiff.grad(f), x, argnums=0)
    np.testing.assert_allclose(back(x), srcdiff.hvp(f)(x, x), rtol=1e-10)
