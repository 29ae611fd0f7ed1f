"""Reverse mode: derivatives of hard programs, and the text of derivatives of small programs."""

import numpy as np
import pytest
from fuzz.compare import problems
from transforms.hard_programs import CASES, REFUSED, V
from transforms.sources import after, agrees, refusal_of

import srcdiff
from srcdiff.ir.syntax.printer import to_text


@pytest.mark.parametrize("name", CASES)
def test_hard_programs_have_the_derivatives_that_differences_show(name):
    function, args = CASES[name]
    assert problems(function, args) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused_at_a_line_with_advice(name):
    function, args, message = REFUSED[name]
    found = refusal_of(function, args)
    assert message in found
    assert f"in {name}: " in found and "hard_programs.py:" in found
    assert len(found.splitlines()) >= 4  # the message, the line, the caret, the advice


def test_adjoints_of_values_are_values_and_of_written_arrays_buffers():
    fn = after(
        "def f(x):\n    y = x * 2.0\n    y[0] = x[1]\n    return np.sum(y)\n", (V(3),), "reverse"
    )
    text = to_text(fn)
    assert "store[where='i'] %d_y, 0.0, 0" in text  # writing takes out of the buffer
    assert text.count("zeros_of") == 1  # d_y; that of x starts from what y was made of


def test_a_loop_is_reversed_by_a_loop_that_restores_what_the_first_saved():
    text = to_text(
        after(
            "def f(x):\n    s = 1.0\n    for v in x:\n        s = s * np.sin(v)\n    return s\n",
            (V(3),),
            "reverse",
        )
    )
    assert "save[slot=" in text and "restore[slot=" in text and "reverse pair=1" in text


def test_a_swap_in_one_branch_swaps_the_adjoints_in_the_branch():
    agrees(
        """
        def f(x, k):
            u = x.copy()
            v = x * k
            for i in range(4):
                if i % 3 != 1:
                    v[1:-1] = np.sin(u[:-2]) * k + u[2:] * v[1:-1]
                    u, v = v, u
                else:
                    u *= k
            return np.sum(u * u) + np.sum(v)
        """,
        V(5),
        0.7,
    )


def test_an_array_that_a_loop_in_a_branch_reads_gets_its_share():
    agrees(
        """
        def f(x, a):
            s = a
            if a > 0.1:
                for i in range(3):
                    s += x[i] * x[i + 1]
            return s
        """,
        V(4),
        0.5,
    )


def test_negative_indices_are_the_same_places_as_others():
    agrees(
        """
        def f(x):
            y = np.sin(x)
            for i in range(4):
                y[i] = y[i] * y[i - 1]
            return np.sum(y)
        """,
        V(4),
    )


def test_results_of_helpers_that_are_written_later_are_kept():
    agrees(
        """
        def both(s, v):
            return np.tanh(s) * v, s - v[0]

        def f(x, a):
            u, t = both(a, np.sin(x))
            for i in range(3):
                u[i + 1] = a * t
            return np.sum(u * u)
        """,
        V(4),
        0.4,
    )


def test_results_that_are_arguments_are_copies():
    _, back = srcdiff.vjp(lambda x: x, V(3))
    weights = np.ones(3)
    (d_x,) = back(weights)
    d_x[0] = 5.0
    assert weights[0] == 1.0


def test_the_weights_of_a_list_are_not_modified():
    def f(x):
        xs = []
        for v in x:
            xs.append(v * v)
        return xs

    _value, back = srcdiff.vjp(f, V(3))
    weights = [1.0, 2.0, 3.0]
    (d_x,) = back(weights)
    assert weights == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(d_x, 2 * V(3) * [1.0, 2.0, 3.0])


def test_gradients_have_the_dtype_of_their_argument():
    def f(x, k):
        y = x.copy()
        for i in range(1, 4):
            y[i] = y[i] * y[i - 1] + k
        return np.sum(y * y)

    d_x = srcdiff.grad(f)(V(4).astype(np.float32), 0.5)
    assert d_x.dtype == np.float32


def test_several_results_are_weighted_together():
    def f(x):
        return np.sum(x), {"a": x * x, "b": 2}

    _value, back = srcdiff.vjp(f, V(3))
    (d_x,) = back((2.0, {"a": np.ones(3), "b": None}))
    np.testing.assert_allclose(d_x, 2.0 + 2 * V(3))


def test_the_adjoint_of_what_a_later_value_wrote_over_is_zero():
    def f(x, v, at):
        y = x * 1.0
        y[at] = v
        return np.sum(y * np.arange(1.0, 4.0))

    d_x, d_v = srcdiff.grad(f, argnums=(0, 1))(V(3), V(4), np.array([0, 2, -1, 0]))
    np.testing.assert_array_equal(d_x, [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(d_v, [0.0, 0.0, 3.0, 1.0])


def test_what_may_have_one_element_is_broadcast_in_adjoints():
    def weighted(x, n):
        return np.sum((x * 1.0) ** 2 * x[:n])

    x = np.linspace(-1.0, 1.3, 6)
    expected = 2.0 * x * x[0] + np.eye(6)[0] * np.sum(x**2)
    np.testing.assert_allclose(srcdiff.grad(weighted)(x, 1), expected)
    np.testing.assert_allclose(srcdiff.grad(weighted, jit=True)(x, -5), expected)
    np.testing.assert_allclose(srcdiff.grad(weighted)(x, -5), expected)


def test_a_range_that_begins_with_what_is_differentiated_is_refused_and_no_zero():
    def f(x):
        return np.sum(np.arange(x, x + 3.0))

    with pytest.raises(
        srcdiff.UnsupportedError, match="derivative of arange with respect to argument 1"
    ):
        srcdiff.grad(f)(0.5)
    g = srcdiff.grad(lambda x, end: np.sum(x * np.arange(0.0, end, 0.5)))
    assert g(2.0, 1.5) == 1.5
