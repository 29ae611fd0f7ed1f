"""What users call: derivatives as decorator and functions, structured arguments, errors and warnings."""

from __future__ import annotations

import dataclasses
import linecache
import math
import re
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, copy_structure, leaves, load

import srcdiff
from srcdiff.errors import DifferentiationError, SourceNotFoundError, UnsupportedError

Params = namedtuple("Params", "w b")


@dataclasses.dataclass
class Model:
    w: Any
    n: int = 3
    name: str = "model"

    def loss(self, x):
        return np.sum(self.w * x) ** 2


def cubes(x, y=2.0):
    return np.sum(x**3) * y


X = np.array([1.0, 2.0])


def equal(found: Any, expected: Any) -> None:
    a, b = leaves(found), leaves(expected)
    assert type(found) is type(expected) and len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        if right is None:
            assert left is None
        else:
            np.testing.assert_allclose(left, right, rtol=1e-13)


# ---- the names ----------------------------------------------------------------------------------------


def test_a_decorated_function_is_still_the_function() -> None:
    @srcdiff.differentiate
    def f(x, y=2.0):
        """Cubes."""
        return np.sum(x**3) * y

    assert f(X) == 18.0 and f(X, y=1.0) == 9.0
    assert (f.__name__, f.__doc__) == ("f", "Cubes.")
    equal(f.grad(X), 6 * X**2)
    value, gradient = f.value_and_grad(X)
    assert value == 18.0
    equal(gradient, 6 * X**2)
    equal(f.hvp(X, X), 12 * X * X)


def test_the_decorator_takes_options() -> None:
    @srcdiff.differentiate(argnums=("y", 0))
    def f(x, y):
        return np.sum(x) * y

    equal(f.grad(X, 2.0), (3.0, 2 * np.ones(2)))


def test_vjp_is_a_generated_function() -> None:
    @srcdiff.differentiate
    def f(x, y):
        return x * y

    value, back = f.vjp(X, 3.0)
    equal(value, 3 * X)
    equal(back(X), (3 * X, np.float64(X @ X)))
    assert f.vjp.source_for(X, 3.0) == f.vjp.source
    assert "def f_vjp(x, y, d_value):" in f.vjp.source


def test_jvp_is_a_generated_function(tmp_path) -> None:
    @srcdiff.differentiate
    def f(x, y):
        return x * y

    value, tangent = f.jvp((X, 3.0), (X, None))
    equal((value, tangent), (3 * X, 3 * X))
    assert f.jvp.source_for((X, 3.0), (X, None)) == f.jvp.source
    assert "def f_jvp(x, y, x_dot):" in f.jvp.source
    path = f.jvp.save(tmp_path / "f_jvp.py", (X, 3.0), (X, 1.0))
    assert "def f_jvp(x, y, x_dot, y_dot):" in path.read_text()
    assert "frontend" in f.jvp.stages((X, 3.0), (X, None))


@pytest.mark.parametrize("name", ["vjp", "jvp"])
def test_a_derivative_at_a_point_has_no_source_before_its_first_call(name: str) -> None:
    f = srcdiff.differentiate(lambda x: x * x)
    with pytest.raises(DifferentiationError, match="no source yet"):
        _ = getattr(f, name).source


def test_vjp_gives_adjoints_of_all_arguments_or_of_argnums() -> None:
    def f(x, i, y):
        return x[i] * y

    assert srcdiff.vjp(f, X, 1, 3.0)[1](1.0)[1] is None
    equal(srcdiff.vjp(f, X, 1, 3.0, argnums="x")[1](2.0), np.array([0.0, 6.0]))
    equal(srcdiff.vjp(f, X, 1, 3.0, argnums=(2,))[1](2.0), (4.0,))


def test_vjp_keeps_the_arguments_as_they_were() -> None:
    x = X.copy()
    _, back = srcdiff.vjp(lambda x: x**2, x)
    x[:] = 0.0
    equal(back(np.ones(2)), (2 * X,))


def test_the_parts_of_a_vjps_value_share_no_memory() -> None:
    def f(x: Any) -> Any:
        y = 2 * x
        return x, x[1:], [y, y]

    (whole, rest, (one, other)), back = srcdiff.vjp(f, X)
    whole[:], one[:] = 0.0, 0.0
    equal([rest, other], [X[1:], 2 * X])
    ones = np.ones(2)
    equal(back((ones, ones[1:], [ones, ones])), (np.array([5.0, 6.0]),))


def test_vjp_leaves_the_arrays_on_a_list_of_weights_as_they_were() -> None:
    def scaled(xs: Any, a: Any) -> Any:
        ys = [x * a for x in xs]
        return ys[::-1], ys

    weights = [np.ones(2), np.ones(3)], [np.ones(3), np.ones(2)]
    _, back = srcdiff.vjp(scaled, [np.ones(3), np.ones(2)], 0.5)
    back(weights)
    assert all(np.array_equal(w, np.ones(len(w))) for part in weights for w in part)


def test_vjp_of_a_structured_result_takes_weights_of_its_structure() -> None:
    _, back = srcdiff.vjp(lambda x: {"a": x * 2, "b": (np.sum(x), 3)}, X)
    equal(back({"b": (1.0, None), "a": X}), (2 * X + 1,))
    with pytest.raises(ValueError, match="d_value"):
        back(1.0)


def test_jvp_says_which_tangents_are_wrong() -> None:
    with pytest.raises(TypeError, match="2 arguments, 1 tangents"):
        srcdiff.jvp(cubes, (X, 2.0), (X,))
    with pytest.raises(ValueError, match="all of them are None"):
        srcdiff.jvp(cubes, (X,), (None,))
    with pytest.raises(ValueError, match=r"x_dot has shape \(3,\)"):
        srcdiff.jvp(cubes, (X,), (np.ones(3),))


def test_a_tuple_of_argnums_gives_a_tuple_even_of_one() -> None:
    equal(srcdiff.grad(cubes, argnums=(0,))(X), (6 * X**2,))
    equal(srcdiff.grad(cubes, argnums=[0])(X), (6 * X**2,))
    equal(srcdiff.grad(cubes, argnums=-1)(X), np.float64(9.0))
    equal(srcdiff.grad(cubes, argnums=("y", "x"))(X, 1.0), (np.float64(9.0), 3 * X**2))


def test_has_aux() -> None:
    def f(x):
        return np.sum(x**2), {"y": 2 * x, "n": 3, "s": "text", "none": None}

    gradient, aux = srcdiff.grad(f, has_aux=True)(X)
    equal(gradient, 2 * X)
    equal(aux["y"], 2 * X)
    assert (aux["n"], aux["s"], aux["none"]) == (3, "text", None)
    product, aux = srcdiff.hvp(f, has_aux=True)(X, X)
    equal(product, 2 * X)
    (value, _), gradient = srcdiff.value_and_grad(f, has_aux=True)(X)
    assert value == 5.0
    equal(gradient, 2 * X)


def test_methods_and_objects_are_functions() -> None:
    equal(srcdiff.grad(Model(X).loss)(X), 10 * X)

    class Squared:
        def __call__(self, x):
            return np.sum(x**2)

        @srcdiff.differentiate
        def method(self, x):
            return np.sum(x**3)

    equal(srcdiff.grad(Squared())(X), 2 * X)
    equal(Squared().method.grad(X), 3 * X**2)
    assert Squared().method(X) == 9.0


# ---- structures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "gradient"),
    [
        (Params(X, 2.0), Params(4 * X, 5.0)),
        (Params(X, 2), Params(4 * X, None)),
    ],
)
def test_a_named_tuples_gradient_is_one(argument: Params, gradient: Params) -> None:
    equal(srcdiff.grad(lambda p: np.sum(p.w**2) * p.b)(argument), gradient)


def test_a_dataclasses_gradient_is_one() -> None:
    equal(srcdiff.grad(lambda m: np.sum(m.w**2) * m.n)(Model(X)), Model(6 * X, None, None))


def test_dicts_lists_and_tuples_nest() -> None:
    p = {"a": X, "b": [1, 2.0], "c": (3, None, "s", {"d": 2.0})}

    def f(p):
        return np.sum(p["a"]) * p["b"][0] * p["c"][3]["d"]

    expected = {"a": 2 * np.ones(2), "b": [6.0, 0.0], "c": (None, None, None, {"d": 3.0})}
    equal(srcdiff.grad(f)(p), expected)


def test_a_list_of_numbers_is_a_structure_of_floats() -> None:
    found = srcdiff.grad(lambda p: p[0] * p[1])([2, 3])
    assert found == [3.0, 2.0] and isinstance(found, list)


# ---- kinds of arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [3, 3.0, np.int64(3), np.float64(3.0), np.array(3.0), np.array(3)])
def test_numbers_are_floats(x: Any) -> None:
    assert srcdiff.grad(lambda x: x**2)(x) == 6.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_gradients_have_the_dtype_of_the_argument(dtype: Any) -> None:
    def f(x):
        y = np.zeros_like(x)
        for i in range(len(x)):
            y[i] = np.exp(-x[i]) * 0.5
        return np.sum(y) * 2 + np.sum(np.tanh(x) / 3)

    assert srcdiff.grad(f)(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    "x",
    [
        np.arange(10.0)[::3],
        np.arange(4.0)[::-1],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6.0).reshape(2, 3).T,
        np.zeros(0),
        np.zeros((2, 0)),
        np.array([np.nan, 1.0]),
        np.array([np.inf, 1.0]),
        np.arange(3.0).astype(">f8"),
    ],
    ids=str,
)
def test_arrays_of_any_layout(x: np.ndarray) -> None:
    np.testing.assert_array_equal(srcdiff.grad(lambda x: np.sum(x**2) * 0.5)(x), np.asarray(x))


def test_a_read_only_array_may_be_differentiated() -> None:
    def f(x):
        x[0] = 2.0 * x[1]
        return np.sum(x**2)

    x = X.copy()
    x.flags.writeable = False
    equal(srcdiff.grad(f)(x), np.array([0.0, 20.0]))


def test_arguments_that_the_function_writes_are_not_modified() -> None:
    @srcdiff.differentiate
    def f(x):
        x[0] = 2.0 * x[1]
        x *= 2.0
        return np.sum(x**2)

    x = X.copy()
    for call in (
        f.grad,
        f.value_and_grad,
        lambda x: f.hvp(x, X),
        lambda x: f.jvp((x,), (X,)),
        f.vjp,
    ):
        call(x)
        equal(x, X)
    f(x)  # the plain call writes, as the function says
    equal(x, np.array([8.0, 4.0]))


def test_arguments_that_overlap_where_one_is_written_are_refused() -> None:
    def f(x, y):
        x[0] = 3.0 * y[1]
        return np.sum(x * y)

    g = srcdiff.grad(f)
    z = np.arange(5.0)
    for args in ((z[:3], z[1:4]), (z, z), (z[::2], z[2::1])):
        with pytest.raises(UnsupportedError, match="'x' and 'y' of f overlap in memory"):
            g(*args)
    equal(g(z[::2], z[1::2].repeat(2)[:3]), g(z[::2].copy(), z[1::2].repeat(2)[:3]))
    equal(g(z[0:4:2], z[1:4:2]), g(z[0:4:2].copy(), z[1:4:2].copy()))  # interleaved, and no overlap


Pair = namedtuple("Pair", "a b")


def by_place(p):
    p[0][0] = 3.0 * p[1][1]
    return np.sum(p[0] * p[1])


def by_unpacking(p):
    u, v = p
    v += u
    return np.sum(u * v)


def by_field(p):
    p.a[0] = 3.0 * p.b[1]
    return np.sum(p.a * p.b)


def by_key(p):
    p["in"]["a"][0] = 3.0 * p["b"][1]
    return np.sum(p["in"]["a"] * p["b"])


def by_choice(p):
    q = p[0] if p[1][0] > 0.0 else p[1]
    q[0] = 3.0
    return np.sum(p[0] * p[1])


@pytest.mark.parametrize(
    ("f", "make", "named"),
    [
        (by_place, lambda a, b: (a, b), "'p[0]' and 'p[1]' of by_place"),
        (by_unpacking, lambda a, b: (a, b), "'p[1]' and 'p[0]' of by_unpacking"),
        (by_field, Pair, "'p.a' and 'p.b' of by_field"),
        (
            by_key,
            lambda a, b: {"in": {"a": a}, "b": b},
            "\"p['in']['a']\" and \"p['b']\" of by_key",
        ),
        (by_choice, lambda a, b: (a, b), "'p[0]' and 'p[1]' of by_choice"),
    ],
)
def test_parts_of_an_argument_that_overlap_where_one_is_written_are_refused(f, make, named):
    g, z = srcdiff.grad(f), np.arange(1.0, 6.0)
    for a, b in ((z, z), (z[:3], z[2:]), (z[::2], z[2:])):
        for call in (g, lambda p: srcdiff.vjp(f, p), lambda p: srcdiff.jvp(f, (p,), (p,))):
            with pytest.raises(UnsupportedError, match=f"{re.escape(named)} overlap in memory"):
                call(make(a, b))
    separate = make(z[0:4:2], z[1:4:2])  # interleaved, and no overlap
    assert str(g(separate)) == str(g(make(z[0:4:2].copy(), z[1:4:2].copy())))


def test_what_overlaps_may_be_read_where_another_part_is_written() -> None:
    def f(p, y):
        p[0][0] = 3.0 * y[1]
        return np.sum(p[0] * p[1] * y)

    g = srcdiff.grad(f, argnums=(0, 1))
    same, separate = g((X.copy(), X), X), g((X.copy(), X.copy()), X.copy())
    assert str(same) == str(separate)  # a gradient for each place
    with pytest.raises(UnsupportedError, match=r"'p\[0\]' and 'y' of f overlap"):
        g((X, X.copy()), X)


OUTSIDE = np.array([1.0, 2.0, 3.0])


def test_an_argument_that_is_written_is_no_array_from_outside() -> None:
    def f(x):
        x[0] = 3.0 * x[1]
        return np.sum(OUTSIDE * x)

    g = srcdiff.grad(f)
    equal(g(OUTSIDE.copy()), np.array([0.0, 5.0, 3.0]))
    with pytest.raises(UnsupportedError, match="'x' and the array 'OUTSIDE' from outside of f"):
        g(OUTSIDE)
    equal(srcdiff.grad(lambda x: np.sum(OUTSIDE * x))(OUTSIDE), OUTSIDE)  # read only


def test_the_value_of_a_vjp_is_not_that_of_copies_where_arguments_overlap() -> None:
    def f(x, y):
        x[0] = 3.0 * y[1]
        return np.sum(x * y)

    with pytest.raises(UnsupportedError, match="'x' and 'y' of f overlap"):
        srcdiff.vjp(f, X, X)


def test_one_array_twice_is_fine_where_none_is_written() -> None:
    g = srcdiff.grad(lambda p: np.sum(p[0] * p[1]))
    equal(g((X, X)), (X, X))
    equal(g([X, X]), [X, X])
    equal(srcdiff.grad(lambda x, y: np.sum(x * y), argnums=(0, 1))(X, X), (X, X))


def test_an_axis_of_length_one_is_broadcast() -> None:
    g = srcdiff.grad(lambda x, y: np.sum(x * y))
    equal(g(np.ones((1, 3)), np.ones((4, 3))), np.full((1, 3), 4.0))
    equal(g(np.ones((4, 3)), np.ones((4, 3))), np.ones((4, 3)))
    equal(g(np.ones((4, 1)), np.ones((4, 3))), np.full((4, 1), 3.0))


# ---- what is outside ------------------------------------------------------------------------------------

SCALE = 3.0
WEIGHTS = np.array([1.0, 5.0])
TABLE: dict[str, Any] = {"w": np.array([2.0, 2.0]), "k": 2.0}


def test_globals_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    g = srcdiff.grad(lambda x: np.sum(x * WEIGHTS) * SCALE)
    equal(g(X), 3 * WEIGHTS)
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    equal(g(X), 4 * WEIGHTS)
    monkeypatch.setitem(globals(), "WEIGHTS", np.ones(2))
    equal(g(X), 4 * np.ones(2))
    WEIGHTS[0] = 7.0
    equal(g(X), 4 * np.array([7.0, 1.0]))


def test_parts_of_global_containers_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    g = srcdiff.grad(lambda x: np.sum(x * TABLE["w"]) * TABLE["k"])
    equal(g(X), 4 * np.ones(2))
    monkeypatch.setitem(TABLE, "k", 5.0)
    equal(g(X), 10 * np.ones(2))
    monkeypatch.setitem(TABLE, "w", X)
    equal(g(X), 5 * X)


def test_captured_values_and_attributes_are_read_at_each_call() -> None:
    rate, model = 2.0, Model(X)

    class Box:
        size = 3.0

    box = Box()

    def f(x):
        return np.sum(x * model.w) * rate * box.size

    g, method = srcdiff.grad(f), srcdiff.grad(model.loss)
    equal(g(X), 6 * X)
    equal(method(X), 10 * X)
    rate = 3.0
    equal(g(X), 9 * X)
    model.w = np.ones(2)
    equal(g(X), 9 * np.ones(2))
    equal(method(X), 6 * np.ones(2))
    box.size = 1.0
    equal(g(X), 3 * np.ones(2))


def _helper(x):
    return np.sum(x * WEIGHTS) ** 2 * SCALE


def test_what_helpers_read_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x):
        return _helper(x) + _helper(2 * x)

    g = srcdiff.grad(f)
    first = g(X)
    monkeypatch.setitem(globals(), "SCALE", 6.0)
    equal(g(X), 2 * first)
    monkeypatch.setitem(globals(), "_helper", lambda x: np.sum(x))
    equal(g(X), 3 * np.ones(2))


def test_arrays_of_one_name_from_two_places_are_distinguished() -> None:
    def make(w):
        def inner(x):
            return np.sum(x * w)

        return inner

    first, second = make(np.array([1.0, 2.0])), make(np.array([3.0, 4.0]))
    equal(srcdiff.grad(lambda x: first(x) + second(x))(X), np.array([4.0, 6.0]))
    w = 2.0  # and from a parameter of the same name
    equal(srcdiff.grad(lambda w: first(w) * np.sum(w))(X), np.array([1.0, 2.0]) * 3 + 5 + 0 * w)


def test_a_nan_outside_is_no_reason_to_generate_again() -> None:
    missing = float("nan")
    g = srcdiff.grad(lambda x: x * x if missing != 0 else x)
    g(1.0)
    g(2.0)
    assert "1 specialisation>" in repr(g)


# ---- stop_gradient ------------------------------------------------------------------------------------


def test_stop_gradient_stops_in_both_modes_and_orders() -> None:
    def f(x):
        return np.sum(srcdiff.stop_gradient(x**2) * x)

    equal(srcdiff.grad(f)(X), X**2)
    assert srcdiff.jvp(f, (X,), (X,))[1] == np.sum(X**3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", srcdiff.IndependentWarning)
        equal(srcdiff.hvp(f)(X, X), np.zeros(2))
    assert srcdiff.grad(lambda x: srcdiff.stop_gradient(x) * x**2)(3.0) == 18.0


def test_stop_gradient_leaves_no_trace_in_the_source() -> None:
    def f(x):
        return np.sum(srcdiff.stop_gradient(x) * x)

    source = srcdiff.value_and_grad(f).source_for(X)
    assert "stop" not in source and "srcdiff" not in source


def test_stop_gradient_is_the_identity_in_plain_calls() -> None:
    assert srcdiff.stop_gradient(X) is X


def test_stop_gradient_of_a_container_stops_all_of_it() -> None:
    def f(p):
        q = srcdiff.stop_gradient(p)
        return np.sum(q["w"] * p["w"]) * q["b"]

    equal(srcdiff.grad(f)({"w": X, "b": 2.0}), {"w": 2 * X, "b": 0.0})


def test_stop_gradient_before_a_write_keeps_what_was_there() -> None:
    def f(x):
        y = x * 1.0
        before = srcdiff.stop_gradient(y) * 1.0
        y[0] = 10.0 * x[1]
        return np.sum(before * y)

    equal(srcdiff.grad(f)(X), np.array([0.0, 10.0 + 2.0]))


# ---- warnings -------------------------------------------------------------------------------------------


def unused(x, p):
    return np.sum(p)


def test_independence_is_warned_of_once_for_each_specialisation() -> None:
    g = srcdiff.grad(unused)
    with pytest.warns(srcdiff.IndependentWarning, match="does not depend on 'x'") as caught:
        equal(g(X, X), np.zeros(2))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        equal(g(np.ones(3), X), np.zeros(3))
    with pytest.warns(srcdiff.IndependentWarning):
        equal(g({"a": X.astype(np.float32), "b": 1.0, "n": 3}, X)["a"], np.zeros(2, np.float32))


def test_independence_can_be_ignored_or_raise() -> None:
    equal(srcdiff.grad(unused, on_independent="ignore")(np.ones((2, 3)), X), np.zeros((2, 3)))
    with pytest.raises(DifferentiationError, match="does not depend on 'x'") as caught:
        srcdiff.grad(unused, on_independent="raise")(X, X)
    assert caught.value.line == unused.__code__.co_firstlineno
    assert "on_independent='ignore'" in caught.value.advice


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        (np.array([1, 2]), "an integer array"),
        (np.array([True]), "an array of bool"),
        (True, "a truth value"),
        ("text", "no number"),
        (None, "no number"),
        ({"i": np.array([0])}, "a dict without floats"),
    ],
    ids=str,
)
def test_a_parameter_that_cannot_be_differentiated_is_an_error_at_its_line(
    argument: Any, what: str
) -> None:
    def f(y, argument):
        return np.sum(y)

    with pytest.raises(UnsupportedError, match=what) as caught:
        srcdiff.grad(f, argnums="argument")(X, argument)
    error = caught.value
    assert error.file == __file__ and error.line == f.__code__.co_firstlineno and error.advice
    assert error.source_line[error.column : error.end_column] == "argument"
    shown = str(error).splitlines()
    assert shown[2].count("^") == len("argument")


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: 2 * x, "an array of float64 with 1 axis"),
        (lambda x: np.argmax(x), "an integer"),
        (lambda x: np.sum(x) > 1.0, "a truth value"),
        (lambda x: (np.sum(x), x), "a container"),
        (lambda x: [x[0]], "a container"),
        (lambda x: None, "None"),
    ],
)
def test_a_result_that_is_no_float_scalar_is_an_error(function: Any, what: str) -> None:
    with pytest.raises(
        UnsupportedError, match=f"needs a float scalar, but <lambda> returns {what}"
    ) as caught:
        srcdiff.grad(function)(X)
    assert caught.value.line == function.__code__.co_firstlineno and caught.value.advice


def test_has_aux_needs_a_pair() -> None:
    with pytest.raises(UnsupportedError, match="does not return a pair"):
        srcdiff.grad(cubes, has_aux=True)(X)


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        (np.array([None, 1]), "dtype object"),
        (np.array(["a"]), "dtype <U1"),
        ({1.0, 2.0}, "a set"),
        (np.ma.array(X), "a MaskedArray"),
        (Exception("e"), "an object of type Exception"),
    ],
    ids=str,
)
def test_an_argument_of_no_known_type_is_named(argument: Any, what: str) -> None:
    with pytest.raises(UnsupportedError, match=f"`x` is .*{what}") as caught:
        srcdiff.grad(cubes)(argument)
    assert caught.value.advice


def _executed(text: str, file: str) -> Any:
    namespace: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), namespace)
    return namespace["f"]


def test_executed_text_is_found_through_linecache() -> None:
    text, file = "def f(x):\n    return np.sum(x**2)\n", "<cell 1 of test_api>"
    f = _executed(text, file)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    equal(srcdiff.grad(f)(X), 2 * X)


def test_a_function_without_source_says_what_to_do() -> None:
    f = _executed("def f(x):\n    return np.sum(x**2)\n", "<nowhere>")
    with pytest.raises(SourceNotFoundError, match="source of 'f' cannot be found") as caught:
        srcdiff.grad(f)(X)
    assert "linecache" in caught.value.advice and "file" in caught.value.advice


# ---- results own their memory -------------------------------------------------------------------------------


def _arrays(tree: Any) -> list[np.ndarray]:
    return [leaf for leaf in leaves(tree) if isinstance(leaf, np.ndarray)]


@pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_writing_into_a_result_changes_nothing_else(program: Program) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt)
    args = program.arguments(0)
    kept = copy_structure(args)
    with np.errstate(all="ignore"):
        result = g(*args)
        expected = copy_structure(result)
        for k, array in enumerate(_arrays(result)):
            assert array.flags.writeable
            array[...] = 1000.0 + k
        for k, array in enumerate(_arrays(result)):
            assert np.all(array == 1000.0 + k), "two results share memory"
        same(args, kept)
        same(g(*args), expected)


def same(found: Any, expected: Any) -> None:
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        if isinstance(b, np.ndarray | float):
            np.testing.assert_array_equal(a, b)


def test_a_gradient_is_not_an_array_from_outside() -> None:
    kept = WEIGHTS.copy()
    for f in (lambda x: np.sum(x * WEIGHTS), lambda x: _dot(x)):
        srcdiff.grad(f)(X)[...] = -1.0
        equal(WEIGHTS, kept)


def _dot(x):
    return np.dot(x, WEIGHTS)


def test_a_function_that_writes_into_an_array_from_outside_is_refused() -> None:
    state = np.zeros(2)

    def f(x):
        state[0] = 2.0 * x[0]
        return np.sum(state * x)

    for function in (f, lambda x: f(2 * x)):
        with pytest.raises(UnsupportedError, match="writes into `state`, an array from outside"):
            srcdiff.grad(function)(X)
    assert not state.any()


def test_an_auxiliary_result_is_not_the_argument_nor_a_global() -> None:
    g = srcdiff.grad(lambda x: (np.sum(x), (x, WEIGHTS, x[:1])), has_aux=True)
    x, kept = X.copy(), WEIGHTS.copy()
    _, aux = g(x)
    for array in aux:
        array[...] = -1.0
    equal(x, X)
    equal(WEIGHTS, kept)


def test_weights_of_lists_and_names_that_clash() -> None:
    _, back = srcdiff.vjp(lambda p, d_value: ([p[0] * d_value, p[1]], p), [1.0, 2.0], 3.0)
    p, d = back(([1.0, 1.0], [0.5, 0.5]))
    assert list(p) == [3.5, 1.5] and d == 1.0
    equal(srcdiff.hvp(lambda x, v: np.sum(x**3) * v)(X, 2.0, X), 12 * X * X)
    value, tangent = srcdiff.jvp(lambda x, x_dot: x * x_dot, (2.0, 3.0), (1.0, None))
    assert (value, tangent) == (6.0, 3.0)


def scaled_by_value(x, value):
    return x * value


def test_a_weight_that_is_called_as_an_adjoint_is_not_written() -> None:
    """The adjoint of `value` is called `d_value`, as the weight is: `d_value @= x` would be in place."""
    weight = np.array([1.0, 2.0, 3.0])
    _, back = srcdiff.vjp(scaled_by_value, np.array([2.0, 0.5, 1.0]), 2.0, jit=False)
    assert back(weight)[1] == 6.0
    equal(weight, np.array([1.0, 2.0, 3.0]))


def test_functions_of_libraries_are_differentiated_as_they_are() -> None:
    x = np.array([0.3, -0.2])
    assert srcdiff.grad(np.sin)(0.3) == pytest.approx(np.cos(0.3))
    assert srcdiff.grad(srcdiff.grad(math.exp))(0.3) == pytest.approx(np.exp(0.3))
    np.testing.assert_allclose(srcdiff.elementwise_grad(np.tanh)(x), 1.0 - np.tanh(x) ** 2)
    np.testing.assert_allclose(srcdiff.jacobian(np.cumsum, jit=False)(x), [[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(srcdiff.grad(np.arctan2, 1)(0.3, 0.2), -0.3 / 0.13)
    np.testing.assert_allclose(
        srcdiff.batch(np.linalg.det, jit=False)(np.stack([np.eye(2), 2.0 * np.eye(2)])), [1.0, 4.0]
    )
    for f, why in (
        (np.histogram, "is not known to srcdiff"),
        (np.einsum, "takes its subscripts as a text"),
    ):
        with pytest.raises(UnsupportedError, match=why):
            srcdiff.grad(f)(x)
    with pytest.raises(UnsupportedError, match="is a library's function"):
        srcdiff.grad(np.poly1d([1.0, 2.0]))


def test_adjoint_blocks_run_in_derivatives_only() -> None:
    with pytest.raises(DifferentiationError, match="runs in derivatives only"), srcdiff.adjoint(X):
        pass


def test_positions_may_be_given_by_position() -> None:
    @srcdiff.differentiate(argnums=1)
    def scaled(x, k):
        return np.sum(x * k**2)

    np.testing.assert_allclose(srcdiff.grad(scaled, 0)(X, 3.0), [9.0, 9.0])
    assert srcdiff.grad(scaled)(X, 3.0) == pytest.approx(18.0)
    assert srcdiff.hessian(scaled, 1)(X, 3.0) == pytest.approx(6.0)
    with pytest.raises(ValueError, match="positions are given as argnums="):
        srcdiff.jacobian(scaled, 1)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x**3, keepdims=True),
        lambda x: np.sum(x.reshape(1, -1) ** 3, axis=1),
        lambda x: np.array([[np.sum(x**3)]]),
        lambda x: (x**3)[:1] + (x**3)[1:2] + x[2] ** 3,
    ],
)
def test_a_gradient_is_of_an_array_of_one_number_too(f, jit):
    x = np.array([0.5, 1.5, -2.0])
    g = srcdiff.value_and_grad(f, jit=jit)
    value, gradient = g(x)
    np.testing.assert_allclose(value, f(x))
    np.testing.assert_allclose(gradient, 3 * x**2)
    np.testing.assert_allclose(srcdiff.hessian(f, jit=jit)(x), np.diag(6 * x))


class Holder:
    def __init__(self, x):
        self.x = x


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_a_gradient_is_of_an_array_of_one_number_in_the_interpreter():
    found = srcdiff.grad(lambda h: np.sum(h.x**2, keepdims=True))(Holder(np.ones(2)))
    np.testing.assert_array_equal(found.x, [2.0, 2.0])


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize(
    "f", [lambda x: x.shape, lambda x: (x.shape, x), lambda x: x.dtype, lambda x: [x, x]]
)
def test_what_is_no_number_has_no_gradient(f):
    with pytest.raises(srcdiff.DifferentiationError, match="gradient"):
        srcdiff.grad(f)(np.ones(3))
