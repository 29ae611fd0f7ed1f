"""Norms of numbers whose squares overflow or vanish: of a whole array by default, along axes by an option."""

import numpy as np
import pytest

import srcdiff

FAR = {"far_norms": True}
SCALES = np.array([[1.0], [1e200], [1e-200], [1e300], [1e-300]])


def along_rows(x):
    return np.sqrt(np.sum(x**2, axis=1))


def kept(x):
    return np.square(x).sum(-1, keepdims=True) ** 0.5


def by_letters(x):
    return np.sqrt(np.einsum("ij,ij->i", x, x))


def means(x):
    return np.sqrt(np.mean(x * x, axis=1)) * np.sqrt(x.shape[1])


def scaled(x):
    return 0.5 * along_rows(-2.0 * x)


def down_columns(x):
    return np.sqrt(np.sum(x.T**2, axis=0))


NORMS = [along_rows, kept, by_letters, means, scaled, down_columns]


@pytest.mark.parametrize("columns", [3, 20])
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("norm", NORMS, ids=lambda f: f.__name__)
def test_norms_along_axes_neither_overflow_nor_vanish(norm, jit, columns):
    def weighted(x, w):
        return np.sum(w * np.ravel(norm(x)))

    near = np.random.default_rng(0).normal(size=(5, columns))
    lengths, w = np.hypot.reduce(near, axis=1), 1.0 / SCALES[:, 0]
    value, d_x = srcdiff.value_and_grad(weighted, jit=jit, rewrite=FAR)(near * SCALES, w)
    assert value == pytest.approx(np.sum(lengths), rel=1e-14)
    np.testing.assert_allclose(d_x * SCALES, near / lengths[:, None], rtol=4e-15)


def log_norms(x):
    return np.sum(np.log(along_rows(x)))


def log_norm(x):
    return np.log(np.sqrt(np.sum(x**2)))


def direction(x):
    return np.array([2.0, -1.0]) @ (x / np.sqrt(np.sum(x**2)))


def direction_by_hand(x):
    length = np.sqrt(x @ x)
    return 2.0 * x[0] / length - x[1] / length


def norm_of(x):
    return np.sqrt(np.sum(x**2))


def direction_by_helper(x):
    return np.array([2.0, -1.0]) @ (x / norm_of(x))


def root_of_norm(x):
    return np.sqrt(np.sqrt(np.mean(x**2)))


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1.0, 1e200, 1e300])
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [
        (log_norms, lambda s: np.log(5.0 * s), [[3 / 25, 4 / 25]]),
        (log_norm, lambda s: np.log(5.0 * s), [3 / 25, 4 / 25]),
        (direction, lambda s: 0.4, [0.352, -0.264]),
        (direction_by_hand, lambda s: 0.4, [0.352, -0.264]),
        (direction_by_helper, lambda s: 0.4, [0.352, -0.264]),
        (root_of_norm, lambda s: np.sqrt(s) * (12.5**0.25), None),
    ],
    ids=lambda f: getattr(f, "__name__", None),
)
def test_what_is_made_of_norms_has_derivatives(f, value, slope, scale, jit):
    """The derivative of `x / norm` is made of quotients by the norm, and not by its square."""
    x = np.array([3.0, 4.0]) * scale
    x = x[None] if f is log_norms else x
    found, d_x = srcdiff.value_and_grad(f, jit=jit, rewrite=FAR)(x)
    assert found == pytest.approx(value(scale), rel=2e-15)
    slope = np.array([3.0, 4.0]) / 50 * 12.5**0.25 * np.sqrt(scale) if slope is None else slope
    np.testing.assert_allclose(d_x * scale, slope, rtol=4e-15)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_zeros_infinite_rows_and_rows_of_nan(dtype, jit):
    def f(x, w):
        return np.sum(w * along_rows(x))

    x = np.array([[0.0, 0.0], [3.0, 4.0], [np.inf, 1.0], [np.nan, 1.0]], dtype)
    norms = [
        srcdiff.value_and_grad(f, jit=jit, rewrite=FAR)(x[k : k + 1], np.ones(1, dtype))
        for k in range(2)
    ]
    assert [value for value, _ in norms] == [0.0, 5.0]
    np.testing.assert_allclose([d_x[0] for _, d_x in norms], [[0, 0], [0.6, 0.8]], rtol=1e-6)
    for k, wanted in ((2, np.inf), (3, np.nan)):
        with np.errstate(invalid="ignore"):
            value, _ = srcdiff.value_and_grad(f, jit=jit, rewrite=FAR)(x[k : k + 1], x[1:2, 0])
        np.testing.assert_equal(value, dtype(wanted))


@pytest.mark.parametrize("z", [3, np.array([1, 2]), np.array([1 + 2j, 3j]), np.float32(2.0)])
@pytest.mark.parametrize("jit", [False, True])
def test_anything_may_be_divided_by_a_norm(jit, z):
    def f(x, z):
        return np.sum(np.real(z / norm_of(x))) + np.real(np.sum(z / np.sqrt(np.sum(x**2))))

    x = np.array([1.0, 2.0, 2.0])
    found, plain = (srcdiff.value_and_grad(f, jit=jit, rewrite=r)(x, z) for r in (True, False))
    assert found[0] == pytest.approx(plain[0], rel=1e-15)
    np.testing.assert_allclose(found[1], plain[1], rtol=1e-14)


def test_it_is_off_by_default():
    x = np.array([[3.0, 4.0]])
    unasked, asked = (
        srcdiff.value_and_grad(lambda x: np.sum(along_rows(x)), jit=False, rewrite=r)
        for r in (True, FAR)
    )
    assert "np.linalg.norm(x, axis=1)" in unasked.source_for(x)
    assert "np.hypot.reduce(x, axis=1)" in asked.source_for(x)


def test_second_derivatives():
    def f(x, w):
        return np.sum(w * along_rows(x) ** 3)

    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 2)), rng.normal(size=3)
    asked, plain = (srcdiff.hessian(f, rewrite=r)(x, w) for r in (FAR, False))
    np.testing.assert_allclose(asked, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 20), (2, 3, 4), (0, 3)])
def test_norms_of_arrays_of_any_shape(shape, dtype, jit):
    def f(x):
        return np.sqrt(np.sum(x**2))

    near = np.random.default_rng(2).normal(size=shape).astype(dtype)
    length = np.sqrt(np.sum(near.astype(float) ** 2))
    far = 1e25 if dtype == np.float32 else 1e250
    for scale in (1.0, far, 1 / far):
        value, d_x = srcdiff.value_and_grad(f, jit=jit)(near * dtype(scale))
        assert d_x.dtype == dtype
        assert value == pytest.approx(length * scale, rel=1e-6 if dtype == np.float32 else 1e-14)
        wanted = near / (length or 1.0)
        np.testing.assert_allclose(d_x, wanted, rtol=2e-6 if dtype == np.float32 else 1e-14)


def by_a_test(x, least):
    while np.sqrt(np.sum(x**2)) > least:
        x = x / 1e10
    return np.sum(x)


def by_a_break(x, least):
    while True:
        x = x / 1e10
        if not np.sqrt(x @ x) > least:
            break
    return np.sum(x)


def by_a_return(x, least):
    for _ in range(100):
        if np.sqrt(np.mean(x**2)) <= least:
            return np.sum(x)
        x = x / 1e10
    return 2.0


def by_a_carried_norm(x, least):
    length = np.sqrt(np.sum(x * x))
    while length > least:
        x = x / 1e10
        length = np.sqrt(np.sum(x * x))
    return np.sum(x)


def length_of(x):
    return np.sqrt(np.sum(x * x))


def by_a_helper(x, least):
    while length_of(x) > least:
        x = x / 1e10
    return np.sum(x)


def by_a_helper_of_a_helper(x, least):
    def goes_on(x):
        return length_of(x) > least

    for _ in range(100):
        if not goes_on(x):
            break
        x = x / 1e10
    return np.sum(x)


ENDS = [by_a_test, by_a_break, by_a_return, by_a_carried_norm, by_a_helper, by_a_helper_of_a_helper]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("f", ENDS)
def test_loops_end_where_those_of_the_function_do(f, jit):
    """Squares vanish after 16 steps, and the elements themselves after 33."""
    x = np.array([0.3, -0.7, 0.1])
    value, d_x = srcdiff.value_and_grad(f, jit=jit)(x, 0.0)
    assert value == pytest.approx(f(x, 0.0), rel=1e-12, abs=0.0)
    assert 1e-180 < d_x[0] < 1e-160
