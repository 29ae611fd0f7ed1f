"""What numba.cuda has compiled for devices, kept in sealed files.

Numba's own cache of kernels reads its files whoever wrote them, and goes by the text of one function, not by the device
functions that it calls. This one stands in its place: a file is found by the digest of the whole module, of what is
bound in it, of the types, the versions and the device's compute capability.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import pickle
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from srcdiff.cache.fingerprint import Unknown, fingerprint
from srcdiff.cache.versions import versions
from srcdiff.codegen.folder import cache_folder, read_sealed, write_sealed
from srcdiff.codegen.load import load, text_hash
from srcdiff.programs import Stored
from srcdiff.runtime.cuda import dumps, refresh

__all__ = ["KernelCode", "keep_kernels", "load_kernel"]


def load_kernel(text: str, name: str, bindings: Mapping[str, Any]) -> Callable[..., Any]:
    """The kernel `name` of a module with this text, whose machine code is kept; the simulator's has none."""
    kernel: Any = load(text, name, bindings)
    if not hasattr(kernel, "_cache") or isinstance(kernel._cache, KernelCode):
        return kernel  # type: ignore[no-any-return]
    try:
        bound = fingerprint(name, [list(bindings.items())], contents=True).digest
    except Unknown:
        return kernel  # type: ignore[no-any-return]
    kernel._cache = KernelCode(name, f"{text_hash(text)} {bound}")
    return kernel  # type: ignore[no-any-return]


def keep_kernels(module: ModuleType) -> None:
    """Keep the machine code of the kernels that one of our modules has, too."""
    for name, value in vars(module).items():
        if hasattr(value, "py_func") and hasattr(value, "_cache"):
            value._cache = KernelCode(name.strip("_"), module.__name__)


class KernelCode:
    """The compiled forms of one kernel, as numba.cuda asks its cache for them.

    Attributes
    ----------
    stored : dict of str to Stored
        What was found or kept, by the types.
    """

    cache_path = None

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.stored: dict[str, Stored] = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for these types and this device; None where it has to be compiled."""
        file = self._file(sig, target_context)
        content = read_sealed(file)
        if content is None:
            return None
        try:
            refresh(target_context)  # as Numba does for what it loads
            kind, parts = pickle.loads(content)
            found = kind._rebuild(**parts)
        except (ImportError, AttributeError, LookupError, TypeError):  # numba-cuda was put anew
            return None
        if tuple(found.signature.args) != tuple(sig):
            return None
        self.stored[_said(sig)] = Stored(cache_folder() / file, was_found=True)
        return found

    def save_overload(self, sig: Any, kernel: Any) -> None:
        """Keep what was compiled; what is linked with files of the user's is not."""
        try:
            content = dumps((type(kernel), kernel._reduce_states()))
        except (RuntimeError, pickle.PicklingError, TypeError) as reason:
            self.stored[_said(sig)] = Stored(reason=str(reason))
            return
        file = self._file(sig, kernel.target_context)
        self.stored[_said(sig)] = Stored(write_sealed(file, content))

    def _file(self, sig: Any, target_context: Any) -> str:
        device = target_context.codegen().magic_tuple()  # the toolkit and the compute capability
        words = (self.module, self.name, str(sig), repr(device), *_of_numba(), *versions())
        digest = hashlib.sha256(repr(words).encode()).hexdigest()[:32]
        return f"{self.name[:80]}_{digest}.kernel"


@functools.cache
def _of_numba() -> tuple[str, ...]:
    """The versions that compile kernels, and what Numba is told by its options."""
    found = []
    for package in ("numba", "llvmlite", "numba-cuda"):
        try:
            found.append(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            found.append("none")
    given = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    return (*found, *(g for g in given if not g.startswith("NUMBA_NUM_THREADS")))


def _said(sig: Any) -> str:
    return ", ".join(map(str, sig))
