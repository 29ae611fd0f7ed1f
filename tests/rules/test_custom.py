"""Rules of the user's own: inlined in what is generated, for one's own functions and for libraries', and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special
from numba import njit

import srcdiff
from srcdiff import RuleError, UnsupportedError, check_grads, check_rule, grad, hessian, jvp, rule
from srcdiff.handles.differentiable import forget_programs
from srcdiff.ops.core.registry import OWN

X = np.array([0.3, -0.7, 1.2])


@pytest.fixture(autouse=True)
def _own_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules of one test only; programs run in NumPy unless the test compiles them."""
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    before = dict(OWN)
    yield
    OWN.clear()
    OWN.update(before)
    forget_programs()


def cube(x):
    return x * x * x


def lstsq(A, b):
    return eval("np.linalg.lstsq(A, b, rcond=None)[0]")  # what srcdiff does not read


def through_text(x):
    return np.array(json.loads(json.dumps(x.tolist())))


def power_sum(x, k=2):
    return np.sum(x**k)


def circle(x):
    return np.sin(x), np.cos(x)


@njit
def step(x):
    return x / (1.0 + np.abs(x))


# these two stand for the module, as a user's would
@rule(step, elementwise=True)
def step_rule(x, *, out, d_out):
    d_x = d_out / (1.0 + np.abs(x)) ** 2


def declare_cube() -> None:
    @rule(cube)
    def cube_rule(x, *, out, d_out):
        d_x = 3.0 * d_out * x**2


def test_the_rule_is_inlined_and_the_function_is_called() -> None:
    declare_cube()

    def f(x):
        return np.sum(cube(x) * np.exp(x))

    g = grad(f, jit=False)
    np.testing.assert_allclose(g(X), np.exp(X) * (3.0 * X**2 + X**3))
    assert "return cube(x) * exponential + 3.0 * exponential * x**2" in g.source, g.source
    check_grads(f, X, order=1, modes=("reverse",))


def test_a_rule_gives_the_derivative_of_its_function() -> None:
    @rule(cube)
    def not_the_derivative(x, *, out, d_out):
        d_x = 100.0 * d_out

    assert grad(cube, jit=False)(2.0) == 100.0


def test_another_rule_for_a_function_makes_other_programs() -> None:
    declare_cube()
    g = grad(cube, jit=False)
    assert g(2.0) == 12.0

    @rule(cube)
    def other(x, *, out, d_out):
        d_x = 7.0 * d_out

    assert g(2.0) == 7.0
    assert grad(cube, jit=False)(2.0) == 7.0


def test_ufuncs_act_on_each_element_in_every_mode_and_order() -> None:
    @rule(scipy.special.j0)
    def j0(x, *, out, d_out):
        d_x = -d_out * scipy.special.j1(x)

    @rule(scipy.special.j1)
    def j1(x, *, out, d_out):
        d_x = d_out * (scipy.special.j0(x) - out / x)

    def f(x, t):
        return np.sum(scipy.special.j0(x) * scipy.special.j1(x[:, None] * t).T)

    check_grads(f, X, np.array([0.5, 1.0]))
    source = grad(scipy_bessel, jit=False).source_for(X)
    assert source.startswith("from scipy.special import j0, j1\n")
    assert "return -2.0 * j0(x) * j1(x)" in source


def scipy_bessel(x):
    return np.sum(scipy.special.j0(x) ** 2)


def test_functions_of_numpy_are_known_by_their_rules() -> None:
    @rule(np.i0, elementwise=True)
    def i0(x, *, out, d_out):
        d_x = d_out * scipy.special.i1(x)

    @rule(scipy.special.i1)
    def i1(x, *, out, d_out):
        d_x = d_out * (np.i0(x) - out / x)

    check_rule(np.i0, X)
    check_rule(scipy.special.i1, X)
    g = grad(lambda x: np.sum(np.i0(x)), jit=False)
    np.testing.assert_allclose(g(X), scipy.special.i1(X))
    assert "scipy" in g.source
    assert "np.i0" not in g.source  # its value is not needed


def test_a_known_function_may_have_another_rule() -> None:
    @rule(np.abs)
    def one_sided(x, *, out, d_out):
        d_x = d_out * np.where(x >= 0.0, 1.0, -1.0)

    g = grad(lambda x: np.sum(np.abs(x)), jit=False)
    np.testing.assert_array_equal(g(np.array([0.0, -2.0])), [1.0, -1.0])


def test_what_cannot_be_read_has_a_model_of_its_result() -> None:
    @rule(lstsq, result=lambda A, b: b.copy())
    def lstsq_rule(A, b, *, out, d_out):
        d_b = np.linalg.solve(A.T, d_out)
        d_A = -np.outer(d_b, out)

    def f(A, b):
        return np.sum(lstsq(A @ A.T + np.eye(3), b) ** 2)

    A = np.random.default_rng(0).normal(size=(3, 3))
    g = grad(f, argnums=(0, 1), jit=False)
    g(A, X)
    assert "d_b = np.linalg.solve(total.T, 2.0 * lstsq_of_total)" in g.source
    check_grads(f, A, X, order=1, modes=("reverse",))
    check_rule(lstsq, A + 3 * np.eye(3), X)


Z = np.array([1.0 + 2.0j, -0.5 + 0.3j, 0.2 - 1.0j])


def test_a_rule_may_be_one_for_complex_numbers() -> None:
    def halves(z):
        return z / (1.0 + z)

    def size(z):
        return np.real(z) ** 2 + np.imag(z) ** 2

    def size_forward(z, *, out, z_dot):
        out_dot = 2.0 * np.real(np.conj(z) * z_dot)

    @rule(halves, elementwise=True, takes_complex=True)
    def halves_rule(z, *, out, d_out):
        d_z = d_out / (1.0 + z) ** 2

    @rule(
        size, elementwise=True, result=lambda z: np.abs(z), forward=size_forward, takes_complex=True
    )
    def size_rule(z, *, out, d_out):
        d_z = 2.0 * d_out * np.conj(z)

    for function in (halves, size):
        check_rule(function, X)
        check_rule(function, Z)

    def f(z):
        return np.sum(size(halves(z)))

    check_grads(f, Z, order=2)
    assert "(1.0 + z) ** 2" in grad(f, jit=False).source_for(Z)

    @rule(halves, elementwise=True, takes_complex=True)
    def wrong(z, *, out, d_out):
        d_z = d_out / np.conj(1.0 + z) ** 2

    with pytest.raises(RuleError, match=r"at `z\[1\]` it is .*j, finite differences give .*j"):
        check_rule(halves, Z)

    @rule(halves, elementwise=True)
    def real_only(z, *, out, d_out):
        d_z = d_out / (1.0 + z) ** 2

    with pytest.raises(UnsupportedError, match="takes_complex=True"):
        grad(f, jit=False)(Z)


def test_forward_mode_has_a_rule_of_its_own() -> None:
    def forward(x, k=2, *, out, x_dot):
        out_dot = np.sum(k * x ** (k - 1) * x_dot)

    @rule(power_sum, forward=forward)
    def power_sum_rule(x, k=2, *, out, d_out):
        d_x = d_out * k * x ** (k - 1)

    def f(x):
        return power_sum(x, k=3) ** 2

    check_grads(f, X, order=2)
    expected = 2 * (9 * np.outer(X**2, X**2) + np.sum(X**3) * np.diag(6 * X))
    np.testing.assert_allclose(hessian(f, jit=False)(X), expected)
    check_rule(power_sum, X, 3)


def test_without_one_forward_mode_is_refused_where_the_rule_is_not_elementwise() -> None:
    @rule(power_sum)
    def power_sum_rule(x, k=2, *, out, d_out):
        d_x = d_out * k * x ** (k - 1)

    with pytest.raises(UnsupportedError, match=r"rule\(function, forward=...\)"):
        jvp(lambda x: power_sum(x), (X,), (X,), jit=False)


def test_several_results() -> None:
    @rule(circle)
    def circle_rule(x, *, out, d_out):
        sine, cosine = out
        d_sine, d_cosine = d_out
        d_x = d_sine * cosine - d_cosine * sine

    def f(x):
        sine, _ = circle(x)
        return sine @ circle(x[::-1])[1]

    check_grads(f, X, order=1, modes=("reverse",))
    check_rule(circle, X)


def test_compiled_code_calls_the_compiled_function() -> None:
    declare_cube()

    def f(x, y):
        total = 0.0
        for i in range(len(x)):
            total += cube(x[i]) * step(y)
        return total + np.sum(step(x) * cube(x))

    args = X, 0.7
    plain = grad(f, argnums=(0, 1), jit=False)(*args)
    compiled = grad(f, argnums=(0, 1), jit=True)
    for a, b in zip(plain, compiled(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert "cube(" in compiled.loop_source
    check_grads(f, *args, order=1, modes=("reverse",))


def test_what_numba_cannot_compile_runs_as_numpy_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "wait")

    @rule(through_text, result=lambda x: x.copy())
    def through_text_rule(x, *, out, d_out):
        d_x = d_out

    g = grad(lambda x: np.sum(through_text(x) ** 2))
    with pytest.warns(srcdiff.CompileWarning, match="runs as NumPy"):
        g(X)
    np.testing.assert_allclose(g(X), 2.0 * X)


def test_saved_modules_import_the_function(tmp_path: Any) -> None:
    g = grad(lambda x: np.sum(step(x) ** 2), jit=False)
    for form in ("array", "loops"):
        text = g.save(tmp_path / f"{form}.py", X, form=form).read_text()
        assert f"from {__name__} import step\n" in text
        assert "srcdiff" not in text.partition("\n")[2]
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        np.testing.assert_allclose(namespace["f_grad"](X), g(X))


def test_records_use_the_rule(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)

    def found() -> tuple[Any, bool]:
        handle = grad(with_cube, jit=False)
        program = handle.specialise(X).program
        assert not program.stored.reason
        return handle(X), program.stored.was_found

    declare_cube()
    first, _ = found()
    forget_programs()
    again, was_found = found()
    assert was_found
    np.testing.assert_array_equal(first, again)

    @rule(cube)
    def other(x, *, out, d_out):
        d_x = 7.0 * d_out

    changed, was_found = found()
    assert not was_found
    np.testing.assert_array_equal(changed, [7.0] * 3)


def with_cube(x):
    return np.sum(cube(x))


# ---- check_rule ------------------------------------------------------------------------------------


def test_a_wrong_rule_is_caught_with_the_place() -> None:
    @rule(cube, elementwise=True)
    def wrong(x, *, out, d_out):
        d_x = 3.0 * d_out * x**2 + d_out * (x > 1.0)

    check_rule(cube, np.array([0.3, 0.9]))
    with pytest.raises(
        RuleError, match=r"with respect to `x` is wrong: at `x\[2\]` it is 5.32, .* give 4.32"
    ):
        check_rule(cube, X)
    with pytest.raises(RuleError, match="at `x` it is 13, finite differences give 12"):
        check_rule(cube, 2.0)


def test_a_right_rule_passes() -> None:
    check_rule(step, X)
    check_rule(step, 0.5)
    declare_cube()
    check_rule(cube, X)


def test_a_rule_that_is_right_in_first_order_only_is_caught() -> None:
    @rule(cube, elementwise=True)
    def flat(x, *, out, d_out):
        d_x = 3.0 * d_out * srcdiff.stop_gradient(x) ** 2

    for x in (X, 0.5):
        with pytest.raises(
            RuleError, match="its own derivative with respect to `x` along a random direction"
        ):
            check_rule(cube, x)


def test_a_declared_result_that_is_another_is_caught() -> None:
    @rule(lstsq, result=lambda A, b: A)
    def lstsq_rule(A, b, *, out, d_out):
        d_b = d_out

    with pytest.raises(RuleError, match=r"has shape \(3,\), declared is \(3, 3\)"):
        check_rule(lstsq, np.eye(3), X)


def test_a_wrong_forward_rule_is_caught() -> None:
    def forward(x, k=2, *, out, x_dot):
        out_dot = np.sum(x ** (k - 1) * x_dot)

    @rule(power_sum, forward=forward)
    def power_sum_rule(x, k=2, *, out, d_out):
        d_x = d_out * k * x ** (k - 1)

    with pytest.raises(RuleError, match="in forward mode, the derivative with respect to `x`"):
        check_rule(power_sum, X, 3)


def test_what_has_no_rule_has_none_to_check() -> None:
    with pytest.raises(ValueError, match="has no rule"):
        check_rule(lstsq, np.eye(3), X)
    with pytest.raises(TypeError, match="the rule takes x; 2 arguments"):
        check_rule(step, X, X)


# ---- mistakes --------------------------------------------------------------------------------------


def two(x, y):
    return x * y


def unknown_input() -> None:
    @rule(two)
    def two_rule(x, z, *, out, d_out):
        d_x = d_out


def missing_input() -> None:
    @rule(two)
    def two_rule(x, *, out, d_out):
        d_x = d_out


def keyword_input() -> None:
    @rule(two)
    def two_rule(x, *, y, out, d_out):
        d_x = d_out


def nothing_assigned() -> None:
    @rule(two)
    def two_rule(x, y, *, out, d_out):
        d = d_out


def misspelt() -> None:
    @rule(two)
    def two_rule(x, y, *, out, d_out):
        d_x = d_out * y
        d_yy = d_out * x


def of_the_core() -> None:
    @rule(np.multiply)
    def multiply(x1, x2, *, out, d_out):
        d_x1 = d_out


@pytest.mark.parametrize(
    ("declaring", "message"),
    [
        (unknown_input, "has an input `z`, and `two` has none of that name"),
        (missing_input, "leaves out `y`, an argument of `two`"),
        (keyword_input, "has the keyword `y`"),
        (nothing_assigned, "assigns no derivative"),
        (misspelt, "assigns `d_yy`, which is the derivative with respect to none of its inputs"),
        (of_the_core, "srcdiff's own passes count on"),
    ],
)
def test_malformed_rules_are_refused_where_they_are_written(
    declaring: Callable[[], None], message: str
) -> None:
    with pytest.raises(RuleError, match=message) as found:
        declaring()
    assert found.value.file == __file__


def test_a_derivative_that_the_rule_leaves_out_is_an_error_where_it_is_wanted() -> None:
    @rule(two)
    def two_rule(x, y, *, out, d_out):
        d_x = d_out * y

    np.testing.assert_array_equal(grad(lambda x: np.sum(two(x, 3.0)), jit=False)(X), [3.0] * 3)
    with pytest.raises(UnsupportedError, match="assigns no `d_y`, which is needed here") as found:
        grad(lambda x: np.sum(two(x, x)), jit=False)(X)
    assert "srcdiff.stop_gradient(y)" in found.value.advice


def test_what_is_no_function_has_no_rule() -> None:
    with pytest.raises(TypeError, match="rule needs a function, got 3"):
        rule(3)
    with pytest.raises(TypeError, match="needs the function that it is for"):
        rule()
    with pytest.raises(TypeError, match="written with def"):
        rule(cube)(lambda x, *, out, d_out: 0)


def test_what_cannot_be_read_and_has_no_model_is_an_error() -> None:
    @rule(through_text)
    def through_text_rule(x, *, out, d_out):
        d_x = d_out

    with pytest.raises(UnsupportedError, match="what `through_text` returns is not known"):
        grad(lambda x: np.sum(through_text(x)), jit=False)(X)


def test_a_rule_that_writes_is_an_error() -> None:
    def running(x):
        return np.cumsum(x)

    @rule(running)
    def running_rule(x, *, out, d_out):
        d_x = np.zeros_like(d_out)
        d_x[0] = 1.0

    with pytest.raises(srcdiff.RuleError, match="`running_rule` writes into an array"):
        grad(lambda x: np.sum(running(x)), jit=False)(X)
