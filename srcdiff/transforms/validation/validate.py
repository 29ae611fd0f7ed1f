"""Translation validation: a function is evaluated before and after each pass, and its values are compared.

`SRCDIFF_VALIDATE=1` gives every `Recorder` a `Validator`. The values are those of the reference evaluator, at the
arguments of the call and at arguments that are drawn for the types. A pass that changes a value says so in its
declaration (`Pass.changes`).
"""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.errors import ValidationError
from srcdiff.ir.core import Function, Op, Statement, Value, walk
from srcdiff.ir.interpreter import Evaluator, form
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.syntax.printer import statement_text, to_text
from srcdiff.ir.value_conformance import Mismatch, Scope
from srcdiff.transforms.guards.entry_guards import with_entry_checks
from srcdiff.transforms.validation import numeric_derivatives as numeric
from srcdiff.transforms.validation.drawn_arguments import drawn

if TYPE_CHECKING:
    from srcdiff.transforms.passes import Pass

__all__ = ["REPORT", "Report", "ValidationError", "Validator"]

TOLERANCE = 1e-9  # relative to the largest entry of a result; what is above is compared with rounding errors
LARGEST_UNCERTAINTY = 1e-3  # a value that rounding moves by more of its size says nothing
STATEMENTS = 20_000  # the most that one evaluation runs
_ROUNDED = (  # operations whose results are rounded
    "add subtract multiply divide true_divide power square sqrt cbrt exp expm1 exp2 log log1p log2 log10 sin cos tan "
    "sinh cosh tanh arcsin arccos arctan arctan2 sum mean prod cumsum cumprod matmul dot einsum inner outer solve inv "
    "det slogdet cholesky norm var std logaddexp sigmoid hypot gammaln digamma erf"
)
_INEXACT = frozenset(_ROUNDED.split(" "))


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
    uncertain : Counter
        Values that rounding errors move by more than `LARGEST_UNCERTAINTY` of their size, by pass.
    """

    validated: Counter[str] = field(default_factory=Counter)
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    programs: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        lines = [
            f"{self.programs} programs, {sum(self.validated.values())} comparisons, {self.unchanged} unchanged"
        ]
        lines += [f"  {n:8d}  {name}" for name, n in sorted(self.validated.items())]
        lines += ["skipped:"]
        lines += [f"  {n:8d}  {name}: {why}" for (name, why), n in self.skipped.most_common()]
        lines += ["uncertain:"]
        lines += [f"  {n:8d}  {name}" for name, n in self.uncertain.most_common()]
        return "\n".join(lines)


REPORT = Report()


class _TooLong(Exception):
    """An evaluation that takes too many statements."""


class _Bounded(Evaluator):
    """An evaluator that stops after so many statements, those of helpers included."""

    def __init__(self, fn: Function, count: list[int] | None = None) -> None:
        super().__init__(fn)
        self.count = [0] if count is None else count

    def inner(self, fn: Function) -> Evaluator:
        return type(self)(fn, self.count)

    def statement(self, statement: Statement, scope: Scope) -> None:
        self.count[0] += 1
        if self.count[0] > STATEMENTS:
            raise _TooLong
        super().statement(statement, scope)


class _Rounded(_Bounded):
    """One that adds a rounding error to each result, so that the spread of several runs shows how uncertain it is."""

    rng = np.random.default_rng(0)

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        out = super().compute(op, operands, scope)
        if op.decl.name not in _INEXACT or not isinstance(out, float | np.floating | np.ndarray):
            return out
        kind = np.asarray(out).dtype
        if kind.kind != "f":
            return out
        error = 1 + 2 * np.finfo(kind).eps * self.rng.uniform(-1, 1, np.shape(out))
        moved = (np.asarray(out) * error).astype(kind)
        if isinstance(out, np.ndarray):
            return moved
        return type(out)(moved)


class _Traced(_Bounded):
    """One that keeps what each value was bound to last, as it was then."""

    def __init__(self, fn: Function, count: list[int] | None = None) -> None:
        super().__init__(fn, count)
        self.bound: dict[Value, tuple[Statement, Any]] = {}

    def statement(self, statement: Statement, scope: Scope) -> None:
        super().statement(statement, scope)
        for value in statement.results:
            if value in self.values:
                self.bound[value] = statement, copy.deepcopy(self.values[value])


@dataclass
class _Outcome:
    """What a function returned, and its arguments afterwards; or why there is nothing to compare."""

    leaves: list[Any] | None
    error: BaseException | None = None
    arguments: list[Any] = field(default_factory=list)  # their leaves after the call


class Validator:
    """Compares functions before and after passes.

    Parameters
    ----------
    examples : mapping of str to object
        Arguments by the names of parameters.
    lengths : mapping of str to int
        What the symbols of types are for the examples.
    report : Report
        Where comparisons are counted.
    """

    def __init__(
        self,
        examples: Mapping[str, Any] | None = None,
        lengths: Mapping[str, int] | None = None,
        report: Report = REPORT,
    ) -> None:
        self.examples = dict(examples or {})
        self.lengths = dict(lengths or {})
        self.report = report
        self.known: dict[int, tuple[Function, dict[str, _Outcome], str]] = {}
        report.programs += 1

    def step(self, made_by: Pass, before: Function, after: Function) -> None:
        """Compare a function with what a pass has made of it."""
        name, changes = made_by.name, made_by.changes
        if after is before:
            return
        if changes:
            self.report.skipped[name, changes] += 1
            return
        if [str(p.type) for p in before.params] != [str(p.type) for p in after.params]:
            self.report.skipped[name, "the parameters change"] += 1
            return
        text = to_text(after)
        if id(before) in self.known and self.known[id(before)][2] == text:
            self.known[id(after)] = after, self.known[id(before)][1], text
            self.report.unchanged += 1
            return
        sets = drawn(before, self.examples, self.lengths)
        old = self._outcomes(before, sets)
        new: dict[str, _Outcome] = {}
        for label, args in sets.items():
            new[label] = self._compared(made_by, label, before, after, args, old[label])
        self.known[id(after)] = after, new, text

    def derivative(self, name: str, fn: Function, new: Function, wrt: Sequence[int]) -> None:
        """Compare a derivative with differences of what it is the derivative of, along a random direction.

        `new` takes the parameters of `fn`, and weights of its results ("reverse") or tangents ("forward").
        """
        label = "values near the example"
        args = drawn(new, self.examples, self.lengths).get(label)
        why = _not_numeric(fn, args, wrt)
        if args is None or why:
            self.report.skipped[name, why] += 1
            return
        count = len(fn.params)
        own, further = args[:count], numeric.float_leaves([*_leaves(args[count:])])
        rng = np.random.default_rng(0)
        v = further if name == "forward" else numeric.directions(own, wrt, rng)
        try:
            expected = numeric.along(lambda a: _floats_of(fn, a), own, wrt, v)
        except (StopIteration, ValueError):
            expected = None
        found = _floats_of(new, args)
        if expected is None or found is None:
            self.report.skipped[name, "differences of two steps do not agree"] += 1
            return
        if name == "forward":
            pairs = [*zip(found[len(found) - len(expected) :], expected, strict=True)]
        else:
            seeds = further or [np.asarray(1.0)]
            total = sum(np.sum(s * e) for s, e in zip(seeds, expected, strict=False))
            gradient = found[len(found) - len(v) :]
            pairs = [(sum(np.sum(g * d) for g, d in zip(gradient, v, strict=True)), total)]
        for got, wanted in pairs:
            if numeric.is_far(got, wanted):
                said = f"its derivative along {v!r} is {got!r}, differences give {wanted!r}"
                text = f"{to_text(fn)}\nafter:\n{to_text(new)}"
                raise ValidationError(
                    f"the pass {name!r} differentiates {fn.name} wrongly, at {label}: {said}\n"
                    f"arguments: {args!r}\nbefore:\n{text}"
                )
        self.report.validated[name] += 1

    def _outcomes(self, fn: Function, sets: Mapping[str, list[Any]]) -> dict[str, _Outcome]:
        found = self.known.get(id(fn))
        if found is not None:
            return found[1]
        checked = with_entry_checks(fn, alone=True)
        return {label: outcome(checked, args) for label, args in sets.items()}

    def _compared(
        self,
        made_by: Pass,
        label: str,
        before: Function,
        after: Function,
        args: list[Any],
        old: _Outcome,
    ) -> _Outcome:
        """The outcome that the next pass is compared with."""
        name = made_by.name
        if old.leaves is None:
            return old
        new = outcome(after, args)
        if new.leaves is None:
            reason = _why_not_run(new.error)
            if reason:
                self.report.skipped[name, reason] += 1
                return old
        elif not (differ := _outcomes_differ(old, new, args)):
            self.report.validated[name] += 1
            return new
        elif differ[0] <= TOLERANCE * self._uncertainty(made_by, before, after, args):
            return new
        if outcome(with_entry_checks(after, alone=True), args).leaves is None and new.leaves:
            self.report.skipped[name, "the arguments do not satisfy the guards"] += 1
            return _Outcome(None)
        raise ValidationError(self._message(name, label, before, after, args, old, new))

    def _uncertainty(
        self, made_by: Pass, before: Function, after: Function, args: list[Any]
    ) -> float:
        """By how much more than `TOLERANCE` rounding errors move the results."""
        most = 0.0
        for fn in (before,) if made_by.stabilises else (before, after):
            runs = [outcome(fn, args, _Rounded) for _ in range(4)]
            found = [r.leaves for r in runs if r.leaves is not None]
            for one in found[1:]:
                differ = _difference(found[0], one)
                most = max(most, differ[0] if differ else 0.0)
        if most > LARGEST_UNCERTAINTY:
            self.report.uncertain[made_by.name] += 1
            return np.inf
        return max(1.0, 30 * most / TOLERANCE)

    def _message(
        self,
        name: str,
        label: str,
        before: Function,
        after: Function,
        args: list[Any],
        old: _Outcome,
        new: _Outcome,
    ) -> str:
        assert old.leaves is not None
        got = repr(new.error) if new.leaves is None else ""
        if new.leaves is not None:
            differ = _outcomes_differ(old, new, args)
            got = differ[1] if differ else ""
        return "\n".join(
            [
                f"the pass {name!r} changes what {before.name} returns, at {label}: {got}",
                f"arguments: {args!r}",
                first_difference(before, after, args),
                f"before:\n{to_text(before)}",
                f"after:\n{to_text(after)}",
            ]
        )


def outcome(fn: Function, args: Sequence[Any], cls: type[_Bounded] = _Bounded) -> _Outcome:
    """What `fn` returns for copies of these arguments, which are looked at afterwards, too."""
    mine = copy.deepcopy(list(args))
    try:
        with _undisturbed():
            results = form(fn.output, cls(fn).call(mine))
    except Exception as error:
        return _Outcome(None, error)
    return _Outcome(copy.deepcopy([*_leaves(results)]), None, [*_leaves(mine)])


def _outcomes_differ(old: _Outcome, new: _Outcome, args: Sequence[Any]) -> tuple[float, str] | None:
    """How results or written arguments differ; a pass may leave an argument as it was given."""
    differ = _difference(old.leaves or (), new.leaves or ())
    if differ or _difference([*_leaves(list(args))], new.arguments) is None:
        return differ
    return _difference(old.arguments, new.arguments)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Neither warnings nor output, and NumPy's own generator as it was."""
    state = np.random.get_state()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        np.random.set_state(state)


def _not_numeric(fn: Function, args: Sequence[Any] | None, wrt: Sequence[int]) -> str:
    """Why the derivative of a function is not compared with differences; empty where it is."""
    if args is None:
        return "no arguments of these types are known"
    if any("float32" in str(p.type) or "complex" in str(p.type) for p in fn.params):
        return "differences are taken of real numbers in double precision"
    if any("list(" in str(fn.params[k].type) or "object(" in str(fn.params[k].type) for k in wrt):
        return "differences are taken of numbers, arrays and tuples"
    for f in callees_first(fn):
        for s in walk(f.body):
            if isinstance(s, Op) and (s.decl.name in _DECLARED or s.decl.name.startswith("rule")):
                return f"{s.decl.name} has the derivative that is declared"
    return ""


_DECLARED = frozenset({"stop_gradient"})  # operations whose derivative is not that of their value


def _floats_of(fn: Function, args: Sequence[Any]) -> list[np.ndarray] | None:
    found = outcome(fn, args).leaves
    return None if found is None else numeric.float_leaves(found)


def _why_not_run(error: BaseException | None) -> str:
    """Why the evaluator cannot run a function; empty for what the program itself raises."""
    if isinstance(error, _TooLong):
        return f"more than {STATEMENTS} statements"
    if isinstance(error, Mismatch):
        return f"the evaluator cannot run it ({str(error).rpartition(': ')[2]})"
    if isinstance(error, NameError | AttributeError | NotImplementedError | ImportError):
        return f"the evaluator cannot run it ({error!r})"
    return ""


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for part in tree.values():
            yield from _leaves(part)
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from _leaves(part)
    elif is_dataclass(tree) and not isinstance(tree, type):
        for f in fields(tree):
            yield from _leaves(getattr(tree, f.name, None))
    else:
        yield tree


_NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)


def _difference(old: Sequence[Any], new: Sequence[Any]) -> tuple[float, str] | None:
    """The largest difference above the tolerance, relative to the largest entry, and in words.

    A number that was not finite before says nothing; one that was, and is not any more, is a difference.
    """
    if len(old) != len(new):
        return np.inf, f"{len(old)} results were {len(new)}"
    worst: tuple[float, str] | None = None
    for k, (a, b) in enumerate(zip(old, new, strict=True)):
        found = _leaf_difference(a, b)
        if found and (worst is None or found[0] > worst[0]):
            worst = found[0], f"result {k}: {found[1]}"
    return worst


def _leaf_difference(a: Any, b: Any) -> tuple[float, str] | None:
    if not isinstance(a, _NUMBERS):
        same = type(a) is not type(b) or not isinstance(a, str) or a == b
        return None if same and (a is None) == (b is None) else (np.inf, _words(a, b))
    if not isinstance(b, _NUMBERS) or np.shape(a) != np.shape(b):
        return np.inf, _words(a, b)
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind not in "biufc" or y.dtype.kind not in "biufc":
        return None if np.array_equal(x, y) else (np.inf, _words(a, b))
    finite = np.isfinite(x)
    if np.any(finite & ~np.isfinite(y)):
        return np.inf, _words(a, b)
    x, y = x[finite], y[finite]
    if not x.size:
        return None
    wide = np.result_type(x.dtype, y.dtype, np.float64)
    x, y = x.astype(wide), y.astype(wide)
    scale = float(np.max(np.abs(x)))
    with np.errstate(all="ignore"):
        off = float(np.max(np.abs(x - y)))
    singles = {np.dtype(np.float32), np.dtype(np.complex64)}
    is_single = {np.asarray(a).dtype, np.asarray(b).dtype} & singles
    share = off / scale if scale else off
    return (share, _words(a, b)) if share > (1e-4 if is_single else TOLERANCE) else None


def _words(old: Any, new: Any) -> str:
    return f"{_short(old)} became {_short(new)}"


def _short(value: Any) -> str:
    text = np.array2string(value, threshold=20) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) < 400 else f"{text[:400]}..."


def first_difference(before: Function, after: Function, args: Sequence[Any]) -> str:
    """The first statement whose value both functions have and differ in, in words."""
    old, new = _Traced(before), _Traced(after)
    for frame in (old, new):
        with contextlib.suppress(Exception), _undisturbed():
            frame.call(copy.deepcopy(list(args)))
    by_name = {v.name: (s, o) for v, (s, o) in old.bound.items() if v.user and v.name}
    for value, (statement, got) in new.bound.items():
        found = old.bound.get(value) or (by_name.get(value.name) if value.user else None)
        if found is None:
            continue
        differ = _difference([*_leaves(found[1])], [*_leaves(got)])
        if differ:
            return f"they part at: {statement_text(statement)} (before: {statement_text(found[0])}): {differ[1]}"
    return "no value that both have differs before the result"
