"""Matrices that are not known to be symmetric: factorised once for all systems, inverses and determinants."""

import numpy as np
import pytest
from transforms.passes import unchanged

import srcdiff
from srcdiff.transforms.linalg.lu_systems import share_factors

ON = {"jit": False, "on_independent": "ignore"}
OFF = {**ON, "rewrite": {"shared_lu": False}}


def system_and_determinant(A, B, b):
    return b @ np.linalg.solve(A, b) + np.linalg.slogdet(A)[1]


def inverse_of_several(A, B, b):
    inverse = np.linalg.inv(A)
    return b @ inverse @ b + np.sum((B.T @ inverse) ** 2) + np.sum(inverse @ B)


def with_its_transpose(A, B, b):
    return np.linalg.solve(A, b) @ np.linalg.solve(A.T, b) + np.sum(np.linalg.solve(A, B) ** 2)


def sign_and_size(A, B, b):
    sign, size = np.linalg.slogdet(A)
    return sign * size + np.sum(np.linalg.solve(A.T, B))


def steps(A, B, b):
    for _ in range(3):
        b = np.linalg.solve(A, b + 1.0)
    return np.sum(b**2)


PROGRAMS = [system_and_determinant, inverse_of_several, with_its_transpose, sign_and_size, steps]


def arguments():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(4, 4)) + np.diag([2.0, -2.0, 3.0, 1.0])
    return A, rng.normal(size=(4, 3)), rng.normal(size=4)


@pytest.mark.parametrize("f", PROGRAMS)
def test_one_factorisation_serves_all(f):
    args = arguments()
    for A in (args[0], args[0][::-1].copy()):  # of either sign
        g, plain = (srcdiff.value_and_grad(f, argnums=(0, 1, 2), **o) for o in (ON, OFF))
        (value, slopes), (wanted, others) = g(A, *args[1:]), plain(A, *args[1:])
        assert value == pytest.approx(wanted, rel=1e-13)
        for d, w in zip(slopes, others, strict=True):
            np.testing.assert_allclose(d, w, rtol=1e-11, atol=1e-12)
    text = g.source_for(*args)
    assert text.count("dgetrf(") == 1
    assert "inv(" not in text and "LinAlgError" in text


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_singular_matrix_raises_as_numpy_does(f):
    _, B, b = arguments()
    if f is sign_and_size:  # its sign, and then the system
        assert np.linalg.slogdet(np.zeros((4, 4)))[0] == 0
    with pytest.raises(np.linalg.LinAlgError):
        srcdiff.value_and_grad(f, **ON)(np.zeros((4, 4)), B, b)


@pytest.mark.parametrize("jit", [False, True])
def test_a_matrix_without_rows_is_not_singular(jit):
    def f(K, x):
        return np.sum(np.linalg.inv(K) @ x) + x @ np.linalg.solve(K, x)

    value, (d_K, d_x) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=jit)(
        np.zeros((0, 0)), np.zeros(0)
    )
    assert value == 0.0 and d_K.shape == (0, 0) and d_x.shape == (0,)


def test_loops_without_iterations_factorise_nothing():
    def f(A, b, n):
        for _ in range(n):
            b = np.linalg.solve(A, b)
        return np.sum(b)

    g = srcdiff.grad(f, argnums=1, **ON)
    before, _, loop = g.source_for(np.eye(2), np.ones(2), 3).partition("for ")
    assert "dgetrf(" in before and "LinAlgError" in loop
    assert g(np.zeros((2, 2)), np.ones(2), 0).tolist() == [1.0, 1.0]


def test_one_system_shares_its_factors_with_its_adjoint():
    A, _, b = arguments()
    text = srcdiff.value_and_grad(lambda A, b: np.sum(np.linalg.solve(A, b)), **ON).source_for(A, b)
    assert text.count("dgetrf(") == 1 and text.count("lu_solve(") == 2


def test_single_precision_stays():
    args = [a.astype(np.float32) for a in arguments()]
    value, _ = srcdiff.value_and_grad(sign_and_size, **ON)(*args)
    assert value.dtype == np.float32


def test_a_determinant_alone_stays_as_it_is():
    A, _, b = arguments()
    g = srcdiff.value_and_grad(lambda A, b: np.linalg.slogdet(A)[1], **ON)
    assert "getrf" not in g.source_for(A, b)


@pytest.mark.parametrize(
    ("dtype", "axes", "operation"),
    [
        ("float64", "n, n", "inv %A"),
        ("float64", "k, n, n", "solve %A, %s.1"),
        ("complex128", "n, n", "solve %A, %s.1"),
    ],
)
def test_what_uses_no_factors_in_a_loop_stays(dtype, axes, operation):
    type_ = f"{dtype}[{axes}]"
    text = f"""
        def f(%A: {type_}, %x: {type_}) -> 0 {{
          %s: {type_} = for 0, 3, 1 with %x {{
            (%i: int64{{i}}, %s.1: {type_}) ->
            %v: {type_} = {operation}
            %t: {type_} = add %v, %s.1
            yield %t
          }}
          yield %s
        }}
    """
    unchanged(share_factors, text)


def newton(A, B, b):
    """Each iteration has its own matrix."""
    x = b
    for _ in range(3):
        J = A + np.diag(x)
        x = x - np.linalg.solve(J, A @ x + 0.5 * x**2 - b)
    return np.sum(x**2)


def test_matrices_of_iterations():
    srcdiff.check_grads(newton, *arguments(), argnums=(0, 2))
    text = srcdiff.value_and_grad(newton, argnums=(0, 2), **ON).source_for(*arguments())
    assert text.count("dgetrf(") == 1


def energy(A, b):
    x = np.linalg.solve(A, b)
    return 0.5 * np.sum(x**2) + x[0] ** 3


slope = srcdiff.grad(energy, argnums=1)


def test_derivatives_that_programs_call_again():
    """A derivative that raises for singular matrices is called by a program that is differentiated."""

    def curved(A, b):
        return np.sum(slope(A, b) ** 2)

    A, _, b = arguments()
    srcdiff.check_grads(curved, A, b)
    with pytest.raises(np.linalg.LinAlgError):
        srcdiff.grad(curved, **ON)(np.zeros((4, 4)), b)


def all_of_them(A, B, b):
    return (
        system_and_determinant(A, B, b)
        + inverse_of_several(A, B, b)
        + with_its_transpose(A, B, b)
        + sign_and_size(A, B, b)
        + steps(A, B, b)
        + newton(A, B, b)
    )


def test_derivatives_of_all_orders():
    srcdiff.check_grads(all_of_them, *arguments())


@pytest.mark.slow
def test_compiled():
    args = arguments()
    options = {"argnums": (0, 1, 2)}
    plain, compiled = (srcdiff.value_and_grad(all_of_them, jit=j, **options) for j in (False, True))
    (value, slopes), (same, others) = plain(*args), compiled(*args)
    assert same == pytest.approx(value, rel=1e-13)
    for d, w in zip(slopes, others, strict=True):
        np.testing.assert_allclose(w, d, rtol=1e-11, atol=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        compiled(np.zeros((4, 4)), *args[1:])
