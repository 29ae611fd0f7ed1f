"""The cache folder: private to its owner, and files in it that are known to be ours.

A sealed file is its content and, in front of it, a digest of name and content with a key that lies in the folder. A
file that was cut off, altered, renamed, or came from elsewhere does not fit its seal, and is as good as missing. The
folder is refused if others may write to it, and a file if it belongs to somebody else; so nobody else's content is ever
used.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import re
import secrets
import stat
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from srcdiff.errors import CacheWarning

_KEY = "key"
_OFF = "off"  # for SRCDIFF_CACHE: nothing is kept
_SIZE = 256 * 2**20  # bytes that the folder may hold, ...
_COUNT = 5000  # ... and files
KINDS = {  # of files, by ending
    "py": "generated source",
    "arrays": "programs in NumPy",
    "loops": "loop forms",
    "code": "machine code",
    "kernel": "device code",
    "tmp": "files that were not finished",
}
_OURS = re.compile(rf".*_[0-9a-f]{{16,32}}\.({'|'.join(KINDS)})|(tmp|key).*\.tmp")
_UNFINISHED = 3600.0  # seconds after which a file that is not finished never will be
WRITING = threading.RLock()  # held while a file is written: a process that has it may end
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=WRITING.acquire, after_in_parent=WRITING.release, after_in_child=WRITING.release
    )
_WARNED: set[str] = set()  # folders for which a warning was given that nothing can be kept


def cache_folder() -> Path:
    """Where generated files go: `SRCDIFF_CACHE` ("off": nowhere), or the platform's place for caches."""
    chosen = os.environ.get("SRCDIFF_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "srcdiff"
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
            / "srcdiff"
            / "Cache"
        )
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srcdiff"


class _Off(OSError):
    """Nothing is to be kept, which is no problem to warn of."""


def private_folder() -> Path:
    """The folder, made for its owner only.

    Raises
    ------
    OSError, RuntimeError
        Where there is none, or others may write to it (RuntimeError: there is no home).
    """
    folder = cache_folder()
    if str(folder) == _OFF:
        raise _Off
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(f"{folder} can be written by other users")
    return folder


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file or none: other processes may be doing the same."""
    with WRITING:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):  # another process has tidied up
                os.unlink(temporary)
            raise


def warn(problem: Exception) -> None:
    """Say once for each folder that nothing can be kept there."""
    if isinstance(problem, _Off):
        return
    try:
        folder = str(cache_folder())
    except RuntimeError:  # there is no home
        folder = ""
    if folder not in _WARNED:
        _WARNED.add(folder)
        # a problem's own words may name a file that was to be, another one each time
        reason = getattr(problem, "strerror", None)
        warnings.warn(
            CacheWarning(
                f"generated source is kept in memory only: {f'{folder}: {reason}' if reason else problem}",
                "Set SRCDIFF_CACHE to a folder of your own to keep it in files.",
            ),
            stacklevel=2,
        )


# ---- sealed files ------------------------------------------------------------------------------------


def read_sealed(name: str) -> bytes | None:
    """The content of a sealed file; None where there is none that is ours."""
    try:
        folder = private_folder()
        seal, _, content = own_bytes(folder / name).partition(b"\n")
        if not hmac.compare_digest(seal, _seal(own_bytes(folder / _KEY), name, content)):
            return None
    except (OSError, RuntimeError):
        return None
    with contextlib.suppress(OSError):  # a folder may be for reading only
        os.utime(folder / name)  # it was of use: see `_prune`
    return content


def write_sealed(name: str, content: bytes) -> Path | None:
    """Keep a content; None, and a warning once, where nothing can be kept."""
    try:
        folder = private_folder()
        _prune(folder)
        path = folder / name
        replace_file(path, _seal(_key(folder), name, content) + b"\n" + content)
        return path
    except (OSError, RuntimeError) as problem:
        warn(problem)
        return None


def _seal(key: bytes, name: str, content: bytes) -> bytes:
    return hmac.new(key, name.encode() + b"\0" + content, hashlib.sha256).hexdigest().encode()


def own_bytes(path: Path) -> bytes:
    """The content of a file that belongs to this user, and that nobody else may write to; no link is followed, and no
    pipe is waited for.
    """
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    handle = os.open(path, os.O_RDONLY | sum(flags))
    with os.fdopen(handle, "rb") as file:
        if sys.platform != "win32":
            status = os.fstat(handle)
            shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if status.st_uid != os.getuid() or shared or not stat.S_ISREG(status.st_mode):
                raise PermissionError(f"{path} may have been written by other users")
        return file.read()


def _key(folder: Path) -> bytes:
    """The key of this folder; of two processes that make one, the first wins."""
    path = folder / _KEY
    try:
        found = own_bytes(path)
        if len(found) == 32:
            return found
        path.unlink()
    except FileNotFoundError:
        pass
    made = path.with_name(f"{_KEY}.{secrets.token_hex(8)}.tmp")
    replace_file(made, secrets.token_bytes(32))
    try:
        os.link(made, path)  # unlike a rename, it fails where there is one
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        replace_file(path, made.read_bytes())
    finally:
        made.unlink()
    return own_bytes(path)


def files_of_cache(folder: Path) -> list[tuple[os.stat_result, Path]]:
    """The files of the cache, and not what else lies in its folder; files that are being written are left out."""
    found = [(s, e) for e in os.scandir(folder) if _OURS.fullmatch(e.name) and (s := _status(e))]
    finished = time.time() - _UNFINISHED
    return [(s, Path(e)) for s, e in found if s.st_mtime < finished or not e.name.endswith(".tmp")]


@functools.cache
def _prune(folder: Path) -> None:
    """Once for each process: delete what was of no use for longest, where the folder has grown too large."""
    found = files_of_cache(folder)
    size, count = sum(s.st_size for s, _ in found), len(found)
    if size <= _SIZE and count <= _COUNT:
        return
    for status, path in sorted(found, key=lambda f: f[0].st_mtime):
        if size <= _SIZE * 3 // 4 and count <= _COUNT * 3 // 4:
            break
        path.unlink(missing_ok=True)
        size, count = size - status.st_size, count - 1


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Of a file; None for what is none, or none any more: other processes write here, and tidy up, too."""
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except FileNotFoundError:
        return None
