"""Division by zero lengths: arrays are divided where there are arrays, and numbers by `np.divide`."""

from contextlib import nullcontext

import numpy as np
import pytest
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.guards.division_by_zero_length import arrays_first, guard_divisions


def test_a_choice_of_a_share_is_divided_itself():
    check(
        arrays_first,
        """
        def f(%x': float64[n]) -> 0 {
          %c: bool[n] = greater %x, 0.0 ;adjoint
          %0: int64{n} = length[dim=dim(n)] ;adjoint
          %1: float64 = divide 1.0, %0 ;adjoint
          %2: float64[n] = where %c, %1, 0.0 ;adjoint
          yield %2
        }
        """,
        """
        def f(%x': float64[n]) -> 0 {
          %c: bool[n] = greater %x, 0.0 ;adjoint
          %0: int64{n} = length[dim=dim(n)] ;adjoint
          %1: float64 = divide 1.0, %0 ;adjoint
          %2: float64[n] = where %c, 1.0, 0.0 ;adjoint
          %3: float64[n] = divide %2, %0 ;adjoint
          yield %3
        }
        """,
        np.array([1.0, -1.0]),
    )


def test_a_share_by_itself_is_divided_as_numpy_does_it():
    check(
        guard_divisions,
        """
        def f(%x': float64[n]) -> 0 {
          %0: int64{n} = length[dim=dim(n)] ;adjoint
          %1: float64 = divide 1.0, %0 ;adjoint
          yield %1
        }
        """,
        """
        def f(%x': float64[n]) -> 0 {
          %0: int64{n} = length[dim=dim(n)] ;adjoint
          %1: float64! = divide@np.divide 1.0, %0 ;adjoint
          yield %1
        }
        """,
        np.ones(3),
    )


@pytest.mark.parametrize(
    ("divided", "origin"), [("%x", ";adjoint"), ("1.0", "")], ids=["an array", "the user's line"]
)
def test_other_divisions_stay(divided, origin):
    kind = "float64[n]" if divided == "%x" else "float64"
    text = f"""
        def f(%x': float64[n]) -> 0 {{
          %0: int64{{n}} = length[dim=dim(n)] {origin}
          %1: {kind} = divide {divided}, %0 {origin}
          yield %1
        }}
        """
    unchanged(guard_divisions, text, np.ones(3))


def mean_of_loop(w, x):
    total = 0.0
    for i in range(len(x)):
        total += w * x[i]
    return 0.5 * total / len(x)


def mean_of_rows(w, X):
    n, m = X.shape
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += w * X[i, j]
    return total / (n * m)


def mean_of_sum(w, x):
    return np.sum(w * x) / len(x)


@pytest.mark.parametrize(
    ("f", "shape", "divides"),
    [(mean_of_loop, (3,), "0.5 / len(x)"), (mean_of_sum, (3,), "/ len(x)"), (mean_of_rows, (3, 2), "1.0 / (n * m)")],
)  # fmt: skip
def test_python_divides_where_the_program_itself_raises_for_none(f, shape, divides):
    g = srcdiff.grad(f, jit=False)
    assert divides in g.source_for(2.0, np.ones(shape))
    assert g(2.0, np.ones(shape)) == pytest.approx(1.0 if f is not mean_of_loop else 0.5)
    if f is not mean_of_sum:
        for called in (f, g):
            with pytest.raises(ZeroDivisionError):
                called(2.0, np.ones((0, *shape[1:])))


EMPTY = np.ones(0)
CASES = [
    (lambda v: -np.mean(v), (EMPTY,)),
    (lambda v, w: -np.mean(v * w), (EMPTY, EMPTY)),
    (lambda r, q: np.mean(np.where(r >= 0, q * r, (q - 1) * r)), (EMPTY, 0.8)),
    (lambda v, dt: dt * np.sum(v) / v.size, (EMPTY, 1.0)),
    (lambda v, k: np.mean(v[k]), (EMPTY, np.ones(0, int))),
    (lambda v: np.mean(np.maximum(v, 0.0)), (EMPTY,)),
    (lambda a, b: np.mean(a @ b), (np.ones((0, 2)), np.ones(2))),
    (lambda v: np.var(v), (EMPTY,)),
]


@pytest.mark.parametrize("k", range(len(CASES)))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_empty_arrays_have_derivatives(k):
    f, args = CASES[k]
    floats = tuple(j for j, a in enumerate(args) if np.asarray(a).dtype == float)
    found = srcdiff.grad(f, argnums=floats)(*args)
    for j, d in zip(floats, found, strict=True):
        assert np.shape(d) == np.shape(args[j])


def test_a_mean_asks_the_simplest_array_for_its_size():
    def loss(w, X, y):
        z = X @ w
        return np.mean(np.logaddexp(0.0, z) - y * z) + np.mean((X * 2.0) ** 2)

    source = srcdiff.grad(loss, argnums=(0, 1)).source_for(np.ones(2), np.ones((3, 2)), np.ones(3))
    assert "/ len(X)" in source and "/ X.size" in source


@pytest.mark.parametrize("jit", [False, True])
def test_means_of_no_floats_of_single_precision_do_not_raise(jit):
    def f(x):
        return np.sum(2.0 * x + x.mean())

    x = np.zeros(0, np.float32)
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if not jit else nullcontext():
        value, d_x = srcdiff.value_and_grad(f, jit=jit)(x)
    assert value == 0.0
    assert d_x.dtype == np.float32
    assert d_x.shape == (0,)
