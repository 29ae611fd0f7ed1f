"""What kernels take of a multiprocessor, by `ptxas`: registers, stack, spills. Needs numba-cuda and ptxas, no device.

python -m benchmarks.kernel_resources           # the corpus and the HMM, for three compute capabilities
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import types

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import map_leaves
from srcdiff.cuda.batch_axes import Items
from srcdiff.cuda.kernels import leaf_types
from srcdiff.ir.types import Array, Scalar, Struct, Type
from srcdiff.runtime.cuda.numba_cuda_api import ptx

__all__ = [
    "Resources",
    "batch_kernel",
    "find_ptxas",
    "narrowed",
    "numba_type",
    "occupancy",
    "resources",
]

CAPABILITIES = [(7, 5), (8, 0), (9, 0)]


@dataclass(frozen=True)
class Resources:
    """Of a thread: registers, and bytes of stack (local arrays and what is spilled) and of spills; of a block: bytes of
    shared memory.
    """

    registers: int
    stack: int
    spilled: int
    shared: int


def find_ptxas() -> list[str]:
    """Where ptxas is: in the package nvidia-cuda-nvcc, which is as new as the nvvm beside it, and on the path."""
    packages = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    found = shutil.which("ptxas")
    return [*map(str, sorted(packages.glob("*/bin/ptxas"))), *([found] if found else [])]


def resources(ptx: str, capability: tuple[int, int]) -> Resources | None:
    """What the largest kernel in a PTX text takes; None without a ptxas that is new enough for the text.

    Raises
    ------
    RuntimeError
        With what ptxas says of a text that it does not take.
    """
    arch = f"-arch=sm_{capability[0]}{capability[1]}"
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "kernel.ptx"
        text.write_text(ptx)
        for tool in find_ptxas():
            command = [tool, "-v", arch, str(text), "-o", str(text.with_suffix(".cubin"))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if not done.returncode:
                return parsed(done.stderr)
            if "Unsupported .version" not in done.stderr:
                raise RuntimeError(f"ptxas {arch}: {done.stderr.strip()}")
    return None


def parsed(report: str) -> Resources:
    """The largest of each number in what `ptxas -v` says."""

    def most(pattern: str) -> int:
        return max((int(n) for n in re.findall(pattern, report)), default=0)

    return Resources(
        most(r"Used (\d+) registers"),
        most(r"(\d+) bytes stack frame"),
        most(r"(\d+) bytes spill stores") + most(r"(\d+) bytes spill loads"),
        most(r"(\d+) bytes smem"),
    )


def occupancy(threads: int, registers: int, shared: int, limits: Mapping[str, int]) -> float:
    """The part of a multiprocessor's threads that run at a time, where `limits` says how many threads, blocks,
    registers and bytes of shared memory it has. Registers are given out to warps by 256.
    """
    warps = -(-threads // 32)
    each = -(-max(registers, 1) * 32 // 256) * 256
    blocks = min(
        limits["blocks"],
        limits["threads"] // (32 * warps),
        limits["registers"] // (each * warps),
        limits["shared"] // shared if shared else limits["blocks"],
    )
    return blocks * warps * 32 / limits["threads"]


def numba_type(type_: Type) -> Any:
    """The type that Numba has for what a device function takes."""
    if isinstance(type_, Array):
        return types.Array(numba_type(Scalar(type_.dtype)), type_.ndim, "A")
    if isinstance(type_, Scalar):
        return types.boolean if type_.dtype == "bool" else getattr(types, type_.dtype)
    if isinstance(type_, Struct):
        parts = [numba_type(p) for p in type_.parts]
        return types.NamedTuple(parts, type_.cls) if type_.cls else types.Tuple(parts)
    return types.int64


def batch_kernel(g: Any, args: Any, axes: Any, threads: Any) -> tuple[Any, list[Any], str]:
    """The kernel of a batch of NumPy arrays, the types that it is launched with, and its text."""
    run = srcdiff.cuda.batched(g, axes, threads_per_item=threads)
    items = Items(g, args, axes)
    kernel = run._kernel(items)

    def array(type_: Any, more: int) -> Any:
        ndim = type_.ndim if isinstance(type_, Array) else 0
        return types.Array(numba_type(Scalar(type_.dtype)), ndim + more, "C")

    program = kernel.program
    pairs = zip(leaf_types(program.types), items.axes, strict=False)
    given = [array(t, 1) if axis is not None else numba_type(t) for t, axis in pairs]
    values = [array(t, 1) for t in program.results if isinstance(t, Scalar)]
    storage = [array(s.type, 1) for s in program.storage]
    given = [types.int64, *given, *values, *storage, types.int32[::1]]
    return kernel.function.py_func, given, kernel.source


def narrowed(args: Any) -> Any:
    """Arguments of float32; Python's floats stay."""

    def narrow(leaf: Any) -> Any:
        is_wide = isinstance(leaf, np.ndarray) and leaf.dtype == np.float64
        return leaf.astype(np.float32) if is_wide else leaf

    return tuple(map_leaves(narrow, a) for a in args)


def main() -> None:
    from benchmarks import gpu  # imports this module

    if not find_ptxas():
        raise SystemExit('There is no ptxas: pip install "cuda-toolkit[nvcc]==13.0.*".')
    print(
        "| | dtype | threads an item | compute capability | registers | stack | spilled | shared |"
    )
    print(f"|{'---|' * 4}{'---:|' * 4}")
    for make in (gpu.hmm, gpu.bodies, gpu.gmm):
        for dtype in (np.float32, np.float64):
            problem = make(dtype, quick=False, few=4)
            g = srcdiff.value_and_grad(problem.function, argnums=problem.argnums, jit=False)
            for threads in (1, 128):
                kernel, given, _ = batch_kernel(g, problem.args, problem.in_axes, threads)
                for capability in CAPABILITIES:
                    found = resources(ptx(kernel, given, capability), capability)
                    assert found is not None
                    cells = (found.registers, found.stack, found.spilled, found.shared)
                    of = f"{problem.name.split()[0]} | {np.dtype(dtype).name} | {threads}"
                    version = ".".join(map(str, capability))
                    print(f"| {of} | {version} | {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
