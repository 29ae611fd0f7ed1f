"""Which lines of the passes and operations a program or test executes: each runs once, traced, in a forked process."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("srcdiff/transforms", "srcdiff/ops")
LONGEST = 20  # seconds of processor time of one forked process; what takes longer hangs
TRACED = 20  # calls of a function in one run that are traced line by line since a line was new

Line = tuple[str, int]


@dataclass
class Run:
    """One program or test as it was measured; refused, skipped or too long, it takes infinitely many seconds."""

    seconds: float = np.inf
    text: str = ""
    gradient: Any = None


@dataclass
class Reach:
    """All runs by name, and which of them execute a line, or read the text of a function: bit k is the k-th run."""

    runs: dict[str, Run] = field(default_factory=dict)
    executing: dict[Line, int] = field(default_factory=dict)
    reading: dict[Line, int] = field(default_factory=dict)  # by the first line

    def measure(self, name: str, work: Callable[[], tuple[str, Any]]) -> Run:
        run, lines, read = forked(lambda: _traced(work), LONGEST // 2) or (Run(), (), ())
        bit = 1 << len(self.runs)
        self.runs[name] = run
        for line in lines:
            self.executing[line] = self.executing.get(line, 0) | bit
        for line in read:
            self.reading[line] = self.reading.get(line, 0) | bit
        return run

    def names(self, bits: int) -> list[str]:
        return [name for k, name in enumerate(self.runs) if bits >> k & 1]


def forked(work: Callable[[], Any], seconds: int = LONGEST) -> Any:
    """What `work` returns in a forked process; None where it takes too long or dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        try:
            with open(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    parts, end = [], time.monotonic() + 20 * seconds  # where it waits, or others use the processor
    while (left := end - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        part = os.read(reading, 1 << 20)
        if not part:
            break
        parts.append(part)
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        return pickle.loads(b"".join(parts))
    except (EOFError, pickle.UnpicklingError):
        return None


def _traced(work: Callable[[], tuple[str, Any]]) -> tuple[Run, set[Line], set[Line]] | None:
    started = time.process_time()
    tracer = _Tracer()
    sys.settrace(tracer)
    try:
        text, gradient = work()
    except Exception:
        return None
    finally:
        sys.settrace(None)
    return Run(time.process_time() - started, text, gradient), tracer.lines, tracer.read


def relative(file: str) -> str:
    """The path of a file of the project; empty for others."""
    return file[_PREFIX:] if file.startswith(str(ROOT)) else ""


_PREFIX = len(str(ROOT)) + 1


class _Tracer:
    """Which lines of passes and operations a run executes, and which functions of theirs are read as text."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()
        self.read: set[Line] = set()
        self.left: dict[int, int] = {}  # calls that are still traced, by identity of the code

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        code = frame.f_code
        left = self.left.get(id(code))
        if left is None:
            left = self.left[id(code)] = self._calls(code)
        if left == 0:
            return None
        if left < 0:
            self._note_text(frame)
            return None
        self.left[id(code)] = left - 1
        return self.line

    def line(self, frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            line = frame.f_code.co_filename[_PREFIX:], frame.f_lineno
            if line not in self.lines:
                self.lines.add(line)
                self.left[id(frame.f_code)] = TRACED
        return self.line

    @staticmethod
    def _calls(code: Any) -> int:
        """How many calls are traced: none of other files; -1 for the functions that read text."""
        if code.co_name in ("_lines_of", "findsource"):
            return -1
        return TRACED if relative(code.co_filename).startswith(PLACES) else 0

    def _note_text(self, frame: Any) -> None:
        found = frame.f_locals.get("function", frame.f_locals.get("object"))
        code = getattr(found, "__code__", found)
        if hasattr(code, "co_firstlineno"):
            self.read.add((relative(code.co_filename), code.co_firstlineno))
