"""Adjoint and tangent kernels of kernels that users write, against finite differences and against each other."""

from __future__ import annotations

import re

import numpy as np
import pytest
import user_kernels as own
from numba import float64
from user_kernels import CASES, SINGLE, Case

import srcdiff.cuda
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda import device_arrays
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


def launched(kernel, grid, block, args):
    """The arrays that a launch leaves; the arguments stay as they are."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    kernel[grid, block](*copies)
    return copies


def floats(args):
    return [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def moved(args, directions, h):
    rest = iter(directions)
    return [
        a + h * next(rest) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args
    ]


def checked(case: Case, dtype, rtol) -> None:
    rng = np.random.default_rng(3)
    for grid, block in case.launches:
        args = case.arguments(rng, dtype)
        arrays = floats(args)
        weights = [rng.normal(size=a.shape).astype(dtype) for a in arrays]
        directions = [rng.normal(size=a.shape).astype(dtype) for a in arrays]
        adjoint, tangent = srcdiff.cuda.adjoint(case.kernel), srcdiff.cuda.tangent(case.kernel)
        back = launched(adjoint, grid, block, [*args, *weights])[len(args) :]
        both = launched(tangent, grid, block, [*args, *directions])
        plain, dots = both[: len(args)], both[len(args) :]
        for mine, kernels in zip(
            floats(plain), floats(launched(case.kernel, grid, block, args)), strict=True
        ):
            np.testing.assert_allclose(mine, kernels, rtol=rtol, atol=rtol)
        jvp = sum(np.vdot(w, d) for w, d in zip(weights, dots, strict=True))
        vjp = sum(np.vdot(b, v) for b, v in zip(back, directions, strict=True))
        np.testing.assert_allclose(vjp, jvp, rtol=rtol, atol=rtol)
        if dtype is np.float64:
            h = 1e-6
            up, down = (
                floats(launched(case.kernel, grid, block, moved(args, directions, s * h)))
                for s in (1, -1)
            )
            for dot, a, b in zip(dots, up, down, strict=True):
                np.testing.assert_allclose(dot, (a - b) / (2 * h), rtol=1e-5, atol=1e-7)
        assert all(b.dtype == dtype for b in back)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_adjoints_and_tangents(case: Case) -> None:
    checked(case, np.float64, 1e-9)


@pytest.mark.parametrize("case", SINGLE, ids=repr)
def test_single_precision(case: Case) -> None:
    checked(case, np.float32, 2e-4)


def test_the_adjoint_reads_like_the_target() -> None:
    adjoint = srcdiff.cuda.adjoint(own.potential)
    text = adjoint.source_for(np.zeros((4, 3)), np.zeros(4), np.zeros(4))
    assert (
        text
        == '''import math
from numba import cuda


@cuda.jit
def potential_adjoint(x, weight, energy, d_x, d_weight, d_energy):
    """Adjoint of `potential`: adds to d_x and d_weight, clears d_energy."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        d_e = d_energy[i]
        for j in range(x.shape[0]):
            r2 = 1.0
            for k in range(3):
                r2 += (x[i, k] - x[j, k]) ** 2
            denominator = math.sqrt(r2)
            d_r2 = -0.5 * d_e * weight[j] / denominator**3
            cuda.atomic.add(d_weight, j, d_e / denominator)
            for k in range(3):
                product = 2 * d_r2 * (x[i, k] - x[j, k])
                cuda.atomic.add(d_x, (j, k), -product)
                cuda.atomic.add(d_x, (i, k), product)
        d_energy[i] = 0.0
'''
    )
    assert adjoint.source == text


def test_gradients_that_warp_gets_wrong() -> None:
    """FACTS: 0.0625 and 0.471 where 4 x^3 is right; 0.016 and 0.231 for the same in place."""
    x = np.array([0.5, 0.7])
    exact = 4.0 * x**3
    d_x = np.ones(2)
    srcdiff.cuda.adjoint(own.square_twice)[1, 2](x.copy(), d_x)
    np.testing.assert_allclose(d_x, exact, rtol=1e-14)
    d_x = np.zeros(2)
    srcdiff.cuda.adjoint(own.repeated_squares)[1, 2](x, 2, np.zeros(2), d_x, np.ones(2))
    np.testing.assert_allclose(d_x, exact, rtol=1e-14)


def text_of(kernel, *args):
    return srcdiff.cuda.adjoint(kernel).source_for(*args)


x, n = np.zeros(4), np.zeros(4, int)


def test_only_what_is_shared_is_added_atomically() -> None:
    assert "d_w[i] += " in text_of(own.histogram, x, x, x)
    assert "atomic" not in text_of(own.strided, x, x)
    assert "atomic" not in text_of(own.particle, x[None], x[None], 0.1, 2)
    text = text_of(own.stencil, x, x)
    assert text.count("cuda.atomic.add(d_x, ") == 3


def test_tiles_are_loaded_again_and_nothing_is_kept() -> None:
    text = text_of(own.matmul, x[None], x[None], x[None])
    assert "sA[ty, tx] = A[" in text
    assert not srcdiff.cuda.adjoint(own.matmul).scratch((1, 1), (4, 4), x[None], x[None], x[None])
    assert text.count("for i in ") == 2  # once for the total, which is squared, and backwards


def test_scratch_reports_the_residuals_of_iterations() -> None:
    (s,) = srcdiff.cuda.adjoint(own.repeated_squares).scratch(2, 3, x, 5, x)
    assert (s.name, s.shape, s.dtype) == ("ss", (5, 6), np.dtype(float))
    (s,) = srcdiff.cuda.adjoint(own.ragged).scratch(1, 2, x, np.array([1, 7, 0, 2]), x)
    assert s.shape == (7, 2)  # counted
    a = np.array([1.5, 3.0])
    (s,) = srcdiff.cuda.adjoint(own.newton).scratch(1, 2, a, x)
    kept = np.full(s.shape, np.nan)
    d_a, expected = np.zeros(2), np.zeros(2)
    srcdiff.cuda.adjoint(own.newton)[1, 2](a, np.zeros(2), d_a, np.ones(2), kept)
    srcdiff.cuda.adjoint(own.newton)[1, 2](a, np.zeros(2), expected, np.ones(2))
    np.testing.assert_array_equal(d_a, expected)


def test_device_arrays() -> None:
    rng = np.random.default_rng(0)
    args = [
        rng.random((3, 3)),
        rng.random(3),
        np.zeros(3),
        np.zeros((3, 3)),
        np.zeros(3),
        np.ones(3),
    ]
    on_device = [cuda.to_device(a) for a in args]
    adjoint = srcdiff.cuda.adjoint(own.potential)
    adjoint[1, 4](*on_device)
    adjoint[1, 4](*args)
    np.testing.assert_allclose(on_device[3].copy_to_host(), args[3], rtol=1e-12)


# ---- bad input -----------------------------------------------------------------------------------


read_only = np.zeros(4)
read_only.flags.writeable = False


@pytest.mark.parametrize(
    ("shadows", "error", "message"),
    [
        ((np.zeros(3), np.zeros(4)), ValueError, r"`d_x`, for `x`, has shape \(3,\), not \(4,\)"),
        ((np.zeros(4, np.float32), np.zeros(4)), ValueError, "has dtype float32, not float64"),
        ((np.zeros(4),), TypeError, "was given 3 arguments"),
        ((0.0, np.zeros(4)), TypeError, "is no array: 0.0"),
        ((None, np.zeros(4)), TypeError, "is no array: None"),
        ((read_only, np.zeros(4)), ValueError, "`d_x`, for `x`, is read-only"),
        ((np.zeros(8)[::2], np.zeros(4)), ValueError, "is not contiguous"),
        ((x[::-1], np.zeros(4)), ValueError, "is not contiguous"),
        ((x, np.zeros(4)), ValueError, "shares memory with another argument"),
        ((cuda.to_device(np.zeros(4)), np.zeros(4)), ValueError, "is not where the array is"),
    ],
)
def test_shadow_arrays_are_like_their_arrays(shadows, error, message) -> None:
    with pytest.raises(error, match=message):
        srcdiff.cuda.adjoint(own.stencil)[1, 4](x, np.zeros(4), *shadows)


@pytest.mark.parametrize("grid", ["1", 1.0, None, (1, 2.5), np.ones(2), [None]])
def test_a_grid_is_of_integers(grid) -> None:
    with pytest.raises(TypeError, match="a grid or block is an integer, or up to 3 of them, not"):
        srcdiff.cuda.adjoint(own.stencil)[grid, 4]
    with pytest.raises(ValueError, match="at least 1"):
        srcdiff.cuda.adjoint(own.stencil)[(1, 0), 4]
    with pytest.raises(ValueError, match="1 to 3 extents"):
        srcdiff.cuda.adjoint(own.stencil)[1, (1, 1, 1, 1)]


def test_shadows_on_a_device_share_no_memory_either() -> None:
    args = [cuda.to_device(a) for a in (x, np.zeros(4))]
    both, wide = cuda.to_device(np.zeros(6)), cuda.to_device(np.zeros((4, 2)))
    launch = srcdiff.cuda.adjoint(own.stencil)[1, 4]
    with pytest.raises(ValueError, match="`d_x`, for `x`, shares memory with another argument"):
        launch(*args, both[:4], both[2:])
    with pytest.raises(ValueError, match="`d_y`, for `y`, shares memory with another argument"):
        launch(*args, cuda.to_device(np.zeros(4)), args[0])
    launch(*args, wide[:, 0], wide[:, 1])  # side by side, they do not
    assert not np.any(wide.copy_to_host()[:, 1])


def test_shadows_are_on_the_device_of_their_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    args = [cuda.to_device(np.zeros(4)) for _ in range(4)]
    monkeypatch.setattr(device_arrays, "device_of", lambda a: int(a is args[3]))
    with pytest.raises(ValueError, match="`d_y`, for `y`, is on device 1, not 0"):
        srcdiff.cuda.adjoint(own.stencil)[1, 4](*args)


def test_threads_that_the_kernel_does_not_distinguish() -> None:
    with pytest.raises(ValueError, match="2 threads along y, which the kernel does not use"):
        srcdiff.cuda.adjoint(own.strided)[1, (2, 2)](x, x.copy(), x.copy(), x.copy())


@cuda.jit
def sums_race(x, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        out[0] += x[i]


@cuda.jit
def largest(x, out):
    cuda.atomic.max(out, 0, x[cuda.grid(1)])


@cuda.jit
def first_come(x, out):
    i = cuda.grid(1)
    at = cuda.atomic.add(out, 0, x[i])
    out[i] = at


@cuda.jit
def sized_by_launch(x, out):
    tile = cuda.shared.array(0, float64)
    tile[cuda.threadIdx.x] = x[cuda.threadIdx.x]
    out[0] = tile[0]


@cuda.jit
def numbers_only(k):
    cuda.syncthreads()


@cuda.jit
def fenced(x, out):
    i = cuda.grid(1)
    out[i] = x[i]
    cuda.threadfence()


@cuda.jit
def axes_of_the_run(x, out):
    i = cuda.grid(len(x))
    out[i] = x[i]


@cuda.jit
def added_to_nothing(x, out):
    i = cuda.grid(1)
    out[i] = cuda.fma(x[i], 2.0)


@cuda.jit
def shared_by_the_run(x, out):
    tile = cuda.shared.array(len(x), float64)
    tile[cuda.threadIdx.x] = x[cuda.threadIdx.x]
    out[0] = tile[0]


@pytest.mark.parametrize(
    ("kernel", "args", "message", "line"),
    [
        (
            fenced,
            (x, x),
            "orders what other blocks see, and blocks are not reversed",
            "threadfence",
        ),
        (axes_of_the_run, (x, x), "`cuda.grid` takes 1, 2 or 3, a constant", "cuda.grid(len(x))"),
        (added_to_nothing, (x, x), "`cuda.fma` takes three numbers", "cuda.fma(x[i], 2.0)"),
        (
            shared_by_the_run,
            (x, x),
            "the shape of `cuda.shared.array` is a constant",
            "shared.array",
        ),
        (sums_race, (x, x), "each thread adds to the same element of `out`", "out[0] += x[i]"),
        (largest, (x, x), "`cuda.atomic.max` has no derivative", "cuda.atomic.max(out, 0"),
        (first_come, (x, x), "depends on which thread came first", "out[i] = at"),
        (
            sized_by_launch,
            (x, x),
            "shared memory whose size is given at the launch",
            "shared.array(0",
        ),
        (numbers_only, (1.0,), "has no array of floats", "def numbers_only"),
    ],
)
def test_what_has_no_adjoint_is_named_at_its_line(kernel, args, message, line) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(message)) as caught:
        text_of(kernel, *args)
    assert line in str(caught.value)


@cuda.jit
def by_lane(x, out):
    lane = cuda.laneid
    cuda.atomic.add(out, 0, x[lane] ** 2)


def test_lanes_of_several_warps_have_one_number() -> None:
    assert "cuda.atomic.add(d_x, lane, 2 * d_out[0] * x[lane])" in text_of(by_lane, x, x)


def test_only_kernels_have_adjoint_kernels() -> None:
    with pytest.raises(TypeError, match="takes a kernel"):
        srcdiff.cuda.adjoint(np.sin)
    with pytest.raises(ValueError, match="has not been launched"):
        _ = srcdiff.cuda.adjoint(own.newton).source
    with pytest.raises(TypeError, match=r"newton\(a, y\) was given 1 arguments"):
        srcdiff.cuda.adjoint(own.newton).source_for(x)
    with pytest.raises(ValueError, match="takes a grid and a block"):
        srcdiff.cuda.adjoint(own.newton)[1]
