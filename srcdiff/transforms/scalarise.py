"""Array operations as loops over scalars: the loop form.

    %0 = multiply %x, %y             %s = for 0, %n with 0.0 {
    %s = sum %0              becomes   (%i, %s.1) -> yield add %s.1, (multiply (index %x, %i), (index %y, %i))

An array is stored where it has to be: written, handed on, asked for by what has no loop form, or worth more than what
it costs to compute an element again. Any other is computed where its elements are asked for. What reads storage is
computed before that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import storage_roots, writes_of, written_roots
from srcdiff.ir.build import Builder, lengths_of
from srcdiff.ir.core import (
    Atom,
    Call,
    Const,
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    Value,
    While,
    regions_of,
)
from srcdiff.ir.shapes import ShapeMismatch, Shapes
from srcdiff.ir.types import Array, Dim, Scalar, dims_of, element_type, shape_of
from srcdiff.ops import control, memory
from srcdiff.ops.building import length_of
from srcdiff.ops.loop_forms import align, is_placed, subscripted
from srcdiff.transforms.bounds import BoundsChecks
from srcdiff.transforms.facts import ALLOCATIONS, count_uses
from srcdiff.transforms.nests import (
    Arrays,
    Nest,
    NoLoopForm,
    add_element,
    combine,
    nest,
    store_element,
)
from srcdiff.transforms.reductions import Reduction, reduction_of
from srcdiff.transforms.survey import Survey, survey

__all__ = ["scalarise"]

ONE = Dim(1)
_REPEATABLE = 2  # operations that are rather done again than their result stored
_SMALL = 1024  # multiplications up to which loops beat a call of BLAS


def scalarise(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with loops for its array operations; `lengths` of the arguments at hand say which products are small.

    Raises
    ------
    NoLoopForm
        For what can be said neither with loops nor by a call of NumPy.
    """
    return _Scalarise(fn, lengths).function(fn)


class _Scalarise:
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.lengths = lengths
        self.roots = storage_roots(fn)
        self.written = written_roots(fn, self.roots)
        self.survey: Survey = survey(fn)
        self.uses = count_uses(fn)
        self.arrays = Arrays()
        self.reads: dict[Value, frozenset[Value]] = {}  # the roots that an array in waiting reads
        self.price: dict[Value, int] = {}  # of an element of an array in waiting, in operations
        self.origin: dict[Value, frozenset[Value]] = {}  # the roots that stored arrays stand for
        self.given = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.checks = BoundsChecks(self.arrays.get, self.check_each)
        self.depth = 0
        self.unset: set[Value] = set()
        self.read_here: set[Atom] = set()  # what statements of the region at hand read

    def function(self, fn: Function) -> Function:
        b = Builder(lengths_of(fn), "compiler", fn.location)
        return fn.with_body(self.region(fn.body, b))

    def region(
        self, old: Region, b: Builder, loop: For | None = None, branch: object = None
    ) -> Region:
        with self.checks.region(loop, branch):
            return self.entered(old, b)

    def entered(self, old: Region, b: Builder) -> Region:
        read, waiting = self.read_here, dict(self.arrays.lazy)
        self.read_here = {a for s in old.body if isinstance(s, Op) for a in s.operands}
        for p in old.params:
            self.keep(p, p)
        for statement in old.body:
            b.location, b.origin = statement.location, statement.origin
            self.statement(statement, b)
        own = {r for s in old.body for r in s.results}
        yields = tuple(self.handed_on(y, own, b) for y in old.yields)
        self.read_here = read
        for value, op in waiting.items():  # what is stored in a region is not there behind it
            if value not in self.arrays.lazy:
                self.arrays.lazy[value] = op
                self.arrays.now.pop(value, None)
        return b.region(old.params, yields)

    def keep(self, old: Value, new: Atom) -> None:
        """Note what stands for a value."""
        self.arrays.now[old] = new
        self.arrays.lazy.pop(old, None)
        if isinstance(new, Value) and old in self.roots:
            self.origin[new] = self.origin.get(new, frozenset()) | self.roots[old]

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
                start, stop, step, *carried = (self.kept_apart(a, b) for a in s.operands)
                body = self.region(s.body, b.inner(), loop=s)
                b.append(
                    replace(s, start=start, stop=stop, step=step, carried=tuple(carried), body=body)
                )
                self.depth -= 1
                self.keep_results(s)
                self.check_turns(s, carried, b)
            case While():
                held = tuple(self.kept_apart(a, b) for a in s.carried)
                test = None if s.test is None else self.region(s.test, b.inner())
                body = self.region(s.body, b.inner())
                b.append(replace(s, carried=held, test=test, body=body))
                self.keep_results(s)

    def check_turns(self, s: For, carried: Sequence[Atom], b: Builder) -> None:
        """What only the turns of a loop bind must not be read if there were none."""
        pairs = zip(s.carried_results, carried, strict=True)
        names = [r.name for r, a in pairs if a in self.unset and r in self.read_here]
        if names and isinstance(s.step, Const) and s.step.value:
            text = "{0} >= {1}" if s.step.value > 0 else "{0} <= {1}"
            bounds = [self.arrays.get(s.start), self.arrays.get(s.stop)]
            told = f"{names[0] or 'a variable'} has no value, since a loop made no turn"
            Nest(self.arrays, b).refuse(text, bounds, UnboundLocalError, told)

    def keep_results(self, s: Statement) -> None:
        for r in s.results:
            self.keep(r, r)

    def settle_before(self, s: Statement, b: Builder) -> None:
        """Store what reads storage that a statement writes, and is asked for by it or later."""
        writes = writes_of(s, self.roots)
        if not writes:
            return
        number = self.survey.number[s]
        for value in list(self.arrays.lazy):
            last = self.survey.last.get(value, 0)
            own = isinstance(s, Op) and last == number  # `write` looks closer at its own operands
            if (
                value in self.arrays.lazy
                and last >= number
                and not own
                and self.reads[value] & writes
            ):
                self.force(value, b)

    def operation(self, op: Op, b: Builder) -> None:
        self.checks.before(op, b)
        atoms = (*op.operands, *op.results)
        if op.decl is control.undefined:
            self.unset.add(op.result)
            self.as_is(replace(op, attrs={**op.attrs, "typed": True}), b)
        elif not any(isinstance(a.type, Array) for a in atoms):
            self.as_is(op, b)
        elif op.decl.writes and isinstance(op.operands[0].type, Array):
            self.write(op, b)
        elif op.decl.loops is not None and self.by_its_loops(op, b):
            pass
        elif not all(isinstance(a.type, Array | Scalar) for a in atoms) or len(op.results) != 1:
            self.as_is(op, b)
        elif isinstance(op.result.type, Scalar) and op.decl.place is not None:
            self.pick(op, b)
        elif op.decl is memory.axis_length or (
            op.decl.shape_of and isinstance(op.result.type, Scalar)
        ):
            self.ask_length(op, b)
        elif (found := reduction_of(op, self.is_small)) is not None:
            self.reduce(op, found, b)
        elif self.has_elements(op):
            self.wait(op, b)
        else:
            self.as_is(op, b)

    def by_its_loops(self, op: Op, b: Builder) -> bool:
        """Whether an operation has statements of its own that make its result."""
        assert op.decl.loops is not None
        if op.decl.read_only and not self.written.isdisjoint(self.roots.get(op.result, ())):
            return False  # what is written later is seen through it
        for a in op.operands:
            if isinstance(a, Value) and op.decl.cost == "heavy" and self.price.get(a, 0) > 0:
                self.force(a, b)
        found = op.decl.loops(Nest(self.arrays, b, self.depth), op)
        if found is not None:
            self.keep(op.result, _named(found, op.result, b))
            if op.decl is memory.places_of_true:
                self.checks.inside(op.result, shape_of(op.operands[0].type)[0])
        return found is not None

    def check_each(self, b: Builder, indices: Atom, check: Callable[[Builder, Atom], None]) -> None:
        """A loop that checks each element of an array of indices."""

        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            check(b, Nest(self.arrays, b).element(indices, at))
            return ()

        nest(b, shape_of(indices.type), (), body, depth=self.depth)

    def as_is(self, op: Op, b: Builder) -> None:
        """The operation itself, on stored arrays."""
        if op.decl is memory.add_at:
            raise NoLoopForm(
                "np.add.at through several masks, or slices whose lengths nothing shows"
            )
        holds = op.decl.holds or op.decl.writes or op.view_of is not None
        hold = self.kept_apart if holds else self.stored
        b.append(replace(op, operands=tuple(hold(a, b) for a in op.operands)))
        self.keep_results(op)

    def ask_length(self, op: Op, b: Builder) -> None:
        type_ = op.result.type
        base = op.operands[0]
        if base not in self.arrays.lazy or not isinstance(type_, Scalar) or type_.expr is None:
            return self.as_is(op, b)
        self.keep(op.result, length_of(b, type_.expr))
        return None

    # ---- arrays in waiting ----

    def has_elements(self, op: Op) -> bool:
        """Whether elements of the result can be computed one by one."""
        if op.decl.element is not None or op.decl.place is not None:
            return is_placed(op.attrs.get("where", ""), op.operands[1:])
        if not op.decl.elementwise:
            return False
        shape = shape_of(op.result.type)
        return all(_fits(shape_of(a.type), shape) for a in op.operands)

    def wait(self, op: Op, b: Builder) -> None:
        """Enter an array as computed where it is asked for; store it now where that is dearer."""
        value = op.result
        is_new = op.decl.name in ALLOCATIONS and op.decl.name not in ("copy", "expand")
        if is_new and self.is_storage(value):
            return self.as_is(op, b)
        if self.shows_lengths(op):
            if op.decl is not memory.index:
                return self.as_is(op, b)
            operands = tuple(self.stored(a, b) for a in op.operands)
            b.append(replace(op, operands=operands, results=(replace(value),)))  # asked for lengths
        self.settle_repeated(op, b)
        self.arrays.lazy[value] = op
        self.reads[value] = self.roots_read(op)
        self.price[value] = _price(op) + sum(
            self.price.get(a, 0) for a in op.operands if isinstance(a, Value)
        )
        if self.has_to_be_stored(op):
            self.force(value, b)
        return None

    def shows_lengths(self, op: Op) -> bool:
        """Whether the result has lengths that nothing else has: it stays, to be asked for them."""
        if op.decl.lengths_from is not None:
            return False
        shown = {d for a in op.operands for d in dims_of(a.type)}
        own = (d for d in shape_of(op.result.type) if d not in shown)
        return any(not d.symbols() <= self.given for d in own)

    def settle_repeated(self, op: Op, b: Builder) -> None:
        """Store operands of which each element is asked for several times."""
        shape = shape_of(op.result.type)
        for a in op.operands:
            if (
                isinstance(a, Value)
                and self.price.get(a, 0) > _REPEATABLE
                and a in self.arrays.lazy
            ):
                repeats = op.decl.elementwise and len(_long(shape_of(a.type))) < len(_long(shape))
                if repeats or op.decl.name in _REPEATERS:
                    self.force(a, b)

    def roots_read(self, op: Op) -> frozenset[Value]:
        """The written roots whose contents an array in waiting depends on; a view is a place, and no contents."""
        found: set[Value] = set()
        for k, a in enumerate(op.operands):
            if not isinstance(a, Value) or not isinstance(a.type, Array):
                continue
            maker = self.arrays.lazy.get(a)
            if maker is not None:  # a view may be one of what waits itself
                found |= self.reads[a]
            if op.view_of != k and (maker is None or maker.view_of is not None):
                found |= self.roots.get(a, frozenset())
        return frozenset(found & self.written)

    def is_storage(self, value: Value) -> bool:
        """Whether something writes into an array, or hands it on."""
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
        return self.uses.get(value, 0) > 1 and self.price[value] > _REPEATABLE

    def force(self, value: Value, b: Builder) -> Value:
        """Compute an array whole, into storage of its own."""
        type_ = value.type
        assert isinstance(type_, Array)
        found = b.op(memory.empty_of, type=type_, name=value.name, user=value.user)
        self.fill(found, value, b)
        self.keep(value, found)
        return found

    def fill(self, target: Value, value: Atom, b: Builder) -> None:
        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            n = Nest(self.arrays, b)
            store_element(b, target, n.element(value, align(shape_of(value.type), at)), at)
            return ()

        nest(b, shape_of(target.type), (), body, depth=self.depth)

    def stored(self, atom: Atom, b: Builder) -> Atom:
        """An atom for what takes whole arrays."""
        if isinstance(atom, Const) or atom not in self.arrays.lazy:
            return self.arrays.get(atom)
        op = self.arrays.lazy[atom]
        if op.decl is memory.read:
            if self.is_copied(op.operands[0]):
                return self.force(atom, b)
            found = self.stored(op.operands[0], b)
            if self.reads[atom]:
                return found  # for this once: what is there may be another thing later
        elif op.decl.read_only:  # NumPy has views here, compiled code has copies
            if self.reads[atom]:
                raise NoLoopForm(f"a view made by {op.decl.name} of an array that is written")
            return self.force(atom, b)
        elif op.view_of is not None:
            operands = tuple(self.stored(a, b) for a in op.operands)
            b.append(replace(op, operands=operands))
            found = op.result
        else:
            return self.force(atom, b)
        self.keep(atom, found)
        return found

    def is_copied(self, atom: Atom) -> bool:
        """Whether an array is seen through a view that compiled code does not have."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is None or op.view_of is None:
            return False
        return op.decl.read_only or self.is_copied(op.operands[op.view_of])

    def handed_on(self, atom: Atom, own: set[Value], b: Builder) -> Atom:
        """An atom for a yield. What was made in the region itself is not written any more."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if op is not None and op.decl is memory.read:
            base = op.operands[0]
            if isinstance(base, Value) and base in own and self.roots[base] <= own:
                return self.stored(atom, b)
        return self.kept_apart(atom, b)

    def kept_apart(self, atom: Atom, b: Builder) -> Atom:
        """An atom for who goes on holding it: what was read from storage that is written is copied."""
        op = self.arrays.lazy.get(atom) if isinstance(atom, Value) else None
        if (
            isinstance(atom, Value)
            and op is not None
            and op.decl is memory.read
            and self.reads[atom]
        ):
            return self.force(atom, b)
        return self.stored(atom, b)

    # ---- elements, stores, reductions ----

    def pick(self, op: Op, b: Builder) -> None:
        """One element of an array."""
        n = Nest(self.arrays, b)
        at = op.decl.place(n, op, ()) if op.decl.place else ()
        try:
            array, place = n.place(op.operands[0], at)
        except NoLoopForm:
            self.keep(op.result, n.element(op.operands[0], at))
            return
        where = ", ".join("i" * len(place))
        b.append(
            replace(
                op, decl=memory.index, operands=(array, *place), attrs={"where": where}, spelling=""
            )
        )
        self.keep(op.result, op.result)

    def write(self, op: Op, b: Builder) -> None:
        """`x[...] = v`, `x[...] += v`, element by element."""
        target, value = op.operands[0], op.operands[1]
        shape = self.target_shape(op, b.shapes)
        if shape is None or not _fits(shape_of(value.type), shape):
            self.as_is(op, b)
            return
        mark = len(b.body)
        if self.try_write(op, shape, b):
            return
        del b.body[mark:]
        assert isinstance(value, Value)
        self.force(value, b)
        if not self.try_write(op, shape, b):
            raise NoLoopForm(f"a write into {getattr(target, 'name', '')} that reads it")

    def target_shape(self, op: Op, shapes: Shapes) -> tuple[Dim, ...] | None:
        """The shape of what is written; None where only NumPy can tell."""
        if op.decl not in (memory.store, memory.add_into, memory.add_at):
            return None
        target = op.operands[0]
        known = {s for v in op.operands for d in shape_of(v.type) for s in d.symbols()}
        probe = Shapes(
            rigid=shapes.rigid,
            ranges=shapes.ranges,
            assumptions=shapes.assumptions,
            others=shapes.others,
        )
        probe.find_ranges = shapes.find_ranges
        where = op.attrs["where"]
        if not is_placed(where, op.operands[2:]):
            return None
        try:
            shape = memory.subscript_shape(probe, shape_of(target.type), where, op.operands[2:])
        except ShapeMismatch:
            return None
        wanted = shape_of(op.operands[1].type)
        own = [set(d.symbols()) - known for d in shape]
        if any(own):
            if len(wanted) != len(shape):
                return None
            if any(o and not shapes.not_one(w) for w, o in zip(wanted, own, strict=True)):
                return None  # one number may stand for many
            shape = tuple(w if o else d for d, w, o in zip(shape, wanted, own, strict=True))
            bounds = {
                s
                for a in op.operands[2:]
                if isinstance(a.type, Scalar) and a.type.expr
                for s in a.type.expr.symbols()
            }
            if any(set(d.symbols()) - known - bounds for d in shape):
                return None
        return shape

    def try_write(self, op: Op, shape: Sequence[Dim], b: Builder) -> bool:
        """Whether the loops that write read nothing that they have overwritten."""
        target, value = op.operands[0], op.operands[1]
        writes = writes_of(op, self.roots)
        is_safe = True

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
                    is_safe = is_safe and same and op.decl is not memory.add_at
            (store_element if op.decl is memory.store else add_element)(b, array, element, place)
            return ()

        nest(b, shape, (), body, depth=self.depth)
        return is_safe or not isinstance(value, Value) or value not in self.arrays.lazy

    def is_shared(self, atom: Atom, roots: frozenset[Value]) -> bool:
        return isinstance(atom, Value) and not roots.isdisjoint(self.origin.get(atom, frozenset()))

    def reduce(self, op: Op, r: Reduction, b: Builder) -> None:
        """A reduction: into a number where what is summed is innermost, else into the elements of its result."""
        for a in op.operands:
            if (
                isinstance(a, Value)
                and a in self.arrays.lazy
                and self.price[a] > _REPEATABLE
                and r.repeats(a)
            ):
                self.force(a, b)
        r.check(Nest(self.arrays, b, self.depth))
        gone = r.gone
        if not isinstance(op.result.type, Array):
            (found,) = nest(b, r.shape, (r.start,), self.step(r), r.order, self.depth)
            if element_type(op.result.type).dtype == "float32":
                found = Nest(self.arrays, b).cast(found, "float32")
            self.keep(op.result, _named(found, op.result, b))
            return
        target = b.op(
            memory.empty_of, type=op.result.type, name=op.result.name, user=op.result.user
        )
        if set(r.order[-len(gone) :]) == set(gone):
            self.reduce_rows(target, r, b)
        else:
            self.reduce_columns(target, r, b)
        self.keep(op.result, target)

    def step(self, r: Reduction, fixed: Mapping[int, Atom] | None = None):  # type: ignore[no-untyped-def]
        is_narrow = element_type(r.op.result.type).dtype == "float32"

        def body(b: Builder, at: Sequence[Atom], carried: Sequence[Atom]) -> Sequence[Atom]:
            n = Nest(self.arrays, b)
            rest = iter(at)
            full = [fixed[k] if fixed and k in fixed else next(rest) for k in range(len(r.shape))]
            element = r.element(n, full)
            if is_narrow and r.combine.name in ("add", "multiply"):
                element = n.cast(element, "float64")  # as exact as NumPy's sums by halves
            return (combine(n, r.combine, carried[0], element),)

        return body

    def reduce_rows(self, target: Value, r: Reduction, b: Builder) -> None:
        outer = [r.shape[k] for k in r.kept]

        def row(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            fixed = dict(zip(r.kept, at, strict=True))
            shape = [r.shape[k] for k in r.gone]
            (total,) = nest(
                b, shape, (r.start,), self.step(r, fixed), depth=self.depth + len(outer)
            )
            store_element(b, target, total, r.place(at))
            return ()

        nest(b, outer, (), row, depth=self.depth)

    def reduce_columns(self, target: Value, r: Reduction, b: Builder) -> None:
        def first(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            store_element(b, target, r.start, r.place(at))
            return ()

        def step(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            n = Nest(self.arrays, b)
            place = r.place([at[k] for k in r.kept])
            element = r.element(n, at)
            if r.combine.name == "add":
                add_element(b, target, element, place)
            else:
                store_element(
                    b, target, combine(n, r.combine, n.load(target, place), element), place
                )
            return ()

        nest(b, [r.shape[k] for k in r.kept], (), first, depth=self.depth)
        nest(b, r.shape, (), step, r.order, self.depth)

    def is_small(self, dims: Sequence[Dim]) -> bool:
        """Whether a product over these lengths is faster as loops."""
        count = 1
        for d in dims:
            try:
                count *= d.evaluate(self.lengths)
            except KeyError:
                return False
        return count <= _SMALL


def _named(found: Atom, old: Value, b: Builder) -> Atom:
    """What a reduction gave, under the name of its result."""
    if not old.name or not isinstance(found, Value):
        return found
    *before, last = b.body
    new = replace(found, name=old.name, user=old.user)
    if isinstance(last, For) and found in last.results:
        b.body[:] = [
            *before,
            replace(last, results=tuple(new if r is found else r for r in last.results)),
        ]
        return new
    return found


_REPEATERS = {"outer"}
_FREE = {"read", "copy"}
_SIMPLE = {
    "add", "subtract", "multiply", "negative", "maximum", "minimum", "absolute", "where", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "square", "and", "or", "not", "logical_and", "logical_or", "logical_not",
}  # fmt: skip


def _price(op: Op) -> int:
    """What an element costs, in simple operations."""
    if op.decl.place is not None or op.decl.name in _FREE or op.decl.name in ALLOCATIONS:
        return 0
    if op.decl.name in _SIMPLE or op.decl.element is not None:
        return 1
    return 10


def _long(shape: Sequence[Dim]) -> list[Dim]:
    return [d for d in shape if d != ONE]


def _fits(shape: Sequence[Dim], target: Sequence[Dim]) -> bool:
    """Whether an array of this shape is broadcast to the other as far as lengths are known to be equal."""
    if len(_long(shape)) > len(target) or len(shape) > len(target):
        return len(_long(shape)) == 0 and not target
    own = target[len(target) - len(shape) :]
    return all(d in (ONE, t) for d, t in zip(shape, own, strict=True))
