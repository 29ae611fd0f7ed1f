"""Products, counts, choices and powers that are written where they are called: what NumPy and Python give."""

import math

import numpy as np
import pytest
from numba import njit

from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

in_place = njit(pipeline_class=OwnStorage)


def products(a, b, v, w):
    out, row = np.empty((len(a), b.shape[1]), a.dtype), np.empty(b.shape[1], a.dtype)
    np.dot(v, b, row)
    return a @ b, b.T @ a.T, a @ w, v @ b, v @ w, np.dot(a, b, out), row


KINDS = {
    np.float64: lambda x: x,
    np.float32: np.asfortranarray,
    np.complex128: lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
}


def parts(shape, dtype, rng):
    drawn = rng.normal(size=shape)
    return (drawn + 1j * rng.normal(size=shape) if dtype is np.complex128 else drawn).astype(dtype)


@pytest.mark.parametrize("dtype", KINDS)
def test_products_are_those_of_numpy(dtype):
    rng = np.random.default_rng(0)
    for m, k, n in ((3, 4, 5), (1, 4, 5), (3, 4, 1), (1, 4, 1), (3, 1, 2)):
        a, b = (KINDS[dtype](parts(s, dtype, rng)) for s in ((m, k), (k, n)))
        v, w = a[-1].copy(), parts(2 * k, dtype, rng)[::2]
        for x, y in zip(in_place_products(a, b, v, w), products(a, b, v, w), strict=True):
            assert np.shape(x) == np.shape(y)
            assert (
                np.shape(x) == () or x.dtype == y.dtype
            )  # Numba passes numbers on as numbers of Python
            near = 1e-5 if dtype is np.float32 else 1e-13
            np.testing.assert_allclose(x, y, near, near)


in_place_products = in_place(products)


def test_products_over_nothing_are_zeros_and_of_nothing_are_empty():
    product = in_place(lambda a, b: a @ b)
    assert np.array_equal(product(np.ones((2, 0)), np.ones((0, 3))), np.zeros((2, 3)))
    assert product(np.ones((0, 2)), np.ones((2, 3))).shape == (0, 3)
    assert np.array_equal(product(np.ones((2, 0)), np.ones(0)), np.zeros(2))
    assert np.array_equal(product(np.ones(0), np.ones((0, 2))), np.zeros(2))
    assert product(np.ones(0), np.ones(0)) == 0.0


def test_lengths_that_do_not_fit_raise_and_nothing_is_written():
    product = in_place(lambda a, b: a @ b)
    for shapes in (((2, 3), (2, 3)), ((2, 3), (2,)), ((2,), (3, 2)), ((2,), (3,))):
        with pytest.raises(ValueError, match="incompatible array sizes"):
            product(*map(np.ones, shapes))
    into, out = in_place(lambda a, b, out: np.dot(a, b, out)), np.full((2, 2), 7.0)
    with pytest.raises(ValueError, match="incompatible output"):
        into(np.ones((2, 3)), np.ones((3, 4)), out)
    with pytest.raises(ValueError, match="incompatible array"):
        into(np.ones((2, 3)), np.ones((4, 2)), out)
    assert (out == 7.0).all()


def numbers(first, last, step, x, y):
    k, m = max(first, last), min(first, step)
    return (
        np.arange(first, last, step),
        k,
        m,
        max(x, y),
        min(x, first),
        max(x, math.nan),
        x**2,
        x**7,
        x**64,
        y**3,
    )


def test_counts_choices_and_powers():
    compiled = in_place(numbers)
    x, y = 1.1, np.float32(-0.7)
    for first, last, step in ((0, 5, 1), (5, -1, -1), (0, 7, 3), (7, 0, -3), (2, -3, 1), (-4, 9, 4)):  # fmt: skip
        found, expected = (f(first, last, step, x, y) for f in (compiled, numbers))
        np.testing.assert_array_equal(found[0], expected[0])
        assert found[0].dtype == expected[0].dtype
        assert found[1:3] == expected[1:3]
        np.testing.assert_allclose(found[3:], expected[3:], rtol=1e-6)
        np.testing.assert_allclose(found[6:9], expected[6:9], rtol=1e-13)
    with pytest.raises(ValueError, match="size exceeded"):
        compiled(0, 1, 0, x, y)


def test_what_is_not_put_in_place_is_numbas():
    def others(x, n):
        return (
            np.arange(0.0, 1.0, 0.25),
            max(x > 1, n > 5),
            x**n,
            np.arange(n),
            max(n, x, 2),
            (x * np.ones(3)) ** 2,
        )

    for found, expected in zip(in_place(others)(1.5, 3), others(1.5, 3), strict=True):
        np.testing.assert_allclose(found, expected)


def test_nothing_of_numbas_is_compiled_for_them():
    def both(a, b, n):
        for t in np.arange(n - 1, -1, -1):
            a = a + a[t, 0] ** 2
        return a.T @ b, max(n, 0)

    compiled = in_place(both)
    compiled(np.eye(3), np.eye(3), 2)
    (form,) = compiled.overloads.values()
    named = [f.name for f in form.library._final_module.functions]
    assert not [f for f in named if any(n in f for n in ("dot_impl", "arange", "int_power", "ol_max"))]  # fmt: skip


def triangles(n, m, k):
    square = (np.triu_indices(n), np.tril_indices(n), np.triu_indices(n, 1), np.tril_indices(n, -2))
    return (*square, np.triu_indices(n, k, m), np.tril_indices(n, k, m))


def test_places_of_triangles_are_those_of_numpy():
    compiled = in_place(triangles)
    for n, m, k in ((4, 4, 0), (3, 5, 1), (5, 3, -2), (4, 2, 9), (2, 4, -9), (0, 3, 1), (3, 0, -1)):
        found, expected = compiled(n, m, k), triangles(n, m, k)
        for a, b in zip(sum(found, ()), sum(expected, ()), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_places_of_triangles_with_other_numbers_are_numbas():
    other = in_place(lambda n, k: np.triu_indices(n, k))
    for a, b in zip(other(np.int32(3), np.int32(1)), np.triu_indices(3, 1), strict=True):
        np.testing.assert_array_equal(a, b)
