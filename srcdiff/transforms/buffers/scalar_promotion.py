"""Scalar promotion: a loop sums the additions to one element in a register, and adds the sum once after the loop.

    for 0, %n { (%i) ->                                %s = for 0, %n with 0.0 { (%i, %p) ->
        add_into[i] %d, %v, %c }         becomes           yield (add %p, %v) }
                                                       if 0 < %n { add_into[i] %d, %s, %c }

In memory, each addition waits for the store before it. LLVM keeps an element in a register only where it can prove that
no other access of the loop touches it.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of
from srcdiff.ir.core import For, Function, If, Op, Region, Statement
from srcdiff.ir.types import FLOAT, Array, Scalar, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim, known_trip_count
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.effects import added_to


def sums_in_memory(fn: Function) -> Function:
    """`fn` with sums of loops as carried numbers in place of elements of arrays."""
    return _Sums(fn)(fn)


class _Sums(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.positive = frozenset(fn.lengths.positive)
        self.lengths = lengths_of(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        sums = self.sums(new) if isinstance(new, For) and not new.breaks else []
        if not sums:
            b.append(new)
            return
        assert isinstance(new, For)
        loop, totals = _summing(new, sums)
        b.append(loop)
        for op, total in zip(sums, totals, strict=True):
            new_op = replace(op, operands=(op.operands[0], total, *op.operands[2:]))
            if self.makes_a_iteration(loop) or self.is_inside(op):
                b.append(new_op)
            else:
                _where_it_iterations(loop, new_op, b)

    def makes_a_iteration(self, loop: For) -> bool:
        stop = known_dim(loop.stop)
        return loop.start == const(0) and stop is not None and stop.symbol in self.positive

    def is_inside(self, op: Op) -> bool:
        """Whether an element exists because enclosing loops run over the array."""
        places = [known_dim(a) for a in op.operands[2:]]
        return all(
            p is not None
            and self.lengths.is_at_least_zero(p)
            and self.lengths.is_at_least_zero(d - 1 - p)
            for p, d in zip(places, shape_of(op.operands[0].type), strict=True)
        )

    def sums(self, loop: For) -> list[Op]:
        """The additions to a loop-invariant element of an array that the loop uses for nothing else."""
        inside = {*loop.body.params, *defined_in(loop.body)}
        found = [
            s
            for s in loop.body.body
            if isinstance(s, Op) and s.decl is memory.add_into and _is_element(s)
        ]
        found = [s for s in found if inside.isdisjoint((s.operands[0], *s.operands[2:]))]
        if not found:
            return []
        added = added_to(loop, self.roots)
        return [s for s in found if self.roots.of(s.operands[0]) <= added]


def _is_element(op: Op) -> bool:
    array, amount = op.operands[0].type, op.operands[1].type
    return (
        isinstance(array, Array)
        and array.dtype == "float64"
        and isinstance(amount, Scalar)
        and amount.dtype == "float64"
        and items(op.attrs["where"]) == ["i"] * array.ndim
    )


def _summing(loop: For, sums: list[Op]) -> tuple[For, list[Value]]:
    """The loop with a carried sum for each addition, and the sums."""
    params = {op: Value(FLOAT, "total") for op in sums}
    after: dict[Op, Atom] = {}
    body: list[Statement] = []
    for s in loop.body.body:
        if isinstance(s, Op) and s in params:
            after[s] = Value(FLOAT)
            made = (params[s], s.operands[1]), (after[s],)
            body.append(Op(arithmetic.add, *made, {}, s.location, s.origin))  # type: ignore[arg-type]
        else:
            body.append(s)
    region = Region(
        (*loop.body.params, *params.values()),
        tuple(body),
        (*loop.body.yields, *(after[op] for op in sums)),
    )
    totals = [Value(FLOAT, "total") for _ in sums]
    carried = (*loop.carried, *(const(0.0) for _ in sums))
    return replace(loop, carried=carried, body=region, results=(*loop.results, *totals)), totals


def _where_it_iterations(loop: For, op: Op, b: Builder) -> None:
    """Append an operation after a loop, if the loop has an iteration; without one, the element may not exist."""
    start, stop, step = loop.start, loop.stop, loop.step
    known = known_trip_count(start, stop, step)
    if known is not None:
        if known:
            b.append(op)
        return
    if not isinstance(step, Const):
        text = "({0} < {1}) if {2} > 0 else ({0} > {1})"
    else:
        text = "{0} < {1}" if step.value > 0 else "{0} > {1}"
    test = b.op(control.test, start, stop, *([] if isinstance(step, Const) else [step]), text=text)
    nothing = Region((), (), ())
    b.append(If(test, Region((), (op,), ()), nothing, (), op.location, "compiler"))
