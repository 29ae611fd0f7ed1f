"""The state of one reversal: which values have adjoints, where they are, and how the backward part refers to
the forward one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, with_parts
from srcdiff.ir.core import (
    Atom,
    Const,
    For,
    Function,
    If,
    Op,
    OpDecl,
    Region,
    Statement,
    Value,
    While,
    const,
    regions_of,
    walk,
)
from srcdiff.ir.types import (
    INT,
    Array,
    Dim,
    List,
    Scalar,
    Struct,
    Type,
    dims_of,
    is_float,
    map_dims,
    shape_of,
)
from srcdiff.ops import arithmetic, containers, memory
from srcdiff.transforms.adjoints import Scope, adjoint_type, fit, hint, whole, zeros
from srcdiff.transforms.loads import Program

__all__ = ["Reversal", "Rules", "add_to_element", "all_regions"]

# rules(decl, operand types, attrs, result types, d_out types): the rule as IR; params are operands, results, d_outs
Rules = Callable[
    [OpDecl, Sequence[Type], Mapping[str, Any], Sequence[Type], Sequence[Type]], Function
]


@dataclass
class Reversal:
    """One reversal under way: what is known of the function, and what has been handed out so far."""

    rules: Rules
    active: frozenset[Value]
    buffers: frozenset[Value]
    top: Region
    program: Program
    home: dict[Value, Region] = field(default_factory=dict)  # where each forward value is defined
    maker: dict[Value, Statement] = field(default_factory=dict)
    standins: Env = field(default_factory=dict)  # results that the adjoint of a helper is given
    saves: dict[int, list[tuple[int, Value]]] = field(default_factory=dict)
    turns: dict[int, Value] = field(default_factory=dict)
    pairs: dict[int, int] = field(default_factory=dict)
    where: dict[int, Region] = field(default_factory=dict)  # the region that a statement stands in
    split: dict[Value, tuple[Value, ...]] = field(
        default_factory=dict
    )  # structs to stand-ins for their parts
    by_element: dict[Value, For] = field(default_factory=dict)
    lengths: dict[tuple[Value, int], Value] = field(
        default_factory=dict
    )  # axes whose length is asked for
    assumed: dict[Dim, Dim] = field(
        default_factory=dict
    )  # lengths that the actual arguments decided
    rigid: frozenset[str | None] = (
        frozenset()
    )  # symbols of arguments' axes: these are not of length 1
    stand_ins: set[Value] = field(default_factory=set)  # for parts: no statement makes them
    slots: int = 0

    # ---- what is known of the forward part --------------------------------------------------

    def place(self, region: Region) -> None:
        """Note the region that each value is defined in, and the statement that makes it."""
        for p in region.params:
            self.home[p] = region
        for statement in region.body:
            self.where[id(statement)] = region
            for r in statement.results:
                self.home[r] = region
                self.maker[r] = statement
            for inner in regions_of(statement):
                self.place(inner)

    def find_lists(self, top: Region) -> None:
        """Find the lists of which one loop takes each element once, in order: their adjoint is appended to,
        turn by turn.
        """
        uses: dict[Value, list[tuple[Statement, Statement | None]]] = {}
        for region, owner in all_regions(top):
            for statement in region.body:
                for a in statement.operands:
                    if (
                        isinstance(a, Value)
                        and isinstance(a.type, List)
                        and not _is_list_length(statement)
                    ):
                        uses.setdefault(a, []).append((statement, owner))
        for xs, found in uses.items():
            (item, loop), *others = found[::-1]
            appended = all(isinstance(s, Op) and s.decl is containers.append for s, _ in others)
            if (
                isinstance(loop, For)
                and isinstance(item, Op)
                and item in loop.body.body
                and appended
            ):
                is_near = self.where[id(loop)] is self.home[xs]
                if is_near and item.decl is containers.list_item and self.covers(loop, item, xs):
                    self.by_element[xs] = loop

    def covers(self, loop: For, item: Op, xs: Value) -> bool:
        """Whether the loop's turns are the list's elements, one each."""
        stop = loop.stop
        maker = self.maker.get(stop) if isinstance(stop, Value) else None
        is_length = (
            isinstance(maker, Op)
            and maker.decl is containers.list_length
            and maker.operands[0] is xs
        )
        from_zero = (
            isinstance(loop.start, Const)
            and loop.start.value == 0
            and isinstance(loop.step, Const)
            and loop.step.value == 1
        )
        return is_length and from_zero and not loop.breaks and item.operands[1] is loop.index

    def parts(self, value: Value) -> tuple[Value, ...]:
        """Stand-ins for the parts of a struct, so that each has an adjoint of its own."""
        if value not in self.split:
            assert isinstance(value.type, Struct)
            named = [
                f"{value.name}_{k}" if value.name else str(k) if isinstance(k, str) else ""
                for k in value.type.keys
            ]
            made = tuple(Value(t, n) for t, n in zip(value.type.parts, named, strict=True))
            self.split[value] = made
            self.stand_ins.update(made)
            for p in made:
                self.home[p] = self.home[value]
            if self.is_active(value):
                self.active |= frozenset(p for p in made if is_float(p.type))
        return self.split[value]

    def is_active(self, atom: Atom) -> bool:
        return isinstance(atom, Value) and atom in self.active

    def active_ones(self, atoms: Iterable[Atom]) -> list[Value]:
        return [a for a in atoms if isinstance(a, Value) and a in self.active]

    def pair(self, loop: If | For | While) -> int:
        """The number that a loop or branch shares with the one that reverses it."""
        return self.pairs.setdefault(id(loop), len(self.pairs) + 1)

    def turn_count(self, loop: While) -> Value:
        """How many turns a `while` made: a result that its forward loop is given."""
        if id(loop) not in self.turns:
            turns = self.turns[id(loop)] = Value(INT, "turns")
            self.home[turns] = self.where[id(loop)]
        return self.turns[id(loop)]

    # ---- forward values in the backward part ----------------------------------------------------

    def primal(self, atom: Atom, scope: Scope) -> Atom:
        """A forward value as the backward region under construction can refer to it."""
        if isinstance(atom, Const):
            return atom
        if atom in self.standins:
            return self.standins[atom]
        home = self.home[atom]
        if home is self.top:
            return atom
        at: Scope | None = scope
        while at is not None and at.region is not home:
            at = at.parent
        if at is None:
            return self.again(atom, scope)
        if atom not in at.values:
            at.values[atom] = self.restore(atom, at)
        return at.values[atom]

    def again(self, value: Value, scope: Scope) -> Atom:
        """A value of a branch where the branch itself is not mirrored: the arithmetic of an index is done again."""
        maker = self.maker.get(value)
        is_index = (
            isinstance(maker, Op) and isinstance(value.type, Scalar) and not is_float(value.type)
        )
        if not is_index or maker.decl.effect or maker.decl.writes or maker.decl.view_of is not None:  # type: ignore[union-attr]
            raise UnsupportedError(
                "which part of an array a branch picks depends on what the branch computes",
                "Compute the index in front of the branch.",
                maker.location if maker is not None else None,
            )
        assert isinstance(maker, Op)
        result = replace(value)
        operands = tuple(self.primal(a, scope) for a in maker.operands)
        scope.b.append(replace(maker, operands=operands, results=(result,), origin="adjoint"))
        return result

    def restore(self, value: Value, at: Scope) -> Atom:
        known = value.type.expr if isinstance(value.type, Scalar) else None
        if known is not None and known.is_const:
            return const(known.const)
        if known is not None and self.is_outer(known):
            return at.b.op(memory.length, dim=known)
        self.slots += 1
        restored = replace(value)
        attrs = {"slot": self.slots, "type": value.type}
        at.prologue.append(Op(memory.restore, (), (restored,), attrs, at.b.location, "adjoint"))
        self.saves.setdefault(id(at.region), []).append((self.slots, value))
        return restored

    def is_known(self, dim: Dim) -> bool:
        """Whether a length can be had anywhere: it is fixed, or one of the arguments'."""
        return dim.is_const or self.is_outer(dim)

    def is_outer(self, dim: Dim) -> bool:
        """Whether a length is one of the arguments' (and so known everywhere)."""
        known = {s for p in self.top.params for d in dims_of(p.type) for s in d.symbols()}
        return bool(dim.terms) and dim.symbols() <= known

    def with_saves(self, region: Region) -> Region:
        """The forward region with the `save`s that the backward part turned out to need, and counters of turns."""
        body = [self.forward_statement(s) for s in region.body]
        for (value, axis), length in self.lengths.items():
            if self.home[length] is region:
                body.append(
                    Op(memory.axis_length, (value,), (length,), {"axis": axis}, None, "compiler")
                )
        for slot, value in self.saves.get(id(region), ()):
            body.append(Op(memory.save, (value,), (), {"slot": slot}, None, "compiler"))
        return Region(region.params, tuple(body), region.yields)

    def forward_statement(self, statement: Statement) -> Statement:
        inner = [self.with_saves(r) for r in regions_of(statement)]
        new = with_parts(statement, statement.operands, inner) if inner else statement
        if isinstance(new, If | For | While):  # the pairs of an earlier reversal are forgotten
            new = replace(new, pair=self.pairs.get(id(statement), 0))
        if isinstance(new, While) and id(statement) in self.turns:
            return _with_counter(new, self.turns[id(statement)])
        return new

    # ---- contributions ----------------------------------------------------------------------------

    def contribute(
        self, target: Atom, amount: Atom, scope: Scope, full: Type | Value | None = None
    ) -> None:
        """Add to the adjoint of a value; `full` is the type that the contribution was made for, where that was
        broadcast.
        """
        if not isinstance(target, Value) or target not in self.active:
            return
        if isinstance(target.type, Struct):
            self.contribute_parts(target, amount, scope)
            return
        if isinstance(target.type, List):
            self.contribute_list(target, amount, scope)
            return
        amount = self.fitted(target, amount, full or target.type, scope)
        maker = self.maker.get(target)
        if (
            isinstance(maker, Op)
            and maker.decl.scatter not in (None, memory.add_into)
            and target in self.buffers
        ):
            base = maker.operands[
                0
            ]  # what NumPy gives as a view but does not let one write through
            assert isinstance(base, Value) and maker.decl.scatter is not None
            scope.b.ops(maker.decl.scatter, self.open(base, scope), amount, **maker.attrs)
        elif target in self.buffers:
            scope.b.ops(memory.add_into, self.open(target, scope), amount, where="")
        else:
            scope.add(target, amount)

    def fitted(self, target: Value, amount: Atom, made: Type | Value, scope: Scope) -> Atom:
        """A contribution summed over the axes along which the target was broadcast in what it was made for."""
        have = shape_of(amount.type)
        full = made.type if isinstance(made, Value) else made
        if len(shape_of(full)) < len(have):
            made = full = amount.type
        out, into = (self.settled(t) for t in (full, target.type))
        unsure = self.unsure_axes(shape_of(out), shape_of(into))
        if unsure:
            if shape_of(self.settled(amount.type)) != shape_of(out):
                amount = self.spread(amount, made, scope)
            lead = len(shape_of(out)) - len(shape_of(into))
            out = _with_lengths(out, {k + lead: d for k, d in unsure.items()})
        amount = fit(scope.b, amount, out, into)
        for axis in unsure:
            length = self.primal(self.length_of(target, axis), scope)
            type_ = adjoint_type(target.type)
            amount = scope.b.op(memory.sum_if_one, amount, length, axis=axis, type=type_)
        return amount

    def spread(self, amount: Atom, made: Type | Value, scope: Scope) -> Atom:
        """A contribution at the full size of what it was made for."""
        type_ = made.type if isinstance(made, Value) else made
        shape = shape_of(type_)
        if not isinstance(made, Value) or all(map(self.is_known, shape)):
            return scope.b.op(memory.expand, amount, type=type_)
        lengths = [self.primal(self.length_of(made, k), scope) for k in range(len(shape))]
        nothing = scope.b.op(memory.zeros, *lengths, dtype=getattr(type_, "dtype", "float64"))
        return scope.b.op(arithmetic.add, amount, nothing)

    def settled(self, type_: Type) -> Type:
        """A type with the lengths that the actual arguments decided between equal ones and 1."""
        return map_dims(type_, lambda d: self.assumed.get(d, d)) if self.assumed else type_

    def unsure_axes(self, out: Sequence[Dim], into: Sequence[Dim]) -> dict[int, Dim]:
        """The axes of `into` that may have length 1 where `out` is longer."""
        lead = len(out) - len(into)
        return {k: d for k, d in enumerate(into) if d != out[k + lead] and self.may_be_one(d)}

    def may_be_one(self, dim: Dim) -> bool:
        """Whether only the run decides that a length is not 1."""
        return not dim.is_const and dim.symbol not in self.rigid

    def length_of(self, value: Value, axis: int) -> Value:
        """The length of an axis as a forward value."""
        if (value, axis) not in self.lengths:
            made = Value(Scalar("int64", True, shape_of(value.type)[axis]))
            self.lengths[value, axis] = made
            self.home[made] = self.home[value]
        return self.lengths[value, axis]

    def contribute_parts(self, target: Value, amount: Atom, scope: Scope) -> None:
        assert isinstance(target.type, Struct)
        for key, part in zip(target.type.keys, self.parts(target), strict=True):
            if part in self.active:
                self.contribute(part, scope.b.op(containers.get, amount, key=key), scope)

    def contribute_list(self, target: Value, amount: Atom, scope: Scope) -> None:
        """Lists add up element by element."""
        element = target.type.element  # type: ignore[union-attr]
        buffer = scope.buffer(target)
        if buffer is None:
            scope.buffers[target] = amount
            return
        _add_lists(scope.b, buffer, amount, element)

    def take(self, value: Value, scope: Scope) -> Atom | None:
        """The collected adjoint of a value (used up)."""
        if isinstance(value.type, Struct):
            return self.take_struct(value, scope)
        if isinstance(value.type, List):
            return scope.buffers.pop(value, None)
        return scope.take(value)

    def take_struct(self, value: Value, scope: Scope) -> Atom | None:
        assert isinstance(value.type, Struct)
        if not any(self.has(p, scope) for p in self.parts(value)):
            return None
        found = [self.take_whole(p, scope) for p in self.parts(value)]
        type_ = value.type
        return scope.b.op(
            containers.pack,
            *found,
            name=hint(value),
            kind=type_.kind,
            keys=type_.keys,
            cls=type_.cls,
        )

    def has(self, value: Value, scope: Scope) -> bool:
        if isinstance(value.type, Struct):
            return any(self.has(p, scope) for p in self.parts(value))
        return scope.has(value)

    def take_whole(self, value: Value, scope: Scope) -> Atom:
        """The adjoint at the value's full size, zeros if there is none."""
        taken = self.take(value, scope)
        if taken is None:
            return self.zeros(value, scope)
        return whole(scope.b, taken, adjoint_type(value.type))

    def zeros(self, value: Value, scope: Scope) -> Atom:
        type_ = adjoint_type(value.type)
        if isinstance(type_, Scalar):
            return const(0.0)
        if isinstance(type_, Array):
            if all(self.is_known(d) for d in type_.shape) or value in self.stand_ins:
                return zeros(scope.b, type_, hint(value))
            return scope.b.op(memory.zeros_like, self.primal(value, scope), name=hint(value))
        if isinstance(type_, Struct):
            found = [self.zeros(p, scope) for p in self.parts(value)]
            return scope.b.op(
                containers.pack, *found, kind=type_.kind, keys=type_.keys, cls=type_.cls
            )
        if isinstance(type_, List):
            return scope.b.op(
                memory.zeros_like_list, self.primal(value, scope), name=hint(value), type=type_
            )
        return const(None)

    # ---- adjoint buffers ----------------------------------------------------------------------------

    def base(self, value: Value) -> Value:
        """What a view is a view of, in the end."""
        maker = self.maker.get(value)
        while (
            isinstance(maker, Op)
            and maker.decl.view_of is not None
            and isinstance(maker.operands[maker.decl.view_of].type, Array)
        ):
            base = maker.operands[maker.decl.view_of]
            assert isinstance(base, Value)
            value, maker = base, self.maker.get(base)
        return value

    def bind(self, value: Value, d: Atom, scope: Scope, there: Statement) -> None:
        """From here on (backwards) `d` is the adjoint buffer of a value that a branch or loop passes on;
        `there` is which.

        If the storage has a buffer by another name already, the two add up. That is exact only if nothing
        writes the storage while it has two names.
        """
        base = self.base(value)
        if scope.buffer(base) is None and base is value:
            scope.buffers[value] = d
            return
        if scope.buffer(base) is not None and self.program.is_written_from(there, value):
            raise UnsupportedError(
                "an array that is written has two names where a loop or branch passes it on",
                "Use one name for the array, or copy it where the second name is bound (`u = v.copy()`).",
                there.location,
            )
        scope.b.ops(memory.add_into, self.open(value, scope), d, where="")

    def keep_apart(self, value: Atom, op: Op) -> None:
        """Refuse to put an array into a container if it is written afterwards: the change would be seen in both."""
        if (
            isinstance(value, Value)
            and value in self.buffers
            and self.program.is_written_after(op, value, self.base(value))
        ):
            raise UnsupportedError(
                "an array is written after it was put into a list or another container",
                "Put a copy there (`xs.append(x.copy())`).",
                op.location,
            )

    def open(self, value: Value, scope: Scope) -> Atom:
        """The adjoint buffer of a value, made if there is none yet."""
        found = scope.buffer(value)
        if found is not None:
            return found
        maker = self.maker.get(value)
        made: Atom
        if isinstance(value.type, List):
            made = self.zeros(value, scope)
        elif value in self.buffers and isinstance(maker, Op) and maker.decl.view_of is not None:
            made = self.open_view(maker, value, scope)
        elif value in self.buffers and isinstance(maker, If):
            made = self.open_choice(maker, value, scope)
        else:
            return scope.open_buffer(value)
        scope.buffers[value] = made
        return made

    def open_view(self, view: Op, value: Value, scope: Scope) -> Atom:
        """A view's adjoint is the same view of its base's."""
        assert view.decl.view_of is not None
        base = view.operands[view.decl.view_of]
        assert isinstance(base, Value)
        if isinstance(base.type, Struct):
            return self.open(
                self.parts(base)[
                    view.results.index(value) if len(view.results) > 1 else _position(view)
                ],
                scope,
            )
        d_base = self.open(base, scope)
        operands = [
            d_base if k == view.decl.view_of else self.primal(a, scope)
            for k, a in enumerate(view.operands)
        ]
        results = tuple(Value(r.type, hint(r)) for r in view.results)
        scope.b.append(replace(view, operands=tuple(operands), results=results, origin="adjoint"))
        return results[view.results.index(value)]

    def open_choice(self, branch: If, value: Value, scope: Scope) -> Atom:
        """The adjoint of `a if c else b` is the adjoint of whichever it was."""
        k = branch.results.index(value)
        halves = [(region, region.yields[k]) for region in (branch.then, branch.orelse)]
        outside = [y for region, y in halves if self.is_from_outside(y, region)]
        if not outside or any(
            y not in outside and self.reaches_out(y, region) for region, y in halves
        ):
            return self.zeros(value, scope)
        for base in dict.fromkeys(base for y in outside for base in self.bases(y)):
            self.open(base, scope)
        regions = []
        for _, y in halves:
            inner = scope.inner(Region((), (), ()))  # not the mirror of the branch
            made = (
                self.open(y, inner)
                if isinstance(y, Value) and y in outside
                else self.zeros(value, scope)
            )
            regions.append(inner.finish((), (made,)))
        scope.chosen.add(value)
        result = Value(value.type, hint(value))
        condition = self.primal(branch.condition, scope)
        scope.b.append(If(condition, regions[0], regions[1], (result,), branch.location, "adjoint"))
        return result

    def bases(self, y: Atom) -> list[Value]:
        """What storage a value may be, or be a view of: through views, and through branches to what they yield."""
        if not isinstance(y, Value):
            return []
        base = self.base(y)
        maker = self.maker.get(base)
        if not isinstance(maker, If):
            return [base]
        k = maker.results.index(base)
        return [
            found for region in (maker.then, maker.orelse) for found in self.bases(region.yields[k])
        ]

    def is_from_outside(self, y: Atom, region: Region) -> bool:
        """Whether what a region yields is written storage from outside, or a view of it."""
        inside = {region, *(r for s in walk(region) for r in regions_of(s))}
        return isinstance(y, Value) and all(
            base in self.buffers and self.home[base] not in inside for base in self.bases(y)
        )

    def reaches_out(self, y: Atom, region: Region) -> bool:
        """Whether what a region yields may be storage from outside, passed on by a loop or branch in it."""
        inside = {region, *(r for s in walk(region) for r in regions_of(s))}
        if not isinstance(y, Value) or y not in self.buffers:
            return False
        return any(self.home.get(root) not in inside for root in self.program.roots.get(y, ()))


def _with_lengths(type_: Type, lengths: Mapping[int, Dim]) -> Type:
    """An array type with other lengths along some axes."""
    assert isinstance(type_, Array)
    return replace(type_, shape=tuple(lengths.get(k, d) for k, d in enumerate(type_.shape)))


def _is_list_length(statement: Statement) -> bool:
    return isinstance(statement, Op) and statement.decl is containers.list_length


def add_to_element(b: Builder, d_list: Atom, at: Atom, amount: Atom, element: Type) -> None:
    """`d_xs[t] += amount`, part by part where the elements are containers."""
    if isinstance(element, Struct):
        before = b.op(containers.list_item, d_list, at)
        b.ops(containers.list_set, d_list, at, _add_parts(b, before, amount, element))
    elif isinstance(element, Array):
        b.ops(memory.add_into, b.op(containers.list_item, d_list, at), amount, where="")
    elif isinstance(element, List):
        _add_lists(b, b.op(containers.list_item, d_list, at), amount, element.element)
    else:
        b.ops(containers.list_add, d_list, at, amount)


def _add_lists(b: Builder, d_list: Atom, amount: Atom, element: Type) -> None:
    """Add up two lists of one length, element by element."""
    stop = b.op(containers.list_length, amount)
    index, inner = Value(INT, "i"), b.inner()
    item = inner.op(containers.list_item, amount, index)
    add_to_element(inner, d_list, index, item, element)
    b.append(
        For(
            const(0),
            stop,
            const(1),
            (),
            inner.region((index,), ()),
            (),
            False,
            False,
            0,
            b.location,
            "adjoint",
        )
    )


def _add_parts(b: Builder, left: Atom, right: Atom, type_: Struct) -> Atom:
    sums: list[Atom] = []
    for key, part in zip(type_.keys, type_.parts, strict=True):
        p, q = (b.op(containers.get, a, key=key) for a in (left, right))
        sums.append(
            _add_parts(b, p, q, part) if isinstance(part, Struct) else b.op(arithmetic.add, p, q)
        )
    return b.op(containers.pack, *sums, kind=type_.kind, keys=type_.keys, cls=type_.cls)


def all_regions(top: Region) -> Iterator[tuple[Region, Statement | None]]:
    """Every region, with the statement that it belongs to."""
    yield top, None
    for statement in top.body:
        for inner in regions_of(statement):
            for region, owner in all_regions(inner):
                yield region, owner or statement


def _position(get: Op) -> int:
    base = get.operands[0].type
    assert isinstance(base, Struct)
    return base.keys.index(get.attrs["key"])


def _with_counter(loop: While, turns: Value) -> While:
    """The loop with a count of its turns among what it carries."""
    before, after = Value(INT, "turns"), Value(INT, "turns")
    count = Op(arithmetic.add, (before, const(1)), (after,), {}, loop.location, "compiler")
    body = Region((*loop.body.params, before), (*loop.body.body, count), (*loop.body.yields, after))
    test = loop.test
    if test is not None:
        test = Region((*test.params, Value(INT, "turns")), test.body, test.yields)
    return replace(
        loop,
        carried=(*loop.carried, const(0)),
        test=test,
        body=body,
        results=(*loop.results, turns),
    )
