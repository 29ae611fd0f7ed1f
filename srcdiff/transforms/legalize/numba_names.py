"""Functions by the names that Numba knows.

%y = cbrt %x        written math.cbrt, becomes np.cbrt
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement

__all__ = ["numba_names"]

_NAMES = {"math.cbrt": "np.cbrt", "math.fmod": "np.fmod", "np.fix": "np.trunc"}


def numba_names(fn: Function) -> Function:
    return _Names()(fn)


class _Names(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.spelling in _NAMES:
            new = replace(new, spelling=_NAMES[new.spelling])
        b.append(new)
