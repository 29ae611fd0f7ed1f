"""Materialises dimension symbols: a length that a pass uses gets an operand that holds it.

Passes name lengths by their symbols: `length[dim=k]`, `zeros_of[type=float64[k]]`. The length of an argument is known
everywhere. Any other symbol gets an integer operand, so that no later pass removes the last value that has this length:

    %y: float64[k] = if %c { ... }                  %y: float64[k] = if %c { ... }
    ...                                        ->   %0: int64{k} = axis_length[axis=0] %y
    %d: float64[k] = zeros_of[type=float64[k]]      %d: float64[k] = zeros_of[type=float64[k]] %0

A length that is known only inside a loop or branch that is reversed is saved there, and restored where it is used. The
verifier checks this. Code generation chooses the expression for a length that reads best.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from srcdiff.ir.build import Builder, Env, Rewriter, ops_of, with_parts
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.definedness import is_undefined, perhaps_undefined
from srcdiff.ir.dims import missing, needed_lengths
from srcdiff.ir.types import Array, Dim, List, Scalar, Struct, Type, dims_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import containers, memory, sizes
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.reachability import bodies_of
from srcdiff.transforms.simplify.dce import dce


def bind_lengths(fn: Function, may_save: bool = False) -> Function:
    """`fn` with an operand for each length that an operation names by a symbol, unless a parameter shows the symbol.

    A value that is live anyway is preferred, so that no value stays alive for its length alone. `may_save`: a length
    that the backward part cannot see may be saved for it.
    """
    shown = {d for p in fn.params for d in dims_of(p.type)}
    if not any(missing(d, shown) for op in _length_users(fn.body) for d in needed_lengths(op)):
        return fn
    binder = _Binder(fn, may_save)
    binder.region(fn.body)
    return fn.with_body(binder.rebuilt(fn.body))


def known_lengths(fn: Function) -> Function:
    """`fn` with symbolic lengths in place of lengths of local arrays, if a parameter shows them.

    %n = axis_length %gates        becomes        %n = length[dim=dim(x0)]
    %k = size %gates                              %k = element_count[type=type(float64[x0, x1])]
    """
    shown = {d for p in fn.params for d in dims_of(p.type)}
    return _KnownLengths(fn.params, shown)(fn)


class _KnownLengths(Rewriter):
    def __init__(self, params: Collection[Value], shown: Collection[Dim]) -> None:
        self.params, self.shown = params, shown

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is memory.axis_length:
            dim = known_dim(old.result)
            if (
                dim is not None
                and old.operands[0] not in self.params
                and not missing(dim, self.shown)
            ):
                made = Op(memory.length, (), old.results, {"dim": dim}, old.location, old.origin)
                b.append(made)
                return
        is_size = isinstance(old, Op) and old.decl is sizes.size
        if is_size and isinstance(old.operands[0].type, Array):
            (base,) = old.operands
            dims = dims_of(base.type)
            if base not in self.params and not any(missing(d, self.shown) for d in dims):
                attrs = {"type": base.type}
                made = Op(memory.element_count, (), old.results, attrs, old.location, old.origin)
                b.append(made)
                return
        super().statement(old, env, b)


def size_of_call(dims: Iterable[Dim], lengths: Mapping[str, int]) -> int | None:
    """The product of lengths for the given arguments; None if these do not determine it."""
    try:
        return math.prod(d.evaluate(lengths) for d in dims)
    except KeyError:
        return None


def below(fn: Function, lengths: Mapping[Dim, int]) -> Function:
    """`fn` with upper bounds of lengths as assumptions; programs for other lengths may differ."""
    known = dict(fn.lengths.less_than)
    for dim, most in lengths.items():
        known[dim] = min(most, known.get(dim, most))
    facts = replace(fn.lengths, less_than=tuple(known.items()))
    return replace(fn, lengths=facts) if lengths else fn


def at_least_one(fn: Function, symbols: Sequence[str]) -> Function:
    """`fn` with the assumption that the integers with these symbols are at least 1."""
    positive = (*fn.lengths.positive, *symbols)
    return replace(fn, lengths=replace(fn.lengths, positive=positive)) if symbols else fn


def lacking(fn: Function) -> set[str]:
    """The symbols that operations name and that neither a parameter nor an operand shows."""
    shown = {d for p in fn.params for d in dims_of(p.type)}
    return {
        s
        for op in _length_users(fn.body)
        for d in needed_lengths(op)
        for s in missing(d, shown | {e for a in op.operands for e in dims_of(a.type)})
    }


def shows(value: Value, symbols: Collection[str]) -> bool:
    """Whether a value shows one of the symbols."""
    return any(symbol in symbols for symbol, _ in _places(value))


def _length_users(region: Region) -> Iterator[Op]:
    """The operations that name lengths by symbols."""
    return (s for s in walk(region) if isinstance(s, Op) and s.decl.lengths_from is not None)


_FIRST = object()  # the key of a list's first item in a path


@dataclass(frozen=True)
class _Place:
    """A place that shows a length: the path to an array or number within a value, and the axis (None for a number)."""

    value: Value
    path: tuple[object, ...]
    axis: int | None

    @property
    def is_number(self) -> bool:
        return self.axis is None and not self.path


@dataclass
class _Frame:
    """A region around the current statement, and the lengths that were computed in it."""

    region: Region
    found: dict[_Place, Value] = field(default_factory=dict)
    restored: dict[str, Value] = field(default_factory=dict)


class _Binder:
    """Finds an operand for each symbol (`region`), then inserts the statements for it (`rebuilt`)."""

    def __init__(self, fn: Function, may_save: bool) -> None:
        self.shown = {d for p in fn.params for d in dims_of(p.type)}
        self.length_users = set(_length_users(fn.body))
        self.alive = _alive(fn)
        self.undefined = perhaps_undefined(fn)
        # places of symbols, and of sums of symbols
        self.visible: dict[str | Dim, list[_Place]] = {}
        self.history: list[str | Dim] = []
        self.in_lists: dict[str | Dim, _Place] = {}
        writing = ops_of(fn)
        self.written = {s.operands[k] for s in writing for k in s.decl.writes}
        self.frames: list[_Frame] = []
        self.forward = _mirrored(fn.body) if may_save else {}
        slots = (s.attrs["slot"] for s in ops_of(fn) if s.decl is memory.save)
        self.slots = max(slots, default=0)
        self.operands: dict[Op, list[Atom]] = {}
        self.before: dict[Op, list[Statement]] = {}
        self.starts: dict[Region, list[Statement]] = {}
        self.ends: dict[Region, list[Statement]] = {}

    # ---- scopes ----

    def region(self, region: Region) -> None:
        mark = len(self.history)
        self.frames.append(_Frame(region))
        if not self.history:
            self.enter_lists(region.params)
        self.enter(region.params)
        for statement in region.body:
            for inner in regions_of(statement):
                self.region(inner)
            if statement in self.length_users:
                self.bind(statement)
            if not is_undefined(statement):  # it is not an array, although it has the type
                self.enter(statement.results)
        self.frames.pop()
        while len(self.history) > mark:
            self.visible[self.history.pop()].pop()

    def enter(self, values: Sequence[Value]) -> None:
        for value in values:
            for symbol, place in _places(value):
                self.visible.setdefault(symbol, []).append(place)
                self.history.append(symbol)

    def enter_lists(self, params: Sequence[Value]) -> None:
        """Enter the symbols that first items of list arguments show; they are used only if nothing else shows them."""
        for value in params:
            if isinstance(value.type, List) and value not in self.written:
                for dim, path, axis in _dims(value.type.element, (_FIRST,)):
                    for symbol in dim.symbols() if axis is not None else ():
                        if dim == Dim.of(symbol) and not symbol.endswith("*"):
                            place = _Place(value, path, axis)
                            self.in_lists.setdefault(symbol, place)

    # ---- operands for symbols ----

    def bind(self, op: Op) -> None:
        """Find the operation's operands: its own, and an integer for each symbol that no parameter shows."""
        wanted = dict.fromkeys(
            s
            for d in needed_lengths(op)
            for s in (missing(d, self.shown) if self.has_parts(d) else (d,))
        )
        lengths = [self.integer(symbol, op) for symbol in wanted]
        given = op.operands[: op.decl.lengths_from]
        if None not in lengths:
            self.operands[op] = [*given, *(v for v in lengths if v is not None)]

    def has_parts(self, dim: Dim) -> bool:
        """Whether to bind the symbols of a length one by one, rather than a value that shows their sum."""
        return not self.visible.get(dim) or all(map(self.visible.get, missing(dim, self.shown)))

    def integer(self, symbol: str | Dim, op: Op) -> Atom | None:
        """The value of a symbol from the cheapest place: live values first, then numbers, then a saved length."""
        places = self.preferred(self.visible.get(symbol, []))
        there = [p for p in places if p.value in self.alive] or [p for p in places if p.is_number]
        if not there and isinstance(symbol, str):
            restored = self.restored(symbol)
            if restored is not None:
                return restored
        if not places and symbol in self.in_lists:
            return self.length(self.in_lists[symbol], op)
        return self.length((there or places)[0], op) if places else None

    def length(self, place: _Place, op: Op) -> Atom:
        """The length at a place, computed before an operation."""
        if place.is_number:
            return place.value
        for frame in self.frames:
            if place in frame.found:
                return frame.found[place]
        b = Builder(origin=op.origin, location=op.location)
        made = self.frames[-1].found[place] = _length(place, b)
        self.before.setdefault(op, []).extend(b.body)
        return made

    def restored(self, symbol: str) -> Value | None:
        """A length that is saved in a forward region and restored in its mirror, one of the current regions."""
        for frame in reversed(self.frames):
            if symbol in frame.restored:
                return frame.restored[symbol]
            forward = self.forward.get(frame.region)
            place = None if forward is None else self.first_place(forward, symbol)
            if forward is None or place is None:
                continue
            self.slots += 1
            b = Builder(origin="compiler")
            length = place.value if place.is_number else _length(place, b)
            b.ops(memory.save, length, slot=self.slots)
            self.ends.setdefault(forward, []).extend(b.body)
            b = Builder(origin="adjoint")
            made = b.op(memory.restore, slot=self.slots, type=length.type)
            self.starts.setdefault(frame.region, []).extend(b.body)
            frame.restored[symbol] = made
            return made
        return None

    def first_place(self, region: Region, symbol: str) -> _Place | None:
        """The first place among a region's own values that shows a symbol."""
        values = (*region.params, *(v for s in region.body for v in s.results))
        found = [p for v in values for other, p in _places(v) if other == symbol]
        return next(iter(self.preferred(found)), None)

    def preferred(self, places: Iterable[_Place]) -> list[_Place]:
        """The places in their order, those of values that may be undefined last."""
        return sorted(places, key=lambda p: p.value in self.undefined)

    # ---- the new function ----

    def rebuilt(self, region: Region) -> Region:
        body = list(self.starts.get(region, ()))
        for s in region.body:
            operands = self.operands.get(s, s.operands) if isinstance(s, Op) else s.operands
            body += self.before.get(s, ()) if isinstance(s, Op) else ()
            body.append(with_parts(s, operands, [self.rebuilt(r) for r in regions_of(s)]))
        body += self.ends.get(region, ())
        unchanged = len(body) == len(region.body) and all(
            a is b for a, b in zip(body, region.body, strict=True)
        )
        return region if unchanged else Region(region.params, tuple(body), region.yields)


def _alive(fn: Function) -> set[Value]:
    """The values that are live without any use of lengths."""
    own = {op: op.operands[: op.decl.lengths_from] for op in _length_users(fn.body)}

    def without(region: Region) -> Region:
        body = (
            with_parts(
                s,
                own[s] if isinstance(s, Op) and s in own else s.operands,
                list(map(without, regions_of(s))),
            )
            for s in region.body
        )
        return Region(region.params, tuple(body), region.yields)

    return set(defined_in(dce(fn.with_body(without(fn.body))).body))


def _mirrored(region: Region) -> dict[Region, Region]:
    """The regions of the backward part, each with the forward region that it reverses."""
    first: dict[int, If | For | While] = {}
    out: dict[Region, Region] = {}
    for s in walk(region):
        if not isinstance(s, Op | Call) and s.pair and first.setdefault(s.pair, s) is not s:
            out.update(zip(bodies_of(s), bodies_of(first[s.pair]), strict=False))
    return out


def _places(value: Value) -> Iterator[tuple[str | Dim, _Place]]:
    """The symbols and sums of symbols that a value shows, with their places; a constant summand is ignored."""
    for dim, path, axis in _dims(value.type, ()):
        if len(dim.terms) > 1:
            yield dim, _Place(value, path, axis)
        elif dim.terms and dim.terms[0][1] == 1 and isinstance(dim.terms[0][0], str):
            yield dim.terms[0][0], _Place(value, path, axis)


def _dims(
    type_: Type, path: tuple[object, ...]
) -> Iterator[tuple[Dim, tuple[object, ...], int | None]]:
    match type_:
        case Array():
            yield from ((d, path, k) for k, d in enumerate(type_.shape))
        case Scalar(expr=Dim() as expr):
            yield expr, path, None
        case Struct():
            for key, part in zip(type_.keys, type_.parts, strict=True):
                yield from _dims(part, (*path, key))


def _length(place: _Place, b: Builder) -> Value:
    value = place.value
    for key in place.path:
        is_item = key is _FIRST
        value = (
            b.op(containers.list_item, value, const(0))
            if is_item
            else b.op(containers.get, value, key=key)
        )
    return value if place.axis is None else b.op(memory.axis_length, value, axis=place.axis)
