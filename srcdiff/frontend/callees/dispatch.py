"""Calls of Python objects: functions with rules, functions of SciPy and NumPy, the user's functions and classes.

The order of the cases is `_KINDS`: the first that takes the callee reads the call.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from types import FunctionType
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.apply_op import apply, spelled
from srcdiff.frontend.arrays.out_arguments import WRITING, into_out
from srcdiff.frontend.arrays.sparse import format_of, is_matrix, made_matrix, product, solved
from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.callees.builtins import BUILTINS
from srcdiff.frontend.callees.composites import takes, with_arrays
from srcdiff.frontend.callees.objects import BUILTINS as OBJECTS
from srcdiff.frontend.callees.objects import is_own_class, make_object
from srcdiff.frontend.callees.records import RECORDS, construct, is_record_class
from srcdiff.frontend.callees.unknown_callees import refuse_unknown
from srcdiff.frontend.callees.vectorized_functions import call_by_element, is_by_element
from srcdiff.frontend.calls.inline import call_composite, call_function
from srcdiff.frontend.containers.container_views import ROW_MAKERS, args_again, show
from srcdiff.frontend.containers.dunder_methods import call_dunder, operated
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.string_formatting import write
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    Piece,
    Stream,
    is_static,
    static,
)
from srcdiff.frontend.derivatives.cuda_intrinsics import kernel_call
from srcdiff.frontend.derivatives.cuda_launches import Configured, launch
from srcdiff.frontend.derivatives.derivative_calls import call_derived, for_call, is_derived
from srcdiff.frontend.derivatives.derivative_constructors import (
    Made,
    Pulled,
    call_made,
    call_pulled,
    make,
    makes_derivative,
)
from srcdiff.frontend.derivatives.solver_calls import call_solver
from srcdiff.frontend.effects.effects import EFFECTS
from srcdiff.frontend.effects.handlers import call_effect
from srcdiff.frontend.iteration.iterable_builtins import BUILTINS as ITERATION
from srcdiff.frontend.iteration.iterable_builtins import checkpointed
from srcdiff.frontend.iteration.iterables import taken
from srcdiff.frontend.iteration.iterators import (
    ITERATORS,
    iterates_argument,
    makes_iterator,
    single_pass,
)
from srcdiff.frontend.iteration.itertools import ITERTOOLS
from srcdiff.frontend.source.wrappers import (
    distribution_name,
    distribution_parameters,
    function_of,
    is_library,
    is_own_method,
)
from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import Dim, Struct, is_float
from srcdiff.ir.values import Value, const, known_dim
from srcdiff.ops.arrays.containers import get
from srcdiff.ops.control.control import stop_gradient
from srcdiff.ops.control.cuda_kernel import Named
from srcdiff.ops.control.solvers import solver_of
from srcdiff.ops.core.registry import (
    Composite,
    find,
    find_composite,
    is_evaluated,
    own_rule,
    refuse,
    same_length,
)
from srcdiff.ops.library.signal.interpolate import interpolant


def call_known(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue:
    """A call of a Python object."""
    for kind in _KINDS:
        found = kind(fr, node, function, args, kwargs)
        if found is not None:
            return found
    refuse_unknown(fr, node, function)


# ---- what a call may be of; None: it is not --------------------------------------------------------------------


def _of_ours(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Rules, methods of numbers that the user's classes have, effects, kernels, checkpoints."""
    declared = own_rule(function)
    if declared is not None:
        return apply(fr, node, declared, args, kwargs, "")
    own = _NUMBER_METHODS.get(function) if is_hashable(function) and len(args) == 1 else None
    found = None if own is None else call_dunder(fr, node, args[0], own)
    if found is None and is_hashable(function) and function in _OPERATORS and len(args) == 2:
        found = operated(fr, node, _OPERATORS[function], args[0], args[1])
    if found is not None:
        return found
    if getattr(function, "srcdiff_effect", None) is not None:
        return call_effect(fr, node, function, args, kwargs)
    of_effects = EFFECTS.get(getattr(function, "srcdiff_reads", ""))
    if of_effects is not None:
        return of_effects(fr, node, args, kwargs)
    if isinstance(function, Configured):
        return launch(fr, node, function, args, kwargs)
    if isinstance(function, Named):
        return kernel_call(fr, node, function, args, kwargs)
    if getattr(function, "marks_checkpoints", False) is True:
        return checkpointed(fr, node, args, kwargs)
    return None


def _of_python(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Builtins and their like, and what writes into `out=`."""
    if any(isinstance(a, Stream) for a in args) and takes_all(function):
        args = [taken(fr, a, node) for a in args]
    written = into_out(fr, node, function, args, kwargs)
    special = SPECIAL.get(function) if is_hashable(function) else None
    if written is not None or special is None:
        return written
    made = special(fr, node, args, kwargs)
    if makes_iterator(function):
        makes_rows = function in ROW_MAKERS and isinstance(made, Parts)
        view = (
            (lambda: special(fr, node, args_again(fr, node, args), kwargs)) if makes_rows else None
        )
        show(fr, node, args, view)
    return single_pass(fr, node, made) if makes_iterator(function) else made


def _of_rules(
    fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Functions for rules: operations, conditions on lengths, refusals; and functions that are evaluated here."""
    if isinstance(function, OpDecl):
        return apply(fr, node, function, args, kwargs, "")
    if is_evaluated(function) or getattr(function, "srcdiff_evaluated", False) is True:
        known = [static(a) if is_static(a) else need_static(fr, a, node) for a in args]
        return from_python(fr, fr.evaluated(node, function, *known), "", node)
    if function is same_length:
        return const(_are_same(fr, *(known_dim(fr.as_atom(a, node)) for a in args)))
    if function is refuse:
        fr.fail(node, *map(static, args))
    return None


def _of_scipy(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Solvers, and sparse matrices."""
    solver = solver_of(function)
    if solver is not None:
        return call_solver(fr, node, function, solver, args, kwargs)
    if format_of(function):
        return made_matrix(fr, node, function, args, kwargs)
    name = getattr(function, "__name__", "")
    if name == "spsolve" and len(args) == 2 and is_matrix(args[0]):
        return solved(fr, node, args)
    owner = Known(getattr(function, "__self__", None))
    if name == "dot" and is_matrix(owner) and len(args) == 1:
        return product(fr, node, owner, args[0], (getattr(node.func, "value", node), node))
    return None


def _of_arrays(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Declared functions: composites and operations."""
    composite, decl = find_composite(function), find(function)
    if composite is not None and takes(fr, node, composite, args, kwargs, decl):
        return call_composite(fr, node, composite, *with_arrays(fr, node, composite, args, kwargs))
    if decl is stop_gradient and len(args) == 1 and not kwargs:
        return _stopped(fr, node, args[0])
    if decl is not None:
        return apply(fr, node, decl, args, kwargs, spelled(function, decl))
    outside = interpolant(function)
    if outside is None:
        return None
    known, arrays, named = outside
    first = [from_python(fr, v, f"{_name_of(node)}_{k}", node) for k, v in arrays.items()]
    given = {**kwargs, **{k: const(v) for k, v in named.items()}}
    return call_composite(fr, node, Composite(known), [*first, *args], given)


def _of_derivatives(
    fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    function = for_call(function, len(args), tuple(kwargs))
    if is_derived(function):
        return call_derived(fr, node, function, args, kwargs)
    if isinstance(function, Made):
        return call_made(fr, node, function, args, kwargs)
    if isinstance(function, Pulled):
        return call_pulled(fr, node, function, args, kwargs)
    if makes_derivative(function):
        return make(fr, node, function, args, kwargs)
    if getattr(function, "marks_adjoint", False):
        fr.fail(
            node,
            "`srcdiff.adjoint` is called here outside of a `with` of its own",
            "Write `with srcdiff.adjoint(y) as d_y:`, one for each name, and other contexts around it.",
        )
    if _is_ours(function):
        name = getattr(function, "__name__", "this")
        fr.fail(
            node,
            f"`{name}` is srcdiff's, and cannot be called inside a function that is differentiated",
            "Make the derivative outside, as in g = srcdiff.grad(f), and call that: g(x).",
        )
    return None


def _of_classes(
    fr: Frame, node: gast.AST, function: object, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    if function is functools.partial:
        return Piece(args[0], tuple(args[1:]), tuple(kwargs.items()))
    names = distribution_parameters(function) if distribution_name(function) else []
    if names and len(args) <= len(names):  # its methods get the parameters: see `attribute`
        named = dict(zip(names, args, strict=False)) | dict(kwargs)
        return Piece(Known(function), (), tuple(named.items()))
    if not isinstance(function, type):
        return None
    if is_own_class(function) and not is_record_class(function):
        return make_object(fr, node, function, args, kwargs)
    return construct(fr, node, function, args, kwargs)


def _of_users(
    fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Functions that are read, methods of objects outside, and objects that are called."""
    plain = function_of(function)
    inner = find(plain)
    if inner is not None:
        return apply(fr, node, inner, args, kwargs, spelled(plain, inner))
    if is_by_element(function, args, kwargs):
        return call_by_element(fr, node, function, args, kwargs)
    if type(plain) is FunctionType and not is_library(plain):
        return call_function(fr, node, function, args, kwargs)
    if is_own_method(function):
        receiver = from_python(fr, function.__self__, "self", node)
        return call_function(fr, node, function.__func__, [receiver, *args], kwargs)
    call = vars(type(function)).get("__call__")
    if isinstance(call, FunctionType) and not is_library(call):
        return call_function(fr, node, call, [Known(function), *args], kwargs)
    return None


def _of_constants(
    fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Functions with the same result in each call."""
    if is_hashable(function) and function in _OF_INTEGERS:
        for a in args:
            if not is_static(a):
                need_static(fr, a, node)
    if not _is_pure(function) or not all(map(is_static, (*args, *kwargs.values()))):
        return None
    value = function(*map(static, args), **{k: static(v) for k, v in kwargs.items()})
    return from_python(fr, value, gast.unparse(node).strip(), node)


def _of_logging(
    fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs
) -> FrontValue | None:
    """Messages of `logging`: they stay in the forward part, as those of `print` do."""
    logging = sys.modules.get("logging")  # a program that calls it has imported it
    if logging is None or getattr(function, "__name__", "") not in _LEVELS:
        return None
    owner = getattr(function, "__self__", None)
    if isinstance(owner, logging.Logger):
        return write(
            fr, node, f"logging.getLogger({owner.name!r}).{function.__name__}", args, kwargs
        )
    if getattr(logging, function.__name__) is function:
        return write(fr, node, f"logging.{function.__name__}", args, kwargs)
    return None


_LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")

_KINDS = (
    _of_ours, _of_logging, _of_python, _of_rules, _of_scipy, _of_arrays, _of_derivatives, _of_classes, _of_users,
    _of_constants,
)  # fmt: skip


# ---- properties of a callee -------------------------------------------------------------------------------------


def _name_of(node: gast.AST) -> str:
    """The callee's name, as a part of names."""
    text = gast.unparse(node.func).strip()
    return text if text.isidentifier() else "interpolant"


def _are_same(fr: Frame, a: Dim | None, b: Dim | None) -> bool:
    return a is not None and b is not None and fr.session.shapes.same(a, b)


SPECIAL = {**BUILTINS, **ITERTOOLS, **RECORDS, **WRITING, **OBJECTS, **ITERATION, **ITERATORS}
_OPERATORS = {
    operator.add: gast.Add(), operator.sub: gast.Sub(), operator.mul: gast.Mult(), operator.truediv: gast.Div(),
    operator.pow: gast.Pow(), operator.matmul: gast.MatMult(), operator.floordiv: gast.FloorDiv(),
    operator.mod: gast.Mod(),
}  # fmt: skip
_NUMBER_METHODS = {
    abs: "__abs__", float: "__float__", int: "__int__", round: "__round__", reversed: "__reversed__",
    math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__",
}  # fmt: skip


def takes_all(function: object) -> bool:
    """Whether a call takes all that iterators among its arguments have to give."""
    if (
        not is_hashable(function)
        or not iterates_argument(function)
        or own_rule(function) is not None
    ):
        return False
    if function in RECORDS or function in OBJECTS:
        return False
    return function in SPECIAL


def _is_ours(function: object) -> bool:
    """Whether this is `grad` or the like, or a generated function."""
    maker = function if isinstance(function, FunctionType | type) else type(function)
    ours = maker.__module__ in (
        "srcdiff.api",
        "srcdiff.markers",
        "srcdiff.inspect.check_grads",
        "srcdiff.handles.differentiable",
        "srcdiff.handles.generated",
        "srcdiff.compat.autograd_names",
    )
    return ours and not hasattr(function, "__wrapped__")


_OF_INTEGERS = (math.comb, math.perm, math.factorial, math.gcd, math.lcm, math.isqrt)


def _is_pure(function: object) -> bool:
    return (
        function in (len, str, repr, np.dtype, np.finfo, np.iinfo, hash, ord, chr, *_OF_INTEGERS)
        if is_hashable(function)
        else False
    )


def is_hashable(function: object) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _stopped(fr: Frame, node: gast.AST, value: FrontValue) -> FrontValue:
    """`stop_gradient` of a number, an array, or each part of a container."""
    if isinstance(value, Value) and isinstance(value.type, Struct):
        parts = [_stopped(fr, node, fr.op(node, get, value, key=k)) for k in value.type.keys]
        return Parts(value.type.kind, value.type.keys, tuple(parts), value.type.cls)
    if isinstance(value, Parts):
        stopped = [_stopped(fr, node, v) for v in value.values]
        return Parts(value.kind, value.keys, tuple(stopped), value.cls)
    if isinstance(value, Value) and is_float(value.type):
        return fr.op(node, stop_gradient, value)
    return value
