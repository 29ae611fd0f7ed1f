"""Arguments by any of their spellings: `out` by its place, methods that write, and what a composite does not read."""

import numpy as np
import pytest
from corpus_loader import finite_difference_grad
from scipy import stats
from transforms.sources import source

import srcdiff
from srcdiff import UnsupportedError
from srcdiff.ops.core.registry import COMPOSITES


def by_place(x):
    total = np.sum(np.sum(x, 0, None, np.zeros(4)) ** 2)
    total += np.sum(np.sum(x, 1, None, None, True) ** 3)
    total += np.sum(np.add(x, 1.0, np.ones((3, 4))) ** 2)
    total += np.sum(np.max(x, 0, None, True) ** 2)
    return total + np.sum(np.cumsum(x, 0, None, np.zeros((3, 4))) ** 2)


def by_methods(x):
    y = np.zeros(4)
    z = np.ones((1, 4))
    x.sum(0, out=y)
    x.mean(0, None, z, True)
    w = x.clip(-1.0, 1.0, np.zeros((3, 4)))
    return np.sum(y**2) + np.sum(z * w) + np.sum(x.std(0, None, None, 1))


@pytest.mark.parametrize("f", [by_place, by_methods])
@pytest.mark.parametrize("jit", [False, True])
def test_results_are_written_where_out_says(f, jit):
    x = np.random.default_rng(3).normal(size=(3, 4))
    value, gradient = srcdiff.value_and_grad(f, jit=jit)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, finite_difference_grad(f, (x,), 0), rtol=1e-6, atol=1e-7)


def of_all_variants(x):
    found = np.std(x, axis=0, where=[[True], [False], [False]])
    return np.sum(found) + np.sum(np.nanstd(x, axis=1, ddof=0) * np.arange(3.0))


def test_the_deviation_of_one_number_has_no_slope():
    x = np.array([[1.0, 2.0], [2.0, 2.0], [0.5, 3.0]])
    expected = [[-0.0, 0.0], [0.0, 0.0], [-1.0, 1.0]]  # the second row's are equal, too
    np.testing.assert_allclose(srcdiff.grad(of_all_variants, jit=False)(x), expected)


def test_what_a_composite_does_not_read_is_refused(monkeypatch):
    composite = COMPOSITES["multivariate_normal_logpdf"]
    monkeypatch.setattr(type(composite), "unread", property(lambda self: ("allow_singular",)))
    with pytest.raises(UnsupportedError, match="does not take the argument `allow_singular`"):
        srcdiff.grad(
            lambda x: stats.multivariate_normal.logpdf(x[0], x[0], np.eye(2), allow_singular=True)
        )(np.ones((2, 2)))


def test_composites_read_all_their_parameters():
    """`out` is handled before the call; other parameters are read, or declared to make no difference."""
    assert not [(c.name, p) for c in COMPOSITES.values() for p in c.unread if p != "out"]


def rolled_and_cast(x):
    turned = np.roll(x, (1, 2), axis=(0, 1)) + np.roll(x, (1, 2), axis=(0, 0)) * np.roll(x, (2, 1))
    share = np.std(x, where=x > 0.0) / np.sum(x > 0.0).astype(np.float32)
    return share + np.sum(turned * np.fix(3.0 * x) * np.sin(x, out=np.empty((3, 4))))


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_shifts_casts_of_numbers_and_wider_storage_have_a_loop_form(dtype):
    x = np.random.default_rng(4).normal(size=(3, 4)).astype(dtype)
    value, found = srcdiff.value_and_grad(rolled_and_cast, jit=True)(x)
    np.testing.assert_allclose(value, rolled_and_cast(x), rtol=1e-6)
    assert found.dtype == dtype
    wide = x.astype(float)
    expected = finite_difference_grad(rolled_and_cast, (wide,), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def named_first(x):
    parts = (
        np.repeat(a=x, repeats=2, axis=1),
        np.triu(m=x, k=1),
        np.sum(a=x, axis=0),
        np.flip(m=x, axis=1),
    )
    return sum(np.sum(np.sin(p)) for p in parts)


def test_the_first_argument_has_its_name_beside_others():
    x = np.random.default_rng(4).normal(size=(3, 4))
    value, found = srcdiff.value_and_grad(named_first, jit=False)(x)
    np.testing.assert_allclose(value, named_first(x), rtol=1e-12)
    expected = finite_difference_grad(named_first, (x,), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def in_tuples(x):
    y, z, w = np.zeros((3, 4)), np.zeros((3, 4)), np.zeros((3, 4))
    np.sin(x, out=(y,))
    np.modf(3.0 * x, z, w)
    remainder = np.divmod(x, 0.71, out=(None, w))[1]
    c, r = np.zeros((3, 3)), np.zeros(3)
    np.einsum("ij,kj->ik", x, x, out=c)
    np.einsum(x, [0, 1], [0], out=r)
    return np.sum(y * z + w * remainder) + np.sum(c**2 * r)


def with_what_says_nothing(x):
    y = np.add(x, 1.0, casting="same_kind", order="F", subok=False, where=True, dtype=None)
    y = np.multiply(y, x, casting="safe", out=None)
    z = np.dot(x, x.T, out=None) + np.sum(np.max(x, axis=0, out=None))
    return np.sum(y**2) + np.sum(z * np.exp(x[0], out=(None,))[:3])


def bounds_that_are_none(x):
    y = np.clip(x, None, None)
    y[0] = 3.0  # not x's
    return np.sum(y * x) + np.sum(x.clip() ** 3)


def of_other_shapes(x):
    y = np.zeros_like(x, shape=(2,))
    y[0] = x[0, 0] ** 2
    z = np.full_like(x, x[1, 1], shape=(2, 2)) * np.ones_like(x, shape=2)
    np.put_along_axis(y, np.array([1]), x[0, 1], axis=None)
    w = x.copy()
    np.put_along_axis(w, np.array([0, 7]), np.sin(x[0, :2]), axis=None)
    return np.sum(y) * np.sum(z**2) + np.sum(w**2) + np.sum(np.resize(x[:0], 3) + np.resize(x, 3))


def in_common_dtypes(x):
    y = np.zeros(3, np.result_type(x, np.float32))
    z = np.zeros(3, np.result_type(np.float64, x.dtype, 1))
    y[:] = x[0, :3] ** 2
    z[:] = np.sin(x[1, :3])
    return np.sum(y * z)


@pytest.mark.parametrize(
    "f",
    [in_tuples, with_what_says_nothing, bounds_that_are_none, of_other_shapes, in_common_dtypes],
)
@pytest.mark.parametrize("jit", [False, True])
def test_rare_arguments_mean_what_they_mean_in_numpy(f, jit):
    x = np.random.default_rng(5).normal(size=(3, 4))
    value, gradient = srcdiff.value_and_grad(f, jit=jit)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, finite_difference_grad(f, (x,), 0), rtol=1e-6, atol=1e-7)


CALLS_WITH_NUMBERS = (
    "np.std(x, ddof={k})", "np.var(x, axis=0, ddof={k})", "np.max(x, initial={k})", "np.full((2, 3), {k})",
    "np.pad(x, 1, constant_values={k})", "np.nan_to_num(x, nan={k})", "np.clip(x, -1.0, {k})",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("number", ["np.inf", "-np.inf", "np.nan", "float('inf')", "1e400"])
@pytest.mark.parametrize("call", CALLS_WITH_NUMBERS)
def test_numbers_without_a_literal_are_printed_as_numpys(call, number):
    total = "np.sum(np.where(np.isfinite(y), y, 0.0)) + np.sum(x)"
    f = source(f"def f(x):\n    y = {call.format(k=number)}\n    return {total}\n")
    x = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])
    np.testing.assert_equal(srcdiff.value_and_grad(f, jit=False)(x)[0], f(x))
