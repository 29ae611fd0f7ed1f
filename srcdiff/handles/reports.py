"""Warnings of generated functions, at the line that calls them."""

from __future__ import annotations

import sys
import warnings
from typing import Protocol

from srcdiff.compile.program import Program
from srcdiff.errors import (
    CompileWarning,
    DifferentiationError,
    DynamicWarning,
    IndependentWarning,
    UnsupportedError,
)
from srcdiff.ir.location import Location
from srcdiff.options import Options


class Independence(Protocol):
    """A program of any form, with the arguments that its result does not depend on."""

    @property
    def source(self) -> str: ...
    @property
    def independent(self) -> tuple[str, ...]: ...
    @property
    def location(self) -> Location | None: ...


def independence(program: Independence, name: str) -> tuple[str, str, Location | None]:
    """The message, the advice and the place for arguments that the result does not depend on."""
    names = ", ".join(repr(n) for n in program.independent)
    message = f"the result of {name} does not depend on {names}; the derivative is zero"
    advice = "Leave it out of argnums, or pass on_independent='ignore'."
    return message, advice, program.location


def warn_independent(program: Independence, name: str) -> None:
    warning = IndependentWarning(*independence(program, name))
    warnings.warn(warning, stacklevel=_frames_to_user())


def warn_numpy(error: DifferentiationError) -> None:
    """Warn that a derivative runs as NumPy, since it cannot be compiled."""
    advice = "Pass jit=False if that is what you want."
    warning = CompileWarning(f"{error.message}, so it runs as NumPy", advice, error.location)
    warnings.warn(warning, stacklevel=_frames_to_user())


def refuse_jit(program: Program, name: str, options: Options) -> None:
    """Refuse `jit=True` for a program without static types."""
    if options.jit is True:
        reason, advice = program.dynamic
        raise UnsupportedError(
            f"{name} cannot be compiled: {reason}",
            f"{advice} Without jit=True it runs in the interpreter.".strip(),
            program.location,
        )


def warn_dynamic(program: Program) -> None:
    """Warn that a derivative is slow, since it has no static types."""
    reason, advice = program.dynamic
    message = f"the derivative runs in the interpreter, which is slow: {reason}"
    warning = DynamicWarning(message, advice, program.location)
    warnings.warn(warning, stacklevel=_frames_to_user())


def _frames_to_user() -> int:
    """For a warning: how many calls up the first line outside srcdiff is."""
    frame, level = sys._getframe(1), 1
    while (
        frame.f_back is not None
        and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "srcdiff"
    ):
        frame, level = frame.f_back, level + 1
    return level
