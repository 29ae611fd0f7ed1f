"""Register tiling: four iterations of an outer loop make one pass over rows that all of them read.

    for 0, %n { (%j) ->                          for 0, %full, 4 { (%j) ->
        for 0, %m { (%k) ->                          for 0, %m { (%k) ->
            %w = index %W, %j, %k                        %v = index %W, %j, %k;  %w = index %W, %j + 1, %k;  ...
            for 0, %l { (%i) ->         becomes          for 0, %l { (%i) ->
                %t = index %rows, %k, %i                     %t = index %rows, %k, %i
                %p = multiply %w, %t                         %p = multiply %v, %t;  %q = multiply %w, %t;  ...
                add_into %x, %p, %j, %i } } }                add_into %x, %p, %j, %i;  add_into %x, %q, %j + 1, %i;  ...

The rows are then loaded once for four iterations. `unroll_and_jam` treats rows that iterations write in common. Here
each iteration writes rows of its own, and a loop over the shared rows stands between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lengths_of, lookup
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, subscripts
from srcdiff.transforms.schedule.distribute import other_iteration
from srcdiff.transforms.schedule.unroll_and_jam import (
    UNROLL,
    has_enough,
    is_plain,
    whole_iterations,
)
from srcdiff.transforms.schedule.vectorize.cost import Lengths
from srcdiff.transforms.simplify.cse import cse

_LONG = 8  # iterations of the innermost loop, at least
_STATEMENTS = 40  # statements of an iteration, at most; four times as many still compile fast


def shared_rows(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with iterations of outer loops together if they load the same rows; `lengths` of the given arguments
    determine which loops are long.
    """
    new = _SharedRows(fn, lengths)(fn)
    return fn if new.body is fn.body else cse(new, in_user_lines=True)


@dataclass(frozen=True)
class _Nest:
    """A loop, and the parts of its iteration: loads, a loop over rows, and the other statements before and after it."""

    loop: For
    loads: Sequence[Op]
    before: Sequence[Statement]
    rows: For
    after: Sequence[Statement]


class _SharedRows(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.roots = storage_roots(fn)
        self.iterations = Lengths.of(fn.body, lengths)
        self.lengths = lengths_of(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        nest = self.nest(old) if isinstance(old, For) else None
        if nest is None:
            super().statement(old, env, b)
            return
        new = self.keep(old, env, b)
        assert isinstance(new, For)
        found = self.nest(new)
        assert found is not None
        _write(found, b)

    def nest(self, loop: For) -> _Nest | None:
        """A loop as a nest whose iterations may be interleaved, if that saves loads."""
        body = loop.body.body
        hot = [k for k, s in enumerate(body) if isinstance(s, For) and self.saves(s, loop)]
        if len(hot) != 1 or not self.may_mix(loop):
            return None
        k = hot[0]
        rows = body[k]
        assert isinstance(rows, For)
        loads = [s for s in body if isinstance(s, Op) and not s.decl.writes]
        others = [[s for s in part if s not in loads] for part in (body[:k], body[k + 1 :])]
        return _Nest(loop, loads, others[0], rows, others[1])

    def saves(self, rows: For, loop: For) -> bool:
        """Whether all innermost loops load more shared rows than they access rows of the iteration's own."""
        statements = list(walk(rows.body))
        inner = [s for s in statements if isinstance(s, For) and not _has_loop(s)]
        if not inner or len(statements) > _STATEMENTS:
            return False
        own = _changing(rows, loop.index)
        return all(self.is_shared(i, own) for i in inner)

    def is_shared(self, inner: For, own: set[Atom]) -> bool:
        along = [s for s in inner.body.body if isinstance(s, Op) and inner.index in subscripts(s)]
        shared = [s for s in along if s.decl is memory.index and own.isdisjoint(s.operands)]
        rest = [s for s in along if s not in shared]
        written = [s for s in rest if s.decl is not memory.index]
        touched = len(rest) + sum(s.decl is memory.add_into for s in rest)
        # one written row: LLVM's run-time alias checks do not cover four rows of several arrays
        return (
            len(written) == 1
            and len(shared) > touched
            and self.iterations.iterations(inner) >= _LONG
        )

    def may_mix(self, loop: For) -> bool:
        """Whether iterations are independent, and consist of element accesses and loops over these."""
        if (
            loop.carried
            or not is_plain(loop)
            or not has_enough(loop, self.lengths, self.iterations)
        ):
            return False
        own = _changing(loop, loop.index)
        if not all(_is_simple(s, own) for s in walk(loop.body)):
            return False
        ops = [s for s in walk(loop.body) if isinstance(s, Op)]
        written = writes_of(loop, self.roots)
        if any(written & self.roots.of(s.operands[0]) for s in loop.body.body if _is_load(s)):
            return False
        return all(self.is_independent(root, ops, loop) for root in written)

    def is_independent(self, root: Value, ops: Sequence[Op], loop: For) -> bool:
        """Whether each iteration accesses some storage only at its own index along one axis."""
        touching = [op for op in ops if subscripts(op) and root in self.roots.of(op.operands[0])]
        axes = [{k for k, a in enumerate(subscripts(op)) if a is loop.index} for op in touching]
        names = {op.operands[0] for op in touching}
        return len(names) == 1 and bool(set.intersection(*axes))


def _has_loop(loop: For) -> bool:
    return any(isinstance(s, For) for s in walk(loop.body))


def _changing(loop: For, index: Value) -> set[Atom]:
    """The values that vary with the outer index `index`."""
    found: set[Atom] = {index}
    for s in walk(loop.body):
        if not found.isdisjoint(s.operands):
            found.update(s.results)
    return found


def _is_load(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl is memory.index


def _is_simple(s: Statement, own: set[Atom]) -> bool:
    """Whether a statement accesses an element, computes a number, or is a loop with an invariant trip count."""
    if isinstance(s, For):
        return not s.carried and is_plain(s) and own.isdisjoint((s.start, s.stop))
    if not isinstance(s, Op) or s.decl.effect:
        return False
    if s.decl in ELEMENT_ACCESSES:
        return bool(subscripts(s))
    is_number = all(isinstance(v.type, Scalar) for v in (*s.operands, *s.results))
    return is_number and not s.decl.writes


# ---- the loops ---------------------------------------------------------------------------------


def _write(nest: _Nest, b: Builder) -> None:
    """Append separate loops for the statements around the loop over rows, and that loop for several iterations at
    once.
    """
    loop = nest.loop
    b.location, b.origin = loop.location, "compiler"
    for part in (nest.before, (nest.rows,), nest.after):
        if not part:
            continue
        body = replace(loop.body, body=(*nest.loads, *part))
        one = replace(loop, body=body, pair=0)
        if part == (nest.rows,):
            full = whole_iterations(loop, b)
            b.append(_several(one, full, b))
            if full is loop.stop:
                continue
            one = replace(one, start=full)
        index = replace(loop.index, type=Scalar("int64", True, b.shapes.fresh("j")))
        b.append(replace(one, body=other_iteration(one, index)))


def _several(loop: For, full: Atom, b: Builder) -> For:
    """A loop whose iterations are groups of the old iterations."""
    inner = b.inner()
    iterations = []
    for k in range(UNROLL):
        index = inner.op(arithmetic.add, loop.index, const(k)) if k else loop.index
        iterations.append(other_iteration(loop, index).body)
    _Together(_changing(loop, loop.index), [{} for _ in iterations]).append(
        loop.body.body, iterations, inner
    )
    region = inner.region((loop.index,), ())
    return replace(loop, stop=full, step=const(UNROLL), body=region, pair=0)


class _Together:
    """Interleaves the statements of several iterations; a statement that is the same in all of them appears once."""

    def __init__(self, own: set[Atom], envs: Sequence[Env]) -> None:
        self.own, self.envs = own, envs

    def append(
        self, old: Sequence[Statement], iterations: Sequence[Sequence[Statement]], b: Builder
    ) -> None:
        """`iterations` are copies of the `old` statements."""
        for s, *copies in zip(old, *iterations, strict=True):
            if isinstance(s, For):
                self.loop(s, copies, b)
            elif self.own.isdisjoint(s.operands):
                self.once(copies, b)
            else:
                for copy, env in zip(copies, self.envs, strict=True):
                    b.append(clone_statement(copy, env))

    def once(self, copies: Sequence[Statement], b: Builder) -> None:
        first, env = copies[0], self.envs[0]
        b.append(clone_statement(first, env))
        for copy, other in zip(copies[1:], self.envs[1:], strict=True):
            for mine, theirs in zip(first.results, copy.results, strict=True):
                other[theirs] = lookup(env, mine)

    def loop(self, old: For, copies: Sequence[Statement], b: Builder) -> None:
        loops = [s for s in copies if isinstance(s, For)]
        first, inner = loops[0], b.inner()
        for s, env in zip(loops, self.envs, strict=True):
            env[s.index] = first.index
        self.append(old.body.body, [s.body.body for s in loops], inner)
        start, stop, step = (lookup(self.envs[0], a) for a in first.operands)
        region = inner.region((first.index,), ())
        b.append(replace(first, start=start, stop=stop, step=step, body=region, pair=0))
