"""Programs that were written for these tests alone, as batched kernels: what the CPU gives, by threads and blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda.device_programs import PROGRAMS, Program

import srcdiff
import srcdiff.cuda
from srcdiff.runtime.cuda import device_problem
from srcdiff.trees import leaves

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


def expected(program: Program, g: Any, args: Any) -> list[Any]:
    items = srcdiff.cuda.batches.Items(g, args, program.axes)
    each = [[*leaves(g(*items.item(i)))] for i in range(3)]
    return [np.stack(column) for column in zip(*each, strict=True)]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_a_batch_gives_what_the_cpu_gives(program: Program, threads: int) -> None:
    args = program.arguments(np.random.default_rng(4))
    g = srcdiff.value_and_grad(program.function, argnums=program.argnums, jit=False)
    found = srcdiff.cuda.batched(g, program.axes, threads_per_item=threads)(*args)
    for mine, own in zip(leaves(found), expected(program, g, args), strict=True):
        np.testing.assert_allclose(mine, own, rtol=1e-9, atol=1e-12)
