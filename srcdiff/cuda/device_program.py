"""Device programs: the device form of a derivative as text, and the storage that its caller provides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.build import defects_reported, mentioned
from srcdiff.compile.derivations.kinds import Gradient
from srcdiff.compile.derive import derive
from srcdiff.compile.program import Derived, fits_lengths
from srcdiff.compile.recording import new_recorder
from srcdiff.compile.result_ownership import own_outside, without_stops
from srcdiff.errors import UnsupportedError, UntypedError
from srcdiff.frontend.rule_parser import parse_expansion
from srcdiff.frontend.source.external_dependencies import Watched
from srcdiff.ir.core import Function, Node, Tree, leaves
from srcdiff.ir.facts import Storage
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Scalar, Struct, Type, all_dims, map_dims
from srcdiff.ir.values import Atom
from srcdiff.ir.verify import verify
from srcdiff.transforms.gpu.device.pipeline import Block, to_device_loops
from srcdiff.transforms.legalize.globals_to_params import outside_as_parameters
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.passes import each_function
from srcdiff.transforms.prepare.flat_results import flat_results


@dataclass(frozen=True)
class DeviceProgram:
    """A device function as text.

    Attributes
    ----------
    types : tuple of Type
        The types of the user's parameters.
    outside : tuple of array
        Arrays from outside the function, which are passed after the arguments.
    storage : tuple of Storage
        The parameters after these arrays.
    output : Tree
        The structure of the result, as the user sees it.
    arrays : tuple of int
        The leaves of the result that are arrays: `storage` begins with them. The other leaves are returned.
    failures : tuple of (exception, message)
        The exceptions that the numbers from 1 on in the last parameter stand for, if the function does not raise
        itself.
    called : tuple of str
        The names of the leaves of the result: "d_x" is the derivative with respect to x, "d_p_0" to p[0].
    results : tuple of Type
        The types of the leaves on the device.
    iterations : tuple of (Dim or None)
        The number of iterations of each loop that the threads of a block share; None if only the run knows it.
    assumptions, counts, independent, watched
        As in `Program`.
    """

    name: str
    source: str
    names: tuple[str, ...]
    types: tuple[Type, ...]
    storage: tuple[Storage, ...]
    output: Tree
    arrays: tuple[int, ...]
    called: tuple[str, ...]
    results: tuple[Type, ...]
    bindings: Mapping[str, Any] = field(default_factory=dict)
    outside: tuple[Any, ...] = ()
    failures: tuple[tuple[type[Exception], str], ...] = ()
    assumptions: tuple[tuple[Dim, Dim], ...] = ()
    counts: tuple[str, ...] = ()
    independent: tuple[str, ...] = ()
    watched: tuple[Watched, ...] = ()
    location: Location | None = None
    iterations: tuple[Dim | None, ...] = ()

    def holds(self) -> bool:
        """Whether the values outside the function are unchanged."""
        return all(w.holds() for w in self.watched)

    def fits(self, lengths: Mapping[str, int]) -> bool:
        """Whether the assumptions about lengths and about values outside the function hold now."""
        return self.holds() and fits_lengths(self.assumptions, self.counts, lengths)


def build_device(
    derived: Derived,
    arguments: Arguments,
    bound: bool = False,
    raises: bool = True,
    block: Block | None = None,
) -> DeviceProgram:
    """The device form for arguments of these types.

    Arrays from outside become further parameters, or objects that the text refers to (`bound`). A function that does
    not raise has a last parameter after its storage, which says what it would have raised. `block`: all threads of a
    block run the function for one item. If no program exists for arrays of any lengths, one is generated for the
    lengths of these arguments.

    Raises
    ------
    UnsupportedError
        The program cannot be expressed in a kernel.
    """
    found = _built(derived, arguments, bound, raises, block)
    if isinstance(found, DeviceProgram):
        return found
    fixed = {symbol: Dim(arguments.lengths[symbol]) for symbol in _axes(arguments)}
    if fixed:
        types = tuple(map_dims(t, lambda d: d.substitute(fixed)) for t in arguments.types)
        with contextlib.suppress(UnsupportedError):
            other = _built(derived, replace(arguments, types=types), bound, raises, block)
            if isinstance(other, DeviceProgram):
                pairs = ((Dim.of(symbol), n) for symbol, n in fixed.items())
                return replace(other, assumptions=(*other.assumptions, *pairs))
    raise found


def _axes(arguments: Arguments) -> Iterator[str]:
    """The symbols of lengths that the program takes from the arrays of these arguments; symbols of integers are left
    out.
    """
    if arguments.any_lengths:
        return
    for type_ in arguments.types:
        numbers = {d.symbol for t in _parts(type_) if isinstance(t, Scalar) for d in all_dims(t)}
        for d in all_dims(type_):
            if d.symbol is not None and d.symbol in arguments.lengths.keys() - numbers:
                yield d.symbol


def _parts(type_: Type) -> Iterator[Type]:
    if isinstance(type_, Struct):
        for part in type_.parts:
            yield from _parts(part)
    else:
        yield type_


def _built(
    derived: Derived, arguments: Arguments, bound: bool, raises: bool, block: Block | None
) -> DeviceProgram | UnsupportedError:
    """The device form, or the error that says why these types have none."""
    recorder = new_recorder()
    with defects_reported(derived):
        try:
            fn = derive(derived, arguments, recorder, machine=True, device=True)
        except UntypedError as error:
            reason = f"{derived.name} cannot be a kernel, where all has a type: {error.message}"
            raise UntypedError(reason, error.advice, error.location) from None
        fn = each_function(fn, lambda f: own_outside(without_stops(f)))
        fn = flat_results(fn)
        primal, names, arrays = fn, _names(derived, fn), _array_leaves(fn)
        fn, outside = (fn, ()) if bound else outside_as_parameters(fn)
        try:
            device = to_device_loops(
                fn,
                arguments.lengths,
                parse_expansion,
                recorder,
                [names[k] for k in arrays],
                narrow=not arguments.any_lengths,
                raises=raises,
                block=block,
            )
        except NoLoopForm as reason:
            return _refused(fn, str(reason), reason.location)
        if verify(device):
            raise _refused(fn, "a defect of srcdiff: its device form is not valid")
        source = to_source(device)
    return DeviceProgram(
        device.name,
        source,
        tuple(p.name for p in primal.params),
        tuple(p.type for p in device.params[: len(primal.params)]),
        device.target.storage,
        primal.output,
        arrays,
        tuple(names[k] for k in range(len(names))),
        _results(primal, device),
        mentioned(bindings_of(device), source),
        outside,
        device.target.failures,
        (
            *primal.lengths.equal,
            *device.lengths.specialised,
        ),
        primal.lengths.nonnegative,
        tuple(primal.params[k].name for k in primal.derivative.independent),
        tuple(primal.source.watched.values()),
        primal.location,
        device.target.shared_iterations,
    )


def _refused(fn: Function, reason: str, where: Location | None = None) -> UnsupportedError:
    return UnsupportedError(
        f"{fn.name} cannot be a kernel: {reason}",
        "Write that part with loops, numbers and arrays, or leave it to the CPU.",
        where or fn.location,
    )


def _results(primal: Function, device: Function) -> tuple[Type, ...]:
    numbers = iter(y.type for y in device.body.yields)
    storage = iter(s.type for s in device.target.storage)
    kinds = {Array: storage, Scalar: numbers}
    found = {k: primal.body.yields[k].type for k in leaves(primal.output)}
    return tuple(next(kinds.get(type(found[k]), iter([found[k]]))) for k in sorted(found))


def _array_leaves(fn: Function) -> tuple[int, ...]:
    return tuple(k for k in leaves(fn.output) if isinstance(fn.body.yields[k].type, Array))


def _names(derived: Derived, fn: Function) -> dict[int, str]:
    """The names of the leaves of a result, as names of the parameters that the function adds to: `d_x` for the gradient
    with respect to x.
    """
    names = {k: _of_value(fn.body.yields[k]) for k in leaves(fn.output)}
    tree = fn.output
    how = derived.derivation
    if isinstance(how, Gradient):
        if how.has_value and isinstance(tree, Node):
            tree = tree.children[1]
        elif derived.options.has_aux and isinstance(tree, Node):
            tree = tree.children[0]
        several = derived.as_tuple or len(derived.wrt) > 1
        parts = tree.children if several and isinstance(tree, Node) else (tree,)
        for part, k in zip(parts, derived.wrt, strict=True):
            names |= dict(_called(part, f"d_{fn.params[k].name}"))
    return names


def _of_value(y: Atom) -> str:
    name = getattr(y, "name", "")
    return "result" if not name or name.startswith("d_") else str(name)


def _called(tree: Tree, name: str) -> Iterator[tuple[int, str]]:
    if isinstance(tree, int):
        yield tree, name
        return
    for key, child in zip(tree.keys, tree.children, strict=True):
        yield from _called(child, f"{name}_{key}")
