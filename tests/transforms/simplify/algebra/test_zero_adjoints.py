"""Zero adjoints: the shift of a log-sum-exp has no adjoint, as text and in programs, against finite differences."""

import re

import numpy as np
import pytest
from fuzz.compare import function_of

import srcdiff
from srcdiff.transforms.simplify.algebra.zero_adjoints import cancel
from tests.transforms.passes import check, unchanged

X = np.array([0.5, -1.0, 2.0])

ARRAYS = """
def f(%x: float64[x0]) -> tuple(0: 0, 1: 1) {
  %m: float64! = max %x
  %0: float64[x0] = subtract %x, %m
  %e: float64[x0] = exp %0
  %s: float64! = sum %e
  %1: float64! = log %s
  %r: float64! = add %1, %m
  %d_s: float64! = divide 1.0, %s ;adjoint
  %d_e: float64[x0] = multiply %d_s, %e ;adjoint
  %2: float64! = sum %d_e ;adjoint
  %d_m: float64! = subtract 1.0, %2 ;adjoint
  %hits: bool[x0] = equal %x, %m ;adjoint
  %3: float64[x0] = multiply %hits, %d_m ;adjoint
  %d_x: float64[x0] = add %d_e, %3 ;adjoint
  yield %r, %d_x
}
"""


def test_the_adjoint_of_a_shift_is_zero():
    check(
        cancel,
        ARRAYS,
        """
        def f(%x: float64[x0]) -> tuple(0: 0, 1: 1) {
          %m: float64! = max %x
          %0: float64[x0] = subtract %x, %m
          %e: float64[x0] = exp %0
          %s: float64! = sum %e
          %1: float64! = log %s
          %r: float64! = add %1, %m
          %d_s: float64! = divide 1.0, %s ;adjoint
          %d_e: float64[x0] = multiply %d_s, %e ;adjoint
          yield %r, %d_e
        }
        """,
        X,
    )


def test_lines_of_the_user_stay():
    unchanged(cancel, ARRAYS.replace(" ;adjoint", ""), X)


LOOPS = """
def f(%x: float64[x0], %m: float64) -> tuple(0: 0, 1: 1, 2: 2) {
  %n: int64{x0} = axis_length[axis=0] %x
  %s: float64! = for 0, %n, 1 pair=1 with START {
    (%i: int64{i}, %p: float64!) ->
    %0: float64! = index[where='i'] %x, %i
    %1: float64! = subtract %0, %m
    %e: float64! = exp %1
    %2: float64! = add %p, %e
    save[slot=1] %e ;compiler
    yield %2
  }
  %3: float64! = log %s
  %r: float64! = add %3, %m
  %d_s: float64! = divide 1.0, %s ;adjoint
  %d_x: float64[x0] = zeros_of[type=type(float64[x0])] ;adjoint
  %d_m: float64! = for 0, %n, 1 reverse pair=1 with 1.0 ;adjoint {
    (%j: int64{i}, %q: float64!) ->
    %4: float64! = restore[slot=1, type=type(float64!)] ;adjoint
    %5: float64! = multiply %d_s, FACTOR ;adjoint
    add_into[where='i'] %d_x, %5, %j ;adjoint
    %6: float64! = subtract %q, %5 ;adjoint
    yield %6
  }
  %d_k: float64! = for 0, %n, 1 ;adjoint {
    (%k: int64{k}, %d_p: float64!) ->
    %7: float64! = index[where='i'] %x, %k ;adjoint
    %8: bool = greater %7, 0.0 ;adjoint
    %d_q: float64! = if %8 ;adjoint {
      %9: float64! = multiply %d_p, %7 ;adjoint
      yield %9
    } else {
      yield %d_p
    }
    yield %d_q
  }
  %d_t: float64[x0] = read %d_x ;adjoint
  yield %r, %d_t, %d_k
}
"""


def loops(start="0.0", factor="%4"):
    text = LOOPS.replace("START", start).replace("FACTOR", factor)
    return text.replace("for 0, %n, 1 ;adjoint {", "for 0, %n, 1 with %d_m ;adjoint {")


def test_a_carried_adjoint_that_starts_as_zero_stays_zero():
    check(
        cancel,
        loops(),
        """
        def f(%x: float64[x0], %m: float64) -> tuple(0: 0, 1: 1, 2: 2) {
          %n: int64{x0} = axis_length[axis=0] %x
          %s: float64! = for 0, %n, 1 pair=1 with 0.0 {
            (%i: int64{i}, %p: float64!) ->
            %0: float64! = index[where='i'] %x, %i
            %1: float64! = subtract %0, %m
            %e: float64! = exp %1
            %2: float64! = add %p, %e
            save[slot=1] %e ;compiler
            yield %2
          }
          %3: float64! = log %s
          %r: float64! = add %3, %m
          %d_s: float64! = divide 1.0, %s ;adjoint
          %d_x: float64[x0] = zeros_of[type=type(float64[x0])] ;adjoint
          for 0, %n, 1 reverse pair=1 ;adjoint {
            (%j: int64{i}) ->
            %4: float64! = restore[slot=1, type=type(float64!)] ;adjoint
            %5: float64! = multiply %d_s, %4 ;adjoint
            add_into[where='i'] %d_x, %5, %j ;adjoint
            yield
          }
          %d_t: float64[x0] = read %d_x ;adjoint
          yield %r, %d_t, 0.0
        }
        """,
        X,
        0.5,
    )


@pytest.mark.parametrize("changed", [{"start": "1.0"}, {"factor": "%m"}])
def test_other_sums_keep_theirs(changed):
    unchanged(cancel, loops(**changed), X, 0.5)


# ---- programs -------------------------------------------------------------------------------------


def logsumexp(x):
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    return np.log(total) + top


def by_branches(x):
    top = x[0]
    for i in range(1, len(x)):
        if x[i] > top:
            top = x[i]
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    return np.log(total) + top


def weighted(x):
    """Weights within the sum, a factor in front of it."""
    top = np.max(x)
    total = 0.0
    for i in range(len(x)):
        total += (i + 1.0) * np.exp(2.0 * (x[i] - top))
    return 0.5 * np.log(total) + top


def softmax(x):
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    out = 0.0
    for i in range(len(x)):
        out += (i + 1.0) ** 2 * np.exp(x[i] - top) / total
    return out


def log_softmax(x):
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    out = 0.0
    for i in range(len(x)):
        out += (i + 1.0) ** 2 * (x[i] - top - np.log(total))
    return out


def rows(x):
    """Loops in loops, a shift for each row; `x` as a matrix."""
    y = np.outer(x, np.arange(1.0, 4.0))
    value = 0.0
    for p in range(y.shape[0]):
        top = -np.inf
        for i in range(y.shape[1]):
            top = max(top, y[p, i])
        total = 0.0
        for i in range(y.shape[1]):
            total += np.exp(y[p, i] - top)
        value += np.log(total) + top
    return value


def in_arrays(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def along_axes(x):
    y = np.outer(x, np.arange(1.0, 4.0))
    top = np.max(y, axis=1)
    e = np.exp(y - top[:, None])
    return np.sum(top + np.log(np.sum(e, axis=1))) + np.sum(
        e / np.sum(e, axis=1, keepdims=True) * y
    )


def along_rows(x):
    y = np.expand_dims(x, 0)
    top = np.max(y, axis=1, keepdims=True)
    return np.sum(top + np.log(np.sum(np.exp(y - top), axis=1, keepdims=True)))


NO_SHIFTS = [logsumexp, by_branches, weighted, softmax, log_softmax, rows, in_arrays, along_axes]


def two_branches(x):
    """The sum is used in one branch only, the shift in both."""
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    out = top
    if total > 1.5:
        out = np.log(total) + top
    return out


def overwritten(x):
    """The summed array is overwritten between the loops."""
    e = x.copy()
    top = np.max(x)
    total = 0.0
    for i in range(len(x)):
        e[i] = np.exp(x[i] - top)
        total += e[i]
    for i in range(len(x)):
        e[i] = e[i] * x[i]
    out = 0.0
    for i in range(len(x)):
        out += e[i] / total
    return out + top


def one_more(x):
    """`log(1 + sum(exp(x)))`: the one is shifted, too, but not in this loop."""
    top = 0.0
    for i in range(len(x)):
        top = max(top, x[i])
    total = np.exp(-top)
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    return np.log(total) + top


def damped(x):
    """The shift is used once more."""
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.1
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    return np.log(total) + top * top


ALL = [*NO_SHIFTS, two_branches, overwritten, one_more, damped]


def by_differences(f, x, h=1e-5):
    unit = np.eye(len(x))
    return np.array([(f(x + h * u) - f(x - h * u)) / (2 * h) for u in unit])


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_gradients_are_right(f):
    g = srcdiff.grad(f)
    for x in (X, np.array([0.7]), np.array([-0.3, 1.2, 1.1, -2.0])):
        np.testing.assert_allclose(g(x), by_differences(f, x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", NO_SHIFTS, ids=lambda f: f.__name__)
def test_the_largest_is_looked_for_once(f):
    """The backward part does not ask which element it was, and nothing is kept for that; a sum of nothing but impossible
    entries (`== -np.inf`) is used, so that its derivatives are not NaN.
    """
    source = srcdiff.grad(f).source_for(X)
    backward = source.split("# backward")[-1]
    assert not re.search(r"tops\[.*, |==(?! -np\.inf)|d_top", source)
    assert not re.search(r"[<>]", backward)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_second_derivatives_are_right(f):
    v = np.array([0.3, -0.2, 0.9])
    g = srcdiff.grad(f)
    expected = by_differences(lambda t: v @ g(X + t[0] * v), np.zeros(1))
    np.testing.assert_allclose(v @ srcdiff.hvp(f)(X, v), expected[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_the_generated_source_can_be_differentiated_again(f):
    v = np.array([0.3, -0.2, 0.9])
    text = srcdiff.grad(f).source_for(X)
    text += f"\n\ndef slope(x, v):\n    return np.sum({f.__name__}_grad(x) * v)\n"
    found = srcdiff.grad(function_of(text, "slope"))(X, v)
    np.testing.assert_allclose(found, srcdiff.hvp(f)(X, v), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("f", [logsumexp, by_branches, in_arrays], ids=lambda f: f.__name__)
def test_ties_and_impossible_entries_share_as_the_sum_says(f):
    g = srcdiff.grad(f)
    np.testing.assert_allclose(g(np.array([1.0, 1.0])), [0.5, 0.5])
    np.testing.assert_allclose(g(np.array([-np.inf, 1.0, 1.0])), [0.0, 0.5, 0.5])
    np.testing.assert_allclose(g(np.array([3.0, -np.inf])), [1.0, 0.0])


def test_no_elements_have_no_derivatives():
    with np.errstate(divide="ignore"):
        assert srcdiff.grad(logsumexp)(np.empty(0)).shape == (0,)


def centred(x):
    m = np.mean(x)
    return np.sum((x - m) ** 2)


def test_what_is_left_of_a_mean_is_nothing():
    source = srcdiff.grad(centred).source_for(X)
    assert "return 2.0 * (x - m)" in source
    np.testing.assert_allclose(srcdiff.grad(centred)(X), by_differences(centred, X), rtol=1e-6)


@pytest.mark.parametrize("f", [in_arrays, along_rows, logsumexp], ids=lambda f: f.__name__)
def test_narrow_numbers_have_no_shifts_either(f):
    x = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    g = srcdiff.grad(f)
    assert not re.search(r"==(?! -np\.inf)|d_top|zeros", g.source_for(x))
    d_x = g(x)
    assert d_x.dtype == np.float32
    np.testing.assert_allclose(d_x, by_differences(f, X), rtol=1e-4)


def spread_of_columns(X):
    total = 0.0
    for _ in range(3):
        moved = X + np.eye(3) * 0.1
        total += np.sum(np.tanh(np.var(moved, axis=0)))
    return total**2


def test_sums_that_keep_their_axis_stand_for_those_that_do_not():
    X = np.random.default_rng(3).normal(size=(3, 3))
    _, back = srcdiff.vjp(srcdiff.grad(spread_of_columns), X)
    np.testing.assert_allclose(back(X)[0], srcdiff.hvp(spread_of_columns)(X, X), rtol=1e-9)


def evidence(x, y, scale):
    distances = np.abs(x[:, None] - x[None, :]) / scale
    K = (1 + distances) * np.exp(-distances) + np.eye(len(x))
    _, log_det = np.linalg.slogdet(K)
    return y @ np.linalg.inv(K) @ y + log_det


def test_operations_with_two_results_stay():
    g = srcdiff.value_and_grad(evidence, argnums=("x", "y"))
    _, (d_x, d_y) = g(np.ones(1), np.ones(1), 0.5)
    np.testing.assert_allclose([d_x, d_y], [[0.0], [1.0]])


def test_elements_of_an_axis_of_length_one_may_vary_along_it():
    f = function_of(
        "import numpy as np\n\n\ndef f(a, x, y):\n    u = np.ones(len(y))\n    u[1] = a\n"
        "    return np.sum(np.maximum(x[1:-1], np.sin(u[1] + np.arange(1.0).reshape((1,)))) - u)\n"
    )
    srcdiff.check_grads(f, 0.3, np.array([0.5, -0.8, 0.7]), np.ones(2), argnums=(0, 1))
