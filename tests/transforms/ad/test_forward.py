"""Forward mode: tangents next to values."""

import numpy as np
import pytest
from fuzz.compare import function_of, problems
from transforms.hard_programs import V
from transforms.sources import after

import srcdiff
from srcdiff.ir.syntax.printer import to_text


def text_of(text, *args):
    return to_text(after(text, args, "forward", kind="jvp"))


def test_a_product_has_a_tangent_for_each_factor_that_varies():
    text = text_of("def f(x, n):\n    return np.sum(x * 2.0 * n)\n", V(3), 2)
    assert text.count("tangent") == 3  # two products, one sum


def test_written_arrays_have_a_tangent_array_written_in_the_same_places():
    text = text_of("def f(x):\n    y = np.zeros(3)\n    y[1] = x[0]\n    return np.sum(y)\n", V(3))
    assert "store[where='i'] %y, " in text and "store[where='i'] %y_dot, " in text


def test_storing_what_does_not_vary_clears_the_tangent():
    text = text_of("def f(x):\n    y = x * 2.0\n    y[1] = 3.0\n    return np.sum(y)\n", V(3))
    assert "store[where='i'] %y_dot, 0.0, 1 ;tangent" in text


@pytest.mark.parametrize("value", ["3", "n", "np.arange(2)"])
@pytest.mark.parametrize("sign", ["=", "+="])
def test_whole_numbers_that_are_written_have_no_tangent(value, sign):
    place = "1:" if value.startswith("np") else "1"
    text = (
        f"def f(x, n):\n    y = x * 2.0\n    y[{place}] {sign} {value}\n    return np.sum(y * y)\n"
    )
    assert problems(function_of("import numpy as np\n\n\n" + text), (V(3), 2)) == []


def test_the_tangent_of_what_one_path_leaves_out_is_left_out_there():
    text = text_of(
        "def f(x, n):\n    s = 0.0\n    go = n > 2\n    if go:\n        xs = [x]\n"
        "        xs.append(x * 2.0)\n    if go:\n        s = np.sum(xs[1])\n    return s\n",
        V(3),
        2,
    )
    assert text.count(" = undefined") == 2 and "zeros_like_list" not in text


def test_loops_carry_tangents_along():
    text = text_of(
        "def f(x):\n    s = 1.0\n    for v in x:\n        s = s * v\n    return s\n", V(3)
    )
    assert "%s_dot" in text and "for 0, " in text


def test_helpers_give_their_tangent_with_their_result():
    text = text_of(
        "def g(v):\n    return np.sin(v)\n\n\ndef f(x):\n    return np.sum(g(x))\n", V(3)
    )
    assert "call g_jvp" in text


def test_a_tangent_that_may_be_a_broadcast_is_expanded():
    def f(x, y, n):
        return np.sum(x[:n] + y)

    for wrt in ((0,), (1,), (0, 1)):
        assert problems(f, (V(4), V(4), 1), wrt=wrt) == []
        assert problems(f, (V(4), V(4), 4), wrt=wrt) == []


def test_the_result_need_not_depend_on_the_argument():
    value, tangent = srcdiff.jvp(lambda x: 2.0, (V(3),), (np.ones(3),))
    assert (value, tangent) == (2.0, 0.0)


def test_a_result_that_no_iteration_returns_has_no_tangent():
    def f(x):
        s = 1.0
        for v in x:
            for _ in range(3):
                s = s * v
                if 2 % 2 == 1:
                    return s
        return s * 2

    assert problems(f, (V(4),)) == []


def climbed(a, c):
    """The ascent depends on `c` alone, though its helper is given `a`."""
    value = a * a - c * c
    while slope_of(a, c) ** 2 > 1e-3:
        c = c + 0.1 * slope_of(a, c)
        value = a * a - c * c
    return value


def slope_of(a, c):
    if c > 2.0:
        return -4.0
    return -2.0 * c


def test_compiled_tangents_are_of_what_helpers_depend_on():
    jvp = srcdiff.make_jvp(climbed, argnums=0, jit=True)
    assert "c_dot" not in jvp.loop_source_for(0.7, 1.5)
    value, tangent = jvp(0.7, 1.5)(1.0)
    assert value == climbed(0.7, 1.5)
    np.testing.assert_allclose(tangent, 1.4)
