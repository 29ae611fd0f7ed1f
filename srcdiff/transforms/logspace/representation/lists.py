"""Log-space lists: a list of exponentials whose uses end in logarithms holds the exponents, and factors if needed.

    es = []                                  log_es = []
    for a in x:                              for a in x:
        es.append(np.exp(a))          ->         log_es.append(a)
    return np.log(np.sum(np.array(es)))      return np.log(np.sum(np.exp(np.array(log_es))))

A read of the list is the exponential of the stored exponent, times the factor; the rewriting of logarithms simplifies
it further (`logarithm`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, List, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, creation
from srcdiff.ops.shapes import concatenate
from srcdiff.transforms.analysis.defuse import (
    all_regions,
    pure_definitions,
    same_kind,
    with_rewrites,
    written_values,
)
from srcdiff.transforms.logspace.logarithm import LOGARITHMS, Logarithms
from srcdiff.transforms.rewrite.patterns import function

_WHOLE = (creation.array_of, concatenate.stack)
_READS = (containers.list_item, *_WHOLE)
_USES = (containers.append, containers.list_length, *_READS)
_THROUGH = {
    "add", "subtract", "multiply", "divide", "sum", "mean", "prod", "matmul", "dot", "power", "sqrt", "index",
}  # fmt: skip

exp = function("exp")


@dataclass
class Kept:
    """The lists that replace one: of the exponents, and of the factors if a factor may be negative."""

    exponents: Value
    factors: Value | None


def log_lists(fn: Function, name: str) -> Function:
    """`fn` with lists of exponents; `name`: the name of the rewriting, for the record of applied rewritings."""
    if not any(s.decl is containers.list_new for s in ops_of(fn)):
        return fn
    pass_ = _Lists(fn)
    if not pass_.lists:
        return fn
    new = pass_(fn)
    fired = tuple((name, at) for at in pass_.fired)
    return with_rewrites(new, fn, fired)


class LogarithmUses(Rewriter):
    """The uses of stored values, and whether all of them end in logarithms."""

    def __init__(self, fn: Function) -> None:
        self.written = written_values(fn)
        self.made = pure_definitions(fn, self.written)
        self.users: dict[Atom, list[Statement]] = defaultdict(list)
        # a loop's yield -> the loop's result and the parameter of the next iteration
        self.passed_to: dict[Atom, list[Value]] = defaultdict(list)
        for s in walk(fn.body):
            for a in s.operands:
                self.users[a].append(s)
            if isinstance(s, For) and not s.breaks:
                for y, out, param in zip(s.body.yields, s.results, s.body.params[1:], strict=True):
                    self.passed_to[y] += [out, param]
        self.yields = {y for region in all_regions(fn.body) for y in region.yields}
        self.fired: list[Location | None] = []

    def factor(self, atom: Atom) -> tuple[Type | None] | None:
        """The type of an element's factor, (None,) if it has none; None if there is no exponent of its shape, or if
        storage that is written is involved.
        """
        b = Builder()
        trial = Logarithms(self.made, lambda a: a, b)
        parts = trial.parts(atom)
        if not parts.exponents or parts.is_signed:
            return None
        own = trial.logarithm(parts) if parts.is_positive else trial.exponent(parts)
        factor = None if parts.is_positive else trial.factor(parts).type
        here = {r for op in b.body for r in op.results}
        made_of = {own, *(a for op in b.body for a in op.operands)}
        if made_of & self.written or shape_of(own.type) != shape_of(atom.type):
            return None
        if shape_of(own.type) and own not in here and own not in self.made:
            return None  # the list would hold storage that may be written later
        return (factor,)

    def reaches_logarithm(self, value: Atom, seen: set[Atom]) -> bool | None:
        """Whether uses of a value reach logarithms; None if a use does anything else."""
        if value in seen:
            return False
        seen.add(value)
        found = [self.reaches_logarithm(a, seen) for a in self.passed_to[value]]
        if value in self.yields and not found:
            return None
        for s in self.users[value]:
            if isinstance(s, For) and value in s.carried:
                continue
            if not isinstance(s, Op):
                return None
            if s.decl.name in LOGARITHMS:
                found.append(True)
            elif s.decl.name in _THROUGH and len(s.results) == 1:
                found.append(self.reaches_logarithm(s.result, seen))
            else:
                return None
        return None if None in found else True in found


class _Lists(LogarithmUses):
    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.kept: dict[Atom, Kept] = {}
        # list -> the type of its factors, None if all elements are positive
        self.lists = self.found(fn)

    # ---- which lists ------------------------------------------------------------------------------------

    def found(self, fn: Function) -> dict[Value, Type | None]:
        lists = {
            s.result
            for s in walk(fn.body)
            if isinstance(s, Op) and s.decl is containers.list_new and not s.operands
        }
        found = {v: self.holds(v) for v in lists - self.yields}
        return {v: types[0] for v, types in found.items() if types is not None}

    def holds(self, held: Value) -> tuple[Type | None] | None:
        """The type of the factors of a list, (None,) if all elements are positive; None if the list is not changed."""
        uses = self.users[held]
        ops = [s for s in uses if isinstance(s, Op) and s.decl in _USES and s.operands[0] is held]
        element = held.type.element if isinstance(held.type, List) else None
        reads = [s for s in ops if s.decl in _READS]
        if len(ops) != len(uses) or not reads or not is_float(element):
            return None
        types = [self.factor(s.operands[1]) for s in ops if s.decl is containers.append]
        in_logarithms = [self.reaches_logarithm(s.result, set()) for s in reads]
        if (
            None in types
            or len(set(types)) != 1
            or None in in_logarithms
            or True not in in_logarithms
        ):
            return None
        is_array = any(s.decl in _WHOLE for s in reads)
        return None if is_array and types != [(None,)] * len(types) else types[0]

    # ---- replacement ------------------------------------------------------------------------------------

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is containers.list_new and old.result in self.lists:
            self.start(old, env, b)
            return
        held = old.operands[0] if isinstance(old, Op) and old.operands else None
        kept = self.kept.get(held) if isinstance(held, Value) else None
        if kept is None or not isinstance(old, Op) or old.decl is containers.list_length:
            b.append(self.keep(old, env, b))
        elif old.decl is containers.append:
            self.add(old, kept, env, b)
        else:
            self.read(old, kept, env, b)

    def start(self, old: Op, env: Env, b: Builder) -> None:
        held = old.result
        assert isinstance(held.type, List)
        factor = self.lists[held]
        exponents = replace(held, name="exponents" if factor else f"log_{held.name}", user=False)
        b.append(replace(old, results=(exponents,), origin="compiler"))
        self.kept[held] = Kept(exponents, None)
        env[held] = exponents  # has the same length
        if factor is not None:
            factors = Value(List(factor), "factors")
            attrs = {**old.attrs, "element": factor}
            b.append(replace(old, results=(factors,), attrs=attrs, origin="compiler"))
            self.kept[held].factors = factors

    def add(self, old: Op, kept: Kept, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, "compiler"
        maker = Logarithms(self.made, lambda a: lookup(env, a), b)
        parts = maker.parts(old.operands[1])
        if kept.factors is None:
            b.append(replace(old, operands=(kept.exponents, maker.logarithm(parts))))
        else:
            b.append(replace(old, operands=(kept.exponents, maker.exponent(parts))))
            b.append(replace(old, operands=(kept.factors, maker.factor(parts))))
        self.fired.append(old.location)

    def read(self, old: Op, kept: Kept, env: Env, b: Builder) -> None:
        """Restore the value that the old list held."""
        b.location, b.origin = old.location, "compiler"
        rest = [lookup(env, a) for a in old.operands[1:]]
        found = []
        for held in (kept.exponents, kept.factors):
            if held is not None:
                assert isinstance(held.type, List)
                own = held.type.element  # its dimensions have symbols of their own
                is_number = old.decl is containers.list_item and not shape_of(own)
                new = Value(own if is_number else old.result.type, "")
                b.append(replace(old, operands=(held, *rest), results=(new,), origin="compiler"))
                found.append(new)
        type_ = old.result.type
        is_python = isinstance(type_, Scalar) and type_.weak
        maker = Logarithms({}, lambda a: a, b, is_python)
        if len(found) == 1:
            maker.make(exp, *found)
        else:
            maker.make(lambda x, f: f * exp(x), *found)
        last = b.body[-1]
        assert isinstance(last, Op) and same_kind(last.result.type, type_)
        b.body[-1] = replace(last, results=old.results)


def is_float(type_: object) -> bool:
    return isinstance(type_, Array | Scalar) and type_.dtype == "float64"
