"""Target legality: an operation or object that Numba does not compile is an error that names it."""

from __future__ import annotations

import re
from collections.abc import Callable

from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.syntax.spelling import routine_of, template_of
from srcdiff.ops.control.adjoint_hooks import outside_call
from srcdiff.ops.control.cuda_launch import is_launch
from srcdiff.ops.core.ufuncs import is_complex_special
from srcdiff.ops.linalg.sparse import SPARSE
from srcdiff.ops.signal.fft import TRANSFORMS
from srcdiff.transforms.lower.loop_nests import NoLoopForm


def only_inside(fn: Function) -> Function:
    """`fn`, as it is.

    Raises
    ------
    NoLoopForm
        For objects that compiled code cannot use: an object outside, a kernel, functions of Python's libraries.
    """
    return _checked(fn, _outside)


def without_scipy(fn: Function) -> Function:
    """`fn`, as it is.

    Raises
    ------
    NoLoopForm
        Where a function of SciPy's is left that compiled code does not have.
    """
    return _checked(fn, _scipy)


def _checked(fn: Function, reason: Callable[[Op], str | None]) -> Function:
    for s in walk(fn.body):
        why = reason(s) if isinstance(s, Op) else None
        if why is not None:
            raise NoLoopForm(why, s.location)
    return fn


def _outside(op: Op) -> str | None:
    if is_launch(op):
        return f"a launch of the kernel {op.decl.spelling}"
    if "applied" in op.attrs:
        return f"`{op.decl.name}` is SciPy's, which calls functions of Python's"
    if op.decl in SPARSE:
        return "a sparse matrix, which is SciPy's"
    if op.decl in TRANSFORMS and not routine_of(op):
        return f"`np.fft.{op.decl.name}`, which has a compiled form with NumPy 2 only"
    if op.decl is outside_call:
        (name,) = op.attrs["bindings"]
        return f"a block of srcdiff.adjoint uses `{name}`, an object from outside"
    return None


def _scipy(op: Op) -> str | None:
    if op.decl.compiled or op.decl.c_function or routine_of(op) or is_complex_special(op):
        return None
    called = re.search(r"\bscipy\.[\w.]+", template_of(op))
    return f"`{called[0]}`, which has no compiled form" if called else None
