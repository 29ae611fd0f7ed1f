"""How things are measured: in turns within one process; first calls and memory in a process of their own.

The clock is the processor's time of the whole process, which has one core (`one_core`): on a quiet machine a clock on
the wall shows the same, and on a busy one the wait for other programs is left out.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Pair

TOLERANCE = 1e-7  # of a gradient's largest entry


@dataclass
class Timer:
    """One function: how many calls make a sample, and the samples so far, in seconds a call."""

    call: Callable[[], Any]
    number: int = 1
    samples: list[float] = field(default_factory=list)

    def sample(self) -> None:
        start = time.process_time()
        for _ in range(self.number):
            self.call()
        self.samples.append((time.process_time() - start) / self.number)

    def calibrate(self, seconds: float) -> None:
        """The calls made here compile what is not compiled yet, warm the caches up, and are not counted."""
        self.call()
        while True:
            self.samples.clear()
            self.sample()
            taken = self.samples.pop() * self.number
            if taken > 0.5 * seconds:
                return
            self.number = max(self.number + 1, int(self.number * min(100.0, seconds / max(taken, 1e-9))))  # fmt: skip

    def median(self) -> float:
        return statistics.median(self.samples)


def in_turns(timers: list[Timer], rounds: int, sample_seconds: float, budget: float) -> None:
    """A round samples every timer once, so that a busy spell hits all; a slow one leaves when its budget is spent."""
    for timer in timers:
        timer.calibrate(sample_seconds)
    for _ in range(rounds):
        for timer in timers:
            if sum(timer.samples) * timer.number < budget:
                timer.sample()


def leaves(tree: Any) -> list[np.ndarray]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves(part)]
    return [np.asarray(tree, dtype=float)]


def difference(found: Any, expected: Any) -> float:
    """The largest error over all parts, each relative to its largest entry; nan stays nan."""
    worst = 0.0
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        error = float(np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-300))
        worst = error if np.isnan(error) or error > worst else worst
    return worst


def first_call(pair: Pair) -> dict[str, float]:
    """Seconds of the first gradient, after the first value, and the most memory the process had, in MB."""
    value, gradient = pair
    if value is not None:
        value()
    start = time.process_time()
    gradient()
    seconds = time.process_time() - start
    return {"first": seconds, "peak": peak_memory()}


def peak_memory() -> float:
    """In MB. Linux counts the process that started this one into `ru_maxrss`, so its other mark is read there."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_new_process(
    arguments: Iterable[str], limit: float, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the script prints for `--measure ...`, or why it printed nothing; `environment` is added to ours."""
    command = [sys.executable, "-W", "ignore", sys.argv[0], "--measure", *arguments]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"reason": f"over {limit:.0f} s to import, build and call once"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"reason": lines[-1]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
