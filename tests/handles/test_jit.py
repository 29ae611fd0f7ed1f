"""`jit=True`: the loop form, compiled by Numba, and what its source is."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from collections import namedtuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import special
from scipy.sparse import csr_array

import srcdiff
from srcdiff.compile import derive
from srcdiff.compile.derive import trace
from srcdiff.errors import UnsupportedError

X = np.array([0.3, -0.7, 1.1])
Pair = namedtuple("Pair", "w b")


@dataclasses.dataclass
class Line:
    slope: float
    offset: float


def energy(x, k):
    return np.sum(np.exp(-k * x**2))


def scaled(p, x):
    return np.sum(np.tanh(p["w"] * x + p["b"]))


def named(p, x):
    return np.sum(np.sin(p.w * x) + p.b)


def on_line(line, x):
    return np.sum((line.slope * x + line.offset) ** 2)


def shapes(f, *args, **options):
    """Value and gradient, compiled and not."""
    return (
        srcdiff.value_and_grad(f, jit=True, **options)(*args),
        srcdiff.value_and_grad(f, **options)(*args),
    )


def test_compiled_is_what_numpy_gives() -> None:
    (value, d_x), (expected, d_expected) = shapes(energy, X, 0.5)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(d_x, d_expected, rtol=1e-13)


def test_containers_come_as_they_are_and_go_back_so() -> None:
    (_, d), (_, expected) = shapes(scaled, {"w": 0.5, "b": X}, 2.0 * X)
    assert d.keys() == expected.keys() == {"w", "b"}
    np.testing.assert_allclose(d["b"], expected["b"])
    assert d["w"] == pytest.approx(expected["w"])
    (_, d_pair), _ = shapes(named, Pair(0.5, 0.1), X)
    assert type(d_pair) is Pair
    (_, d_line), (_, line) = shapes(on_line, Line(0.5, -1.0), X)
    assert type(d_line) is Line
    assert (d_line.slope, d_line.offset) == pytest.approx((line.slope, line.offset))


def test_the_loop_form_is_what_is_compiled() -> None:
    g = srcdiff.grad(energy, jit=True)
    with pytest.raises(srcdiff.DifferentiationError, match="loop_source_for"):
        _ = g.loop_source
    text = g.loop_source_for(X, 0.5)
    assert "from numba import njit" in text and "for i in range(" in text
    assert "nnan" not in text and "ninf" not in text
    g(X, 0.5)
    assert g.loop_source == text
    assert srcdiff.grad(energy).loop_source_for(X, 0.5) == text


MANY_ROWS = """
import resource, numpy as np, srcdiff

def grow(x, steps):
    y, z = x.copy(), 0.5 * x
    for t in range(steps):
        for i in range(len(x)):
            y[i] = np.sin(y[i]) * z[i]
            z[i] = np.cos(y[i] + z[i])
    return np.sum(y)

faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
g, x = srcdiff.grad(grow, jit=True, parallel=False), np.ones(2000)
for _ in range(3):
    g(x, 50)
before = faults()
for _ in range(10):
    g(x, 50)
print((faults() - before) / 10)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries have rules of their own")
def test_calls_find_the_memory_that_the_last_one_freed(tmp_path: Path) -> None:
    """The rows of a call are 1.6 MB, which was 554 new pages in each call."""
    (tmp_path / "program.py").write_text(MANY_ROWS)
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert float(done.stdout) < 100


SHIFT = 2.0


def shifted(x):
    return np.sum(np.sin(SHIFT * x))


def test_both_forms_are_made_of_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    monkeypatch.setattr(derive, "trace", lambda *a, **k: traced.append(a) or trace(*a, **k))
    g = srcdiff.grad(shifted, jit=True)
    assert "2.0 * x" in g.source_for(X) and len(traced) == 1
    assert "2.0 * x[i]" in g.loop_source_for(X) and len(traced) == 1
    g.forget()
    g.source_for(X)
    monkeypatch.setitem(globals(), "SHIFT", 3.0)  # what was read is not of use any more
    assert "3.0 * x[i]" in g.loop_source_for(X)
    inner = srcdiff.jacobian(srcdiff.grad(shifted), jit=True)
    traced.clear()
    assert inner.source_for(X) and inner.loop_source_for(X) and len(traced) == 1


def test_messages_of_saved_loops_name_the_form_that_has_their_values(tmp_path: Path) -> None:
    def rooted(x: np.ndarray) -> float:
        if x[0] < 0.0:
            raise ValueError(f"got {x[0]:.3f}")
        return float(np.sum(np.sqrt(x)))

    g = srcdiff.grad(rooted, jit=False)
    text = g.save(tmp_path / "saved.py", np.ones(2), form="loops").read_text()
    assert "got ... (the form in NumPy shows it whole)" in text and "jit=False" not in text


@pytest.mark.long
def test_a_saved_loop_form_needs_no_srcdiff(tmp_path: Path) -> None:
    path = srcdiff.grad(energy).save(tmp_path / "saved.py", X, 0.5, form="loops")
    program = (
        "import sys; sys.modules['srcdiff'] = None; sys.path.insert(0, sys.argv[1]); import numpy as np; "
        "import saved; print(saved.energy_grad(np.array([0.3, -0.7, 1.1]), 0.5).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(eval(done.stdout), srcdiff.grad(energy)(X, 0.5))
    assert "It needs NumPy and Numba and nothing else" in path.read_text()


def test_wrong_lengths_raise_before_anything_is_read() -> None:
    def product(x, y):
        return np.sum(x * y)

    namespace: dict = {}
    exec(srcdiff.grad(product).loop_source_for(X, X), namespace)
    np.testing.assert_allclose(namespace["product_grad"](X, 2.0 * X), 2.0 * X)
    with pytest.raises(ValueError, match="equal lengths"):
        namespace["product_grad"](X, X[:2].copy())


STIFFNESS = csr_array(np.diag([1.0, 2.0, 3.0]))


def strained(x, a):
    return a * np.sum((STIFFNESS @ x) ** 2)


def test_what_has_no_loop_form_is_refused_with_the_reason() -> None:
    g = srcdiff.grad(strained, jit=True)
    for _ in range(2):
        with pytest.raises(UnsupportedError, match="a sparse matrix, which is SciPy's"):
            g(X, 0.7)
    with pytest.raises(UnsupportedError, match="has no loop form"):
        g.loop_source_for(X, 0.7)


@dataclasses.dataclass
class Layer:
    weights: np.ndarray
    offset: np.ndarray


def network(layers, x):
    for layer in layers:
        x = np.tanh(layer.weights @ x + layer.offset)
    return np.sum(x**2)


def cubes(xs):
    s, seen = 0.0, []
    for row in xs["rows"]:
        for x in row:
            s += x**3
            seen.append(s)
    return s + xs["k"] * seen[0], seen


@pytest.mark.long
def test_lists_come_and_go() -> None:
    rng = np.random.default_rng(0)
    layers = [Layer(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(4)]
    g = srcdiff.grad(network, jit=True)
    for given in (layers, layers[:1], layers[:2]):
        expected = srcdiff.grad(network)(given, X)
        for d, e in zip(g(given, X), expected, strict=True):
            assert type(d) is Layer
            np.testing.assert_allclose(d.weights, e.weights, rtol=1e-12)
            np.testing.assert_allclose(d.offset, e.offset, rtol=1e-12)
    rows = {"rows": [[1.0, 2.0], [3, 0.5], []], "k": 2.0}
    found = srcdiff.grad(cubes, has_aux=True, jit=True)(rows)
    expected = srcdiff.grad(cubes, has_aux=True)(rows)
    assert found == expected
    assert rows["rows"][1] == [3, 0.5]


def test_what_numba_refuses_is_refused_each_time() -> None:
    def sorted_into(x):
        buckets = [[], []]  # of arrays that are not contiguous
        for k in range(len(x)):
            buckets[k % 2].append(x[k::2])
        return np.sum(buckets[0][0]) * np.sum(buckets[1][0])

    g = srcdiff.grad(sorted_into, jit=True)
    for _ in range(2):
        with pytest.raises(UnsupportedError, match="cannot be compiled"):
            g(X)


def test_arguments_are_never_written() -> None:
    def overwritten(x):
        x[0] = x[1] * 2.0
        x *= 3.0
        return np.sum(x)

    given = X.copy()
    d = srcdiff.grad(overwritten, jit=True)(given)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_allclose(d, srcdiff.grad(overwritten)(X.copy()))


def test_an_exception_leaves_arguments_as_they_were() -> None:
    def scaled(x, y, k):
        total = 0.0
        for i in range(len(x)):
            x[i] *= y[i]
            total += x[i] * y[k + i]
        return total

    x, y = np.arange(1.0, 5.0), np.arange(2.0, 6.0)
    gradient = srcdiff.value_and_grad(scaled, argnums=(0, 1), jit=True)
    forward = partial(srcdiff.jvp, scaled, tangents=(x, y, None), jit=True)
    for call in (lambda: gradient(x, y, 1), lambda: forward(args=(x, y, 1))):
        with pytest.raises(IndexError, match="out of bounds"):
            call()
        np.testing.assert_array_equal(x, np.arange(1.0, 5.0))
        np.testing.assert_array_equal(y, np.arange(2.0, 6.0))


def test_results_own_their_memory() -> None:
    def f(x, y):
        return np.sum(x * y) + np.sum(x)

    (value, (d_x, d_y)) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=True)(X, 2.0 * X)
    assert value == pytest.approx(np.sum(2.0 * X**2 + X))
    assert not np.shares_memory(d_x, d_y) and not np.shares_memory(d_y, X)


def counted(x, k):
    total = 0.0
    for i in range(len(x)):
        total += float(x[i] > k) * x[i] ** 2
    return total


def test_truth_values_are_numbers() -> None:
    (_, d), (_, expected) = shapes(counted, X, 0.0)
    np.testing.assert_allclose(d, expected)


def picked(x, rows, k):
    return np.sum(x[rows] ** 2) + x[k] * x[0]


@pytest.mark.parametrize(
    ("rows", "k"),
    [([0, 2], 3), ([0, 2], -4), ([0, 3], 1), ([-4, 0], 1), ([0, 10**9], 0)],
)
def test_an_index_outside_raises_as_numpy_does(rows: list[int], k: int) -> None:
    args = (X, np.array(rows), k)
    for jit in (True, False):
        with pytest.raises(IndexError, match="out of bounds"):
            srcdiff.grad(picked, jit=jit)(*args)


def of_lists(a, k):
    rows = [[v, 2.0 * v] for v in a]
    rows[k][k] = 3.0
    return rows[k][0] * rows[0][k] * a[k]


def test_an_index_outside_of_a_list_raises_as_python_does() -> None:
    for args in (([1.0, 2.0], 2), ([1.0], 1), ([], 0), ([1.0, 2.0, 3.0], 2)):
        with pytest.raises(IndexError) as expected:
            of_lists(*args)
        with pytest.raises(IndexError) as found:
            srcdiff.grad(of_lists, jit=True)(*args)
        assert str(found.value) == str(expected.value)


def test_nothing_is_read_of_an_empty_array() -> None:
    with pytest.raises(IndexError):
        srcdiff.grad(picked, jit=True)(np.zeros(0), np.zeros(0, int), 0)


def test_negative_indices_count_from_the_end() -> None:
    args = (X, np.array([-1, 0, -1]), -2)
    np.testing.assert_allclose(
        srcdiff.grad(picked, jit=True)(*args), srcdiff.grad(picked)(*args), rtol=1e-14
    )


def both(p, x):
    return np.outer(p["w"], x) * p["k"], np.sum(p["w"]) * x


def looped(x, y):
    s = np.zeros(len(x))
    for i in range(len(x)):
        for j in range(len(y)):
            s[i] += np.sin(x[i] * y[j])
    return s


@pytest.mark.long
def test_a_vjp_is_compiled_and_so_is_the_value() -> None:
    f = srcdiff.differentiate(jit=True)(looped)
    value, back = f.vjp(X, 2.0 * X)
    np.testing.assert_allclose(value, looped(X, 2.0 * X))
    expected = srcdiff.vjp(looped, X, 2.0 * X)[1]
    for weights in (np.ones(3), np.array([1.0, 0.0, -2.0])):
        for found, right in zip(back(weights), expected(weights), strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        back(np.ones(4))
    p = {"w": X, "k": 2.0}
    (table, _), back = srcdiff.vjp(both, p, np.ones(2), jit=True)
    np.testing.assert_allclose(table, 2.0 * np.outer(X, np.ones(2)))
    weights = (np.ones((3, 2)), np.array([1.0, 3.0]))
    found, right = back(weights), srcdiff.vjp(both, p, np.ones(2))[1](weights)
    np.testing.assert_allclose(found[0]["w"], right[0]["w"])
    assert found[0]["k"] == pytest.approx(right[0]["k"])
    np.testing.assert_allclose(found[1], right[1])


def test_tangents_are_compiled_and_looked_at_in_every_call() -> None:
    f = srcdiff.differentiate(jit=True)(energy)
    right = srcdiff.jvp(energy, (X, 0.5), (np.ones(3), 2.0))
    for _ in range(2):
        assert f.jvp((X, 0.5), (np.ones(3), 2.0)) == pytest.approx(right)
    with pytest.raises(ValueError, match="shape"):
        f.jvp((X, 0.5), (np.ones(4), 2.0))
    product = srcdiff.hvp(energy, jit=True)
    for _ in range(2):
        np.testing.assert_allclose(product(X, 0.5, X), srcdiff.hvp(energy)(X, 0.5, X), rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        product(X, 0.5, np.ones(4))


def test_without_fastmath_sums_are_in_order() -> None:
    strict = srcdiff.value_and_grad(energy, jit=True, fastmath=False)
    text = strict.loop_source_for(X, 0.5)
    assert "fastmath" not in text and 'error_model="numpy"' in text
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    total = 0.0
    for v in x:
        total += float(np.exp(-0.5 * v * v))
    assert strict(x, 0.5)[0] == pytest.approx(total, rel=1e-14)


def doubled(v):
    return 2.0 * v


def test_functions_and_classes_are_known_to_compiled_code_and_not_given_to_it():
    def f(x, shape=np.tanh, scale=doubled, dtype=np.float64, kind=None):
        return np.sum(shape(scale(x)).astype(dtype)) if kind is None else 0.0

    g = srcdiff.grad(f, jit=True)
    np.testing.assert_allclose(g(X), srcdiff.grad(f)(X), rtol=1e-12)
    np.testing.assert_allclose(g(X, np.sin), srcdiff.grad(f)(X, np.sin), rtol=1e-12)


def filled(x):
    sums = [0, 0]
    for v in x:
        sums[0] += v
        sums[1] += 1
    pairs = [(0, 1) for _ in range(len(x))]
    pairs[1] = (x[0], 2)
    return sums[0] ** 2 / sums[1] + sum(p * q for p, q in pairs)


def test_compiled_lists_that_start_with_whole_numbers_hold_floats():
    x = np.array([0.5, 0.75, 1.5])
    value, gradient = srcdiff.value_and_grad(filled, jit=True)(x)
    assert value == pytest.approx(filled(x))
    np.testing.assert_allclose(gradient, 2 * x.sum() / 3 + np.array([2.0, 0.0, 0.0]))


def normal_tails(x, s):
    return np.sum(special.ndtr(x) * special.log_ndtr(x)) * 0.5 * math.erfc(-s / math.sqrt(2.0))


def test_functions_of_the_normal_distribution_compile():
    (value, (d_x, d_s)), (value_2, (d_x_2, d_s_2)) = shapes(normal_tails, X, 0.3, argnums=(0, 1))
    np.testing.assert_allclose([value, d_s, *d_x], [value_2, d_s_2, *d_x_2], rtol=1e-12)


def dirichlet(alpha):
    return np.sum(special.gammaln(alpha) - special.digamma(alpha) * alpha)


def test_derivatives_of_digamma_compile():
    (value, d), (value_2, d_2) = shapes(dirichlet, np.array([0.3, 1.0, 4.5]), argnums=0)
    np.testing.assert_allclose([value, *d], [value_2, *d_2], rtol=1e-12)


def rows_that_may_not_fit(x, A, n):
    s = 0.0
    for i in range(n):
        for j in range(A.shape[1]):
            s += (A[i] @ x) * A[i, j]
    return s + np.sum(x)


def test_lengths_that_no_iteration_uses_need_not_fit() -> None:
    """Small axes are unrolled; a program that cannot be specialised is generated for all lengths."""
    args = np.ones(1), np.ones((1, 3)), 0
    g = srcdiff.value_and_grad(rows_that_may_not_fit, argnums=(0, 1), jit=True)
    value, (d_x, d_A) = g(*args)
    assert value == 1.0
    np.testing.assert_array_equal(d_x, [1.0])
    np.testing.assert_array_equal(d_A, np.zeros((1, 3)))
    with pytest.raises(ValueError):
        g(*args[:2], 1)
