"""Lengths of lists' items: where the function raises for arguments, its compiled gradient raises, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import srcdiff

rng = np.random.default_rng(0)
W, b, v = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)


def matmul_chain(ws, x):
    for w in ws:
        x = np.tanh(w @ x)
    return np.sum(x**2)


def row_chain(ws, x):
    for w in ws:
        x = np.tanh(np.dot(x, w))
    return np.sum(x**2)


def relu_chain(ws, x, c):
    for w in ws:
        x = np.maximum(x @ w + c, 0.0)
    return np.sum(x**2)


def pair_chain(params, x):
    for w, c in params:
        x = np.tanh(w @ x + c)
    return np.sum(x**2)


def dict_chain(p, x):
    for w in p["w"]:
        x = np.tanh(w @ x)
    return np.sum(x**2)


def while_chain(ws, x):
    k = 0
    while k < len(ws):
        x = np.tanh(ws[k] @ x)
        k += 1
    return np.sum(x**2)


def layer(w, x):
    return np.tanh(w @ x)


def helper_chain(ws, x):
    for w in ws:
        x = layer(w, x)
    return np.sum(x**2)


def recursive(ws, x, k=2):
    if k == 0:
        return np.sum(x**2)
    return recursive(ws, np.tanh(ws[k - 1] @ x), k - 1)


def batch_chain(ws, X):
    for w in ws:
        X = np.tanh(X @ w)
    return np.sum(X**2)


def einsum_chain(ws, x):
    for w in ws:
        x = np.sin(np.einsum("ij,j->i", w, x))
    return np.sum(x)


def solve_chain(ws, x):
    for w in ws:
        x = np.linalg.solve(w + 5.0 * np.eye(len(w)), x)
    return np.sum(x**2)


def where_chain(vs, x):
    for w in vs:
        x = np.where(w > 0, x, w * x)
    return np.sum(x**2)


def sum_of_products(vs, x):
    total = 0.0
    for w in vs:
        total += w @ x
    return total


def added_in_place(vs, x):
    y = x.copy()
    for w in vs:
        y += w
    return np.sum(y**2)


def stored_rows(vs, x):
    y = np.zeros((len(vs), len(x)))
    for i in range(len(vs)):
        y[i] = vs[i] * x
    return np.sum(y**2)


def element_by_element(vs, x):
    total = 0.0
    for w in vs:
        for i in range(len(x)):
            total += w[i] * x[i]
    return total


def in_comprehension(vs, x):
    return sum([np.sum(w * x) for w in vs])


MATRICES, VECTORS = [W, W.T.copy()], [v, -v]
OF_MATRICES = (
    matmul_chain, row_chain, while_chain, helper_chain, recursive, batch_chain, einsum_chain, solve_chain,
)  # fmt: skip
OF_VECTORS = (
    where_chain, sum_of_products, added_in_place, stored_rows, element_by_element, in_comprehension,
)  # fmt: skip
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{f.__name__: (f, (MATRICES, b)) for f in OF_MATRICES},
    **{f.__name__: (f, (VECTORS, b)) for f in OF_VECTORS},
    "batch_chain": (batch_chain, (MATRICES, rng.normal(size=(3, 4)))),
    "relu_chain": (relu_chain, (MATRICES, b, v)),
    "pair_chain": (pair_chain, ([(W, v), (W.T.copy(), -v)], b)),
    "dict_chain": (dict_chain, ({"w": MATRICES}, b)),
}


# An item of length 1 among longer ones may be broadcast: the gradient needs no product that would raise. The list gets
# shorter only.
KNOWN = {("sum_of_products", "one item of 1")}


def of_length(value: Any, n: int) -> Any:
    """Arrays with axes of length n in the place of those of length 4."""
    if isinstance(value, np.ndarray):
        return np.ones([n if k == 4 else k for k in value.shape])
    parts = value.values() if isinstance(value, dict) else value
    new = [of_length(part, n) for part in parts]
    return dict(zip(value, new, strict=True)) if isinstance(value, dict) else type(value)(new)


def with_last(value: Any, n: int) -> Any:
    """The last item of a list with another length."""
    if isinstance(value, dict):
        return {k: with_last(part, n) for k, part in value.items()}
    return [*value[:-1], of_length(value[-1], n)]


def others(
    args: tuple[Any, ...], lengths: tuple[int, ...]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    first, second, *rest = args
    for n in lengths:
        yield f"x of {n}", (first, of_length(second, n), *rest)
        yield f"all items of {n}", (of_length(first, n), second, *rest)
        yield f"one item of {n}", (with_last(first, n), second, *rest)
        yield f"both of {n}", (of_length(first, n), of_length(second, n), *rest)


def outcome(f: Callable[..., Any], args: tuple[Any, ...]) -> str:
    try:
        f(*args)
    except (ValueError, IndexError, np.linalg.LinAlgError):
        return "raises"
    return "works"


def compare(name: str, lengths: tuple[int, ...]) -> None:
    f, args = PROGRAMS[name]
    g = srcdiff.grad(f, argnums=(0, 1), jit=True)
    plain = srcdiff.grad(f, argnums=(0, 1), jit=False)
    g(*args)
    for label, wrong in others(args, lengths):
        expected = outcome(f, wrong)
        try:
            found = outcome(g, wrong)
        except srcdiff.UnsupportedError:  # at another length of 1, say: a clear error
            continue
        assert (found == expected) != ((name, label) in KNOWN), label
        if found != expected:
            continue
        if expected == "works":
            for one, other in zip(flat(g(*wrong)), flat(plain(*wrong)), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12, err_msg=label)


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray | float):
        yield value
        return
    for part in value.values() if isinstance(value, dict) else value:
        yield from flat(part)


@pytest.mark.parametrize("name", ["matmul_chain", "pair_chain", "where_chain", "sum_of_products"])
def test_no_other_length_is_read_past_its_end(name: str) -> None:
    compare(name, (3,))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_lengths_of_items_raise_where_the_function_does(name: str) -> None:
    compare(name, (0, 1, 3, 5, 100_000 if PROGRAMS[name][1][0] is VECTORS else 300))
