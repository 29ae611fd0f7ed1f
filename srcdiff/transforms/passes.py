"""The pass manager: what a pass is, and how a list of passes is run, checked and recorded."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from srcdiff.errors import called_at
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Call, Function, Op, Region, Statement, walk
from srcdiff.ir.recursion import is_itself, tied
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import check
from srcdiff.ops.control.adjoint_hooks import adjoint_block


class Form(StrEnum):
    """Properties that passes establish and later passes need. A property holds from the pass that gives it on."""

    OWNED = "no argument is written, and each reshape is a view or an explicit copy"
    LOADS = "contents of arrays are values: each use of storage is a load"
    DERIVED = "the function computes a derivative"
    RESIDUALS = "no `save` or `restore`: what the backward part needs is stored or recomputed"
    CORE = "each operation has a loop form, and no value is a dict or named tuple"
    SCALAR = "array operations are loops over numbers"


@dataclass(frozen=True)
class Pass:
    """One pass: `fn` maps a function to a function.

    Attributes
    ----------
    ensures : str
        A property of the result, in words. Values do not change unless `changes` gives a reason.
    why : str
        Why the pass stands where it stands.
    needs, gives : tuple of Form
        Properties of the function before the pass, and from this pass on. `missing` checks a list of passes.
    whole : bool
        The pass sees calls and callees at once; other passes see each function by itself.
    changes : str
        Why results may have other values, so that they are not validated.
    stabilises : bool
        Values may differ by the rounding errors of the function before, not by those of the result.
    """

    name: str
    fn: Callable[[Function], Function]
    ensures: str
    why: str = ""
    needs: tuple[Form, ...] = ()
    gives: tuple[Form, ...] = ()
    whole: bool = False
    changes: str = ""
    stabilises: bool = False

    def at(self, why: str, fn: Callable[[Function], Function] | None = None) -> Pass:
        """The pass at another place, for another reason, with `fn` where it takes other settings there."""
        return replace(self, why=why, fn=fn or self.fn)

    def when(self, condition: object) -> tuple[Pass, ...]:
        """The pass, or no pass: for lists that depend on the target."""
        return (self,) if condition else ()

    def apply(self, fn: Function) -> Function:
        return self.fn(fn) if self.whole else each_function(fn, self.fn)


def missing(passes: Iterable[Pass], given: Iterable[Form] = ()) -> list[str]:
    """The properties that a pass needs and no earlier pass of the list gives, as a list of problems."""
    forms, problems = set(given), []
    for step in passes:
        problems += [f"{step.name} needs: {form}" for form in step.needs if form not in forms]
        forms |= {*step.gives}
    return problems


class Validates(Protocol):
    """Compares the values of a function before and after each pass: `transforms/validation/validate.py`."""

    examples: dict[str, object]
    lengths: dict[str, int]
    scratch: frozenset[str]  # parameters that an adjoint kernel need not write

    def step(self, made_by: Pass, before: Function, after: Function) -> None: ...
    def derivative(self, name: str, fn: Function, new: Function, wrt: Sequence[int]) -> None: ...


@dataclass
class Recorder:
    """Runs passes, and keeps the text after each (with `keep_text`) and the seconds that each took.

    With `verify`, each new result is checked.

    Attributes
    ----------
    shared : dict
        Functions that the NumPy program and its loop form are both made of, by the arguments they were read for.
    validator : Validates, optional
        Compares values before and after each pass.
    """

    keep_text: bool = False
    verify: bool = False
    shared: dict[object, Any] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    validator: Validates | None = None
    valid: Function | None = None  # the last function that was checked: most passes change nothing

    def run(self, fn: Function, passes: Sequence[Pass]) -> Function:
        for step in passes:
            started, before = time.perf_counter(), fn
            fn = step.apply(fn)
            self.note(step.name, fn, time.perf_counter() - started)
            if self.validator is not None:
                self.validator.step(step, before, fn)
        return fn

    def note(self, name: str, fn: Function, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        if self.verify and fn is not self.valid:
            self.valid = check(fn)
        if self.keep_text:
            count = sum(n == name or n.startswith(f"{name} (") for n in self.stages)
            self.stages[f"{name} ({count + 1})" if count else name] = to_text(fn)


def each_function(fn: Function, change: Callable[[Function], Function]) -> Function:
    """`change` applied to a function and to all that it calls, each once."""
    return _EachFunction(change).function(fn)


class _EachFunction(Rewriter):
    def __init__(self, change: Callable[[Function], Function]) -> None:
        self.change = change
        self.done: dict[int, Function] = {}

    def function(self, fn: Function) -> Function:
        if is_itself(fn):
            return fn
        if id(fn) not in self.done:
            has_callees = _has_callees(fn.body)
            self.done[id(fn)] = tied(self.change(self(fn))) if has_callees else self.change(fn)
        return self.done[id(fn)]

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Call):
            with called_at(new.location):
                function = self.function(new.function)
            new = new if function is new.function else replace(new, function=function)
        elif isinstance(new, Op) and is_adjoint_block(new):
            block = self.function(new.attrs["block"])
            if block is not new.attrs["block"]:
                new = replace(new, attrs={**new.attrs, "block": block})
        b.append(new)


@functools.lru_cache(maxsize=8)  # pass after pass looks at a function that none has changed
def _has_callees(body: Region) -> bool:
    return any(type(s) is Call or is_adjoint_block(s) for s in walk(body))


def is_adjoint_block(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl is adjoint_block


def all_statements(fn: Function) -> list[Statement]:
    return list(walk(fn.body))
