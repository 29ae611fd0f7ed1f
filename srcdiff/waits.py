"""What a call that takes long shows on stderr: the stage, the function, and on a terminal the seconds."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TextIO

AFTER = 1.0  # seconds until the line is shown
_ADVICE = {  # by stage
    "compiling": "later calls are fast; jit=False starts at once; ",
    "generating": "later calls are fast; ",
    "fitting": "fewer steps take less time; ",
}
_IS_SHOWN = ContextVar("is_shown", default=False)


@contextlib.contextmanager
def shown(stage: str, name: str) -> Iterator[None]:
    """Show what a call waits for, such as "compiling" and "loss_grad", if it takes longer than a second.

    A terminal shows the seconds until the wait is over; other streams get one line. Inside of another wait, and with
    `SRCDIFF_PROGRESS=0` in the environment, nothing is shown.
    """
    if os.environ.get("SRCDIFF_PROGRESS") == "0" or _IS_SHOWN.get() or sys.stderr is None:
        yield
        return
    advice = f"{_ADVICE.get(stage, '')}SRCDIFF_PROGRESS=0 hides this line"
    done = threading.Event()
    thread = threading.Thread(
        target=_show, args=(f"{stage} {name}", advice, done, sys.stderr), daemon=True
    )
    try:
        thread.start()
    except RuntimeError:  # no threads here, or the interpreter ends
        yield
        return
    outer = _IS_SHOWN.set(True)
    try:
        yield
    finally:
        _IS_SHOWN.reset(outer)
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
