"""Linear algebra: second order, repeated values, names of results, and what is refused."""

import warnings

import numpy as np
import pytest
import scipy.linalg
from transforms.sources import agrees, loops_agree

import srcdiff

RNG = np.random.default_rng(3)
SQUARE = RNG.normal(size=(3, 3)) + np.diag([3.0, 6.0, 9.0])
SPD = SQUARE @ SQUARE.T
TALL = RNG.normal(size=(4, 2))
VECTOR = RNG.normal(size=3)


def banded(x):
    return np.sum(scipy.linalg.solve_banded((1, 1), x[:, :3] + 1.0, VECTOR) ** 2)


def toeplitz(x):
    return np.sum(scipy.linalg.solve_toeplitz((x[0] + 9.0, x[1]), VECTOR) ** 2)


def equations(x):
    right = np.eye(3)
    a = scipy.linalg.solve_sylvester(x, x, right)
    b = scipy.linalg.solve_continuous_lyapunov(x, a)
    return np.sum(scipy.linalg.solve_discrete_lyapunov(0.05 * x, b) ** 2)


def lu(x):
    factors = scipy.linalg.lu_factor(x)
    return np.sum(scipy.linalg.lu_solve(factors, scipy.linalg.lu_solve(factors, VECTOR, trans=1)))


def svd(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u[0, 0] ** 2 * s[1] + vh[0, 1] ** 2 * s[0]


def root(x):
    w, v = np.linalg.eigh(x @ x.swapaxes(-1, -2))
    return np.sum((v * np.sqrt(w)[..., None, :]) @ v.swapaxes(-1, -2) * np.arange(1.0, 4.0))


SECOND_ORDER = {
    "root": (root, SQUARE),
    "roots": (root, np.stack([SQUARE, SPD])),
    "eigh": (lambda x: np.sum(np.linalg.eigh(x)[1][0] ** 4), SPD),
    "eigh of scipy": (lambda x: np.sum(scipy.linalg.eigh(x)[1][0] ** 4), SPD),
    "eig": (lambda x: np.sum(np.linalg.eig(x)[0] ** 3), SPD + 0.1 * SQUARE),
    "svd": (svd, TALL),
    "qr": (lambda x: np.sum(np.linalg.qr(x)[1] ** 3), TALL),
    "pinv": (lambda x: np.sum(np.linalg.pinv(x) ** 2), TALL),
    "lstsq": (lambda x: np.sum(np.linalg.lstsq(x, np.arange(4.0), rcond=None)[0] ** 2), TALL),
    "cho_solve": (
        lambda x: VECTOR @ scipy.linalg.cho_solve(scipy.linalg.cho_factor(x), VECTOR),
        SPD,
    ),
    "lu": (lu, SQUARE),
    "expm": (lambda x: np.sum(scipy.linalg.expm(0.1 * x) ** 2), SQUARE),
    "sqrtm": (lambda x: np.sum(scipy.linalg.sqrtm(x) ** 3), SQUARE),
    "logm": (lambda x: np.sum(scipy.linalg.logm(x) ** 2), SQUARE),
    "equations": (equations, SQUARE),
    "banded": (banded, SQUARE),
    "toeplitz": (toeplitz, 0.1 * SQUARE),
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_second_derivatives(name):
    f, x = SECOND_ORDER[name]
    v = np.random.default_rng(4).normal(size=x.shape)
    gradient = srcdiff.grad(f, jit=False)
    product = srcdiff.hvp(f, jit=False)(x, v)
    h = 1e-5
    expected = (gradient(x + h * v) - gradient(x - h * v)) / (2 * h)
    np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6 * np.max(np.abs(product)))


@pytest.mark.long
@pytest.mark.parametrize("name", ["root", "svd", "qr"])
def test_second_derivatives_of_operations_with_several_results_compile(name):
    f, x = SECOND_ORDER[name]
    found = srcdiff.hvp(f, jit=True)(x, np.cos(x))
    np.testing.assert_allclose(found, srcdiff.hvp(f, jit=False)(x, np.cos(x)), rtol=1e-8)


MATRICES = (
    "s * (np.eye({n}) + np.ones(({n}, {n})))", "np.full(({n}, {n}), s) + np.identity({n})",
    "s * np.eye({n}) + np.tri({n})", "np.diag(s * np.arange(1.0, {n} + 1.0)) + 0.1",
)  # fmt: skip
OF_MATRICES = (
    "np.log(np.linalg.det(m))", "np.linalg.slogdet(m)[1]", "np.log(np.abs(np.linalg.det(m)))",
    "np.log(np.linalg.det(m / 3.0)) - np.log(np.linalg.det(2.0 * m))", "np.sum(np.linalg.inv(m)) + np.trace(m)",
)  # fmt: skip


@pytest.mark.parametrize("length", [1, 3, 40])
@pytest.mark.parametrize("made", MATRICES)
def test_matrices_of_constant_lengths(made, length):
    for call in OF_MATRICES:
        text = f"def f(s):\n    m = {made.format(n=length)}\n    return {call}\n"
        agrees(text, 1.3)
        loops_agree(text, 1.3)


def test_equal_values_leave_derivatives_finite():
    identity = 2.0 * np.eye(3)
    values = srcdiff.grad(lambda x: np.sum(np.linalg.eigh(x)[0] ** 2), jit=False)
    np.testing.assert_allclose(values(identity), 4.0 * np.eye(3))

    def projector(x):
        vectors = np.linalg.eigh(x)[1]
        return np.sum(vectors @ vectors.T)

    np.testing.assert_array_equal(srcdiff.grad(projector, jit=False)(identity), np.zeros((3, 3)))
    nuclear = srcdiff.grad(lambda x: np.linalg.norm(x, "nuc"), jit=False)
    np.testing.assert_allclose(nuclear(identity), np.eye(3), atol=1e-15)


def test_results_have_their_names():
    def f(x):
        found = np.linalg.eigh(x)
        return np.sum(found.eigenvalues) + np.linalg.slogdet(x).logabsdet

    np.testing.assert_allclose(srcdiff.grad(f, jit=False)(SPD), np.eye(3) + np.linalg.inv(SPD).T)


def test_what_is_complex_is_an_error_when_it_is_met():
    rotation = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for f, text in (
        (lambda x: np.sum(np.linalg.eigvals(x)), "some eigenvalues are complex"),
        (
            lambda x: np.sum(scipy.linalg.sqrtm(x @ x)),
            "square root of this matrix is complex",
        ),
        (
            lambda x: np.sum(scipy.linalg.logm(x @ x)),
            "logarithm of this matrix is complex",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            srcdiff.grad(f, jit=False)(rotation)


def test_singular_vectors_that_are_not_unique_are_refused():
    with pytest.raises(srcdiff.UnsupportedError, match="Pass full_matrices=False"):
        srcdiff.grad(lambda x: np.sum(np.linalg.svd(x)[0]), jit=False)(TALL)
    by_values = srcdiff.grad(lambda x: np.sum(np.linalg.svd(x)[1]), jit=False)
    u, _, vh = np.linalg.svd(TALL, full_matrices=False)
    np.testing.assert_allclose(by_values(TALL), u @ vh)


def test_what_cannot_be_bound_runs_as_numpy_and_says_so(monkeypatch):
    monkeypatch.setenv("SRCDIFF_JIT", "wait")
    f = lambda x: scipy.integrate.quad(lambda t: np.sum(x) * t**2, 0.0, 1.0)[0]
    with pytest.warns(srcdiff.CompileWarning, match="runs as NumPy"):
        found = srcdiff.grad(f)(SQUARE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(found, srcdiff.grad(f, jit=False)(SQUARE))


def lower_case(x):
    return np.sum(np.linalg.eigh(x, "l")[0] ** 3) + 2.0 * np.sum(np.linalg.eigvalsh(x, "u") ** 2)


def capital(x):
    return np.sum(np.linalg.eigh(x, "L")[0] ** 3) + 2.0 * np.sum(np.linalg.eigvalsh(x, "U") ** 2)


def complete(x):
    q, r = np.linalg.qr(x, mode="complete")
    rest = np.linalg.lstsq(x.T, np.eye(4), rcond=None)
    return np.sum(q * np.sin(q)) + np.sum(r**3) + rest[2] * np.sum(rest[0] ** 2)


@pytest.mark.slow
def test_triangles_and_complete_factors_compiled():
    for f, x in ((lower_case, SQUARE), (capital, SQUARE), (complete, TALL.T)):
        value, gradient = srcdiff.value_and_grad(f, jit=True)(x)
        expected = srcdiff.value_and_grad(f, jit=False)(x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-12)
        move, step = RNG.normal(size=x.shape), 1e-6
        found = (f(x + step * move) - f(x - step * move)) / (2 * step)
        np.testing.assert_allclose(np.sum(move * gradient), found, rtol=1e-6)
    found, expected = (srcdiff.grad(f, jit=False)(SQUARE) for f in (lower_case, capital))
    np.testing.assert_array_equal(found, expected)


def test_blocks_of_stacks_and_of_one_matrix_for_all() -> None:
    a, b = RNG.normal(size=(2, 2, 3)), RNG.normal(size=(2, 1, 1))
    weights = RNG.normal(size=(2, 3, 4))

    def blocks(a, b):
        return np.sum(weights * scipy.linalg.block_diag(a, b))

    g = srcdiff.value_and_grad(blocks, argnums=(0, 1), jit=False)
    for given in (b, b[0]):
        each = zip(a, np.broadcast_to(given, b.shape), weights, strict=True)
        value, (d_a, d_b) = g(a, given)
        wanted = sum(np.sum(w * scipy.linalg.block_diag(m, n)) for m, n, w in each)
        assert value == pytest.approx(wanted, rel=1e-12)
        np.testing.assert_allclose(d_a, weights[:, :2, :3])
        of_each = weights[:, 2:, 3:]
        np.testing.assert_allclose(d_b, of_each if given is b else of_each.sum(axis=0))


def test_products_of_stacks_are_refused_as_numpy_does() -> None:
    g = srcdiff.grad(lambda a: np.sum(np.linalg.multi_dot([a, a])), jit=False)
    with pytest.raises(srcdiff.UnsupportedError, match="multi_dot takes matrices, and vectors"):
        g(np.ones((2, 2, 2)))


def test_windows_are_not_longer_than_what_they_slide_along() -> None:
    g = srcdiff.grad(lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 3)), jit=False)
    np.testing.assert_array_equal(g(np.ones(4)), [1.0, 2.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="larger than input"):
        g(np.ones(2))


def attention(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.sum(np.sin(weights / np.sum(weights, axis=-1, keepdims=True) @ v))


@pytest.mark.long
@pytest.mark.parametrize("jit", [False, True])
def test_stacks_of_any_axes_are_multiplied_and_broadcast(jit: bool) -> None:
    q, k, v = (
        RNG.normal(size=(2, 3, 4, 2)),
        RNG.normal(size=(3, 5, 2)),
        RNG.normal(size=(2, 1, 5, 2)),
    )
    value, found = srcdiff.value_and_grad(attention, argnums=(0, 1, 2), jit=jit)(q, k, v)
    assert value == pytest.approx(attention(q, k, v), rel=1e-12)
    whole = [np.broadcast_to(a, (2, 3, *a.shape[-2:])) for a in (q, k, v)]
    one = srcdiff.grad(attention, argnums=(0, 1, 2), jit=False)
    each = np.array(
        [[[*map(np.ravel, one(*(w[i, j] for w in whole)))] for j in range(3)] for i in range(2)],
        object,
    )
    np.testing.assert_allclose(
        found[0].reshape(2, 3, 8), np.array(each[..., 0].tolist()), rtol=1e-9
    )
    np.testing.assert_allclose(
        found[1].reshape(3, 10), np.sum(np.array(each[..., 1].tolist()), axis=0), rtol=1e-9
    )
    np.testing.assert_allclose(
        found[2].reshape(2, 10), np.sum(np.array(each[..., 2].tolist()), axis=1), rtol=1e-9
    )


def adjoint_systems(a, b):
    half = scipy.linalg.solve_triangular(a, b, trans="C", lower=True)
    return np.sum(np.abs(scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), half, trans=2)) ** 2)


@pytest.mark.long
@pytest.mark.parametrize("jit", [False, True])
def test_systems_with_the_adjoint_of_a_complex_matrix(jit: bool) -> None:
    a, b = SQUARE + 1j * RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2))
    move = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
    value, found = srcdiff.value_and_grad(adjoint_systems, jit=jit)(a, b)
    assert value == pytest.approx(adjoint_systems(a, b), rel=1e-12)
    e = 1e-6
    slope = (adjoint_systems(a + e * move, b) - adjoint_systems(a - e * move, b)) / (2 * e)
    assert np.sum(np.real(found * move)) == pytest.approx(slope, rel=1e-7)
    _, forward = srcdiff.jvp(lambda a: adjoint_systems(a, b), (a,), (move,), jit=jit)
    assert forward == pytest.approx(slope, rel=1e-7)
