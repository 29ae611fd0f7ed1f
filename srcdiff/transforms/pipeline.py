"""The passes in their order, each with its reason, and how they are run.

`prepare` brings a function from the frontend into the form that derivatives are taken of; `gradient` and
`tangent` make the derivative and bring it into the form that is printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from srcdiff.errors import called_at
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Call, Function, Op, Statement, Value, walk
from srcdiff.ir.recursion import callees_first, is_itself, tied
from srcdiff.ir.text import to_text
from srcdiff.ir.verify import check
from srcdiff.ops.blocks import adjoint_block
from srcdiff.transforms.adjoint_blocks import drop_blocks, drop_comments, settle_blocks
from srcdiff.transforms.algebra import algebra
from srcdiff.transforms.alike_branches import alike_branches
from srcdiff.transforms.bound_names import bound_names, doubtful_names
from srcdiff.transforms.branch_results import branch_results
from srcdiff.transforms.cancel import cancel
from srcdiff.transforms.carried import forward_invariants
from srcdiff.transforms.chains import NAME as PRODUCT_ORDER
from srcdiff.transforms.chains import order_products
from srcdiff.transforms.choices import best_choices, drawn_choices
from srcdiff.transforms.count_up import count_up
from srcdiff.transforms.cse import cse
from srcdiff.transforms.dce import dce
from srcdiff.transforms.dead_stores import dead_stores
from srcdiff.transforms.definite import NAME as CHOLESKY
from srcdiff.transforms.definite import definite_systems
from srcdiff.transforms.directions import is_one_number
from srcdiff.transforms.distinct import note_distinct
from srcdiff.transforms.empties import arrays_first, guard_divisions, note_divisors
from srcdiff.transforms.entropy import plain_sums, weighed
from srcdiff.transforms.fill_once import fill_once
from srcdiff.transforms.first_sums import first_sums
from srcdiff.transforms.fold import fold
from srcdiff.transforms.forward import ForwardRules, forward
from srcdiff.transforms.forward_stores import forward_stores
from srcdiff.transforms.fuse_loops import fuse_loops, loop_direction
from srcdiff.transforms.hoist import hoist
from srcdiff.transforms.inline_calls import inline_calls
from srcdiff.transforms.inline_systems import inline_systems
from srcdiff.transforms.kbest import k_best
from srcdiff.transforms.last_turn import drop_last_turns
from srcdiff.transforms.launches import with_launch_copies, without_launch_copies
from srcdiff.transforms.layouts import Layouts, all_layouts
from srcdiff.transforms.lengths import bind_lengths, known_lengths
from srcdiff.transforms.list_arrays import list_arrays
from srcdiff.transforms.log_products import NAME as SCALED
from srcdiff.transforms.log_products import log_products
from srcdiff.transforms.materialise import materialise
from srcdiff.transforms.merge_ifs import merge_ifs
from srcdiff.transforms.messages import counted, weights
from srcdiff.transforms.models import no_kept_models, other_models
from srcdiff.transforms.moves import move_copies
from srcdiff.transforms.ownership import own_items, own_results
from srcdiff.transforms.primal_first import primal_first
from srcdiff.transforms.private_buffers import private_buffers
from srcdiff.transforms.reads import insert_reads, own_arguments
from srcdiff.transforms.rebound import rebind_whole
from srcdiff.transforms.reshaped import contiguous_buffers, own_reshaped
from srcdiff.transforms.residuals import Mode, residuals
from srcdiff.transforms.reverse import Rules, reverse
from srcdiff.transforms.scan import scanned
from srcdiff.transforms.schedule import place_clears
from srcdiff.transforms.semiring import max_of_weights, max_plus
from srcdiff.transforms.shared_lu import NAME as SHARED_LU
from srcdiff.transforms.shared_lu import share_factors
from srcdiff.transforms.sigmoids import name_sigmoids, plain_quotients
from srcdiff.transforms.squared_sizes import name_squared_sizes, plain_powers
from srcdiff.transforms.stabilise import stabilise
from srcdiff.transforms.triangular import NAME as TRIANGULAR
from srcdiff.transforms.triangular import triangular_systems
from srcdiff.transforms.trim_calls import trim_calls
from srcdiff.transforms.unit_vectors import unit_vectors
from srcdiff.transforms.written_parts import write_parts

if TYPE_CHECKING:
    from srcdiff.transforms.validate import Validator

__all__ = [
    "AT_HAND", "FINISH", "FUSE_TURNS", "LENGTHS", "QUOTIENTS", "SIMPLIFY", "Pass", "Recorder", "ahead", "finished",
    "gradient", "prepare", "preparing", "simplified", "tangent",
]  # fmt: skip


@dataclass(frozen=True)
class Pass:
    """One step: `fn` takes a function to a function. `whole` passes see calls and callees at once, others each
    function. `changes` says why its result may have other values, so that it is not validated. One that
    `stabilises` may differ by the rounding errors of what was there before, not by those of its own result.
    """

    name: str
    fn: Callable[[Function], Function]
    why: str
    whole: bool = False
    changes: str = ""
    stabilises: bool = False


@dataclass
class Recorder:
    """What happened: the text after each pass (if asked for), the seconds each took, and whether to check each
    result.

    Attributes
    ----------
    shared : dict
        Functions that the program in NumPy and its loop form are both made of, by what they were read for.
    validator : Validator, optional
        Compares values before and after each pass; set where SRCDIFF_VALIDATE is.
    """

    keep_text: bool = False
    verify: bool = False
    shared: dict[Any, Any] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    validator: Validator | None = field(default_factory=lambda: _validator())

    def run(self, fn: Function, passes: Sequence[Pass]) -> Function:
        for step in passes:
            started, before = time.perf_counter(), fn
            fn = step.fn(fn) if step.whole else each_function(fn, step.fn)
            self.note(step.name, fn, time.perf_counter() - started)
            if self.validator is not None:
                self.validator.step(step, before, fn)
        return fn

    def note(self, name: str, fn: Function, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        if self.verify:
            check(fn)
        if self.keep_text:
            count = sum(n == name or n.startswith(f"{name} (") for n in self.stages)
            self.stages[f"{name} ({count + 1})" if count else name] = to_text(fn)


def _validator() -> Validator | None:
    if os.environ.get("SRCDIFF_VALIDATE", "0") in ("", "0"):
        return None
    from srcdiff.transforms.validate import Validator  # only tests validate

    return Validator()


def each_function(fn: Function, change: Callable[[Function], Function]) -> Function:
    """`change` applied to a function and to all that it calls, each once."""
    return _EachFunction(change).function(fn)


class _EachFunction(Rewriter):
    def __init__(self, change: Callable[[Function], Function]) -> None:
        self.change = change
        self.done: dict[int, Function] = {}

    def function(self, fn: Function) -> Function:
        if is_itself(fn):
            return fn
        if id(fn) not in self.done:
            has_calls = any(isinstance(s, Call) or _is_block(s) for s in _all(fn))
            self.done[id(fn)] = tied(self.change(self(fn))) if has_calls else self.change(fn)
        return self.done[id(fn)]

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Call):
            with called_at(new.location):
                new = replace(new, function=self.function(new.function))
        elif isinstance(new, Op) and _is_block(new):
            new = replace(new, attrs={**new.attrs, "block": self.function(new.attrs["block"])})
        b.append(new)


def _is_block(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl is adjoint_block


def with_layouts(fn: Function, change: Callable[[Function, Layouts], Function]) -> Function:
    """`change` applied to a function and to all that it calls, with the layouts of all arrays in them."""
    layouts = {**all_layouts(fn)}
    blocks = [s.attrs["block"] for s in _all(fn) if isinstance(s, Op) and _is_block(s)]
    for block in blocks:  # an adjoint may lie in any way
        layouts |= all_layouts(block, frozenset(block.params))
    return each_function(fn, lambda f: change(f, layouts))


def _all(fn: Function) -> list[Statement]:
    return list(walk(fn.body))


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
