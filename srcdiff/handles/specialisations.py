"""What has been generated of a derivative so far, for which types and lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.codegen.module.load import load
from srcdiff.compile.program import Program
from srcdiff.compile.signature import Arguments
from srcdiff.errors import DifferentiationError
from srcdiff.handles.fast_call import DirectCall
from srcdiff.handles.jit import Compiled

__all__ = ["Specialisation", "Specialisations", "loaded", "lost"]


@dataclass
class Specialisation:
    """One generated program: its text, the function that it is, and what it was made for.

    Attributes
    ----------
    arguments : Arguments or None
        Types and lengths only.
    compiled : Compiled or None
        Its loop form, once it was generated.
    refused : str
        Why calls run NumPy although they were to be compiled.
    run : callable or None
        What calls run, once there was one: the compiled loop form, or `function`.
    direct : callable or None
        `run` for arguments that need no binding.
    shared : dict
        What the loop form will be made of, as it was for the program, until that is done.
    """

    program: Program
    function: Callable[..., Any]
    arguments: Arguments | None = None
    compiled: Compiled | None = None
    refused: str = ""
    run: Callable[..., Any] | None = None
    direct: DirectCall | None = None
    shared: dict[Any, Any] = field(default_factory=dict)

    def fits(self, lengths: Mapping[str, int]) -> bool:
        """Whether what was concluded from the arguments' lengths holds for others."""
        if self.compiled is not None and not self.compiled.program.fits(lengths):
            return False
        return self.program.fits(lengths)

    def without_tangents(self) -> None:
        """Forget what was compiled, if tangents may have stood for a gradient there."""
        if self.arguments is not None and not self.arguments.no_tangents:
            self.arguments = replace(self.arguments, no_tangents=True)
            self.compiled = self.run = self.direct = None


@dataclass
class Specialisations:
    """What has been generated so far, by argument types; handles of the same derivative may share it."""

    entries: dict[Any, tuple[Specialisation, ...]] = field(default_factory=dict)
    static: frozenset[str] = frozenset()  # parameters whose values are part of the key


def loaded(program: Program) -> Specialisation:
    return Specialisation(program, load(program.source, program.name, program.bindings))


def lost(name: str) -> DifferentiationError:
    return DifferentiationError(
        f"{name} was unpickled where its function cannot be found", "Make the function importable."
    )
