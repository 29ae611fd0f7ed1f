"""The interface to numba.cuda. It stands in one module, which changes when a successor replaces numba.cuda.

Generated kernels import `cuda` from Numba themselves. Numba includes a `numba.cuda` with a simulator. Compiling needs
the package numba-cuda (the extra `cuda`); running needs a device and its driver.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numba.cuda
import numpy as np

cuda: Any = numba.cuda  # numba.cuda has no type annotations

# numba-cuda uses this name when it first compiles; NumPy 2.5 has removed it
if not hasattr(np, "row_stack"):
    np.row_stack = np.vstack


def is_simulator() -> bool:
    """Whether kernels run in Python, thread by thread (`NUMBA_ENABLE_CUDASIM=1` before Numba is imported)."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def device_problem() -> tuple[str, str] | None:
    """The reason why kernels cannot run here, and the remedy; None if they can run."""
    if is_simulator():
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return (
            "the package numba-cuda is not installed",
            'Install it (pip install "srcdiff[cuda]"), or set NUMBA_ENABLE_CUDASIM=1 to simulate a device.',
        )
    try:
        if cuda.is_available():
            return None if _has_compiler() else _NO_COMPILER
        error: object = cuda.cuda_error()
    except Exception as raised:  # a driver that is installed in part may raise any exception
        error = raised
    reason = f" ({error})" if error else ""
    return (
        f"there is no CUDA device, or no driver for it{reason}",
        "Run where a GPU is, pass fallback='cpu', or set NUMBA_ENABLE_CUDASIM=1 to simulate a device.",
    )


_NO_COMPILER = (
    "the CUDA toolkit's compiler (the library nvvm) is not there",
    'Install it with numba-cuda: pip install "numba-cuda[cu13]", or [cu12] for a driver of CUDA 12.',
)


def _has_compiler() -> bool:
    """Whether numba-cuda finds the library nvvm; it comes with numba-cuda's extras, or with a toolkit."""
    nvvm: Any = importlib.import_module("numba.cuda.cudadrv.nvvm")
    return bool(getattr(nvvm, "is_available", lambda: True)())


def dispatcher_type(calls: object) -> Any:
    """Numba's type of a device function; `calls` acts as its dispatcher."""

    def nothing() -> None:
        """Never compiled."""

    return type(cuda.jit(device=True)(nothing)._numba_type_)(calls)


def dumps(kernel: object) -> bytes:
    """A kernel that numba.cuda has compiled, as bytes for `pickle`."""
    own = importlib.util.find_spec("numba_cuda") is not None
    serialize: Any = importlib.import_module(f"numba.{'cuda' if own else 'core'}.serialize")
    return bytes(serialize.dumps(kernel))


def refresh(target_context: Any) -> None:
    """Prepare numba.cuda to run code that another process has compiled."""
    if importlib.util.find_spec("numba_cuda") is not None:
        target_context.refresh()
        return
    extension: Any = importlib.import_module("numba.core.target_extension")
    with extension.target_override("cuda"):
        target_context.refresh()


def ptx(
    function: Callable[..., object], types: Sequence[object], capability: tuple[int, int] = (9, 0)
) -> str:
    """The PTX of a kernel for arguments of these Numba types and a device's compute capability; it needs no device."""
    with _assumed_device(capability):
        text, _ = cuda.compile(
            getattr(function, "py_func", function),
            tuple(types),
            cc=capability,
            output="ptx",
            abi="numba",
            device=False,
        )
    return text.decode() if isinstance(text, bytes) else str(text)


@contextlib.contextmanager
def _assumed_device(capability: tuple[int, int]) -> Any:
    """Set the device's compute capability, because the dispatcher of a device function asks the driver for it."""
    dispatcher: Any = numba.cuda.dispatcher

    class Assumed:
        compute_capability = capability

    known = dispatcher.get_current_device
    dispatcher.get_current_device = Assumed
    try:
        yield
    finally:
        dispatcher.get_current_device = known
