"""No thread of an adjoint or tangent kernel touches what another one writes, but behind a barrier or atomically."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

import block_kernels
import numpy as np
import pytest
import thread_kernels
import user_kernels
from cuda.test_kernel_adjoints import floats
from user_kernels import Case
from watched_threads import ATOMIC, READ, Block, Watched

import srcdiff.cuda
from srcdiff.cuda.kernel_launches import extents, scratch_of
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator

pytestmark = pytest.mark.skipif(not is_simulator(), reason="counts residuals without a device")

ALL = [*user_kernels.CASES, *block_kernels.CASES, *thread_kernels.CASES]
FAST = (
    "heat_in_a_tile", "array_sum", "bodies_in_tiles", "scan_in_block", "histogram", "stencil", "halo_in_strides",
)  # fmt: skip
AXES = "xyz"


class OfGrid(Block):
    """The threads of one block of a grid; `across` knows what other blocks have touched."""

    def __init__(self, grid: Any, block: Any, at: Any, across: dict[Any, Any]) -> None:
        super().__init__(int(np.prod(block)))
        self.grid, self.extents, self.at, self.across = grid, block, at, across

    @property
    def cuda(self) -> Any:
        own, local, at, block = super().cuda, self.local, self.at, self.extents

        class Threads:
            def __getattr__(self, axis: str) -> int:
                places = np.unravel_index(local.thread, block[::-1])[::-1]
                return int(places[AXES.index(axis)])

        def of_axes(count: int, found: list[int]) -> Any:
            return found[0] if count == 1 else tuple(found[:count])

        def grid(count: int) -> Any:
            threads = own.threadIdx
            return of_axes(
                count, [at[k] * block[k] + getattr(threads, a) for k, a in enumerate(AXES)]
            )

        own.threadIdx = Threads()
        for name, of in (("blockIdx", at), ("blockDim", block), ("gridDim", self.grid)):
            setattr(own, name, SimpleNamespace(**dict(zip(AXES, of, strict=True))))
        own.grid = grid
        own.gridsize = lambda count: of_axes(count, [self.grid[k] * block[k] for k in range(3)])
        own.const = SimpleNamespace(array_like=lambda array: array)
        return own

    def note(self, array: Watched, element: int, kind: str) -> None:
        super().note(array, element, kind)
        if array.name.startswith("shared"):
            return
        seen = self.across.setdefault((array.name, element), {})
        for other, how in [*seen]:
            if other != self.at and {how, kind} not in ({READ}, {ATOMIC}):
                self.races.append(f"{array.name}[{element}]: one block {how}, another {kind} it")
        seen[self.at, kind] = None


def races(derived: Any, grid: Any, block: Any, args: Any, shadows: Any, change: Any = None) -> Any:
    """What threads do to one another in a launch, block by block."""
    grid, block = extents(grid), extents(block)
    found = derived.compiled(args)
    program = found.program
    scratch = scratch_of(found, args, grid, block, ())
    names = [*program.names, *program.shadows, *(s.name for s in scratch)]
    values = [*args, *shadows, *(np.full(s.shape, 7, s.dtype) for s in scratch)]
    text = program.source.replace("from numba import cuda\n", "")
    across: dict[Any, Any] = {}
    out: list[str] = []
    for at in np.ndindex(*grid[::-1]):
        out += ran(OfGrid(grid, block, at[::-1], across), program, change(text) if change else text,
                   zip(names, values, strict=True))  # fmt: skip
    return out


def ran(own: OfGrid, program: Any, text: str, values: Any) -> list[str]:
    namespace = {**program.bindings, "cuda": own.cuda}
    exec(compile(text, f"<{program.name}>", "exec"), namespace)
    given = [Watched(own, n, v) if isinstance(v, np.ndarray) else v for n, v in values]
    errors: list[BaseException] = []
    barriers: set[int] = set()

    def thread(k: int) -> None:
        own.local.thread, own.local.epoch, own.local.made = k, 0, 0
        try:
            namespace[program.name](*given)
            barriers.add(own.local.epoch)
        except BaseException as error:
            errors.append(error)
            own.barrier.abort()

    threads = [threading.Thread(target=thread, args=(k,)) for k in range(own.count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    assert len(barriers) == 1, "threads passed different numbers of barriers"
    return own.races


def checked(case: Case, change: Any = None) -> list[str]:
    rng = np.random.default_rng(0)
    found = []
    for grid, block in case.launches:
        for derive in (srcdiff.cuda.adjoint, srcdiff.cuda.tangent):
            args = case.arguments(rng, np.float64)
            shadows = [rng.normal(size=a.shape) for a in floats(args)]
            found += races(derive(case.kernel), grid, block, args, shadows, change)
    return found


@pytest.mark.parametrize("case", [c for c in ALL if repr(c) in FAST], ids=repr)
def test_some(case: Case) -> None:
    assert not checked(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=repr)
def test_all(case: Case) -> None:
    assert not checked(case)


def test_a_race_is_seen() -> None:
    def without_barriers(text: str) -> str:
        return re.sub(r"^ +cuda\.syncthreads\(\)\n", "", text, flags=re.M)

    def without_atomics(text: str) -> str:
        return re.sub(r"cuda\.atomic\.add\((\w+), (.+?), ([^,]+)\)\n", r"\1[\2] += \3\n", text)

    cases = {repr(c): c for c in ALL}
    assert checked(cases["heat_in_a_tile"], without_barriers)
    assert checked(cases["histogram"], without_atomics)
