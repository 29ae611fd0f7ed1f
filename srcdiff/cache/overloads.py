"""What stands in the place of Numba's own cache, for one function: its compiled forms in sealed files, by the types.

Numba's caches go by the text of one function, and read their files whoever wrote them. Here a file is found by the
digest of the whole module, of what is bound in it, of the types, the versions and the machine.
"""

from __future__ import annotations

import hashlib
from typing import Any

from srcdiff.cache.versions import versions
from srcdiff.codegen.module.cache_dir import cache_folder, read_sealed, write_sealed
from srcdiff.compile.program import Stored

__all__ = ["Overloads"]


class Overloads:
    """The compiled forms of one function, as Numba asks its cache for them.

    A subclass says how a form is written (`packed`: its bytes, or the reason why not) and read (`unpacked`: None where
    what it is made of is gone), and what compiles it (`compiler`).

    Attributes
    ----------
    stored : dict of str to Stored
        What was found or kept, by the types.
    """

    cache_path = None
    ending = "code"

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.stored: dict[str, Stored] = {}

    def packed(self, form: Any) -> bytes | str:
        raise NotImplementedError

    def unpacked(self, content: bytes, target_context: Any) -> Any:
        raise NotImplementedError

    def compiler(self) -> tuple[str, ...]:
        raise NotImplementedError

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for these types and this machine; None where it has to be compiled."""
        file = self._file(sig, target_context)
        content = read_sealed(file)
        found = None if content is None else self.unpacked(content, target_context)
        if found is None or tuple(found.signature.args) != tuple(sig):
            return None
        self.stored[_said(sig)] = Stored(cache_folder() / file, was_found=True)
        return found

    def save_overload(self, sig: Any, form: Any) -> None:
        """Keep what was compiled, where a file can hold it."""
        content = self.packed(form)
        if isinstance(content, str):
            self.stored[_said(sig)] = Stored(reason=content)
            return
        file = self._file(sig, form.target_context)
        self.stored[_said(sig)] = Stored(write_sealed(file, content))

    def _file(self, sig: Any, target_context: Any) -> str:
        machine = repr(target_context.codegen().magic_tuple())
        words = (self.module, self.name, str(sig), machine, *self.compiler(), *versions())
        digest = hashlib.sha256(repr(words).encode()).hexdigest()[:32]
        return f"{self.name[:80]}_{digest}.{self.ending}"


def _said(sig: Any) -> str:
    return ", ".join(map(str, sig))
