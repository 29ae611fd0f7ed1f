"""Facts about a function that are not in its statements, in groups by who needs them.

    Interface        callers             how the function is called, and what it gives beside its results
    LengthFacts      passes, guards      what is known of lengths and integers
    SourceFacts      calls of programs   what the frontend found in the user's function
    DerivativeFacts  codegen, calls      which value is the adjoint or tangent of which
    RewriteFacts     reports, passes     what stability rules have rewritten
    TargetFacts      codegen, launches   what the function is compiled for, and its further parameters there

A default is the absence of a fact. The text form lists the facts that are not defaults (`listed`), but for those that
mean something in this process only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Size, Type
from srcdiff.ir.values import Value

LengthPair = tuple[Dim, Dim]
EffectNote = tuple[str, dict[str, Any], Location]  # the key of a note, its values, and its line
Keys = tuple[Any, ...]  # the way from a parameter to a part of it
Root = tuple[Any, ...]  # a parameter's position (or a value with storage), and the keys of a part
Rewrite = tuple[str, Location | None]  # the rule's name, and the line


def _unprinted() -> Any:
    """A mapping that the text form leaves out: its values mean something in this process only."""
    return field(default_factory=dict, metadata={"printed": False})


@dataclass(frozen=True, slots=True)
class Partials:
    """The partial derivatives that a recursive function returns behind its results.

    Attributes
    ----------
    wrt : tuple of int
        The parameters that the derivatives are with respect to.
    results : int
        How many results stand in front of the derivatives.
    of : int
        The result that is differentiated.
    """

    wrt: tuple[int, ...]
    results: int
    of: int


@dataclass(frozen=True, slots=True)
class Interface:
    """How a function is called. Stand-ins of recursive functions have the interface of their function.

    Attributes
    ----------
    is_stand_in : bool
        The function stands for the one that the call is in. Set and read by `ir.recursion`.
    written_params : tuple of int
        Parameters that the function writes into: destinations of adjoints (`ad.destination_passing`), arrays of threads
        (`schedule.outline_threads`). Read by `ir.alias`.
    copies_arguments : bool
        Results that were arguments are copies of them. Set by `frontend.calls.recursion`, which refuses callers that
        write into one of the two afterwards.
    gradient_names : tuple of str
        Of an adjoint, or a function with `partials`: what each derivative is with respect to. Set by `ad.reverse`;
        callers name their results after these.
    partials : Partials or None
        The derivatives that come with the results. Set by `ad.reverse.recursive_value_and_grad`, read where calls are
        reversed.
    without_derivative : tuple of int
        Of a derivative rule: the operands that it assigns nothing for. Set by `frontend.rule_parser`, read where rules
        are applied.
    defaults : mapping of str to object
        Values of the last parameters that callers may leave out, as printed. Set by `compile.derive`.
    """

    is_stand_in: bool = False
    written_params: tuple[int, ...] = ()
    copies_arguments: bool = False
    gradient_names: tuple[str, ...] = ()
    partials: Partials | None = None
    without_derivative: tuple[int, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LengthFacts:
    """What is known of lengths and integers, in calls that pass the checks.

    Attributes
    ----------
    assumed : pairs of Dim
        Lengths taken to be equal because the given arguments have them equal. Set by the frontend, and by passes that
        specialise; checked on entry (`guards.entry_guards`) and by each call (`Program.fits`).
    required : pairs of Dim
        Lengths that the function itself needs to be equal. Set by the frontend; checked like `assumed`.
    bindings : mapping of str to Dim
        What symbols turned out to be while the function was read. Read where helpers are inlined or reversed.
    nonnegative : tuple of str
        Integers that are no less than 0, by their symbols. Set by `compile.program_facts`; a call where one is negative
        has another program.
    positive : tuple of str
        Integers that are no less than 1, by their symbols. Set by `lower.materialise_dims`.
    at_most : pairs of Size
        Numbers of elements of which the first were found to be at most the second. Set where passes compare amounts of
        work; each call compares them again.
    specialised : pairs of Dim
        The part of `assumed` that `guards.specialise_axes` has added: axes with the given lengths.
    less_than : pairs of Dim and int
        Lengths that were taken to be less than so many. Set by `lower.materialise_dims`, checked by each call.
    zero_divisors : set of Dim
        Lengths that divide numbers of Python's, which raise where the length is 0. Set and read by
        `guards.division_by_zero_length`.
    """

    assumed: tuple[LengthPair, ...] = ()
    required: tuple[LengthPair, ...] = ()
    bindings: Mapping[str, Dim] = field(default_factory=dict)
    nonnegative: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    at_most: tuple[tuple[Size, Size], ...] = ()
    specialised: tuple[LengthPair, ...] = ()
    less_than: tuple[tuple[Dim, int], ...] = ()
    zero_divisors: frozenset[Dim] = frozenset()

    @property
    def equal(self) -> tuple[LengthPair, ...]:
        """All lengths that a call has to have equal."""
        return (*self.assumed, *self.required)


@dataclass(frozen=True)
class ZeroDimEffects:
    """What a function does to arrays without axes that it is given.

    Attributes
    ----------
    changed : mapping of root to Location
        What the function changes in place, if it is such an array.
    refused : mapping of root to Location
        What may not be such an array: it is changed, and read under another name.
    results, held : tuple of set of root
        What each result may be, and what it may hold. New arrays are roots of the function's own.
    unshared : set of root
        The held roots that one container has at one place.
    outside : mapping of str to array
        Such arrays that the function finds outside.
    """

    changed: Mapping[Root, Location | None] = field(default_factory=dict)
    refused: Mapping[Root, Location | None] = field(default_factory=dict)
    results: tuple[frozenset[Root], ...] = ()
    held: tuple[frozenset[Root], ...] = ()
    unshared: frozenset[Root] = frozenset()
    outside: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the frontend found in the user's function. `compile.program_facts` adds what calls of the program check.

    Attributes
    ----------
    argument_types : mapping of str to Type
        The arguments' own types, by the names of their parameters. Read by `guards.entry_guards`.
    static : mapping of str to object
        Parameters that had to be known when compiling, with their values.
    specialised_on : tuple of (parameter, path, value)
        The values that decided the text; `path` is the part of the parameter, as written. Checked on entry.
    globals, captured : mapping of str to object
        What the function refers to outside itself, by name. The module defines the names.
    watched : mapping of str to frontend.source.external_dependencies.Watched
        What the text depends on outside the function; each call looks whether it is as it was. Opaque here: looking
        takes Python's frames and modules.
    writes_containers : bool
        The function writes into containers that it is given. Read where the frontend decides on calls.
    zero_dim : ZeroDimEffects
        Its effects on arrays without axes. Read at its calls.
    written : tuple of (parameter, keys)
        Parameters, and parts of them, that are written.
    contiguous : tuple of str
        Parameters of which the function means something else where they are not contiguous.
    numbers : tuple of (parameter, keys, Location)
        Parameters, and parts of them, that may not be arrays without axes, and the line that would change them.
    outside_arrays : mapping of str to array
        The arrays that the function finds outside, where it writes into arguments: the two may not overlap.
    remarks : mapping of Location to tuple of str
        What handlers of effects remark of a line, once for each iteration that is unrolled. Printed as comments.
    effect_notes : mapping of place to (key, values, Location)
        What handlers of effects note; see `srcdiff.effects.notes_of`.
    """

    argument_types: Mapping[str, Type] = field(default_factory=dict)
    static: Mapping[str, Any] = field(default_factory=dict)
    specialised_on: tuple[tuple[str, str, Any], ...] = ()
    globals: Mapping[str, Any] = field(default_factory=dict)
    captured: Mapping[str, Any] = field(default_factory=dict)
    watched: Mapping[str, Any] = _unprinted()
    writes_containers: bool = False
    zero_dim: ZeroDimEffects = field(default=ZeroDimEffects(), metadata={"printed": False})
    written: tuple[tuple[str, Keys], ...] = ()
    contiguous: tuple[str, ...] = ()
    numbers: tuple[tuple[str, Keys, Location | None], ...] = field(
        default=(), metadata={"printed": False}
    )
    outside_arrays: Mapping[str, Any] = field(default_factory=dict)
    remarks: Mapping[Location | None, tuple[str, ...]] = field(default_factory=dict)
    effect_notes: Mapping[object, EffectNote] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DerivativeFacts:
    """How a derivative belongs to the function that it was made from.

    Attributes
    ----------
    adjoint_of, tangent_of : mapping of Value to Value
        Adjoints, or tangents, of values that have no name yet: they are called after the value when that has one. Set
        by `ad.reverse`, `ad.forward`; read by `codegen.module`.
    independent : tuple of int
        Parameters that the result does not depend on. Calls warn of them.
    weights : nested tuples of bool
        For a vector-Jacobian product: the parts of the result that have a weight among the parameters.
    """

    adjoint_of: Mapping[Value, Value] = _unprinted()
    tangent_of: Mapping[Value, Value] = _unprinted()
    independent: tuple[int, ...] = ()
    weights: Any = None


@dataclass(frozen=True, slots=True)
class RewriteFacts:
    """What the stability rules have rewritten.

    Attributes
    ----------
    applied : tuple of (rule, Location)
        The named rules that fired, in order, and where. Reported by `compile.build`.
    final : set of Value
        Values that rewriting leaves as they are, because they have all their digits. Set and read by `stability`.
    product_terms : set of Value
        Sums of logarithms that the user wrote as products of matrices. Set by `stability` and `logspace.carries`, read
        by `linalg.scaled_gemm`.
    """

    applied: tuple[Rewrite, ...] = ()
    final: frozenset[Value] = frozenset()
    product_terms: frozenset[Value] = frozenset()


@dataclass(frozen=True, slots=True)
class Storage:
    """A parameter of a device function, behind those of the user.

    Attributes
    ----------
    type : Array
        Its lengths are those of the user's parameters.
    role : str
        "result": the program adds to it; "scratch": what was in it does not matter, and is overwritten; "stack": the
        same, and only the run knows its first length, which is a symbol of its own.
    """

    name: str
    type: Array
    role: Literal["result", "scratch", "stack"]


@dataclass(frozen=True, slots=True)
class ThreadStorage:
    """An array parameter of an adjoint kernel in which each thread keeps values.

    Attributes
    ----------
    shape : tuple of Dim
        The part of one thread; where a symbol is none of the arguments', only the run knows it.
    """

    name: str
    shape: tuple[Dim, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class SingleWriter:
    """A store that needs one thread, or block, along a dimension of the launch, such as "threadIdx.y"."""

    dimension: str
    array: str
    adds: bool
    location: Location | None


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What a function is compiled for, and what it has there beside the user's parameters.

    Attributes
    ----------
    is_compiled : bool
        Numba compiles it: loops over scalars. Set by `loop_pipeline`, read by codegen.
    fastmath : bool
        Sums may be reordered. Set and read like `is_compiled`.
    is_device, is_kernel : bool
        It runs on a CUDA device; threads are launched with it. Set by `gpu`, read by codegen.
    is_parallel : bool
        Loops of it are divided among threads. Set by `schedule.parallel`, read by `compile.build`.
    is_unrolled : bool
        A loop over a short axis is written out. Set by `schedule.unroll`, read by `loop_pipeline`.
    unobserved : set of str
        Parameters whose contents nobody reads after the call. Set by `gpu.kernels`, read where stores are eliminated.
    stacks : tuple of (name, type)
        Parameters that stand for lists. Set by `gpu.device.lists_to_stacks`, read by later passes for devices.
    storage : tuple of Storage
        Parameters for results and scratch memory. Set by `gpu.device.out_params` and `preallocate`, read by launches.
    thread_storage : tuple of ThreadStorage
        Parameters that hold the tape of each thread. Set by `gpu.kernels.tape`, read by launches.
    thread_axes : str
        The axes of the launch on which a thread's place is read, such as "xy". Set by `gpu.kernels.atomics`.
    only_axes : str or None
        The axes that alone may be longer than 1 in a launch; None: any may be. Set by `gpu.kernels.atomics`.
    single_writers : tuple of SingleWriter
        For each dimension, the first store and addition that need one thread along it.
    shared_iterations : tuple of (Dim or None)
        How many iterations each loop has that the threads of a block share; None: only the run knows. Set by
        `gpu.device.cooperative_loops`, read by launches.
    failures : tuple of (exception, message)
        What the numbers from 1 on in the last parameter mean. Set by `gpu.device.error_codes`, read by launches.
    """

    is_compiled: bool = False
    fastmath: bool = False
    is_device: bool = False
    is_kernel: bool = False
    is_parallel: bool = False
    is_unrolled: bool = False
    unobserved: frozenset[str] = frozenset()
    stacks: tuple[tuple[str, Type], ...] = ()
    storage: tuple[Storage, ...] = ()
    thread_storage: tuple[ThreadStorage, ...] = ()
    thread_axes: str = ""
    only_axes: str | None = None
    single_writers: tuple[SingleWriter, ...] = ()
    shared_iterations: tuple[Dim | None, ...] = ()
    failures: tuple[tuple[Any, Any], ...] = ()


# The groups by the names of their fields in `Function`.
GROUPS: Mapping[str, Any] = {
    "interface": Interface(),
    "lengths": LengthFacts(),
    "source": SourceFacts(),
    "derivative": DerivativeFacts(),
    "rewriting": RewriteFacts(),
    "target": TargetFacts(),
}


def listed(fn: object) -> dict[str, object]:
    """The facts of a function that the text form shows, by name; no two groups share a name."""
    found: dict[str, Any] = {}
    for name, default in GROUPS.items():
        group = getattr(fn, name)
        for f in fields(group):
            value = getattr(group, f.name)
            if f.metadata.get("printed", True) and value != getattr(default, f.name):
                found[f.name] = value
    return found


def grouped(facts: Mapping[str, object]) -> dict[str, Any]:
    """Facts by name as the groups that they belong to: arguments of `Function`."""
    rest = dict(facts)
    groups: dict[str, Any] = {}
    for name, default in GROUPS.items():
        own = {f.name: rest.pop(f.name) for f in fields(default) if f.name in rest}
        if own:
            groups[name] = type(default)(**own)
    if rest:
        raise ValueError(f"there is no fact {', '.join(rest)}")
    return groups
