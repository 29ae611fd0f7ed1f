"""Translation validation: a function is evaluated before and after each pass, and its values are compared.

`SRCDIFF_VALIDATE=1` gives every `Recorder` a `Validator`. The values are those of the reference evaluator, at the
arguments of the call and at arguments that are drawn for the types. A pass that may change values has a reason in its
declaration (`Pass.changes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from srcdiff.errors import ValidationError
from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.reference.value_conformance import Mismatch
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.types import Dim, map_dims
from srcdiff.ops.core.registry import is_own
from srcdiff.transforms.guards.entry_guards import with_entry_checks
from srcdiff.transforms.passes import Form, Pass
from srcdiff.transforms.validation import numeric_derivatives as numeric
from srcdiff.transforms.validation.drawn_arguments import EXTREME, drawn
from srcdiff.transforms.validation.kernel_threads import is_kernel, launch_lengths
from srcdiff.transforms.validation.outcomes import (
    STATEMENTS,
    TOLERANCE,
    AsMachineCode,
    Outcome,
    Rounded,
    TooLong,
    difference,
    first_difference,
    leaf_difference,
    outcome,
    outcomes_differ,
)
from srcdiff.transforms.validation.wide_arithmetic import worse_than_before

ENOUGH = (
    20_000  # statements of a function's evaluations; after so many, no further arguments are tried
)
LARGEST_UNCERTAINTY = 1e-3  # a value that rounding errors move by more of its size is not compared


@dataclass
class Report:
    """What validation has done so far in this process.

    Attributes
    ----------
    validated : Counter
        Comparisons of a function before and after a pass, by the name of the pass.
    skipped : Counter
        Comparisons that were not made, by the name of the pass and the reason.
    programs : int
        Validators that were made: one for each program and form.
    unchanged : int
        Passes that changed nothing.
    changed : Counter
        Passes that changed a function, by name; each was compared at some arguments, or is in `skipped`.
    uncertain : Counter
        Values that rounding errors move by more than `LARGEST_UNCERTAINTY` of their size, by pass.
    refused : Counter
        Arguments that the function itself did not take, before the pass.
    """

    validated: Counter[str] = field(default_factory=Counter)
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    programs: int = 0
    unchanged: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [
            f"{self.programs} forms, {self.changed.total()} passes that changed one and {self.unchanged} that did not, "
            f"{self.validated.total()} comparisons"
        ]
        lines += [f"  {n:8d}  {name}" for name, n in sorted(self.validated.items())]
        lines += ["skipped:"]
        reasons = Counter[str]()
        for (_, why), n in self.skipped.items():
            reasons[why] += n
        for why, n in reasons.most_common():
            names = sorted(name for name, reason in self.skipped if reason == why)
            lines += [f"  {n:8d}  {why}: {', '.join(names)}"]
        lines += ["uncertain:"]
        lines += [f"  {n:8d}  {name}" for name, n in self.uncertain.most_common()]
        return "\n".join(lines)


REPORT = Report()


class Validator:
    """Compares functions before and after passes.

    Parameters
    ----------
    examples : mapping of str to object
        Arguments by the names of parameters.
    lengths : mapping of str to int
        The lengths of the symbols in types, for the examples.
    report : Report
        Where comparisons are counted.
    """

    def __init__(
        self,
        examples: Mapping[str, object] | None = None,
        lengths: Mapping[str, int] | None = None,
        report: Report = REPORT,
    ) -> None:
        self.examples = dict(examples or {})
        self.lengths = dict(lengths or {})
        self.report = report
        self.forms: tuple[Form, ...] = ()  # what the passes so far have established
        self.scratch = frozenset[str]()  # parameters that an adjoint kernel may write or not
        self.texts: dict[int, tuple[Function, str]] = {}  # keeps functions alive: ids stay unique
        # by the text of a function, and by the description of its arguments
        self.compared: dict[str, dict[str, Outcome]] = {}
        self.runs: dict[tuple[str, str], Outcome] = {}
        report.programs += 1

    def step(self, made_by: Pass, before: Function, after: Function) -> None:
        """Compare a function before and after a pass."""
        name, changes = made_by.name, made_by.changes
        self.forms = self.forms * (Form.OWNED not in made_by.gives) + made_by.gives
        if after is before:
            return
        if changes:
            self.report.skipped[name, changes] += 1
            return
        if _kinds(before) != _kinds(after):
            self.report.skipped[name, "the parameters change"] += 1
            return
        if self._text(before) == self._text(after):
            self.report.unchanged += 1
            return
        self.report.changed[name] += 1
        lengths = launch_lengths(before) if is_kernel(before) else {}
        sets = drawn(after, self.examples, lengths | self.lengths)
        same_lengths = [p.type for p in before.params] == [p.type for p in after.params]
        old = self._outcomes(before, sets) if same_lengths else self._evaluated(before, sets)
        new = {
            label: self._compared(made_by, label, before, after, sets[label], found)
            for label, found in old.items()
            if label in sets
        }
        self.compared[self._text(after)] = new
        self.report.refused[name] += sum(found.leaves is None for found in old.values())
        if all(found.leaves is None for found in old.values()):
            errors = {_why_not_run(o.error) or type(o.error).__name__ for o in old.values()}
            self.report.skipped[
                name, f"no arguments ran before it ({', '.join(sorted(errors))})"
            ] += 1
        if made_by.stabilises:
            self._compare_with_80_bits(made_by, before, after)

    def _compare_with_80_bits(self, made_by: Pass, before: Function, after: Function) -> None:
        """Check that a pass makes no value less accurate, and that it replaces infinities by the right values."""
        sets = drawn(before, self.examples, self.lengths, kinds=EXTREME)
        for label, args in sets.items():
            difference = worse_than_before(before, after, args)
            if difference:
                raise ValidationError(
                    f"the pass {made_by.name!r} gives a wrong value to {before.name}, at {label}: {difference}\n"
                    f"arguments: {args!r}\nbefore:\n{to_text(before)}\nafter:\n{to_text(after)}"
                )

    def derivative(self, name: str, fn: Function, new: Function, wrt: Sequence[int]) -> None:
        """Compare a derivative with differences of the primal function, along a random direction.

        `new` takes the parameters of `fn`, and weights of its results ("reverse") or tangents ("forward").
        """
        label = "values near the example"
        args = drawn(new, self.examples, self.lengths).get(label)
        why = _not_numeric(fn, args, wrt)
        if name == "forward" and any("list(" in str(fn.params[k].type) for k in wrt):
            why = why or "the tangents of lists are drawn with lengths of their own"
        if args is None or why:
            self.report.skipped[name, why] += 1
            return
        kind, text = numeric.compared_derivative(name, fn, new, wrt, args)
        if kind == "wrong":
            raise ValidationError(
                f"the pass {name!r} differentiates {fn.name} wrongly, at {label}: {text}\n"
                f"arguments: {args!r}\nbefore:\n{to_text(fn)}\nafter:\n{to_text(new)}"
            )
        if kind == "skipped":
            self.report.skipped[name, text] += 1
        else:
            (self.report.uncertain if kind == "uncertain" else self.report.validated)[name] += 1

    def _text(self, fn: Function) -> str:
        if id(fn) not in self.texts:
            self.texts[id(fn)] = fn, to_text(fn)
        return self.texts[id(fn)][1]

    def _run(self, fn: Function, label: str, args: Sequence[object]) -> Outcome:
        """The outcome of a function; two pipelines often make the same one."""
        key = self._text(fn), label
        if key not in self.runs:
            self.runs[key] = outcome(fn, args)
        return self.runs[key]

    def _outcomes(self, fn: Function, sets: Mapping[str, Sequence[object]]) -> dict[str, Outcome]:
        """The outcomes that the last pass before was compared with, or those of the function itself."""
        found = self.compared.get(self._text(fn))
        return self._evaluated(fn, sets) if found is None else found

    def _evaluated(self, fn: Function, sets: Mapping[str, Sequence[object]]) -> dict[str, Outcome]:
        checked, left = with_entry_checks(fn, alone=True), ENOUGH
        outcomes: dict[str, Outcome] = {}
        for label, args in sets.items():
            if left > 0:  # long programs are run with fewer arguments
                outcomes[label] = outcome(checked, args)
                left -= outcomes[label].statements
        return outcomes

    def _compared(
        self,
        made_by: Pass,
        label: str,
        before: Function,
        after: Function,
        args: Sequence[object],
        old: Outcome,
    ) -> Outcome:
        """The outcome that the next pass is compared with."""
        name = made_by.name
        if old.leaves is None:
            return old
        new = self._run(after, label, args)
        if isinstance(new.error, ZeroDivisionError) and Form.SCALAR in self.forms:
            new = outcome(after, args, AsMachineCode)
        if new.leaves is None:
            got, reason = repr(new.error), _why_not_run(new.error)
            if reason:
                self.report.skipped[name, reason] += 1
                return old
        else:
            differ = outcomes_differ(self._without_scratch(before, old, new, args), new, args)
            allowed = self._uncertainty(made_by, before, after, args) if differ else 1.0
            if differ is None or differ[0] <= TOLERANCE * allowed:
                counts = self.report.uncertain if np.isinf(allowed) else self.report.validated
                counts[name] += 1
                return new
            got = differ[1]
        if outcome(with_entry_checks(after, alone=True), args).leaves is None and new.leaves:
            self.report.skipped[name, "the arguments do not satisfy the guards"] += 1
            return Outcome(None)
        raise ValidationError(
            "\n".join(
                [
                    f"the pass {name!r} changes what {before.name} returns, at {label}: {got}",
                    f"arguments: {args!r}",
                    first_difference(before, after, args),
                    f"before:\n{to_text(before)}",
                    f"after:\n{to_text(after)}",
                ]
            )
        )

    def _without_scratch(
        self, before: Function, old: Outcome, new: Outcome, args: Sequence[object]
    ) -> Outcome:
        """The outcome before a pass, without arguments that an adjoint kernel need not write."""
        if not self.scratch:
            return old
        rows = zip(before.params, args, old.arguments, new.arguments, strict=False)
        arguments = [
            b if p.name in self.scratch and leaf_difference(given, a) else a
            for p, given, a, b in rows
        ]
        # a kernel of one thread reads no thread index, and is evaluated as a function without results
        return Outcome(arguments if is_kernel(before) else old.leaves, None, arguments)

    def _uncertainty(
        self, made_by: Pass, before: Function, after: Function, args: Sequence[object]
    ) -> float:
        """By how much more than `TOLERANCE` rounding errors move the results; infinite where they are not compared."""
        most = 0.0
        for fn in (before,) if made_by.stabilises else (before, after):
            runs = [outcome(fn, args, Rounded) for _ in range(4)]
            found = [r.leaves for r in runs if r.leaves is not None]
            for one in found[1:]:
                differ = difference(found[0], one)
                most = max(most, differ[0] if differ else 0.0)
        return np.inf if most > LARGEST_UNCERTAINTY else max(1.0, 30 * most / TOLERANCE)


def _kinds(fn: Function) -> list[str]:
    """The types of the parameters without lengths: a pass may unify lengths."""
    return [str(map_dims(p.type, lambda d: Dim())) for p in fn.params]


def _not_numeric(fn: Function, args: Sequence[object] | None, wrt: Sequence[int]) -> str:
    """Why the derivative of a function is not compared with differences; empty where it is."""
    if args is None:
        return "no arguments of these types are known"
    if any("float32" in str(p.type) or "complex" in str(p.type) for p in fn.params):
        return "differences are taken of real numbers in double precision"
    if any("object(" in str(fn.params[k].type) for k in wrt):
        return "differences are taken of numbers, arrays, tuples and lists"
    for f in callees_first(fn):
        for s in walk(f.body):
            if isinstance(s, Op) and (s.decl.name in _DECLARED or is_own(s.decl)):
                return f"{s.decl.name} has the derivative that is declared"
    return ""


# operations whose derivative is not that of their value
_DECLARED = frozenset({"stop_gradient", "adjoint_block"})


def _why_not_run(error: BaseException | None) -> str:
    """Why the evaluator cannot run a function; empty for what the program itself raises."""
    if isinstance(error, TooLong):
        return f"more than {STATEMENTS} statements"
    if isinstance(error, Mismatch):
        return f"the evaluator cannot run it ({str(error).rpartition(': ')[2]})"
    if isinstance(error, NameError | AttributeError | NotImplementedError | ImportError):
        return f"the evaluator cannot run it ({error!r})"
    return ""
