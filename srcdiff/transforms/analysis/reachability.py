"""Reachability: the values into which certain values flow (a forward closure), and a rewriter that retypes these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import List, all_dims, is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.control.control import undefined

# operations whose result has the elements of their operand at other places
MOVED = frozenset({
    "index", "read", "copy", "reshape", "transpose", "ravel", "expand_dims", "squeeze", "swapaxes", "moveaxis",
    "broadcast_to", "expand", "gather", "list_item", "list_pop", "elements", "rows", "roll", "flip", "flipud", "fliplr",
    "diag", "diagonal",
})  # fmt: skip

# operations whose result has the elements of several operands
JOINED = frozenset({"list_new", "array_of", "concatenate", "stack"})


def reached(
    fn: Function,
    starts: Callable[[Op | Call], bool],
    through: Collection[str],
    begun: Collection[Value] = (),
) -> set[Value]:
    """The results of `starts`, and `begun`; the results that operations in `through` compute from these values; and
    the containers that hold such values.
    """
    found: set[Value] = set(begun)
    roots = storage_roots(fn)
    size = -1
    while size != len(found):  # values flow around loops
        size = len(found)
        for statement in walk(fn.body):
            for value, sources in flows(statement, through):
                if any(s in found for s in sources):
                    found.add(value)
                    if isinstance(value.type, List):  # and other names of the list
                        found |= _sharing(value, roots)
            if isinstance(statement, Op | Call) and starts(statement):
                found.update(r for r in statement.results if is_float(r.type))
            if isinstance(statement, Op) and statement.decl.writes:
                target = statement.operands[0]
                is_held = any(a in found for a in statement.operands[:2])
                if is_held and isinstance(target, Value):
                    found |= _sharing(target, roots)
    return found


def spread(starts: Iterable[Any], further: Mapping[Any, Iterable[Any]]) -> set[Any]:
    """`starts`, and all nodes that are reached from them."""
    pending = list(starts)
    seen = set(pending)
    while pending:
        for a in further[pending.pop()]:
            if a not in seen:
                seen.add(a)
                pending.append(a)
    return seen


def postorder(
    start: Any, children: Callable[[Any], Iterable[Any]], known: Container[Any]
) -> Iterator[Any]:
    """The nodes below `start` that are not known, and `start`, each after its children; without recursion."""
    pending = [(start, iter(children(start)))] if start not in known else []
    seen = {start}
    while pending:
        node, rest = pending[-1]
        for child in rest:
            if child not in seen and child not in known:
                seen.add(child)
                pending.append((child, iter(children(child))))
                break
        else:
            pending.pop()
            yield node


def operands_through(
    made: Mapping[Atom, Op], names: Collection[str]
) -> Callable[[Atom], tuple[Atom, ...]]:
    """The operands of the operation that makes a value, if it is one of these: the children for `postorder`."""

    def operands(atom: Atom) -> tuple[Atom, ...]:
        op = made.get(atom)
        return op.operands if op is not None and op.decl.name in names else ()

    return operands


def made_through(atom: Atom, made: Mapping[Atom, Op], names: Collection[str]) -> Iterator[Op]:
    """The operation that makes a value, and those that make its operands through operations of these names."""
    found = (made.get(a) for a in postorder(atom, operands_through(made, names), ()))
    return (op for op in found if op is not None)


def _sharing(value: Value, roots: Roots) -> set[Value]:
    """The values that may share storage with a value."""
    own = roots.get(value, frozenset())
    return {v for v, others in roots.items() if not own.isdisjoint(others)}


def shown_lengths(fn: Function) -> frozenset[str]:
    """The dimension symbols in the types of a function's parameters."""
    return frozenset(s for p in fn.params for d in all_dims(p.type) for s in d.symbols())


def flows(
    statement: Statement, through: Collection[str]
) -> Iterator[tuple[Value, tuple[Atom, ...]]]:
    """Pairs of a value and other values: the value is reached if one of the others is."""
    match statement:
        case Op():
            name = statement.decl.name
            if statement.results and (name in through or name in MOVED):
                yield statement.result, statement.operands
        case If():
            parts = zip(
                statement.results, statement.then.yields, statement.orelse.yields, strict=True
            )
            yield from ((result, (a, b)) for result, a, b in parts)
        case For():
            params = statement.body.params[1:]
            yields = statement.carried_yields
            for p, r, c, y in zip(
                params, statement.carried_results, statement.carried, yields, strict=True
            ):
                yield p, (c, y)
                yield r, (c, y)
        case While():
            tested = statement.body.params if statement.test is None else statement.test.params
            rows = zip(
                statement.body.params, tested, statement.results, statement.carried,
                statement.carried_yields, strict=True,
            )  # fmt: skip
            for p, q, r, c, y in rows:
                for value in (p, q, r):
                    yield value, (c, y)


class Retyper(Rewriter):
    """Rewrites operations on values of `found` by `retype`; other values that flow into them go through `lift`."""

    def __init__(self, found: set[Value]) -> None:
        self.found = found
        self.unbound: set[Value] = set()  # values that no statement has bound yet

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        if isinstance(old, Op) and old.decl is undefined:
            self.unbound.add(old.result)
        needs_lengths = (
            isinstance(old, Op) and bool(old.decl.shape_of) and old.results[0] not in self.found
        )
        if needs_lengths or not any(v in self.found for v in (*old.operands, *old.results)):
            self.plain(old, env, b)
        elif isinstance(old, Op):
            self.retype(old, env, b)
        elif isinstance(old, For | If | While):
            b.append(self.control(old, env, b))
        elif isinstance(old, Call) and not any(a in self.found for a in old.operands):
            self.call(old, env, b)
        else:
            raise self.refused(old)

    def plain(self, old: Statement, env: Env, b: Builder) -> None:
        """Keep a statement that touches no value of `found`."""
        super().statement(old, env, b)

    def retype(self, old: Op, env: Env, b: Builder) -> None:
        raise NotImplementedError

    def call(self, old: Call, env: Env, b: Builder) -> None:
        """Rewrite a call of a function that returns values of `found`."""
        raise self.refused(old)

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Atom:
        """The retyped form of a value outside `found`, for use together with values of `found`."""
        raise NotImplementedError

    def refused(self, old: Statement) -> Exception:
        raise NotImplementedError

    def new(self, old: Value) -> Value:
        """The parameter or result of a loop or branch in the place of a value of `found`."""
        return old

    def operand(self, atom: Atom, location: Location | None, env: Env, b: Builder) -> Atom:
        if atom in self.found:
            return lookup(env, atom)
        if isinstance(atom, Value) and atom in self.unbound:
            return b.op(undefined, type=self.new(atom).type)
        return self.lift(lookup(env, atom), location, b)

    def control(self, old: For | If | While, env: Env, b: Builder) -> Statement:
        results = old.carried_results if isinstance(old, For) else old.results
        carried = () if isinstance(old, If) else old.carried
        given = tuple(
            self.operand(c, old.location, env, b) if r in self.found else lookup(env, c)
            for c, r in zip(carried, results, strict=bool(carried))
        )
        regions = [self.yielding(r, old.results, env, b) for r in bodies_of(old)]
        news = tuple(self.renamed(r, env) for r in old.results)
        match old:
            case If():
                condition = lookup(env, old.condition)
                return replace(
                    old, condition=condition, then=regions[0], orelse=regions[1], results=news
                )
            case For():
                start, stop, step = (lookup(env, a) for a in (old.start, old.stop, old.step))
                return replace(
                    old, start=start, stop=stop, step=step, carried=given, body=regions[0], results=news
                )  # fmt: skip
            case While():
                test = None if old.test is None else self.yielding(old.test, (), env, b)
                return replace(old, carried=given, test=test, body=regions[0], results=news)

    def renamed(self, old: Value, env: Env) -> Value:
        new = self.new(old) if old in self.found else old
        env[old] = new
        return new

    def yielding(self, old: Region, results: tuple[Value, ...], env: Env, b: Builder) -> Region:
        """A region that yields the retyped form of each value of `found`."""
        inner = b.inner()
        params = tuple(self.renamed(p, env) for p in old.params)
        for statement in old.body:
            self.statement(statement, env, inner)
        flags = (None,) * (len(old.yields) - len(results))  # the flag whether a loop continues
        yields = tuple(
            self.operand(y, inner.location, env, inner) if r in self.found else lookup(env, y)
            for y, r in zip(old.yields, (*flags, *results), strict=True)
        )
        return inner.region(params, yields)


def bodies_of(old: For | If | While) -> tuple[Region, ...]:
    return (old.then, old.orelse) if isinstance(old, If) else (old.body,)
