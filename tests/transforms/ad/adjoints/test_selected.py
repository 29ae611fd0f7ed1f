"""Elements that a mask excludes have no part in the derivative, also if NaN: the derivative of random programs is that
of the same programs without those elements.
"""

import numpy as np
import pytest
from transforms.sources import source as program_of

import srcdiff

TERMS = (
    "x * w", "(x - w) ** 2", "np.sqrt(x * w)", "w * np.log(x)", "w / x + x", "np.exp(x) * w", "x**w", "np.hypot(w, 2.0 * x)",
    "np.cbrt(x) - np.arctan2(w, x)", "size(x, w)", "np.logaddexp(x, w)", "np.log1p(x) * np.maximum(x, w)",
)  # fmt: skip
CHAINS = (
    "{y}", "np.tanh({y}) + {z}", "{y} * {z}", "{y} / (1.0 + {z}**2)", "np.sin({y}) ** 2", "0.5 * {y} - {z}", "size({y}, w)",
)  # fmt: skip
MASKS = (
    "np.sum(np.where(kept, {y}, 0.0))", "np.sum(np.where(~kept, 0.0, {y}) ** 2)", "np.sum({y}, where=kept)",
    "np.mean({y}, where=kept)", "np.var({y}, where=kept)", "np.prod(1.0 + 0.01 * {y}, where=kept)", "masked({y}, kept)",
    "np.max({y}, where=kept, initial=-99.0)", "in_loop(x, w, kept)", "by_rows(x, w, kept)",
)  # fmt: skip
NAN_MASKS = (
    "np.nansum({y})", "np.nanmean({y})", "np.nanvar({y})", "np.nanmax({y})", "np.nanmin({y})", "np.nanstd({y})",
    "np.nancumsum({y})[-1]", "np.nanprod(1.0 + 0.01 * {y})", "np.sum(np.where(np.isnan(x), 0.0, {y}))",
    "np.sum(np.nan_to_num({y}))", "np.sum(np.nansum(np.reshape(x, (1, -1)) * w, axis=0))",
)  # fmt: skip
# elements move, or are summed, between the terms and the test
MOVED = (
    "np.nansum(np.reshape({y}, (-1, 1)))", "np.nansum(np.stack([{y}, {z}]))", "np.nansum(np.concatenate([{y}, {z}]) ** 2)",
    "np.sum({y}[~np.isnan({y})])", "np.sum({y}[np.flatnonzero(np.isfinite({y}))] ** 2)", "np.nansum(stored({y}))",
    "np.nansum(np.outer({y}, np.array([1.0, 2.0])))", "np.nansum(np.stack([{y}, {z}], axis=1) @ np.array([0.3, -0.7]))",
    "checked(x, w)", "np.nansum(np.tanh({y}[::-1]) ** 2)", "np.nansum(np.roll(np.vstack([{y}, {z}]), 1))", "listed({y})",
    "np.nansum(np.einsum('i,j->ij', {y}, np.array([1.0, 2.0])))", "np.nansum(np.repeat({y}, 2).T)", "looped(x, w)",
    "np.sum(np.fmax(np.ravel({y}), -3.0), where=~np.isnan({y}))", "np.sum(np.where(kept, np.reshape({y}, (-1,)), 0.0))",
    "np.sum(np.append({y}, {z})[np.append(kept, kept)])",
)  # fmt: skip
HELPERS = """\
def stored(y):
    rows = np.zeros((len(y), 2))
    for i in range(len(y)):
        rows[i, 0] = y[i] ** 2
        rows[i, 1] = 0.5 * y[i]
    return rows


def checked(x, w):
    total = 0.0
    for i in range(len(x)):
        y = np.sqrt(x[i]) * w[i] ** 2
        if not np.isnan(y):
            total += y * y
    return total


def listed(y):
    parts = [np.sin(v) for v in y]
    parts.append(0.3)
    return np.nansum(np.array(parts))


def looped(x, w):
    y = np.log(x) * w
    for _ in range(3):
        y = np.tanh(y) * w
    return np.nansum(y)


def size(x, w):
    return np.exp(0.3 * w) * x**2


def masked(y, kept):
    return np.sum(np.where(kept, y, 0.0))


def in_loop(x, w, kept):
    total = 0.0
    for i in range(len(x)):
        y = np.sqrt(x[i] * w[i]) + size(x[i], w[i])
        total += np.where(kept[i], y * w[i], 0.0) + (np.log(x[i]) * w[i] if kept[i] else 0.0)
    return total


def by_rows(x, w, kept):
    x, w, kept = np.reshape(x, (-1, 1)), np.reshape(w, (-1, 1)), np.reshape(kept, (-1, 1))
    return np.sum(np.where(kept, np.log(w * x) * np.array([1.0, 2.0]), 0.0))


"""
PRODUCTS = (
    "x @ v", "np.dot(x, v)", "np.einsum('ij,j->i', x, v)", "np.tensordot(x, v, 1)", "(x @ np.outer(v, v))[:, 0]",
    "np.tanh(x @ np.outer(v, v)) @ v", "np.inner(x, v)", "np.matmul(x[None], v)[0]", "np.array([row @ v for row in x])",
    "np.einsum('ij,jk,k->i', x, np.outer(v, v), v)", "np.sum(x * v, axis=1)", "(np.outer(v, v) @ x.T)[1]",
)  # fmt: skip
GUARDS = (
    "np.nansum(z**2)", "np.nanmean(np.sin(z))", "np.sum(np.where(np.isfinite(z), z * z, 0.0))", "np.sum(z[kept] ** 2)",
    "np.sum(np.where(kept, z, 0.0) ** 2)", "np.sum(z**2, where=kept)", "np.sum(np.cos(z[np.isfinite(z)]))",
)  # fmt: skip
X, W = np.array([0.7, 1.2, 0.4, 1.9, 0.9]), np.array([0.6, 1.1, 1.7, 0.8, 0.5])
KEPT = np.array([True, False, True, True, False])


def program(seed, masks):
    """Masks of chains of terms, some of them needed under several masks."""
    rng = np.random.default_rng(seed)
    pick = lambda options: options[rng.integers(len(options))]
    lines = [f"    y = {pick(TERMS)}", f"    z = {pick(TERMS)}"]
    lines.append(f"    y = {pick(CHAINS).format(y='y', z='z')}")
    total = " + ".join(pick(masks).format(y=pick("yz"), z=pick("yz")) for _ in range(3))
    return HELPERS + "\n".join(["def f(w, x, kept):", *lines, f"    return {total}", ""])


def agrees(source, *numbers, **options):
    """Reverse, forward and second order, against the program without what is left out."""
    f = program_of(source)
    kept, ones, few = (W[KEPT], X[KEPT], KEPT[KEPT]), np.ones(5), np.ones(3)
    gradient = srcdiff.grad(f, argnums=(0, 1), **options)
    tangent = lambda f, args, t: srcdiff.jvp(f, args, (t, 0.0 * t, None), **options)[1]
    total = lambda k: lambda w, x, kept: np.sum(gradient(w, x, kept)[k] * w)
    again = [srcdiff.grad(total(k), argnums=(0, 1), **options) for k in range(2)]

    def check(found, wanted):
        for d, expected in zip(found, wanted, strict=True):
            whole = np.zeros(5)
            whole[KEPT] = expected
            np.testing.assert_allclose(d, whole, rtol=1e-8, atol=1e-12, err_msg=source)

    for number in numbers:
        args = W, np.where(KEPT, X, number), KEPT
        check(gradient(*args), gradient(*kept))
        assert tangent(f, args, ones) == pytest.approx(tangent(f, kept, few), rel=1e-8)
        check(tangent(gradient, args, ones), tangent(gradient, kept, few))
        for second in again:
            check(second(*args), second(*kept))


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_masked_has_no_part(seed):
    agrees(program(seed, MASKS), np.nan, np.inf, 0.0, -1.0)


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_not_a_number_has_no_part(seed):
    agrees(program(seed, NAN_MASKS), np.nan)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_not_a_number_has_no_part_after_it_moved(seed):
    agrees(program(seed, MOVED), np.nan)


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_that_are_left_out_have_no_part_in_a_product(product, guard):
    text = f"def f(v, x, kept):\n    z = {product}\n    return {guard}\n"
    gradient = srcdiff.grad(program_of(text), argnums=(0, 1), jit=False)
    along = lambda *args: srcdiff.jvp(gradient, args, (np.ones(2), None, None), jit=False)[1]
    x, v, kept = np.array([[0.5, 0.7], [1.1, -0.4], [0.9, 0.2]]), np.array([0.4, -0.8]), KEPT[:3]
    for number in (np.nan, np.inf) if "kept" in guard else (np.nan,):
        args = v, np.where([[True] * 2, [True, False], [True] * 2], x, number), kept
        for derivative in (gradient, along) if np.isnan(number) else (gradient,):
            found, expected = derivative(*args), derivative(v, x[kept], kept[kept])
            np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
            np.testing.assert_allclose(found[1][kept], expected[1], rtol=1e-12)
            assert not np.any(found[1][~kept])


def test_zero_adjoints_of_finite_elements_have_a_second_derivative():
    f = program_of("def f(w, x):\n    return np.nansum(np.reshape(x * w, (-1, 2)) ** 2)\n")
    x = np.array([1.0, 2.0, np.nan, 3.0])
    np.testing.assert_allclose(np.diag(srcdiff.hessian(f)(np.zeros(4), x)), [2.0, 8.0, 0.0, 18.0])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("masks", [MASKS, NAN_MASKS, MOVED])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_masked_has_no_part_compiled(seed, masks):
    agrees(program(100 + seed, masks), np.nan, jit=True)
