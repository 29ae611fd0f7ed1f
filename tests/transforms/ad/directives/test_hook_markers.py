"""Markers of adjoint hooks: the place of a block in the backward part, and that no marker remains."""

import numpy as np
import pytest

import srcdiff
from srcdiff.frontend.rule_parser import parse_rule
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Op, walk
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.types import INT, Array, Dim
from srcdiff.ir.verify import verify
from srcdiff.ops.control import adjoint_hooks
from srcdiff.transforms.ad.directives.hook_reverse import drop_blocks, drop_comments, settle_blocks
from srcdiff.transforms.ad.reverse.reverse import reverse
from srcdiff.transforms.legalize.numba_legality import only_inside
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import prepare

LOG: list[float] = []


def collecting(x):
    y = x * 3.0
    with srcdiff.adjoint(y) as d_y:
        LOG.append(np.sum(d_y))
        d_y = d_y * 2.0
    return np.sum(y)


def stepping(u, n):
    u = u.copy()
    for _ in range(n):
        u *= 2.0
        with srcdiff.adjoint(u) as d_u:
            d_u[0] = 0.0
    return np.sum(u)


def read(f, *types):
    return trace(f, types, shapes_actual={"n": 3})


VECTOR = Array("float64", (Dim.of("n"),))


def decls(fn):
    return [s.decl for s in walk(fn.body) if isinstance(s, Op)]


def test_the_operation_carries_the_block_and_is_its_operand() -> None:
    fn = read(collecting, VECTOR)
    (op,) = (
        s for s in walk(fn.body) if isinstance(s, Op) and s.decl is adjoint_hooks.adjoint_block
    )
    assert verify(fn) == [] and verify(op.attrs["block"]) == []
    assert evaluate(fn, np.ones(3)) == 9.0
    assert not LOG
    assert adjoint_hooks.outside_call in decls(op.attrs["block"])


def test_dropping_leaves_the_plain_program() -> None:
    fn = drop_blocks(read(collecting, VECTOR))
    assert [d.name for d in decls(fn)] == ["multiply", "sum"]
    assert drop_blocks(fn) is fn


def test_reverse_mode_puts_the_block_between_the_two_parts() -> None:
    fn = reverse(
        prepare(read(collecting, VECTOR), Recorder(verify=True)), [0], parse_rule, lambda f: f
    )
    names = [d.name for d in decls(drop_blocks(fn))]
    assert names.index("sum") < names.index("comment") < names.index("outside_call")
    LOG.clear()
    value, d_x = evaluate(fn, np.ones(3))
    assert (value, d_x.tolist(), LOG) == (9.0, [6.0, 6.0, 6.0], [3.0])


def test_comments_are_dropped_and_outside_is_refused_for_loops() -> None:
    fn = reverse(prepare(read(collecting, VECTOR), Recorder()), [0], parse_rule, lambda f: f)
    without = drop_comments(fn)
    assert adjoint_hooks.comment in decls(fn) and adjoint_hooks.comment not in decls(without)
    assert drop_comments(without) is without
    with pytest.raises(NoLoopForm, match="`LOG`"):
        only_inside(without)
    assert only_inside(drop_blocks(read(collecting, VECTOR))).name == "collecting"


def test_a_written_array_keeps_its_name_behind_the_block() -> None:
    fn = read(stepping, VECTOR, INT)
    settled = settle_blocks(fn)
    assert verify(settled) == []
    (op,) = (
        s for s in walk(settled.body) if isinstance(s, Op) and s.decl is adjoint_hooks.adjoint_block
    )
    used = {a for s in walk(settled.body) for a in s.operands}
    assert op.result not in used
