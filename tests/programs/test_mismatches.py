"""Lengths that do not fit are an error where the gradient does not need the value that made the function raise."""

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError


def total(x, y):
    return np.sum(x * y)


def ones(*shapes):
    return tuple(np.ones(s) for s in shapes)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (total, ones(2, 3)),
        (lambda x, y: x @ y, ones(2, 3)),
        (lambda x, y: x @ y, ones(1, 3)),
        (lambda x, y: x[1:] @ y, ones(4, 2)),
        (lambda A, y: np.sum(A @ y), ones((2, 3), 2)),
        (lambda x, y: np.sum(np.concatenate([x, y])), ones((2, 3), (2, 2))),
        (lambda x, y: np.sum(np.stack([x, y])), ones(2, 3)),
        (lambda x, y: np.sum(np.where(x > 0, x, y)), ones(2, 3)),
        (lambda x: np.sum(x * np.ones(3)), ones(2)),
        (lambda x, y: total(x, y), ones(2, 3)),
        (lambda d: np.sum(d["a"] * d["b"]), ({"a": np.ones(2), "b": np.ones(3)},)),
    ],
)
@pytest.mark.parametrize("transform", [srcdiff.grad, srcdiff.value_and_grad])
def test_a_mismatch_is_an_error_at_the_line(f, args, transform):
    with pytest.raises(ValueError, match=r"broadcast|match|same shape"):
        f(*args)
    with pytest.raises(UnsupportedError, match=r"\d and \d differ") as caught:
        transform(f)(*args)
    assert caught.value.location is not None and "^" in str(caught.value)


def test_a_later_call_is_checked_too():
    g = srcdiff.grad(total)
    np.testing.assert_allclose(g(*ones(2, 2)), np.ones(2))
    with pytest.raises(UnsupportedError, match="2 and 3 differ"):
        g(*ones(2, 3))
    np.testing.assert_allclose(g(*ones(4, 4)), np.ones(4))
    assert len(g._cache.entries) == 1


def test_helpers_are_read_for_the_lengths_of_each_call():
    g = srcdiff.grad(lambda x, y, z: total(x, y) + total(y, z))
    np.testing.assert_allclose(g(*ones(2, 2, 2)), np.ones(2))
    for lengths in ((2, 2, 3), (2, 3, 3)):
        with pytest.raises(UnsupportedError, match="2 and 3 differ") as caught:
            g(*ones(*lengths))
        assert "total(" in caught.value.chain[0].source_line


def chosen(x, y, flag):
    return np.sum(x * y) if flag > 0 else np.sum(x)


def chosen_helper(x, y, flag):
    return total(x, y) if flag > 0 else np.sum(x)


def guarded(x, y, flag):
    return np.sum(x * y) if len(x) == len(y) else np.sum(x)


@pytest.mark.parametrize("f", [chosen, chosen_helper, guarded])
def test_where_the_program_does_not_come_to_lengths_may_differ(f):
    g = srcdiff.grad(f)
    x, y = ones(2, 3)
    np.testing.assert_allclose(g(x, y, -1.0), np.ones(2))
    if f is guarded:
        np.testing.assert_allclose(g(x, y, 1.0), np.ones(2))
        return
    with pytest.raises(
        ValueError, match=r"operands of lengths \d and \d do not fit|could not be broadcast"
    ):
        g(x, y, 1.0)
    np.testing.assert_allclose(g(y, 2 * y, 1.0), 2 * np.ones(3))


def test_in_a_loop():
    def f(x, y, n):
        out = 0.0
        for _ in range(n):
            out += np.sum(x * y)
        return out

    g = srcdiff.grad(f)
    x, y = ones(2, 3)
    np.testing.assert_allclose(g(x, y, 0), np.zeros(2))
    with pytest.raises(
        ValueError, match=r"operands of lengths \d and \d do not fit|could not be broadcast"
    ):
        g(x, y, 1)


def test_where_the_program_does_not_come_to_lengths_of_slices_may_not_fit():
    def f(x, n):
        return np.sum(x[:n] * x) if n == 1 else np.sum(x)

    g = srcdiff.grad(f)
    np.testing.assert_allclose(g(np.ones(4), 3), np.ones(4))
    np.testing.assert_allclose(g(np.ones(4), 1), [5.0, 1.0, 1.0, 1.0])


JOINS = {
    "stack": np.stack, "stack of columns": lambda rows: np.stack(rows, axis=1), "concatenate": np.concatenate,
    "vstack": np.vstack, "hstack": np.hstack, "column_stack": np.column_stack, "dstack": np.dstack,
}  # fmt: skip


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", JOINS)
def test_a_list_without_arrays_is_not_joined(name, jit):
    join = JOINS[name]

    def f(x):
        rows = [v * np.array([1.0, 2.0]) for v in x]
        return np.sum(join(rows) ** 2)

    gradient = srcdiff.grad(f, jit=jit)
    assert gradient(np.ones(3)) == pytest.approx(10.0 * np.ones(3))
    with pytest.raises(ValueError, match="need at least one array to"):
        gradient(np.zeros(0))
