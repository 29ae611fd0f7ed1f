"""The rewriter that applies stability rules to the expressions of a function, also of short helpers that it calls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from srcdiff.ir.build import (
    Builder,
    Env,
    Rewriter,
    change_dims,
    clone_statement,
    lookup,
    map_statements,
)
from srcdiff.ir.core import Call, Function, Op, Origin, Region, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.type_rules import TypeMistake
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.transforms.analysis.activity import values_that_end_loops
from srcdiff.transforms.analysis.defuse import (
    all_regions,
    count_uses,
    definitions,
    is_pure,
    pure_definitions,
    same_kind,
    written_values,
)
from srcdiff.transforms.logspace.factored_form import as_number
from srcdiff.transforms.logspace.logarithm import LOGARITHMS, Logarithms
from srcdiff.transforms.logspace.quotients import NAME as QUOTIENTS
from srcdiff.transforms.logspace.quotients import Quotients
from srcdiff.transforms.rewrite.equivalents import readings
from srcdiff.transforms.rewrite.named_values import LOG_OF_PARTS, settled_values
from srcdiff.transforms.rewrite.patterns import INNER, Apply, Rule, build, is_unruly, match
from srcdiff.transforms.rewrite.stability_rules import SIGNED

_SUMS = {"add", "subtract", "multiply", "divide", "negative"}
_LINES = 12  # of a helper that is looked into


def called_operations(fn: Function, written: Collection[Value]) -> dict[Atom, Op]:
    """The operations of helpers of a few lines, on the arguments of their calls; also by the results of the calls."""
    found: dict[Atom, Op] = {}
    for s in walk(fn.body):
        if not isinstance(s, Call) or len(s.function.body.body) > _LINES:
            continue
        own = written_values(s.function)
        if not all(is_pure(op, own) and not _has_lengths(op) for op in s.function.body.body):
            continue
        if any(a in written for a in (*s.operands, *s.results)):
            continue
        callee = _with_lengths_of(s)
        env: Env = dict(zip(callee.params, s.operands, strict=True))
        copies = [clone_statement(op, env) for op in callee.body.body]
        inner: dict[Atom, Op] = {r: op for op in copies if isinstance(op, Op) for r in op.results}
        found |= inner
        for result, y in zip(s.results, callee.body.yields, strict=True):
            op = inner.get(lookup(env, y)) if isinstance(y, Value) else None
            if op is not None and len(op.results) == 1 and same_kind(op.result.type, result.type):
                found[result] = replace(op, results=(result,))
    return found


def only_logs(fn: Function) -> set[Value]:
    """The values that only logarithms use."""
    found: set[Atom] = set()
    others = {y for region in all_regions(fn.body) for y in region.yields}
    for s in walk(fn.body):
        is_log = isinstance(s, Op) and s.decl.name in LOGARITHMS
        (found if is_log else others).update(s.operands)
    return {v for v in found - others if isinstance(v, Value)}


def _with_lengths_of(call: Call) -> Function:
    """A helper with the lengths of the call's arguments."""
    lengths: dict[str, Dim] = {}
    for param, a in zip(call.function.params, call.operands, strict=True):
        for own, given in zip(shape_of(param.type), shape_of(a.type), strict=True):
            if (symbol := own.symbol) is not None:
                lengths.setdefault(symbol, given)
    known = {k: d for k, d in lengths.items() if d != Dim.of(k)}
    return change_dims(call.function, lambda d: d.substitute(known)) if known else call.function


def _has_lengths(op: Statement) -> bool:
    """Whether an operation has lengths among its attributes: another function has other symbols."""
    attrs = op.attrs.values() if isinstance(op, Op) else ()
    return any(isinstance(v, Dim | Array | Scalar) for v in attrs)


def renamed(old: Origin, new: Origin, fn: Function) -> Function:
    """`fn` with statements of one origin as of another. The compiler's are made by rules, the library's by others."""
    return map_statements(fn, lambda s: replace(s, origin=new) if s.origin == old else s)


class Untransposed(Rewriter):
    """Removes a transpose that a rule applies to a transpose."""

    def __init__(self, fn: Function) -> None:
        self.made = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(old, Op) and old.decl.name == "transpose" and old.origin == "compiler":
            inner = self.made.get(old.operands[0])
            is_twice = inner is not None and inner.decl is old.decl and not inner.attrs
            if inner is not None and is_twice and not old.attrs:
                env[old.result] = lookup(env, inner.operands[0])
                return
        b.append(new)


class Stabilise(Rewriter):
    def __init__(
        self, fn: Function, rules: Collection[Rule], parts: bool, quotients: bool = False
    ) -> None:
        self.parts = parts  # whether logarithms are taken of parts
        self.quotients = quotients  # whether those by sums of exponentials are shifted
        self.written = written_values(fn)
        self.made = pure_definitions(fn, self.written)
        self.settled = settled_values(self.made) | fn.rewriting.final
        self.left: set[Value] = (
            set()
        )  # values that rewritings left unchanged where they are accurate
        self.made |= self.as_sigmoids()
        self.only_logs = only_logs(fn)
        self.ends = values_that_end_loops(fn)  # a loop ends in the user's arithmetic
        self.called = called_operations(fn, self.written)
        self.seen = {**self.made, **self.called}
        self.results_of_calls = {r for s in walk(fn.body) if isinstance(s, Call) for r in s.results}
        self.fetched: Env = {}  # values of helpers that are computed here for one rewriting
        self.uses = count_uses(fn)
        self.rules: dict[str, list[tuple[Rule, Apply]]] = {}
        for rule in rules:
            pattern = rule.pattern
            assert isinstance(pattern, Apply)
            self.rules.setdefault(pattern.operation, []).append((rule, pattern))
        self.fired: list[tuple[str, Location | None]] = []
        self.product_terms: set[Value] = set()
        self.here: set[Value] = set()  # the values of this region
        self.signed: set[Value] = (
            set()
        )  # new values, and sums and products of them: their signs are ours to simplify
        self.negations: dict[Atom, Atom] = {}
        self.minus: dict[Value, tuple[Builder, int]] = {}  # where the negations stand

    def as_sigmoids(self) -> dict[Atom, Op]:
        """Values that are 1 minus a sigmoid, as sigmoids, for rules."""
        return {
            op.result: replace(self.made[op.operands[0]], results=op.results)
            for op in self.made.values()
            if op.decl is elementary.one_less_sigmoid
        }

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer, around = dict(self.negations), self.here
        self.here = {r for s in old.body for r in s.results}
        new = super().region(old, env, b)
        self.negations, self.here = outer, around
        return new

    def is_own(self, value: Value) -> bool:
        """Whether a value is made in this region for one use."""
        return value in self.here and self.uses[value] == 1

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and self.rewrite(old, env, b):
            return
        new = self.keep(old, env, b)
        if isinstance(new, Op) and isinstance(old, Op) and self.carries_sign(old):
            new = replace(new, origin="compiler")
            self.free_negations(old, b)
            if not old.result.user:
                self.signed.add(old.result)
        if isinstance(new, Op) and new.decl is arithmetic.negative:
            self.minus[new.result] = b, len(b.body)
        b.append(new)

    def rewrite(self, op: Op, env: Env, b: Builder) -> bool:
        if not self.settled.isdisjoint(op.results):
            return False
        words = dict.fromkeys(reading.name for reading in readings(op, self.seen))
        for rule, pattern in [pair for word in words for pair in self.rules.get(word, ())]:
            if rule.name == "one_less_sigmoid" and op.result in self.only_logs:
                continue  # which the logarithm is taken of without it
            if rule.kind == "better" and op.result in self.ends:
                continue
            binding = match(pattern, op.result, self.seen) if op.result in self.made else None
            if binding is None or rule.unless(binding, self.seen):
                continue
            self.fetched = {}
            if rule.once and not all(map(self.is_own, binding[INNER][:-1])):
                continue
            inner = b.inner()
            inner.location, inner.origin = op.location, "compiler"
            names = rule.parameters
            found = {
                k: self.here_of(a, env, inner) if k in names else a for k, a in binding.items()
            }
            if SIGNED in binding:
                found[SIGNED] = self.as_negative(binding[SIGNED], env, inner)
            try:
                atom = build(rule.replacement, found, inner, op.spelling.startswith("math."))
            except TypeMistake:
                continue  # a rule of the user's, which holds for other types
            if not self.take(op, atom, inner, env, b):
                self.negations.pop(binding.get(SIGNED), None)  # type: ignore[arg-type]
                continue
            if SIGNED in binding:
                self.signed.add(op.result)
            self.fired.append((rule.name, op.location))
            return True
        if self.quotients and op.decl is arithmetic.divide and op.result in self.uses:
            return self.of_parts(op, env, b, Quotients, QUOTIENTS)
        is_log = self.parts and op.decl.name in LOGARITHMS
        return is_log and self.of_parts(op, env, b, Logarithms, LOG_OF_PARTS)

    def of_parts(self, op: Op, env: Env, b: Builder, kind: type[Logarithms], name: str) -> bool:
        """The logarithm of parts, or a quotient of them, if that is what an operation is."""
        if op.result not in self.made or is_unruly(op.result.type):
            return False
        self.fetched = {}
        inner = b.inner()
        inner.location, inner.origin = op.location, "compiler"
        is_python = op.spelling.startswith("math.")
        maker = kind(self.seen, lambda a: self.here_of(a, env, inner), inner, is_python)
        atom = maker.of(op)
        if atom is None or not self.take(op, atom, inner, env, b):
            return False
        self.product_terms |= maker.product_terms
        self.left |= maker.settled
        self.fired.append((name, op.location))
        last = inner.body[-1] if inner.body else None
        if isinstance(last, Op) and last.decl is arithmetic.negative:
            self.signed.add(op.result)
        return True

    def take(self, op: Op, atom: Atom, made: Builder, env: Env, b: Builder) -> bool:
        """Replace an operation by the result of a rule, if it has the same type."""
        atom = as_number(atom, op.result.type, made)
        if not same_kind(atom.type, op.result.type):
            return False
        last = made.body[-1] if made.body else None
        if isinstance(last, Op) and last.results == (atom,):
            made.body[-1] = replace(last, results=op.results)
        elif op.result in self.written:
            return False
        else:  # one of the values that the left side was made of
            env[op.result] = atom
        b.body += made.body
        return True

    def as_negative(self, argument: Atom, env: Env, b: Builder) -> Atom:
        """The argument as `-logit`, where its negative is not a longer expression."""
        if argument not in self.negations:
            logit = self.negation(argument, env, b)
            if logit is None:
                return self.here_of(argument, env, b)
            self.negations[argument] = logit
        return b.op(arithmetic.negative, self.negations[argument])

    def here_of(self, atom: Atom, env: Env, b: Builder) -> Atom:
        """An atom in the new function; a value that only a helper computes is computed once more here."""
        op = self.called.get(atom)
        if op is None or atom in self.results_of_calls:
            return lookup(env, atom)
        if atom not in self.fetched:
            operands = [self.here_of(a, env, b) for a in op.operands]
            made = b.ops(op.decl, *operands, spelling=op.spelling, **op.attrs)
            self.fetched |= dict(zip(op.results, made, strict=True))
        return lookup(self.fetched, atom)

    def negation(self, atom: Atom, env: Env, b: Builder) -> Atom | None:
        made = self.operation(atom)
        if made is None:
            return None
        x, *rest = made.operands
        inner = self.under_minus(x)
        if isinstance(x, Const) and isinstance(x.value, int | float) and x.value < 0:
            inner = const(-x.value)
        match made.decl.name:
            case "negative":
                return self.here_of(x, env, b)
            case "subtract" if inner is not None:
                return b.op(
                    arithmetic.add,
                    self.here_of(inner, env, b),
                    self.here_of(rest[0], env, b),
                    name="logit",
                )
            case "add" if inner is not None:
                return b.op(
                    arithmetic.subtract,
                    self.here_of(inner, env, b),
                    self.here_of(rest[0], env, b),
                    name="logit",
                )
            case "multiply" | "divide" if inner is not None:
                return b.op(
                    made.decl,
                    self.here_of(inner, env, b),
                    self.here_of(rest[0], env, b),
                    name="logit",
                )
        return None

    def under_minus(self, atom: Atom) -> Atom | None:
        made = self.operation(atom)
        return made.operands[0] if made is not None and made.decl is arithmetic.negative else None

    def operation(self, atom: Atom) -> Op | None:
        return self.seen.get(atom)

    def carries_sign(self, op: Op) -> bool:
        return op.decl.name in _SUMS and any(
            isinstance(a, Value) and a in self.signed for a in op.operands
        )

    def free_negations(self, op: Op, b: Builder) -> None:
        """Let the minus in `-y * log(p)` be simplified with what it multiplies."""
        for atom in op.operands:
            builder, place = (
                self.minus.get(atom, (None, 0)) if isinstance(atom, Value) else (None, 0)
            )
            statement = b.body[place] if builder is b else None
            if (
                isinstance(statement, Op)
                and self.uses.get(statement.result) == 1
                and not statement.result.user
            ):
                b.body[place] = replace(statement, origin="compiler")
