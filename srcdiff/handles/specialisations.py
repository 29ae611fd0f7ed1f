"""Specialisations: the programs of a derivative that were generated so far, by argument types and lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.codegen.module.load import load
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.program import Program
from srcdiff.errors import DifferentiationError
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.compiling.tiers import Tier
from srcdiff.handles.fast_call import DirectCall

_MOST = 32  # specialisations that are kept for one set of types, where global values change


@dataclass
class Specialisation:
    """One generated program: its text, its function, and the types that it was generated for.

    Attributes
    ----------
    arguments : Arguments or None
        Types and lengths only.
    compiled : Compiled or None
        The loop form, once it was generated.
    refused : str
        Why calls run NumPy although compilation was requested.
    run : callable or None
        The function of calls after the first: the compiled loop form, or `function`.
    direct : callable or None
        `run` for arguments that need no binding.
    tier : Tier or None
        What calls run until `run` is settled, with `jit="auto"`.
    shared : dict
        Functions in IR that the program was made of, kept until the loop form is generated.
    """

    program: Program
    function: Callable[..., Any]
    arguments: Arguments | None = None
    compiled: Compiled | None = None
    refused: str = ""
    run: Callable[..., Any] | None = None
    direct: DirectCall | None = None
    tier: Tier | None = None
    shared: dict[object, Any] = field(default_factory=dict)

    def fits(self, lengths: Mapping[str, int]) -> bool:
        """Whether the assumptions about lengths hold for other lengths."""
        if self.compiled is not None and not self.compiled.program.fits(lengths):
            return False
        return self.program.fits(lengths)

    def without_tangents(self) -> None:
        """Forget the compiled code, if it may compute a gradient by tangents."""
        if self.arguments is not None and not self.arguments.no_tangents:
            self.arguments = replace(self.arguments, no_tangents=True)
            self.compiled = self.run = self.direct = self.tier = None


@dataclass
class Specialisations:
    """The specialisations by argument types; handles of the same derivative may share them."""

    entries: dict[Any, tuple[Specialisation, ...]] = field(default_factory=dict)
    static: frozenset[str] = frozenset()  # parameters whose values are part of the key

    def add(self, key: object, entry: Specialisation) -> None:
        """Add a specialisation for argument types; it is tried first."""
        self.entries[key] = (entry, *self.entries.get(key, ())[: _MOST - 1])


def loaded(program: Program) -> Specialisation:
    return Specialisation(program, load(program.source, program.name, program.bindings))


def lost(name: str) -> DifferentiationError:
    return DifferentiationError(
        f"{name} was unpickled where its function cannot be found", "Make the function importable."
    )
