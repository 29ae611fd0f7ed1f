"""What races is an error at its line; what only looks like it is not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numba import float64

import srcdiff.cuda
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda import cuda


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


def by_turns(x, y):
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


x, A = np.ones(8), np.ones((4, 4))


@pytest.mark.parametrize(
    ("kernel", "args", "line"),
    [
        (in_place, (x,), "x[i] = 0.5"),
        (behind_a_return, (x,), "x[i] += x[i - 1]"),
        (in_strides, (x,), "x[i] = x[i + 1] - x[i]"),
        (next_element_too, (x, x), "y[i + 1] += x[i]"),
        (in_pairs, (x, x), "y[i // 2] += x[i]"),
        (by_turns, (x, x), "y[cuda.grid(1) % 2] += "),
        (all_but_one, (x, x), "y[0] += x[i]"),
        (no_second_barrier, (x, x), "v = s[t] + s[t + 1]"),
        (along_a_row, (A,), "A[i, j] = A[i, j + 1]"),
    ],
)
def test_races_are_errors(kernel: Any, args: tuple[Any, ...], line: str) -> None:
    same = r"same element of `\w+`"
    for derive in (srcdiff.cuda.adjoint, srcdiff.cuda.tangent):
        with pytest.raises(UnsupportedError, match=same) as caught:
            derive(cuda.jit(kernel)).source_for(*args)
        assert re.search(re.escape(line), str(caught.value))


def in_colours(x):
    i = cuda.grid(1)
    if i % 2 == 0 and i + 1 < x.size:
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


@pytest.mark.parametrize(
    ("kernel", "args"),
    [
        (in_colours, (x,)),
        (pairs, (x,)),
        (halves, (x, x)),
        (first_of_each_warp, (x, x)),
        (rows_of_their_own, (A,)),
        (diagonal, (A,)),
    ],
)
def test_what_is_no_race(kernel: Any, args: tuple[Any, ...]) -> None:
    assert "_adjoint(" in srcdiff.cuda.adjoint(cuda.jit(kernel)).source_for(*args)
