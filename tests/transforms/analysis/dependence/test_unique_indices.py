"""Unique indices: subscripts that are known to name no place twice, and reverse mode for the others."""

import numpy as np
import pytest
from transforms.passes import check
from transforms.sources import agrees

import srcdiff
from srcdiff.transforms.analysis.dependence.unique_indices import mark_unique_indices


def test_the_places_of_a_triangle_are_distinguished():
    check(
        mark_unique_indices,
        """
        def f(%Q: float64[3, 3], %v: float64[3]) -> 0 {
          %B: float64[3, 3] = copy@.copy %Q
          %i: int64[3], %k: int64[3] = triu_indices[k=1] 3
          store[where='g, g'] %B, %v, %i, %k
          %C: float64[3, 3] = read %B
          yield %C
        }
        """,
        """
        def f(%Q: float64[3, 3], %v: float64[3]) -> 0 {
          %B: float64[3, 3] = copy@.copy %Q
          %i: int64[3], %k: int64[3] = triu_indices[k=1] 3
          store[distinct=True, where='g, g'] %B, %v, %i, %k
          %C: float64[3, 3] = read %B
          yield %C
        }
        """,
    )


def one_half_of_a_pair(x):
    rows, _ = np.triu_indices(3)
    y = x * 1.0
    y[rows] = np.sin(x[:1])
    return np.sum(y * y)


def mesh(x):
    y = x * 1.0
    y[np.ix_([0, 2], np.arange(2))] = 2.0 * x[0, 0]
    return np.sum(y * y)


def mesh_of_anything(x, rows):
    y = x * 1.0
    y[np.ix_(rows, np.arange(2))] = 2.0 * x[0, 0]
    return np.sum(y * y)


def both_ends(x):
    y = x * 1.0
    y[[0, -3]] = 2.0 * x[1]
    return np.sum(y * y)


def counted_over_the_end(x):
    y = x * 1.0
    y[np.arange(-2, 2)] += np.sin(x[0, 0])  # of three rows, the last is row -1 and row 2
    return np.sum(y**3)


def counted_from(x, first):
    y = x * 1.0
    y[np.arange(first, 2)] += np.sin(x[0, 0])
    return np.sum(y**3)


def counted_from_the_front(x):
    y = x * 1.0
    y[np.arange(1, 3)] = 2.0 * x[0, 0]
    return np.sum(y * y)


def written_indices(x):
    rows = np.arange(2)
    rows[0] = 1
    y = x * 1.0
    y[rows] = 2.0 * x[1:]
    return np.sum(y * y)


def any_of_many(x, rows):
    y = x * 1.0
    y[np.arange(2), rows] = 2.0 * x[0, 0]
    return np.sum(y * y)


def everywhere(x):
    y = x * 1.0
    y[x > 0.0] = x[x > 0.0] ** 2
    return np.sum(y * y)


X = np.linspace(-1.0, 1.3, 9).reshape(3, 3)
ROWS = np.array([1, 0])


@pytest.mark.parametrize(
    ("function", "args", "is_known"),
    [
        (one_half_of_a_pair, (X,), False),
        (mesh, (X,), True),
        (mesh_of_anything, (X, ROWS), False),
        (both_ends, (X,), False),
        (counted_over_the_end, (X,), False),
        (counted_from, (X, -2), False),
        (counted_from_the_front, (X,), True),
        (written_indices, (X,), False),
        (any_of_many, (X, ROWS), True),
        (everywhere, (X,), True),
    ],
)
def test_the_last_writer_is_found_at_run_time_where_it_is_not_known(function, args, is_known):
    source = srcdiff.grad(function).source_for(*args)
    assert ("writers" not in source) is is_known


@pytest.mark.parametrize("jit", [True, False])
def test_numbers_counted_from_below_zero_may_name_a_place_twice(jit):
    X = np.linspace(0.5, 1.3, 6).reshape(2, 3)
    g = srcdiff.value_and_grad(counted_over_the_end, jit=jit)
    value, gradient = g(X.copy())
    assert value == pytest.approx(counted_over_the_end(X))
    expected = 3.0 * (X + np.sin(X[0, 0])) ** 2
    expected[0, 0] += expected.sum() * np.cos(X[0, 0])
    np.testing.assert_allclose(gradient, expected)


@pytest.mark.parametrize("jit", [False, True])
def test_one_row_beside_several_columns_may_name_a_place_twice(jit):
    def f(x, columns):
        return np.sum(x[np.arange(len(columns)), columns])

    g = srcdiff.grad(f, jit=jit)(np.ones((1, 3)), np.array([[0, 2, 2, 1]]))
    np.testing.assert_array_equal(g, [[1.0, 1.0, 2.0]])


@pytest.mark.parametrize("many", [0, 1])
@pytest.mark.parametrize("at", ["rows[:1 + k * m], cols[:k + 1]", "rows[:k + 1], cols[:1 + k * m]"])
def test_the_last_writer_is_found_where_one_row_or_column_may_stand_beside_several(at, many):
    text = f"""
        def f(x, v, rows, cols, m):
            y = x * 1.0
            for k in range(3):
                y[{at}] = v[:k + 1] * y[1, 0]
            return np.sum(y * y)
    """
    v = np.array([0.7, -0.4, 0.9])
    agrees(text, X, v, np.array([1, 2, 1]), np.array([0, 0, 0]), many)
