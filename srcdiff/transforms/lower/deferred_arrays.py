"""Deferred arrays: an element is computed where it is used (producer inlining), or the array is materialised.

An array is materialised where it must be: it is written, returned or passed on, used by an operation without a loop
form, or an element costs more to compute again than to load. The elements of any other array are computed where they
are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Dim, dims_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import has_arrays, is_view, items
from srcdiff.ops.loopforms.element_maps import align
from srcdiff.ops.loopforms.subscripts import is_aligned, is_placed
from srcdiff.ops.shapes import reshapes
from srcdiff.transforms.analysis.cost_model import REPEATABLE, STORING, is_running, price_of_element
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, count_uses
from srcdiff.transforms.analysis.last_use import Survey, survey
from srcdiff.transforms.lower.loop_nests import Arrays, Nest, NoLoopForm, nest, store_element
from srcdiff.transforms.lower.store_regions import fits, long_axes

_REPEATERS = {"outer", "cross", "einsum"}
_RESHAPES = (reshapes.reshape, reshapes.ravel)
_MISMATCH = f"operands could not be broadcast together{INCOMPLETE}"


class DeferredArrays:
    """The state of all arrays during lowering: stored, or deferred (elements are computed where they are used).

    Attributes
    ----------
    reads : dict
        The written roots on which a deferred array depends.
    price : dict
        The cost of an element of a deferred array, in operations.
    origin : dict
        The old roots of a stored array.
    """

    def __init__(self, fn: Function, fastmath: bool) -> None:
        self.fastmath = fastmath
        self.roots = storage_roots(fn)
        self.written = written_roots(fn, self.roots)
        self.survey: Survey = survey(fn)
        self.uses = count_uses(fn)
        self.arrays = Arrays()
        self.reads: dict[Value, frozenset[Value]] = {}
        self.price: dict[Value, int] = {}
        self.origin: dict[Value, frozenset[Value]] = {}
        self.given = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.equal = frozenset(fn.lengths.assumed)
        self.depth = 0  # number of enclosing loops

    def keep(self, old: Value, new: Atom) -> None:
        """Record the new value or storage of an old value."""
        self.arrays.now[old] = new
        self.arrays.lazy.pop(old, None)
        if isinstance(new, Value) and old in self.roots:
            self.origin[new] = self.origin.get(new, frozenset()) | self.roots[old]

    def keep_results(self, s: Statement) -> None:
        for r in s.results:
            self.keep(r, r)

    def as_is(self, op: Op, b: Builder) -> None:
        """Append the operation itself, on stored arrays."""
        if op.decl is memory.add_at or _is_beyond_numba(op):
            message = "through index arrays or slices whose lengths nothing shows"
            raise NoLoopForm(
                f"{'np.add.at' if op.decl is memory.add_at else 'a subscript'} {message}"
            )
        holds = op.decl.holds or op.decl.writes or op.view_of is not None
        hold = self.stored_for_holder if holds else self.stored
        b.append(replace(op, operands=tuple(hold(a, b) for a in op.operands)))
        self.keep_results(op)

    def has_elements(self, op: Op) -> bool:
        """Whether elements of the result can be computed one by one."""
        if op.decl.element is not None or op.decl.place is not None:
            where, given = op.attrs.get("where", ""), op.operands[1:]
            return is_placed(where, given) and is_aligned(where, given, self.equal)
        if not op.decl.elementwise:
            return False
        whole = shape_of(op.result.type)
        shapes = [shape_of(a.type) for a in op.operands]
        if all(fits(s, whole, self.equal) for s in shapes):
            return True
        return not self.shows_lengths(op) and all(len(s) <= len(whole) for s in shapes)

    def even(self, op: Op, b: Builder) -> Op:
        """The operation on operands with the lengths of its result, or length 1; unknown lengths are checked."""
        whole = shape_of(op.result.type)
        if not op.decl.elementwise:
            return op
        operands = tuple(
            a
            if fits(shape_of(a.type), whole, self.equal)
            else self.stretched(a, whole, b, _MISMATCH)
            for a in op.operands
        )
        return op if operands == op.operands else replace(op, operands=operands)

    def stretched(self, array: Atom, whole: Sequence[Dim], b: Builder, message: str) -> Value:
        """An array broadcast to the lengths `whole`; lengths that may differ are checked at run time."""
        own = shape_of(array.type)
        target = whole[len(whole) - len(own) :]
        for d, length in zip(own, target, strict=True):
            if d not in (Dim(1), length):
                n = Nest(self.arrays, b, self.depth)
                lengths = [n.length(d), n.length(length)]
                n.refuse("{0} != {1} and {0} != 1", lengths, ValueError, message)
        assert isinstance(array.type, Array)
        shape = tuple(d if d == Dim(1) else t for d, t in zip(own, target, strict=True))
        result = Value(replace(array.type, shape=shape))
        op = Op(memory.stretch, (array,), (result,), {"type": result.type}, b.location, b.origin)
        self.arrays.lazy[result] = op
        self.reads[result] = self.roots_read(op)
        self.price[result] = self.price_of(op)
        return result

    def defer(self, op: Op, b: Builder) -> None:
        """Defer an array, or store it now if that is cheaper or necessary."""
        value = op.result
        is_new = op.decl.name in ALLOCATIONS and op.decl.name not in ("copy", "expand")
        if is_new and self.is_storage(value):
            return self.as_is(op, b)
        if self.shows_lengths(op):
            if op.decl is not memory.index:
                return self.as_is(op, b)
            views = {
                a: v for a, v in self.arrays.lazy.items() if a in op.operands and v.view_of == 0
            }
            operands = tuple(self.stored(a, b) for a in op.operands)
            # only its lengths are used
            b.append(replace(op, operands=operands, results=(replace(value),)))
            self.defer_again(views)
        if self.arrays.calls and self.divides_in_iterations(op):
            return self.as_is(op, b)
        self.settle_repeated(op, b)
        self.arrays.lazy[value] = op
        self.reads[value] = self.roots_read(op)
        self.price[value] = self.price_of(op)
        if self.has_to_be_stored(op):
            self.force(value, b)
        return None

    def price_of(self, op: Op) -> int:
        """The cost of computing an element of the result at its use."""
        if self.fastmath and is_running(op, self.arrays.lazy):
            return 1
        operands = (a for a in op.operands if isinstance(a, Value))
        return price_of_element(op) + sum(self.price.get(a, 0) for a in operands)

    def defer_again(self, before: Mapping[Value, Op]) -> None:
        """Defer arrays again that were stored within a region, since the storage does not exist after it."""
        for value, op in before.items():
            if value not in self.arrays.lazy:
                self.arrays.lazy[value] = op
                self.arrays.now.pop(value, None)
                self.price[value] = self.price_of(op)

    def shows_lengths(self, op: Op) -> bool:
        """Whether the result has lengths that nothing else shows, so that it has to exist."""
        if op.decl.lengths_from is not None:
            return False
        shown = {d for a in op.operands for d in dims_of(a.type)}
        own = (d for d in shape_of(op.result.type) if d not in shown)
        return any(not d.symbols() <= self.given for d in own)

    def divides_in_iterations(self, op: Op) -> bool:
        """Whether later loops would divide indices to find elements of a reshaped array; a view needs no division."""
        if op.decl not in _RESHAPES or op.result not in self.survey.deep:
            return False
        old, new = (
            [d for d in shape_of(v.type) if d != Dim(1)] for v in (op.operands[0], op.result)
        )
        return len(old) > 1 and old != new

    def settle_repeated(self, op: Op, b: Builder) -> None:
        """Store operands of which each element is used several times."""
        shape = shape_of(op.result.type)
        for a in op.operands:
            if isinstance(a, Value) and self.price.get(a, 0) > REPEATABLE and a in self.arrays.lazy:
                repeats = op.decl.elementwise and len(long_axes(shape_of(a.type))) < len(
                    long_axes(shape)
                )
                if repeats or op.decl.name in _REPEATERS:
                    self.force(a, b)

    def roots_read(self, op: Op) -> frozenset[Value]:
        """The written roots on whose contents a deferred array depends; a view depends on no contents."""
        found: set[Value] = set()
        for k, a in enumerate(op.operands):
            if not isinstance(a, Value) or not isinstance(a.type, Array):
                continue
            maker = self.arrays.lazy.get(a)
            if maker is not None:  # the base of a view may be deferred itself
                found |= self.reads[a]
            if op.view_of != k and (maker is None or maker.view_of is not None):
                found |= self.roots.get(a, frozenset())
        return frozenset(found & self.written)

    def is_storage(self, value: Value) -> bool:
        """Whether an array is written, or escapes."""
        return value in self.survey.held or not self.written.isdisjoint({value})

    def has_to_be_stored(self, op: Op) -> bool:
        value = op.result
        if op.view_of is not None:
            return False
        if op.decl is memory.read:
            return False
        if self.is_storage(value):
            return True
        if self.price[value] <= 0:
            return False
        if value in self.survey.deep:
            return True
        return (self.uses.get(value, 0) - 1) * self.price[value] > STORING

    def force(self, value: Value, b: Builder) -> Value:
        """Compute an array whole, into storage of its own."""
        type_ = value.type
        assert isinstance(type_, Array)
        found = b.op(memory.empty_of, type=type_, name=value.name, user=value.user)
        self.fill(found, value, b)
        self.keep(value, found)
        self.price[value] = 0
        return found

    def fill(self, target: Value, value: Atom, b: Builder) -> None:
        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            n = Nest(self.arrays, b)
            store_element(b, target, n.element(value, align(shape_of(value.type), at)), at)
            return ()

        nest(b, shape_of(target.type), (), body, depth=self.depth)

    def stored(self, atom: Atom, b: Builder) -> Atom:
        """The stored array for an operation that takes whole arrays."""
        if isinstance(atom, Const) or atom not in self.arrays.lazy:
            return self.arrays.get(atom)
        op = self.arrays.lazy[atom]
        if op.decl is memory.read:
            if self.is_copied(op.operands[0]):
                return self.force(atom, b)
            found = self.stored(op.operands[0], b)
            if self.reads[atom]:
                return found  # not recorded: the contents may change before the next use
        elif op.decl.read_only:  # NumPy has views here, compiled code has copies
            if self.reads[atom] and not self.is_of_a_value(atom):
                raise NoLoopForm(f"a view made by {op.decl.name} of an array that is written")
            return self.force(atom, b)
        elif op.view_of is not None:
            operands = tuple(self.stored(a, b) for a in op.operands)
            if self.sees_contents(atom):
                b.append(replace(op, operands=operands, results=(replace(op.result),)))
                return b.body[-1].results[0]  # not recorded, as above
            found = replace(op.result)  # each region makes its own view
            b.append(replace(op, operands=operands, results=(found,)))
        else:
            return self.force(atom, b)
        self.keep(atom, found)
        return found

    def sees_contents(self, atom: Atom) -> bool:
        """Whether a deferred array is the contents of written storage, or a view of them."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is None:
            return False
        if op.decl is memory.read:
            return bool(self.reads[op.result])
        return op.view_of is not None and self.sees_contents(op.operands[op.view_of])

    def is_of_a_value(self, atom: Atom) -> bool:
        """Whether a deferred array is a value or a view of a value, not a place in storage."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is None:
            return False
        is_made = op.decl is memory.read or op.view_of is None
        return is_made or self.is_of_a_value(op.operands[op.view_of or 0])

    def is_copied(self, atom: Atom) -> bool:
        """Whether an array is accessed through a view that is a copy in compiled code."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is None or op.view_of is None:
            return False
        return op.decl.read_only or self.is_copied(op.operands[op.view_of])

    def yielded(self, atom: Atom, own: set[Value], b: Builder) -> Atom:
        """The stored array for a yield. The contents of storage of the region itself do not change any more."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is not None and op.decl is memory.read:
            base = op.operands[0]
            if isinstance(base, Value) and base in own and self.roots[base] <= own:
                return self.stored(atom, b)
        return self.stored_for_holder(atom, b)

    def stored_for_holder(self, atom: Atom, b: Builder) -> Atom:
        """The stored array for a holder; contents of written storage are copied."""
        if isinstance(atom, Value) and self.sees_contents(atom):
            return self.force(atom, b)
        return self.stored(atom, b)


def _is_beyond_numba(op: Op) -> bool:
    """Whether a subscript has more than one index array with one axis; Numba supports no others."""
    where = op.attrs.get("where", "")
    if is_view(where):
        return False
    is_single = sum(has_arrays([item]) for item in items(where)) == 1 and "i" not in items(where)
    given = op.operands[2 if op.decl.writes else 1 :]
    return not is_single or any(len(shape_of(a.type)) > 1 for a in given)
