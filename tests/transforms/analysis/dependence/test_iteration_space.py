"""Iteration spaces: storage for all iterations has the length `max(n, 0)` only where n may be negative."""

import numpy as np
import pytest
from fuzz.compare import expected, function_of, generated, problems

import srcdiff
from srcdiff.ir.types import Clamp, Dim

LOOP = "import numpy as np\ndef f(x, n, k):\n    s = 1.0\n{before}    for i in range({bounds}):\n        s = np.sin(s + x[i])\n    return s * s\n"


def storage(bounds, before=""):
    text = srcdiff.grad(function_of(LOOP.format(bounds=bounds, before=before))).source_for(
        np.ones(4), 3, -1
    )
    (line,) = [each.strip() for each in text.splitlines() if "ss = np.empty" in each]
    return line


@pytest.mark.parametrize(
    ("bounds", "length"),
    [
        ("len(x)", "len(x)"),
        ("1, len(x)", "len(x)"),
        ("x.shape[0] - 1", "x.shape[0]"),
        ("n", "n"),
        ("2, n", "n"),
        ("k", "max(k, 0)"),
        ("2, k", "max(k, 0)"),
        ("n, len(x)", "max(len(x) - n, 0)"),
    ],
)
def test_an_axis_has_room_only_where_the_length_is_known(bounds, length):
    assert storage(bounds) == f"ss = np.empty({length})"


def test_an_array_of_a_length_says_that_it_is_one():
    assert storage("n", "    x = x[:3] + np.zeros(n)\n") == "ss = np.empty(n)"


def test_the_larger_of_a_number_and_0_stays_that_under_another_name():
    n, m = Dim.of("n"), Dim.of("m")
    clamped = Dim.of(Clamp(n))
    assert clamped.substitute({"n": m}) == Dim.of(Clamp(m))
    assert clamped.substitute({"n": Dim(-2)}) == Dim(0)
    assert Dim.of(Clamp(n - 1)).substitute({"n": m + 1}) == m
    assert clamped.trip_bound() == n


NESTED = """import numpy as np
def f(x, n, m):
    s = x[0]
    y = x * 1.0
    for i in range({outer}):
        s = np.sin(s + x[i % 3])
        for j in range({inner}):
            s = s * np.cos(x[j % 3] + s)
            y[j % 3] = y[(j + 1) % 3] * s
    return s * s + np.sum(y * y)
"""


@pytest.mark.parametrize("outer", ["n", "2, n", "n, m", "n - 1, -1, -1", "n, n + 3"])
@pytest.mark.parametrize("inner", ["m", "i, m", "i", "1, i + n", "m - i", "1, len(x)"])
def test_the_value_after_the_last_iteration_has_a_place_without_iterations(outer, inner):
    f = function_of(NESTED.format(outer=outer, inner=inner))
    x = np.array([0.3, 0.5, -0.2])
    gradient = generated(f, (0,))
    for n, m in [(3, 4), (2, 1), (0, 0), (-2, 3), (3, -1), (-4, -2)]:
        want = expected(f, (x, n, m))
        value, (d_x,) = gradient(x, n, m)
        assert value == want.value
        assert want.has_slope(float(d_x @ want.directions[0]))


def test_a_loop_over_all_but_the_first_element_needs_no_further_place_where_the_first_is_read():
    text = NESTED.format(outer="n", inner="1, len(x)")
    assert "np.empty((n, len(x)))" in srcdiff.grad(function_of(text)).source_for(np.ones(3), 2, 2)
    text = text.replace("s = x[0]", "s = 0.1").replace("y[j % 3]", "y[j % len(x)]")
    text = text.replace("x[i % 3]", "0.2").replace("x[j % 3]", "x[j]")
    gradient = generated(function_of(text), (0,))
    assert gradient(np.zeros(0), 2, 2)[0] > 0.0


def test_a_number_that_one_path_does_not_bind_is_no_length_in_front_of_the_branch():
    def f(x):
        is_big = x[0] > 0.6
        if is_big:
            xs = []
            for v in x:
                if v > 0.0:
                    xs.append(v)
            n = len(xs)
        s = x[1]
        y = x * 2.0
        if is_big:
            for i in range(n):
                s = s * np.sin(s + y[i])
        return s

    x = np.array([0.5, 0.7, -0.9, 1.3])
    assert problems(f, (x,), second=True) == []
    assert problems(f, (x + 0.3,), second=True) == []
