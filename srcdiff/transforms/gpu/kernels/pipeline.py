"""The passes from a user's kernel to its adjoint and tangent kernels, in their order."""

from __future__ import annotations

import sys
from dataclasses import replace

from srcdiff.ir.core import Function, Op, walk
from srcdiff.transforms.ad.forward import ForwardRules
from srcdiff.transforms.ad.reverse.reverse import Rules
from srcdiff.transforms.ad.tape.decide import residuals
from srcdiff.transforms.gpu.device.legality import device_checks, device_values
from srcdiff.transforms.gpu.device.lists_to_stacks import stacks
from srcdiff.transforms.gpu.kernels.atomics import atomic_sums, note_axes
from srcdiff.transforms.gpu.kernels.barriers import (
    needed_barriers,
    plain_barriers,
    shared_first,
    storage_barriers,
)
from srcdiff.transforms.gpu.kernels.canonical_loops import counted_loops, grid_places
from srcdiff.transforms.gpu.kernels.forward import kernel_tangent
from srcdiff.transforms.gpu.kernels.races import check_races
from srcdiff.transforms.gpu.kernels.recompute import one_of_twins
from srcdiff.transforms.gpu.kernels.reverse import kernel_adjoint
from srcdiff.transforms.gpu.kernels.single_writer import note_alone
from srcdiff.transforms.gpu.kernels.store_forwarding import own_elements
from srcdiff.transforms.gpu.kernels.tape import counts_of_storage, inner_lists, thread_storage
from srcdiff.transforms.legalize.bool_casts import truth_numbers
from srcdiff.transforms.legalize.integer_width import wrapped_integers
from srcdiff.transforms.legalize.negative_steps import countdown
from srcdiff.transforms.legalize.single_precision import single
from srcdiff.transforms.lower.materialise_dims import bind_lengths
from srcdiff.transforms.passes import Pass, Recorder
from srcdiff.transforms.pipeline import (
    AT_HAND,
    FINISH,
    FUSE_TURNS,
    LENGTHS,
    QUOTIENTS,
    SIMPLIFY,
    preparing,
)
from srcdiff.transforms.simplify.compose_subscripts import elements_of_rows
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.inline import inline_calls

__all__ = ["adjoint_kernel", "storage_kernel", "tangent_kernel"]

_OWN = ("own arguments", "reshaped")  # steps of others: kernels write their arguments

_PREPARE = (
    Pass(
        "inline calls",
        lambda f: bind_lengths(inline_calls(f, most=sys.maxsize, reads=False)),
        "device functions are part of the kernel",
    ),
    Pass("rows", elements_of_rows, "an element is one subscript"),
    Pass("grid places", grid_places, "what tells threads apart is said in one way"),
    Pass("counted loops", counted_loops, "loops that count know which turn it is"),
    Pass("shared memory", shared_first, "there is one for all turns and branches"),
    Pass("storage barriers", storage_barriers, "a barrier is where others have written"),
    Pass("axes", note_axes, "a launch along others would do everything twice"),
    Pass("races", check_races, "what races has no derivative"),
    Pass("alone", note_alone, "what races in some launches is asked of each"),
    *(step for step in preparing(frozenset()) if step.name not in _OWN),
)

_TOGETHER = (
    Pass("twins", one_of_twins, "turns that are run again load the same tiles"),
    Pass("barriers", needed_barriers, "what is gone needs no order"),
)

_ELEMENTS = (Pass("elements", own_elements, "what a thread stores nobody else touches"), *FINISH)

_LISTS = (
    Pass("inner lists", inner_lists, "what fills a list and what reads it stand side by side"),
    Pass("stacks", stacks, "lists are arrays with room"),
    Pass("dead code", dce, "what was only asked of lists"),
)

_PRINTED = (
    Pass("device values", device_values, "devices have no lists and no recursion"),
    Pass("atomics", atomic_sums, "what several threads read, they add to"),
    Pass("storage", thread_storage, "a thread takes no storage"),
    Pass("lengths", bind_lengths, "lengths that storage asked for"),
    Pass("common", cse, "where a thread is, is asked once"),
    Pass("single", lambda f: f if _has_wide_storage(f) else single(f), "no double precision"),
    Pass("truth numbers", truth_numbers, "compiled code converts none"),
    Pass("wrapped integers", wrapped_integers, "compiled code computes with 64 bits"),
    Pass("countdown", countdown, "compiled code counts down"),
    Pass("plain barriers", plain_barriers, "a barrier has no operands"),
    FINISH[-1],
    Pass("device checks", device_checks, "devices have neither lists nor NumPy"),
    Pass("device", lambda f: _noted(f), "it is printed as a kernel"),
)


def adjoint_kernel(fn: Function, rules: Rules, recorder: Recorder) -> tuple[Function, Function]:
    """A kernel from the frontend to its adjoint, ready to be printed, and the same before it has its storage."""
    fn = recorder.run(fn, _PREPARE)
    fn = bind_lengths(kernel_adjoint(fn, rules), may_save=True)
    recorder.note("reverse", fn, 0.0)
    store = Pass("residuals", lambda f: residuals(f, "kernel"), "store or recompute")
    decide = (*SIMPLIFY, FUSE_TURNS, *SIMPLIFY, *AT_HAND, *LENGTHS, store, *AT_HAND)
    fn = recorder.run(fn, (QUOTIENTS, *decide, *FINISH, *_TOGETHER, *FINISH, *_ELEMENTS, *_LISTS))
    return recorder.run(fn, _PRINTED), fn


def tangent_kernel(
    fn: Function, rules: Rules, forward_rules: ForwardRules, recorder: Recorder
) -> Function:
    """A kernel from the frontend to its tangent kernel, ready to be printed."""
    fn = recorder.run(fn, _PREPARE)
    fn = bind_lengths(kernel_tangent(fn, rules, forward_rules))
    recorder.note("forward", fn, 0.0)
    return recorder.run(fn, (QUOTIENTS, *SIMPLIFY, *FINISH, *_PRINTED))


def storage_kernel(fn: Function, recorder: Recorder) -> Function:
    """The kernel that finds how much an adjoint kernel needs of what it is given; see `counts_of_storage`."""
    counted = Pass("counts", counts_of_storage, "only lengths are asked for")
    return recorder.run(fn, (counted, *_PRINTED))


def _has_wide_storage(fn: Function) -> bool:
    """Whether a kernel says itself that it keeps numbers in double precision."""
    return any(
        isinstance(s, Op)
        and s.origin == "user"
        and s.decl.name in ("shared_array", "local_array")
        and s.attrs["type"].dtype == "float64"
        for s in walk(fn.body)
    )


def _noted(fn: Function) -> Function:
    return replace(fn, notes={**fn.notes, "device": True, "kernel": True, "loops": False})
