"""Kernel resources: the output of ptxas is parsed, and the occupancy is computed from it."""

from __future__ import annotations

import pytest

from benchmarks.kernel_resources import Resources, occupancy, parsed

REPORT = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'f' for 'sm_90'
ptxas info    : Function properties for f
    256 bytes stack frame, 24 bytes spill stores, 40 bytes spill loads
ptxas info    : Used 96 registers, used 1 barriers, 256 bytes cumulative stack size, 1024 bytes smem
"""
HOPPER = {"threads": 2048, "blocks": 32, "registers": 65536, "shared": 233472}


def test_what_ptxas_says() -> None:
    assert parsed(REPORT) == Resources(registers=96, stack=256, spilled=64, shared=1024)
    assert parsed("") == Resources(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "share"),
    [
        (128, 32, 0, 1.0),
        (128, 96, 0, 5 * 128 / 2048),  # 3072 registers a warp
        (128, 170, 0, 2 * 128 / 2048),  # given out by 8: 176 a thread
        (32, 32, 0, 0.5),  # 32 blocks at most
        (256, 32, 1 << 16, 3 * 256 / 2048),  # shared memory for 3
    ],
)
def test_occupancy(threads: int, registers: int, shared: int, share: float) -> None:
    assert occupancy(threads, registers, shared, HOPPER) == share
