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

__all__ = ["Resources", "find_ptxas", "occupancy", "resources"]


@dataclass(frozen=True)
class Resources:
    """Of a thread: registers, and bytes of stack (local arrays and what is spilled) and of spills; of a block: bytes of
    shared memory.
    """

    registers: int
    stack: int
    spilled: int
    shared: int


def find_ptxas() -> str | None:
    """Where ptxas is: on the path, or in the package nvidia-cuda-nvcc."""
    found = shutil.which("ptxas")
    if found is not None:
        return found
    packages = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    return next((str(p) for p in sorted(packages.glob("*/bin/ptxas"))), None)


def resources(ptx: str, capability: tuple[int, int]) -> Resources | None:
    """What the largest kernel in a PTX text takes; None without ptxas.

    Raises
    ------
    RuntimeError
        With what ptxas says of a text that it does not take.
    """
    tool = find_ptxas()
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "kernel.ptx"
        text.write_text(ptx)
        arch = f"-arch=sm_{capability[0]}{capability[1]}"
        command = [tool, "-v", arch, str(text), "-o", str(text.with_suffix(".cubin"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ptxas {arch}: {done.stderr.strip()}")
    return parsed(done.stderr)


def parsed(said: str) -> Resources:
    """The largest of each number in what `ptxas -v` says."""

    def most(pattern: str) -> int:
        return max((int(n) for n in re.findall(pattern, said)), default=0)

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
