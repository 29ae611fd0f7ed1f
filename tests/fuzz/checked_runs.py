"""Ways to run compiled functions in which each access is checked, in place of `Compiled.compile_for`.

`run_by_python`: the loop form as Python runs it, with arrays that refuse subscripts outside of their bounds, and storage that
is NaN until it is written. `run_checked_by_numba`: machine code, with Numba's own checks beneath. What is outside has to
be raised by the checks that were generated, and not by these.
"""

from __future__ import annotations

import linecache
import traceback
import zlib
from typing import Any

import numpy as np
from loop_forms import Guarded, in_python

from srcdiff.errors import INCOMPLETE, OF_LISTS
from srcdiff.handles.compiling.jit import Compiled

compile_for = Compiled.compile_for


class GuardedNumPy:
    """NumPy, but for what takes storage."""

    MAKERS = ("empty", "zeros", "ones", "full", "empty_like", "zeros_like", "full_like")

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if name not in self.MAKERS:
            return function

        def made(*args: Any, **kwargs: Any) -> Any:
            array = function(*args, **kwargs)
            if name.startswith("empty") and array.dtype.kind == "f":
                array.fill(np.nan)
            return array.view(Guarded)

        return made


class Unshown(Exception):
    """Python's numbers raise where those of machine code become infinite or NaN: the run shows nothing."""


class Checked(IndexError):
    """Ends a call where a check fails: it is not left to the function itself whether to raise."""

    def __init__(self, error: IndexError) -> None:
        super().__init__(str(error).removesuffix(INCOMPLETE))


def run_by_python(self: Compiled, values: Any) -> None:
    if self.program.refused:
        raise self._refused(self.program.refused)
    text = in_python(self.program.source)
    file = f"<loops {zlib.crc32(text.encode())}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(self.program.bindings)
    exec(compile(text, file, "exec"), namespace)
    namespace["np"] = GuardedNumPy()

    def run(*given: Any) -> Any:
        try:
            guarded = (a.view(Guarded) if isinstance(a, np.ndarray) else a for a in given)
            return namespace[self.program.name](*guarded)
        except IndexError as error:
            line = traceback.extract_tb(error.__traceback__)[-1].line
            if line and line.startswith("raise"):
                raise Checked(error) from error
            if str(error).startswith("list"):  # machine code checks the indices of lists, too
                raise
            raise AssertionError(f"was not checked: {line}") from error
        except ZeroDivisionError as error:
            line = traceback.extract_tb(error.__traceback__)[-1].line
            if line and line.startswith("raise"):
                raise
            raise Unshown from error

    self.function = run


def run_checked_by_numba(self: Compiled, values: Any) -> None:
    compile_for(self, values)
    function: Any = self.function

    def run(*given: Any) -> Any:
        try:
            return function(*given)
        except IndexError as error:
            if str(error).endswith(INCOMPLETE):
                raise Checked(error) from error
            if str(error) in OF_LISTS:
                raise
            raise AssertionError(f"was not checked: {error}") from error

    self.function = run
