"""Building IR: a `Builder` collects the statements of one region; `Rewriter` copies a function while changing it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.ir.core import (
    Call,
    For,
    Function,
    If,
    Op,
    OpDecl,
    Origin,
    Region,
    Statement,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.dims import Range, Shapes
from srcdiff.ir.location import Location
from srcdiff.ir.syntax.spelling import as_spelled
from srcdiff.ir.types import Dim, Scalar, Type, all_dims, axes_of, map_dims, shape_of
from srcdiff.ir.values import Atom, Const, Value, known_dim, symbol_of

Env = dict[Value, Atom]


@dataclass
class Builder:
    """Appends statements to one region. `location`, `origin` are given to each; change them as the walk goes on."""

    shapes: Shapes = field(default_factory=Shapes)
    origin: Origin = "user"
    location: Location | None = None
    body: list[Statement] = field(default_factory=list)

    def inner(self) -> Builder:
        return Builder(self.shapes, self.origin, self.location)

    def op(
        self,
        decl: OpDecl,
        *operands: Atom,
        name: str = "",
        user: bool = False,
        spelling: str = "",
        **attrs: Any,
    ) -> Value:
        """Append an operation with one result, and give the result."""
        (result,) = self.ops(decl, *operands, names=(name,), user=user, spelling=spelling, **attrs)
        return result

    def ops(
        self,
        decl: OpDecl,
        *operands: Atom,
        names: Sequence[str] = (),
        user: bool = False,
        spelling: str = "",
        **attrs: object,
    ) -> tuple[Value, ...]:
        """Append an operation, and give its results (none for a pure effect)."""
        types = as_spelled(decl, decl.infer(self.shapes, operands, attrs), spelling)
        labels = [*names, *[""] * (len(types) - len(names))]
        results = tuple(Value(t, n, user and bool(n)) for t, n in zip(types, labels, strict=True))
        self.body.append(Op(decl, operands, results, attrs, self.location, self.origin, spelling))
        return results

    def append(self, statement: Statement) -> tuple[Value, ...]:
        self.body.append(statement)
        return statement.results

    def region(self, params: Iterable[Value], yields: Iterable[Atom]) -> Region:
        return Region(tuple(params), tuple(self.body), tuple(yields))

    def inline(
        self, region: Region, arguments: Sequence[Atom], origin: Origin | None = None
    ) -> tuple[Atom, ...]:
        """Append a copy of a region's statements with its params bound; gives its yields."""
        env: Env = dict(zip(region.params, arguments, strict=True))
        for statement in region.body:
            copy = clone_statement(statement, env)
            self.body.append(copy if origin is None else replace(copy, origin=origin))
        return tuple(lookup(env, a) for a in region.yields)


def lookup(env: Mapping[Value, Atom], atom: Atom) -> Atom:
    return atom if isinstance(atom, Const) else env.get(atom, atom)


def clone_value(value: Value, env: Env) -> Value:
    fresh = replace(value)
    env[value] = fresh
    return fresh


def clone_region(region: Region, env: Env) -> Region:
    """A copy of a region with new values; `env` maps outer values to what they become, and collects the new ones."""
    params = tuple(clone_value(p, env) for p in region.params)
    body = tuple(clone_statement(s, env) for s in region.body)
    return Region(params, body, tuple(lookup(env, y) for y in region.yields))


def clone_statement(statement: Statement, env: Env) -> Statement:
    """A copy with operands looked up in `env`, and new results entered there."""
    return with_parts(
        statement,
        tuple(lookup(env, a) for a in statement.operands),
        tuple(clone_region(r, env) for r in regions_of(statement)),
        lambda: tuple(clone_value(r, env) for r in statement.results),
    )


def with_parts(
    statement: Statement, operands: Sequence[Atom], regions: Sequence[Region], results: Any = None
) -> Statement:
    """The statement with other operands and regions (and results, if a function that makes them is given).

    It is the statement itself where nothing changes.
    """
    if (
        results is None
        and _same(operands, statement.operands)
        and _same(regions, regions_of(statement))
    ):
        return statement
    new_results = statement.results if results is None else results()
    match statement:
        case Op() | Call():
            return replace(statement, operands=tuple(operands), results=new_results)
        case If():
            return replace(
                statement,
                condition=operands[0],
                then=regions[0],
                orelse=regions[1],
                results=new_results,
            )
        case For():
            start, stop, step, *carried = operands
            return replace(
                statement,
                start=start,
                stop=stop,
                step=step,
                carried=tuple(carried),
                body=regions[0],
                results=new_results,
            )
        case While():
            test = regions[0] if statement.test is not None else None
            return replace(
                statement, carried=tuple(operands), test=test, body=regions[-1], results=new_results
            )


def with_body(
    region: Region,
    body: Sequence[Statement],
    params: Sequence[Value] | None = None,
    yields: Sequence[Atom] | None = None,
) -> Region:
    """The region with another body (parameters, yields); the region itself where nothing changes."""
    params = region.params if params is None else params
    yields = region.yields if yields is None else yields
    if _same(body, region.body) and _same(params, region.params) and _same(yields, region.yields):
        return region
    return Region(tuple(params), tuple(body), tuple(yields))


def _same(new: Sequence[object], old: Sequence[object]) -> bool:
    return len(new) == len(old) and all(map(operator.is_, new, old))


def shapes_for(fn: Function) -> Shapes:
    """For building inside a function: new symbols are none of its own."""
    return Shapes(
        others=lambda: _symbols(fn.body),
        find_ranges=lambda: ranges_of(fn.body),
        assumptions=list(fn.lengths.assumed),
    )


def lengths_of(fn: Function) -> Shapes:
    """What is known of a finished function's lengths: those of parameters, and its counts, are not negative."""
    shapes = shapes_for(fn)
    shapes.rigid |= {d.symbol for p in fn.params for d in axes_of(p.type) if d.symbol is not None}
    shapes.rigid |= set(fn.lengths.nonnegative)  # no program is called with negative ones
    return shapes


def axes_of_arrays(fn: Function) -> set[str]:
    """The symbols of lengths that no number gave: they are not negative where there is such an array."""
    numbers: set[str | None] = set()
    for v in _values(fn.body):
        if isinstance(v.type, Scalar) and v.type.expr is not None:
            numbers.add(v.type.expr.symbol)
    axes = {d.symbol for v in _values(fn.body) for d in shape_of(v.type)}
    return {s for s in axes - numbers if s is not None}


def _values(region: Region) -> Iterator[Value]:
    """What a region binds, and the regions in it, but for numbers that are lengths."""
    yield from region.params
    for s in region.body:
        for inner in regions_of(s):
            yield from _values(inner)
        if not isinstance(s, Op) or not (s.decl.shape_of or s.decl.lengths_from is not None):
            yield from s.results


def ranges_of(region: Region) -> dict[str, Range]:
    """The first and last values of the indices of a region's loops, where they are known."""
    found: dict[str, Range] = {}
    for s in walk(region):
        if isinstance(s, For):
            found |= range_of(s.index, s.start, s.stop, s.step)
    return found


def range_of(index: Value, start: Atom, stop: Atom, step: Atom) -> dict[str, Range]:
    """The first and the last value of a loop's index, under its symbol."""
    symbol = symbol_of(index)
    if symbol is None or not isinstance(step, Const) or not step.value:
        return {}
    first, end = (known_dim(a) for a in (start, stop))
    last = None if end is None else end - (1 if step.value > 0 else -1)
    return {symbol: (first, last) if step.value > 0 else (last, first)}


def _symbols(region: Region) -> set[str]:
    found = _symbols_of([*region.params, *(r for s in region.body for r in s.results)])
    found = found.union(*map(_symbols_of_attributes, region.body))
    return found.union(*(_symbols(r) for s in region.body for r in regions_of(s)))


def _symbols_of(atoms: Iterable[Atom]) -> set[str]:
    return {s for a in atoms for d in all_dims(a.type) for s in d.symbols()}


def _symbols_of_attributes(statement: Statement) -> set[str]:
    attributes = statement.attrs.values() if isinstance(statement, Op) else ()
    return {s for a in attributes if isinstance(a, Dim) for s in a.symbols()}


class Rewriter:
    """Base of simple passes: copies a function, statement by statement, through methods to override.

    Subclasses override `statement(old, env, b)`: append what stands for `old` to the builder `b` and enter the
    new values of its results in `env`. The default keeps the statement with operands looked up, and its own
    result values.
    """

    def __call__(self, fn: Function) -> Function:
        env: Env = {}
        return fn.with_body(self.region(fn.body, env, Builder(shapes_for(fn))))

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        for statement in old.body:
            self.statement(statement, env, b)
        return with_body(old, b.body, yields=[lookup(env, y) for y in old.yields])

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.append(self.keep(old, env, b))

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        """The statement itself, with new operands and rebuilt regions."""
        if type(old) is Op:
            if not env:
                return old
            operands = [a if isinstance(a, Const) else env.get(a, a) for a in old.operands]
            same = all(map(operator.is_, operands, old.operands))
            return old if same else replace(old, operands=tuple(operands))
        regions = [self.region(r, env, b.inner()) for r in regions_of(old)]
        return with_parts(old, [lookup(env, a) for a in old.operands], regions)


def map_statements(fn: Function, change: Callable[[Statement], Statement | None]) -> Function:
    """`fn` with each statement as `change` returns it, after the statements inside it; None removes the statement."""
    return fn.with_body(map_region(fn.body, change))


def ops_of(fn: Function) -> Iterator[Op]:
    return (s for s in walk(fn.body) if isinstance(s, Op))


def map_ops(fn: Function, change: Callable[[Op], Op | None]) -> Function:
    """`fn` with each operation as `change` returns it; None removes the operation."""
    return map_statements(fn, lambda s: change(s) if isinstance(s, Op) else s)


def map_region(region: Region, change: Callable[[Statement], Statement | None]) -> Region:
    """As `map_statements`."""
    body = []
    for s in region.body:
        inner = [map_region(r, change) for r in regions_of(s)]
        new = change(with_parts(s, s.operands, inner) if inner else s)
        if new is not None:
            body.append(new)
    return with_body(region, body)


def change_dims(fn: Function, change: Callable[[Dim], Dim]) -> Function:
    """The function with every length in the types of its values, constants and attributes changed."""
    return fn.with_body(change_dims_within(fn.body, change))


def change_dims_within(part: Region, change: Callable[[Dim], Dim]) -> Region:
    """As `change_dims`; values from outside the region are left alone."""

    def attribute(old: object) -> object:
        if isinstance(old, Dim):
            return change(old)
        return change_dims(old, change) if isinstance(old, Function) else old

    return _with_types(part, lambda t: map_dims(t, change), attribute)


def with_own_symbols(region: Region, shapes: Shapes) -> Region:
    """The region with fresh symbols for the lengths and integers that it makes: each copy of a region has its own."""
    made: set[str] = set()
    _collect_symbols(region, _symbols_of(region.params), made)
    own = {s: shapes.fresh(s.rstrip("0123456789") or "k") for s in sorted(made)}
    return change_dims_within(region, lambda d: d.substitute(own)) if own else region


def own_copy(fn: Function, shapes: Shapes) -> Function:
    """A function that was read once, such as a derivative rule, for one of the places that inline it."""
    return fn.with_body(with_own_symbols(fn.body, shapes))


def _collect_symbols(region: Region, known: set[str], made: set[str]) -> None:
    """Enter the symbols that the statements of a region make, and those that they use, which others have made."""
    for s in region.body:
        known |= (_symbols_of(s.operands) | _symbols_of_attributes(s)) - made
        made |= _symbols_of(s.results) - known
        for inner in regions_of(s):
            made |= _symbols_of(inner.params) - known
            _collect_symbols(inner, known, made)


def change_types(
    fn: Function, change: Callable[[Type], Type], attribute: Callable[[object], object]
) -> Function:
    """The function with the types of its values and attributes changed, and its other attributes."""
    return fn.with_body(_with_types(fn.body, change, attribute))


def _with_types(
    part: Region, change: Callable[[Type], Type], other: Callable[[object], object]
) -> Region:
    env: Env = {}

    def value(old: Value) -> Value:
        new = env[old] = Value(change(old.type), old.name, old.user)
        return new

    def atom(old: Atom) -> Atom:
        return old if isinstance(old, Const) else env.get(old, old)

    def region(old: Region) -> Region:
        params = tuple(map(value, old.params))
        body = tuple(map(statement, old.body))
        return Region(params, body, tuple(map(atom, old.yields)))

    def attribute(old: object) -> object:
        if isinstance(old, Type):
            return change(old)
        return tuple(map(attribute, old)) if isinstance(old, tuple) else other(old)

    def statement(old: Statement) -> Statement:
        operands = tuple(map(atom, old.operands))
        regions = tuple(map(region, regions_of(old)))
        new = with_parts(old, operands, regions, lambda: tuple(map(value, old.results)))
        return (
            replace(new, attrs={k: attribute(v) for k, v in new.attrs.items()})
            if isinstance(new, Op)
            else new
        )

    return region(part)
