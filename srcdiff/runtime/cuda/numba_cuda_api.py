"""All that srcdiff asks of numba.cuda: one place, since that is what changes when its successor takes over.

Generated kernels say `from numba import cuda` themselves. Numba carries a `numba.cuda` with a simulator; compiling
needs the package numba-cuda (the extra `cuda`), running a device and its driver.
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

cuda: Any = numba.cuda  # its types are not declared

__all__ = [
    "cuda",
    "device_problem",
    "dispatcher_type",
    "dumps",
    "is_simulator",
    "ptx",
    "refresh",
]

# numba-cuda names it when it compiles first; NumPy 2.5 has it no more
if not hasattr(np, "row_stack"):
    np.row_stack = np.vstack


def is_simulator() -> bool:
    """Whether kernels run in Python, thread by thread (`NUMBA_ENABLE_CUDASIM=1` before Numba is imported)."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def device_problem() -> tuple[str, str] | None:
    """Why kernels cannot run here, and what to do; None where they can."""
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
    except Exception as raised:  # whatever a driver that is half there raises
        error = raised
    told = f" ({error})" if error else ""
    return (
        f"there is no CUDA device, or no driver for it{told}",
        "Run where a GPU is, pass fallback='cpu', or set NUMBA_ENABLE_CUDASIM=1 to simulate a device.",
    )


_NO_COMPILER = (
    "the CUDA toolkit's compiler (the library nvvm) is not there",
    'Install it with numba-cuda: pip install "numba-cuda[cu13]", or [cu12] for a driver of CUDA 12.',
)


def _has_compiler() -> bool:
    """Whether numba-cuda finds nvvm; it comes with its extras, or with a toolkit."""
    nvvm: Any = importlib.import_module("numba.cuda.cudadrv.nvvm")
    return bool(getattr(nvvm, "is_available", lambda: True)())


def dispatcher_type(calls: Any) -> Any:
    """What Numba takes for the type of a device function; `calls` acts as its dispatcher."""

    def nothing() -> None:
        """Compiled by nobody."""

    return type(cuda.jit(device=True)(nothing)._numba_type_)(calls)


def dumps(kernel: Any) -> bytes:
    """What numba.cuda has compiled, as bytes that `pickle` reads."""
    own = importlib.util.find_spec("numba_cuda") is not None
    serialize: Any = importlib.import_module(f"numba.{'cuda' if own else 'core'}.serialize")
    return serialize.dumps(kernel)  # type: ignore[no-any-return]


def refresh(target_context: Any) -> None:
    """Set numba.cuda up for running what it has compiled in another process."""
    if importlib.util.find_spec("numba_cuda") is not None:
        target_context.refresh()
        return
    extension: Any = importlib.import_module("numba.core.target_extension")
    with extension.target_override("cuda"):
        target_context.refresh()


def ptx(
    function: Callable[..., Any], types: Sequence[Any], capability: tuple[int, int] = (9, 0)
) -> str:
    """The PTX of a kernel for arguments of some Numba types, and a device's compute capability; no device is needed."""
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
    """Device functions that a kernel calls ask the driver which device they are compiled for."""
    dispatcher: Any = numba.cuda.dispatcher

    class Assumed:
        compute_capability = capability

    known = dispatcher.get_current_device
    dispatcher.get_current_device = Assumed
    try:
        yield
    finally:
        dispatcher.get_current_device = known
