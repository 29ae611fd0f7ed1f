"""Row tiling: matrix products, and the loops over their rows, in blocks of rows."""

import numpy as np
import pytest
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.transforms.schedule.gemm import row_tiling as pass_


@pytest.fixture(autouse=True)
def block_small_ones(monkeypatch):
    monkeypatch.setattr(pass_, "_MANY", 2)
    monkeypatch.setattr(pass_, "_LARGE", 1)
    monkeypatch.setattr(pass_, "_ROWS", 16)
    monkeypatch.setenv("SRCDIFF_CACHE", "off")


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 12)), 0.3 * rng.normal(size=(12, 14))


def loop_text(text, *args):
    return srcdiff.value_and_grad(source(text), argnums=1, parallel=False).loop_source_for(*args)


BLOCKED = [
    """
    def f(x, w):
        return np.sum(np.log1p(np.exp(x @ w)))
    """,
    """
    def f(x, w):  # what is between two products
        return np.sum((np.tanh(x @ w) @ w.T) ** 2)
    """,
    """
    def f(x, w):  # rows with their sums and maxima, and a check of each
        logits = x @ w
        picked = logits[np.arange(len(x)), np.arange(len(x)) % 12]
        largest = np.max(logits, axis=1)
        norms = largest + np.log(np.sum(np.exp(logits - largest[:, None]), axis=1))
        return np.mean(norms - picked) * np.sum(w)
    """,
    """
    def f(x, w):  # attention
        scores = np.exp((x @ w) / np.sqrt(len(w)))
        a = scores / np.sum(scores, axis=1)[:, None]
        return np.sum((a @ w.T) ** 2)
    """,
    """
    def f(x, w):  # a kernel's matrix, of points and themselves
        s = np.sum(x**2, axis=1)
        return np.sum(np.exp(-0.1 * (s[:, None] + s - 2.0 * x @ x.T)) @ (x @ w))
    """,
    """
    def f(x, w):  # in each step of a descent
        for _ in range(3):
            p = 1.0 / (1.0 + np.exp(-(x @ w)))
            w = w - 0.1 * x.T @ p
        return np.sum(w**2)
    """,
    """
    def f(x, w):  # written in place, and in part
        p = x @ w
        p[:, 0] *= 2.0
        q = np.sin(p)
        return np.sum(q[:, 1:] * p[:, :-1])
    """,
    """
    def f(x, w):  # wanted whole, too
        p = x @ w
        q = np.exp(p)
        return np.sum(p[::-1] * q) + np.sum(np.cumsum(q, axis=0))
    """,
    """
    def f(x, w):  # a sum over rows that rows wait for
        p = np.tanh(x @ w)
        return np.sum((p - np.mean(p, axis=0)) ** 3)
    """,
    """
    def f(x, w):  # the row in front
        p = np.tanh(x @ w)
        q = np.sin(p)
        return np.sum(q[1:] * p[:-1]) + np.sum(q * p)
    """,
    """
    def f(x, w):  # rows of a product that is scattered
        p = np.exp(x @ w)
        counts = np.zeros(14)
        np.add.at(counts, np.argmax(p, axis=1), p[:, 0])
        return np.sum(counts**2)
    """,
]


@pytest.mark.parametrize("text", BLOCKED)
@pytest.mark.parametrize("n", [32, 45])
def test_blocks_give_what_the_whole_gives(text, n):
    loops_agree(text, *data(n), argnums=(0, 1))


@pytest.mark.parametrize("text", BLOCKED[:7])
def test_what_lies_between_products_is_that_of_a_block(text):
    assert "for block in range((len(x) + 15) // 16)" in loop_text(text, *data(45))


def test_a_block_is_whole_in_the_place_of_a_gradient():
    text = loop_text(BLOCKED[0], *data(45))
    assert "product = x" in text
    assert ".T @ probabilities" in text
    assert "np.empty((rows, w.shape[1]))" in text


def test_few_rows_are_taken_whole_and_more_get_a_form_of_their_own(monkeypatch):
    monkeypatch.setattr(pass_, "_MANY", 40)
    g = srcdiff.grad(source(BLOCKED[0]), argnums=1, jit=True, parallel=False)
    assert "block" not in g.loop_source_for(*data(37))
    for n in (37, 45, 37, 0):
        x, w = data(n)
        expected = x.T @ (1.0 / (1.0 + np.exp(-(x @ w))))
        np.testing.assert_allclose(g(x, w), expected, rtol=1e-12, atol=1e-14)
    assert "block" in g.loop_source_for(*data(45))


@pytest.mark.parametrize("n", [0, 1, 16, 17])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_blocks_serve_all_lengths(n, dtype):
    g = srcdiff.value_and_grad(source(BLOCKED[1]), argnums=(0, 1), jit=True, parallel=False)
    plain = srcdiff.value_and_grad(source(BLOCKED[1]), argnums=(0, 1), jit=False)
    g(*(a.astype(dtype) for a in data(45)))
    x, w = (a.astype(dtype) for a in data(n))
    (value, found), (value_in_numpy, expected) = g(x, w), plain(x, w)
    rtol = 1e-11 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(value, value_in_numpy, rtol=rtol)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "text",
    [
        """
        def f(x, w):  # the next product is made of what the rows add up to
            p = np.exp(x @ w)
            return np.sum(p @ (p.T @ x))
        """,
        """
        def f(x, w):  # rows that are not adjacent
            return np.sum(np.exp(x.T @ w))
        """,
    ],
)
def test_other_products_are_right(text):
    x = np.random.default_rng(1).normal(size=(12, 45))
    args = data(45) if "p.T" in text else (x, np.random.default_rng(2).normal(size=(12, 10)))
    loops_agree(text, *args, argnums=(0, 1))


def test_errors_are_those_of_the_whole():
    text = """
    def f(x, w, y):
        p = np.exp(x @ w)
        return np.sum(p[np.arange(len(x)), y])
    """
    g = srcdiff.grad(source(text), argnums=1, jit=True, parallel=False)
    x, w = data(45)
    g(x, w, np.zeros(45, dtype=int))
    assert "block" in g.loop_source
    with pytest.raises(IndexError):
        g(x, w, np.arange(45))
