"""Storage of residuals: arrays allocated in front of the outermost loop, or lists."""

import pytest
from transforms.hard_programs import V
from transforms.sources import after, agrees

from srcdiff.ir.core import For, Op
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.syntax.spelling import plural

NESTED = "def f(x):\n    s = 1.0\n    for i in range(3):\n        for j in range({bounds}):\n            s = s * np.sin(x[i] * x[j] + 1.0)\n    return s\n"


@pytest.mark.parametrize("bounds", ["4", "i", "i, 4", "3, -1, -1", "0, 4, 2", "1, 4"])
def test_nested_loops_of_any_bounds_keep_what_they_need(bounds):
    agrees(NESTED.format(bounds=bounds), V(4))


def test_storage_is_allocated_in_front_of_the_outermost_loop():
    fn = after(NESTED.format(bounds="4"), (V(4),), "residuals")
    first = next(k for k, s in enumerate(fn.body.body) if isinstance(s, For))
    made = [s for s in fn.body.body[:first] if isinstance(s, Op) and s.decl.name == "empty"]
    assert [len(s.operands) for s in made] == [2]


def test_values_of_a_while_in_a_for_are_taken_off_a_list_in_the_opposite_order():
    text = "def f(x):\n    s = 0.5\n    for v in x:\n        n = 0\n        while s < 0.9 and n < 4:\n            s = s * s + v * v\n            n += 1\n        s = np.sin(s)\n    return s\n"
    assert "list_pop" in to_text(after(text, (V(4),), "residuals"))
    agrees(text, V(4))


def test_a_value_of_a_branch_that_no_loop_is_around_is_a_result_of_the_branch():
    text = "def f(x, a):\n    y = x.copy()\n    if a > 0.1:\n        t = np.sum(y) * a\n        y[0] = t * t\n    return np.sum(y * y)\n"
    agrees(text, V(4), 0.5)


def test_zero_iterations_keep_nothing():
    agrees(
        "def f(x, n):\n    s = 1.0\n    for i in range(n):\n        s = s * x[i]\n    return s + x[0]\n",
        V(3),
        0,
    )
    agrees(
        "def f(x, n):\n    s = 1.0\n    for i in range(2, n):\n        s = s * x[i]\n    return s + x[0]\n",
        V(3),
        0,
    )


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("log_alpha", "log_alphas"),
        ("x", "xs"),
        ("box", "boxes"),
        ("entry", "entries"),
        ("iterations", "all_iterations"),
        ("", ""),
    ],
)
def test_what_holds_the_values_of_each_iteration_is_named_in_the_plural(one, many):
    assert plural(one) == many
