"""A replacement of Numba's own cache for one function: its compiled forms in sealed files, keyed by argument types.

Numba's caches use the text of one function as their key, and read files from any writer. Here the key is a digest of
the whole module, the objects bound in it, the types, the versions and the machine.
"""

from __future__ import annotations

import hashlib
from typing import Any

from srcdiff.cache.versions import versions
from srcdiff.codegen.module.cache_dir import cache_folder, read_sealed, write_sealed
from srcdiff.compile.program import Stored


class Overloads:
    """The compiled forms of one function, with the interface of Numba's caches.

    A subclass defines how a form is written (`packed`: its bytes, or the reason why not) and read (`unpacked`: None if
    a part of it no longer exists), and what compiles it (`compiler`).

    Attributes
    ----------
    stored : dict of str to Stored
        The forms that were found or kept, by their types.
    """

    cache_path = None
    ending = "code"

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.stored: dict[str, Stored] = {}

    def packed(self, form: object) -> bytes | str:
        raise NotImplementedError

    def unpacked(self, content: bytes, target_context: object) -> Any:
        raise NotImplementedError

    def compiler(self) -> tuple[str, ...]:
        raise NotImplementedError

    def load_overload(self, sig: Any, target_context: object) -> Any:
        """The compiled form for these types and this machine; None if there is none."""
        file = self._file(sig, target_context)
        content = read_sealed(file)
        found = None if content is None else self.unpacked(content, target_context)
        if found is None or tuple(found.signature.args) != tuple(sig):
            return None
        self.stored[_signature_text(sig)] = Stored(cache_folder() / file, was_found=True)
        return found

    def is_kept(self, sig: object, target_context: object) -> bool:
        """Whether there is a file for these types and this machine."""
        return (cache_folder() / self._file(sig, target_context)).is_file()

    def save_overload(self, sig: Any, form: Any) -> None:
        """Keep a compiled form if a file can hold it."""
        content = self.packed(form)
        if isinstance(content, str):
            self.stored[_signature_text(sig)] = Stored(reason=content)
            return
        file = self._file(sig, form.target_context)
        self.stored[_signature_text(sig)] = Stored(write_sealed(file, content))

    def _file(self, sig: object, target_context: Any) -> str:
        machine = repr(target_context.codegen().magic_tuple())
        words = (self.module, self.name, str(sig), machine, *self.compiler(), *versions())
        digest = hashlib.sha256(repr(words).encode()).hexdigest()[:32]
        return f"{self.name[:80]}_{digest}.{self.ending}"


def _signature_text(sig: Any) -> str:
    return ", ".join(map(str, sig))
