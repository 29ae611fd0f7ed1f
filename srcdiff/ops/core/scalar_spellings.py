"""Scalar spellings: generated lines call Python's functions for numbers where NumPy has functions of arrays.

    np.where(c, x, y)   x if c else y       for any numbers
    np.maximum(x, y)    max(x, y)           for Python's numbers
    np.sin(x)           math.sin(x)         if the user's own line gave a Python number: from `math`, or by an operator

The scalar functions are much faster, return no arrays without axes, and are what a person would write.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type, is_complex, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import fixed
from srcdiff.ops.core.type_rules import TypeMistake, make, promote
from srcdiff.ops.elementwise import arithmetic, elementary


def _chosen(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if any(shape_of(a.type) for a in operands):
        raise TypeMistake("`x if c else y` takes numbers")
    dtype, weak = promote(operands[1:])
    return (make(dtype, (), weak),)


choose = operation(
    "choose", template="{1} if {0} else {2}", infer=_chosen, elementwise=True, linear=True, adjoint="any",
    cost="cheap", rule=elementary.where.rule, signature="condition, x, y",
    samples=(fixed(True, 1.5, 0.5, wrt=(1, 2)), fixed(False, 1.5, 0.5, wrt=(1, 2))), takes_complex=True,
)  # fmt: skip


def of_numbers(
    decl: OpDecl, operands: Sequence[Atom], spelling: str, is_python: bool
) -> tuple[OpDecl, str]:
    """The operation and spelling for these operands; `is_python`: the differentiated value is a Python number."""
    if not all(isinstance(a.type, Scalar) for a in operands):
        return decl, spelling
    if decl is elementary.where:
        return (choose, "") if _all_equal(operands[1:]) else (decl, spelling)
    if decl in (arithmetic.maximum, arithmetic.minimum):
        is_weak = all(isinstance(a.type, Scalar) and a.type.weak for a in operands)
        extreme = "max" if decl is arithmetic.maximum else "min"
        return decl, extreme if is_weak else spelling
    function = next((c for c in decl.callables if getattr(c, "__module__", "") == "math"), None)
    if not is_python or function is None or decl.template is not None:
        return decl, spelling
    if any(is_complex(a.type) for a in operands):
        has_complex = hasattr(cmath, function.__name__)
        return decl, f"cmath.{function.__name__}" if has_complex else spelling
    return decl, f"{math.__name__}.{function.__name__}"


def _all_equal(operands: Sequence[Atom]) -> bool:
    """Whether the numbers have one dtype, so that the choice does not change the type of the result."""
    dtypes = {a.type.dtype for a in operands if isinstance(a.type, Scalar) and not a.type.weak}
    return len(dtypes) < 2
