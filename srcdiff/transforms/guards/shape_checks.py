"""Shape checks: loops over scalars compare no lengths, so lengths that NumPy compares are compared explicitly.

    %r = reshape %x, 2, 3                         if len(%x) != 6 { raise ValueError }; %r = reshape ...
    for 0, %n with %v { (%i, %w: float64[m]) ->   if len(%v) != %m { raise ValueError }; for ...
    %w: float64[m] = list_item %ws, %i            %w = ...; if len(%w) != %m { raise ValueError }

A type *claims* lengths. Claims that follow from the types of operands hold. Claims of arguments hold, since each call
compares them. The other claims are compared here: the number of elements of a reshaped array, loop-carried values
whose length changes or is that of another value, items of lists of arrays of different lengths, results of calls and
branches, and lengths that depend on data. A claim is compared with an argument that has the length, or with a value in
scope that shows it, its *witness*. The backward part mirrors the forward part, which compares its lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, walk
from srcdiff.ir.dims import Shapes, settling
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.syntax.spelling import as_spelled
from srcdiff.ir.types import (
    Array,
    Dim,
    List,
    Static,
    Struct,
    Type,
    dims_of,
    map_dims,
    product_of,
    shape_of,
)
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.core.adjoint_builders import length_of, multiplied
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.indices import masks
from srcdiff.ops.loopforms import element_maps
from srcdiff.transforms.guards.absent_lengths import without_lengths

Keys = tuple[object, ...]
Axis = tuple[Value, Keys, int]  # of an array in a value
Fits = list[list[bool]]  # for each array in a type, of each axis


def length_checks(fn: Function) -> Function:
    """`fn` with checks of lengths that nothing else compares."""
    return _Checked(fn)(fn)


@dataclass(frozen=True)
class _Scope:
    """The state at a statement: comparisons made, a value for each length, claims without a witness so far."""

    known: set[tuple[object, ...]] = field(default_factory=set)
    witnesses: dict[Dim, Axis] = field(default_factory=dict)
    pending: dict[Dim, tuple[tuple[Axis, str], ...]] = field(default_factory=dict)

    def copy(self) -> _Scope:
        return _Scope(set(self.known), dict(self.witnesses), dict(self.pending))


@dataclass
class _Demands(Shapes):
    """Collects the lengths that have to be equal and are not known to be."""

    demanded: list[tuple[Dim, Dim]] = field(default_factory=list)
    settled: Callable[[Dim], Dim] = lambda dim: dim

    def must_equal(self, a: Dim, b: Dim, what: str = "lengths") -> Dim:
        if not self.same(a, b) and self.settled(a) != self.settled(b):
            self.demanded.append((a, b))
        return super().must_equal(a, b, what)


class _Checked(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.given = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.listed = {
            d for p in fn.params for d in _dims_of_items(p.type)
        }  # each call compares them
        self.arguments: set[Atom] = set(fn.params)  # and their parts
        self.shown: dict[Dim, Axis] = {
            dim: (p, keys, shape.index(dim))
            for p in reversed(fn.params)
            for keys, shape in _arrays(p.type)
            for dim in shape
            if not dim.is_const
        }
        self.absent = without_lengths(fn)
        self.scope = _Scope()
        self.shapes = lengths_of(fn)
        self.settled = settling(fn.lengths.equal)  # each call compares them
        self.claims: dict[Region, list[tuple[Value, Fits, str]]] = {}  # of parameters
        self.is_mirror = False  # in a loop of the backward part whose forward loop is there, too
        self.forward = {
            s.pair
            for s in walk(fn.body)
            if isinstance(s, For | While) and s.pair and s.origin != "adjoint"
        }

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        before, self.scope = self.scope, self.scope.copy()
        for value, fits, text in self.claims.pop(old, ()):
            self.settle(value, value.type, fits, b, text)
        new = super().region(old, env, b)
        self.scope = before
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location = old.location or b.location
        mirrored = self.is_mirror
        if isinstance(old, For | While):
            self.is_mirror = mirrored or (old.origin == "adjoint" and old.pair in self.forward)
            self.enter(old, env, b)
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl.place is element_maps.reshaped:
            self.reshaped(new, b)
        mirrors = (
            self.is_mirror or new.origin == "tangent"
        )  # lengths of another part, compared there
        implied = [] if mirrors or isinstance(new, For | While) else self.implied(new, b)
        b.append(new)
        if isinstance(new, For | While):
            self.leave(new, b)
        elif isinstance(new, Op) and new.decl in (masks.places_of_true, masks.nonzero):
            text = "a mask is not True in as many places as there are values for it"
            type_ = new.results[0].type
            self.settle(new.results[0], type_, _agreed(type_, Static(None)), b, text)
        elif not mirrors and self.absent.isdisjoint(new.results):
            self.results(new, implied, b)
        self.is_mirror = mirrored

    # ---- statements that claim lengths -------------------------------------------------------------

    def enter(self, loop: For | While, env: Env, b: Builder) -> None:
        """Check the initial values of a loop, and the claims of its parameters."""
        for given, param, end in zip(
            loop.carried, _carried_params(loop), loop.carried_yields, strict=True
        ):
            if param in self.absent:
                continue
            kept = _agreed(param.type, end.type)  # lengths that an iteration does not change
            start = env.get(given, given) if isinstance(given, Value) else given
            if isinstance(start, Value):
                own = _agreed(param.type, start.type)
                text = "{} has another length before a loop than in its iterations"
                for (keys, shape), fits, stays in zip(_arrays(param.type), own, kept, strict=True):
                    for axis, dim in enumerate(shape):
                        if stays[axis] and not fits[axis]:
                            self.claim((start, keys, axis), dim, b, text)
            text = "{} has another length at the start of an iteration than the iteration needs"
            self.claims.setdefault(loop.body, []).append((param, kept, text))

    def leave(self, loop: For | While, b: Builder) -> None:
        """Check the results of a loop: the count of iterations comes first where the loop may break."""
        yields = loop.carried_yields
        results = loop.results[len(loop.results) - len(yields) :]
        for result, param, end in zip(results, _carried_params(loop), yields, strict=True):
            text = "{} has another length after a loop than is needed there"
            kept = _agreed(result.type, param.type, end.type)
            self.settle(result, result.type, kept, b, text)

    def results(self, new: Statement, implied: Sequence[Sequence[Type]], b: Builder) -> None:
        """Compare the lengths of a statement's results that its operands imply with the claimed ones."""
        view_of = new.view_of if isinstance(new, Op) else None
        if view_of is not None and new.operands[view_of] in self.arguments:
            self.arguments.update(new.results)
        truth = isinstance(new, Op) and not self.arguments.isdisjoint(new.operands)
        for result, type_ in zip(new.results, implied, strict=False):
            fits = _agreed(result.type, *type_)
            self.settle(result, result.type, fits, b, "{} has another length than is needed", truth)

    def implied(self, statement: Statement, b: Builder) -> Sequence[Sequence[Type]]:
        """The types of each result of a statement that its operands imply; none where nothing is to be compared."""
        match statement:
            case Op(decl=decl, operands=operands, attrs=attrs, spelling=spelling):
                if decl.elementwise or decl.broadcasts:
                    return []  # loops compare broadcast lengths
                shapes = _Demands(
                    rigid=self.shapes.rigid,
                    others=self.shapes.others,
                    find_ranges=self.shapes.find_ranges,
                    assumptions=[*self.shapes.assumptions],
                    used=self.shapes.used,
                    settled=self.settled,
                )
                types = as_spelled(decl, decl.infer(shapes, operands, attrs), spelling)
                for one, other in shapes.demanded:
                    self.demand(statement, one, other, b)
                return [(t,) for t in _named(types, [r.type for r in statement.results])]
            case If(then=then, orelse=orelse):
                pairs = zip(then.yields, orelse.yields, strict=True)
                return [(one.type, other.type) for one, other in pairs]
            case Call(function=callee, operands=operands):
                callee = self.fn if is_itself(callee) else callee
                return [(t,) for t in _returned(callee, operands, self.shapes)]
        return []

    def demand(self, op: Op, one: Dim, other: Dim, b: Builder) -> None:
        """Compare two lengths that an operation needs to be equal."""
        left, right = self.side(op, one, b), self.side(op, other, b)
        if left is not None and right is not None and self.is_new(op, one, other):
            text = f"the lengths of the operands of {op.decl.name} do not fit"
            self.compare([left], [right], text, b)

    def side(self, op: Op, dim: Dim, b: Builder) -> Atom | None:
        """A length of an operand."""
        if dim.symbols() <= self.given:
            return length_of(b, dim)
        for operand in op.operands:
            if isinstance(operand, Value):
                for keys, shape in _arrays(operand.type):
                    if dim in shape:
                        return _length(b, (operand, keys, shape.index(dim)))
        return None

    def reshaped(self, op: Op, b: Builder) -> None:
        """Compare the numbers of elements of the new and the old shape; where one length is -1, NumPy compares."""
        source, lengths = op.operands[0], op.operands[1:]
        old, new = shape_of(source.type), shape_of(op.result.type)
        is_given = [d.symbols() <= self.given for d in new]
        if product_of(new) == product_of(old) or (const(-1) in lengths and not all(is_given)):
            return
        if self.is_new(frozenset((old, new))):
            own = [b.op(memory.axis_length, source, axis=k) for k in range(len(old))]
            wanted = [
                length_of(b, d) if known else a
                for known, d, a in zip(is_given, new, lengths, strict=True)
            ]
            text = f"the size of {_called(source)} does not fit its new shape"
            self.compare(own, wanted, text, b)

    # ---- claims ----------------------------------------------------------------------------------

    def settle(
        self, value: Value, claimed: Type, fits: Fits, b: Builder, text: str, truth: bool = False
    ) -> None:
        """Compare the lengths that are not known to be equal, and note the lengths that a value shows."""
        for (keys, shape), known in zip(_arrays(claimed), fits, strict=True):
            for axis, dim in enumerate(shape):
                at = (value, keys, axis)
                if not known[axis]:
                    self.claim(at, dim, b, text)
                elif dim.symbols() <= self.given or self.is_mirror:
                    continue
                elif dim not in self.listed:
                    self.scope.witnesses.setdefault(dim, at)
                elif truth:
                    self.confirm(at, dim, b)

    def claim(self, at: Axis, dim: Dim, b: Builder, text: str) -> None:
        if dim.symbols() <= self.given:
            if self.is_new(at, dim):
                self.compare(
                    [_length(b, at)], [self.argument(dim, b)], text.format(_called(at[0])), b
                )
        elif self.is_mirror:
            return
        elif self.listed.issuperset(_parts(dim)) and not self.scope.witnesses.keys() >= set(
            _parts(dim)
        ):
            self.scope.pending[dim] = (*self.scope.pending.get(dim, ()), (at, text))
        elif set(_parts(dim)) <= self.scope.witnesses.keys():
            if self.is_new(at, dim):
                self.compare(
                    [_length(b, at)], [self.in_scope(dim, b)], text.format(_called(at[0])), b
                )
        else:
            self.scope.witnesses[dim] = at

    def argument(self, dim: Dim, b: Builder) -> Atom:
        """The length of an argument, which is named: code generation would take the length from whatever reads best,
        such as the array that claims it.
        """
        return _length(b, self.shown[dim]) if dim in self.shown else length_of(b, dim)

    def confirm(self, at: Axis, dim: Dim, b: Builder) -> None:
        """An item of a list shows the length of all items; claims about that length are compared with it."""
        self.scope.witnesses.setdefault(dim, at)
        for claimed in [
            d for d in self.scope.pending if set(_parts(d)) <= self.scope.witnesses.keys()
        ]:
            for claimant, text in self.scope.pending.pop(claimed):
                self.claim(claimant, claimed, b, text)

    def in_scope(self, dim: Dim, b: Builder) -> Atom:
        """A length in terms of lengths that values in scope show."""
        if dim in self.scope.witnesses:
            return _length(b, self.scope.witnesses[dim])
        total: Atom = const(dim.const)
        for symbol, factor in dim.terms:
            term: Atom = _length(b, self.scope.witnesses[Dim.of(symbol)])
            term = term if factor == 1 else b.op(arithmetic.multiply, const(factor), term)
            total = b.op(arithmetic.add, term, total)
        return total

    def is_new(self, *key: object) -> bool:
        """Whether a comparison has not been made."""
        if key in self.scope.known:
            return False
        self.scope.known.add(key)
        return True

    def compare(self, own: Sequence[Atom], wanted: Sequence[Atom], text: str, b: Builder) -> None:
        """Raise unless two products of lengths are equal; NumPy's own error has the lengths."""
        one, other = (multiplied(b, side or [const(1)]) for side in (own, wanted))
        differs = b.op(control.test, one, other, text="{0} != {1}")
        control.raise_if(b, differs, ValueError, f"{text}{INCOMPLETE}")


def _carried_params(loop: For | While) -> Sequence[Value]:
    return loop.body.params[1:] if isinstance(loop, For) else loop.body.params


def _parts(dim: Dim) -> Sequence[Dim]:
    return [dim] if dim.symbol is not None else [Dim.of(s) for s, _ in dim.terms]


def _length(b: Builder, at: Axis) -> Atom:
    array, keys, axis = at
    for key in keys:
        array = b.op(containers.get, array, key=key)
    return b.op(memory.axis_length, array, axis=axis)


def _dims_of_items(type_: Type, inside: bool = False) -> Iterator[Dim]:
    """The lengths that all items of the lists in a type have."""
    match type_:
        case List(element=element):
            yield from _dims_of_items(element, True)
        case Struct(parts=parts):
            for part in parts:
                yield from _dims_of_items(part, inside)
        case Array(shape=shape) if inside:
            yield from (
                d for d in shape if d.symbol is not None and not str(d.symbol).endswith("*")
            )


def _arrays(type_: Type, keys: tuple[object, ...] = ()) -> Iterator[tuple[Keys, tuple[Dim, ...]]]:
    """The shapes of the arrays in a type, each with the keys that lead to it."""
    if isinstance(type_, Array):
        yield keys, type_.shape
    if isinstance(type_, Struct):
        for key, part in zip(type_.keys, type_.parts, strict=True):
            yield from _arrays(part, (*keys, key))


def _agreed(type_: Type, *others: Type) -> Fits:
    """For each array in a type, on which axes other types have the same lengths."""
    found = [[shape for _, shape in _arrays(t)] for t in others]
    return [
        [
            all(k < len(o) and axis < len(o[k]) and o[k][axis] == dim for o in found)
            for axis, dim in enumerate(shape)
        ]
        for k, (_, shape) in enumerate(_arrays(type_))
    ]


def _named(inferred: Sequence[Type], claimed: Sequence[Type]) -> Sequence[Type]:
    """Types of several results: they share the symbol that the first one has for a length."""
    found: list[Type] = []
    names: dict[str, Dim] = {}
    for type_, wanted in zip(inferred, claimed, strict=True):
        found.append(map_dims(type_, lambda d: d.substitute(names)) if names else type_)
        for own, dim in zip(dims_of(type_), dims_of(wanted), strict=False):
            if isinstance(own.symbol, str) and own != dim:
                names.setdefault(own.symbol, dim)
    return found


def _returned(callee: Function, operands: Sequence[Atom], shapes: Shapes) -> Iterator[Type]:
    """The types that a call returns, by those of its operands."""
    known: dict[str, Dim] = {}
    for param, operand in zip(callee.params, operands, strict=True):
        for own, dim in zip(dims_of(param.type), dims_of(operand.type), strict=False):
            if isinstance(own.symbol, str):
                known.setdefault(own.symbol, dim)

    def outside(dim: Dim) -> Dim:
        return dim.substitute(known) if dim.symbols() <= known.keys() else shapes.fresh()

    return (map_dims(a.type, outside) for a in callee.body.yields)


def _called(array: Atom) -> str:
    return getattr(array, "name", "") or "an array"
