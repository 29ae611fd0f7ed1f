"""Outcomes of evaluations: the results of a function in the reference evaluator, and the difference of two outcomes."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from srcdiff.ir.core import Function, Op, Region, Statement
from srcdiff.ir.reference.interpreter import Evaluator, form
from srcdiff.ir.reference.value_conformance import Scope
from srcdiff.ir.syntax.printer import statement_text
from srcdiff.ir.values import Value
from srcdiff.transforms.validation.kernel_threads import is_kernel, run_threads

TOLERANCE = 1e-9  # relative to the largest entry of a result; larger differences are compared with rounding errors
STATEMENTS = 100_000  # the largest number of statements of one evaluation
_ROUNDED = (  # operations whose results are rounded
    "add subtract multiply divide true_divide power square sqrt cbrt exp expm1 exp2 log log1p log2 log10 sin cos tan "
    "sinh cosh tanh arcsin arccos arctan arctan2 sum mean prod cumsum cumprod matmul dot einsum inner outer solve inv "
    "det slogdet cholesky norm var std logaddexp sigmoid hypot gammaln digamma erf"
)
_INEXACT = frozenset(_ROUNDED.split(" "))


class TooLong(Exception):
    """An evaluation that takes too many statements."""


class Bounded(Evaluator):
    """An evaluator that stops after so many statements, those of helpers included."""

    def __init__(self, fn: Function, count: list[int] | None = None) -> None:
        super().__init__(fn)
        self.count = [0] if count is None else count

    def inner(self, fn: Function) -> Evaluator:
        return type(self)(fn, self.count)

    def region(self, region: Region, arguments: Sequence[object], scope: Scope) -> list[Any]:
        self.count[0] += 1 + len(region.body)
        if self.count[0] > STATEMENTS:
            raise TooLong
        return super().region(region, arguments, scope)


class AsMachineCode(Bounded):
    """An evaluator that divides Python's floats as NumPy divides its own: in loops, checks raise what Python raises."""

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        try:
            return super().compute(op, operands, scope)
        except ZeroDivisionError:
            if not any(type(x) is float for x in operands):
                raise
            return float(super().compute(op, [np.float64(x) for x in operands], scope))


class Rounded(Bounded):
    """An evaluator that adds a rounding error to each result: the spread of several runs is the uncertainty."""

    rng = np.random.default_rng(0)

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        return self.rounded(op, super().compute(op, operands, scope))

    def rounded(self, op: Op, out: object) -> Any:
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


class _Traced(Bounded):
    """An evaluator that keeps a copy of the last object of each value."""

    def __init__(self, fn: Function, count: list[int] | None = None) -> None:
        super().__init__(fn, count)
        self.bound: dict[Value, tuple[Statement, object]] = {}

    def statement(self, statement: Statement, scope: Scope) -> None:
        super().statement(statement, scope)
        for value in statement.results:
            if value in self.values:
                self.bound[value] = statement, copy.deepcopy(self.values[value])


@dataclass
class Outcome:
    """The result of a function, and its arguments afterwards; or why there is nothing to compare."""

    leaves: list[Any] | None
    error: BaseException | None = None
    arguments: list[Any] = field(default_factory=list)  # their leaves after the call
    statements: int = 0  # how many ran


def outcome(fn: Function, args: Sequence[object], cls: type[Bounded] = Bounded) -> Outcome:
    mine, count = copy.deepcopy(list(args)), [0]
    try:
        with _undisturbed():
            if is_kernel(fn):  # its results are the arguments that it writes
                results = run_threads(fn, mine, lambda f: cls(f, count))
            else:
                results = form(fn.output, cls(fn, count).call(mine))
    except Exception as error:
        return Outcome(None, error, statements=count[0])
    leaves = copy.deepcopy([*leaves_of(results)])
    return Outcome(leaves, None, [*leaves_of(mine)], count[0])


def outcomes_differ(old: Outcome, new: Outcome, args: Sequence[object]) -> tuple[float, str] | None:
    """How results or written arguments differ; a pass may leave an argument as it was given."""
    differ = difference(old.leaves or (), new.leaves or ())
    if differ or difference([*leaves_of(list(args))], new.arguments) is None:
        return differ
    return difference(old.arguments, new.arguments)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """No warnings and no output, and the state of NumPy's global generator is restored."""
    state = np.random.get_state()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        np.random.set_state(state)


def leaves_of(tree: object) -> Iterator[object]:
    if isinstance(tree, dict):
        for part in tree.values():
            yield from leaves_of(part)
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from leaves_of(part)
    elif is_dataclass(tree) and not isinstance(tree, type):
        for f in fields(tree):
            yield from leaves_of(getattr(tree, f.name, None))
    else:
        yield tree


_NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)


def difference(old: Sequence[object], new: Sequence[object]) -> tuple[float, str] | None:
    """The largest difference above the tolerance, relative to the largest entry, and in words.

    A number that was not finite before is not compared. A number that was finite and is not any more is a difference.
    """
    if len(old) != len(new):
        return np.inf, f"{len(old)} results were {len(new)}"
    worst: tuple[float, str] | None = None
    for k, (a, b) in enumerate(zip(old, new, strict=True)):
        found = leaf_difference(a, b)
        if found and (worst is None or found[0] > worst[0]):
            worst = found[0], f"result {k}: {found[1]}"
    return worst


def leaf_difference(a: object, b: object) -> tuple[float, str] | None:
    if not isinstance(a, _NUMBERS):
        same = type(a) is not type(b) or not isinstance(a, str) or a == b
        return None if same and (a is None) == (b is None) else (np.inf, _words(a, b))
    if not isinstance(b, _NUMBERS) or np.shape(a) != np.shape(b):
        return np.inf, _words(a, b)
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind not in "biufc" or y.dtype.kind not in "biufc":
        return None if np.array_equal(x, y) else (np.inf, _words(a, b))
    if x.dtype == y.dtype and x.tobytes() == y.tobytes():
        return None
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


def _words(old: object, new: object) -> str:
    return f"{_short(old)} became {_short(new)}"


def _short(value: object) -> str:
    text = np.array2string(value, threshold=20) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) < 400 else f"{text[:400]}..."


def first_difference(before: Function, after: Function, args: Sequence[object]) -> str:
    """The first statement whose value exists in both functions and differs, in words."""
    if is_kernel(before):
        return "it is a kernel: the arguments afterwards are compared"
    old, new = _Traced(before), _Traced(after)
    for frame in (old, new):
        with contextlib.suppress(Exception), _undisturbed():
            frame.call(copy.deepcopy(list(args)))
    by_name = {v.name: (s, o) for v, (s, o) in old.bound.items() if v.user and v.name}
    for value, (statement, got) in new.bound.items():
        found = old.bound.get(value) or (by_name.get(value.name) if value.user else None)
        if found is None:
            continue
        differ = difference([*leaves_of(found[1])], [*leaves_of(got)])
        if differ:
            return f"they part at: {statement_text(statement)} (before: {statement_text(found[0])}): {differ[1]}"
    return "no value that both have differs before the result"
