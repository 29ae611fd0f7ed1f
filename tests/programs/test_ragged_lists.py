"""Ragged lists of arrays: the length of an item in one iteration is not the length of all items."""

import numpy as np
import pytest

import srcdiff

X = np.array([1.0, 2.0, 3.0, 4.0])


def buckets(x):
    found = [[], []]
    for k in range(len(x)):
        found[k % 2].append(x[k:] ** 2)
    return found[0][0][0] * found[1][0][0] + np.sum(found[0][1]) * np.sum(found[1][-1])


def begun_in_each_iteration(x):
    out = 0.0
    for j in range(2):
        rows = [[], []]
        for k in range(len(x) - j):
            rows[k % 2].append(np.sin(x[k + j :]))
        out += rows[0][1][0] * rows[1][0][-1] + rows[0][0] @ rows[0][0]
    return out


def begun_with_items(x):
    tree = [[x[:1]], [x[:2], x]]
    for k in range(3):
        tree[0].append(x[k:] * 2.0)
    return np.sum(tree[0][-1]) * np.sum(tree[1][0]) * tree[0][1][1]


def pairs(x):
    rows = [[], []]
    for k in range(len(x)):
        rows[0].append((x[k:], k))
        rows[1].append((x[: k + 1] ** 2, k))
    (p, _), (q, _) = rows[0][1], rows[1][2]
    return p @ q


def triangle(x):
    rows = []
    for k in range(3):
        inner = []
        for j in range(k + 1):
            inner.append(x[j:] * (k + 1.0))
        rows.append(inner)
    return rows[2][1] @ rows[1][1] + rows[0][0][0] * rows[2][2][-1]


def columns_of_products(x):
    rows = [[] for _ in range(3)]
    for k in range(len(x)):
        rows[k % 3].append(np.outer(x[k:], x))
    return sum(np.sum(v**3) for r in rows for v in r)


@pytest.mark.long
def test_empty_lists_of_arrays_are_compiled():
    for f in (buckets, columns_of_products):
        expected = srcdiff.grad(f, jit=False)(X)
        np.testing.assert_allclose(srcdiff.grad(f, jit=True)(X), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "f", [columns_of_products, buckets, begun_in_each_iteration, begun_with_items, pairs, triangle]
)
def test_each_item_has_its_own_length(f, monkeypatch):
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    srcdiff.check_grads(f, X, order=1)


# ---- lists that are passed ------------------------------------------------------------------------------------


def energy(xs, w):
    return sum(np.sum((x @ w) ** 2) for x in xs)


def roots(xss, w):
    total = 0.0
    for xs in xss:
        inner = 0.0
        for x in xs:
            inner = inner + np.sum((x @ w) ** 2)
        total = total + np.sqrt(inner)
    return total


def rows(*counts):
    rng = np.random.default_rng(len(counts))
    return [rng.normal(size=(n, 2)) for n in counts]


def agree(found, wanted):
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13)
    for x, y in zip(found[0], wanted[0], strict=True):
        if isinstance(x, list):
            agree((x, 0.0), (y, 0.0))
        else:
            np.testing.assert_allclose(x, y, rtol=1e-13)


def test_lists_of_many_arrays_are_compiled_once_whatever_their_length():
    g = srcdiff.grad(energy, argnums=(0, 1), jit=True)
    w = np.array([0.5, -2.0])
    for n in (12, 40, 9):
        xs = rows(*(k % 4 for k in range(n)))
        agree(g(xs, w), srcdiff.grad(energy, argnums=(0, 1), jit=False)(xs, w))
    report = str(srcdiff.explain(g, xs, w))
    assert report.count("machine code for") == 1
    assert "ArrayList(float64, 2d), array(float64, 1d, C)" in report


def test_lists_on_a_list_may_have_different_lengths():
    g = srcdiff.grad(roots, argnums=(0, 1), jit=True)
    w = np.array([0.5, -2.0])
    for xss in ([rows(3, 1), rows(2)], [rows(4), rows(1, 2, 2)]):
        agree(g(xss, w), srcdiff.grad(roots, argnums=(0, 1), jit=False)(xss, w))


def test_what_numba_has_no_type_for_runs_as_numpy(monkeypatch):
    monkeypatch.setenv("SRCDIFF_JIT", "wait")
    x = np.array([1.0, 2.0], np.longdouble)
    with pytest.warns(srcdiff.CompileWarning, match="Unsupported array dtype: float128"):
        found = srcdiff.grad(lambda x: np.sum(x**2))(x)
    assert found.dtype == np.longdouble
    assert np.all(found == 2.0 * x)
