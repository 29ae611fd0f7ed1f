"""Race detection in kernels: a race is an error at its line; an access that only looks like a race is not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numba import float64, int64

import srcdiff.cuda
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda.numba_cuda_api import cuda


def in_place(x):
    i = cuda.grid(1)
    if 0 < i < x.shape[0] - 1:
        x[i] = 0.5 * (x[i - 1] + x[i + 1])


def behind_a_return(x):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < 1 or i >= x.size - 1:
        return
    x[i] += x[i - 1]


def in_strides(x):
    for i in range(cuda.grid(1), len(x) - 1, cuda.gridsize(1)):
        x[i] = x[i + 1] - x[i]


def next_element_too(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    y[i + 1] += x[i]


def in_pairs(x, y):
    i = cuda.grid(1)
    if i < len(x):
        y[i // 2] += x[i]


def by_iterations(x, y):
    y[cuda.grid(1) % 2] += x[cuda.grid(1)]


def all_but_one(x, y):
    i = cuda.grid(1)
    if 0 < i < x.size:
        y[0] += x[i]


def no_second_barrier(x, y):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    for _ in range(3):
        v = s[t] + s[t + 1]
        cuda.syncthreads()
        s[t] = v
    y[t] = s[t]


def along_a_row(A):
    i, j = cuda.grid(2)
    if i < A.shape[0] and j + 1 < A.shape[1]:
        A[i, j] = A[i, j + 1]


def wrapped(x):
    i = cuda.grid(1)
    n = x.shape[0]
    if i < n:
        x[i] = 0.5 * (x[(i - 1 + n) % n] + x[i])


def clamped(x):
    i = cuda.grid(1)
    above = i + 1 if i < x.shape[0] - 1 else 0
    x[i] *= x[above]


def not_yet_stored(x, y):
    s = cuda.shared.array(1, float64)
    t = cuda.threadIdx.x
    if t == 0:
        s[0] = x[0]
    y[t] = s[0]


def cleared_late(x, y):
    s = cuda.shared.array(1, float64)
    t = cuda.threadIdx.x
    s[0] = 0.0
    cuda.atomic.add(s, 0, x[t])
    cuda.syncthreads()
    y[t] = s[0]


def added_and_read(x, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, 0, x[i])
    x[i] *= y[0]


def read_by_the_first(x, y):
    s = cuda.shared.array(1, float64)
    t = cuda.threadIdx.x
    if t == 0:
        s[0] = 0.0
    cuda.syncthreads()
    cuda.atomic.add(s, 0, x[t])
    if t == 0:
        y[0] = s[0]


def scattered_and_read(x, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, i + 1, x[i])
    x[i] += y[i]


x, A = np.ones(8), np.ones((4, 4))


@pytest.mark.parametrize(
    ("kernel", "args", "line"),
    [
        (in_place, (x,), "x[i] = 0.5"),
        (behind_a_return, (x,), "x[i] += x[i - 1]"),
        (in_strides, (x,), "x[i] = x[i + 1] - x[i]"),
        (next_element_too, (x, x), "y[i + 1] += x[i]"),
        (in_pairs, (x, x), "y[i // 2] += x[i]"),
        (by_iterations, (x, x), "y[cuda.grid(1) % 2] += "),
        (all_but_one, (x, x), "y[0] += x[i]"),
        (no_second_barrier, (x, x), "v = s[t] + s[t + 1]"),
        (along_a_row, (A,), "A[i, j] = A[i, j + 1]"),
        (wrapped, (x,), "x[i] = 0.5"),
        (clamped, (x,), "x[i] *= x[above]"),
        (not_yet_stored, (x, x), "y[t] = s[0]"),
        (cleared_late, (x, x), "cuda.atomic.add(s, 0, x[t])"),
        (added_and_read, (x, x), "x[i] *= y[0]"),
        (read_by_the_first, (x, x), "y[0] = s[0]"),
        (scattered_and_read, (x, x), "x[i] += y[i]"),
    ],
)
def test_races_are_errors(kernel: Any, args: tuple[Any, ...], line: str) -> None:
    same = r"same element of `\w+`.*: (no barrier says which is first|which write is the last)"
    for derive in (srcdiff.cuda.adjoint, srcdiff.cuda.tangent):
        with pytest.raises(UnsupportedError, match=same) as caught:
            derive(cuda.jit(kernel)).source_for(*args)
        assert re.search(re.escape(line), str(caught.value))


def in_colours(x):
    i = cuda.grid(1)
    if i % 2 == 0 and i + 1 < x.size:
        x[i] = x[i + 1]


def in_colours_within_bounds(x):
    i = cuda.grid(1)
    if i + 1 < x.size and i % 2 == 0:
        x[i] = x[i + 1]


def pairs(x):
    i = cuda.grid(1)
    x[2 * i] = x[2 * i + 1] * x[2 * i]


def halves(x, y):
    s = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    if t < 4:
        s[t] += s[t + 4]
    cuda.syncthreads()
    if t < 2:
        s[t] += s[t + 2]
    cuda.syncthreads()
    if t < 1:
        y[0] = s[t] + s[t + 1]


def first_of_each_warp(x, y):
    i = cuda.grid(1)
    if i % 32 == 0:
        y[i // 32] = x[i]


def rows_of_their_own(A):
    i = cuda.grid(1)
    for j in range(A.shape[1] - 1):
        A[i, j] = A[i, j + 1]


def diagonal(A):
    i = cuda.grid(1)
    A[i, i] = A[i + 1, i]


def of_the_first(x, y):
    i = cuda.grid(1)
    if i > 0:
        return
    y[0] = x[0] * x[1]


def rows_and_columns(x, y):
    i = cuda.grid(1)
    y[i // 4, i % 4] = x[i // 4, i % 4] ** 2


def one_of_two_ways(x, y, way):
    s = cuda.shared.array(1, float64)
    t = cuda.threadIdx.x
    if way == 0:
        if t == 0:
            s[0] = x[0]
            y[0] = s[0]
    else:
        y[t] = s[0]


def of_the_first_only(x, y):
    if cuda.grid(1) == 0:
        cuda.atomic.add(y, 0, x[0])
        y[0] *= x[1]


def own_buffer(x, y):
    buffer = cuda.local.array(2, float64)
    i = cuda.grid(1)
    if x[i] > 0.0:
        buffer[0] = x[i]
    y[i] = buffer[0]


def own_place(x, y):
    at = cuda.local.array(1, int64)
    at[0] = cuda.grid(1)
    y[at[0]] = x[at[0]]


def counted_up(x, y):
    n = 0
    for _ in range(cuda.grid(1)):
        n += 1
    y[n] = x[n]


def counted_down(x, y):
    n = x.size
    for _ in range(cuda.grid(1), x.size):
        n -= 1
    y[n] = x[n]


def counted_while(x, y):
    n = 0
    while n < cuda.grid(1):
        n += 1
    y[n] = x[n]


def counted_until(x, y):
    n = 0
    for k in range(x.size):
        if k >= cuda.grid(1):
            break
        n += 1
    y[n] = x[n]


def moved_from_the_own_place(x, y):
    n = cuda.grid(1)
    for _ in range(2):
        n += 1
    y[n] = x[n]


def moved_to_the_own_place(x, y):
    n = 0
    for _ in range(x.size):
        n = cuda.grid(1)
    y[n] = x[n]


@pytest.mark.parametrize(
    ("kernel", "args"),
    [
        (counted_up, (x, x)),
        (counted_down, (x, x)),
        (counted_while, (x, x)),
        (counted_until, (x, x)),
        (moved_from_the_own_place, (x, x)),
        (moved_to_the_own_place, (x, x)),
        (in_colours, (x,)),
        (in_colours_within_bounds, (x,)),
        (pairs, (x,)),
        (halves, (x, x)),
        (first_of_each_warp, (x, x)),
        (rows_of_their_own, (A,)),
        (diagonal, (A,)),
        (of_the_first, (x, x)),
        (rows_and_columns, (A, A)),
        (one_of_two_ways, (x, x, 0)),
        (own_place, (x, x)),
        (own_buffer, (x, x)),
        (of_the_first_only, (x, x)),
    ],
)
def test_what_is_no_race(kernel: Any, args: tuple[Any, ...]) -> None:
    assert "_adjoint(" in srcdiff.cuda.adjoint(cuda.jit(kernel)).source_for(*args)


# ---- what only the launch says ---------------------------------------------------------------------


def row_sums(A, y):
    i, j = cuda.grid(2)
    if i < A.shape[0] and j < A.shape[1]:
        y[i] += A[i, j]


def by_block(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[cuda.blockIdx.x] += x[i]


def by_thread(x, y):
    t = cuda.threadIdx.x
    y[t] = x[t] * x[t]


def one_tile_for_all(A, y):
    tile = cuda.shared.array(2, float64)
    i, j = cuda.grid(2)
    tile[cuda.threadIdx.x] = y[i]
    cuda.syncthreads()
    A[i, j] *= tile[cuda.threadIdx.x]


@pytest.mark.parametrize(
    ("kernel", "right", "wrong", "args", "line"),
    [
        (row_sums, ((2, 1), (2, 1)), ((2, 2), (2, 2)), (A, x[:4]), "y[i] += A[i, j]"),
        (by_block, (8, 1), (2, 4), (x, x), "y[cuda.blockIdx.x] += x[i]"),
        (by_thread, (1, 8), (2, 8), (x, x), "y[t] = x[t] * x[t]"),
        (one_tile_for_all, ((2, 4), (2, 1)), ((2, 2), (2, 2)), (A, x[:4]), "tile[cuda.threadIdx.x] ="),
    ],
)  # fmt: skip
def test_races_of_a_launch(kernel: Any, right: Any, wrong: Any, args: Any, line: str) -> None:
    """One thread, or one block, along an axis that does not select elements, is correct."""
    adjoint = srcdiff.cuda.adjoint(cuda.jit(kernel))
    given = [a.copy() for a in (*args, *args)]
    adjoint[right](*given)
    with pytest.raises(UnsupportedError, match="same elements of") as caught:
        adjoint[wrong](*given)
    assert line in str(caught.value)


def test_tangents_of_the_same_store_are_the_same() -> None:
    y_dot = np.zeros(8)
    srcdiff.cuda.tangent(cuda.jit(by_thread))[2, 8](x, x.copy(), x, y_dot)
    np.testing.assert_array_equal(y_dot, 2.0)
    with pytest.raises(UnsupportedError, match="all add to the same elements of `y`"):
        srcdiff.cuda.tangent(cuda.jit(by_block))[2, 4](x, x.copy(), x, y_dot)


def stored_then_added(x, y):
    t = cuda.threadIdx.x
    y[t] = x[t]
    y[t] += x[t]


def test_an_addition_behind_a_store_is_seen() -> None:
    tangent = srcdiff.cuda.tangent(cuda.jit(stored_then_added))
    with pytest.raises(UnsupportedError, match="2 blocks along x, which all add to"):
        tangent[2, 8](x, x.copy(), x, x.copy())


# ---- barriers of warps -----------------------------------------------------------------------------


def first_warp(x, y):
    s = cuda.shared.array(64, float64)
    t = cuda.threadIdx.x
    s[t] = x[t] ** 2
    cuda.syncthreads()
    if t < 32:
        s[t] += s[t + 32]
        cuda.syncwarp()
        if t == 0:
            s[0] *= s[1]
        cuda.syncwarp()
    cuda.syncthreads()
    y[t] = x[t] * s[0]


def test_a_barrier_of_a_warp_is_none_for_the_others() -> None:
    """All add to `d_s[0]`, and the first warp takes it: the barrier between was left out for that of the warp."""
    text = srcdiff.cuda.adjoint(cuda.jit(first_warp)).source_for(np.ones(64), np.ones(64))
    added = text.index("cuda.atomic.add(d_s, 0")
    taken = text.index("if t == 0:", added)
    assert "cuda.syncthreads()" in text[added:taken], text
