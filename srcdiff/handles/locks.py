"""One compiler at a time: srcdiff's caches are not made for several threads.

Numba has such a lock, too, and each of the two compilers runs the other: a call with `jit=True` is compiled by Numba,
and compiled code that calls a derivative has it generated. So Numba's is taken first, wherever Numba is imported.

Python's collector of cycles waits meanwhile: both compilers make hundreds of thousands of objects that are all in use,
which it would go through again and again, a sixth of the time that compiling takes.
"""

from __future__ import annotations

import gc
import sys
import threading
from types import TracebackType
from typing import Any

__all__ = ["COMPILING"]


class _CompilerLock:
    """To be entered with `with`, any number of times by one thread."""

    def __init__(self) -> None:
        self._own = threading.RLock()
        self._entered = threading.local()
        self._collects = False  # whether cycles are collected outside

    def __enter__(self) -> None:
        module = sys.modules.get("numba.core.compiler_lock")
        lock: Any = getattr(module, "global_compiler_lock", None)
        if lock is not None:
            lock.acquire()
        self._own.acquire()
        locks = self._entered.__dict__.setdefault("locks", [])
        if not locks:
            self._collects = gc.isenabled()
            gc.disable()
        locks.append(lock)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        lock = self._entered.locks.pop()
        if not self._entered.locks and self._collects:
            gc.enable()
        self._own.release()
        if lock is not None:
            lock.release()


COMPILING = _CompilerLock()
