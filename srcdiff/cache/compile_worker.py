"""A process that compiles generated text into the cache of machine code, for a process that goes on meanwhile.

The parent sends jobs through a pipe: a module's text, the objects bound in it, and Numba's types. The worker answers
each with one line: empty, or why it could not compile. It ends when the pipe is closed, so it does not outlive the
parent, however that ends. Files of the cache are written whole or not at all (`codegen/module/cache_dir.py`).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

from srcdiff.codegen.module.cache_dir import WRITING

_START = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from srcdiff.cache.compile_worker import serve
serve(sys.stdin.buffer, sys.stdout.buffer)
"""


class Unavailable(Exception):
    """Raised where no worker can run, or where it cannot do a job; the message is the reason."""


class Worker:
    """The parent's end of the pipe.

    Attributes
    ----------
    is_compiling : bool
        The worker has a job, and `compile` only waits for it.
    """

    def __init__(self) -> None:
        self.is_compiling = False
        if not sys.executable or getattr(sys, "frozen", False):
            raise Unavailable("there is no Python to run")
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "SRCDIFF_JIT": "0"},
            )
        except OSError as error:
            raise Unavailable(str(error)) from error
        self._unsent = pickle.dumps(sys.path)

    def _send(self, content: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(self._unsent + content)
        self._unsent = b""
        self.process.stdin.flush()

    def compile(self, text: str, name: str, bindings: Mapping[str, object], types: object) -> None:
        """Compile the function `name` of a module into the cache, and wait for it.

        Raises
        ------
        Unavailable
            Where an object that the text refers to cannot be sent, or the worker fails or ends.
        """
        try:
            self._send(_packed((text, name, dict(bindings), types)))
        except OSError as error:
            self.close()
            raise Unavailable(str(error)) from error
        except Exception as error:  # whatever objects of the user raise
            raise Unavailable(f"it cannot be sent to another process: {error}") from error
        assert self.process.stdout is not None
        self.is_compiling = True
        answer = self.process.stdout.readline()
        self.is_compiling = False
        if not answer:
            self.close()
        if answer != b"\n":
            raise Unavailable(answer.decode().strip() or "the worker has ended")

    def close(self) -> None:
        """End the worker: it stops when its pipe is closed, but for a file that it writes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):  # what was not sent any more
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=0.2)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class _Pickler(pickle.Pickler):
    """Pickles what modules of srcdiff define by their names: compiled functions would be copied otherwise."""

    def reducer_override(self, value: object) -> Any:
        module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
        if not isinstance(module, str) or module.partition(".")[0] != "srcdiff" or name is None:
            return NotImplemented
        found = vars(sys.modules[module]).get(name) if module in sys.modules else None
        return (_named, (module, name)) if found is value else NotImplemented


def _named(module: str, name: str) -> object:
    return getattr(importlib.import_module(module), name)


def _packed(job: object) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(job)
    return buffer.getvalue()


# ---- in the worker -------------------------------------------------------------------------------


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Compile what arrives until the pipe is closed; then end at once, also in the middle of a compilation."""
    received: list[object] = []
    arrived = threading.Semaphore(0)

    def receive() -> None:
        while True:
            try:
                received.append(pickle.load(jobs))
            except EOFError:
                with WRITING:
                    os._exit(0)
            except Exception as error:  # an object that this process does not know
                received.append(error)
            arrived.release()

    threading.Thread(target=receive, daemon=True).start()
    while True:
        arrived.acquire()
        answers.write(_outcome(received.pop(0)).replace("\n", " ").encode() + b"\n")
        answers.flush()


def _outcome(job: Any) -> str:
    if isinstance(job, Exception):
        return f"{type(job).__name__}: {job}"
    from srcdiff.cache.machine_code import load_compiled  # imports Numba

    try:
        text, name, bindings, types = job
        function: Any = load_compiled(text, name, bindings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function.compile(types)
    except Exception as error:  # Numba raises errors of many classes
        return f"{type(error).__name__}: {error}"
    return ""
