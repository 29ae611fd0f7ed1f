"""The versions that every generated program depends on; a change of srcdiff's own files changes them, too."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_FORMAT = "1"  # changes when records of an older srcdiff must not be found


@functools.cache
def versions() -> tuple[str, ...]:
    """The versions of the record format, srcdiff's own files, Python, NumPy and the kind of machine."""
    own = hashlib.sha256()
    for name, size, modified in sorted(_files(Path(__file__).parent.parent)):
        own.update(f"{name} {size} {modified}\n".encode())
    return (_FORMAT, own.hexdigest(), platform.python_version(), np.__version__, platform.machine())


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(Path(entry))
        elif entry.name.endswith(".py"):
            status = entry.stat()
            yield f"{folder.name}/{entry.name}", status.st_size, status.st_mtime_ns
