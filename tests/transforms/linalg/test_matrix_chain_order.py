"""The order of products of three matrices."""

import itertools

import numpy as np
import pytest

import srcdiff


def chain(A, B, C):
    return np.sum(np.sin(A @ B @ C))


def from_the_right(A, B, C):
    return np.sum(np.sin(A @ (B @ C)))


def arrays(*lengths):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in itertools.pairwise(lengths)]


def agree(f, args, **options):
    """The gradients, which are those of the program as it stands."""
    on = srcdiff.grad(f, argnums=(0, 1, 2), **options)
    off = srcdiff.grad(f, argnums=(0, 1, 2), jit=False, rewrite=False)
    for found, wanted in zip(on(*args), off(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    return on


@pytest.mark.parametrize("f", [chain, from_the_right])
def test_the_run_chooses(f):
    g = agree(f, arrays(2, 9, 7, 5), jit=False)
    agree(f, arrays(7, 2, 9, 1), jit=False)
    text = g.source_for(*arrays(2, 9, 7, 5))
    assert "A @ B @ C" in text and "A @ (B @ C)" in text and "<=" in text


@pytest.mark.long
def test_compiled_code_chooses_too():
    for lengths in ((2, 9, 7, 5), (7, 2, 9, 1)):
        agree(chain, arrays(*lengths), jit=True)


def test_orders_that_lengths_determine_have_no_run_time_test():
    def f(A, S):
        return np.sum(np.sin(A @ S @ A.T))

    g = srcdiff.grad(f, jit=False)
    g(*arrays(3, 2, 2))
    assert srcdiff.explain(g, *arrays(3, 2, 2)).rewritten == ()

    def square(A, P):
        return np.sum(np.sin((A @ P.T) @ (P @ P.T)))  # each half is one product

    assert "<=" not in srcdiff.grad(square, jit=False).source_for(*arrays(3, 2, 2))


def test_known_lengths_decide():
    W, V = np.ones((3, 4)), np.ones((4, 1))

    def f(A):
        return np.sum(np.sin(A @ (V @ V.T) @ V)) + np.sum(np.sin(A @ A.T @ A @ V))

    def constants(A):
        return np.sum(np.sin(A.reshape(2, 3) @ W @ V))

    text = srcdiff.grad(constants, jit=False).source_for(np.ones(6))
    assert "W @ V" in text and "<=" not in text
    srcdiff.check_grads(constants, np.linspace(0, 1, 6))
    srcdiff.check_grads(f, np.linspace(0, 1, 8).reshape(2, 4))


def test_loops_and_shared_products_are_left_alone():
    def in_a_loop(A, B, C):
        total = 0.0
        for _ in range(3):
            total += np.sum(A @ B @ C)
        return total

    def shared(A, B, C):
        AB = A @ B
        return np.sum(AB @ C) + np.sum(AB)

    args = arrays(2, 9, 7, 5)
    for f in (in_a_loop, shared):
        assert srcdiff.explain(srcdiff.grad(f, jit=False), *args).rewritten == ()


def test_what_the_user_named_keeps_its_place():
    def f(A, B, C):
        values = B @ C
        return np.sum(np.sin(A @ values))

    text = agree(f, arrays(2, 9, 7, 5), jit=False).source_for(*arrays(2, 9, 7, 5))
    assert "values = B @ C" in text and "<=" not in text


def test_it_is_off_by_name():
    g = srcdiff.grad(chain, jit=False, rewrite={"product_order": False})
    assert "<=" not in g.source_for(*arrays(2, 9, 7, 5))


def test_a_factor_may_be_one_of_several_results():
    def turned(A, B):
        _, V = np.linalg.eigh(A)
        return np.sum((V @ B) @ V[:, :1])

    A, B = np.diag([1.0, 2.0, 4.0]) + 0.1, np.arange(9.0).reshape(3, 3)
    srcdiff.check_grads(lambda B: turned(A, B), B, order=1)
    assert srcdiff.grad(turned, argnums=1, jit=False)(A, B).shape == (3, 3)
