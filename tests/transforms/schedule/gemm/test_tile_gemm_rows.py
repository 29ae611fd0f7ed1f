"""Tiling of matrix products: each block of iterations computes the rows that it uses."""

import numpy as np
import pytest
from transforms.sources import loops_agree, source

import srcdiff

CHOSEN = """
def f(x, c):
    nearest = np.argmin(np.sum(c**2, axis=1) - 2.0 * ({product}), axis=1)
    return np.sum((x - c[nearest]) ** 2)
"""
BLOCK = "[first : first + lanes].T"


def points(n, k, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(k, d))


def loop_text(text, *args):
    return srcdiff.grad(source(text), argnums=1, parallel=False).loop_source_for(*args)


@pytest.mark.parametrize(
    ("product", "block"),
    [
        ("x @ c.T", "c @ x[first : first + lanes].T"),
        ("x @ np.transpose(c)", "c @ x[first : first + lanes].T"),
        ("x @ (0.5 * c).T", ".T"),
    ],
)
def test_each_block_of_iterations_has_its_part_of_the_product(product, block):
    x, c = points(600, 20, 5)
    text = CHOSEN.format(product=product)
    assert block in loop_text(text, x, c)
    loops_agree(text, x, c)


@pytest.mark.parametrize(("n", "k"), [(0, 3), (1, 1), (255, 7), (256, 20), (257, 20), (1000, 33)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_code_chooses_as_numpy_does(n, k, dtype):
    x, c = (a.astype(dtype) for a in points(max(n, 1), k, 6, seed=n))
    f = source(CHOSEN.format(product="x @ c.T"))
    compiled, plain = (srcdiff.grad(f, argnums=1, jit=jit) for jit in (True, False))
    found, expected = compiled(x[:n], c), plain(x[:n], c)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype is np.float64 else 1e-4)


@pytest.mark.parametrize(
    "text",
    [
        """
        def f(x, c):  # the product is also used after the loop
            s = x @ c.T
            best = np.argmax(s, axis=1)
            return np.sum(s[np.arange(len(x)), best] ** 2)
        """,
        """
        def f(x, c):  # what it is made of has changed by then
            y = x.copy()
            s = y @ c.T
            y[:, 0] = 0.0
            best = np.argmax(s, axis=1)
            return np.sum((y - c[best]) ** 2)
        """,
        """
        def f(x, c):  # rows are not adjacent
            s = x[:, ::2] @ c[:, ::2].T
            best = np.argmax(s, axis=1)
            return np.sum((x - c[best]) ** 2)
        """,
    ],
)
def test_other_products_are_whole(text):
    x, c = points(600, 20, 6)
    assert BLOCK not in loop_text(text, x, c)
    loops_agree(text, x, c)
