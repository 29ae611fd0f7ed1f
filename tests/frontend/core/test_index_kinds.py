"""Kinds of indices: a float is not an index anywhere; NumPy raises, and so does srcdiff at the user's line."""

import numpy as np
import pytest
from transforms.sources import source

import srcdiff

X, A = np.arange(6.0), np.arange(12.0).reshape(3, 4)
PLACES = (
    "x[{k}]", "x[{k}:]", "x[:{k}]", "x[0:{k}]", "x[::{k}]", "x[a:{k}]", "x[{k}:a]", "y[{k}, 0]", "y[0, {k}]",
    "y[0, :{k}]",
    "y[1:{k}, 0]", "y[..., {k}]", "y[{k}]", "y[:, {k}:]",
)  # fmt: skip
FLOATS = ("2.0", "2.5", "c", "c + a", "np.float64(2.0)", "float(a)")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", FLOATS)
def test_floats_are_no_indices(place, number):
    f = source(f"def f(x, y, a, c):\n    return np.sum({place.format(k=number)} ** 2)\n")
    args = X, A, 1, 2.0
    with pytest.raises((IndexError, TypeError)):
        f(*args)
    with pytest.raises((srcdiff.UnsupportedError, IndexError, TypeError)):
        srcdiff.grad(f, argnums=(0, 1), on_independent="ignore")(*args)


@pytest.mark.parametrize("place", [p for p in PLACES if ":{k}" in p or "{k}:" in p])
@pytest.mark.parametrize("flag", ["np.True_", "(x[0] > 0.0)"])
def test_truth_values_of_numpy_are_no_bounds(place, flag):
    test_floats_are_no_indices(place, flag)


@pytest.mark.parametrize(
    "line", ["x[{k}] = 3.0", "x[{k}] *= 2.0", "t += np.sum(x[{k}] ** 2)", "t += len(y[:, {k}])"]
)
@pytest.mark.parametrize(
    "none", ["[]", "[[]]", "np.array([], dtype=int)", "range(0)", "list(range(a - 1))"]
)
def test_no_places_are_an_index(none, line):
    text = f"    x, t = x.copy(), 0.0\n    {line.format(k=none)}\n    return np.sum(x**2) + t\n"
    f = source(f"def f(x, y, a):\n{text}")
    value, d = srcdiff.value_and_grad(f, jit=False)(X, A, 1)
    assert value == f(X, A, 1)
    np.testing.assert_array_equal(d, 2.0 * X)


@pytest.mark.parametrize("place", ["x[{k}]", "x[:{k}]", "x[a:{k}]"])
@pytest.mark.parametrize("number", ["2.5", "c"])
@pytest.mark.parametrize("line", ["{place} = 3.0", "{place} += 3.0"])
def test_floats_are_no_places_to_write(place, number, line):
    written = line.format(place=place.format(k=number))
    f = source(f"def f(x, a, c):\n    x = x.copy()\n    {written}\n    return np.sum(x**2)\n")
    with pytest.raises((IndexError, TypeError)):
        f(X, 1, 2.0)
    with pytest.raises((srcdiff.UnsupportedError, IndexError, TypeError)):
        srcdiff.grad(f)(X, 1, 2.0)


@pytest.mark.parametrize(
    "number", ["a", "np.int64(2)", "True", "len(x) // 2", "int(c)", "np.int32(a)"]
)
@pytest.mark.parametrize("place", ["x[{k}:]", "x[:{k}]", "y[0, {k}:]"])
def test_integers_are(place, number):
    f = source(f"def f(x, y, a, c):\n    return np.sum({place.format(k=number)} ** 2)\n")
    value, found = srcdiff.value_and_grad(f, argnums=(0, 1), on_independent="ignore")(X, A, 1, 2.0)
    assert value == f(X, A, 1, 2.0)
    assert np.sum(found[0] * X) + np.sum(found[1] * A) == pytest.approx(2.0 * value)
