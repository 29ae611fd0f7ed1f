"""Every simplification, on every program of the corpus: valid IR, the program's value, nothing left to do again."""

import inspect
from dataclasses import replace

import corpus_loader
import numpy as np
import pytest

from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.trace import trace
from srcdiff.ir.build import Rewriter
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.ad.fuse_mirror_loops import fuse_loops
from srcdiff.transforms.ad.tape.save_restore_elimination import pair_up_saves
from srcdiff.transforms.buffers.dead_store_elimination import dead_stores
from srcdiff.transforms.preparation import with_layouts
from srcdiff.transforms.prepare.complex_writes import write_parts
from srcdiff.transforms.prepare.insert_loads import insert_reads, own_arguments
from srcdiff.transforms.prepare.reshape_copies import own_reshaped
from srcdiff.transforms.simplify.algebra.reassociate import algebra
from srcdiff.transforms.simplify.algebra.zero_adjoints import cancel
from srcdiff.transforms.simplify.calls.dead_arguments import remove_dead_arguments
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.fold import fold
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries
from srcdiff.transforms.simplify.licm import hoist
from srcdiff.transforms.simplify.merge_branches import merge_ifs
from srcdiff.transforms.stability import stabilise

PASSES = (
    algebra, cancel, cse, dce, dead_stores, fold, remove_invariant_carries, fuse_loops, hoist, merge_ifs, pair_up_saves, stabilise,
    remove_dead_arguments,
)  # fmt: skip


class _AsGenerated(Rewriter):
    """A function as if a pass had made every line of it."""

    def statement(self, old, env, b):
        b.append(replace(self.keep(old, env, b), origin="adjoint"))


def traced(program):
    """A program of the corpus as IR with explicit loads and copies, and its value by the evaluator."""
    args = program.arguments(0)
    names = list(inspect.signature(program.function).parameters)[: len(args)]
    types, lengths = describe_arguments(args, names)
    read = trace(program.function, types, shapes_actual=lengths)
    fn = insert_reads(own_arguments(with_layouts(write_parts(read), own_reshaped)))
    return fn, evaluate(read, *program.arguments(0))


@pytest.mark.parametrize("program", corpus_loader.load("all"), ids=repr)
def test_the_meaning_is_kept(program):
    fn, value = traced(program)
    np.testing.assert_allclose(value, program.value(0), rtol=1e-12)
    for before in (fn, _AsGenerated()(fn)):
        text = to_text(before)
        for simplify in PASSES:
            after = simplify(before)
            if to_text(after) == text:
                continue
            assert verify(after) == [], simplify
            found = evaluate(after, *program.arguments(0))
            np.testing.assert_allclose(found, program.value(0), rtol=1e-10, err_msg=str(simplify))
            assert to_text(simplify(after)) == to_text(after), simplify
