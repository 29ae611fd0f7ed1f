"""Private copies of callees: a process that compiles runs the same machine code as a process that loads it from the
cache.

Numba links the callees of a function into its module, as weak symbols, and LLVM optimises the copies once more. If the
callees were compiled in the same process, their own modules define these symbols first, and their code would run: with
sums in another order than in the copies, which a process that loads the machine code runs.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage
from numba.core.cpu import CPUContext

_WEAK = (Linkage.linkonce_odr, Linkage.weak_odr)


def library_of_its_own(context: CPUContext, name: str) -> Any:
    """A library into which a function is compiled; no definition of another module replaces a copy in it."""
    library = context.codegen().create_library(name)
    library.enable_object_caching()
    finish = library._finalize_final_module

    def finish_alone() -> None:  # after the optimisations: the instructions stay the same
        for function in library._final_module.functions:
            if not function.is_declaration and function.linkage in _WEAK:
                function.linkage = Linkage.internal
        finish()

    library._finalize_final_module = finish_alone
    return library
