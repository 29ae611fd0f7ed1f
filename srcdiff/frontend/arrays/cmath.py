"""`cmath`: NumPy's functions of one complex number, and functions that are built from them."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from functools import partial

import gast

from srcdiff.frontend.arrays.apply_op import apply
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Args, FrontValue, Kwargs, sequence
from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import Scalar, is_complex
from srcdiff.ir.values import Atom, const
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.elementwise import arithmetic, complex_numbers, elementary

_SAME = (
    "exp", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "isnan", "isinf", "isfinite",
)  # fmt: skip
_INVERSES = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}


def _number(fr: Frame, node: gast.AST, value: FrontValue) -> Atom:
    """The argument as one of Python's complex numbers."""
    atom = fr.as_atom(value, node)
    if not isinstance(atom.type, Scalar):
        fr.fail(node, "cmath takes one number", "Use NumPy's function of that name.")
    if is_complex(atom.type) and atom.type.weak:
        return atom
    return fr.op(node, complex_numbers.to_complex, atom)


def _called(
    decl: OpDecl, name: str, fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs
) -> FrontValue:
    if len(args) != 1 or kwargs:
        fr.fail(node, f"cmath.{name} takes one number")
    return apply(fr, node, decl, [_number(fr, node, args[0])], {}, f"cmath.{name}")


def _log(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """The logarithm; to a base it is a quotient."""
    log = partial(_called, elementary.log, "log", fr, node)
    if len(args) != 2:
        return log(args, kwargs)
    above, below = (fr.as_atom(log([a], {}), node) for a in args)
    return fr.op(node, arithmetic.divide, above, below)


def _angle(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return _called(complex_numbers.angle, "phase", fr, node, args, kwargs)


def _polar(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    if len(args) != 1:
        fr.fail(node, "cmath.polar takes one number")
    z = _number(fr, node, args[0])
    return sequence(
        [fr.op(node, arithmetic.absolute, z, spelling="abs"), _angle(fr, node, [z], {})]
    )


def _rect(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """The number of an absolute value and an angle."""
    if len(args) != 2 or kwargs:
        fr.fail(node, "cmath.rect takes an absolute value and an angle")
    size, angle = (fr.as_atom(a, node) for a in args)
    angle = fr.op(node, complex_numbers.complex_of, const(0.0), angle)
    rotation = fr.op(node, elementary.exp, angle, spelling="cmath.exp")
    return fr.op(node, arithmetic.multiply, size, rotation)


COMPLEX_CALLS: dict[object, Callable[..., FrontValue]] = {
    **{getattr(cmath, n): partial(_called, OPERATIONS[n], n) for n in _SAME},
    **{getattr(cmath, n): partial(_called, OPERATIONS[d], n) for n, d in _INVERSES.items()},
    cmath.log: _log, cmath.phase: _angle, cmath.polar: _polar, cmath.rect: _rect,
}  # fmt: skip
