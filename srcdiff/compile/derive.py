"""Derivation in IR: it traces a function, prepares it, and builds the derivative from its derivation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import Any

import numpy as np

from srcdiff.compile.arguments.batch import batch_of, items_of
from srcdiff.compile.arguments.differentiability import check_differentiable
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.derivations.kinds import Batch, Simplify
from srcdiff.compile.derivations.steps import Steps
from srcdiff.compile.program import Derived
from srcdiff.compile.recording import new_recorder
from srcdiff.compile.result_ownership import as_user, refuse_writes_outside
from srcdiff.frontend.source.external_dependencies import Watched, snapshot
from srcdiff.frontend.source.wrappers import calling, itself
from srcdiff.frontend.trace import trace
from srcdiff.ir.build import ops_of
from srcdiff.ir.core import Function
from srcdiff.ir.facts import Keys
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import List, Scalar, Type
from srcdiff.ir.values import Value
from srcdiff.ops.control.control import constant_array
from srcdiff.ops.core.registry import own_rule
from srcdiff.transforms.analysis.defuse import rename
from srcdiff.transforms.analysis.struct_params import written_parts
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import finished, prepare
from srcdiff.transforms.prepare.reshape_copies import needs_contiguous

_PLAIN = (bool, int, float, str, type(None))


def derive_for_call(
    handle: Any, types: Mapping[str, Type], lengths: Mapping[str, int], any_lengths: bool
) -> Function:
    """The program of a generated function that a function calls, for arguments of these types."""
    s = handle.signature
    given = tuple(types[n] for n in s.names)
    arguments = Arguments(s.names, given, lengths, s.wrt, (), (), s.defaults, any_lengths)
    return as_user(derive(handle.derived, arguments, new_recorder()))


# while a program for a device is derived, the functions that it differentiates again are for the device, too
_ON_DEVICE: ContextVar[bool] = ContextVar("on device", default=False)


def derive(
    derived: Derived,
    arguments: Arguments,
    recorder: Recorder,
    machine: bool = False,
    device: bool = False,
    again: bool = False,
) -> Function:
    """The IR of a derivative. `machine`: residuals are chosen for speed, not for short text. `device`: storage is
    expensive. `again`: calls that the program cannot serve run once more in NumPy.
    """
    if device and not _ON_DEVICE.get():
        token = _ON_DEVICE.set(True)
        try:
            return derive(derived, arguments, recorder, machine, device)
        finally:
            _ON_DEVICE.reset(token)
    how = derived.derivation
    if isinstance(how, Batch):
        return _shared(derived, arguments, recorder, _batch)
    primal = read(derived, arguments, recorder, machine and not device)
    for k in derived.wrt:
        check_differentiable(primal, k)
    fn = how.build(Steps(derived, arguments, recorder, machine, may_use_tangents=again), primal)
    return _described(with_distinct_parameters(fn), primal, derived, arguments)


def _described(fn: Function, primal: Function, derived: Derived, arguments: Arguments) -> Function:
    """A derivative with its name, its docstring, and the defaults of its parameters."""
    further = ", ".join(f"`{p.name}`" for p in fn.params[len(primal.params) :])
    wanted = ", ".join(f"`{primal.params[k].name}`" for k in derived.wrt)
    defaults = {} if further else plain_defaults(fn, arguments.defaults)
    doc = derived.derivation.doc.format(f=primal.name, wrt=wanted, further=further)
    if isinstance(derived.derivation, Simplify) and primal.doc:
        doc = primal.doc
    interface = replace(fn.interface, defaults=defaults)
    return replace(fn, name=derived.name, doc=doc, interface=interface)


def _batch(derived: Derived, arguments: Arguments, recorder: Recorder) -> Function:
    """A function of many items."""
    how = derived.derivation
    assert isinstance(how, Batch)
    items, along = items_of(arguments, how.in_axes)
    fn = read(derived, items, recorder)
    name, independent = fn.name, fn.derivative.independent
    fn = finished(batch_of(fn, arguments, along, how.out_axes), recorder)
    return replace(
        fn,
        name=derived.name,
        doc=how.doc.format(f=name),
        interface=replace(fn.interface, defaults=plain_defaults(fn, arguments.defaults)),
        derivative=replace(fn.derivative, independent=independent),
    )


def plain_defaults(fn: Function, defaults: Mapping[str, object]) -> dict[str, object]:
    """The defaults that can be written as text, for the last parameters without a gap."""
    out: dict[str, Any] = {}
    for p in reversed(fn.params):
        if p.name not in defaults or not _is_plain(defaults[p.name]):
            break
        out[p.name] = defaults[p.name]
    return dict(reversed(out.items()))


def _is_plain(value: object) -> bool:
    """Whether a value can be written as text: a constant, or a function or type of NumPy."""
    return type(value) in _PLAIN or (
        callable(value) and getattr(np, getattr(value, "__name__", ""), None) is value
    )


def with_distinct_parameters(fn: Function) -> Function:
    """The function with tangents and weights renamed where a parameter of the user's has the same name."""
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


def read(
    derived: Derived, arguments: Arguments, recorder: Recorder, compiled: bool = False
) -> Function:
    """The function that is differentiated, prepared; a generated function is taken as it was generated."""
    inner = getattr(derived.base, "derived", None)
    if isinstance(inner, Derived):
        fn = _shared(inner, arguments, recorder, derive)
        return prepare(as_user(fn), recorder, None)
    fn = _shared(derived, arguments, recorder, _traced)
    # a semiring is found in the lines as written: a rewritten log-softmax is not a sum any more
    keeps_source = derived.derivation.keeps_source
    disabled = None if keeps_source else derived.options.disabled(compiled)
    if _ON_DEVICE.get() and disabled is not None:
        disabled |= {"shared_lu", "triangular"}  # these call LAPACK
    return prepare(fn, recorder, disabled)


def _shared(
    derived: Derived,
    arguments: Arguments,
    recorder: Recorder,
    make: Callable[[Derived, Arguments, Recorder], Function],
) -> Function:
    """A function that does not depend on the target: made for the NumPy program, and reused for its loop form."""
    of = (derived, arguments.types, arguments.lengths, arguments.names)
    key = (make, *map(id, of))
    if key not in recorder.shared:
        made = make(derived, arguments, recorder)
        recorder.shared[key] = of, made  # keeps the objects alive, so that their ids stay unique
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
        values=_constants(arguments),
    )
    for f in callees_first(fn):
        refuse_writes_outside(f)
    fn = with_program_facts(fn, arguments, None if has_rule else derived.base)
    recorder.note("frontend", fn, time.perf_counter() - started)
    return fn


def _constants(arguments: Arguments) -> dict[str, object]:
    """The arguments that a program may be specialised on: all that are not differentiated, except arrays."""
    given = zip(arguments.names, arguments.types, arguments.values, strict=False)
    varying = {arguments.names[k] for k in arguments.wrt}
    return {n: v for n, t, v in given if n not in varying and isinstance(t, Scalar | List)}


def with_program_facts(fn: Function, arguments: Arguments, base: object) -> Function:
    """A traced function with its program facts; `base` is the Python function, if it is watched."""
    written = (*written_parts(fn), *_changed_numbers(fn))
    source = replace(
        fn.source,
        watched={} if base is None else _watched(base, fn),
        written=written,
        contiguous=needs_contiguous(fn),
        outside_arrays=_arrays_outside(fn) if written else {},
        numbers=_numbers(fn),
    )
    lengths = replace(fn.lengths, nonnegative=_nonnegative(fn, arguments))
    return replace(fn, source=source, lengths=lengths)


def _changed_numbers(fn: Function) -> Iterator[tuple[str, Keys]]:
    """Which parameters, and parts of them, are changed in place where they are arrays without axes."""
    return ((fn.params[root[0]].name, root[1:]) for root in fn.source.zero_dim.changed)


def _numbers(fn: Function) -> tuple[tuple[str, Keys, Location | None], ...]:
    """Which parameters, and parts of them, may not be arrays without axes, and where they would be changed."""
    refused = fn.source.zero_dim.refused
    return tuple((fn.params[root[0]].name, root[1:], where) for root, where in refused.items())


def _nonnegative(fn: Function, arguments: Arguments) -> tuple[str, ...]:
    """The integers among the parameters that are not negative, by their symbols: a call with a negative one needs
    another program.
    """
    symbols = [p.type.expr.symbol for p in fn.params if isinstance(p.type, Scalar) and p.type.expr]
    return tuple(s for s in symbols if s is not None and arguments.lengths.get(s, -1) >= 0)


def _watched(base: object, fn: Function) -> dict[str, Watched]:
    """The values that a function and its callees found outside."""
    found: dict[str, Watched] = {}
    for f in callees_first(fn):
        found |= f.source.watched
    bound: dict[str, Any] = {}
    while isinstance(base, MethodType | partial):
        if isinstance(base, partial):
            bound |= {f"{len(bound)} {k}": value for k, value in enumerate(base.args)}
            base = base.func
        else:
            bound["self"], base = base.__self__, base.__func__
    return found | {k: Watched(partial(itself, v), snapshot(v)) for k, v in bound.items()}


def _arrays_outside(fn: Function) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {}
    for f in callees_first(fn):
        found |= {s.attrs["name"]: s.attrs["value"] for s in ops_of(f) if s.decl is constant_array}
        found |= f.source.zero_dim.outside
    return found
