"""What NumPy and Python refuse of lengths and positions is refused where only loops remain of it, too."""

import numpy as np
import pytest

import srcdiff

X = np.arange(1.0, 7.0)


def filled(x, k):
    return np.sum(np.zeros(k) + 1.0) * x[0] + np.sum(np.full(k, 2.0) * x[1])


def in_two_axes(x, k):
    return np.sum(np.ones((2, k + 1)) * x[1]) + np.sum(np.eye(k + 1))


def repeated(x, k):
    return np.sum(np.repeat(x, k) * x[1])


def tiled(x, k):
    return np.sum(np.tile(x, k) * x[1])


def of_a_number_inside(x, k):
    n = int(x[0]) + k
    return np.sum(np.ones(n) * x[1])


OTHERS = in_two_axes, repeated, tiled, of_a_number_inside


@pytest.mark.parametrize(
    ("f", "jit"),
    [
        (filled, True),
        *[(f, False) for f in (filled, *OTHERS)],
        *[pytest.param(f, True, marks=pytest.mark.slow) for f in OTHERS],
    ],
)
def test_arrays_have_no_negative_length(f, jit: bool) -> None:
    g = srcdiff.value_and_grad(f, jit=jit)
    for k in (3, 0):
        assert g(X, k)[0] == pytest.approx(f(X, k), abs=1e-12)
    with pytest.raises(ValueError, match=r"negative|count"):
        f(X, -3)
    with pytest.raises(ValueError, match=r"negative|count"):
        g(X, -3)


def popped(x, k):
    items = [v * v for v in x]
    items.append(x[0])
    items.pop(k)
    return sum(j * items[j] for j in range(len(items)))


def deleted(x, k):
    items = [v * v for v in x]
    items.append(x[0])
    del items[k]
    return sum(j * items[j] for j in range(len(items)))


def inserted(x, k):
    items = [v * v for v in x]
    items.insert(k, x[0] * x[1])
    return sum(j * items[j] for j in range(len(items)))


@pytest.mark.parametrize(
    ("f", "jit"),
    [
        (popped, True),
        (popped, False),
        (deleted, False),
        (inserted, False),
        pytest.param(deleted, True, marks=pytest.mark.slow),
        pytest.param(inserted, True, marks=pytest.mark.slow),
    ],
)
def test_positions_in_lists_are_those_of_python(f, jit: bool) -> None:
    g = srcdiff.value_and_grad(f, jit=jit)
    for k in (0, 2, 6, 7, -1, -2, -7, -8, 40, -40):
        try:
            expected = f(X, k)
        except IndexError:
            with pytest.raises(IndexError):
                g(X, k)
            continue
        value, gradient = g(X, k)
        steps = 1e-6 * np.eye(6)
        slopes = [(f(X + e, k) - f(X - e, k)) / 2e-6 for e in steps]
        assert value == pytest.approx(expected)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
