"""`g.cuda_device`: generated functions in the user's own kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from corpus_loader import load

import srcdiff
import srcdiff.cuda
from srcdiff.errors import CompileWarning, UnsupportedError
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


@srcdiff.differentiate(jit=False)
def chain(x, k):
    e = 0.0
    for i in range(len(x) - 1):
        e += k * (x[i + 1] - x[i]) ** 2
    return e + np.sum(np.sin(np.cumsum(x)))


@srcdiff.differentiate(argnums=(0, 1), jit=False)
def lennard_jones(r, s):
    q = (s / r) ** 6
    return 4.0 * (q * q - q)


chain_gradient = chain.value_and_grad.cuda_device
force = lennard_jones.grad.cuda_device


@cuda.jit
def chains(x, k, d_x, value, scratch):
    i = cuda.grid(1)
    if i < x.shape[0]:
        value[i] = chain_gradient(x[i], k, d_x[i], scratch[i, 0], scratch[i, 1])


@cuda.jit
def forces(r, s, out):
    i = cuda.grid(1)
    if i < len(r):
        d_r, d_s = force(r[i], s)
        out[i, 0] = d_r
        out[i, 1] = d_s


def test_a_kernel_calls_a_gradient() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    scratch = chain_gradient.scratch(x[0], 0.5)
    assert [(s.name, s.shape) for s in scratch] == [("sums", (5,)), ("sums_2", (5,))]
    assert [(s.name, s.shape, s.dtype) for s in chain_gradient.results(x[0], 0.5)] == [
        ("d_x", (5,), np.dtype(float))
    ]
    d_x, value = cuda.to_device(np.ones_like(x)), cuda.to_device(np.zeros(3))
    work = cuda.to_device(np.full((3, 2, 5), np.nan))  # what was in it does not matter
    chains[1, 4](cuda.to_device(x), 0.5, d_x, value, work)
    expected = [chain.value_and_grad(row, 0.5) for row in x]
    np.testing.assert_allclose(value.copy_to_host(), [v for v, _ in expected])
    np.testing.assert_allclose(d_x.copy_to_host(), [1.0 + d for _, d in expected])  # added to


def test_numbers_are_returned() -> None:
    r = np.array([0.9, 1.0, 1.3])
    out = cuda.to_device(np.zeros((3, 2)))
    forces[1, 4](cuda.to_device(r), 1.1, out)
    np.testing.assert_allclose(out.copy_to_host(), [lennard_jones.grad(a, 1.1) for a in r])


def test_the_source_says_what_it_takes() -> None:
    text = chain_gradient.source_for(np.zeros(4), 1.0)
    assert "@cuda.jit(device=True)\ndef chain_value_and_grad(x, k, d_x, sums, sums_2):" in text
    assert "    return e + value\n" in text or "    return result\n" in text


def test_storage_of_a_known_size_is_the_threads_own() -> None:
    @srcdiff.differentiate(jit=False)
    def quadrature(a):
        nodes = np.empty(3)
        for k in range(3):
            nodes[k] = math.sin(a * (k + 1))
        for k in range(1, 3):
            nodes[k] = nodes[k] * nodes[k - 1]
        return nodes[2] * nodes[1]

    device = quadrature.grad.cuda_device
    assert device.scratch(0.3) == ()
    assert "cuda.local.array(3, np.float64)" in device.source_for(0.3)


def test_a_wrong_number_of_arguments_says_which_are_wanted() -> None:
    @cuda.jit
    def wrong(x, d_x):
        chain_gradient(x, 0.5, d_x)

    with pytest.raises(Exception, match="takes 5 arguments in a kernel and was given 3"):
        wrong[1, 1](cuda.to_device(np.zeros(3)), cuda.to_device(np.zeros(3)))


@srcdiff.differentiate(jit=False)
def slow_root(a):
    x = 1.0
    while abs(x * x - a) > 1e-9:
        x = x - 0.05 * math.tanh(x * x - a) / x
    return x


root_slope = slow_root.grad.cuda_device


@cuda.jit
def roots(a, xs, kept, out):
    i = cuda.grid(1)
    if i < len(a):
        out[i] = root_slope(a[i], kept[i], xs[i])


def test_room_for_iterations_of_unknown_number_is_counted() -> None:
    scratch = root_slope.scratch(2.0)
    assert [s.name for s in scratch] == ["kept", "xs"]
    assert len({s.shape for s in scratch}) == 1
    assert scratch[0].shape[0] > 100  # the number of iterations
    a, out = np.array([1.5, 2.0]), cuda.to_device(np.zeros(2))
    room = np.zeros((2, *scratch[0].shape))
    roots[1, 2](cuda.to_device(a), cuda.to_device(room), cuda.to_device(room), out)
    np.testing.assert_allclose(out.copy_to_host(), [slow_root.grad(x) for x in a])


def test_too_little_room_is_an_error_and_nothing_is_written_after_it() -> None:
    xs, kept = (cuda.to_device(np.full((2, 8), 7.0)) for _ in range(2))
    with pytest.raises(MemoryError, match="kept has too little room"):
        roots[1, 1](cuda.to_device(np.array([2.0])), xs, kept, cuda.to_device(np.zeros(2)))
    assert np.all(xs.copy_to_host()[1] == 7.0)
    assert np.all(kept.copy_to_host()[1] == 7.0)


def total(xs):
    return sum(x * x for x in xs)


def largest_eigenvalue(A):
    return np.linalg.eigvalsh(A)[-1]


def power(x, n):
    return x if n <= 1 else x * power(x, n - 1)


def cubed(x):
    return power(np.sum(x), 3)


def by_name(x):
    found = {}
    for i in range(len(x)):
        found[int(x[i])] = x[i]
    return sum(found.values())


def rotated(x):
    return np.abs(np.sum(np.exp(1j * x)))


def bessel(x):
    return np.sum(scipy.special.jv(2.0, x))


@pytest.mark.parametrize(
    ("function", "args", "reason", "line"),
    [
        (total, ([1.0, 2.0],), "xs is or has a list, and devices have none", "def total(xs):"),
        (largest_eigenvalue, (np.eye(2),), "devices have no LAPACK", "return np.linalg.eigvalsh(A)[-1]"),
        (cubed, (np.ones(2),), "a function that calls itself: kernels have no recursion", "return power(np.sum(x), 3)"),
        (by_name, (np.ones(2),), "where all has a type: .* must be known", "found[int(x[i])] = x[i]"),
        (rotated, (np.ones(2),), "complex numbers", "return np.abs(np.sum(np.exp(1j * x)))"),
        (bessel, (np.ones(2),), "which devices do not have", "return np.sum(scipy.special.jv(2.0, x))"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_kernel_says_why(function, args, reason, line) -> None:
    calls = [lambda: srcdiff.grad(function, target="cuda")(*args)]
    if function is not total:  # device functions say of lists that compiled code takes none
        calls.append(lambda: srcdiff.grad(function).cuda_device.source_for(*args))
    for call in calls:
        with pytest.raises(UnsupportedError, match=f"cannot be a kernel.*{reason}") as caught:
            call()
        assert f"{line}\n" in str(caught.value)  # the user's line
        assert caught.value.advice


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize("function", [cubed, by_name, bessel])
def test_what_cannot_be_a_kernel_runs_on_the_cpu_if_asked(function) -> None:
    g = srcdiff.grad(function, jit=False)
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    with pytest.warns(CompileWarning, match=r"cannot be a kernel.* so items run on the CPU"):
        found = srcdiff.cuda.batched(g, fallback="cpu")(x)
    np.testing.assert_allclose(found, [g(row) for row in x])


def test_the_target_cuda_runs_single_calls() -> None:
    on_device = srcdiff.differentiate(target="cuda", argnums=(0, 1))(chain.__wrapped__)
    x = np.linspace(0.0, 1.0, 4)
    value, (d_x, d_k) = on_device.value_and_grad(x, k=0.7)
    expected = srcdiff.value_and_grad(chain.__wrapped__, argnums=(0, 1), jit=False)(x, 0.7)
    np.testing.assert_allclose(value, expected[0])
    np.testing.assert_allclose(d_x, expected[1][0])
    np.testing.assert_allclose(d_k, expected[1][1])
    assert "@cuda.jit\ndef chain_value_and_grad_batch(" in on_device.value_and_grad.loop_source
    direction = (x, 1.0)
    np.testing.assert_allclose(
        on_device.jvp((x, 0.7), direction)[1], expected[1][0] @ x + expected[1][1]
    )


@pytest.mark.parametrize("name", ["sum_of_squares", "heat", "hmm_scaled", "bilinear_interpolation"])
def test_programs_of_float32_are_valid_after_each_pass(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRCDIFF_VERIFY", "1")  # a sum of float32 may start as a float of Python's
    (program,) = (p for p in load("all") if p.name == name)
    args = [
        a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a
        for a in program.arguments(0)
    ]
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    assert "float64" not in g.cuda_device.source_for(*args)
