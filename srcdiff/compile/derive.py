"""Derivatives as programs in IR: where frontend and transforms meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcdiff.compile.batch import batch_of, items_of
from srcdiff.compile.differentiability import check_differentiable, check_scalar
from srcdiff.compile.forward_for_scalars import along_numbers, is_by_few_numbers, keeps_turns
from srcdiff.compile.jacobians import (
    chosen_mode,
    complex_directions,
    matrix,
    part_of_result,
    real_part,
    summed,
    with_aux,
    with_parts_as_results,
)
from srcdiff.compile.program import SEMIRINGS, Derived, Size
from srcdiff.compile.program_facts import with_program_facts
from srcdiff.compile.result_ownership import as_user, refuse_writes_outside
from srcdiff.compile.signature import Arguments
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.derivatives.services import register
from srcdiff.frontend.rule_parser import parse_forward_rule, parse_rule
from srcdiff.frontend.source.function_source import calling
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Function, Node, OpDecl, Tree, Value
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Type, is_float
from srcdiff.ops.core.registry import own_rule
from srcdiff.transforms.analysis.defuse import rename
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import (
    ahead,
    finished,
    gradient,
    prepare,
    simplified,
    tangent,
)
from srcdiff.transforms.semiring.entropy import entropy_of
from srcdiff.transforms.semiring.log_semiring import beginnings, check_weights
from srcdiff.transforms.semiring.pipeline import (
    in_semiring,
    max_marginals,
    with_best,
    with_trees,
)

__all__ = ["backward", "derive", "read"]

WITHOUT: frozenset[str] = frozenset()  # analyses of storage that tests leave out
_PLAIN = (bool, int, float, str, type(None))

DOCS = {
    "batch": "`{f}` of many items.",
    "value": "Value of `{f}`.",
    "simplify": "`{f}`, with what it calls put in place.",
    "max": "The largest term of `{f}`: with maxima in place of its sums of exponentials.",
    "count": "How many terms `{f}` is the sum of, but for those that -inf forbids.",
    "scan": "`{f}`, with loops whose turns can be grouped in any way as trees.",
    "kbest": "The largest terms of `{f}`, in descending order; -inf where there are fewer.",
    "entropy": "Entropy of what `{f}` sums over, with {wrt} for its potentials.",
    "max_marginals": "For each element of {wrt}, the largest term of `{f}` that it is part of.",
    "argmax": "The largest term of `{f}`, and its derivative with respect to {wrt}: the statistics of that term.",
    "sample": "Value of `{f}`, and its derivative with respect to {wrt}: statistics of a term drawn with {further}.",
    "grad": "Gradient of `{f}` with respect to {wrt}.",
    "value_and_grad": "Value and gradient of `{f}` with respect to {wrt}.",
    "elementwise_grad": "Elementwise gradient of `{f}` with respect to {wrt}.",
    "holomorphic_grad": "Complex derivative of `{f}` with respect to {wrt}.",
    "vjp": "Value of `{f}`, and its derivative with respect to {wrt} weighted by {further}.",
    "jvp": "Value of `{f}` and its derivative along {further}.",
    "hvp": "Hessian of `{f}` with respect to {wrt}, times {further}.",
    "jacobian": "Jacobian of `{f}` with respect to {wrt}.",
    "hessian": "Hessian of `{f}` with respect to {wrt}.",
}


class _Services:
    """What the frontend needs of later stages to read a program that takes derivatives itself."""

    def __init__(self) -> None:
        self._kernels: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    def derive(
        self, handle: Any, types: Mapping[str, Type], lengths: Mapping[str, int], any_lengths: bool
    ) -> Function:
        s = handle.signature
        given = tuple(types[n] for n in s.names)
        arguments = Arguments(s.names, given, lengths, s.wrt, (), (), s.defaults, any_lengths)
        return as_user(derive(handle.derived, arguments, Recorder()))

    def make(self, kind: str, function: Any, options: dict[str, Any]) -> Any:
        from srcdiff.api import made_inside  # which imports this module

        return made_inside(kind, function, options)

    def value_of(self, function: FunctionType) -> Any:
        from srcdiff.rules.solvers import value_of  # few programs need it

        return value_of(function)

    def solver(self, *args: Any) -> OpDecl:
        from srcdiff.rules.solvers import declaration  # few programs need it

        return declaration(*args)

    def derived_kernels(self, kernel: Any) -> tuple[Any, Any]:
        from srcdiff.cuda import adjoint, tangent  # only programs with launches need Numba's module

        if kernel not in self._kernels:
            self._kernels[kernel] = adjoint(kernel), tangent(kernel)
        return self._kernels[kernel]


register(_Services())


# while what is derived is for a device, functions that it differentiates again are, too
_ON_DEVICE: ContextVar[bool] = ContextVar("on device", default=False)


def derive(
    derived: Derived,
    arguments: Arguments,
    recorder: Recorder,
    machine: bool = False,
    device: bool = False,
    again: bool = False,
) -> Function:
    """The IR of a derivative; `machine`: what is stored is chosen for speed, and not for short text; `device`: and
    storage is dear; `again`: calls that it does not serve are made once more in NumPy.
    """
    if device and not _ON_DEVICE.get():
        token = _ON_DEVICE.set(True)
        try:
            return derive(derived, arguments, recorder, machine, device)
        finally:
            _ON_DEVICE.reset(token)
    kind, wrt = derived.kind, derived.wrt
    if kind == "batch":
        return _shared(derived, arguments, recorder, _batch)
    primal = read(derived, arguments, recorder, machine and not device)
    for k in wrt:
        check_differentiable(primal, k)
    if kind in ("elementwise_grad", "holomorphic_grad"):
        seed = replace(derived, kind="grad")
        total = summed(primal, derived.options.has_aux)
        if kind == "holomorphic_grad":
            total = real_part(total, wrt, derived.options.has_aux)
        fn = backward(seed, total, recorder, machine)
    elif kind in ("jacobian", "hessian"):
        fn = _matrix(derived, primal, arguments, recorder, machine)
    elif kind in ("value", "simplify"):
        fn = finished(primal, recorder)
    elif kind in ("max", "count"):
        fn = finished(in_semiring(primal, kind, recorder), recorder)
    elif kind == "kbest":
        k = dict(derived.settings)["k"]
        fn = finished(with_best(primal, k, recorder), recorder)
    elif kind == "scan":
        fn = finished(with_trees(primal, recorder), recorder)
    elif kind == "entropy":
        fn = _entropy(primal, wrt, recorder)
    elif kind == "max_marginals":
        fn = _max_marginals(derived, primal, recorder)
    elif kind in SEMIRINGS:
        chosen = in_semiring(primal, kind, recorder)
        fn = backward(replace(derived, kind="value_and_grad"), chosen, recorder, machine)
    elif kind == "jvp":
        fn = tangent(primal, wrt, parse_rule, parse_forward_rule, recorder, machine=machine)
    else:
        fn = backward(derived, primal, recorder, machine)
        if again and is_by_few_numbers(derived, primal) and keeps_turns(fn):
            fn = _along_numbers(derived, primal, fn, recorder)
    if kind == "vjp":
        weights = weights_of(primal, primal.output)
        fn = replace(fn, derivative=replace(fn.derivative, weights=weights))
    if kind == "hvp":
        names = ("v",) if not derived.as_tuple else ()
        fn = _tangent_of(fn, wrt, recorder, names)
        if derived.options.has_aux:
            fn = finished(simplified(with_aux(fn, primal), recorder), recorder)
    fn = with_unlike_parameters(fn)
    further = ", ".join(f"`{p.name}`" for p in fn.params[len(primal.params) :])
    wanted = ", ".join(f"`{primal.params[k].name}`" for k in wrt)
    defaults = {} if further else plain_defaults(fn, arguments.defaults)
    doc = DOCS[kind].format(f=primal.name, wrt=wanted, further=further)
    if kind == "simplify" and primal.doc:
        doc = primal.doc
    interface = replace(fn.interface, defaults=defaults)
    return replace(fn, name=derived.name, doc=doc, interface=interface)


def _tangent_of(
    fn: Function, wrt: Sequence[int], recorder: Recorder, names: Sequence[str] = ()
) -> Function:
    """The tangent of what was generated, without its value."""
    fn = prepare(as_user(fn), recorder, None)
    return tangent(fn, wrt, parse_rule, parse_forward_rule, recorder, value=False, names=names)


def _along_numbers(
    derived: Derived, primal: Function, gradient: Function, recorder: Recorder
) -> Function:
    """A gradient by numbers as tangents along them."""

    def along(fn: Function, k: int) -> Function:
        if fn is not primal:
            fn = prepare(as_user(simplified(fn, recorder)), recorder, None)
        return tangent(fn, (k,), parse_rule, parse_forward_rule, recorder, machine=True)

    fn = along_numbers(derived, primal, gradient, along)
    return fn if fn is gradient else finished(simplified(fn, recorder), recorder)


def _entropy(primal: Function, wrt: Sequence[int], recorder: Recorder) -> Function:
    """The value less its tangent along the parameters themselves."""
    fn = in_semiring(primal, "weighed", recorder)
    fn = tangent(fn, wrt, parse_rule, parse_forward_rule, recorder)
    fn = in_semiring(fn, "plain sums", recorder)
    fn = prepare(as_user(entropy_of(fn, len(primal.params))), recorder, None)
    return finished(fn, recorder)


def _max_marginals(derived: Derived, primal: Function, recorder: Recorder) -> Function:
    """The derivative of the sum that is added up, in max-plus: of each leaf, the largest term that it is part of."""
    fn = in_semiring(primal, "weights", recorder)
    check_weights(prepare(as_user(fn), recorder, None))
    fn = backward(replace(derived, kind="grad"), fn, recorder, False)
    begun = beginnings(fn)
    fn = max_marginals(prepare(as_user(fn), recorder, None), begun, recorder)
    return finished(fn, recorder)


def _matrix(
    derived: Derived, primal: Function, arguments: Arguments, recorder: Recorder, machine: bool
) -> Function:
    """A Jacobian or Hessian."""
    wrt, whole = derived.wrt, primal
    stored = _storage_mode(derived, machine)
    is_complex = complex_directions(primal, wrt, derived.kind)
    compared: tuple[tuple[Size, Size], ...] = ()
    if derived.kind == "hessian":
        seed = replace(derived, kind="grad", options=replace(derived.options, has_aux=False))
        check_scalar(primal, derived.options)
        scalar = with_parts_as_results(primal, wrt, derived.options.has_aux)
        along = _tangent_of(backward(seed, scalar, recorder, machine), wrt, recorder)
        rows = True
    else:
        primal = with_parts_as_results(primal, wrt, derived.options.has_aux)
        asked = dict(derived.settings)["mode"]
        if is_complex and asked == "forward":
            raise UnsupportedError(
                "the Jacobian by complex numbers is one of reverse mode",
                'Leave mode="forward" out, or use jvp for single directions.',
                primal.location,
            )
        asked = "reverse" if is_complex else asked
        mode, compared = chosen_mode(primal, wrt, asked, arguments.lengths)
        rows = mode == "reverse"
        if rows:
            along = backward(replace(derived, kind="vjp"), primal, recorder, machine)
        else:
            along = tangent(primal, wrt, parse_rule, parse_forward_rule, recorder, machine=machine)
        along = part_of_result(along, 1)  # the value shows how long it is
    if derived.kind == "hessian" or not rows:
        along = ahead(along, len(along.params) - len(primal.params), recorder, stored)
    fn = matrix(along, primal, wrt, rows, derived.as_tuple, derived.kind)
    recorder.note("directions", fn, 0.0)
    if derived.options.has_aux:
        fn = with_aux(fn, whole)
    fn = finished(simplified(fn, recorder), recorder)
    return replace(fn, lengths=replace(fn.lengths, at_most=compared))


def _batch(derived: Derived, arguments: Arguments, recorder: Recorder) -> Function:
    """A function of many items."""
    settings = dict(derived.settings)
    items, along = items_of(arguments, settings["in_axes"])
    fn = read(derived, items, recorder)
    name, independent = fn.name, fn.derivative.independent
    fn = finished(batch_of(fn, arguments, along, settings["out_axes"]), recorder)
    return replace(
        fn,
        name=derived.name,
        doc=DOCS["batch"].format(f=name),
        interface=replace(fn.interface, defaults=plain_defaults(fn, arguments.defaults)),
        derivative=replace(fn.derivative, independent=independent),
    )


def plain_defaults(fn: Function, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that are written down as they are, of the last parameters without a gap."""
    out: dict[str, Any] = {}
    for p in reversed(fn.params):
        if p.name not in defaults or not _is_plain(defaults[p.name]):
            break
        out[p.name] = defaults[p.name]
    return dict(reversed(out.items()))


def _is_plain(value: Any) -> bool:
    """Whether a value is written as it is: a constant, or a function or type of NumPy's."""
    return type(value) in _PLAIN or (
        callable(value) and getattr(np, getattr(value, "__name__", ""), None) is value
    )


def weights_of(fn: Function, tree: Tree) -> Any:
    """Which parts of a result are differentiated; see `Program.weights`."""
    if isinstance(tree, int):
        return is_float(fn.body.yields[tree].type)
    return tuple(weights_of(fn, child) for child in tree.children)


def with_unlike_parameters(fn: Function) -> Function:
    """The function where a tangent or weight is not called as one of the user's parameters is."""
    taken: set[str] = set()
    names: dict[Value, Value] = {}
    for p in fn.params:
        name, k = p.name, 2
        while name in taken:
            name, k = f"{p.name}_{k}", k + 1
        if name != p.name:
            names[p] = replace(p, name=name)
        taken.add(name)
    return rename(fn, names) if names else fn


def _storage_mode(derived: Derived, machine: bool) -> Any:
    """By which prices it is decided what is stored."""
    asked = derived.options.residuals
    return "machine" if machine and asked == "auto" else asked


def backward(derived: Derived, primal: Function, recorder: Recorder, machine: bool) -> Function:
    """The reverse-mode derivative."""
    kind, options = derived.kind, derived.options
    if kind != "vjp":
        check_scalar(primal, options)
    keeps_value = kind in ("value_and_grad", "vjp") or (options.has_aux and kind == "grad")
    fn = gradient(
        primal,
        derived.wrt,
        parse_rule,
        recorder,
        value=keeps_value,
        seeded=kind == "vjp",
        mode=_storage_mode(derived, machine),
        as_tuple=derived.as_tuple,
        without=WITHOUT,
    )
    if options.has_aux and kind == "grad":  # (gradient, aux)
        assert isinstance(fn.output, Node) and isinstance(fn.output.children[0], Node)
        aux = fn.output.children[0].children[1]
        fn = replace(fn, output=Node("tuple", (0, 1), (fn.output.children[1], aux)))
    return fn


def read(
    derived: Derived,
    arguments: Arguments,
    recorder: Recorder,
    compiled: bool = False,
) -> Function:
    """The function that is differentiated, prepared; a generated function is taken as it was generated."""
    inner = getattr(derived.base, "derived", None)
    if isinstance(inner, Derived):
        fn = _shared(inner, arguments, recorder, derive)
        return prepare(as_user(fn), recorder, None)
    fn = _shared(derived, arguments, recorder, _traced)
    # a semiring is looked for in what the user wrote: a log-softmax is not the sum that it was
    disabled = None if derived.kind in {*SEMIRINGS, "scan"} else derived.options.disabled(compiled)
    if _ON_DEVICE.get() and disabled is not None:
        disabled |= {"shared_lu", "triangular"}  # which ask LAPACK
    return prepare(fn, recorder, disabled)


def _shared(
    derived: Derived,
    arguments: Arguments,
    recorder: Recorder,
    make: Callable[[Derived, Arguments, Recorder], Function],
) -> Function:
    """What does not depend on where it is to run: made for the program in NumPy, and at hand for its loop form."""
    of = (derived, arguments.types, arguments.lengths, arguments.names)
    key = (make, *map(id, of))
    if key not in recorder.shared:
        made = make(derived, arguments, recorder)
        recorder.shared[key] = of, made  # they stay, and so do their numbers
    found: Function = recorder.shared[key][1]
    return found


def _traced(derived: Derived, arguments: Arguments, recorder: Recorder) -> Function:
    """The user's function as it is read."""
    started = time.perf_counter()
    has_rule = own_rule(derived.base) is not None
    base = calling(derived.base, arguments.names) if has_rule else derived.base
    fn = trace(
        base,
        arguments.types,
        shapes_actual=arguments.lengths,
        names=arguments.names,
        any_lengths=arguments.any_lengths,
    )
    for f in callees_first(fn):
        refuse_writes_outside(f)
    fn = with_program_facts(fn, arguments, None if has_rule else derived.base)
    recorder.note("frontend", fn, time.perf_counter() - started)
    return fn
