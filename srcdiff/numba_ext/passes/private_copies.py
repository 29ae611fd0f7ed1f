"""Compiled functions run the copies of what they call that are kept with them: a process that compiles gives the same
bits as one that finds the machine code.

Numba links what a function calls into its module, as weak symbols, and LLVM optimises the copies once more. Where the
callees were compiled in the same process, their own modules define these symbols first, and their code would run: with
sums in another order than in the copies, which are what a process that loads the machine code has.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage

__all__ = ["library_of_its_own"]

_WEAK = (Linkage.linkonce_odr, Linkage.weak_odr)


def library_of_its_own(context: Any, name: str) -> Any:
    """A library for a function to be compiled into, in whose module no other's definition stands in for a copy."""
    library = context.codegen().create_library(name)
    library.enable_object_caching()
    finish = library._finalize_final_module

    def finish_alone() -> None:  # behind the optimisations: the instructions stay what they are
        for function in library._final_module.functions:
            if not function.is_declaration and function.linkage in _WEAK:
                function.linkage = Linkage.internal
        finish()

    library._finalize_final_module = finish_alone
    return library
