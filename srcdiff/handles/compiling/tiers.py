"""Tiers of `jit="auto"`: the first calls run NumPy, and compiled code follows when it is ready.

A compilation takes a second and more. It begins, in the background, when the calls of a specialisation have taken a
twentieth of that. A call in NumPy that takes as long as a compilation is abandoned, and waits for compiled code.
Compiled code that is slower than NumPy at the same lengths is dropped again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srcdiff.compile.threads import is_worker
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.compiling.time_limit import Limited, TimeIsUp
from srcdiff.handles.locks import COMPILING

if TYPE_CHECKING:
    from srcdiff.cache.compile_worker import Worker
    from srcdiff.handles.specialisations import Specialisation

BEFORE = 0.05  # seconds that the calls take until a compilation begins
LONGEST = 0.3  # seconds after which a call in NumPy waits for compiled code instead
_LONGEST_SHARE = 1e-3  # seconds after a call in which the thread that generates code runs
_SLOWER = 1.2  # times as slow as NumPy: compiled code is dropped
_TRIALS = 5  # calls of either form that are compared

Lengths = tuple[tuple[str, int], ...]
Seconds = tuple[float, float]  # on the wall, and of the processor


class Tier:
    """The form that the calls of one specialisation run until it is settled.

    Attributes
    ----------
    state : str
        "NumPy", "compiling" (calls run NumPy meanwhile), "comparing" (calls run compiled code), "waits" (the next call
        compiles), or "settled".
    run : callable or None
        The form of all later calls, where `state` is "settled".
    decided : str
        Why a compilation was requested; empty as long as it was not.
    """

    def __init__(
        self,
        made: Specialisation,
        generate: Callable[[], Compiled],
        settle: Callable[[Sequence[object]], Callable[..., object]],
    ) -> None:
        self.made = made
        self.generate = generate
        self.settle = settle  # compiles for values like these
        self.state = "NumPy"
        self.run: Callable[..., object] | None = None
        self.decided = ""
        self._limited = Limited(made.program, made.function)
        self._spent = 0.0  # seconds in calls
        # the latest calls, by lengths and form
        self._calls: dict[Lengths, dict[str, deque[Seconds]]] = {}
        self._trials = 0  # calls of compiled code
        self._lock = threading.Lock()

    def form(
        self, values: Sequence[object], lengths: Mapping[str, int]
    ) -> Callable[..., Any] | None:
        """What this call runs; None where the form is settled, or the call has to compile."""
        at = tuple(lengths.items())
        if self.state == "NumPy" and self._limited.loops and not self.made.program.repeatable:
            self._wait("it has loops, and effects that two calls would show")
        if self.state == "NumPy" and self._spent >= BEFORE:
            self.compile_in_background(values)
        if self.state == "comparing" and self._trials >= _TRIALS:
            self._settle()
        if self.state in ("waits", "settled"):
            return None
        compiled = self.made.compiled if self.state == "comparing" else None
        return self._in_numpy(at) if compiled is None else self._timed(compiled, "compiled", at)

    def _wait(self, reason: str) -> None:
        self.state = "waits"
        self.decided = reason

    def _in_numpy(self, at: Lengths) -> Callable[..., object]:
        """A call in NumPy, or after the limit the compiled function."""
        run = self._timed(functools.partial(self._limited, LONGEST), "NumPy", at)

        def call(*values: object) -> Any:
            with contextlib.suppress(TimeIsUp):
                return run(*values)
            self._wait(f"a call in NumPy had not ended after {LONGEST} s")
            return self.settle(values)(*values)

        return call

    def _timed(self, run: Callable[..., object], form: str, at: Lengths) -> Callable[..., object]:
        forms = self._calls.setdefault(at, {})
        calls = forms.setdefault(form, deque(maxlen=_TRIALS))

        def call(*values: object) -> Any:
            wall, processor = time.perf_counter(), time.process_time()
            found = run(*values)
            taken = time.perf_counter() - wall, time.process_time() - processor
            self._spent += taken[0]
            self._trials += form == "compiled"
            calls.append(taken)
            if self.state == "compiling":
                from srcdiff.handles.compiling.background import BACKGROUND  # it is there by now

                BACKGROUND.share(min(taken[0], _LONGEST_SHARE))
            return found

        return call

    def begin_again(self) -> None:
        """Leave a compilation to the process that this one was forked from."""
        self._lock = threading.Lock()
        if self.state == "compiling":
            self.state = "NumPy"

    def compile_in_background(self, values: Sequence[object]) -> None:
        """Compile for values like these in the background of the calls that follow."""
        with self._lock:
            if self.state != "NumPy":
                return
            self._wait(f"calls in NumPy had taken {BEFORE} s")
            if is_worker() or os.environ.get("SRCDIFF_CACHE") == "off":
                return  # the other cores are taken, or there is no folder for the code
            from srcdiff.handles.compiling.background import BACKGROUND  # slow to import

            self.state = "compiling"
            BACKGROUND.submit(lambda worker: self._compile(worker, values))

    def _compile(self, worker: Worker | None, values: Sequence[object]) -> None:
        from srcdiff.handles.compiling.background import BACKGROUND  # slow to import

        state = "waits"  # also where there is an error, which the next call raises
        try:
            compiled = self.generate()
            if worker is not None and compiled.compile_by(worker, values):
                with BACKGROUND.native, COMPILING:
                    compiled.compile_for(values)
                state = "comparing"
        except Exception:  # of any class, as Numba raises them
            pass
        finally:
            if self.state == "compiling":
                self.state = state

    def _settle(self) -> None:
        """Compare the fastest calls of both forms at the lengths at which both have run, by either clock: other
        programs disturb the one, and threads the other.
        """
        both = [t for t in self._calls.values() if len(t) == 2]
        ratio = min((_ratio(t["compiled"], t["NumPy"]) for t in both), default=0.0)
        self.run = self.made.compiled
        if ratio > _SLOWER:
            self.run = self.made.function
            self.made.refused = f"compiled code takes {ratio:.1f} times as long"
        self.state = "settled"


def _ratio(calls: Collection[Seconds], others: Collection[Seconds]) -> float:
    ratios = [min(c[k] for c in calls) / max(min(c[k] for c in others), 1e-9) for k in (0, 1)]
    return min(ratios)


def wait() -> None:
    """Return when the compilations in the background have ended.

    Calls of functions with `jit="auto"` run NumPy at first. Compilation begins when they have taken 50 ms.
    `g.compile(*args)` compiles at once.
    """
    if "srcdiff.handles.compiling.background" in sys.modules:  # otherwise there is none
        from srcdiff.handles.compiling.background import BACKGROUND  # slow to import

        BACKGROUND.wait()
