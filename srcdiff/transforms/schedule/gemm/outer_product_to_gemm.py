"""Outer products that a loop adds to a matrix become one matrix product after the loop.

    for 0, %T { (%t) ->                                  %A = empty %T, %m
        for 0, %m { (%i) ->                              for 0, %T { (%t) ->
            for 0, %n { (%j) ->                              for 0, %m { (%i) -> store %A, %a, %t, %i } }
                %p = multiply %a, (index %B, %t, %j)     %P = matmul (transpose %A), %B
                add_into %D, %p, %i, %j } } }  becomes   for 0, %m { for 0, %n { add_into %D, (index %P, ...), ... } }

An iteration then stores a row instead of updating the whole matrix. Adjoints of products in loops have this form;
for products of whole rows see `gemv_to_gemm`. The rows of all iterations are kept, and sums are added up in another
order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from srcdiff.ir.alias import Roots, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lengths_of, lookup
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Dim, Scalar, Size, shape_of, size_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.lower.loop_nests import add_element, element_of, nest, store_element
from srcdiff.transforms.lower.materialise_dims import bind_lengths

_LEAST = 512  # elements of the matrix, at least; below, loops are faster than calls of BLAS
# additions of all iterations, at least; below, a call and a pass over the matrix cost more
_WORK = 2**15
_MOST = 2**21  # numbers that are kept, at most


def gathered_sums(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with sums of products gathered from loops, if that pays for the `lengths` of the given arguments.

    The comparisons that decided are recorded in `fn.lengths.at_most`.
    """
    gather = _Gather(fn, lengths)
    new = gather(fn)
    if gather.facts:
        at_most = tuple(dict.fromkeys((*fn.lengths.at_most, *gather.facts)))
        new = replace(new, lengths=replace(new.lengths, at_most=at_most))
    return new if new.body is fn.body else bind_lengths(new)


@dataclass(frozen=True, eq=False)
class _Sum:
    """An addition of `left[i] * right[j]` to an element of a matrix, in two nested loops of an iteration."""

    op: Op
    outer: For
    inner: For
    left: tuple[Atom, ...]  # factors: the same in all iterations of the inner loop
    right: tuple[Atom, ...]  # the same in all iterations of the outer loop
    is_negative: bool
    shape: tuple[Dim, Dim]  # the trip counts of the two loops

    @property
    def dtype(self) -> str:
        assert isinstance(self.op.operands[0].type, Array)
        return self.op.operands[0].type.dtype


@dataclass(eq=False)
class _Gathering:
    """The state of a loop while its sums are gathered: the stores that its iterations need, and their positions."""

    loop: For
    count: Dim
    written: frozenset[Value]
    env: Env
    b: Builder
    rows: dict[object, Value] = field(default_factory=dict)
    # stores in front of an inner loop
    ahead: dict[For, list[Statement]] = field(default_factory=dict)


class _Gather(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.roots = storage_roots(fn)
        self.lengths = lengths
        self.shapes = lengths_of(fn)
        self.facts: list[tuple[Size, Size]] = []

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        sums = self.sums(old) if isinstance(old, For) else []
        if not sums:
            super().statement(old, env, b)
            return
        assert isinstance(old, For)
        count = known_dim(old.stop)
        assert count is not None
        iterations = _Gathering(old, count, writes_of(old, self.roots), env, b)
        b.location, b.origin = old.location, "compiler"
        factors = [(s, self.left(s, iterations), self.right(s, iterations)) for s in sums]
        removed: set[Statement] = {s.op for s in sums}
        super().statement(_without(old, removed, iterations.ahead), env, b)
        b.location, b.origin = old.location, sums[0].op.origin
        for s, left, right in factors:
            _product(s, lookup(env, left), lookup(env, right), lookup(env, s.op.operands[0]), b)

    # ---- candidates ----

    def sums(self, loop: For) -> list[_Sum]:
        """The sums of a loop's iterations that can be gathered, with profit."""
        count = known_dim(loop.stop)
        if not _is_plain(loop) or loop.is_parallel or count is None:
            return []
        found = [
            s
            for outer in _plain_loops(loop)
            for inner in _plain_loops(outer)
            for op in inner.body.body
            if isinstance(op, Op) and (s := self.sum(op, outer, inner, loop)) is not None
        ]
        ops = {s.op for s in found}
        alone = [s for s in found if self.is_alone(s, ops, loop)]
        return [s for s in alone if self.pays(s, count)]

    def sum(self, op: Op, outer: For, inner: For, loop: For) -> _Sum | None:
        """An addition to an element of an outer matrix, if the amount is a product of a left and a right factor."""
        at = subscripts(op)
        if op.decl is not memory.add_into or len(at) != 2 or {*at} != {outer.index, inner.index}:
            return None
        own = frozenset(defined_in(loop.body))
        target, amount = op.operands[:2]
        shape = [known_dim(s.stop) for s in (outer, inner)]
        if target in own or None in shape:
            return None
        assert isinstance(target.type, Array)
        if target.type.dtype not in ("float64", "float32"):
            return None
        factors = _Factors(outer, inner, self.roots)
        if not factors.take(amount) or not factors.left or not factors.right:
            return None
        types = [a.type for a in (amount, *factors.left, *factors.right)]
        if any(
            isinstance(t, Scalar) and t.dtype != target.type.dtype and not t.weak for t in types
        ):
            return None
        rows, columns = shape
        assert rows is not None and columns is not None
        return _Sum(
            op, outer, inner, tuple(factors.left), tuple(factors.right), factors.is_negative,
            (rows, columns),
        )  # fmt: skip

    def is_alone(self, s: _Sum, ops: set[Op], loop: For) -> bool:
        """Whether the loop uses the matrix only for gathered additions."""
        target = s.op.operands[0]
        assert isinstance(target, Value)
        storage = self.roots[target]
        for other in (loop, *walk(loop.body)):
            for k, a in enumerate(other.operands):
                touches = isinstance(a, Value) and not storage.isdisjoint(self.roots.get(a, ()))
                if touches and (other not in ops or k or a is not target):
                    return False
        yields = [y for y in loop.body.yields if isinstance(y, Value)]
        return all(storage.isdisjoint(self.roots.get(y, ())) for y in yields)

    def pays(self, s: _Sum, count: Dim) -> bool:
        """Whether there are enough additions, and not too many numbers to keep; the comparisons are recorded.

        They also imply that all three loops have an iteration.
        """
        rows, columns = s.shape
        if not all(map(self.shapes.is_at_least_zero, (count, rows, columns))):
            return False
        size: Size = ((rows, columns),)
        work: Size = ((count, rows, columns),)
        kept: Size = ((count, rows), (count, columns))
        try:
            numbers = [size_of(x, self.lengths) for x in (size, work, kept)]
        except KeyError:
            return False
        few = [(size, _LEAST, numbers[0]), (work, _WORK, numbers[1])]
        too_few = [(x, ((Dim(least - 1),),)) for x, least, found in few if found < least]
        too_many = [(((Dim(_MOST + 1),),), kept)] if numbers[2] > _MOST else []
        wrong: list[tuple[Size, Size]] = [*too_few, *too_many]
        right: list[tuple[Size, Size]] = [(((Dim(least),),), x) for x, least, _ in few]
        right.append((kept, ((Dim(_MOST),),)))
        self.facts += wrong[:1] or right
        return not wrong

    # ---- rows of all iterations ----

    def left(self, s: _Sum, iterations: _Gathering) -> Value:
        """The array of left factors, one row for each iteration, stored in front of the inner loop."""
        if (found := self.whole(s.left, s.outer, s, iterations)) and not s.is_negative:
            return found
        key = (s.left, s.is_negative, s.outer)
        if key not in iterations.rows:
            into = iterations.ahead.setdefault(s.inner, [])
            inner = Builder(iterations.b.shapes, s.op.origin, s.op.location)
            factors = _again(s.left, s.inner, inner)
            iterations.rows[key] = self.store(factors, s, s.outer, s.outer.index, iterations, inner)
            into += inner.body
        return iterations.rows[key]

    def right(self, s: _Sum, iterations: _Gathering) -> Value:
        """The array of right factors, one row for each iteration, stored by a loop in front of both loops."""
        if found := self.whole(s.right, s.inner, s, iterations):
            return found
        key = (s.right, s.inner)
        if key not in iterations.rows:
            into = iterations.ahead.setdefault(s.outer, [])
            inner = Builder(iterations.b.shapes, s.op.origin, s.op.location)
            index = replace(
                s.inner.index, type=Scalar("int64", True, iterations.b.shapes.fresh("j"))
            )
            factors = _again(s.right, s.inner, inner, {s.inner.index: index})
            iterations.rows[key] = self.store(factors, s, s.inner, index, iterations, inner)
            front = Builder(iterations.b.shapes, s.op.origin, s.op.location)
            stop = length_of(front, s.shape[1])
            region, where = inner.region((index,), ()), (front.location, front.origin)
            row = For(const(0), stop, const(1), (), region, (), location=where[0], origin=where[1])
            into += [*front.body, row]
        return iterations.rows[key]

    def whole(
        self, factors: Sequence[Atom], around: For, s: _Sum, iterations: _Gathering
    ) -> Value | None:
        """An existing array that has the factors as its rows, if there is one."""
        only = factors[0] if len(factors) == 1 else None
        maker = _makers(s).get(only) if isinstance(only, Value) else None
        if maker is None or subscripts(maker) != (iterations.loop.index, around.index):
            return None
        array = maker.operands[0]
        if not isinstance(array, Value) or array in defined_in(iterations.loop.body):
            return None
        length = s.shape[around is s.inner]
        if shape_of(array.type) != (iterations.count, length) or array.type.dtype != s.dtype:  # type: ignore[union-attr]
            return None
        return array if self.roots[array].isdisjoint(iterations.written) else None

    def store(
        self,
        factors: Sequence[Atom],
        s: _Sum,
        around: For,
        index: Value,
        iterations: _Gathering,
        b: Builder,
    ) -> Value:
        """A new array of rows for the iterations of the loop `around`; appends the store of an element."""
        value = factors[0]
        for factor in factors[1:]:
            value = b.op(arithmetic.multiply, value, factor)
        if s.is_negative and around is s.outer:
            value = b.op(arithmetic.negative, value)
        type_ = Array(s.dtype, (iterations.count, s.shape[around is s.inner]))
        kept = iterations.b.op(memory.empty_of, type=type_, name=_name(value, s, b))
        store_element(b, kept, value, (iterations.loop.index, index))
        return kept


class _Factors:
    """The factors of an amount: those that are invariant in the inner loop, and those that are in the outer loop."""

    def __init__(self, outer: For, inner: For, roots: Roots) -> None:
        self.outer, self.inner, self.roots = outer, inner, roots
        self.makers = {r: s for s in inner.body.body if isinstance(s, Op) for r in s.results}
        self.here = frozenset((*inner.body.params, *defined_in(inner.body)))
        self.around = frozenset((*outer.body.params, *defined_in(outer.body))) - self.here
        self.written = {s: writes_of(s, roots) for s in (outer, inner)}
        self.left: list[Atom] = []
        self.right: list[Atom] = []
        self.is_negative = False

    def take(self, amount: Atom) -> bool:
        """Sort the factors into left and right; False if a factor varies in both loops."""
        op = self.makers.get(amount) if isinstance(amount, Value) else None
        if op is not None and op.decl is arithmetic.negative:
            self.is_negative = not self.is_negative
            return self.take(op.operands[0])
        if op is not None and op.decl is arithmetic.multiply:
            return all(map(self.take, op.operands))
        if not isinstance(amount, Value) or amount not in self.here:
            self.left.append(amount)
            return True
        for side, index, loop in (
            (self.left, self.inner.index, self.inner),
            (self.right, None, self.outer),
        ):
            if self.is_same(amount, index, loop):
                side.append(amount)
                return True
        return False

    def is_same(self, value: Atom, index: Value | None, loop: For) -> bool:
        """Whether a value of the inner loop is invariant in `loop`: the inner loop (with its `index`) or the outer."""
        if not isinstance(value, Value) or value is self.inner.index:
            return not isinstance(value, Value) or value is not index
        if value not in self.here:
            return index is not None or value not in self.around
        op = self.makers.get(value)
        if op is None or not (op.decl.elementwise or subscripts(op)) or op.decl.writes:
            return False
        array = op.operands[0] if subscripts(op) else None
        if isinstance(array, Value) and not self.roots[array].isdisjoint(self.written[loop]):
            return False
        return all(self.is_same(a, index, loop) for a in op.operands)


def _name(value: Atom, s: _Sum, b: Builder) -> str:
    """The name of the array that collects a number of all iterations."""
    made = [op for op in (*s.outer.body.body, *b.body) if value in op.results]
    array = made[0].operands[0] if made and subscripts(made[0]) else None
    if isinstance(array, Value):
        return f"all_{array.name}" if array.name else ""
    name = getattr(value, "name", "")
    return plural(name) if name else ""


def _makers(s: _Sum) -> dict[Atom, Op]:
    ops = (o for part in (s.outer, s.inner) for o in part.body.body if isinstance(o, Op))
    return {r: op for op in ops for r in op.results}


def _again(factors: Sequence[Atom], inner: For, b: Builder, env: Env | None = None) -> list[Atom]:
    """Append a copy of the operations that compute values of an inner loop."""
    env = {} if env is None else env
    wanted = {f for f in factors if isinstance(f, Value)}
    for op in reversed(inner.body.body):
        if isinstance(op, Op) and not wanted.isdisjoint(op.results):
            wanted.update(a for a in op.operands if isinstance(a, Value))
    for op in inner.body.body:
        if isinstance(op, Op) and not wanted.isdisjoint(op.results):
            b.append(clone_statement(op, env))
    return [lookup(env, f) for f in factors]


def _is_plain(loop: For) -> bool:
    return not loop.breaks and loop.start == const(0) and loop.step == const(1)


def _plain_loops(loop: For) -> list[For]:
    return [s for s in loop.body.body if isinstance(s, For) and _is_plain(s)]


def _without(loop: For, removed: set[Statement], ahead: Mapping[For, Sequence[Statement]]) -> For:
    """A loop without the statements in `removed`, and with the statements of `ahead` in front of its inner loops."""
    body: list[Statement] = []
    for s in loop.body.body:
        if s in removed:
            continue
        if isinstance(s, For):
            body += ahead.get(s, ())
            s = _without(s, removed, ahead)
        body.append(s)
    return replace(loop, body=replace(loop.body, body=tuple(body)))


def _product(s: _Sum, left: Atom, right: Atom, target: Atom, b: Builder) -> None:
    """Append the matrix product for all iterations, added to the matrix."""
    swapped = subscripts(s.op)[0] is s.inner.index
    if swapped:
        left, right = right, left
    product = b.op(products.matmul, b.op(permutations.transpose, left, spelling=".T"), right)
    assert isinstance(target, Value)
    shape = s.shape[::-1] if swapped else s.shape

    def add(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        add_element(b, target, element_of(b, product, at), at)
        return ()

    nest(b, shape, (), add)
