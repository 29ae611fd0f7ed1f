"""What users see while generated functions run: warnings at the line that calls them, and waits on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Protocol, TextIO

from srcdiff.compile.program import Program
from srcdiff.errors import (
    CompileWarning,
    DifferentiationError,
    DynamicWarning,
    IndependentWarning,
    UnsupportedError,
)
from srcdiff.handles.locks import COMPILING
from srcdiff.ir.location import Location
from srcdiff.options import Options

AFTER = 1.0  # seconds of waiting until the line is shown
_ADVICE = {  # by stage
    "compiling": "later calls are fast; jit=False starts at once; SRCDIFF_PROGRESS=0 hides this line",
    "generating": "later calls are fast; SRCDIFF_PROGRESS=0 hides this line",
}


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


@contextlib.contextmanager
def shown(stage: str, name: str) -> Iterator[None]:
    """Show what a call waits for, such as "compiling" and "loss_grad", if it takes longer than a second.

    A terminal shows the seconds until the wait is over; other streams get one line. Inside of another wait, and with
    `SRCDIFF_PROGRESS=0` in the environment, nothing is shown.
    """
    if os.environ.get("SRCDIFF_PROGRESS") == "0" or COMPILING.is_nested or sys.stderr is None:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(
        target=_show, args=(f"{stage} {name}", _ADVICE[stage], done, sys.stderr), daemon=True
    )
    try:
        thread.start()
    except RuntimeError:  # no threads here, or the interpreter ends
        yield
        return
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(text: str, advice: str, done: threading.Event, stream: TextIO) -> None:
    started = time.monotonic()
    if done.wait(AFTER):
        return
    with contextlib.suppress(OSError, ValueError):  # the stream may be closed
        if not stream.isatty():
            stream.write(f"srcdiff: {text} ({advice})\n")
            stream.flush()
            return
        from rich.console import Console  # slow to import

        with Console(file=stream).status("") as status:
            while not done.wait(0.25):
                seconds = time.monotonic() - started
                status.update(f"srcdiff: {text}, {seconds:.0f} s ({advice})")
