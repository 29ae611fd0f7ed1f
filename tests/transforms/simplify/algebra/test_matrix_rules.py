"""Algebraic rules for matrices: sums of products in derivatives."""

import numpy as np

import srcdiff

OPTIONS = {"jit": False, "argnums": (0, 1)}


def assert_same(f, *args):
    g, plain = (srcdiff.value_and_grad(f, rewrite=r, **OPTIONS) for r in (True, False))
    for d, w in zip(g(*args)[1], plain(*args)[1], strict=True):
        np.testing.assert_allclose(d, w, rtol=1e-12)
    srcdiff.check_grads(f, *args)
    return g.source_for(*args)


def test_the_adjoint_of_a_square_takes_one_product_each():
    def f(A, c):
        return (
            np.sum(np.sin(A.T @ A))
            + np.sum(np.cos(A @ A.T))
            + np.sum(np.exp(c * np.eye(3) + A.T @ A))
        )

    A = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    text = assert_same(f, A, 0.3).partition("# backward")[2]
    assert text.count("@") == 3 and "np.trace(" in text and "eye" not in text


def test_products_with_vectors_stay_two():
    def f(A, B):
        return np.sum(np.sin(A @ B[0])) + np.sum(np.cos(A @ B[0] + B[1]))

    assert_same(f, np.eye(3) + 0.1, np.ones((2, 3)))
