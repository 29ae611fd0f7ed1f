"""Compilation in the background: a thread of this process generates loop forms, and a worker process compiles them."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable

from srcdiff.cache.compile_worker import Unavailable, Worker
from srcdiff.codegen.module.cache_dir import WRITING

Job = Callable[[Worker | None], None]


class Background:
    """A queue of compilations, in the order in which they were requested.

    Attributes
    ----------
    native : Lock
        Held while the thread runs machine code of the compiler, in which the process must not end.
    """

    def __init__(self) -> None:
        self._forget()
        atexit.register(self._end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Begin anew, without the thread and the worker of a process that this one was forked from."""
        self.native = threading.Lock()
        self._lock = threading.Lock()
        self._jobs: queue.Queue[Job] = queue.Queue()
        self._worker: Worker | None = None
        self._is_running = False

    def submit(self, job: Job) -> None:
        """Call `job` in the thread: with a worker, or with None where no worker can run."""
        with self._lock:
            self._jobs.put(job)
            if not self._is_running:
                self._is_running = True
                run = threading.Thread(target=self._run, name="srcdiff-compile", daemon=True)
                run.start()

    def share(self, seconds: float) -> None:
        """Leave the interpreter to the thread for a while, if the thread needs it.

        A thread that waits for the interpreter requests it after 5 ms in which nobody has released it. NumPy releases
        it in each operation on more than a few hundred elements and takes it back at once, so calls that follow each
        other would keep the thread waiting for ever.
        """
        worker = self._worker
        if self._jobs.unfinished_tasks and not (worker is not None and worker.is_compiling):
            time.sleep(seconds)

    def wait(self) -> None:
        """Return when all compilations that were requested so far have ended."""
        self._jobs.join()

    def _run(self) -> None:
        jobs = self._jobs
        while True:
            job = jobs.get()
            try:
                job(self._started())
            finally:
                jobs.task_done()

    def _started(self) -> Worker | None:
        if self._worker is not None and self._worker.process.poll() is not None:
            self._worker.close()
            self._worker = None
        if self._worker is None:
            with contextlib.suppress(Unavailable):
                self._worker = Worker()
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self.native.acquire(timeout=5.0)
        WRITING.acquire(timeout=5.0)


BACKGROUND = Background()
