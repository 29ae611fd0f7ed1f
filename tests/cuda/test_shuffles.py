"""Shuffles: their adjoints are shuffles the other way. The simulator has none, so it is given some here."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest
from cuda.test_kernel_adjoints import checked
from user_kernels import Case
from warp_kernels import CASES

import srcdiff.cuda
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda.numba_cuda_api import cuda, is_simulator

ALL = 0xFFFFFFFF


@cuda.jit
def each_for_itself(x, y):
    i = cuda.grid(1)
    y[i] = cuda.shfl_down_sync(ALL, x[i], cuda.laneid % 3)


@cuda.jit
def half_a_warp(x, y):
    i = cuda.grid(1)
    y[i] = cuda.shfl_sync(0xFFFF, x[i], 0)


@cuda.jit
def voted(x, y):
    i = cuda.grid(1)
    if cuda.any_sync(ALL, x[i] > 0.0):
        y[i] = x[i]


class Lanes:
    """Shuffles between the threads of a block of 32, which the simulator runs as threads of Python."""

    def __init__(self) -> None:
        self.values: dict[Any, dict[int, Any]] = {}

    def shuffle(self, from_lane: Any) -> Any:
        def taken(module: Any, mask: int, value: Any, by: int) -> Any:
            me: Any = threading.current_thread()
            block = self.values.setdefault(tuple(me.blockIdx), {})
            block[me.threadIdx.x] = value
            me.syncthreads()
            source = from_lane(me.threadIdx.x, by)
            found = block[source if 0 <= source < 32 else me.threadIdx.x]
            me.syncthreads()
            return found

        return taken


@pytest.fixture
def shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.cuda.simulator.kernelapi import FakeCUDAModule

    lanes = Lanes()
    ways = {
        "shfl_xor_sync": lambda lane, by: lane ^ by,
        "shfl_up_sync": lambda lane, by: lane - by,
        "shfl_down_sync": lambda lane, by: lane + by,
        "shfl_sync": lambda lane, by: by,
    }
    for name, way in ways.items():
        monkeypatch.setattr(FakeCUDAModule, name, lanes.shuffle(way), raising=False)
    lane = property(lambda module: module.threadIdx.x % 32)
    monkeypatch.setattr(FakeCUDAModule, "laneid", lane, raising=False)


@pytest.mark.skipif(not is_simulator(), reason="a device has shuffles")
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_shuffles(case: Case, shuffles: None) -> None:
    checked(case, np.float64, 1e-9)


def test_all_threads_of_a_warp_take_part() -> None:
    """A shuffle is a statement, and no half of a conditional expression."""
    x = np.zeros(32)
    for case in CASES:
        text = srcdiff.cuda.adjoint(case.kernel).source_for(x, x)
        lines = [line for line in text.splitlines() if "shfl" in line]
        assert lines
        assert all(re.fullmatch(r" +\w+ = cuda\.shfl_\w*sync\(.*\)", line) for line in lines), text


@pytest.mark.parametrize(
    ("kernel", "message", "line"),
    [
        (
            each_for_itself,
            "each thread chooses the lane that it reads: several may read one lane",
            "shfl_down_sync",
        ),
        (half_a_warp, "has a derivative where all lanes take part", "shfl_sync(0xFFFF"),
        (voted, "`cuda.any_sync` has no derivative", "cuda.any_sync"),
    ],
)
def test_what_is_no_shuffle_backwards(kernel: Any, message: str, line: str) -> None:
    x = np.zeros(32)
    with pytest.raises(UnsupportedError, match=re.escape(message)) as caught:
        srcdiff.cuda.adjoint(kernel).source_for(x, x)
    assert line in str(caught.value)
    assert "cuda.shared.array" in str(caught.value)
