"""The compiler lock: one thread compiles at a time, since srcdiff's caches are not thread-safe.

Numba has a compiler lock, too, and each compiler runs the other: a call with `jit=True` is compiled by Numba, and Numba
generates a derivative that compiled code calls. So Numba's lock is taken first, wherever Numba is imported.

Python's collector of cycles is paused meanwhile: both compilers make hundreds of thousands of objects that are all in
use, and searching them again and again takes a sixth of the compile time.
"""

from __future__ import annotations

import gc
import sys
import threading
from types import TracebackType
from typing import Any


class _CompilerLock:
    """A reentrant lock for `with` statements."""

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
