"""The state of one reversal: which values have adjoints, where the adjoints are, and contributions to them.

The adjoint of a value that is never written is a value, collected in the `Scope` of a region. The adjoint of written
storage is a buffer, which is opened once for all names of the storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.errors import UntypedError
from srcdiff.ir.core import For, Function, If, Op, OpDecl, Region, Statement, While
from srcdiff.ir.types import Array, List, Scalar, Struct, Type, is_float, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.control.adjoint_hooks import adjoint_block
from srcdiff.transforms.ad.adjoints.accumulate import Scope, adjoint_type, crossed, hint, whole
from srcdiff.transforms.ad.adjoints.primal_refs import ForwardPart
from srcdiff.transforms.ad.adjoints.selected import Masks, fits
from srcdiff.transforms.ad.adjoints.struct_adjoints import add_lists
from srcdiff.transforms.ad.adjoints.unbroadcast import Fitting
from srcdiff.transforms.ad.containers.list_items import own_items
from srcdiff.transforms.ad.containers.nested_lists import inner_item, is_changed, keeps_place, stays
from srcdiff.transforms.analysis.dependence.aliased_writes import (
    is_of_its_iteration,
    is_written_next_iteration,
)
from srcdiff.transforms.simplify.constants import zero, zeros

# rules(decl, operand types, attrs, result types, d_out types): the rule as IR; params are operands, results, d_outs
Rules = Callable[
    [OpDecl, Sequence[Type], Mapping[str, object], Sequence[Type], Sequence[Type | None]], Function
]


@dataclass
class Reversal:
    """The state of one reversal: facts about the function, and the stand-ins for parts of structures so far."""

    rules: Rules
    active: frozenset[Value]
    buffers: frozenset[Value]
    forward: ForwardPart
    fitting: Fitting
    by_element: Mapping[Atom, For]
    guarded: frozenset[Value] = frozenset()  # a guard may leave them out (`guards.py`)
    # of kernels: whether the iterations of a loop are run again in front of their adjoints
    runs_again: Callable[[Reversal, For | While], bool] = lambda r, loop: False
    split: dict[Value, tuple[Value, ...]] = field(default_factory=dict)  # struct -> its parts
    # part, which no statement makes -> its structure, and its key there
    stand_ins: dict[Value, tuple[Value, Any]] = field(default_factory=dict)

    # ---- which values have adjoints ---------------------------------------------------------------

    def parts(self, value: Value) -> tuple[Value, ...]:
        """Stand-ins for the parts of a structure, so that each part has an adjoint of its own."""
        if value not in self.split:
            assert isinstance(value.type, Struct)
            named = [
                f"{value.name}_{k}" if value.name else str(k) if isinstance(k, str) else ""
                for k in value.type.keys
            ]
            made = tuple(Value(t, n) for t, n in zip(value.type.parts, named, strict=True))
            self.split[value] = made
            for p, k in zip(made, value.type.keys, strict=True):
                self.stand_ins[p] = value, k
                self.forward.home[p] = self.forward.home[value]
            if self.is_active(value):
                self.active |= frozenset(p for p in made if is_float(p.type))
        return self.split[value]

    def is_active(self, atom: Atom) -> bool:
        return atom in self.active

    def active_ones(self, atoms: Iterable[Atom]) -> list[Value]:
        return [a for a in atoms if isinstance(a, Value) and a in self.active]

    def is_buffer_view(self, op: Op) -> bool:
        """Whether an operation gives another name to written storage."""
        return op.view_of is not None and any(v in self.buffers for v in op.results)

    # ---- contributions ----------------------------------------------------------------------------

    def contribute(
        self,
        target: Atom,
        amount: Atom,
        scope: Scope,
        full: Type | Value | None = None,
        masks: Masks = (),
        is_linear: bool = False,
    ) -> None:
        """Add a contribution to the adjoint of a value. If the value was broadcast, `full` is the type or value whose
        shape the contribution has. The rule has not applied `masks` yet.
        """
        if not isinstance(target, Value) or target not in self.active:
            return
        if isinstance(target.type, Struct):
            self.contribute_parts(target, amount, scope)
            return
        if isinstance(target.type, List):
            self.contribute_list(target, amount, scope)
            return
        select = scope.selections.select
        if not all(fits(mask, shape_of(target.type)) for mask in masks):
            amount, masks = select(scope.b, amount, masks, is_linear), ()
        amount = self.fitting.fitted(target, amount, full or target.type, scope)
        amount = select(scope.b, amount, masks, is_linear)
        if full is not None and target not in self.buffers:
            amount = self.fitting.surely_whole(target, amount, scope)
        if target in self.buffers:
            amount = crossed(scope.b, amount, target.type)
            scope.b.ops(memory.add_into, self.open(target, scope), amount, where="")
        else:
            scope.add(target, amount)

    def contribute_parts(self, target: Value, amount: Atom, scope: Scope) -> None:
        assert isinstance(target.type, Struct)
        for key, part in zip(target.type.keys, self.parts(target), strict=True):
            if part in self.active:
                self.contribute(part, scope.b.op(containers.get, amount, key=key), scope)

    def contribute_list(self, target: Value, amount: Atom, scope: Scope) -> None:
        """Add a list to the adjoint of a list, item by item."""
        assert isinstance(target.type, List)
        element = target.type.element
        buffer = self.open(target, scope) if self.is_on_list(target) else scope.buffer(target)
        if buffer is None:
            scope.buffers[target] = own_items(scope.b, target, amount, self.forward.program)
            return
        add_lists(scope.b, buffer, amount, element)

    def take(self, value: Value, scope: Scope) -> Atom | None:
        """The collected adjoint of a value, which is removed from the scope; None if there is no contribution."""
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
        """The collected adjoint at the full size of its value; zeros if there is no contribution."""
        taken = self.take(value, scope)
        if taken is None:
            return self.zeros(value, scope)
        return whole(scope.b, taken, adjoint_type(value.type))

    def zeros(self, value: Value, scope: Scope) -> Atom:
        type_ = adjoint_type(value.type)
        if isinstance(type_, Scalar):
            return zero(type_)
        if isinstance(type_, Array):
            if all(self.forward.is_known(d) for d in type_.shape) or value in self.stand_ins:
                return zeros(scope.b, type_, hint(value))
            return self.zeros_like(value, value, scope)
        if isinstance(type_, Struct):
            found = [self.zeros(p, scope) for p in self.parts(value)]
            return scope.b.op(
                containers.pack, *found, kind=type_.kind, keys=type_.keys, cls=type_.cls
            )
        if isinstance(type_, List):
            return self.zeros_like(value, value, scope)
        return const(None)

    def zeros_like(self, value: Value, here: Atom, scope: Scope) -> Atom:
        """Zeros with the lengths of a forward value. On a path that does not bind the value's name, there are no
        lengths, and nothing is added to the zeros: they are undefined. `here` is the forward value on this path.
        """
        type_ = adjoint_type(value.type)
        program = self.forward.program
        maker = program.maker.get(here)
        if isinstance(maker, Op) and maker.decl is control.undefined:
            return scope.b.op(control.undefined, type=type_)
        if isinstance(maker, If) and isinstance(here, Value) and program.is_left_out(here):
            regions = []
            for region in (maker.then, maker.orelse):
                inner = scope.inner(Region((), (), ()))  # not the mirror of the branch
                found = self.zeros_like(value, region.yields[maker.results.index(here)], inner)
                regions.append(inner.finish((), (found,)))
            result = Value(type_, hint(value))
            condition = self.forward.primal(maker.condition, scope)
            location = scope.b.location
            scope.b.append(If(condition, regions[0], regions[1], (result,), location, "adjoint"))
            return result
        unbound = value in self.forward.uncertain
        if unbound and isinstance(type_, Array) and self.forward.is_like_yielded(value):
            return zeros(scope.b, type_, hint(value))
        like = self.primal(value, scope)
        if isinstance(type_, List):
            return scope.b.op(
                memory.zeros_like_list, like, name=hint(value), type=type_, unbound=unbound
            )
        if unbound:
            return scope.b.op(memory.zeros_like, like, name=hint(value), unbound=True)
        return scope.b.op(memory.zeros_like, like, name=hint(value))

    def primal(self, value: Value, scope: Scope) -> Atom:
        """A forward value in the backward part; a stand-in is taken out of its structure."""
        if value not in self.stand_ins:
            return self.forward.primal(value, scope)
        base, key = self.stand_ins[value]
        return scope.b.op(containers.get, self.primal(base, scope), key=key)

    # ---- adjoint buffers ----------------------------------------------------------------------------

    def bind(self, value: Value, d: Atom, scope: Scope, there: Statement) -> None:
        """Make `d` the adjoint buffer of a value that the branch or loop `there` passes on.

        If the storage has a buffer by another name already, `d` is added to that buffer. This is exact only if nothing
        writes the storage while it has two names.
        """
        base = self.forward.base(value)
        maker = self.forward.maker.get(base)
        is_part = isinstance(maker, Op) and maker.view_of is not None  # of a list or struct
        if scope.buffer(base) is None and base is value and not is_part:
            scope.buffers[value] = d
            return
        after = is_part and isinstance(there, If)  # the result of a branch is a name only after it
        has_two = is_part or scope.buffer(base) is not None
        if has_two and self.is_written_with_two_names(there, value, after):
            raise UntypedError(
                "an array that is written has two names where a loop or branch passes it on",
                "Use one name for the array, or copy it where the second name is bound (`u = v.copy()`).",
                there.location,
            )
        scope.b.ops(memory.add_into, self.open(value, scope), d, where="")

    def is_written_with_two_names(self, there: Statement, value: Value, after: bool) -> bool:
        program = self.forward.program
        own = lambda root, write: is_of_its_iteration(there, root, write, program)
        return program.is_written_from(there, value, after, own) or is_written_next_iteration(
            there, value, program
        )

    def check_names(self, value: Value, scope: Scope, there: Statement) -> None:
        """Refuse a list that a branch passes on if the list has a buffer by another name, and is written later."""
        if (
            isinstance(value.type, List)
            and scope.buffer(value) is not None
            and self.is_written_with_two_names(there, value, after=False)
        ):
            raise UntypedError(
                "a list that is changed has two names where a branch passes it on",
                "Use one name for the list, or copy it where the second name is bound (`ys = list(xs)`).",
                there.location,
            )

    def is_on_list(self, value: Value) -> bool:
        """Whether a value is an item of a list of lists, so that its adjoint is an item of the outer list's adjoint."""
        item = inner_item(value, self.forward.program)
        if item is None or value in self.by_element or item.operands[0] in self.by_element:
            return False
        if stays(item, self.forward.program):
            return True
        if is_changed(value, self.forward.program):
            raise UntypedError(
                "a list of lists changes while one of its lists is in use",
                "Take the inner list again after the change.",
                item.location,
            )
        return False

    def refuse_later_writes(self, value: Atom, op: Op, scope: Scope) -> None:
        """Refuse to put an array or list into a container if it is written afterwards: both names would show the
        change. An array that was made for the container, and is used by no other name afterwards, may be written.
        """
        if (
            isinstance(value, Value)
            and (value in self.buffers or isinstance(value.type, List))
            and not (_is_new(self.forward.maker.get(value)) and scope.buffer(value) is None)
            and self.forward.program.is_written_after(op, value, self.forward.base(value))
        ):
            raise UntypedError(
                f"{'a list' if isinstance(value.type, List) else 'an array'} is written after it was put into a list "
                "or another container",
                "Put it there when it is complete, or put a copy there (`xs.append(x.copy())`).",
                op.location,
            )

    def open(self, value: Value, scope: Scope) -> Atom:
        """The adjoint buffer of a value; it is made if there is none yet."""
        found = scope.buffer(value)
        if found is not None:
            return found
        maker = self.forward.maker.get(value)
        made: Atom
        if isinstance(maker, Op) and maker.decl is adjoint_block and value in self.buffers:
            made = self.open(maker.operands[0], scope)  # type: ignore[arg-type]
        elif isinstance(value.type, List) and not self.is_on_list(value):
            made = self.zeros(value, scope)
        elif isinstance(value.type, List):
            assert isinstance(maker, Op)
            made = self.open_view(maker, value, scope)
        elif value in self.buffers and isinstance(maker, Op) and maker.view_of is not None:
            made = self.open_view(maker, value, scope)
        elif value in self.buffers and isinstance(maker, If):
            made = self.open_choice(maker, value, scope)
        else:
            return scope.open_buffer(value)
        scope.buffers[value] = made
        return made

    def open_view(self, view: Op, value: Value, scope: Scope) -> Atom:
        """The adjoint buffer of a view: the same view of the buffer of its base."""
        assert view.view_of is not None
        base = view.operands[view.view_of]
        assert isinstance(base, Value)
        if isinstance(base.type, Struct):
            k = _position(view) if "key" in view.attrs else view.results.index(value)
            return self.open(self.parts(base)[k], scope)
        if isinstance(base.type, List) and not keeps_place(view, value, self.forward.program):
            raise UntypedError(
                "an array that was taken from a list is used after others were put there or taken off, and arrays on "
                "the list are written",
                "Take a copy of it (`x = xs[k].copy()`), or take it again after the change.",
                view.location,
            )
        d_base = self.open(base, scope)
        operands = [
            d_base if k == view.view_of else self.forward.primal(a, scope)
            for k, a in enumerate(view.operands)
        ]
        results = tuple(
            Value(adjoint_type(r.type) if isinstance(r.type, List) else r.type, hint(r))
            for r in view.results
        )
        scope.b.append(replace(view, operands=tuple(operands), results=results, origin="adjoint"))
        return results[view.results.index(value)]

    def open_choice(self, branch: If, value: Value, scope: Scope) -> Atom:
        """The adjoint buffer of `a if c else b`: `d_a if c else d_b`, if `a` or `b` is storage from outside."""
        k = branch.results.index(value)
        halves = [(region, region.yields[k]) for region in (branch.then, branch.orelse)]
        outside = [
            y for region, y in halves if self.forward.is_from_outside(y, region, self.buffers)
        ]
        if not outside or any(
            y not in outside and self.forward.reaches_out(y, region, self.buffers)
            for region, y in halves
        ):
            return self.zeros(value, scope)
        for base in dict.fromkeys(
            b for region, y in halves for b in self.forward.from_outside(y, region, self.buffers)
        ):
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
        condition = self.forward.primal(branch.condition, scope)
        scope.b.append(If(condition, regions[0], regions[1], (result,), branch.location, "adjoint"))
        return result


def _is_new(made: Statement | None) -> bool:
    return isinstance(made, Op) and made.view_of is None and not made.decl.writes


def _position(get: Op) -> int:
    base = get.operands[0].type
    assert isinstance(base, Struct)
    return base.keys.index(get.attrs["key"])
