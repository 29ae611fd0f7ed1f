"""The passes in their order, each with its reason, and how they are run.

`prepare` brings a function from the frontend into the form that derivatives are taken of; `gradient` and
`tangent` make the derivative and bring it into the form that is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from srcdiff.ir.core import Function, Op, Value
from srcdiff.ir.recursion import callees_first
from srcdiff.transforms.ad.directives.hook_markers import drop_blocks, drop_comments, settle_blocks
from srcdiff.transforms.ad.directives.kernel_launches import (
    with_launch_copies,
    without_launch_copies,
)
from srcdiff.transforms.ad.forward import ForwardRules, forward
from srcdiff.transforms.ad.fuse_mirror_loops import fuse_loops, loop_direction
from srcdiff.transforms.ad.hoist_primal import primal_first
from srcdiff.transforms.ad.jacobian_loops import is_one_number
from srcdiff.transforms.ad.place_clears import place_clears
from srcdiff.transforms.ad.reverse.reverse import Rules, reverse
from srcdiff.transforms.ad.tape.decide import Mode, residuals
from srcdiff.transforms.ad.tape.dedup_branch_saves import branch_results
from srcdiff.transforms.ad.tape.peel_exit_test import drop_last_turns
from srcdiff.transforms.analysis.dependence.unique_indices import note_distinct
from srcdiff.transforms.analysis.memory_layout import Layouts, all_layouts
from srcdiff.transforms.buffers.copy_elision import move_copies
from srcdiff.transforms.buffers.dead_store_elimination import dead_stores
from srcdiff.transforms.buffers.first_accumulation import first_sums
from srcdiff.transforms.buffers.privatise import private_buffers
from srcdiff.transforms.buffers.store_forwarding import forward_stores
from srcdiff.transforms.buffers.zero_init_elision import fill_once
from srcdiff.transforms.buffers.zeros_prototypes import no_kept_models, other_models
from srcdiff.transforms.guards.division_by_zero_length import (
    arrays_first,
    guard_divisions,
    note_divisors,
)
from srcdiff.transforms.guards.unbound_checks import bound_names, doubtful_names
from srcdiff.transforms.linalg.cholesky_systems import NAME as CHOLESKY
from srcdiff.transforms.linalg.cholesky_systems import definite_systems
from srcdiff.transforms.linalg.inline_policy import inline_systems
from srcdiff.transforms.linalg.lu_systems import NAME as SHARED_LU
from srcdiff.transforms.linalg.lu_systems import share_factors
from srcdiff.transforms.linalg.matrix_chain_order import NAME as PRODUCT_ORDER
from srcdiff.transforms.linalg.matrix_chain_order import order_products
from srcdiff.transforms.linalg.one_hot_products import unit_vectors
from srcdiff.transforms.linalg.scaled_gemm import NAME as SCALED
from srcdiff.transforms.linalg.scaled_gemm import log_products
from srcdiff.transforms.linalg.triangular_systems import NAME as TRIANGULAR
from srcdiff.transforms.linalg.triangular_systems import triangular_systems
from srcdiff.transforms.lower.broadcasts import materialise
from srcdiff.transforms.lower.lists_to_arrays import list_arrays
from srcdiff.transforms.lower.materialise_dims import bind_lengths, known_lengths
from srcdiff.transforms.passes import (
    Pass,
    Recorder,
    all_statements,
    each_function,
    is_adjoint_block,
)
from srcdiff.transforms.prepare.complex_writes import write_parts
from srcdiff.transforms.prepare.insert_loads import insert_reads, own_arguments
from srcdiff.transforms.prepare.rename_overwrites import rebind_whole
from srcdiff.transforms.prepare.reshape_copies import contiguous_buffers, own_reshaped
from srcdiff.transforms.prepare.result_ownership import own_items, own_results
from srcdiff.transforms.rewrite.named_abs_squared import name_squared_sizes, plain_powers
from srcdiff.transforms.rewrite.named_sigmoid import name_sigmoids, plain_quotients
from srcdiff.transforms.schedule.loop_direction import count_up
from srcdiff.transforms.semiring.argmax_sample import best_choices, drawn_choices
from srcdiff.transforms.semiring.associative_scan import scanned
from srcdiff.transforms.semiring.entropy import plain_sums, weighed
from srcdiff.transforms.semiring.kbest import k_best
from srcdiff.transforms.semiring.log_semiring import max_of_weights, max_plus
from srcdiff.transforms.semiring.message_passes import counted, weights
from srcdiff.transforms.simplify.algebra.reassociate import algebra
from srcdiff.transforms.simplify.algebra.zero_adjoints import cancel
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.dead_arguments import trim_calls
from srcdiff.transforms.simplify.fold import fold
from srcdiff.transforms.simplify.fold_identical_branches import alike_branches
from srcdiff.transforms.simplify.inline import inline_calls
from srcdiff.transforms.simplify.invariant_carries import forward_invariants
from srcdiff.transforms.simplify.licm import hoist
from srcdiff.transforms.simplify.merge_branches import merge_ifs
from srcdiff.transforms.stability import stabilise

__all__ = [
    "AT_HAND", "FINISH", "FUSE_TURNS", "LENGTHS", "QUOTIENTS", "SIMPLIFY", "ahead", "finished", "gradient",
    "prepare", "preparing", "simplified", "tangent",
]  # fmt: skip


def with_layouts(fn: Function, change: Callable[[Function, Layouts], Function]) -> Function:
    """`change` applied to a function and to all that it calls, with the layouts of all arrays in them."""
    layouts = {**all_layouts(fn)}
    blocks = [
        s.attrs["block"] for s in all_statements(fn) if isinstance(s, Op) and is_adjoint_block(s)
    ]
    for block in blocks:  # an adjoint may lie in any way
        layouts |= all_layouts(block, frozenset(block.params))
    return each_function(fn, lambda f: change(f, layouts))


def preparing(disabled: Collection[str] | None) -> tuple[Pass, ...]:
    """The passes that `prepare` runs."""
    steps = [
        Pass(
            "reshaped",
            lambda fn: with_layouts(fn, own_reshaped),
            "what NumPy reshapes is a view, or a copy is made",
            whole=True,
        ),
        Pass("own arguments", own_arguments, "derivatives never modify their arguments"),
        Pass("blocks", settle_blocks, "what a block is of goes on under its own name"),
        Pass("written parts", write_parts, "a write into w.real is one into w"),
        Pass("rebound", rebind_whole, "what overwrites an array whole is an array of its own"),
        Pass("reads", insert_reads, "the contents of an array at a moment become a value"),
    ]
    steps.append(Pass("divisors", note_divisors, "what is divided by is not 0 afterwards"))
    steps.append(Pass("distinct", note_distinct, "places that are written once are known"))
    if disabled is not None and not {TRIANGULAR, CHOLESKY, SHARED_LU} <= {*disabled}:
        why = "who calls a helper knows more of the matrices that it solves with"
        steps.append(Pass("helpers with systems", inline_systems, why))
    if disabled is not None:
        rewrite = Pass(
            "stabilise",
            lambda fn: stabilise(fn, disabled),
            "log(sigmoid) and its kin, before they are differentiated",
            stabilises=True,
        )
        steps.append(rewrite)
        why = "what is computed in one of two ways may be the same then"
        steps.append(Pass("alike branches", alike_branches, why))
    if disabled is not None and PRODUCT_ORDER not in disabled:
        why = "products of three matrices cost what their lengths say"
        steps.append(Pass("order of products", order_products, why))
    if disabled is not None and TRIANGULAR not in disabled:
        why = "triangular systems are substituted into"
        steps.append(Pass("triangular systems", triangular_systems, why))
    if disabled is not None and CHOLESKY not in disabled:
        why = "symmetric systems share one factorisation"
        steps.append(Pass("definite systems", definite_systems, why))
    if disabled is not None and SHARED_LU not in disabled:
        why = "systems with one matrix share one factorisation"
        steps.append(Pass("shared factors", share_factors, why))
    if disabled is not None:
        why = "sums over states are products of scaled probabilities"
        of_all = SCALED not in disabled
        steps.append(
            Pass("log products", lambda fn: log_products(fn, of_all), why, stabilises=True)
        )
    steps.append(Pass("sigmoids", name_sigmoids, "what is written as a quotient is a sigmoid"))
    steps.append(Pass("sizes", name_squared_sizes, "squares of absolute values have no kink"))
    return (*steps, Pass("dead code", dce, "what nothing depends on has no derivative"))


_BLOCKS = Pass("blocks", drop_blocks, "blocks of srcdiff.adjoint are where they belong")
_COMMENTS = Pass("comments", drop_comments, "nobody reads compiled code")

QUOTIENTS = Pass(
    "quotients",
    lambda fn: plain_powers(plain_quotients(fn)),
    "sigmoids and squares that have their derivative",
)

SIMPLIFY = (
    Pass("fold", fold, "zeros and ones that rules produced"),
    Pass("invariants", forward_invariants, "carried adjoints that do not change are their start"),
    Pass("common", cse, "the backward part asks for what the forward part has"),
    Pass("dead stores", dead_stores, "writes clear adjoints that nothing asks for again"),
    Pass("dead code", dce, "rules are inlined whole"),
)

_RESULTS = Pass("branch results", branch_results, "what branches hand on is not kept beside that")

_CANCEL = Pass("cancel", cancel, "what a sum is shifted by has no adjoint, and is not kept for one")

_FUSE = Pass(
    "fuse loops",
    fuse_loops,
    "a forward and a backward loop that may be one are one; nothing is kept between them",
)
FUSE_TURNS = Pass(
    "fuse loops",
    lambda fn: fuse_loops(fn, complete=False),
    "a forward and a backward loop that may be one are one; what is kept is kept for a turn",
)

LENGTHS = (
    Pass(
        "lengths",
        lambda fn: bind_lengths(no_kept_models(fn), may_save=True),
        "nothing is kept for its length where what is needed anyway shows it",
    ),
    Pass("dead code", dce, "what only lengths were asked of"),
)

_HELPERS = (
    Pass(
        "list arrays", list_arrays, "items side by side are arrays, and so is what is kept of them"
    ),
    Pass("helpers", inline_calls, "what is kept of a helper is decided on with all else"),
    Pass("known lengths", known_lengths, "no array is kept for a length that arguments show"),
)

_PRIVATE = (
    Pass("private buffers", private_buffers, "turns that share no storage keep nothing for others"),
)

AT_HAND = (
    Pass("forward stores", forward_stores, "what was stored is at hand, and not kept twice"),
    Pass("dead code", dce, "what was loaded again"),
)


def merged_branches(fn: Function) -> Function:
    """`fn` with branches joined, and those inside of these, whose conditions are seen to be one then."""
    while (new := merge_ifs(fn)) is not fn:
        fn = cse(new)
    return fn


FINISH = (
    Pass("materialise", materialise, "adjoints at full size get their spelling"),
    Pass("fold", fold, "what recomputation made constant"),
    Pass("common", cse, "recomputed values that several rules ask for"),
    Pass(
        "last turn", drop_last_turns, "a turn that only asks whether there is another has no mirror"
    ),
    Pass("merge branches", merged_branches, "neighbouring branches on one condition are one"),
    Pass("arrays first", arrays_first, "a length may be 0, by which only arrays are divided"),
    Pass("algebra", algebra, "sums of products as a person writes them"),
    Pass("fold", fold, "what algebra made constant"),
    Pass("materialise", materialise, "what was filled only now"),
    Pass("hoist", hoist, "what does not change in a loop"),
    Pass("dead stores", dead_stores, "what is read is known now"),
    Pass("moves", move_copies, "a copy of what ends there is no copy"),
    Pass("loop direction", loop_direction, "a reversed loop whose turns commute runs forwards"),
    Pass("count up", count_up, "a loop that counted down and is reversed counts up"),
    Pass("clears", place_clears, "zeros are written where they read best, or not at all"),
    Pass("fill once", fill_once, "no zeros where a loop fills every row"),
    Pass("first sums", first_sums, "what is added to zeros first is what they become"),
    Pass("models", other_models, "nothing is computed to be looked at from outside"),
    Pass("lengths", bind_lengths, "what shows a length now may be gone, or be needed for itself"),
    Pass("dead code", dce, "what is left over"),
)

_TRIM = (
    Pass("trim calls", trim_calls, "helpers take and give what is used", whole=True),
    Pass("dead code", dce, "what only trimmed arguments used"),
)

_OWN = (
    Pass(
        "buffers",
        lambda fn: with_layouts(fn, contiguous_buffers),
        "what is reshaped and written is contiguous",
        whole=True,
    ),
    Pass("own items", own_items, "what is on a list that is handed out is nowhere else"),
    Pass("own results", own_results, "results share no memory", whole=True),
)


def prepare(
    fn: Function, recorder: Recorder, disabled: Collection[str] | None = frozenset()
) -> Function:
    """The function in the form that derivatives are taken of; `disabled=None` rewrites nothing of the user's."""
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

    Names that the function may read without a value, as behind a loop that makes no turn, are asked for first where the
    derivative does not read them: it raises where the function does.
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
    store = Pass("residuals", lambda f: residuals(f, mode, without), "store or recompute")
    is_machine = mode == "machine"
    fuse, ahead = (FUSE_TURNS, AT_HAND) if is_machine else (_FUSE, ())
    if "inner loops" in without:  # no turn keeps storage of its own
        fuse = _FUSE
    decide = (_RESULTS, *SIMPLIFY, _CANCEL, fuse, *SIMPLIFY, *ahead, *LENGTHS, store, *FINISH)
    inner = Recorder(verify=recorder.verify, validator=recorder.validator)

    unread = (_COMMENTS,) if is_machine else ()

    def finish(helper: Function) -> Function:
        return inner.run(
            bind_lengths(helper, may_save=True), (_BLOCKS, *unread, QUOTIENTS, *decide)
        )

    if is_machine:
        fn = recorder.run(fn, (*_HELPERS, *_PRIVATE))
    started, prepared = time.perf_counter(), fn
    fn = each_function(fn, with_launch_copies)
    fn = reverse(fn, wrt, rules, finish, value=value, seeded=seeded, as_tuple=as_tuple)
    fn = each_function(fn, lambda f: without_launch_copies(drop_blocks(f)))
    fn = bind_lengths(fn, may_save=True)
    recorder.note("reverse", fn, time.perf_counter() - started)
    if recorder.validator is not None:
        recorder.validator.derivative("reverse", prepared, fn, wrt)
    guard = Pass("divisions", guard_divisions, "numbers are divided by lengths as NumPy does it")
    main = [replace(p, whole=True) for p in decide]
    return recorder.run(
        fn, (*unread, QUOTIENTS, *main, *_TRIM, *main[-len(FINISH) :], guard, *_OWN)
    )


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
    loops, where helpers are no larger than they may be.
    """
    if machine:
        fn = recorder.run(fn, _HELPERS[1:])
    started, prepared = time.perf_counter(), fn
    fn = each_function(fn, drop_blocks)
    fn = forward(fn, wrt, rules, forward_rules, value=value, names=names)
    fn = each_function(fn, bind_lengths)
    recorder.note("forward", fn, time.perf_counter() - started)
    if recorder.validator is not None:
        recorder.validator.derivative("forward", prepared, fn, wrt)
    guard = Pass("divisions", guard_divisions, "numbers are divided by lengths as NumPy does it")
    return recorder.run(fn, (QUOTIENTS, *SIMPLIFY, *FINISH, *_TRIM, guard, *_OWN))


def ahead(fn: Function, count: int, recorder: Recorder, mode: Mode) -> Function:
    """A finished derivative along directions, its last `count` parameters: what is the same for all comes first."""
    directions = fn.params[len(fn.params) - count :]
    if is_one_number(directions):
        return fn
    why = "what all directions have in common is computed once"
    first = Pass("primal first", lambda f: primal_first(f, directions, mode), why, whole=True)
    return recorder.run(fn, (first, *SIMPLIFY))


def simplified(fn: Function, recorder: Recorder) -> Function:
    """A finished derivative along one direction, after it was put into loops over all of them."""
    units = Pass("unit vectors", unit_vectors, "a product with one of them picks a row or column")
    return recorder.run(fn, (*SIMPLIFY, units))


_SEMIRING = "it computes in another semiring"
_SEMIRINGS = {
    "max": Pass("max-plus", max_plus, "sums of exponentials are maxima of exponents", changes=_SEMIRING),
    "argmax": Pass("best choices", best_choices, "the adjoint of a maximum goes to the first", changes=_SEMIRING),
    "count": Pass("counted", counted, "messages are numbers of terms", whole=True, changes=_SEMIRING),
    "weights": Pass("weights", weights, "messages are weights, not logarithms", whole=True, changes=_SEMIRING),
    "weighed": Pass("weighed", weighed, "tangents of sums leave out what has no weight", changes=_SEMIRING),
    "plain sums": Pass("plain sums", plain_sums, "what sums were before their tangents", changes=_SEMIRING),
    "sample": Pass("drawn choices", drawn_choices, "an adjoint goes to one term", whole=True, changes=_SEMIRING),
}  # fmt: skip


def in_semiring(fn: Function, semiring: str, recorder: Recorder) -> Function:
    """A prepared function in another semiring, and all that it calls."""
    return recorder.run(fn, (_SEMIRINGS[semiring],))


def with_trees(fn: Function, recorder: Recorder) -> Function:
    """A prepared function with its associative loops as trees."""
    change = Pass("scan", scanned, "turns are put together in pairs", whole=True)
    return recorder.run(fn, (change,))


def with_best(fn: Function, k: int, recorder: Recorder) -> Function:
    """A prepared function whose messages are the `k` best."""
    best = Pass(
        "k best",
        lambda f: k_best(f, k),
        "messages are lists of the k best",
        whole=True,
        changes=_SEMIRING,
    )
    return recorder.run(fn, (best,))


def max_marginals(fn: Function, begun: Collection[Value], recorder: Recorder) -> Function:
    """The prepared gradient of a sum of weights in max-plus; `begun` are the zeros and ones it begins with."""
    change = Pass(
        "max-plus",
        lambda f: max_of_weights(f, begun),
        "weights that are returned, too",
        whole=True,
        changes=_SEMIRING,
    )
    return recorder.run(fn, (change,))


def finished(fn: Function, recorder: Recorder) -> Function:
    """A prepared function itself, ready to be printed."""
    guard = Pass("divisions", guard_divisions, "numbers are divided by lengths as NumPy does it")
    fn = each_function(fn, lambda f: bind_lengths(drop_blocks(f)))
    return recorder.run(fn, (QUOTIENTS, *SIMPLIFY, *FINISH, *_TRIM, guard, *_OWN))
