"""Adjoint, tangent and second kernels of kernels as they are found in the wild, against finite differences."""

from __future__ import annotations

import block_kernels
import numpy as np
import pytest
import thread_kernels
import user_kernels
from block_kernels import min_reduction
from cuda.test_kernel_adjoints import checked, floats, launched, moved
from thread_kernels import conv2d, stride_by_block
from user_kernels import Case, histogram, ragged, reduction

import srcdiff.cuda
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")

FURTHER = [*thread_kernels.CASES, *block_kernels.CASES]
FAST = (
    "stride_by_block",
    "min_reduction",
    "const_table",
    "forward_algorithm",
    "hist_private",
    "mandel",
    "by_thread_only",
    "writes_in_device",
    "array_sum",
    "bodies_in_tiles",
    "heat_in_a_tile",
    "of_cuda_itself",
)


@pytest.mark.parametrize("case", [c for c in FURTHER if repr(c) in FAST], ids=repr)
def test_some(case: Case) -> None:
    checked(case, np.float64, 1e-9)


def test_storage_of_more_digits() -> None:
    checked(next(c for c in FURTHER if repr(c) == "lattice"), np.float32, 1e-3)


def test_tiles_that_a_loop_fills_are_loaded_again() -> None:
    adjoint = srcdiff.cuda.adjoint(block_kernels.bodies_in_tiles)
    pos, acc = np.zeros((7, 3)), np.zeros((7, 2))
    assert adjoint.scratch(2, 4, pos, acc) == ()
    assert "tile[k, 0]" in adjoint.source_for(pos, acc)


@pytest.mark.slow
@pytest.mark.parametrize("case", FURTHER, ids=repr)
def test_all(case: Case) -> None:
    checked(case, np.float64, 1e-9)
    checked(case, np.float32, 1e-3)


# ---- second derivatives ----------------------------------------------------------------------------


def second(case: Case) -> None:
    """The tangent of the adjoint kernel against differences of that, and its adjoint against the tangent."""
    rng = np.random.default_rng(1)
    grid, block = case.launches[0]
    args = case.arguments(rng, np.float64)
    first = srcdiff.cuda.adjoint(case.kernel)
    count = len(floats(args))
    full = [*args, *(rng.normal(size=a.shape) for a in floats(args))]
    directions = [rng.normal(size=a.shape) for a in floats(full)]
    dots = launched(srcdiff.cuda.tangent(first), grid, block, [*full, *directions])[len(full) :]
    h = 1e-6
    up, down = (
        floats(launched(first, grid, block, moved(full, directions, s * h))) for s in (1, -1)
    )
    for dot, a, b in [*zip(dots, up, down, strict=True)][count:]:
        np.testing.assert_allclose(dot, (a - b) / (2 * h), rtol=2e-5, atol=1e-6)
    # what an adjoint kernel leaves in the kernel's own arrays is nothing to differentiate
    weights = [np.zeros_like(d) for d in dots[:count]] + [
        rng.normal(size=d.shape) for d in dots[count:]
    ]
    back = launched(srcdiff.cuda.adjoint(first), grid, block, [*full, *weights])[len(full) :]
    jvp = sum(np.vdot(w, d) for w, d in zip(weights, dots, strict=True))
    vjp = sum(np.vdot(b, v) for b, v in zip(back, directions, strict=True))
    np.testing.assert_allclose(vjp, jvp, rtol=1e-9, atol=1e-10)


QUICK = (stride_by_block, histogram, ragged, reduction)


@pytest.mark.parametrize(
    "case", [c for c in (*user_kernels.CASES, *FURTHER) if c.kernel in QUICK], ids=repr
)
def test_some_second_derivatives(case: Case) -> None:
    second(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*user_kernels.CASES, *FURTHER], ids=repr)
def test_all_second_derivatives(case: Case) -> None:
    second(case)


def test_third_derivatives() -> None:
    @cuda.jit
    def fourth_power(x, n, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            s = x[i]
            for _ in range(n[i]):  # so that only the run knows the number of residuals
                s = s * s
            y[i] = s

    third = srcdiff.cuda.tangent(srcdiff.cuda.tangent(srcdiff.cuda.adjoint(fourth_power)))
    x, n = np.array([0.5, 0.7, 1.5]), np.array([2, 1, 2])
    given = [x.copy(), n, np.zeros(3), np.zeros(3), np.ones(3)]  # x, n, y, d_x, d_y
    ones = [np.ones(3), *(np.zeros(3) for _ in range(3))]  # along x
    dots = [*ones, *(np.zeros(3) for _ in range(8))]
    third[1, 4](*given, *dots)
    np.testing.assert_allclose(given[3], [4 * 0.5**3, 2 * 0.7, 4 * 1.5**3])
    np.testing.assert_allclose(dots[2], [12 * 0.25, 2.0, 12 * 2.25])
    dots = [*(a.copy() for a in ones), *(a.copy() for a in ones), *(np.zeros(3) for _ in range(4))]
    given = [x.copy(), n, np.zeros(3), np.zeros(3), np.ones(3)]
    third[1, 4](*given, *dots)
    np.testing.assert_allclose(dots[10], [24 * 0.5, 0.0, 24 * 1.5])


def test_a_nested_kernel_says_what_it_is_given() -> None:
    second_kernel = srcdiff.cuda.adjoint(srcdiff.cuda.adjoint(conv2d))
    arrays = [np.zeros((5, 6)), np.zeros((2, 3)), np.zeros((4, 4))]
    given = [*arrays, *(a.copy() for a in arrays)]
    with pytest.raises(TypeError, match=r"conv2d_adjoint_adjoint\(img, k, out, d_img, .*given 7"):
        second_kernel[1, (2, 2)](*given, np.zeros((5, 6)))
    with pytest.raises(TypeError, match=r"conv2d\(img, k, out\) was given 2"):
        second_kernel[1, (2, 2)](*given[:2])
    shadows = [a.copy() for a in given]
    shadows[1] = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"for `k`, has shape \(2, 2\), not \(2, 3\)"):
        second_kernel[1, (2, 2)](*given, *shadows)
    assert "def conv2d_adjoint_adjoint(" in second_kernel.source_for(*given)


def test_the_users_guards_stay_where_iterations_keep_something() -> None:
    args = [np.ones(20), np.ones(20), np.ones(20), np.ones(20)]
    text = srcdiff.cuda.adjoint(stride_by_block).source_for(*args[:2])
    assert text.count("    if i < ") == 2  # forwards and backwards
    kept = srcdiff.cuda.adjoint(min_reduction).scratch(1, 8, np.zeros(8), np.zeros(1))
    assert [(s.shape, s.dtype) for s in kept] == [((3, 8), np.dtype(bool))]


def test_local_arrays_may_be_of_more_digits() -> None:
    (case,) = (c for c in FURTHER if repr(c) == "batched_mlp")
    args = case.arguments(np.random.default_rng(0), np.float32)
    text = srcdiff.cuda.adjoint(case.kernel).source_for(*args)
    assert "d_h = cuda.local.array(3, np.float64)" in text
    assert "cuda.atomic.add(d_W2, j, np.float32(d_o * h[j]))" in text


def test_residuals_of_single_precision_are_single() -> None:
    """`math.exp` gives Python's floats, whose storage made the whole kernel one of float64."""
    (case,) = (c for c in FURTHER if repr(c) == "online_softmax")
    program = srcdiff.cuda.adjoint(case.kernel).program_for(
        *case.arguments(np.random.default_rng(0), np.float32)
    )
    assert [k.dtype for k in program.thread_storage] == ["float32", "float32"]
    assert program.single and "float(" not in program.source
    checked(case, np.float32, 1e-4)
