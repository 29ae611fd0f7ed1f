"""Arguments of other kinds in later calls: lists, tuples, arrays and NumPy's numbers where the first call had a number,
and values that a program is specialised on.
"""

import numpy as np
import pytest

import srcdiff

A = np.arange(6.0).reshape(2, 3) + 0.5
X = np.array([0.5, 1.5, 0.7, 1.1])

# each function with the values of its second argument, in the order of the calls
CASES = {
    "split": (lambda a, k: np.sum(np.split(a, k)[0] ** 2), X, (2, [1], (1, 3), np.array([2]), 4)),
    "split by a list": (lambda a, k: np.sum(np.split(a, k)[0] ** 2), X, ([1], [1, 2], np.array([3]))),
    "split rows": (lambda a, k: np.sum(np.vsplit(a, k)[0] ** 2), A.T, (3, [1], (1, 2), np.array([2]), 1)),
    "axis": (lambda a, k: np.sum(np.max(a * a, axis=k) ** 2), A, (0, (0, 1), None, -1, np.int64(1))),
    "pad": (lambda a, k: np.sum(np.pad(a, k) ** 2), A, (1, (1, 2), ((1, 2), (0, 1)))),
    "tile": (lambda a, k: np.sum(np.tile(a, k) ** 2), A, ([2, 1], 2, (1, 2))),
    "reshape": (lambda a, k: np.sum(np.reshape(a, k)[0] ** 2), A, ([6, 1], 6, (3, 2), -1)),
    "repeat": (lambda a, k: np.sum(np.repeat(a, k, axis=0)[-1] ** 2), A, ([1, 2], 2, np.array([2, 1]))),
    "order": (lambda a, k: np.linalg.norm(a, k) ** 2, X, (np.inf, 2, 1, None, -np.inf, 3.0, np.float32("inf"))),
    "subscript": (lambda a, k: np.sum(a[k] ** 2), A, (1, [1, 0], (1, 2), slice(0, 1), A > 2, ..., slice(1, None, -1))),
    "bound": (lambda a, k: np.sum(a[:k] ** 2), X, (2, np.int64(3), np.uint8(1), np.array(2), -1, None, 9)),
    "step": (lambda a, k: np.sum(a[::k] ** 2), X, (2, np.int64(3), np.int32(-1), np.array(-2))),
    "part of a list": (lambda a, k: [a, a * 2.0][k][0], X, (1, np.int64(0), np.int32(-1), np.array(1))),
    "part of a tuple": (lambda a, k: (a[0], a[1] ** 2, a[2])[k], X, (np.int32(2), 1, np.int64(-3))),
}  # fmt: skip


def same(function, x, k):
    """The gradient as the function's own difference quotient has it."""
    step, direction = 1e-6, np.cos(np.arange(x.size)).reshape(x.shape)
    change = (function(x + step * direction, k) - function(x - step * direction, k)) / (2 * step)
    return change, direction


@pytest.mark.parametrize("name", CASES)
def test_later_calls_take_values_of_other_kinds(name):
    function, x, values = CASES[name]
    gradient = srcdiff.grad(function, jit=False)
    for k in values:
        change, direction = same(function, x, k)
        found = np.sum(gradient(x, k) * direction)
        np.testing.assert_allclose(found, change, rtol=1e-6, err_msg=repr(k))


@pytest.mark.parametrize("name", ["repeat", "order", "part of a tuple", "subscript"])
def test_compiled_calls_take_them_too(name):
    function, x, values = CASES[name]
    gradient = srcdiff.grad(function)
    for k in values[:3]:
        np.testing.assert_allclose(gradient(x, k), srcdiff.grad(function, jit=False)(x, k))


def nested(x):
    return np.sum(np.array(x) ** 2)


@pytest.mark.parametrize(
    "x",
    [2.0, [1.0, 2.0], (1.0, 2.0), ([1.0, 2.0],), ([1.0], [2.0]), [[1.0, 2.0]], ((1.0,), (2.0,))],
)
@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_arrays_made_of_nested_sequences_have_their_gradient(x):
    np.testing.assert_allclose(np.array(srcdiff.grad(nested, jit=False)(x)), 2.0 * np.array(x))


@pytest.mark.parametrize("k", [2.0, np.float64(1.0), True, np.True_, "a", 5])
def test_what_is_no_position_is_refused(k):
    function = lambda x, k: (x[0], x[1] ** 2)[k]
    gradient = srcdiff.grad(function, jit=False)
    assert gradient(X, 1)[1] == 3.0
    if k is True:
        assert gradient(X, k)[1] == 3.0
        return
    with pytest.raises((TypeError, IndexError, srcdiff.UnsupportedError)):
        gradient(X, k)
