"""Programs that were written for these tests alone, as batched kernels: what the CPU gives, by threads and blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda.device_programs import PROGRAMS, Program

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.runtime.cuda.numba_cuda_api import device_problem

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


def energy(A: Any, b: Any) -> Any:
    x = np.linalg.solve(A, b)
    return 0.5 * np.sum(x**2) + x[0] ** 3 + b @ np.linalg.solve(A, b)


slope = srcdiff.grad(energy, argnums=1)


def curved(A: Any, b: Any) -> Any:
    return np.sum(slope(A, b) ** 2)


def test_derivatives_of_derivatives_ask_no_lapack() -> None:
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(3, 3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 3))
    g = srcdiff.grad(curved, jit=False)
    found = srcdiff.cuda.batched(g, (0, 0))(A, b)
    wanted = np.stack([g(*item) for item in zip(A, b, strict=True)])
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
