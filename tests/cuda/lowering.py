"""Types kernels and lowers them to LLVM's IR, by the CUDA target that Numba itself carries: no toolkit and no device is
needed. Run in a process of its own, since the tests have the simulator.

    NUMBA_ENABLE_CUDASIM=0 python tests/cuda/lowering.py runge_kutta escapes
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numba.cuda.compiler as compiler  # noqa: E402
import numpy as np  # noqa: E402
from cuda.device_programs import PROGRAMS  # noqa: E402
from numba import cuda, types  # noqa: E402

import srcdiff  # noqa: E402
from benchmarks.kernel_resources import batch_kernel, narrowed  # noqa: E402

cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=(9, 0))


def lower(kernel: Any, given: list[Any]) -> None:
    """Raises what Numba finds wrong with a kernel, or with what it calls."""
    compiler.compile_cuda(
        kernel, types.void, given, debug=False, lineinfo=False, inline=False, fastmath=False, nvvm_options={}, cc=(9, 0)
    )  # fmt: skip


def main() -> None:
    for program in PROGRAMS:
        if repr(program) not in sys.argv[1:]:
            continue
        args = program.arguments(np.random.default_rng(4))
        g = srcdiff.value_and_grad(program.function, argnums=program.argnums, jit=False)
        for values, threads in ((args, 1), (args, 64), (narrowed(args), 1)):
            kernel, given, _ = batch_kernel(g, values, program.axes, threads)
            lower(kernel, given)
        print(repr(program), flush=True)


if __name__ == "__main__":
    main()
