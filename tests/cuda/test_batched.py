"""`srcdiff.cuda.batched`: many items at once have the results of single calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.cuda import batches as module
from srcdiff.errors import CompileWarning, DifferentiationError, UnsupportedError
from srcdiff.runtime.cuda import device_arrays
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")

RNG = np.random.default_rng(3)
K, S, T, N = 3, 4, 5, 4
MODEL = (
    np.log(RNG.dirichlet(np.ones(K))),
    np.log(RNG.dirichlet(np.ones(K), K)),
    np.log(RNG.dirichlet(np.ones(S), K)),
)
DATA = RNG.integers(0, S, (N, T))
SHARED = (None, None, None, 0)


def log_Z(log_pi, log_A, log_B, data):
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


GRADIENT = srcdiff.value_and_grad(log_Z, argnums=(0, 1, 2), jit=False)


def stacked(results: list[Any]) -> list[np.ndarray[Any, Any]]:
    """The leaves of several results, each stacked."""
    rows = [list(leaves(r)) for r in results]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def agree(found: Any, expected: list[np.ndarray[Any, Any]], rtol: float = 1e-12) -> None:
    for mine, own in zip(leaves(found), expected, strict=True):
        assert np.shape(mine) == np.shape(own)
        np.testing.assert_allclose(mine, own, rtol=rtol, atol=1e-14)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_values_and_gradients_of_sequences(reduce: str | None) -> None:
    each = stacked([GRADIENT(*MODEL, row) for row in DATA])
    expected = each if reduce is None else [getattr(np, reduce)(e, axis=0) for e in each]
    agree(srcdiff.cuda.batched(GRADIENT, SHARED, reduce)(*MODEL, DATA), expected)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_values_that_have_a_name_are_added_up(reduce: str) -> None:
    def loss(w, x):
        total = 0.0
        for k in range(len(x)):
            total += w * x[k] ** 2
        return total

    g = srcdiff.value_and_grad(loss, argnums=(0, 1), jit=False)
    x = RNG.normal(size=(N, 3))
    value, d_w, d_x = stacked([g(1.5, row) for row in x])
    fold = getattr(np, reduce)
    expected = [fold(value), fold(d_w), d_x / N if reduce == "mean" else d_x]
    for threads in (1, 2):
        run = srcdiff.cuda.batched(g, (None, 0), reduce, threads_per_item=threads)
        agree(run(1.5, x), expected)


def test_items_along_another_axis_and_in_containers() -> None:
    def loss(p, x, rate):
        return rate * np.sum(np.tanh(p["W"] @ x + p["b"]) ** 2)

    g = srcdiff.value_and_grad(loss, argnums=(0, 1, 2), jit=False)
    p = {"W": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(N, 2))}
    x, rate = RNG.normal(size=(3, N)), RNG.normal(size=N)
    axes = ({"W": None, "b": 0}, -1, 0)
    each = stacked(
        [g({"W": p["W"], "b": p["b"][i]}, x[:, i].copy(), float(rate[i])) for i in range(N)]
    )
    agree(srcdiff.cuda.batched(g, axes)(p, x, rate), each)
    value, (d_p, d_x, d_rate) = srcdiff.cuda.batched(g, axes, "mean")(p, x, rate)
    assert list(d_p) == ["W", "b"]
    expected = [each[0].mean(), each[1].mean(axis=0), *(e / N for e in each[2:])]
    agree((value, (d_p, d_x, d_rate)), expected)


class Body(NamedTuple):
    mass: float
    place: Any


def test_named_tuples() -> None:
    def energy(a, b):
        return a.mass * b.mass / np.sqrt(np.sum((a.place - b.place) ** 2))

    g = srcdiff.grad(energy, jit=False)
    a, b = Body(2.0, RNG.normal(size=(N, 2))), Body(0.5, RNG.normal(size=2))
    found = srcdiff.cuda.batched(g, (Body(None, 0), None))(a, b)
    assert isinstance(found, Body)
    agree(found, stacked([g(Body(2.0, row), b) for row in a.place]))


def test_whole_numbers_may_differ_from_item_to_item() -> None:
    def power(x, n):
        y = np.ones(n)
        for k in range(1, n):
            y[k] = y[k - 1] * np.sin(x * k)
        return np.sum(y)

    g = srcdiff.grad(power, jit=False)
    x, n = RNG.normal(size=N), np.array([1, 4, 2, 3])
    found = srcdiff.cuda.batched(g)(x, n)
    np.testing.assert_allclose(found, [g(float(a), int(k)) for a, k in zip(x, n, strict=True)])


@pytest.mark.long
def test_sums_are_reproducible_to_the_bit() -> None:
    run = srcdiff.cuda.batched(GRADIENT, SHARED, "sum", deterministic=True)
    first, second = run(*MODEL, DATA), run(*MODEL, DATA)
    for a, b in zip(leaves(first), leaves(second), strict=True):
        assert np.array_equal(a, b)


def test_lists_that_are_counted_while_they_grow() -> None:
    def weighted(a, n):
        xs, ys = [], []
        for i in range(n):
            xs.append(a * i)
            ys.append(a**2 * len(xs))
        total = 0.0
        for k in range(len(ys)):
            total += xs[k] * ys[k]
        return total

    tangents = (1.0, None)
    found = srcdiff.jvp(weighted, (0.5, 5), tangents, target="cuda")
    assert found == pytest.approx(srcdiff.jvp(weighted, (0.5, 5), tangents, jit=False))


def test_items_that_take_different_numbers_of_iterations() -> None:
    def root(a):
        x = a
        while abs(x * x - a) > 1e-8:
            x = x - 0.2 * (x * x - a) / (2.0 * x)
        return x

    g = srcdiff.value_and_grad(root, jit=False)
    a = np.array([1.0, 2.0, 30.0])
    run = srcdiff.cuda.batched(g)
    agree(run(a), stacked([g(float(x)) for x in a]), rtol=1e-10)
    with pytest.raises(MemoryError, match="for one item: 1024 of storage"):
        srcdiff.cuda.batched(g, memory_limit=400)(a)


def test_float32_stays_float32() -> None:
    model = [a.astype(np.float32) for a in MODEL]
    found = srcdiff.cuda.batched(GRADIENT, SHARED)(*model, DATA)
    assert {leaf.dtype for leaf in leaves(found)} == {np.dtype(np.float32)}
    agree(found, stacked([GRADIENT(*MODEL, row) for row in DATA]), rtol=1e-4)


def test_device_arrays_come_back_as_such() -> None:
    on_device = [cuda.to_device(a) for a in (*MODEL, DATA)]
    value, gradients = srcdiff.cuda.batched(GRADIENT, SHARED)(*on_device)
    agree(
        (value.copy_to_host(), tuple(g.copy_to_host() for g in gradients)),
        stacked([GRADIENT(*MODEL, row) for row in DATA]),
    )


def test_each_length_of_small_storage_has_a_kernel_of_its_own() -> None:
    run = srcdiff.cuda.batched(GRADIENT, SHARED)
    run(*MODEL, DATA)
    assert "cuda.local.array(3, np.float64)" in run.source
    two = (np.log([0.4, 0.6]), np.log(np.full((2, 2), 0.5)), MODEL[2][:2])
    agree(run(*two, DATA), stacked([GRADIENT(*two, row) for row in DATA]))
    assert "cuda.local.array(2, np.float64)" in run.source
    run(*MODEL, DATA[:, :3])  # other numbers of steps have not
    assert sum(map(len, run.kernels.values())) == 2


def test_what_an_item_raises_is_raised() -> None:
    wrong = DATA.copy()
    wrong[2, 1] = S
    with pytest.raises(IndexError, match="an index is out of bounds for log_B"):
        srcdiff.cuda.batched(GRADIENT, SHARED)(*MODEL, wrong)


@pytest.mark.long
def test_no_items_give_empty_results_and_sums_of_nothing() -> None:
    value, (d_pi, d_A, d_B) = srcdiff.cuda.batched(GRADIENT, SHARED)(*MODEL, DATA[:0])
    assert value.shape == (0,)
    assert (d_pi.shape, d_A.shape, d_B.shape) == ((0, K), (0, K, K), (0, K, S))
    value, (d_pi, _, _) = srcdiff.cuda.batched(GRADIENT, SHARED, "sum")(*MODEL, DATA[:0])
    assert value == 0.0
    assert np.array_equal(d_pi, np.zeros(K))


@pytest.mark.parametrize(
    ("axes", "args", "message"),
    [
        ((None, None, None, 2), (*MODEL, DATA), "data has 2 axes, so its items cannot be along axis 2"),
        ((None, None, None, None), (*MODEL, DATA), "there are no items"),
        ((0, None, None, 0), (*MODEL, DATA), "log_pi has 3, data has 4"),
        ((None, None, 0), (*MODEL, DATA), "in_axes has 3 parts for the arguments, of which there are 4"),
        ((None, None, None, "0"), (*MODEL, DATA), "expected an int or None"),
    ],
)  # fmt: skip
def test_wrong_axes_are_errors(axes: Any, args: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        srcdiff.cuda.batched(GRADIENT, axes)(*args)


def test_defaults_and_static_arguments() -> None:
    def norm(x, kind="square", scale=2.0):
        return scale * (np.sum(x**2) if kind == "square" else np.sum(np.abs(x)))

    g = srcdiff.grad(norm, jit=False)
    x = RNG.normal(size=(N, 2))
    np.testing.assert_allclose(srcdiff.cuda.batched(g)(x), 4.0 * x)
    np.testing.assert_allclose(srcdiff.cuda.batched(g, (0,))(x), 4.0 * x)
    run = srcdiff.cuda.batched(g, (0, None, 0))
    scales = np.arange(1.0, N + 1.0)
    np.testing.assert_allclose(run(x, "square", scales), 2.0 * scales[:, None] * x)
    np.testing.assert_allclose(run(x, "sum", scales), scales[:, None] * np.sign(x))


def test_wrong_calls_are_errors() -> None:
    with pytest.raises(TypeError, match="data is an array of object: pass numbers"):
        srcdiff.cuda.batched(GRADIENT)(*MODEL, np.array([None]))
    with pytest.raises(TypeError, match="takes 4 arguments"):
        srcdiff.cuda.batched(GRADIENT)(*MODEL)
    with pytest.raises(TypeError, match="takes a derivative"):
        srcdiff.cuda.batched(log_Z)
    with pytest.raises(ValueError, match="reduce='max'"):
        srcdiff.cuda.batched(GRADIENT, reduce="max")
    with pytest.raises(ValueError, match="fallback='gpu'"):
        srcdiff.cuda.batched(GRADIENT, fallback="gpu")
    with pytest.raises(ValueError, match="memory_limit=0"):
        srcdiff.cuda.batched(GRADIENT, memory_limit=0)
    with pytest.raises(DifferentiationError, match="has no kernel yet"):
        _ = srcdiff.cuda.batched(GRADIENT).source


def test_without_a_device_there_is_an_error_or_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ("there is no CUDA device", "Get one.")
    monkeypatch.setattr(module, "device_problem", lambda: problem)
    with pytest.raises(UnsupportedError, match="there is no CUDA device"):
        srcdiff.cuda.batched(GRADIENT, SHARED)(*MODEL, DATA)
    each = stacked([GRADIENT(*MODEL, row) for row in DATA])
    for reduce in (None, "sum", "mean"):
        run = srcdiff.cuda.batched(GRADIENT, SHARED, reduce, fallback="cpu")
        expected = each if reduce is None else [getattr(np, reduce)(e, axis=0) for e in each]
        with pytest.warns(CompileWarning, match="items run on the CPU, one after the other"):
            agree(run(*MODEL, DATA), expected)
        agree(run(*MODEL, DATA), expected)  # and says so once


def test_what_cannot_be_a_kernel_falls_back_too() -> None:
    def spread(A, x):
        return np.ptp(np.linalg.eigvalsh(A @ A.T)) * x

    g = srcdiff.value_and_grad(spread, jit=False)
    A, x = RNG.normal(size=(N, 2, 2)), RNG.normal(size=N)
    with pytest.raises(UnsupportedError, match="cannot be a kernel"):
        srcdiff.cuda.batched(g)(A, x)
    with pytest.warns(CompileWarning, match="cannot be a kernel"):
        found = srcdiff.cuda.batched(g, fallback="cpu")(A, x)
    agree(found, stacked([g(a, float(b)) for a, b in zip(A, x, strict=True)]))


def test_tangents_have_items_too() -> None:
    def f(x, s):
        return np.sum(np.sin(x) * s)

    h = srcdiff.hvp(f, jit=False)
    x, v = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))
    found = srcdiff.cuda.batched(h, (0, None, 0))(x, 2.0, v)
    np.testing.assert_allclose(found, [h(a, 2.0, b) for a, b in zip(x, v, strict=True)])


def test_arrays_from_outside_are_shared() -> None:
    weights = np.array([1.0, 2.0, -1.0])

    def f(x):
        return np.sum(weights * x**2)

    g = srcdiff.grad(f, jit=False)
    x = RNG.normal(size=(N, 3))
    run = srcdiff.cuda.batched(g)
    np.testing.assert_allclose(run(x), 2 * weights * x)
    weights[0] = 5.0
    np.testing.assert_allclose(run(x), 2 * weights * x)


SCALE = 2.0


def scaled(x):
    return SCALE * x * x


def test_what_a_kernel_found_outside_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    run = srcdiff.cuda.batched(srcdiff.grad(scaled, jit=False))
    single, device = srcdiff.grad(scaled, target="cuda"), srcdiff.grad(scaled).cuda_device
    x = np.array([1.0, 3.0])
    for value in (2.0, 5.0):
        monkeypatch.setitem(globals(), "SCALE", value)
        np.testing.assert_allclose(run(x), 2 * value * x)
        assert single(3.0) == 6 * value
        assert f"2.0 * ({value} * x)" in device.source_for(1.0)


def test_rooms_of_float32_programs_are_of_float32() -> None:
    def kepler(M, e):
        E = M
        while abs(E - e * np.sin(E) - M) > 1e-3:
            E = E - (E - e * np.sin(E) - M) / (1.0 - e * np.cos(E))
        return E

    M = np.array([0.5, 2.0], np.float32)
    g = srcdiff.value_and_grad(kepler, argnums=(0, 1), jit=False)
    run = srcdiff.cuda.batched(g, (0, None))
    found = run(M, 0.5)  # Python's number has the precision of what it meets
    assert {leaf.dtype for leaf in leaves(found)} == {np.dtype(np.float32)}
    assert "float64" not in run.source
    assert run.latest is not None
    assert {s.type.dtype for s in run.latest.program.storage} == {"float32"}
    agree(found, stacked([g(float(x), 0.5) for x in M]), rtol=1e-4)


@pytest.mark.long
def test_kernels_are_launched_on_the_stream_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    run = srcdiff.cuda.batched(GRADIENT, SHARED, "sum")
    expected = run(*MODEL, DATA)
    kernel, stream, seen = run.latest, cuda.stream(), []
    assert kernel is not None

    class Watched:
        """A kernel that notes how it is launched."""

        def __init__(self, own: Any) -> None:
            self.own = own

        def __getitem__(self, how: Any) -> Any:
            seen.append(how[2])
            return self.own[how]

    kernel.function = Watched(kernel.function)
    for name in ("_sum_double", "_transpose", "_clear"):
        monkeypatch.setattr(device_arrays, name, Watched(getattr(device_arrays, name)))
    agree(run(*MODEL, DATA, stream=stream), [*leaves(expected)])
    assert len(seen) > 4
    assert all(s is stream for s in seen)
