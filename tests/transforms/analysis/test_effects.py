"""Two statements may be exchanged if neither changes, prints or stops what the other one reads, writes or prints."""

from dataclasses import replace

import corpus_loader
import numpy as np
import pytest
from transforms.test_simplifications_on_corpus import traced

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, with_parts
from srcdiff.ir.core import Function, Region, regions_of
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.types import Array, Dim
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.registry import OpDecl
from srcdiff.ops.core.type_rules import nothing, same_as_first
from srcdiff.transforms.analysis.defuse import uses_outside
from srcdiff.transforms.analysis.effects import may_move

N = Array("float64", (Dim.of("n"),))
SOLVE = OpDecl("solve_", infer=same_as_first, template="{0}", raises=True)
SHOW = OpDecl("show", infer=nothing, template="{0}", effect=True)


def _statements():
    """Some of each kind, and the pairs that must keep their order."""
    x, y, b = Value(N), Value(N), Builder()
    b.op(memory.read, x)
    b.ops(memory.store, x, const(1.0), where="")
    b.ops(memory.store, y, const(1.0), where="")
    b.op(SOLVE, x)
    b.ops(SHOW, const(1))
    b.ops(memory.save, const(1.0), slot="a")
    b.ops(memory.save, const(1.0), slot="b")
    names = ("read x", "write x", "write y", "may raise", "print", "slot a", "slot b")
    fn = Function("f", b.region([x, y], ()), 0)
    return dict(zip(names, b.body, strict=True)), storage_roots(fn)


_ORDERED = {
    frozenset(pair.split(", "))
    for pair in (
        "read x, write x", "write x", "write y", "write x, may raise", "may raise, print", "print", "slot a", "slot b",
    )
}  # fmt: skip


def test_statements_that_touch_the_same_storage_slot_or_output_keep_their_order():
    statements, roots = _statements()
    for name, s in statements.items():
        for other, t in statements.items():
            assert may_move(s, [t], roots) == (frozenset((name, other)) not in _ORDERED)


def _reversed(region, roots):
    """The region with its statements in the opposite order, as far as values and effects allow."""
    left, body = list(region.body), []
    while left:
        for k in reversed(range(len(left))):
            made = {r for s in left[:k] for r in s.results}
            if not uses_outside(left[k]) & made and may_move(left[k], left[:k], roots):
                break
        body.append(left.pop(k))
    inner = [with_parts(s, s.operands, [_reversed(r, roots) for r in regions_of(s)]) for s in body]
    return replace(region, body=tuple(inner))


@pytest.mark.parametrize("program", corpus_loader.load("all"), ids=repr)
def test_a_program_may_run_in_the_opposite_order_where_nothing_is_in_the_way(program):
    fn, value = traced(program)
    assert isinstance(fn.body, Region)
    other = fn.with_body(_reversed(fn.body, storage_roots(fn)))
    np.testing.assert_allclose(evaluate(other, *program.arguments(0)), value, rtol=1e-10)
