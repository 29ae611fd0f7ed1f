"""Declarations of SciPy's ufuncs: their dtypes, the samples of a smooth ufunc, and its C function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type, is_complex
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample, binary, unary
from srcdiff.ops.core.type_rules import broadcast_shape, floating, make, numeric

# rules write `special.expit`: the name `expit` alone would be the declared operation
special = LazyModule("scipy.special")


_PYTHON = {"bool": np.dtype(bool), "int64": int, "float64": float, "complex128": complex}


def _as_ufunc(
    name: str, shapes: Shapes, operands: Sequence[Atom], attrs: Attrs
) -> tuple[Type, ...]:
    """The dtype that the ufunc chooses: for Python's numbers, the dtype depends on the order of the ufunc's loops."""
    given: list[Any] = []
    for operand in operands:
        type_ = numeric(operand)
        is_weak = isinstance(type_, Scalar) and type_.weak
        given.append(_PYTHON[type_.dtype] if is_weak else np.dtype(type_.dtype))
    *_, chosen = getattr(special, name).resolve_dtypes((*given, None))
    return (make(chosen.name, broadcast_shape(shapes, operands)),)


def is_complex_special(op: Op) -> bool:
    """Whether an operation is a function of `scipy.special` with complex numbers."""
    name = op.decl.callables[0] if op.decl.callables else ""
    is_special = str(name).startswith("scipy.special.") and op.decl.elementwise
    return is_special and any(is_complex(a.type) for a in op.operands)


def complex_name(op: Op) -> str:
    """The function's name in `srcdiff.runtime.complex_special`."""
    return f"complex_{op.decl.callables[0].rpartition('.')[2]}"


def smooth(
    low: float = -2.0, high: float = 2.0, *more: Sample, two: bool = False
) -> dict[str, Any]:
    """The fields of a function of floats, with samples drawn from an interval."""
    return {
        "infer": floating,
        "elementwise": True,
        "samples": (*(binary if two else unary)(low, high), *more),
    }


def special_function(
    *others: str,
    low: float = -2.0,
    high: float = 2.0,
    samples: Sequence[Sample] = (),
    count: int = 1,
    **fields: object,
) -> Callable[[object], object]:
    """Declare the ufunc of `scipy.special` that has the rule's name; `others` are further names of the ufunc.

    Compiled code calls its C function. The samples of one or two operands are drawn from an interval.
    """
    drawn = {0: (), 1: unary(low, high), 2: binary(low, high)}[count]

    def register(rule: Any) -> Any:
        name = rule.__name__
        callables = [f"scipy.special.{n}" for n in (name, *others)]
        given = {
            "infer": partial(_as_ufunc, name),
            "elementwise": True,
            "c_function": name,
            "samples": (*drawn, *samples),
        }
        return declare(*callables, **(given | fields))(rule)

    return register
