from codegen.hand_built import builder, function, index, integer, passes_on, scalar

from srcdiff.codegen.names.liveness import disjoint, joined, live_intervals, overlap
from srcdiff.codegen.plan.defuse import facts_of
from srcdiff.codegen.plan.lower import lower
from srcdiff.codegen.text.expression_folding import fold
from srcdiff.ir.core import For, If
from srcdiff.ir.values import const
from srcdiff.ops.elementwise import arithmetic as ar


def intervals_of(fn):
    plan = lower(fn, {})
    plan.number()
    facts = facts_of(plan, {})
    return live_intervals(plan, fold(plan, facts))


def test_a_value_is_live_from_its_assignment_to_its_last_use():
    x = scalar("x")
    b = builder()
    y = b.op(ar.add, x, const(1.0), name="y", user=True)
    z = b.op(ar.multiply, y, y, name="z", user=True)
    live = intervals_of(function((x,), b, (b.op(ar.add, z, z),)))
    assert live[x] == [(0, 2)]
    assert not overlap(live[x], live[y])
    assert not overlap(live[y], live[z])


def test_what_a_loop_reads_from_outside_is_live_to_its_end():
    x, n, i, s, out = scalar("x"), integer("n"), index("i"), scalar("s"), scalar("s")
    b = builder()
    inner = b.inner()
    t = inner.op(ar.add, s, x, name="t", user=True)
    after = inner.op(ar.multiply, t, t, name="s", user=True)
    b.append(For(const(0), n, const(1), (const(0.0),), inner.region((i, s), (after,)), (out,)))
    live = intervals_of(function((x, n), b, (out,)))
    assert overlap(live[x], live[after])
    assert not overlap(live[s], live[t])
    assert not overlap(live[s], live[after])


def test_a_value_needed_in_one_arm_is_dead_in_the_other():
    x, y, out = scalar("x"), scalar("y"), scalar("x")
    b = builder()
    then, orelse = b.inner(), b.inner()
    first = then.op(ar.multiply, y, y, name="x", user=True)
    first = then.op(ar.multiply, first, first, name="x", user=True)
    second = orelse.op(ar.subtract, x, y, name="x", user=True)
    condition = b.op(ar.greater, y, const(0.0))
    b.append(If(condition, then.region((), (first,)), orelse.region((), (second,)), (out,)))
    live = intervals_of(function((x, y), b, (out,)))
    assert not overlap(live[x], live[first])
    assert not overlap(live[x], live[out])


def test_an_arm_that_does_nothing_keeps_the_value():
    x, y, out = scalar("x"), scalar("y"), scalar("x")
    b = builder()
    b.append(If(b.op(ar.greater, y, const(0.0)), passes_on(const(1.0)), passes_on(x), (out,)))
    live = intervals_of(function((x, y), b, (b.op(ar.add, out, x),)))
    assert overlap(live[x], live[out])


def test_intervals_are_joined_where_they_meet():
    assert joined([(0, 2), (10, 12)], [(3, 5)]) == [(0, 5), (10, 12)]
    assert joined([(0, 2), (6, 9)], [(3, 5)]) == [(0, 9)]
    assert disjoint([(4, 6), (0, 2), (5, 9)]) == [(0, 2), (4, 9)]
    assert not overlap([(0, 2), (6, 9)], [(3, 5)])
    assert overlap([(0, 2), (6, 9)], [(3, 6)])
