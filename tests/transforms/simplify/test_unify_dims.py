"""Unification of dimension symbols: lengths that a check proves equal, and lengths that only the run knows."""

import numpy as np
import pytest
from fuzz.compare import flat

import srcdiff


def cut(w, h):
    n = len(h)
    z = np.tanh(w[:n]) * w[3 * n :]
    return np.sum(z * h * w[n : 2 * n])


def growing(x, w, n):
    """The length of y differs in each iteration, and is 1 at first."""
    y = x[:1]
    total = 0.0
    for _ in range(n):
        z = w * y
        total += np.sum(z**2)
        y = np.concatenate((y, y))[: len(w)] * z[0]
    return total


def parts(x, w):
    y = x
    for _ in range(2):
        joined = np.concatenate((y, x))
        y = np.sin(joined[: len(y)]) * w + joined[len(y) :]
    return np.sum(y * w)


X, W = np.array([0.4, -0.3, 0.8]), np.array([0.9, -0.5, 0.7])
CASES = [
    (cut, (np.linspace(-1.0, 1.0, 12), X), (0, 1)),
    (growing, (X, W[:2], 2), (0, 1)),
    (growing, (X, W[:1], 2), (0, 1)),
    (growing, (X, W, 1), (0, 1)),
    (parts, (X, W), (0, 1)),
    (parts, (X[:1], W[:1]), (0, 1)),
]


@pytest.mark.parametrize(("function", "args", "wrt"), CASES)
def test_gradients_are_those_of_the_arrays(function, args, wrt):
    value, d = srcdiff.value_and_grad(function, argnums=wrt, jit=False)(*args)
    found, d_found = srcdiff.value_and_grad(function, argnums=wrt, jit=True)(*args)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=1e-11, atol=1e-12)


def test_a_length_has_one_name():
    text = srcdiff.value_and_grad(cut, argnums=(0, 1)).loop_source_for(*CASES[0][1])
    assert "len(w) - 3" not in text.partition("# ")[2]
    assert text.count("np.empty(") == 0


def test_what_has_other_lengths_than_arrays_that_it_meets_is_an_error():
    jitted = srcdiff.value_and_grad(growing, argnums=(0, 1), jit=True)
    jitted(X, W[:2], 2)  # the program that is compiled
    with pytest.raises(ValueError, match="broadcast"):
        growing(X, W, 3)
    with pytest.raises(ValueError, match="broadcast"):
        jitted(X, W, 3)


def test_operands_of_lengths_that_the_run_knows_are_loops():
    text = srcdiff.value_and_grad(parts, argnums=(0, 1)).loop_source_for(X, W)
    assert "raise ValueError" in text
    assert "np.sin" not in text
