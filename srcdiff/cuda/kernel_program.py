"""Kernel programs: the adjoint or tangent of a user's kernel as text, and the storage that its caller provides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.compile.build import mentioned
from srcdiff.compile.recording import new_recorder
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.rule_parser import parse_forward_rule, parse_rule
from srcdiff.frontend.source.argument_types import with_symbols
from srcdiff.frontend.trace import trace
from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.core import Function, Node, Op, walk
from srcdiff.ir.facts import SingleWriter, ThreadStorage
from srcdiff.ir.location import Location
from srcdiff.ir.types import Type
from srcdiff.ir.values import Const, Value
from srcdiff.ir.verify import verify
from srcdiff.ops.arrays import memory
from srcdiff.transforms.gpu.kernels.pipeline import adjoint_kernel, storage_kernel, tangent_kernel
from srcdiff.transforms.gpu.kernels.reverse import float_arrays
from srcdiff.transforms.legalize.single_precision import is_single
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.passes import Recorder

Kind = Literal["adjoint", "tangent"]


@dataclass(frozen=True)
class KernelProgram:
    """A generated kernel.

    Attributes
    ----------
    names, types : tuple
        The parameters of the user's kernel.
    shadows : tuple of str
        The parameters after these: an adjoint, or tangent, for each of the arrays `of`.
    thread_storage : tuple of ThreadStorage
        The parameters after the shadow arrays.
    only_axes : str or None
        The only axes of a launch that may be longer than 1, by the kernel's assumption; None: there is no assumption.
    single_writers : tuple of SingleWriter
        Stores that need a single thread, or block, along a dimension of the launch.
    single : bool
        Whether the kernel computes in float32 only: numbers are passed as float32.
    counting : KernelProgram or None
        The kernel that counts the values to be saved, if only the run knows how many there are.
    """

    name: str
    source: str
    names: tuple[str, ...]
    types: tuple[Type, ...]
    shadows: tuple[str, ...]
    of: tuple[int, ...]
    thread_storage: tuple[ThreadStorage, ...] = ()
    only_axes: str | None = None
    single_writers: tuple[SingleWriter, ...] = ()
    single: bool = False
    bindings: Mapping[str, Any] = field(default_factory=dict)
    counting: KernelProgram | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    location: Location | None = None

    @property
    def is_adjoint(self) -> bool:
        """Whether the kernel adds to its shadow arrays, so that no two of them may be one array."""
        return self.name.endswith("_adjoint")


_DOCS = {
    "adjoint": "Adjoint of `{f}`: {what}.",
    "tangent": "`{f}`, and its tangent along {along}.",
}


def build_kernel(
    function: object,
    kind: Kind,
    names: Sequence[str],
    types: Sequence[Type],
    keep_text: bool = False,
) -> KernelProgram:
    """The adjoint or tangent kernel for arguments of these types.

    Raises
    ------
    UnsupportedError
        At the user's line, for code that cannot be reversed or has no derivative.
    """
    recorder = new_recorder(keep_text)
    taken: set[str] = set()
    given = tuple(with_symbols(t, n, taken) for t, n in zip(types, names, strict=True))
    fn = trace(function, given, shapes_actual={}, names=names, any_lengths=True)
    _check_result(fn)
    of = tuple(float_arrays(fn))
    if not of:
        raise UnsupportedError(
            f"{fn.name} has no array of floats to differentiate with respect to",
            "Numbers have none in kernels: pass them in an array of one element.",
            fn.location,
        )
    recorder.note("frontend", fn, 0.0)
    before: Function | None = None
    try:
        if kind == "adjoint":
            new, before = adjoint_kernel(fn, parse_rule, recorder)
        else:
            new = tangent_kernel(fn, parse_rule, parse_forward_rule, recorder)
        counting = _counting(before, new, names)
    except NoLoopForm as reason:
        raise _refused(fn, str(reason), reason.location) from None
    if verify(new):
        raise _refused(fn, "a defect of srcdiff: the generated kernel is not valid", None)
    program = _program(_documented(new, fn, kind), names, of, recorder)
    return replace(program, counting=counting)


def _program(
    new: Function, names: Sequence[str], of: tuple[int, ...], recorder: Recorder
) -> KernelProgram:
    source = to_source(new)
    count = len(names)
    return KernelProgram(
        new.name,
        source,
        tuple(names),
        tuple(p.type for p in new.params[:count]),
        tuple(p.name for p in new.params[count : count + len(of)]),
        of,
        new.target.thread_storage,
        new.target.only_axes,
        new.target.single_writers,
        is_single(new),
        mentioned(bindings_of(new), source),
        None,
        recorder.stages,
        new.location,
    )


def _counting(before: Function | None, new: Function, names: Sequence[str]) -> KernelProgram | None:
    """The counting kernel, if the arguments do not determine all lengths of the saved values."""
    kept = new.target.thread_storage
    if before is None or not kept:
        return None
    counting = storage_kernel(before, new_recorder())
    of = tuple(range(len(before.params) - len(names)))
    return _program(counting, names, of, new_recorder())


def _check_result(fn: Function) -> None:
    """Refuse a kernel that returns a value."""
    given = [y for y in fn.body.yields if getattr(y, "value", 0) is not None]
    if given or (isinstance(fn.output, Node) and fn.output.children):
        raise UnsupportedError(
            f"{fn.name} returns a value, but kernels write into arrays",
            "Take the adjoint of the kernel that calls it.",
            fn.location,
        )


def _documented(new: Function, fn: Function, kind: Kind) -> Function:
    shadows = new.params[len(fn.params) : len(fn.params) + len(float_arrays(fn))]
    if kind == "tangent":
        along = _listed([f"`{d.name}`" for d in shadows])
        return replace(new, doc=_DOCS[kind].format(f=fn.name, along=along))
    done = {d.name: _done_to(d, new) for d in shadows}
    parts = []
    for verb in ("adds to", "updates", "clears"):
        names = [name for name, own in done.items() if own == verb]
        parts += [f"{verb} {_listed(names)}"] if names else []
    return replace(new, doc=_DOCS[kind].format(f=fn.name, what=", ".join(parts)))


def _done_to(d: Value, fn: Function) -> str:
    """A phrase for a docstring: the effect of a kernel on the adjoint of an array."""
    roots = storage_roots(fn)
    ops = [s for s in walk(fn.body) if isinstance(s, Op) and d in writes_of(s, roots)]
    stores = [s for s in ops if s.decl is memory.store]
    if not ops:
        return ""
    if not stores:
        return "adds to"
    zero = all(isinstance(s.operands[1], Const) and s.operands[1].value == 0 for s in stores)
    return "clears" if zero and len(stores) == len(ops) else "updates"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _refused(fn: Function, reason: str, where: Location | None) -> UnsupportedError:
    return UnsupportedError(
        f"the adjoint of {fn.name} cannot be a kernel: {reason}",
        "Write that part with loops over numbers and elements of arrays.",
        where or fn.location,
    )
