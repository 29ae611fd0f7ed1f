"""Jacobians and Hessians: in both modes against finite differences, their structure, and their text."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load

import srcdiff
from srcdiff import UnsupportedError, grad, hessian, jacobian
from srcdiff.compile.arguments.pytree import children, leaves, random_like

RNG = np.random.default_rng(0)
MODES = ("forward", "reverse")


def differences(f: Callable[..., Any], x: Any, *rest: Any) -> Any:
    """The Jacobian by differences, output axes first."""
    x = np.asarray(x, float)
    found = np.zeros((*np.shape(f(x, *rest)), *x.shape))
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-5
        found[(..., *at)] = (np.asarray(f(x + step, *rest)) - np.asarray(f(x - step, *rest))) / 2e-5
    return found


def sines(x, A):
    return np.sin(A @ x)


def gram(X):
    return X @ X.T + np.exp(X[:, :1])


def in_place(x):
    y = x.copy()
    for _ in range(3):
        y[1:] = y[1:] * y[:-1] + np.sin(y[1:])
    return y


def shrinking(x):
    y = x
    while np.sum(y**2) > 0.1:
        y = y * 0.7 - 0.01 * y**3
    return y


def branches(x):
    if x[0] > 0.0:
        return x**2
    return x**3


def positive(x):
    return x[x > 0.0] ** 2


def moments(x, n):
    out = np.zeros(n)
    for i in range(n):
        out[i] = np.sum(x**i)
    return out


def power(x):
    return x**3


def writing(x):
    x[0] = x[1] ** 2
    return x


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def helper(x, k):
    return np.tanh(x) * k


def with_helper(x):
    return helper(x, 2.0) + helper(x[::-1], x[0])


PROGRAMS = [
    pytest.param(sines, (RNG.normal(size=3), RNG.normal(size=(4, 3))), id="product"),
    pytest.param(gram, (RNG.normal(size=(3, 4)),), id="matrices"),
    pytest.param(in_place, (RNG.normal(size=5),), id="loop"),
    pytest.param(shrinking, (RNG.normal(size=4),), id="while"),
    pytest.param(branches, (np.array([1.0, 2.0]),), id="first branch"),
    pytest.param(branches, (np.array([-1.0, 2.0]),), id="second branch"),
    pytest.param(positive, (np.array([1.0, -2.0, 3.0]),), id="mask"),
    pytest.param(moments, (np.array([1.0, 2.0]), 4), id="length of a number"),
    pytest.param(power, (0.5,), id="number"),
    pytest.param(power, (np.array([0.5]),), id="one element"),
    pytest.param(power, (np.zeros(0),), id="no element"),
    pytest.param(power, (np.array([[0.5], [1.5]]),), id="axis of length 1"),
    pytest.param(softmax, (RNG.normal(size=4),), id="softmax"),
    pytest.param(with_helper, (RNG.normal(size=3),), id="helper"),
    pytest.param(lambda x: np.array([np.cos(x), np.sin(x)]), (0.3,), id="curve"),
    pytest.param(lambda x: x, (RNG.normal(size=3),), id="identity"),
    pytest.param(lambda x: np.sum(x**3), (RNG.normal(size=3),), id="scalar"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("f", "args"), PROGRAMS)
def test_each_mode_gives_the_matrix_of_differences(f: Any, args: Any, mode: str) -> None:
    g = jacobian(f, mode=mode, jit=False)
    found = g(*args)
    np.testing.assert_allclose(found, differences(f, *args), rtol=1e-6, atol=1e-7)
    assert np.shape(found) == np.shape(differences(f, *args))
    namespace: dict[str, Any] = {}
    exec(g.source, namespace)
    np.testing.assert_array_equal(namespace[g.__name__.replace("<lambda>", "f")](*args), found)


def all_of_them(x, A, X):
    return (
        np.sin(A @ x),
        X @ X.T * x[0],
        softmax(x),
        in_place(x),
        np.sum(x) * X[:, 0],
    )


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_compiled_code_gives_the_same(mode: str) -> None:
    args = RNG.normal(size=3), RNG.normal(size=(4, 3)), RNG.normal(size=(2, 3))
    options: dict[str, Any] = {"mode": mode, "argnums": (0, 2)}
    plain = jacobian(all_of_them, jit=False, **options)(*args)
    compiled = jacobian(all_of_them, jit=True, **options)(*args)
    for of_plain, of_compiled in zip(plain, compiled, strict=True):
        for a, b in zip(of_plain, of_compiled, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_jacobian_reads_as_a_person_would_write_it() -> None:
    x, A = np.ones(3), np.ones((4, 3))
    assert (
        jacobian(sines, mode="reverse")
        .source_for(x, A)
        .endswith(
            '''
    """Jacobian of `sines` with respect to `x`."""
    jacobian = np.empty_like(A)
    for k, (A_row, value) in enumerate(zip(A, np.cos(A @ x))):
        jacobian[k] = A_row * value
    return jacobian
'''
        )
    )
    assert (
        jacobian(in_place, mode="forward")
        .source_for(x)
        .endswith(
            '''
    """Jacobian of `in_place` with respect to `x`."""
    y = x.copy()
    ys = np.empty((3, len(x)))
    for t in range(3):
        ys[t] = y
        y[1:] = y[1:] * y[:-1] + np.sin(y[1:])
    jacobian = np.empty((len(x), len(x)))
    for k, x_dot in enumerate(np.eye(len(x))):
        y_dot = x_dot.copy()
        for y in ys:
            y_dot[1:] = y_dot[1:] * (y[:-1] + np.cos(y[1:])) + y[1:] * y_dot[:-1]
        jacobian[:, k] = y_dot
    return jacobian
'''
        )
    )


def test_the_forward_part_stands_in_front_of_the_directions() -> None:
    source = jacobian(in_place, mode="reverse").source_for(np.ones(4))
    assert source.index("ys[t] = y") < source.index("np.eye") < source.index("reversed(ys)")


def test_auto_takes_the_mode_with_fewer_iterations_for_the_given_lengths() -> None:
    g = jacobian(sines, jit=False)
    for shape, loop in (((4, 3), "range(len(x))"), ((3, 4), "zip(A, ")):
        A, x = RNG.normal(size=shape), RNG.normal(size=shape[1])
        np.testing.assert_allclose(g(x, A), np.cos(A @ x)[:, None] * A)
        assert loop in g.source
    assert "specialisations" in repr(g)


def test_a_scalar_has_its_gradient_and_a_number_its_tangent() -> None:
    assert "for" not in jacobian(lambda x: np.sum(x**2)).source_for(np.ones(3)).partition("def")[2]
    assert "eye" not in jacobian(lambda x: np.array([x, x**2])).source_for(1.0)


def layer(p, x):
    h = np.tanh(p["W"] @ x + p["b"])
    return h, {"energy": np.sum(h) * p["s"], "size": len(h)}


@pytest.mark.parametrize("mode", MODES)
def test_structures_are_those_of_the_result_with_those_of_the_argument_inside(mode: str) -> None:
    p = {"W": RNG.normal(size=(2, 3)), "b": RNG.normal(size=2), "s": 0.5, "name": "layer"}
    x = RNG.normal(size=3)
    h, rest = jacobian(layer, mode=mode, jit=False)(p, x)
    assert list(rest) == ["energy", "size"]
    assert rest["size"] is None
    assert h["name"] is None
    for key in ("W", "b", "s"):

        def f(v: Any, key: str = key) -> Any:
            return layer({**p, key: v}, x)

        np.testing.assert_allclose(h[key], differences(lambda v: f(v)[0], p[key]), atol=1e-8)
        expected = differences(lambda v: f(v)[1]["energy"], p[key])
        np.testing.assert_allclose(rest["energy"][key], expected, atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_a_tuple_of_arguments_gives_a_tuple_for_each_result(mode: str) -> None:
    A, x = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    by_x, by_A = jacobian(sines, mode=mode, argnums=("x", "A"), jit=False)(x, A)
    np.testing.assert_allclose(by_x, differences(sines, x, A), atol=1e-8)
    np.testing.assert_allclose(by_A, differences(lambda A: sines(x, A), A), atol=1e-8)
    (alone,) = jacobian(sines, mode=mode, argnums=(0,), jit=False)(x, A)
    np.testing.assert_allclose(alone, by_x)


def test_float32_stays() -> None:
    for mode in MODES:
        found = jacobian(lambda x: 2 * np.sin(x), mode=mode, jit=False)(np.ones(3, np.float32))
        assert found.dtype == np.float32
    assert hessian(lambda x: np.sum(x**3), jit=False)(np.ones(3, np.float32)).dtype == np.float32


def with_parts(x):
    total = 0.0
    for k in range(len(x)):
        total = total * 0.5 + x[k]
    return x**2 * total, {"total": total, "x": x, "n": len(x)}


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_with_aux(jit: bool) -> None:
    x = np.array([1.0, 2.0])
    expected = np.diag(5.0 * x) + np.outer(x**2, [0.5, 1.0])
    for mode in MODES:
        g = jacobian(with_parts, mode=mode, has_aux=True, jit=jit)
        found, aux = g(x)
        np.testing.assert_allclose(found, expected)
        assert aux["total"] == 2.5 and aux["n"] == 2 and aux["x"] is not x
        np.testing.assert_array_equal(aux["x"], x)


def test_hessians_with_aux_also_inside_of_functions() -> None:
    def energy(x):
        return np.sum(x**3), np.sum(x)

    def along(x):
        matrix, total = hessian(energy, has_aux=True)(x)
        product, _ = srcdiff.hvp(energy, has_aux=True)(x, x)
        slopes, parts = jacobian(with_parts, has_aux=True)(x)
        return np.sum(matrix) * total + np.sum(product) + np.sum(slopes) * parts["total"]

    x = np.array([1.0, 2.0])
    matrix, total = hessian(energy, has_aux=True, jit=False)(x)
    np.testing.assert_allclose(matrix, np.diag(6.0 * x))
    assert total == 3.0
    assert along(x) == pytest.approx(18.0 * 3.0 + 30.0 + (5.0 * 3.0 + 7.5) * 2.5)
    srcdiff.check_grads(along, x, modes=("reverse",), order=1)


def test_aux_of_what_draws_is_refused() -> None:
    def noisy(x, rng):
        noise = rng.normal(size=2)
        return x * noise, noise

    with pytest.raises(UnsupportedError, match="would do so twice"):
        jacobian(noisy, has_aux=True, jit=False)(np.ones(2), np.random.default_rng(0))


def test_arguments_are_not_changed() -> None:
    x = np.array([1.0, 2.0])
    for mode in MODES:
        found = jacobian(writing, mode=mode, jit=False)(x)
        np.testing.assert_array_equal(found, [[0.0, 4.0], [0.0, 1.0]])
        np.testing.assert_array_equal(x, [1.0, 2.0])


# ---- Hessians ----------------------------------------------------------------------------------


def chain(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def logistic(w, X, y):
    return np.sum(np.log1p(np.exp(-y * (X @ w)))) + 0.5 * np.sum(w**2)


HESSIANS = [
    pytest.param(chain, (RNG.normal(size=4),), id="loop"),
    pytest.param(logistic, (RNG.normal(size=3), RNG.normal(size=(5, 3)), np.ones(5)), id="arrays"),
    pytest.param(lambda X: np.sum(np.linalg.inv(X) ** 2), (np.eye(2) * 3 + 0.5,), id="inverse"),
    pytest.param(lambda x: x**3 * np.sin(x), (0.7,), id="number"),
    pytest.param(lambda x: np.sum(3.0 * x), (np.ones(2),), id="linear"),
]


@pytest.mark.parametrize(("f", "args"), HESSIANS)
def test_hessians_are_differences_of_gradients(f: Any, args: Any) -> None:
    found = hessian(f, jit=False)(*args)
    g = grad(f, jit=False)
    np.testing.assert_allclose(found, differences(g, *args), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, jacobian(g, jit=False)(*args), rtol=1e-12, atol=1e-12)


def test_hessians_of_several_arguments_are_blocks() -> None:
    def f(a, b):
        return np.sum(a["u"] ** 2) * b + b**3 * a["v"]

    a, b = {"u": np.array([1.0, 2.0]), "v": 3.0}, 0.5
    blocks = hessian(f, argnums=(0, 1), jit=False)(a, b)
    np.testing.assert_array_equal(blocks[0]["u"][0]["u"], np.eye(2))
    np.testing.assert_array_equal(blocks[0]["u"][0]["v"], [0.0, 0.0])
    np.testing.assert_array_equal(blocks[0]["u"][1], [2.0, 4.0])
    np.testing.assert_array_equal(blocks[1][0]["u"], [2.0, 4.0])
    assert blocks[1][0]["v"] == blocks[0]["v"][1] == 0.75
    assert blocks[1][1] == 9.0
    assert blocks[0]["v"][0]["v"] == 0.0


def test_hessians_compiled() -> None:
    x = RNG.normal(size=4)
    np.testing.assert_allclose(
        hessian(chain, jit=True)(x), hessian(chain, jit=False)(x), rtol=1e-12
    )


def containers(tree: Any) -> list[Any]:
    inner = children(tree) or []
    return [tree, *(c for part in inner for c in containers(part))]


# a matrix by a list has no shape
SHAPED = [
    p
    for p in load("all")
    if not any(isinstance(c, list) for c in containers(p.arguments(0)[p.wrt[0]]))
]


@pytest.mark.slow
@pytest.mark.parametrize("program", SHAPED, ids=lambda p: p.name)
def test_hessians_of_the_corpus_times_vectors_are_products(program: Program) -> None:
    args, k = program.arguments(0), program.wrt[0]
    options: dict[str, Any] = {"argnums": k, "on_independent": "ignore", "jit": False}
    v = random_like(args[k], np.random.default_rng(0))
    product = [
        p for p in leaves(srcdiff.hvp(program.function, **options)(*args, v)) if p is not None
    ]
    parts = [part for part in leaves(v) if part is not None]
    blocks = [h for h in leaves(hessian(program.function, **options)(*args)) if h is not None]
    assert len(blocks) == len(parts) ** 2
    for i, expected in enumerate(product):
        row = zip(blocks[i * len(parts) :], parts, strict=False)
        found = sum(np.tensordot(h, part, axes=np.ndim(part)) for h, part in row)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * scale)


def test_derivatives_of_every_order() -> None:
    def f(x):
        return np.sin(x) * np.exp(0.5 * x)

    z, handle, x = 0.5 + 1j, f, 0.3
    for order in range(1, 5):
        handle = grad(handle, jit=False)
        assert handle(x) == pytest.approx((z**order * np.exp(z * x)).imag, rel=1e-12)


def test_third_derivatives_of_arrays() -> None:
    def f(x):
        return np.sum(x**3 * x[::-1])

    x = np.array([0.5, 2.0, -1.0])
    third = jacobian(hessian(f, jit=False), jit=False)(x)
    np.testing.assert_allclose(third, differences(hessian(f, jit=False), x), atol=1e-7)
    np.testing.assert_allclose(third, third.transpose(2, 0, 1))  # symmetric in all three


# ---- as generated functions ----------------------------------------------------------------------


@srcdiff.differentiate
def cubes(x):
    return x**3


@srcdiff.differentiate(argnums="x")
def energy(k, x):
    return k * np.sum(x**4)


def test_decorated_functions_have_them() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(cubes.jacobian(x), np.diag([3.0, 12.0]))
    np.testing.assert_array_equal(energy.hessian(0.5, x), np.diag([6.0, 24.0]))
    assert "def cubes_jacobian(x):" in cubes.jacobian.source
    assert "def energy_hessian(k, x):" in energy.hessian.source


def test_they_pickle_and_save(tmp_path: Any) -> None:
    x = np.array([1.0, 2.0])
    cubes.jacobian(x)
    again = pickle.loads(pickle.dumps(cubes.jacobian))
    np.testing.assert_array_equal(again(x), cubes.jacobian(x))
    again = pickle.loads(pickle.dumps(jacobian(cubes, mode="reverse")))
    assert "d_value" in again.source_for(x)
    namespace: dict[str, Any] = {}
    exec(cubes.jacobian.save(tmp_path / "cubes.py", x).read_text(), namespace)
    np.testing.assert_array_equal(namespace["cubes_jacobian"](x), cubes.jacobian(x))


def test_each_mode_has_a_record_of_its_own(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)
    texts = {mode: jacobian(sines, mode=mode).source_for(np.ones(2), np.eye(2)) for mode in MODES}
    assert texts["forward"] != texts["reverse"]
    for mode in MODES:
        program = jacobian(sines, mode=mode, on_independent="ignore").specialise(
            np.ones(2), np.eye(2)
        )
        assert program.program.source == texts[mode]


# ---- mistakes --------------------------------------------------------------------------------------


def counts(x, n):
    return x * n


def count_of(x):
    return len(x)


def listed(x):
    return [v**2 for v in x]


def of_a_list(xs):
    return np.array([xs[0] * xs[1], xs[0]])


MISTAKES = [
    (counts, {"argnums": 1}, (np.ones(2), np.array([1, 2])), "an integer array: 'n'"),
    (count_of, {}, (np.ones(2),), "count_of returns none"),
    (listed, {}, (np.ones(2),), "listed returns a list"),
    (of_a_list, {}, ([1.0, 2.0],), "with respect to a list has no shape"),
    (counts, {"has_aux": True}, (np.ones(2), 2.0), "does not return a pair"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("f", "options", "args", "message"), MISTAKES)
def test_mistakes_are_named(f: Any, options: Any, args: Any, message: str, mode: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        jacobian(f, mode=mode, jit=False, **options)(*args)


def test_a_hessian_needs_a_scalar() -> None:
    with pytest.raises(UnsupportedError, match="needs a float scalar"):
        hessian(power, jit=False)(np.ones(2))


def test_modes_are_three() -> None:
    with pytest.raises(ValueError, match="expected one of 'auto', 'forward', 'reverse'"):
        jacobian(power, mode="sideways")


def test_arguments_that_do_not_matter_are_reported() -> None:
    def f(x, y):
        return x**2

    for mode in MODES:
        with pytest.warns(srcdiff.IndependentWarning, match="does not depend on 'y'"):
            found = jacobian(f, mode=mode, argnums=1, jit=False)(np.ones(2), np.ones(3))
        np.testing.assert_array_equal(found, np.zeros((2, 3)))
