"""A cache of machine code for kernels: the code that numba.cuda has compiled, in sealed files.

Numba's own cache of kernels uses the text of one function as its key, and ignores the device functions that this
function calls. `Overloads` replaces it, with one entry for each compute capability.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import pickle
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from srcdiff.cache.fingerprint import Unknown, fingerprint
from srcdiff.cache.overloads import Overloads
from srcdiff.codegen.module.load import load, text_hash
from srcdiff.runtime.cuda.numba_cuda_api import dumps, refresh


def load_kernel(text: str, name: str, bindings: Mapping[str, object]) -> Callable[..., object]:
    """The kernel `name` of a module with this text, with cached machine code; the simulator has no machine code."""
    kernel = load(text, name, bindings)
    compiled: Any = kernel
    if not hasattr(compiled, "_cache") or isinstance(compiled._cache, KernelCode):
        return kernel
    try:
        bound = fingerprint(name, [list(bindings.items())], contents=True).digest
    except Unknown:
        return kernel
    compiled._cache = KernelCode(name, f"{text_hash(text)} {bound}")
    return kernel


def keep_kernels(module: ModuleType) -> None:
    """Cache the machine code of the kernels in one of srcdiff's own modules, too."""
    for name, value in vars(module).items():
        if hasattr(value, "py_func") and hasattr(value, "_cache"):
            value._cache = KernelCode(name.strip("_"), module.__name__)


class KernelCode(Overloads):
    """The compiled forms of one kernel; a kernel that is linked with the user's files is not cached."""

    ending = "kernel"

    def unpacked(self, content: bytes, target_context: object) -> object:
        try:
            refresh(target_context)  # as Numba does before it loads a kernel
            kind, parts = pickle.loads(content)
            return kind._rebuild(**parts)
        except (ImportError, AttributeError, LookupError, TypeError):  # another numba-cuda
            return None

    def packed(self, form: Any) -> bytes | str:
        try:
            return dumps((type(form), form._reduce_states()))
        except (RuntimeError, pickle.PicklingError, TypeError) as reason:
            return str(reason)

    def compiler(self) -> tuple[str, ...]:
        return _of_numba()


@functools.cache
def _of_numba() -> tuple[str, ...]:
    """The versions of the packages that compile kernels, and the options that Numba gets."""
    found = []
    for package in ("numba", "llvmlite", "numba-cuda"):
        try:
            found.append(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            found.append("none")
    given = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    return (*found, *(g for g in given if not g.startswith("NUMBA_NUM_THREADS")))
