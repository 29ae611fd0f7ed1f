"""Programs of complex numbers: conventions, text, both modes, compiled code, and what is refused."""

import cmath
import warnings

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError

RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


Z, W, A, B = drawn(4), drawn(3), drawn(3, 3), drawn(3, 2)
X, Y = RNG.normal(size=4), RNG.normal(size=5)


# ---- conventions: those of autograd -----------------------------------------------------------------


def distance(z):
    return np.sum(np.abs(z - (1.0 + 2.0j)) ** 2)


def holomorphic(z):
    return np.exp(z) * z**2


def test_a_gradient_is_du_dx_minus_i_du_dy():
    found = srcdiff.grad(distance, jit=False)(Z)
    np.testing.assert_allclose(found, 2.0 * np.conj(Z - (1.0 + 2.0j)))
    assert distance(Z - 0.01 * np.conj(found)) < distance(Z)


def test_weights_and_tangents_of_a_holomorphic_function_are_multiplied_by_its_derivative():
    slope = np.exp(Z) * (Z**2 + 2.0 * Z)
    _, back = srcdiff.vjp(holomorphic, Z, argnums=0, jit=False)
    _, tangent = srcdiff.jvp(holomorphic, (Z,), (1j * np.ones(4),), jit=False)
    np.testing.assert_allclose(back(1j * np.ones(4)), 1j * slope)
    np.testing.assert_allclose(tangent, 1j * slope)
    np.testing.assert_allclose(srcdiff.holomorphic_grad(holomorphic, jit=False)(Z), slope)
    number = complex(Z[0])
    np.testing.assert_allclose(
        srcdiff.holomorphic_grad(holomorphic, jit=False)(number), slope[0], rtol=1e-12
    )


def test_the_derivative_by_a_real_argument_is_real():
    def wave(phase, z):
        return np.real(np.sum(np.exp(1j * phase) * z))

    found = srcdiff.grad(wave, jit=False)(X, Z)
    np.testing.assert_allclose(found, np.real(1j * np.exp(1j * X) * Z))
    assert found.dtype == np.float64


def test_a_real_derivative_by_a_complex_argument_is_complex():
    g = srcdiff.grad(lambda z: np.sum(np.real(z)), jit=False)
    assert g(Z).dtype == np.complex128 and g(Z.astype(np.complex64)).dtype == np.complex64
    assert type(srcdiff.grad(lambda z: z.real, jit=False)(1.0 + 2.0j)) is complex


def test_a_jacobian_by_complex_numbers_has_gradients_for_rows():
    def two(z):
        return np.array([np.sum(np.abs(z) ** 2), np.real(z[0] * z[1])])

    found = srcdiff.jacobian(two, jit=False)(Z)
    second = np.array([Z[1], Z[0], 0.0, 0.0])
    np.testing.assert_allclose(found, np.stack([2.0 * np.conj(Z), second]))
    with pytest.raises(UnsupportedError, match="uses reverse mode"):
        srcdiff.jacobian(two, mode="forward", jit=False)(Z)


# ---- text ---------------------------------------------------------------------------------------------


def lines(g):
    return [s for s in g.source.splitlines() if s.startswith("    ") and '"""' not in s]


def energy(x):
    return np.sum(np.abs(np.fft.fft(x)) ** 2)


def half_energy(x):
    return np.sum(np.abs(np.fft.rfft(x)) ** 2)


def test_gradients_through_fourier_transforms_read_as_people_write_them():
    g, h = srcdiff.grad(energy, jit=False), srcdiff.grad(half_energy, jit=False)
    np.testing.assert_allclose(g(X), 2.0 * len(X) * X)
    assert lines(g) == ["    return np.real(np.fft.fft(2.0 * np.conj(np.fft.fft(x))))"]
    np.testing.assert_allclose(g(Z), 2.0 * len(Z) * np.conj(Z))
    assert lines(g) == ["    return np.fft.fft(2.0 * np.conj(np.fft.fft(x)))"]
    h(Y)
    assert lines(h) == ["    return np.real(np.fft.fft(2.0 * np.conj(np.fft.rfft(x)), len(x)))"]


def test_the_real_part_is_taken_once():
    def several(x, z):
        return np.real(np.sum(np.exp(1j * x) * z) + np.sum(x * z**2) + np.sum(z / (1j + x)))

    g = srcdiff.grad(several, jit=False)
    g(X, Z)
    assert g.source.count("np.real(") == 1


# ---- programs, against finite differences ---------------------------------------------------------------


def in_loops(c, x):
    total = 0.0
    for k in range(len(x)):
        total = total + abs(c * x[k] + 1j)
    return total


def orbit(c, n):
    z = 0.0
    for _ in range(n):
        z = z * z + c
        if abs(z) > 2:
            break
    return abs(z)


def buffers(z, x):
    y = np.empty(len(z), dtype=complex)
    for i in range(len(z)):
        y[i] = z[i] * x[i]
        if x[i] > 0:
            y[i] += 1j
    return np.sum(np.abs(y))


def lists(z):
    ws = []
    for k in range(len(z)):
        ws.append(z[k] * (1 + k * 1j))
    return np.abs(np.array(ws)).sum()


def parts_written(x):
    y = np.zeros(len(x), dtype=complex)
    y.real = x
    y.imag = x**2
    return np.abs(y**3).sum()


def from_numbers(a, b):
    z = complex(a, b)
    w = cmath.exp(z) * cmath.sqrt(z) + cmath.log(z)
    r, p = cmath.polar(w)
    return abs(w) + cmath.phase(w) + r * p + abs(cmath.rect(a, b) - w)


def algebra(a, w):
    x = np.linalg.solve(a, w)
    return np.vdot(x, a @ x).real + np.abs(np.linalg.det(a)) + np.linalg.norm(np.linalg.inv(a))


def products(a, b):
    c = np.einsum("ij,jk->ik", a, b)
    return np.abs(np.sum(c * np.outer(a[0], b[0]))) + np.sum(np.kron(b[0], b[1])).imag


def joined(z):
    u = np.concatenate([z, z[::-1] * 2j])
    v = np.stack([u, u.conj()])
    return np.where(np.abs(u) > 1, u, u * u).imag.mean() + np.linalg.norm(v) + np.std(z)


def filtered(x, k):
    return np.sum(np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k), len(x)) ** 2)


def padded(x, n):
    return np.sum(np.abs(np.fft.rfft(x, n)) ** 2 * np.arange(n // 2 + 1))


def half(z):
    return np.sum(np.fft.irfft(z) ** 3) + np.sum(np.fft.hfft(z, 5) ** 2)


def of_planes(a):
    spectrum = np.fft.fftshift(np.fft.fft2(a))
    return np.sum(np.abs(spectrum) * np.abs(np.fft.ifftn(a, axes=(0,)))) + np.sum(
        np.fft.irfftn(a) ** 2
    )


def steps_in_place(z, n):
    u = z.copy()
    total = 0.0
    for _ in range(n):
        total += np.sum(np.real(u) ** 2) * np.sum(u.imag)
        u[:] = u * (0.9 + 0.1j) + u[::-1]
        u += 0.1 * u * u
    return total


def parts_of_what_is_written(x, z):
    d = z * x
    a = np.real(d) * x
    d[0] = a[1] * 1j
    return np.sum(np.imag(d) * a * np.real(d))


def split_steps(x, n):
    u = np.exp(1j * x)
    total = 0.0
    for _ in range(n):
        u = np.fft.ifft(np.fft.fft(u) * np.exp(-0.1j * np.arange(len(x)) ** 2))
        u = u * np.exp(-0.1j * np.abs(u) ** 2)
        total = total + np.sum(np.abs(u[:2]) ** 2 * x[:2])
    return total


def augmented(z, x):
    w = z.copy()
    w *= x
    w += 1j * x
    w -= z
    w /= 2.0
    w[1:] += w[:-1] * x[1:]
    return np.sum(np.abs(w) ** 2) + np.sum(np.imag(w[::2]))


def gathered(z, x):
    places = np.array([0, 2, 2, 1])
    w = np.zeros(4, dtype=complex)
    np.add.at(w, places, z * x)
    return np.abs(z[places] @ x) + np.sum(np.abs(w) ** 3)


def chosen(z):
    a = np.where(np.real(z) > 0, z, np.real(z))
    return np.sum(a).imag + np.sum(np.where(np.abs(z) > 1, np.abs(z), z)).real


def powers(z, x):
    x = x**2 + 0.1
    return np.abs(np.sum(x**z)) + np.abs(np.sum(z**x)) + np.abs(np.sum(x ** (1j * x)))


def in_containers(p):
    return np.abs(p["a"] * p["b"][0]).sum() + np.real(p["c"])


def helper(a, b):
    return a * np.exp(1j * b)


def helpers(r, t):
    return np.abs(helper(r, t) + helper(t, r)).sum()


PROGRAMS = [
    (distance, (Z,)), (holomorphic, (Z,)), (energy, (X,)), (half_energy, (Y,)), (in_loops, (0.3 + 0.2j, X)),
    (orbit, (0.1 + 0.3j, 5)), (buffers, (Z, X)), (lists, (Z,)), (parts_written, (X,)), (from_numbers, (0.3, 0.4)),
    (algebra, (A, W)), (products, (A, B)), (joined, (Z,)), (filtered, (X, X[::-1] + 1.0)),
    (filtered, (Y, Y[::-1] + 1.0)), (padded, (Y, 8)), (padded, (Y, 3)), (half, (Z,)), (of_planes, (A,)),
    (helpers, (X, X + 1.0)), (steps_in_place, (0.3 * Z, 2)), (parts_of_what_is_written, (X, Z)), (split_steps, (X, 3)),
    (augmented, (Z, X)), (gathered, (Z, X)), (chosen, (Z,)), (powers, (Z, X)),
    (in_containers, ({"a": Z, "b": (X,), "c": 1.0 + 2.0j},)),
]  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda c: c[0].__name__)
def test_derivatives_agree_with_finite_differences(case, monkeypatch):
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    function, args = case
    srcdiff.check_grads(function, *args, order=2)


@pytest.mark.parametrize(
    "case", [p for p in PROGRAMS if p[0] is not in_containers], ids=lambda c: c[0].__name__
)
def test_single_precision_stays(case):
    function, args = case
    narrow = {"c": np.complex64, "f": np.float32}
    given = [a.astype(narrow[a.dtype.kind]) if isinstance(a, np.ndarray) else a for a in args]
    wrt = tuple(k for k, a in enumerate(given) if not isinstance(a, int))
    found = srcdiff.grad(function, argnums=wrt, jit=False)
    if function is holomorphic:
        found = srcdiff.holomorphic_grad(function, argnums=wrt, jit=False)
    for k, d in zip(wrt, found(*given), strict=True):
        assert not isinstance(given[k], np.ndarray) or d.dtype == given[k].dtype


def test_transforms_of_other_lengths_than_those_of_the_first_call():
    g = srcdiff.grad(filtered, jit=False)
    for n, m in ((5, 5), (6, 6), (6, 7), (4, 5), (1, 1), (2, 3)):
        x, k = RNG.normal(size=n), RNG.normal(size=m)
        expected = [
            (filtered(x + 1e-6 * e, k) - filtered(x - 1e-6 * e, k)) / 2e-6 for e in np.eye(n)
        ]
        np.testing.assert_allclose(g(x, k), expected, rtol=1e-6, atol=1e-7)


# ---- compiled ---------------------------------------------------------------------------------------------


def many(z, x, a):
    total = 0.0
    for k in range(len(z)):
        w = np.exp(1j * x[k]) * z[k] - np.conj(z[k]) / (2.0 + x[k])
        total += np.abs(w) + (w**2).real + w.imag
    return total + np.abs(np.sum(np.sqrt(z))) + np.sum(np.real(a[0] * a[1]))


def test_compiled_code_gives_what_numpy_gives():
    args = Z, X, A
    expected = srcdiff.value_and_grad(many, argnums=(0, 1, 2), jit=False)(*args)
    found = srcdiff.value_and_grad(many, argnums=(0, 1, 2), jit=True)(*args)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    for got, right in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-10)
        assert got.dtype == right.dtype


def transforms(x, h):
    """Transforms along each axis, longer, shorter and of each scale."""
    X, H = np.fft.rfft(x), np.fft.fft(h, 16)
    both = np.outer(h, h)
    there = np.fft.fft2(np.outer(x, x), axes=(1, 0)) + np.fft.fft(x, 3, norm="forward").sum()
    back = np.fft.irfftn(np.fft.rfftn(both, norm="ortho"), both.shape)
    return (
        np.sum(np.abs(X) ** 2)
        + np.sum(np.abs(H * np.conj(H[::-1])))
        + np.sum(np.fft.irfft(X * X, 5) ** 2)
        + np.sum(np.sin(0.1 * there).real)
        + np.sum(np.abs(np.fft.ifftn(both * 1j, norm="ortho") + 1.0))
        + np.sum(back**3) * np.sum(np.fft.hfft(X, 7))
    )


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_compiled_fourier_transforms_are_numpy_s(dtype):
    rng = np.random.default_rng(2)
    x, h = 0.3 * rng.normal(size=8).astype(dtype), 0.5 * rng.normal(size=5).astype(dtype)
    expected = srcdiff.value_and_grad(transforms, argnums=(0, 1), jit=False)(x, h)
    found = srcdiff.value_and_grad(transforms, argnums=(0, 1), jit=True)(x, h)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(found[0], expected[0], rtol=tolerance)
    for got, right in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(got, right, rtol=tolerance, atol=tolerance)
        assert got.dtype == right.dtype == dtype


# ---- against autograd -----------------------------------------------------------------------------------------


def of_autograd(np):
    """Programs of either NumPy."""
    return [
        lambda z: np.sum(np.abs(np.fft.fft(z)) ** 2),
        lambda z: np.sum(np.abs(np.fft.ifft(z, 6)) * np.arange(6)),
        lambda z: np.real(np.sum(np.exp(z) * np.conj(z) ** 2)),
        lambda z: np.sum(np.imag(np.sin(z) / z) ** 2) + np.sum(np.angle(z)),
        lambda z: np.abs(np.dot(z, np.sqrt(z))) + np.real(np.mean(np.tanh(z))),
    ]


@pytest.mark.parametrize("number", range(5))
def test_gradients_are_those_of_autograd(number):
    autograd = pytest.importorskip("autograd", reason="autograd is in the test extra")
    import autograd.numpy as anp

    ours = srcdiff.grad(of_autograd(np)[number], jit=False)
    np.testing.assert_allclose(ours(Z), autograd.grad(of_autograd(anp)[number])(Z), rtol=1e-10)


# ---- refused ------------------------------------------------------------------------------------------------------


def seen_later(z):
    u = z.copy()
    r = u.real
    u[0] = r[1] * 2.0
    return np.sum(r**2)


def seen_later_named_without_writing(z):
    r = z.real
    return 4.0 * r[1] ** 2 + np.sum(r[1:] ** 2)


def into_reals(z):
    y = np.zeros(4)
    y[:] = z
    return y.sum()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: np.sum(z), "needs a float scalar, but .* returns a complex128"),
        (
            lambda z: abs(z[0]) if z[0] < z[1] else abs(z[1]),
            "`np.less` of complex numbers is not supported: they have no order",
        ),
        (lambda z: np.sum(np.floor(z.real + z)).real, "`np.floor` of complex numbers"),
        (lambda z: np.sum(z.astype(float)), "astype leaves out the imaginary part"),
        (lambda z: np.abs(np.fft.rfft(z)).sum(), "np.fft.rfft takes real numbers"),
        (into_reals, "complex numbers are written into an array of real ones"),
    ],
)
def test_what_is_not_differentiated_says_so(function, message):
    with pytest.raises(UnsupportedError, match=message):
        srcdiff.grad(function, jit=False)(Z)


def test_real_parts_show_what_is_written_later():
    found, d_z = srcdiff.value_and_grad(seen_later, jit=False)(Z)
    expected, own = srcdiff.value_and_grad(seen_later_named_without_writing, jit=False)(Z)
    assert found == seen_later(Z)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(d_z, own, rtol=1e-14)


def test_second_derivatives_by_complex_numbers_are_along_directions():
    with pytest.raises(UnsupportedError, match="no Hessian with respect to complex numbers"):
        srcdiff.hessian(distance, jit=False)(Z)
    np.testing.assert_allclose(srcdiff.hvp(distance, jit=False)(Z, 1j * np.ones(4)), -2j)


def test_complex_derivatives_are_by_complex_numbers():
    with pytest.raises(UnsupportedError, match="'z' is not"):
        srcdiff.holomorphic_grad(holomorphic, jit=False)(X)


def test_rewritings_of_real_numbers_leave_complex_ones_alone():
    def softplus(z):
        return np.abs(np.log(1.0 + np.exp(z)))

    def root(z):
        return np.real(np.sqrt(z**2)) + np.real(np.log(z**2))

    number = complex(Z[1]) + 30.0j
    srcdiff.check_grads(softplus, number, order=1)
    srcdiff.check_grads(root, number, order=1)


def turned_number(x, n):
    z = x[0]
    for _ in range(n):
        z = np.exp(1j * z)
    return z.real


def turned_array(x, n):
    z = x
    for _ in range(n):
        z = np.exp(1j * z) * x
    return np.sum(z.real)


def grown_number(x, n):
    z, i = x[1], 0
    while i < n:
        z = z * (x[i] + 2j)
        i += 1
    return np.abs(z)


@pytest.mark.parametrize(
    ("f", "jit"),
    [
        (turned_number, True),
        *[(f, False) for f in (turned_number, turned_array, grown_number)],
        *[pytest.param(f, True, marks=pytest.mark.slow) for f in (turned_array, grown_number)],
    ],
)
def test_values_that_iterations_make_complex_start_real(f, jit) -> None:
    x, g = np.linspace(0.5, 1.1, 3), srcdiff.grad(f, jit=jit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as ComplexWarning
        for n in (3, 0):
            steps = 1e-6 * np.eye(3)
            slopes = [(f(x + e, n) - f(x - e, n)) / 2e-6 for e in steps]
            np.testing.assert_allclose(g(x, n), slopes, rtol=1e-7, atol=1e-9)


UNORDERED = np.array([[1 + 2j, 1 - 1j, 0.5 + 3j, 2], [2 + 0.2j, -1, 0.5 + 1j, 1 + 2j]])


def by_orders(z):
    """Functions that depend on an order, weighted so that the positions count."""
    weights = np.arange(1.0, 5.0)
    rows = np.sort(z) @ weights + np.sort(z, axis=0)[1] @ weights + np.sort(z, axis=None)[2]
    extremes = np.max(z, axis=0) @ weights + np.min(z, axis=1, keepdims=True)[:, 0] + np.ptp(z)
    picked = z[np.argmax(z, axis=0), np.arange(4)] @ weights + z.ravel()[np.argmin(z)]
    chosen = np.maximum(z[0], z[1]) @ weights + np.fmin(z[0], 1.0) @ weights
    clipped = np.clip(z, 0.6, 1 + 1j) @ weights + np.where(z < z[0, 2] + 2, z, 0) @ weights
    return rows + extremes + picked + chosen + clipped + np.median(z) + z.max(initial=1.5)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_orders_are_those_of_numpy(jit):
    value, _ = srcdiff.jvp(by_orders, (UNORDERED,), (UNORDERED,), jit=jit)
    np.testing.assert_allclose(value, by_orders(UNORDERED), rtol=1e-12)
    z = UNORDERED * (1.0 + np.linspace(0.01, 0.02, 8).reshape(2, 4))  # no two are equal
    gradient = srcdiff.grad(lambda z: np.sum(by_orders(z)).real, jit=jit)(z)
    along = np.cos(z)
    moved = (by_orders(z + 1e-6 * along) - by_orders(z - 1e-6 * along)) / 2e-6
    np.testing.assert_allclose(np.sum(gradient * along).real, np.sum(moved).real, rtol=1e-8)


@pytest.mark.parametrize("function", [np.sort, np.argsort, np.argmax, np.argmin])
def test_nan_comes_last_among_complex_numbers(function):
    z = np.array(
        [complex(0, np.nan), complex(np.nan, 1), complex(np.nan, np.nan), 1 + 1j, 1 + 1j, 0.5]
    )
    for part in (z, z[3:], z[::-1].copy()):
        found, _ = srcdiff.jvp(function, (part,), (part,), jit=False)
        np.testing.assert_array_equal(found, function(part))
