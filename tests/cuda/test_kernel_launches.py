"""Host code that launches kernels is differentiated: backwards it launches the adjoint kernels."""

from __future__ import annotations

import numpy as np
import pytest
from user_kernels import particle, potential, rows

import srcdiff
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


@cuda.jit
def scale(x, k, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = k[0] * x[i] * x[i]


def once(x, k):
    y = np.zeros_like(x)
    scale[1, 8](x, k, y)
    return np.sum(np.sin(y))


def orbit(x, v):
    n = len(x)
    for _ in range(2):
        particle[(n + 3) // 4, 4](x, v, 0.1, 2)
    return np.sum(x**2)


def one_after_the_other(x, w):
    e = np.zeros(len(x))
    potential[1, 8](x, w, e)
    k = 2.0 * w[:1]
    scaled = np.zeros_like(e)
    scale[(1,), (8,)](e, k, scaled)
    return scaled @ e


def same_array_twice(x):
    y = np.zeros_like(x)
    scale[1, 8](x, x, y)
    return np.sum(y)


def in_a_branch(x, k):
    if np.sum(x) > 0.0:
        y = x * 2.0
    else:
        y = x**2
    z = np.zeros_like(y)
    scale[1, 8](y, k, z)
    return np.sum(z)


def on_the_device(x, k):
    d = cuda.to_device(x)
    y = cuda.device_array_like(d)
    scale[1, 8](d, cuda.to_device(k), y)
    cuda.synchronize()
    return np.sum(y.copy_to_host())


def scattered(x):
    out = np.zeros(len(x))
    rows[1, 4](x, np.arange(len(x))[::-1].copy(), out)
    return np.sum(np.cos(out))


@cuda.jit
def outer(x, y, out):
    i, j = cuda.grid(2)
    if i < x.shape[0] and j < y.shape[0]:
        out[i, j] = x[i] * y[j] ** 2


def in_two_directions(x, y):
    out = np.zeros((len(x), len(y)))
    blocks = (len(x) + 1) // 2, 2
    outer[blocks, (2, 2)](x, y, out)
    return np.sum(np.sin(out))


rng = np.random.default_rng(5)
PROGRAMS = [
    (once, (rng.normal(size=5), np.array([1.5]))),
    (orbit, (rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))),
    (one_after_the_other, (rng.normal(size=(4, 3)), rng.random(4))),
    (same_array_twice, (rng.normal(size=4),)),
    (in_a_branch, (rng.random(4), np.array([0.7]))),
    (on_the_device, (rng.random(4), np.array([0.7]))),
    (scattered, (rng.random((3, 2)),)),
    (in_two_directions, (rng.random(3), rng.random(4))),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_gradients_against_differences(function, args) -> None:
    srcdiff.check_grads(function, *args, order=1)


@pytest.mark.parametrize(
    ("function", "args"), PROGRAMS[:4], ids=lambda p: getattr(p, "__name__", "")
)
def test_second_derivatives(function, args) -> None:
    srcdiff.check_grads(function, *args, order=2)


def test_a_gradient_of_a_gradient_launches_the_adjoint_of_the_adjoint() -> None:
    x, k = PROGRAMS[0][1]

    def steepness(x, k):
        return np.sum(srcdiff.grad(once)(x, k) ** 2)

    found = srcdiff.grad(steepness, jit=False)(x, k)
    y, slope = k[0] * x**2, 2.0 * k[0] * x
    second = 2.0 * k[0] * np.cos(y) - slope**2 * np.sin(y)
    np.testing.assert_allclose(found, 2.0 * np.cos(y) * slope * second, rtol=1e-12)
    there = srcdiff.grad(steepness, jit=False)(cuda.to_device(x), cuda.to_device(k))
    np.testing.assert_array_equal(there.copy_to_host(), found)
    hvp = srcdiff.hvp(once, jit=False)
    assert "scale_adjoint_tangent[1, 8](" in hvp.source_for(x, k, x)


def test_a_launch_is_a_launch_backwards() -> None:
    g = srcdiff.grad(once, argnums=(0, 1))
    assert (
        g.source_for(*PROGRAMS[0][1])
        == '''import numpy as np


def once_grad(x, k):
    """Gradient of `once` with respect to `x`, `k`."""
    # forward
    y = np.zeros_like(x)
    scale[1, 8](x, k, y)

    # backward
    d_x = np.zeros_like(x)
    d_k = np.zeros_like(k)
    scale_adjoint[1, 8](x, k, y, d_x, d_k, np.cos(y))
    return d_x, d_k
'''
    )


def test_arguments_are_not_written() -> None:
    x, v = PROGRAMS[1][1]
    before = x.copy(), v.copy()
    srcdiff.grad(orbit, argnums=(0, 1))(x, v)
    np.testing.assert_array_equal((x, v), before)


def with_a_number(x, dt):
    v = np.zeros_like(x)
    particle[1, 4](x, v, dt, 2)
    return np.sum(x)


def with_a_stream(x):
    y = np.zeros_like(x)
    scale[1, 8, 0](x, x, y)
    return np.sum(y)


def test_what_has_no_derivative_is_named() -> None:
    x = np.ones((2, 3))
    with pytest.raises(UnsupportedError, match="is given a number that is differentiated") as found:
        srcdiff.grad(with_a_number, argnums=1)(x, 0.1)
    assert "particle[1, 4](x, v, dt, 2)" in str(found.value)
    srcdiff.grad(with_a_number)(x, 0.1)  # by x, it has one
    with pytest.raises(UnsupportedError, match="with a grid and a block"):
        srcdiff.grad(with_a_stream)(x[0])
    with pytest.raises(UnsupportedError, match=r"the kernel scale takes .*, by position"):
        srcdiff.grad(lambda x: scale[1, 8](x))(x[0])
    with pytest.raises(UnsupportedError, match="a kernel takes numbers and arrays, not"):
        srcdiff.grad(lambda x: scale[1, 8](x, [2.0 * v for v in x], x))(x[0])


@pytest.mark.parametrize("function", [once, on_the_device])
def test_arguments_on_the_device(function) -> None:
    x, k = PROGRAMS[0][1]
    on_device = [cuda.to_device(a) for a in (x, k)]
    g = srcdiff.value_and_grad(function, argnums=(0, 1), jit=False)
    expected = g(x, k)
    value, gradients = g(*on_device)
    assert value == expected[0]
    for mine, own in zip(gradients, expected[1], strict=True):
        assert type(mine) is type(on_device[0])  # as they came
        np.testing.assert_array_equal(mine.copy_to_host(), own)
    np.testing.assert_array_equal(on_device[0].copy_to_host(), x)
    mixed = g(on_device[0], k)[1][1].copy_to_host()  # of several kinds: what comes back is there
    np.testing.assert_array_equal(mixed, expected[1][1])
    tangents = (np.ones_like(x), np.ones_like(k))
    _, tangent = srcdiff.jvp(function, tuple(on_device), tuple(map(cuda.to_device, tangents)))
    assert tangent == pytest.approx(sum(np.sum(d) for d in expected[1]))


def test_containers_of_arrays_on_the_device() -> None:
    def loss(p):
        y = np.zeros_like(p["x"])
        scale[1, 8](p["x"], p["k"], y)
        return np.sum(np.sin(y))

    x, k = PROGRAMS[0][1]
    found = srcdiff.grad(loss, jit=False)({"x": cuda.to_device(x), "k": k})
    expected = srcdiff.grad(loss, jit=False)({"x": x, "k": k})
    np.testing.assert_array_equal(found["x"].copy_to_host(), expected["x"])
