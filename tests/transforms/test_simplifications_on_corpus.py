"""Every simplification, on every program of the corpus: valid IR, the same value, nothing left to do a second time."""

import functools
import inspect
from dataclasses import replace

import corpus_loader
import numpy as np
import pytest

from srcdiff.errors import DifferentiationError
from srcdiff.frontend.arguments import describe_arguments
from srcdiff.frontend.lower import trace
from srcdiff.ir.build import Rewriter
from srcdiff.ir.conform import Mismatch
from srcdiff.ir.interp import evaluate
from srcdiff.ir.text import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.algebra import algebra
from srcdiff.transforms.cancel import cancel
from srcdiff.transforms.carried import forward_invariants
from srcdiff.transforms.cse import cse
from srcdiff.transforms.dce import dce
from srcdiff.transforms.dead_stores import dead_stores
from srcdiff.transforms.fold import fold
from srcdiff.transforms.fuse_loops import fuse_loops
from srcdiff.transforms.hoist import hoist
from srcdiff.transforms.merge_ifs import merge_ifs
from srcdiff.transforms.reads import insert_reads, own_arguments
from srcdiff.transforms.saves import pair_up_saves
from srcdiff.transforms.stabilise import stabilise
from srcdiff.transforms.trim_calls import trim_calls

PASSES = (
    algebra, cancel, cse, dce, dead_stores, fold, forward_invariants, fuse_loops, hoist, merge_ifs, pair_up_saves, stabilise,
    trim_calls,
)  # fmt: skip


class _AsGenerated(Rewriter):
    """A function as if a pass had made every line of it."""

    def statement(self, old, env, b):
        b.append(replace(self.keep(old, env, b), origin="adjoint"))


@functools.cache
def traced(program):
    args = program.arguments(0)
    names = list(inspect.signature(program.function).parameters)[: len(args)]
    types, lengths = describe_arguments(args, names)
    try:
        fn = insert_reads(own_arguments(trace(program.function, types, shapes_actual=lengths)))
        return fn, evaluate(fn, *program.arguments(0))
    except (
        DifferentiationError,
        Mismatch,
    ) as error:  # the tests of the frontend say what it has to read
        pytest.skip(f"not read: {error}")


@pytest.mark.parametrize("simplify", PASSES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("program", corpus_loader.load("all"), ids=repr)
def test_the_meaning_is_kept(program, simplify):
    fn, value = traced(program)
    for before in (fn, _AsGenerated()(fn)):
        after = simplify(before)
        assert verify(after) == []
        np.testing.assert_allclose(evaluate(after, *program.arguments(0)), value, rtol=1e-10)
        assert to_text(simplify(after)) == to_text(after)
