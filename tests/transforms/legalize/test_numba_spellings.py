"""Numba spellings: names and messages that Numba compiles, and exceptions as a call from Python raises them."""

import math

import numpy as np
import pytest

import srcdiff
from srcdiff.transforms.legalize.numba_spellings import _plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ValueError(f'got {{{0}:.3f}} of {{{1}}}')",
            "ValueError('got ... of ... (jit=False shows it whole)')",
        ),
        ("ValueError('a {{}}'.format({0}))", "ValueError('... (jit=False shows it whole)')"),
        ("'x %s' % {0}", "'x %s (jit=False shows it whole)'"),
        ("ValueError('constant')", "ValueError('constant')"),
        ("ValueError('got', {0})", "ValueError('got', {0})"),
        ("np.linalg.LinAlgError('a')", "np.linalg.LinAlgError('a')"),
    ],
)
def test_words_are_left_of_messages_with_values(text, expected):
    assert _plain(text, 2) == expected


def formatted(x):
    if np.sum(x) < 0:
        raise ValueError(f"{x[0]:.3f} of {x.shape} is negative")
    return np.sum(x**2)


def joined(x):
    if np.sum(x) < 0:
        raise TypeError("got " + str(x))
    return np.sum(x**2)


@pytest.mark.parametrize("function", [formatted, joined])
def test_compiled_calls_raise_what_the_function_does(function):
    gradient = srcdiff.grad(function, jit=True)
    np.testing.assert_allclose(gradient(np.ones(2)), 2.0)
    with pytest.raises((ValueError, TypeError)) as expected:
        function(-np.ones(2))
    for _ in range(2):  # the first call, and a short one
        with pytest.raises(expected.type) as found:
            gradient(-np.ones(2))
        assert str(found.value) == str(expected.value)
        assert found.value.__context__ is None


def odd_names(x):
    s = 0.0
    for v in x:
        a = float(abs(v)) + 0.1
        s += math.fmod(7.0 * a, a + 0.3) * v + math.cbrt(a) + np.fix(a * 3.3) * v
    return s


def test_compiled_code_calls_functions_by_names_that_it_has():
    x = np.array([0.5, -1.2, 0.8])
    compiled = srcdiff.grad(odd_names, jit=True)
    np.testing.assert_allclose(compiled(x), srcdiff.grad(odd_names, jit=False)(x), rtol=1e-12)
    assert "np.cbrt(a)" in compiled.loop_source_for(x)
    assert "math.cbrt(" in srcdiff.grad(odd_names, jit=False).source_for(x)


def edges_of_nodes(x, order):
    s = 0.0
    for k in order:
        for i, j in (((0, 1),), (), ((1, 2), (2, 0)))[k]:
            s += x[i] * x[j] ** 2
    return s


def test_empty_items_of_lists_have_types():
    x, order = np.array([0.5, -1.2, 0.8]), np.array([2, 1, 0])
    compiled = srcdiff.grad(edges_of_nodes, jit=True)
    np.testing.assert_allclose(
        compiled(x, order), srcdiff.grad(edges_of_nodes, jit=False)(x, order)
    )
    assert "[(0, 0) for _ in range(0)]" in compiled.loop_source_for(x, order)
