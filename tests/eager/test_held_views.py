"""Views of containers, and iterators over them, give the items that exist at the time of the iteration."""

# ruff: noqa: B905, C417

import warnings

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


def values_under_another_name(x):
    d = {"a": x[0]}
    same, values = d, d.values()
    same["b"] = x[1] * x[2]
    return sum(v * v for v in values)


def items_of_an_argument(x):
    d = {"a": x[0], "b": x[1]}
    return _of_items(d, d.items()) * x[2]


def _of_items(d, items):
    d["b"] = d["a"] ** 2
    return sum(v * len(k) for k, v in items)


def keys_and_their_number(x):
    d = {"a": x[0]}
    keys = d.keys()
    d["z"] = x[1]
    return len(keys) * x[0] if "z" in keys else x[2]


def view_that_a_function_gives(x):
    def view(d):
        return d.values()

    d = {"a": x[0]}
    values = view(d)
    d["b"] = x[1] * x[2]
    return sum(values) ** 2


def view_of_the_iteration_before(x):
    d = {"a": x[0], "b": x[1]}
    same, s, values = d, 0.0, ()
    for k in range(3):
        if k > 0:
            s += sum(values)
        same["a"] = same["a"] * x[2]
        values = d.values()
        same["b"] = same["b"] * x[0]
    return s


def what_a_call_changes_meanwhile(x):
    d, pair = {"a": x[0], "b": x[1]}, [x[0], x[1]]

    def look(v):
        d["b"] = v * x[2]
        pair[1] = v * x[0]
        return v

    of_dict = sum(look(v) for v in d.values())
    return of_dict + sum(map(look, d.values())) * sum([look(v) for v in pair])


def iterators_before_a_change(x):
    values = [x[0], x[1]]
    same, c = values, 2.0
    rows = zip(values, [1.0, 3.0])
    backwards, numbered = reversed(values), enumerate(values)
    squares = map(lambda v: v * v * c, values)
    same[0], c = x[2] ** 3, x[1]
    s = sum(u * v for u, v in rows) + sum((k + 1) * v for k, v in numbered)
    return s + sum(squares) * next(backwards)


def removed_and_joined(x):
    d, e = {"a": x[0], "b": x[1]}, {"a": x[2]}
    values, others = d.values(), e.items()
    other = e
    d.pop("b")
    other |= {"c": x[0] * x[1]}
    return sum(values) * sum(v for _, v in others)


def list_that_grows_under_a_zip(x):
    squares = []
    for v in x:
        squares.append(v * v)
    rows = zip(squares, range(10))
    squares.append(x[0])
    squares[0] = x[1]
    return sum(u * v for u, v in rows)


LATE = [
    values_under_another_name, items_of_an_argument, keys_and_their_number, view_that_a_function_gives,
    view_of_the_iteration_before, what_a_call_changes_meanwhile, iterators_before_a_change, removed_and_joined,
    list_that_grows_under_a_zip,
]  # fmt: skip


@pytest.mark.parametrize("f", LATE, ids=lambda f: f.__name__)
def test_iteration_sees_the_items_of_that_moment(f):
    value, _ = srcdiff.value_and_grad(f, jit=False)(x3)
    np.testing.assert_allclose(value, f(x3), rtol=1e-12)
    srcdiff.check_grads(f, x3)


def view_of_a_part_of_an_argument(d):
    values = d["b"].values()
    d["a"] = d["a"] ** 2
    d["b"]["c"] = d["a"] * d["b"]["c"]
    return sum(values) * d["a"]


def test_a_view_of_an_argument_sees_what_is_written_into_it():
    d = {"a": 0.3, "b": {"c": 0.8}}
    srcdiff.check_grads(view_of_a_part_of_an_argument, d)
    d_d = srcdiff.grad(view_of_a_part_of_an_argument, jit=False)(d)
    assert d_d["b"]["c"] == pytest.approx(0.3**4)


def test_a_container_that_is_iterated_before_its_change_has_types():
    def f(x):
        d = {"a": x[0], "b": x[1]}
        values, pairs = d.values(), list(d.items())
        total = sum(values) * len(pairs)
        e = {"a": total}
        e["b"] = x[2]
        return e["a"] * e["b"]

    with warnings.catch_warnings():
        warnings.simplefilter("error", srcdiff.DynamicWarning)
        srcdiff.check_grads(f, x3)


def scaled_in_place(xs):
    for k in range(len(xs)):
        xs[k][0] = xs[k][0] * xs[k - 1][1]
    return sum(np.sum(v * v) for v in xs)


def test_arrays_of_a_list_that_is_given_are_written_without_types():
    xs = [np.array([0.5, -1.2]), np.array([0.8, 0.3]), np.array([1.1, -0.4])]
    with pytest.warns(srcdiff.DynamicWarning, match="writes into arrays of its argument 'xs'"):
        value, gradient = srcdiff.value_and_grad(scaled_in_place)(xs)
    np.testing.assert_array_equal(xs[0], [0.5, -1.2])
    assert value == scaled_in_place([v.copy() for v in xs])
    step = 1e-6
    for k, d in enumerate(gradient):
        for i in range(2):
            ends = [[v.copy() for v in xs] for _ in range(2)]
            ends[0][k][i] += step
            ends[1][k][i] -= step
            slope = (scaled_in_place(ends[0]) - scaled_in_place(ends[1])) / (2.0 * step)
            assert d[i] == pytest.approx(slope, rel=1e-7, abs=1e-8)
    dx = [np.ones(2), np.zeros(2), np.zeros(2)]
    _, tangent = srcdiff.jvp(scaled_in_place, (xs,), (dx,))
    assert tangent == pytest.approx(np.sum(gradient[0]))
