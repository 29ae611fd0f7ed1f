"""Scalarisation: array operations become loops over scalars, the loop form.

    %0 = multiply %x, %y             %s = for 0, %n with 0.0 {
    %s = sum %0              becomes   (%i, %s.1) -> yield add %s.1, (multiply (index %x, %i), (index %y, %i))

An array is materialised where it must be: it is written, returned or passed on, used by an operation without a loop
form, or an element costs more to compute again than to load. The elements of any other array are computed where they
are used; a value that reads storage is computed before that storage is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.alias import writes_of
from srcdiff.ir.build import Builder, axes_of_arrays, lengths_of, range_of
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.dims import Range, Shapes
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory, reductions, sizes
from srcdiff.ops.control import control
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.index_patterns import elements_of, is_view
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.ops.loopforms.element_maps import align
from srcdiff.ops.loopforms.subscripts import subscripted
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.cost_model import REPEATABLE, STORING
from srcdiff.transforms.lower.bounds_checks import BoundsChecks
from srcdiff.transforms.lower.deferred_arrays import DeferredArrays
from srcdiff.transforms.lower.loop_nests import (
    Nest,
    NoLoopForm,
    add_element,
    beside_narrow,
    nest,
    store_element,
    type_named,
)
from srcdiff.transforms.lower.materialise_dims import size_of_call
from srcdiff.transforms.lower.reduction_loops import named, reduction_loops
from srcdiff.transforms.lower.reductions import Reduction, reduction_of
from srcdiff.transforms.lower.store_regions import differing, open_axes, target_shape

_OF_LENGTHS = frozenset({
    "broadcast_to", "empty", "eye", "full", "linspace", "ones", "repeat", "tile", "tri", "zeros",
})  # fmt: skip
_SMALL = 1024  # multiplications up to which loops are faster than a call of BLAS
_COORDINATES = 4  # axes up to this length are unrolled (`schedule/unroll.py`)


def scalarise(
    fn: Function, lengths: Mapping[str, int], calls: bool = True, fastmath: bool = True
) -> Function:
    """`fn` with loops for its array operations.

    lengths : the lengths of the given arguments; they determine which products are small.
    calls : whether NumPy may be called; otherwise all products are loops.
    fastmath : whether sums may be reordered, and powers may become running products.

    Raises
    ------
    NoLoopForm
        If an operation has neither a loop form nor a call of NumPy.
    """
    return _Scalarise(fn, lengths, calls, fastmath).function(fn)


class _Scalarise(DeferredArrays):
    def __init__(
        self, fn: Function, lengths: Mapping[str, int], calls: bool, fastmath: bool
    ) -> None:
        super().__init__(fn, fastmath)
        self.lengths = lengths
        self.calls = self.arrays.calls = calls
        self.checks = BoundsChecks(self.arrays.get, self.check_each)

    def function(self, fn: Function) -> Function:
        shapes = lengths_of(fn)
        shapes.axes = axes_of_arrays(fn)
        b = Builder(shapes, "compiler", fn.location)
        return fn.with_body(self.region(fn.body, b))

    def region(
        self, old: Region, b: Builder, loop: For | None = None, branch: object = None
    ) -> Region:
        with self.checks.region(loop, branch):
            return self.entered(old, b)

    def entered(self, old: Region, b: Builder) -> Region:
        deferred, equal = dict(self.arrays.lazy), self.equal
        for p in old.params:
            self.keep(p, p)
        for statement in old.body:
            b.location, b.origin = statement.location, statement.origin
            self.statement(statement, b)
        own = {r for s in old.body for r in s.results}
        yields = tuple(self.yielded(y, own, b) for y in old.yields)
        self.equal = equal
        self.defer_again(deferred)
        return b.region(old.params, yields)

    # ---- statements ----

    def statement(self, s: Statement, b: Builder) -> None:
        self.settle_before(s, b)
        match s:
            case Op():
                self.operation(s, b)
            case Call():
                b.append(replace(s, operands=tuple(self.stored(a, b) for a in s.operands)))
                self.keep_results(s)
            case If():
                condition = self.arrays.get(s.condition)
                regions = [
                    self.region(r, b.inner(), branch=(condition, k))
                    for k, r in enumerate(regions_of(s))
                ]
                b.append(replace(s, condition=condition, then=regions[0], orelse=regions[1]))
                self.keep_results(s)
            case For():
                self.depth += 1
                start, stop, step, *carried = (self.stored_for_holder(a, b) for a in s.operands)
                b.shapes.note_ranges(range_of(s.index, s.start, s.stop, s.step))
                body = self.region(s.body, b.inner(), loop=s)
                b.append(
                    replace(s, start=start, stop=stop, step=step, carried=tuple(carried), body=body)
                )
                self.depth -= 1
                if s.breaks:
                    b.shapes.note_ranges(_iterations_of(s, b.shapes))
                self.keep_results(s)
            case While():
                held = tuple(self.stored_for_holder(a, b) for a in s.carried)
                test = None if s.test is None else self.region(s.test, b.inner())
                body = self.region(s.body, b.inner())
                b.append(replace(s, carried=held, test=test, body=body))
                self.keep_results(s)

    def settle_before(self, s: Statement, b: Builder) -> None:
        """Store deferred arrays that read storage which `s` writes, if `s` or a later statement uses them."""
        writes = writes_of(s, self.roots)
        if not writes:
            return
        number = self.survey.number[s]
        for value in list(self.arrays.lazy):
            last = self.survey.last.get(value, 0)
            own = isinstance(s, Op) and last == number  # `write` handles its own operands
            if (
                value in self.arrays.lazy
                and last >= number
                and not own
                and self.reads[value] & writes
            ):
                self.force(value, b)

    def operation(self, op: Op, b: Builder) -> None:
        self.checks.before(op, b)
        self.checks.note(op)
        atoms = (*op.operands, *op.results)
        if op.decl is control.undefined:
            self.as_is(replace(op, attrs={**op.attrs, "typed": True}), b)
        elif not any(isinstance(a.type, Array) for a in atoms):
            self.as_is(_without_methods(op), b)
        elif op.decl.writes and isinstance(op.operands[0].type, Array):
            self.write(op, b)
        elif op.decl.loops is not None and self.by_its_loops(op, b):
            pass
        elif not all(isinstance(a.type, Array | Scalar) for a in atoms) or len(op.results) != 1:
            self.as_is(op, b)
        elif isinstance(op.result.type, Scalar) and op.decl.place is not None:
            self.pick(op, b)
        elif isinstance(op.result.type, Scalar) and op.decl.elementwise:  # on arrays without axes
            self.keep(op.result, Nest(self.arrays, b).elementwise(op, ()))
        elif op.decl is memory.axis_length or (
            op.decl.shape_of and isinstance(op.result.type, Scalar)
        ):
            self.need_length(op, b)
        elif (found := reduction_of(op, self)) is not None:
            self.reduce(op, found, b)
        elif self.has_elements(op):
            if op.origin == "user" and op.decl.name in _OF_LENGTHS:
                self.check_lengths(op, b)
            self.defer(self.even(op, b), b)
        else:
            self.as_is(op, b)

    def by_its_loops(self, op: Op, b: Builder) -> bool:
        """Append the loops that an operation's declaration builds itself; whether it does."""
        assert op.decl.loops is not None
        if op.decl.read_only and not self.written.isdisjoint(self.roots.get(op.result, ())):
            return False  # later writes are visible through the view
        reads_repeatedly = op.decl.cost == "heavy" and not op.decl.reads_once
        for a in op.operands:
            if isinstance(a, Value) and reads_repeatedly and self.price.get(a, 0) > 0:
                self.force(a, b)
        found = op.decl.loops(Nest(self.arrays, b, self.depth, beside_narrow(op)), op)
        if found is None:
            return False
        several = found if isinstance(found, tuple) else (found,)
        for result, each in zip(op.results, several, strict=True):
            self.keep(result, named(each, result, b))
        return True

    def check_each(self, b: Builder, indices: Atom, check: Callable[[Builder, Atom], None]) -> None:
        """A loop that checks each element of an array of indices."""

        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            check(b, Nest(self.arrays, b).element(indices, at))
            return ()

        nest(b, shape_of(indices.type), (), body, depth=self.depth)

    def check_lengths(self, op: Op, b: Builder) -> None:
        """Append checks of negative lengths: NumPy raises, and a loop would have no iteration."""
        n = Nest(self.arrays, b)
        is_of_counts = op.decl.name in ("repeat", "tile")
        counts = [known_dim(a) for a in op.operands[1:]]
        for d in counts if is_of_counts else shape_of(op.result.type):
            if d is not None and not b.shapes.is_at_least_zero(d):
                text = "negative dimensions are not allowed"
                n.refuse("{0} < 0", [n.length(d)], ValueError, text)

    def need_length(self, op: Op, b: Builder) -> None:
        type_ = op.result.type
        base = op.operands[0]
        assert isinstance(type_, Scalar)
        is_shown = type_.expr is not None and type_.expr.symbols() <= self.given
        if base not in self.arrays.lazy and not (is_shown and op.decl is reductions.count):
            return self.as_is(op, b)
        shape = shape_of(base.type)
        if op.decl in (sizes.size, reductions.count) and not is_shown:
            axes = axes_of(len(shape), op.attrs.get("axis"))
            found = self.number_of_elements(op.result, [shape[k] for k in axes], b)
        elif type_.expr is None:
            return self.as_is(op, b)
        else:
            found = length_of(b, type_.expr)
        self.keep(op.result, found)
        return None

    def number_of_elements(self, result: Value, shape: Sequence[Dim], b: Builder) -> Atom:
        """The product of lengths under the old value `result`, in whose symbol other lengths may be expressed."""
        first, *rest = (length_of(b, d) for d in shape)
        for length in rest[:-1]:
            first = b.op(arithmetic.multiply, first, length)
        if not rest:
            return first
        b.append(Op(arithmetic.multiply, (first, rest[-1]), (result,), {}, b.location, b.origin))
        return result

    # ---- elements, stores, reductions ----

    def pick(self, op: Op, b: Builder) -> None:
        """Lower a subscript or view that is one element."""
        n = Nest(self.arrays, b)
        at = op.decl.place(n, op, ()) if op.decl.place else ()
        try:
            array, place = n.place(op.operands[0], at)
        except NoLoopForm:
            self.keep(op.result, n.element(op.operands[0], at))
            return
        operands, attrs = (array, *place), {"where": elements_of(place)}
        b.append(replace(op, decl=memory.index, operands=operands, attrs=attrs, spelling=""))
        self.keep(op.result, op.result)

    def write(self, op: Op, b: Builder) -> None:
        """Lower `x[...] = v` and `x[...] += v` to loops."""
        shape = target_shape(op, b.shapes)
        self.compare_part(op, b)
        value = None if shape is None else self.fitting(op, shape, b)
        if shape is None or value is None:
            self.as_is(op, b)
            return
        op = replace(op, operands=(op.operands[0], value, *op.operands[2:]))
        mark = len(b.body)
        if self.try_write(op, shape, b):
            return
        del b.body[mark:]
        assert isinstance(value, Value)
        self.force(value, b)
        if not self.try_write(op, shape, b):
            name = getattr(op.operands[0], "name", "")
            raise NoLoopForm(f"a write into {name} that reads it")

    def compare_part(self, op: Op, b: Builder) -> None:
        """Append checks that a slice has the lengths of the value that is written into it."""
        axes = open_axes(op, b.shapes) if op.decl in (memory.store, memory.add_into) else []
        if not axes:
            return
        array, *bounds = (self.stored_for_holder(a, b) for a in (op.operands[0], *op.operands[2:]))
        part = b.op(memory.index, array, *bounds, where=op.attrs["where"])
        n = Nest(self.arrays, b)
        for axis, d in axes:
            is_one = "" if b.shapes.not_one(d) else " and {1} != 1"
            lengths = [b.op(memory.axis_length, part, axis=axis), n.length(d)]
            n.refuse("{0} != {1}" + is_one, lengths, ValueError, _shape_message(op))

    def fitting(self, op: Op, shape: Sequence[Dim], b: Builder) -> Atom | None:
        """The written value, broadcast to the region; checks compare lengths that have to be equal."""
        value = op.operands[1]
        open_pairs = differing(shape_of(value.type), shape, self.equal)
        if open_pairs is None:
            return None
        if not all(b.shapes.not_one(d) for d, _ in open_pairs):
            return self.stretched(value, shape, b, _shape_message(op))
        n = Nest(self.arrays, b)
        for d, t in open_pairs:
            n.refuse("{0} != {1}", [n.length(d), n.length(t)], ValueError, _shape_message(op))
        self.equal |= {*open_pairs}
        return value

    def try_write(self, op: Op, shape: Sequence[Dim], b: Builder) -> bool:
        """Append the loops of a write; whether they read no element that they have overwritten."""
        target, value = op.operands[0], op.operands[1]
        writes = writes_of(op, self.roots)
        is_safe = True
        is_once = is_view(op.attrs["where"]) or bool(op.attrs.get("distinct"))

        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            nonlocal is_safe
            n = Nest(self.arrays, b)
            element = n.element(value, align(shape_of(value.type), at))
            inside = subscripted(n, target, op.attrs["where"], op.operands[2:], at)
            array, place = n.place(target, inside)
            for s in b.body:
                if (
                    isinstance(s, Op)
                    and s.decl is memory.index
                    and self.is_shared(s.operands[0], writes)
                ):
                    same = s.operands[0] is array and s.operands[1:] == tuple(place)
                    is_safe = is_safe and same and is_once
            (store_element if op.decl is memory.store else add_element)(b, array, element, place)
            return ()

        nest(b, shape, (), body, depth=self.depth)
        return is_safe or not isinstance(value, Value) or value not in self.arrays.lazy

    def is_shared(self, atom: Atom, roots: frozenset[Value]) -> bool:
        return isinstance(atom, Value) and not roots.isdisjoint(self.origin.get(atom, frozenset()))

    def reduce(self, op: Op, r: Reduction, b: Builder) -> None:
        deferred = [a for a in op.operands if isinstance(a, Value) and a in self.arrays.lazy]
        for a in deferred:
            if a in self.arrays.lazy and self.price[a] > REPEATABLE and r.repeats(a):
                self.force(a, b)
        self.keep(op.result, reduction_loops(r, self.arrays, self.depth, b))

    def in_loops(self, op: Op, shape: Sequence[Dim]) -> bool:
        """Whether a product over these lengths is faster as loops: it is small, has two short axes, or uses each
        element of a deferred matrix once.
        """
        if not self.calls:
            return True
        if len(shape) == 3 and _is_short(shape[1]) and any(map(_is_short, shape[::2])):
            return True
        count = size_of_call(shape, self.lengths)
        if count is not None and count <= _SMALL:
            return True
        matrices = [a for a in op.operands if isinstance(a, Value) and len(shape_of(a.type)) == 2]
        prices = [self.price.get(a, 0) for a in matrices]
        return self.fastmath and len(shape) == 2 and any(0 < p <= STORING for p in prices)

    def is_transposed(self, array: Atom) -> bool:
        if not isinstance(array, Value) or not self.price.get(array):
            return False
        return self.arrays.lazy[array].decl is permutations.transpose


def _is_short(d: Dim) -> bool:
    return d.is_const and d.const <= _COORDINATES


def _iterations_of(loop: For, known: Shapes) -> dict[str, Range]:
    """The range of the trip count of a loop with an early exit, by its symbol: at most the count without the exit."""
    first, end, iterations = (known_dim(a) for a in (loop.start, loop.stop, loop.results[0]))
    if first is None or end is None or iterations is None or loop.step != const(1):
        return {}
    most, symbol = end - first, iterations.symbol
    return {symbol: (Dim(0), most)} if symbol and known.is_at_least_zero(most) else {}


def _without_methods(op: Op) -> Op:
    """A conversion of a number as a call, since Numba's numbers have no `astype`."""
    if op.decl is not conversions.astype or op.spelling.startswith("np."):
        return op
    return replace(op, spelling=f"np.{type_named(op.attrs['dtype'])}")


def _shape_message(op: Op) -> str:
    where = f" (line {op.location.line})" if op.location is not None else ""
    return f"a value does not have the shape of the part that is written{where}{INCOMPLETE}"
