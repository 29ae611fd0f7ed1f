"""What is in the cache folder: to show it, to check it, to clear it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from srcdiff.codegen.module.cache_dir import KINDS, files_of_cache, private_folder, read_sealed


@dataclass(frozen=True)
class Contents:
    """The files of the cache: by kind their number and bytes, and those that are damaged."""

    folder: Path
    counts: dict[str, int]
    sizes: dict[str, int]
    damaged: tuple[Path, ...]


def contents() -> Contents:
    """The files of the cache folder.

    Raises
    ------
    OSError, RuntimeError
        Where there is no folder that is the user's alone.
    """
    folder = private_folder()
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    damaged = []
    for status, path in files_of_cache(folder):
        kind = path.suffix.removeprefix(".")
        counts[KINDS[kind]] += 1
        sizes[KINDS[kind]] += status.st_size
        if kind not in ("py", "tmp") and read_sealed(path.name) is None:
            damaged.append(path)
    return Contents(folder, dict(counts), dict(sizes), tuple(damaged))


def clear() -> int:
    """Delete the files of the cache, and return their number; programs that use them go on."""
    found = files_of_cache(private_folder())
    for _, path in found:
        path.unlink(missing_ok=True)
    return len(found)
