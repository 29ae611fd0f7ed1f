"""Forward mode for scalars: a gradient with respect to one or two numbers is computed by tangents.

    while y > 0.0:                      while y > 0.0:
        ys.append(y)                        y_dot = ...
        y = ...                 becomes     y = ...
    for y in reversed(ys):              return y_dot
        d_y = ...

It applies to programs with loops whose values reverse mode would store. A tangent costs about as much as the program,
and stores nothing. Compiled code uses it; the text in NumPy is reverse mode, as for any other argument. A constant has
the tangent 0. Where a slope is infinite, as that of a square root at 0, the product is NaN, though reverse mode may not
need it. Then the call runs once more in NumPy, and later calls run reverse mode compiled (`handles/generated.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.compile.program import Derived
from srcdiff.errors import INCOMPLETE, UnsupportedError
from srcdiff.ir.build import Builder, Env, clone_region
from srcdiff.ir.core import For, Function, Node, Op, Region, Statement, While, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.control.adjoint_hooks import adjoint_block
from srcdiff.ops.elementwise import rounding

_FEW = 2  # numbers: reverse mode costs two to three times the program, however many there are
Tangent = Callable[[Function, int], Function]  # of a prepared function, by one of its parameters


def is_by_few_numbers(derived: Derived, primal: Function) -> bool:
    """Whether tangents may replace a gradient: no option and no directive needs reverse mode."""
    options = derived.options
    types = [primal.params[k].type for k in derived.wrt]
    return (
        options.residuals == "auto"
        and not options.has_aux
        and len(types) <= _FEW
        and all(isinstance(t, Scalar) and t.dtype == "float64" for t in types)
        and not any(_is_of_reverse_mode(s) for f in callees_first(primal) for s in walk(f.body))
    )


def _is_of_reverse_mode(s: Statement) -> bool:
    if isinstance(s, Op):
        return s.decl is adjoint_block
    return isinstance(s, For) and s.slots > 0


def stores_iterations(gradient: Function) -> bool:
    """Whether iterations of a loop store values for the backward part."""
    loops = (s for s in walk(gradient.body) if isinstance(s, For | While))
    return any(
        isinstance(s, Op) and s.origin == "compiler" and s.decl in (memory.store, containers.append)
        for loop in loops
        for s in walk(loop.body)
    )


def along_numbers(
    wrt: Sequence[int], primal: Function, gradient: Function, tangent: Tangent, has_value: bool
) -> Function:
    """The derivative with respect to numbers, from tangents; `gradient` itself where a tangent is not supported."""
    fn = primal
    try:
        for k in wrt:
            fn = _along_one(tangent(fn, k), len(fn.body.yields))
    except UnsupportedError:
        return gradient
    value, *dots = fn.body.yields
    b = Builder(origin="compiler", location=primal.location)
    for dot in dots:
        message = f"a derivative is not a number{INCOMPLETE}"
        control.raise_if(b, b.op(rounding.isnan, dot), FloatingPointError, message)
    yields = (value, *dots) if has_value else tuple(dots)
    body = replace(fn.body, body=(*fn.body.body, *b.body), yields=yields)
    return replace(gradient, name=fn.name, body=body, doc=fn.doc, location=fn.location)


def _along_one(tangent: Function, count: int) -> Function:
    """A tangent of `count` results along 1.0: the results, and the derivative of the first one. Derivatives of the
    other results are left out, and the next tangent does not differentiate the statements of this one.
    """
    *params, direction = tangent.params
    env: Env = {direction: const(1.0), **{p: p for p in params}}
    body = clone_region(replace(tangent.body, params=()), env)
    b = Builder(origin="tangent")
    dot = b.op(control.stop_gradient, body.yields[count])
    yields = (*body.yields[:count], dot)
    statements = (*body.body, *b.body)
    output = Node("tuple", tuple(range(count + 1)), tuple(range(count + 1)))
    return replace(tangent, body=Region(tuple(params), statements, yields), output=output)
