"""Program generation: from a function and argument types to the text of a derivative and the facts that calls need.

`handles/generated.py` imports this when the first program is generated: the stages take longer to import than NumPy.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.codegen.module.entry_checks import with_checks
from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.compile.arguments.signature import Arguments, signature_of
from srcdiff.compile.derivations.kinds import Gradient, Hvp, Vjp
from srcdiff.compile.derive import derive
from srcdiff.compile.extensions import extensions
from srcdiff.compile.loop_program import LoopProgram, shares_loops
from srcdiff.compile.program import Derived, Program
from srcdiff.compile.recording import new_recorder
from srcdiff.compile.result_ownership import own_outside, without_stops
from srcdiff.errors import UnsupportedError, UntypedError, ValidationError
from srcdiff.frontend.rule_parser import parse_expansion
from srcdiff.frontend.source.locations import place_of
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Function
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.facts import EffectNote
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.structs import own_constructor
from srcdiff.ir.verify import verify
from srcdiff.transforms.ad.destination_passing import with_destinations
from srcdiff.transforms.analysis.effects import is_repeatable
from srcdiff.transforms.guards.entry_guards import (
    with_entry_checks,
    with_layout_checks,
    with_number_checks,
    with_overlap_checks,
)
from srcdiff.transforms.legalize.globals_to_params import outside_as_parameters
from srcdiff.transforms.loop_pipeline import to_loops
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.passes import Recorder, each_function
from srcdiff.transforms.prepare.reshape_copies import needs_contiguous


def build(
    derived: Derived,
    arguments: Arguments,
    keep_text: bool = False,
    shared: dict[object, object] | None = None,
) -> Program:
    """Generate the program for arguments of these types; `shared` gets the functions that its loop form reuses."""
    with defects_reported(derived), _collector_paused():
        return _build(derived, arguments, keep_text, {} if shared is None else shared)


@contextlib.contextmanager
def defects_reported(derived: Derived) -> Iterator[None]:
    """Report a violated invariant of srcdiff as an error of its own, not as a bare traceback."""
    try:
        yield
    except RecursionError:
        raise UnsupportedError(
            f"{getattr(derived.base, '__name__', derived.name)} is nested too deeply for Python's recursion limit",
            "Split its longest expression or chain of branches, or raise sys.setrecursionlimit().",
            place_of(derived.base),
        ) from None
    except ShapeMismatch as error:  # on a path that may never be taken
        raise UnsupportedError(
            f"{getattr(derived.base, '__name__', derived.name)}: {error}",
            "Check the shapes in all branches, also in those that are not taken.",
            place_of(derived.base),
        ) from None
    except ValidationError:
        raise
    except (AssertionError, LookupError) as error:
        name = getattr(derived.base, "__name__", "the function")
        raise UnsupportedError(
            f"no derivative of {name} could be generated ({error})",
            "This is a defect of srcdiff. The function in smaller steps, or with copies of views, may help.",
        ) from error


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause Python's collector of cycles: IR has hardly any, and for programs of a thousand statements the searches
    take as long as the rest.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _build(
    derived: Derived, arguments: Arguments, keep_text: bool, shared: dict[object, object]
) -> Program:
    recorder = new_recorder(keep_text, shared)
    _give_examples(recorder, arguments)
    try:
        fn = derive(derived, arguments, recorder)
    except (UntypedError, RecursionError) as error:
        if keep_text:
            raise
        return _dynamic(derived, arguments, error)
    unseen = [p.message for p in verify(fn) if p.is_of_scope]
    assert not unseen, unseen[0]  # no program may read an unbound name
    fn = with_destinations(fn)
    fn = each_function(fn, lambda f: own_outside(without_stops(f)))
    bare = to_source(fn)
    entered = with_entry_checks(fn)
    source = with_checks(bare, entered, fn)
    contiguous = fn.source.contiguous
    checked = with_entry_checks(fn, alone=True)
    checked = with_layout_checks(checked, {*contiguous, *needs_contiguous(fn)})
    written = fn.source.written
    checked = with_overlap_checks(checked, written, arguments.names)
    torn = [(name, keys) for name, keys, _ in fn.source.numbers]
    checked = with_number_checks(checked, (*written, *torn), arguments.names)
    saved = with_checks(bare, checked, fn)
    watched = tuple(fn.source.watched.values())
    bindings = mentioned(bindings_of(entered), source)
    _refuse_own_constructors(fn, bindings)
    return Program(
        name=fn.name,
        derivation=derived.derivation,
        base=derived.name.removesuffix(f"_{derived.derivation.name}"),
        source=source,
        saved=saved if saved != source else "",
        bindings=bindings,
        assumptions=fn.lengths.equal,
        counts=fn.lengths.nonnegative,
        at_most=fn.lengths.at_most,
        watched=watched,
        outside=bool(watched),
        written=tuple(written),
        contiguous=tuple(contiguous),
        numbers=fn.source.numbers,
        arrays=fn.source.outside_arrays,
        weights=fn.derivative.weights,
        rewritten=_rewritten(fn),
        repeatable=is_repeatable(fn),
        independent=tuple(fn.params[k].name for k in fn.derivative.independent),
        static=frozenset(fn.source.static),
        location=fn.location,
        stages=recorder.stages,
        seconds=recorder.seconds,
    )


def _give_examples(recorder: Recorder, arguments: Arguments) -> None:
    """Give the example arguments to the validator; the loop form, which may have their types only, uses them, too."""
    if recorder.validator is None:
        return
    given = dict(zip(arguments.names, arguments.values, strict=False))
    recorder.validator.examples = copy.deepcopy(given) | recorder.validator.examples
    recorder.validator.lengths |= arguments.lengths


def _dynamic(
    derived: Derived, arguments: Arguments, error: UntypedError | RecursionError
) -> Program:
    """The program that runs in the interpreter."""
    if isinstance(error, UntypedError):
        reason = error
    else:
        name = getattr(derived.base, "__name__", derived.name)
        reason = UntypedError(
            f"the types of {name} nest without end",
            "Use values that do not nest.",
            place_of(derived.base),
        )
    program = extensions().dynamic_program(derived, arguments, reason)
    if program is not None:
        return program
    raise UnsupportedError(
        f"{derived.name} needs types that are known beforehand: {reason.message}",
        f"{reason.advice} Gradients, Jacobians, Hessians, their products and batches do without.".strip(),
        reason.location,
        reason.chain,
    )


def _rewritten(fn: Function) -> tuple[tuple[str, Location | None], ...]:
    """The named rewritings that changed lines of a function or of a callee."""
    found = {rewriting for f in callees_first(fn) for rewriting in f.rewriting.applied}
    return tuple(sorted(found, key=lambda f: (str(f[1] and f[1].file), f[1].line if f[1] else 0)))


@dataclass
class _Kept(Recorder):
    """Keeps the function as it was read, and the last derivative with undecided storage."""

    read: list[Function] = field(default_factory=list)
    undecided: list[Function] = field(default_factory=list)
    latest: Function | None = None

    def note(self, name: str, fn: Function, seconds: float) -> None:
        super().note(name, fn, seconds)
        if name == "load insertion":
            self.read.append(fn)
        if name == "residuals" and self.latest is not None:
            self.undecided.append(self.latest)
        self.latest = fn


def stages_of(derived: Derived, arguments: Arguments) -> tuple[Function, Function | None]:
    """The function that is differentiated, after load insertion; and its reverse-mode derivative before the storage is
    decided (None in forward mode).
    """
    recorder = _Kept()
    with defects_reported(derived), _collector_paused():
        try:
            derive(derived, arguments, recorder)
        except UntypedError as error:
            raise UnsupportedError(
                f"{derived.name} is dynamic, so its active and stored values are known only when it runs: "
                f"{error.message}",
                error.advice,
                error.location,
                error.chain,
            ) from None
    if isinstance(derived.derivation, Hvp):
        return recorder.read[-2], recorder.undecided[-1]
    is_reverse = isinstance(derived.derivation, Gradient | Vjp)
    return recorder.read[-1], recorder.undecided[-1] if is_reverse else None


def build_loops(
    derived: Derived,
    arguments: Arguments,
    bound: bool = False,
    shared: dict[object, object] | None = None,
) -> LoopProgram:
    """The loop form of the program for arguments of these types, or why there is none.

    Global arrays are further parameters, or `bound` as objects that the text refers to. `shared`: what `build` left.
    """
    recorder = new_recorder(shared=shared)
    _give_examples(recorder, arguments)
    with defects_reported(derived), _collector_paused():
        again = not (bound or arguments.any_lengths or arguments.no_tangents)
        fn = derive(derived, arguments, recorder, machine=True, again=again)
        fn = each_function(fn, lambda f: own_outside(without_stops(f)))
        types = tuple(p.type for p in fn.params)
        results = tuple(y.type for y in fn.body.yields)
        fn, outside = (fn, ()) if bound else outside_as_parameters(fn)
        if recorder.validator is not None:
            names = (p.name for p in fn.params[len(types) :])
            recorder.validator.examples |= zip(names, outside, strict=True)
        program = replace(_without_loops(fn), types=types, results=results, outside=outside)
        options = derived.options
        threads = options.threads
        if threads == "auto" and not shares_loops(derived, arguments, bound):
            threads = 0
        try:
            loops = to_loops(
                fn,
                arguments.lengths,
                parse_expansion,
                recorder,
                options.fastmath,
                threads,
                narrow=not bound and not arguments.any_lengths,
            )
        except NoLoopForm as reason:
            return replace(program, refused=str(reason))
        if verify(loops):  # better no loop form than an invalid one
            return replace(program, refused="a defect of srcdiff: its loop form is not valid")
        source = to_source(with_entry_checks(loops, compiled=True))
        return replace(
            program,
            source=source,
            bindings=mentioned(bindings_of(loops), source),
            assumptions=(*program.assumptions, *loops.lengths.specialised),
            at_most=loops.lengths.at_most,
            in_threads=loops.target.is_parallel,
            below=loops.lengths.less_than,
        )


def _without_loops(fn: Function) -> LoopProgram:
    """What calls need to know of a function, before it has a loop form."""
    return LoopProgram(
        fn.name,
        output=fn.output,
        location=fn.location,
        written=tuple(fn.source.written),
        contiguous=tuple(fn.source.contiguous),
        numbers=fn.source.numbers,
        independent=tuple(fn.params[k].name for k in fn.derivative.independent),
        rewritten=_rewritten(fn),
        assumptions=fn.lengths.equal,
        counts=fn.lengths.nonnegative,
        at_most=fn.lengths.at_most,
        watched=tuple(fn.source.watched.values()),
    )


def mentioned(bindings: Mapping[str, object], source: str) -> dict[str, object]:
    names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    return {k: v for k, v in bindings.items() if k in names}


def _refuse_own_constructors(fn: Function, bindings: Mapping[str, object]) -> None:
    """Refuse derivatives in containers whose constructors change their parts."""
    for name, cls in bindings.items():
        own = own_constructor(cls) if isinstance(cls, type) else ""
        if own:
            raise UnsupportedError(
                f"{fn.label} makes a {name}, which has a {own} of its own",
                "Differentiate with respect to the fields one by one, or use a class of plain fields.",
                fn.location,
            )


def noted(f: Any, args: Sequence[Any]) -> list[EffectNote]:
    """The notes of effect handlers in a function for these arguments (see `srcdiff.effects.notes_of`)."""
    arguments = signature_of(f, 0).bind(args, {}, frozenset())
    names, types = arguments.names, arguments.types
    with _collector_paused():
        fn = trace(f, types, shapes_actual=arguments.lengths, names=names)
    return [*fn.source.effect_notes.values()]
