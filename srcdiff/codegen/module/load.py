"""Generated text to a callable, through a real file: tracebacks, debuggers and Numba's own cache
find it there.

The file lies in the user's cache folder, named after the function and a hash of the text and of
the versions that made it. The executed text is always the given one, compiled under the file's
name: a file that was altered or cut off is written anew and never run. Where there is no folder
to write to, the text is only in memory, and `linecache` shows its lines.
"""

from __future__ import annotations

import hashlib
import linecache
import platform
import sys
import types
from collections.abc import Callable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.codegen.module.cache_dir import own_bytes, private_folder, replace_file, warn

_PACKAGE = "srcdiff_generated"  # of the modules that the texts are
_FORMAT = "1"  # changes when files of an older srcdiff must not be found


def load(
    text: str, name: str, bindings: Mapping[str, object] | None = None
) -> Callable[..., object]:
    """The function `name` of a module with this text; `bindings` go into its namespace first.

    The same text gives the same module as long as nothing is bound: a handle that keeps the text
    can be rebuilt anywhere.
    """
    label = f"{name}_{text_hash(text)}"
    module_name = f"{_PACKAGE}.{label}"
    known = sys.modules.get(module_name)
    if not hasattr(known, name) or bindings:
        known = _execute(text, label, module_name, bindings or {})
    function: Callable[..., Any] = getattr(known, name)
    return function


class _Unloaded(MetaPathFinder, Loader):
    """Generated modules that nobody has loaded here are empty.

    Numba's cache of a user's function that calls generated code imports them by name, to have a namespace.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] != _PACKAGE:
            return None
        return ModuleSpec(name, self, is_package=name == _PACKAGE)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: what is on disk is not run."""


sys.meta_path.append(_Unloaded())


def text_hash(text: str) -> str:
    """Sixteen digits for a text and what it is run by."""
    parts = (_FORMAT, platform.python_version(), np.__version__, text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _execute(
    text: str, label: str, module_name: str, bindings: Mapping[str, object]
) -> types.ModuleType:
    path = _write(text, label) or f"<srcdiff {label}>"
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    module = types.ModuleType(module_name)
    module.__file__ = path
    module.__dict__.update(bindings)
    sys.modules[module_name] = module
    exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
    return module


# ---- files -----------------------------------------------------------------------------------------


def _write(text: str, label: str) -> str | None:
    """The path of a file that holds just this text; None (and a warning, once) where none can be kept."""
    try:
        path = private_folder() / f"{label}.py"
        if not _holds(path, text):
            replace_file(path, text.encode())
        return str(path)
    except (OSError, RuntimeError) as problem:  # RuntimeError: there is no home
        warn(problem)
        return None


def _holds(path: Path, text: str) -> bool:
    try:
        return own_bytes(path) == text.encode()
    except OSError:  # there is none, or a link, a pipe or a file of somebody else's
        return False
