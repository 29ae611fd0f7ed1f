"""Device legality: operations and types that device code cannot express are errors at their line."""

from __future__ import annotations

from collections.abc import Callable

from srcdiff.ir.core import Call, Function, Op, Statement, walk
from srcdiff.ir.recursion import is_recursive
from srcdiff.ir.types import Array, List, Scalar, Struct, has_lists
from srcdiff.ops.control.control import undefined
from srcdiff.ops.control.cuda_scalar import device_text
from srcdiff.transforms.lower.loop_nests import NoLoopForm

# operations on arrays that are legal: elements, parts, lengths, storage
_OF_ARRAYS = frozenset({
    "index", "store", "add_into", "axis_length", "length", "size", "element_count", "local_array", "get", "unpack",
    "pack", "test", "empty", "empty_of", "empty_like", "zeros", "zeros_of", "zeros_like", "ones", "ones_like", "copy",
    "expand", "shared_array", "atomic_add", "atomic_max", "constant_array",
})  # fmt: skip


def device_values(fn: Function) -> Function:
    """`fn`, unchanged; called before storage becomes parameters.

    Raises
    ------
    NoLoopForm
        For lists, recursion, and number types that devices do not have.
    """
    for p in fn.params:
        if has_lists(p.type):
            raise NoLoopForm(f"{p.name} is or has a list, and devices have none: pass an array")
    return _checked(fn, _of_values)


def device_checks(fn: Function) -> Function:
    """`fn`, unchanged.

    Raises
    ------
    NoLoopForm
        For operations that devices do not have.
    """
    # reported first: the errors of the code around them would be misleading
    _checked(fn, _of_factors)
    return _checked(fn, _of_operations)


def _checked(fn: Function, reason_of: Callable[[Statement], str]) -> Function:
    for s in walk(fn.body):
        reason = reason_of(s)
        if reason:
            raise NoLoopForm(reason, s.location)
    return fn


def _of_values(s: Statement) -> str:
    if isinstance(s, Call) and is_recursive(s.function):
        return "a function that calls itself: kernels have no recursion"
    if isinstance(s, Call):
        return f"a call of {s.function.name}, which is not part of the kernel"
    values = (*s.operands, *s.results)
    lists = [v.type for v in values if isinstance(v.type, List)]
    if any(isinstance(t.element, Array | Struct | List) for t in lists):
        return "a list of arrays: devices have none, but rows of one array"
    if any(has_lists(v.type) for v in values):
        return "a list, as it keeps what iterations of unknown number make: devices have none"
    if any(
        isinstance(v.type, Scalar | Array) and v.type.dtype.startswith("complex") for v in values
    ):
        return "complex numbers"
    return ""


_FACTORS = (
    "potrf", "definite_solve", "definite_logdet", "getrf", "shared_solve", "shared_logdet",
)  # fmt: skip


def _of_factors(s: Statement) -> str:
    if not isinstance(s, Op) or not _is_of_arrays(s):
        return ""
    if _called(s).startswith("np.linalg.") or s.decl.name in _FACTORS:
        return f"{_called(s)}: devices have no LAPACK"
    return ""


def _is_of_arrays(op: Op) -> bool:
    values = (*op.operands, *op.results)
    return any(isinstance(v.type, Array) for v in values) and op.decl.name not in _OF_ARRAYS


def _of_operations(s: Statement) -> str:
    if not isinstance(s, Op):
        return ""
    if s.decl is undefined and isinstance(s.result.type, Array):
        return "an array that not every iteration or branch makes: make it before them"
    if _is_of_arrays(s):
        return f"{_called(s)} of arrays: kernels have loops over numbers only"
    if s.decl.name in _OF_ARRAYS:
        return ""
    return "" if device_text(s) is not None else f"{_called(s)}, which devices do not have"


def _called(op: Op) -> str:
    return op.spelling if "." in op.spelling.strip(".") else op.decl.spelling or op.decl.name
