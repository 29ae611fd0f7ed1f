"""Sparse matrices inside of functions: products, and systems, whose pattern stays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import spsolve

from srcdiff import UnsupportedError, check_grads, grad, hessian, value_and_grad

DENSE = np.array([[4.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 2.0, 5.0]])
A = scipy.sparse.csr_array(DENSE)
WIDE = scipy.sparse.coo_array(np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))
COLUMNS = A.tocsc()
X = np.array([0.3, -1.2, 2.0])


@pytest.fixture(autouse=True)
def _in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")


def products(x):
    both = np.stack((x, x**2), axis=1)
    return (
        np.sum((A @ x) ** 2)
        + np.sum(A.T @ np.cos(x))
        + np.sum((x @ A) ** 3)
        + np.sum((WIDE @ both) ** 2)
    )


def by_method(x):
    return np.sum(WIDE.dot(x) ** 2)


def systems(x):
    return np.sum(spsolve(COLUMNS, x**2) ** 2) + spsolve(COLUMNS.T, x)[0]


def by_elements(data, x):
    indices, indptr = np.array([0, 2, 1]), np.array([0, 2, 3])
    made = scipy.sparse.csr_array((data, indices, indptr), shape=(2, 3))
    return np.sum((made @ x) ** 2) + np.sum(made.T @ x[:2])


def by_places(data, x):
    rows, columns = np.array([0, 1, 2, 0, 2]), np.array([0, 1, 2, 2, 1])
    made = scipy.sparse.coo_array((data, (rows, columns)), shape=(3, 3))
    return np.sum((made @ np.stack((x, x**2), axis=1)) ** 2)


def solved_by_elements(data, b):
    rows, columns = np.array([0, 1, 2, 0, 2]), np.array([0, 1, 2, 2, 1])
    made = scipy.sparse.csc_array((data, (rows, columns)), shape=(3, 3))
    return np.sum(spsolve(made, b) ** 2)


DATA = np.array([4.0, 3.0, 5.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (products, (X,)),
        (by_method, (X,)),
        (systems, (X,)),
        (by_elements, (DATA[:3], X)),
        (by_places, (DATA, X)),
        (solved_by_elements, (DATA, X)),
    ],
)
def test_both_modes_are_finite_differences(f, args) -> None:
    check_grads(f, *args)
    assert np.isclose(value_and_grad(f)(*args)[0], f(*args))


def test_second_derivatives() -> None:
    found = hessian(lambda x: np.sum((A @ x) ** 2))(X)
    np.testing.assert_allclose(found, 2.0 * DENSE.T @ DENSE)
    inner = grad(solved_by_elements)
    check_grads(lambda data: np.sum(inner(data, X)), DATA)


def test_the_matrix_is_printed_by_its_name() -> None:
    source = grad(lambda x: np.sum(spsolve(COLUMNS, A @ x))).source_for(X)
    assert "return A.T @ spsolve(COLUMNS.T, np.ones_like(x))" in source


def test_what_is_refused_says_so() -> None:
    with pytest.raises(
        UnsupportedError, match="a product of two sparse matrices is not differentiated"
    ):
        grad(lambda x: np.sum((A @ COLUMNS) @ x))(X)
    with pytest.raises(UnsupportedError, match="`csr_array` is made of elements"):
        grad(lambda x: np.sum(scipy.sparse.csr_array(np.outer(x, x)) @ x))(X)
