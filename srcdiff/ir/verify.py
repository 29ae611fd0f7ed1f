"""The rules that every function keeps, between any two passes.

`verify` gives what is wrong, as values, for tests to compare; `check` raises with the function printed and each
complaint below its line. Types are compared as far as they decide what a program does: dtype, number of axes, constant
lengths, structure. What is only known about lengths and integers (symbols, `Scalar.expr`) may differ on two sides of a
yield, and Python's floats take the place of narrower ones (a loop-carried adjoint of float32 may start as 1.0).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcdiff.ir.core import (
    Call,
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    While,
    leaves,
    regions_of,
)
from srcdiff.ir.dims import Shapes, missing, needed_lengths
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.syntax.printer import annotated
from srcdiff.ir.syntax.spelling import as_spelled
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, Type, dims_of, strip
from srcdiff.ir.values import Atom, Value


@dataclass(frozen=True)
class Problem:
    """What is wrong; `statement` is where, None for the function as a whole (its output, its region's yields)."""

    statement: Statement | None
    message: str
    is_of_scope: bool = field(default=False, compare=False)  # a value is used where it is not


class InvalidIR(Exception):
    """A function that breaks a rule; the text is the function, with the complaints."""


def check(fn: Function) -> Function:
    """`fn` itself, or `InvalidIR`."""
    problems = verify(fn)
    if problems:
        raise InvalidIR(annotated(fn, [(p.statement, p.message) for p in problems]))
    return fn


def verify(fn: Function) -> list[Problem]:
    """All that is wrong with `fn` and the functions that it calls."""
    problems: list[Problem] = []
    pending, seen = [fn], {fn}
    while pending:
        verifier = _Verifier(pending.pop(0))
        problems += verifier.problems
        pending += [f for f in verifier.called if f not in seen]
        seen.update(verifier.called)
    return problems


def agree(a: Type, b: Type) -> bool:
    """Whether a value of one type may stand where the other is expected."""
    match strip(a), strip(b):
        case Scalar(dtype=one), Scalar(dtype=two):
            return one == two
        case Array() as one, Array() as two:
            if one.dtype != two.dtype or one.ndim != two.ndim:
                return False
            pairs = zip(one.shape, two.shape, strict=True)
            return all(m == n or not (m.is_const and n.is_const) for m, n in pairs)
        case Struct() as one, Struct() as two:
            if (one.kind, one.keys, one.cls) != (two.kind, two.keys, two.cls):
                return False
            return all(map(agree, one.parts, two.parts))
        case List(one), List(two):
            return agree(one, two)
        case Static(one), Static(two):
            return one is two or repr(one) == repr(two)
    return False


def may_stand(a: Type, b: Type) -> bool:
    """Whether a value of type `a` may be yielded as one of type `b`: a float of Python's has the precision of what it
    meets, so that a sum of float32 may start as 0.0.
    """
    match a, b:
        case Scalar("float64", True), Scalar("float16" | "float32"):
            return True
        case Struct() as one, Struct() as two if len(one.parts) == len(two.parts):
            same = (one.kind, one.keys, one.cls) == (two.kind, two.keys, two.cls)
            return same and all(map(may_stand, one.parts, two.parts))
    return agree(a, b)


def _concluded(fn: Function) -> list[tuple[Dim, Dim]]:
    """What the given arguments have decided about lengths, also with known lengths for symbols."""
    pairs = fn.lengths.assumed
    given: dict[Any, Dim] = {a.symbol: b for a, b in pairs if a.symbol is not None and b.is_const}
    given |= fn.lengths.bindings
    return list(dict.fromkeys(p for a, b in pairs for p in ((a, b), _both(a, b, given))))


def _both(a: Dim, b: Dim, given: Mapping[Any, Dim]) -> tuple[Dim, Dim]:
    return a.substitute(given), b.substitute(given)


class _Verifier:
    """One walk over a function; `scope` holds the values that may be used at the present statement."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.problems: list[Problem] = []
        self.called: dict[Function, None] = {}
        self.defined: set[Value] = set()
        self.scope: set[Value] = set()
        self.symbols: set[str] = set()  # of lengths, in what is in scope
        self.slots: dict[str, dict[object, list[Op]]] = {
            "save": defaultdict(list),
            "restore": defaultdict(list),
        }
        self.shown = {d for p in fn.params for d in dims_of(p.type)}
        self.known = _concluded(fn)
        self.region(None, fn.body)
        self.output(fn)
        self.stacks()

    def wrong(self, statement: Statement | None, message: str, is_of_scope: bool = False) -> None:
        self.problems.append(Problem(statement, message, is_of_scope))

    # ---- scopes ----

    def define(self, statement: Statement | None, values: Iterable[Value]) -> None:
        for value in values:
            if value in self.defined:
                self.wrong(statement, f"{value} is defined twice")
            self.defined.add(value)
            self.scope.add(value)
            self.symbols |= {s for d in dims_of(value.type) for s in d.symbols()}

    def use(
        self, statement: Statement | None, atoms: Iterable[Atom], what: str = "operand"
    ) -> None:
        for atom in atoms:
            if isinstance(atom, Value) and atom not in self.scope:
                why = (
                    "is defined in a region that is not around this one"
                    if atom in self.defined
                    else "is not defined"
                )
                self.wrong(statement, f"{what} {atom} {why}", is_of_scope=True)

    def region(self, owner: Statement | None, region: Region) -> None:
        outer, symbols = set(self.scope), set(self.symbols)
        self.define(owner, region.params)
        for statement in region.body:
            self.statement(statement)
        self.use(owner, region.yields, "yield")
        if isinstance(owner, For | While):
            self.check_iteration_symbols(owner, self.symbols - symbols)
        self.scope, self.symbols = outer, symbols

    def check_iteration_symbols(self, loop: For | While, symbols: set[str]) -> None:
        """A length that arises in an iteration means nothing after the loop."""
        for result in loop.results:
            for symbol in sorted({s for d in dims_of(result.type) for s in d.symbols()} & symbols):
                self.wrong(
                    loop, f"{result} has the length {symbol}, which differs between iterations"
                )

    # ---- statements ----

    def statement(self, statement: Statement) -> None:
        self.use(statement, statement.operands)
        for region in regions_of(statement):
            self.region(statement, region)
        match statement:
            case Op():
                self.op(statement)
            case If():
                self.if_(statement)
            case For():
                self.for_(statement)
            case While():
                self.while_(statement)
            case Call():
                self.call(statement)
        self.define(statement, statement.results)

    def op(self, op: Op) -> None:
        for position in op.decl.writes:
            if position >= len(op.operands) or not isinstance(op.operands[position], Value):
                self.wrong(
                    op,
                    f"operand {position} is written: expected a value, got a constant or nothing",
                )
            elif isinstance(op.operands[position].type, Scalar | Static):
                self.wrong(
                    op,
                    f"operand {position} is written: expected storage, got {op.operands[position].type}",
                )
        view_of = op.decl.view_of
        if view_of is not None and view_of >= len(op.operands):
            self.wrong(op, f"the result is a view of operand {view_of}, which is not there")
        self.results(op)
        self.lengths(op)
        if op.decl.name in self.slots:
            self.slots[op.decl.name][op.attrs["slot"]].append(op)

    def lengths(self, op: Op) -> None:
        """Lengths that an operation names are those of the parameters, or can be computed from its operands."""
        shown = {*self.shown, *(d for a in op.operands for d in dims_of(a.type))}
        for symbol in dict.fromkeys(s for d in needed_lengths(op) for s in missing(d, shown)):
            self.wrong(op, f"nothing shows the length {symbol}: expected an operand that has it")

    def results(self, op: Op) -> None:
        """The results are what the declaration infers from the operands."""
        try:
            found = op.decl.infer(Shapes(assumptions=[*self.known]), op.operands, op.attrs)
            inferred = as_spelled(op.decl, found, op.spelling)
        except Exception as error:  # each declaration has mistakes of its own
            self.wrong(op, f"{op.decl.name} does not take these operands: {error!r}")
            return
        if len(inferred) != len(op.results):
            self.wrong(op, f"{op.decl.name} has {len(inferred)} results, got {len(op.results)}")
            return
        for type_, result in zip(inferred, op.results, strict=True):
            if not may_stand(type_, result.type):
                self.wrong(op, f"{op.decl.name} gives {type_}, but its result is {result.type}")

    def if_(self, statement: If) -> None:
        if not isinstance(statement.condition.type, Scalar):
            self.wrong(statement, f"the condition is a scalar, got {statement.condition.type}")
        for name, region in (("then", statement.then), ("orelse", statement.orelse)):
            if region.params:
                self.wrong(statement, f"{name} has no parameters, got {len(region.params)}")
            self.same(statement, f"yields of {name}", region.yields, "results", statement.results)

    def for_(self, loop: For) -> None:
        for name, atom in (("start", loop.start), ("stop", loop.stop), ("step", loop.step)):
            self.integer(loop, name, atom)
        if not loop.body.params:
            self.wrong(loop, "the body's first parameter is the index, got no parameters")
            return
        self.integer(loop, "the index", loop.index)
        results = loop.results
        if loop.breaks:
            self.flag(loop, "the body", loop.body.yields)
            if not results:
                self.wrong(loop, "the first result is the number of iterations, got no results")
                return
            self.integer(loop, "the number of iterations", results[0])
        self.carried(loop, loop.body.params[1:], loop.carried_yields, loop.carried_results)

    def while_(self, loop: While) -> None:
        if loop.test is None:
            self.flag(loop, "the body", loop.body.yields)
        else:
            self.flag(loop, "the test", loop.test.yields)
            if len(loop.test.yields) > 1:
                self.wrong(loop, f"the test yields one flag, got {len(loop.test.yields)} values")
            self.same(loop, "carried", loop.carried, "parameters of the test", loop.test.params)
        self.carried(loop, loop.body.params, loop.carried_yields, loop.results)

    def call(self, call: Call) -> None:
        function = call.function
        if is_itself(function):
            function = self.fn
        else:
            self.called[function] = None
        name = function.name
        self.same(call, "operands", call.operands, f"parameters of {name}", function.params)
        self.same(call, f"yields of {name}", function.body.yields, "results", call.results)

    # ---- rules that several share ----

    def carried(
        self,
        loop: For | While,
        params: Sequence[Value],
        yields: Sequence[Atom],
        results: Sequence[Value],
    ) -> None:
        self.same(loop, "carried", loop.carried, "parameters of the body", params)
        self.same(loop, "yields of the body", yields, "parameters of the body", params)
        self.same(loop, "yields of the body", yields, "results", results)

    def same(
        self, at: Statement, what: str, given: Sequence[Atom], where: str, expected: Sequence[Atom]
    ) -> None:
        if len(given) != len(expected):
            self.wrong(at, f"{len(given)} {what}, but {len(expected)} {where}")
            return
        for position, (a, b) in enumerate(zip(given, expected, strict=True)):
            if not may_stand(a.type, b.type):
                self.wrong(
                    at, f"{what} and {where}, number {position}: {a.type} and {b.type} differ"
                )

    def integer(self, at: Statement, what: str, atom: Atom) -> None:
        if not isinstance(atom.type, Scalar) or not atom.type.dtype.startswith(
            ("int", "uint", "bool")
        ):
            self.wrong(at, f"{what} is an integer, got {atom.type}")

    def flag(self, at: Statement, what: str, yields: Sequence[Atom]) -> None:
        if not yields:
            self.wrong(at, f"{what} yields a flag first, got nothing")
        elif not isinstance(yields[0].type, Scalar) or yields[0].type.dtype != "bool":
            self.wrong(at, f"{what} yields a bool first, got {yields[0].type}")

    def stacks(self) -> None:
        """Each slot is saved at one place and restored at one place."""
        saves, restores = self.slots["save"], self.slots["restore"]
        for slot in {**saves, **restores}:
            saved, restored = saves.get(slot, []), restores.get(slot, [])
            at = [*saved, *restored][-1]
            if len(saved) != 1 or len(restored) != 1:
                counts = f"{len(saved)} saves and {len(restored)} restores"
                self.wrong(at, f"slot {slot!r} has one save and one restore, got {counts}")
            elif len(restored[0].results) != 1 or not agree(
                saved[0].operands[0].type, restored[0].results[0].type
            ):
                self.wrong(
                    at,
                    f"slot {slot!r} is saved as {saved[0].operands[0].type}, restored as another type",
                )

    def output(self, fn: Function) -> None:
        count = len(fn.body.yields)
        for leaf in leaves(fn.output):
            if not 0 <= leaf < count:
                self.wrong(None, f"the output takes yield {leaf}, but there are {count}")
