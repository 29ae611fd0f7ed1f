"""The pass pipeline: the list of passes in their order, each with its reason, and the functions that run them.

`prepare` brings a function from the frontend into the form that is differentiated (its list is in `preparation`).
`gradient` and `tangent` make the derivative and bring it into the form that is printed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from srcdiff.ir.core import Function
from srcdiff.ir.recursion import callees_first
from srcdiff.transforms.ad.adjoints.reverse_state import Rules
from srcdiff.transforms.ad.directives.hook_reverse import drop_blocks, drop_comments
from srcdiff.transforms.ad.directives.kernel_launches import (
    with_launch_copies,
    without_launch_copies,
)
from srcdiff.transforms.ad.forward import forward
from srcdiff.transforms.ad.fuse_mirror_loops import fuse_loops, loop_direction
from srcdiff.transforms.ad.hoist_primal import hoist_primal
from srcdiff.transforms.ad.jacobian_loops import is_one_number
from srcdiff.transforms.ad.place_clears import place_clears
from srcdiff.transforms.ad.reverse.reverse import reverse
from srcdiff.transforms.ad.tangents import ForwardRules
from srcdiff.transforms.ad.tape.decide import Mode, residuals
from srcdiff.transforms.ad.tape.peel_exit_test import peel_exit_tests
from srcdiff.transforms.ad.tape.save_restore_elimination import dedup_branch_saves
from srcdiff.transforms.buffers.first_accumulation import first_sums
from srcdiff.transforms.buffers.privatise import private_buffers
from srcdiff.transforms.buffers.zero_init_elision import fill_once, no_kept_prototypes
from srcdiff.transforms.common_passes import (
    BROADCASTS,
    CSE,
    DCE,
    DIMS,
    DSE,
    FOLD,
    FORWARD_STORES,
    FUSE_MIRRORS,
    INLINE,
    LICM,
    RESIDUALS,
)
from srcdiff.transforms.guards.division_by_zero_length import arrays_first, guard_divisions
from srcdiff.transforms.guards.unbound_checks import bound_names, doubtful_names
from srcdiff.transforms.linalg.one_hot_products import unit_vectors
from srcdiff.transforms.lower.lists_to_arrays import list_arrays
from srcdiff.transforms.lower.materialise_dims import bind_lengths, known_lengths
from srcdiff.transforms.passes import Form, Pass, Recorder, each_function
from srcdiff.transforms.preparation import preparing, with_layouts
from srcdiff.transforms.prepare.reshape_copies import contiguous_buffers
from srcdiff.transforms.prepare.result_ownership import own_results
from srcdiff.transforms.rewrite.named_abs_squared import expand_abs_squared
from srcdiff.transforms.rewrite.named_sigmoid import expand_sigmoids
from srcdiff.transforms.schedule.loop_direction import count_up
from srcdiff.transforms.simplify.algebra.reassociate import algebra
from srcdiff.transforms.simplify.algebra.zero_adjoints import cancel
from srcdiff.transforms.simplify.calls.dead_arguments import remove_dead_arguments
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries
from srcdiff.transforms.simplify.merge_branches import merged_branches

_LOADS, _DERIVED, _FINAL = (Form.LOADS,), (Form.DERIVED,), (Form.RESIDUALS,)

_FUSE = FUSE_MIRRORS.at("nothing is stored between the loops")

PLAIN = Pass(
    "derivative name removal", lambda fn: expand_abs_squared(expand_sigmoids(fn)),
    "named sigmoids and squares are quotients and powers again", "their derivatives are taken", _LOADS,
)  # fmt: skip

SIMPLIFY = (
    FOLD.at("derivative rules produce zeros and ones"),
    Pass(
        "invariant carry removal", remove_invariant_carries,
        "no loop carries a value that its iterations do not change",
        "reverse mode carries an adjoint for each carried value", _LOADS,
    ),
    CSE.at("the backward part computes what the forward part has"),
    DSE.at("adjoints are cleared after their use"),
    DCE.at("derivative rules are inlined whole"),
)  # fmt: skip

_BRANCH_SAVES = Pass(
    "branch save deduplication", dedup_branch_saves, "the result of a branch is saved once",
    "reverse mode saves in each branch", _DERIVED,
)  # fmt: skip

_ZERO_ADJOINTS = Pass(
    "zero adjoint elimination", cancel, "an adjoint that algebra shows to be zero is gone",
    "nothing is to be stored for it", _DERIVED,
)  # fmt: skip

FUSE_ITERATIONS = FUSE_MIRRORS.at(
    "a value is kept for one iteration only", lambda fn: fuse_loops(fn, complete=False)
)

SAVED_DIMS = (
    Pass(
        "saved dimensions", lambda fn: bind_lengths(no_kept_prototypes(fn), may_save=True),
        "no array is stored for its length alone", "what is stored is decided next", _DERIVED,
    ),
    DCE.at("arrays that only lengths needed are dead"),
)  # fmt: skip

INLINED = (
    Pass("lists to arrays", list_arrays, "a list of items side by side is an array", "arrays are stored as one block"),
    INLINE.at("what is stored of a helper is decided in its caller"),
    Pass(
        "argument dimensions", known_lengths, "a length that arguments show is taken from them",
        "no array is stored for such a length",
    ),
)  # fmt: skip

PRIVATE = Pass(
    "buffer privatisation", private_buffers, "a buffer that each iteration fills first is its own",
    "iterations that share no storage commute, and store nothing", _LOADS,
)  # fmt: skip

FORWARD = (
    FORWARD_STORES.at("a stored value is not stored a second time"),
    DCE.at("forwarded loads are dead"),
)

FINISH = (
    BROADCASTS.at("codegen prints arrays of full size only"),
    FOLD.at("recomputation makes constants"),
    CSE.at("several rules recompute one value"),
    Pass(
        "exit test peeling", peel_exit_tests, "the last test of a `while` is not mirrored",
        "the pairs of loops are final", _FINAL,
    ),
    Pass(
        "branch merging", merged_branches, "neighbouring branches on one condition are one",
        "mirrored branches stand side by side now", _FINAL,
    ),
    Pass(
        "array division", arrays_first, "an array is divided by a length, not a number, if the length may be 0",
        "algebra gathers the factors next", _LOADS,
    ),
    Pass(
        "algebraic simplification", algebra, "sums of products read as a person writes them",
        "no later pass makes arithmetic", _LOADS,
    ),
    FOLD.at("algebra makes constants"),
    BROADCASTS.at("algebra leaves arrays to fill"),
    LICM.at("factors are final"),
    DSE.at("reads are final"),
    Pass(
        "loop reversal", loop_direction, "a reversed loop whose iterations commute runs forwards",
        "the loop bodies are final", _LOADS,
    ),
    Pass(
        "count-up loops", count_up, "a reversed loop that counts down counts up", "loop reversal leaves these", _LOADS
    ),
    Pass(
        "clear placement", place_clears, "a zero is stored after the last use, or merged with the next sum",
        "statements no longer move", _LOADS,
    ),
    Pass(
        "zero initialisation elision", fill_once, "an array whose rows a loop fills is not zeroed",
        "clears and sums are final", _LOADS,
    ),
    Pass(
        "first accumulation", first_sums, "the first sum into zeros is a store", "arrays filled by loops are gone",
        _LOADS,
    ),
    DIMS.at("operands that showed a length may be gone"),
    DCE.at("operands of removed statements are dead"),
)  # fmt: skip

_TRIM = (
    Pass(
        "dead argument elimination", remove_dead_arguments, "helpers take and return what is used",
        "helpers are simplified", _LOADS, whole=True,
    ),
    DCE.at("arguments that were removed are dead"),
)  # fmt: skip

_OWN = (
    Pass(
        "division guards", guard_divisions, "a length that is 0 divides as in NumPy", "divisions are final", _LOADS
    ),
    Pass(
        "result ownership", lambda fn: own_results(with_layouts(fn, contiguous_buffers)),
        "results, and items of returned lists, share no memory, and a buffer written through a reshape is contiguous",
        "results and allocations are final", _LOADS, whole=True,
    ),
)  # fmt: skip

PRINTED = (PLAIN, *SIMPLIFY, *FINISH, *_TRIM, *_OWN)

PRIMAL = Pass(
    "primal hoisting", lambda f: hoist_primal(f, (), "auto"), "what all directions have in common stands in front",
    "the loop over directions is next", _DERIVED, whole=True,
)  # fmt: skip
ONE_HOT = Pass(
    "one-hot products", unit_vectors, "a product with a unit vector is a row or column",
    "loops over directions make unit vectors", _LOADS,
)  # fmt: skip

REVERSED = (Form.OWNED, Form.LOADS, Form.DERIVED)  # holds after reverse mode
TANGENT = (*REVERSED, Form.RESIDUALS)  # holds after forward mode


def deciding(mode: Mode = "auto", without: Collection[str] = ()) -> tuple[Pass, ...]:
    """The passes after reverse mode: simplification, the choice of residuals, and the form that is printed."""
    store = RESIDUALS.at("simplification is done", lambda f: residuals(f, mode, without))
    is_machine = mode == "machine"
    fuse = FUSE_ITERATIONS if is_machine and "inner loops" not in without else _FUSE
    return (
        PLAIN, _BRANCH_SAVES, *SIMPLIFY, _ZERO_ADJOINTS, fuse, *SIMPLIFY,
        *(FORWARD if is_machine else ()), *SAVED_DIMS, store, *FINISH,
    )  # fmt: skip


def prepare(
    fn: Function, recorder: Recorder, disabled: Collection[str] | None = frozenset()
) -> Function:
    """The function in the form that is differentiated; `disabled=None` rewrites no line of the user's."""
    return recorder.run(fn, preparing(disabled))


def gradient(
    fn: Function,
    wrt: Sequence[int],
    rules: Rules,
    recorder: Recorder,
    *,
    value: bool = True,
    seeded: bool = False,
    mode: Mode = "auto",
    as_tuple: bool = False,
    without: Collection[str] = (),
) -> Function:
    """A prepared function to its reverse-mode derivative, ready to be printed; `without` some analyses of storage.

    A name may have no value where the function reads it, as after a loop without iterations. The derivative checks such
    names first where it does not read them itself: it raises where the function does.
    """

    def derive(f: Function) -> Function:
        return _gradient(f, wrt, rules, recorder, value, seeded, mode, as_tuple, without)

    new = derive(fn)
    lost = frozenset() if value else _doubtful(fn) - _doubtful(new)
    return derive(each_function(fn, lambda f: bound_names(f, lost))) if lost else new


def _doubtful(fn: Function) -> frozenset[str]:
    return frozenset(name for f in callees_first(fn) for name in doubtful_names(f))


def _gradient(
    fn: Function,
    wrt: Sequence[int],
    rules: Rules,
    recorder: Recorder,
    value: bool,
    seeded: bool,
    mode: Mode,
    as_tuple: bool,
    without: Collection[str],
) -> Function:
    decide = deciding(mode, without)
    inner = Recorder(verify=recorder.verify, validator=recorder.validator)

    def unmarked(f: Function) -> Function:
        """Reverse mode has used the blocks. In compiled code, comments keep statements from moving."""
        return drop_comments(drop_blocks(f)) if mode == "machine" else drop_blocks(f)

    def finish(helper: Function) -> Function:
        return inner.run(bind_lengths(unmarked(helper), may_save=True), decide)

    if mode == "machine":
        fn = recorder.run(fn, (*INLINED, PRIVATE))
    started, prepared = time.perf_counter(), fn
    fn = each_function(fn, with_launch_copies)
    fn = reverse(fn, wrt, rules, finish, value=value, seeded=seeded, as_tuple=as_tuple)
    fn = each_function(fn, lambda f: without_launch_copies(unmarked(f)))
    fn = bind_lengths(fn, may_save=True)
    recorder.note("reverse", fn, time.perf_counter() - started)
    if recorder.validator is not None:
        recorder.validator.derivative("reverse", prepared, fn, wrt)
    main = [replace(p, whole=True) for p in decide]  # reverse mode has finished helpers
    return recorder.run(fn, (*main, *_TRIM, *main[-len(FINISH) :], *_OWN))


def tangent(
    fn: Function,
    wrt: Sequence[int],
    rules: Rules,
    forward_rules: ForwardRules,
    recorder: Recorder,
    *,
    value: bool = True,
    names: Sequence[str] = (),
    machine: bool = False,
) -> Function:
    """A prepared function to its forward-mode derivative, ready to be printed; `machine`: as one function for compiled
    loops, where helpers are not too large.
    """
    if machine:
        fn = recorder.run(fn, INLINED[1:])
    started, prepared = time.perf_counter(), fn
    fn = each_function(fn, drop_blocks)
    fn = forward(fn, wrt, rules, forward_rules, value=value, names=names)
    fn = each_function(fn, bind_lengths)
    recorder.note("forward", fn, time.perf_counter() - started)
    if recorder.validator is not None:
        recorder.validator.derivative("forward", prepared, fn, wrt)
    return recorder.run(fn, PRINTED)


def ahead(fn: Function, count: int, recorder: Recorder, mode: Mode) -> Function:
    """A finished derivative along directions, its last `count` parameters: statements without directions come first."""
    directions = fn.params[len(fn.params) - count :]
    if is_one_number(directions):
        return fn
    first = PRIMAL.at(PRIMAL.why, lambda f: hoist_primal(f, directions, mode))
    return recorder.run(fn, (first, *SIMPLIFY))


def simplified(fn: Function, recorder: Recorder) -> Function:
    """A finished derivative along one direction, after it was put into loops over all directions."""
    return recorder.run(fn, (*SIMPLIFY, ONE_HOT))


def finished(fn: Function, recorder: Recorder) -> Function:
    """A prepared function itself, ready to be printed."""
    fn = each_function(fn, lambda f: bind_lengths(drop_blocks(f)))
    return recorder.run(fn, PRINTED)
