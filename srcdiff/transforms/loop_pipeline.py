"""The loop form of a finished derivative: the passes in their order."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from srcdiff.ir.core import Function
from srcdiff.ir.verify import verify
from srcdiff.transforms.ad.destination_passing import handed_down
from srcdiff.transforms.buffers.array_contraction import shrink_buffers
from srcdiff.transforms.buffers.array_layout import axis_order
from srcdiff.transforms.buffers.drop_unit_axes import single_axes
from srcdiff.transforms.buffers.hoist_allocations import hoist_buffers
from srcdiff.transforms.buffers.in_place import reuse_buffers
from srcdiff.transforms.buffers.privatise import clear_in_turns
from srcdiff.transforms.buffers.scalar_promotion import sums_in_memory
from srcdiff.transforms.buffers.store_forwarding import (
    drop_overwritten,
    drop_unread,
    forward_stores,
)
from srcdiff.transforms.gpu.device.cooperative_loops import block_loops, mark_block_loops
from srcdiff.transforms.gpu.device.copy_carries import own_carries
from srcdiff.transforms.gpu.device.counter_rng import device_random
from srcdiff.transforms.gpu.device.error_codes import device_errors
from srcdiff.transforms.gpu.device.hoist_branch_allocations import branch_storage
from srcdiff.transforms.gpu.device.legality import device_checks, device_values
from srcdiff.transforms.gpu.device.lists_to_stacks import stacks
from srcdiff.transforms.gpu.device.out_params import given_results
from srcdiff.transforms.gpu.device.preallocate import device_storage, local_lengths
from srcdiff.transforms.gpu.device.storage_dims import device_lengths
from srcdiff.transforms.guards.entry_guards import with_entry_checks
from srcdiff.transforms.guards.python_errors import python_errors
from srcdiff.transforms.guards.shape_checks import length_checks
from srcdiff.transforms.guards.specialise_axes import assuming, records
from srcdiff.transforms.guards.unbound_checks import bound_names
from srcdiff.transforms.legalize.bool_casts import truth_numbers
from srcdiff.transforms.legalize.contiguity import contiguous
from srcdiff.transforms.legalize.float32 import narrow_numbers
from srcdiff.transforms.legalize.integer_width import wrapped_integers
from srcdiff.transforms.legalize.messages import plain_messages
from srcdiff.transforms.legalize.negative_steps import countdown
from srcdiff.transforms.legalize.numba_legality import only_inside, without_scipy
from srcdiff.transforms.legalize.numba_names import numba_names
from srcdiff.transforms.legalize.powers import plain_powers
from srcdiff.transforms.legalize.single_precision import single
from srcdiff.transforms.legalize.strict_fp import compares_results
from srcdiff.transforms.legalize.tuples import plain_tuples
from srcdiff.transforms.legalize.typed_lists import typed_lists
from srcdiff.transforms.lower.decompose import Expansions, expand
from srcdiff.transforms.lower.hoist_checks import hoist_checks
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking
from srcdiff.transforms.lower.scalarise import scalarise
from srcdiff.transforms.passes import Pass, Recorder, each_function
from srcdiff.transforms.schedule.fission import split_loops
from srcdiff.transforms.schedule.fission_by_store import split_nests
from srcdiff.transforms.schedule.fusion import fuse_nests, mixed_nests
from srcdiff.transforms.schedule.gemm.gemv_to_gemm import gathered_products
from srcdiff.transforms.schedule.gemm.outer_product_to_gemm import gathered_sums
from srcdiff.transforms.schedule.gemm.row_tiling import row_blocks
from srcdiff.transforms.schedule.invariant_tables import tables
from srcdiff.transforms.schedule.outline_threads import thread_bodies
from srcdiff.transforms.schedule.parallel import parallel
from srcdiff.transforms.schedule.register_tiling import shared_rows
from srcdiff.transforms.schedule.scatter_to_gather import gathered_slices
from srcdiff.transforms.schedule.strength_reduction import running_powers
from srcdiff.transforms.schedule.unroll import small_axes, unroll
from srcdiff.transforms.schedule.unroll_and_jam import jam
from srcdiff.transforms.schedule.vectorize.outer_loop import lanes, side_by_side
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.fold import fold
from srcdiff.transforms.simplify.inline import inline_calls
from srcdiff.transforms.simplify.licm import hoist, hoist_all
from srcdiff.transforms.simplify.redundant_checks import settled_tests
from srcdiff.transforms.simplify.unify_dims import equal_lengths

__all__ = ["Block", "to_device_loops", "to_loops"]

_SINGLE = "it computes in single precision"
Block = Literal["atomic", "ordered"]  # how the threads of a block add to what they share


def to_loops(
    fn: Function,
    lengths: Mapping[str, int],
    expansions: Expansions,
    recorder: Recorder,
    fastmath: bool = True,
    threads: int | str | None = 0,
    narrow: bool = False,
) -> Function:
    """A derivative ready to be printed, as loops over scalars.

    Without `fastmath`, sums are added up in the order in which they stand. `threads`: how many share the turns of a
    loop; None: as many as Numba has, 0: none, "auto": as many as Numba has where there is enough to do. `narrow`: for
    arguments whose records are as long as at hand, and small axes, where that writes out loops; they are
    `notes["small"]`.

    Raises
    ------
    NoLoopForm
        For what neither loops nor compiled NumPy can say.
    """
    small, narrow = _small(fn, lengths, narrow)
    in_loops = _into_loops(lengths, expansions, calls=True, fastmath=fastmath, narrow=narrow)
    new = recorder.run(small, in_loops)
    if small is not fn and not new.notes.get("unrolled"):
        new = recorder.run(fn, in_loops)
    return recorder.run(new, _fast(lengths, fastmath, threads, narrow))


def to_device_loops(
    fn: Function,
    lengths: Mapping[str, int],
    expansions: Expansions,
    recorder: Recorder,
    names: Sequence[str],
    narrow: bool = False,
    raises: bool = True,
    block: Block | None = None,
) -> Function:
    """A derivative ready to be printed for a thread of a CUDA device: loops that take no storage and call no NumPy.

    Arrays of the result are added to further parameters, called `names`; see `device_storage`. What does not raise
    says what it would have raised in a last parameter (see `device_errors`), and is called with arguments that were
    looked at. `narrow`: for small axes as long as at hand, and what then is small enough to be a thread's own. `block`:
    for all threads of a block together (see `block_loops`); "ordered" without atomic additions.

    Raises
    ------
    NoLoopForm
        For what cannot be said so.
    """
    small, narrow = _small(fn, lengths, narrow)
    in_loops = _into_loops(lengths, expansions, calls=False, fastmath=True, narrow=narrow)
    passes = (*in_loops, *_for_device(names, raises, block))
    new = recorder.run(small, passes)
    own = local_lengths(new, fn.params, lengths) if narrow else {}
    return recorder.run(assuming(small, own), passes) if own else new


def _small(fn: Function, lengths: Mapping[str, int], narrow: bool) -> tuple[Function, bool]:
    """`fn` with small axes as long as at hand, and whether it is for such: a call may not come to what does not fit."""
    small = assuming(fn, small_axes(fn, lengths) if narrow else {})
    if small is not fn and verify(equal_lengths(small)):
        return fn, False
    return small, narrow


def _for_device(names: Sequence[str], raises: bool, block: Block | None) -> tuple[Pass, ...]:
    """Fewer loops and less storage, given from outside."""
    atomics, down = block != "ordered", Pass("countdown", countdown, "compiled code counts down")
    marked = Pass("marks", lambda f: mark_block_loops(f, atomics), "turns keep what is their own")
    shared = Pass("block loops", lambda f: block_loops(f, atomics), "threads share the turns")
    entered = Pass("entry checks", _entered, "they take no others than they are generated for")
    return (
        Pass("device random", device_random, "devices have no generators"),
        Pass("stacks", stacks, "lists are arrays with room", whole=True),
        Pass("device values", device_values, "devices have no lists and no recursion", whole=True),
        Pass("single", single, "devices are slow at double precision", changes=_SINGLE),
        Pass("lengths", device_lengths, "storage that comes from outside is no one to ask"),
        Pass("fold", fold, "lengths of small axes are numbers"),
        *((entered,) if raises else ()),
        Pass("results", lambda f: given_results(f, names), "the caller adds up gradients"),
        *_joined(Pass("fuse nests", fuse_nests, "what is made in a turn is used in it")),
        Pass("sums in memory", sums_in_memory, "a number is added to faster than an element"),
        Pass("hoist", hoist, "what does not change in a loop"),
        Pass("shrink buffers", shrink_buffers, "each turn has a row of its own"),
        Pass("branch storage", branch_storage, "kernels take none"),
        Pass("reuse buffers", reuse_buffers, "what is not needed any more is written over"),
        *((marked,) if block else ()),
        Pass("hoist buffers", hoist_buffers, "a loop takes its storage once"),
        Pass("truth numbers", truth_numbers, "compiled code converts none"),
        Pass("wrapped integers", wrapped_integers, "compiled code computes with 64 bits"),
        *(() if block else (down,)),
        Pass("dead code", dce, "what is left over"),
        Pass("compiled", lambda f: _noted(f, False), "it is printed as loops"),
        Pass("own carries", own_carries, "turns hand on storage that all share"),
        Pass("device checks", device_checks, "devices have neither lists nor NumPy"),
        Pass("storage", lambda f: device_storage(f, bool(block)), "a thread takes no storage"),
        Pass("fuse nests", fuse_nests, "storage is cleared where it is filled"),
        Pass("dead code", dce, "lengths that only storage asked for"),
        *((shared, down) if block else ()),
        Pass("single", single, "passes write numbers in double precision", changes=_SINGLE),
        *(() if raises else (Pass("errors", device_errors, "kernels raise nothing"),)),
    )


def _into_loops(
    lengths: Mapping[str, int], expansions: Expansions, calls: bool, fastmath: bool, narrow: bool
) -> tuple[Pass, ...]:
    """From array operations to loops over scalars, one for each; with `calls`, what NumPy does faster is left to it."""
    inlined = _inlined if calls else _all_inlined
    gathered = Pass(
        "gathered products", lambda f: gathered_products(f, lengths), "BLAS likes matrices better"
    )
    handed = Pass("handed down", handed_down, "helpers add to what callers have", whole=True)
    fields = Pass("records", lambda f: records(f, lengths), "rows of known lengths", whole=True)
    return (
        Pass("inside", only_inside, "compiled code reaches no object outside"),
        Pass("plain tuples", plain_tuples, "compiled code has no dicts", whole=True),
        Pass(
            "expand",
            lambda f: bind_lengths(expand(f, expansions, calls)),
            "fewer operations have loop forms",
        ),
        Pass("inline calls", inlined, "loops of helpers fuse with their callers'"),
        *((handed,) if calls else ()),
        *((fields,) if narrow else ()),
        Pass("narrow numbers", narrow_numbers, "variables of compiled code have one type"),
        Pass("equal lengths", equal_lengths, "loops of as many turns are seen to be"),
        *((gathered,) if fastmath and calls else ()),
        Pass("hoist", hoist_all, "what helpers compute in all turns alike"),
        Pass("common", _common, "what expansions have in common"),
        Pass("dead code", dce, "what they leave over"),
        Pass("python errors", python_errors, "compiled code divides by zero and computes on"),
        Pass("numba names", numba_names, "compiled code knows some functions by other names"),
        Pass("plain messages", plain_messages, "compiled code writes no numbers"),
        Pass("contiguous", contiguous, "compiled code copies nothing to reshape it"),
        Pass("bound names", bound_names, "compiled code reads what no turn has bound"),
        Pass("length checks", length_checks, "loops over scalars ask for no length"),
        Pass("clear in turns", clear_in_turns, "turns share storage, which one of them clears"),
        Pass(
            "scalarise",
            lambda f: _scalarised(f, lengths, calls, fastmath),
            "array operations are loops",
        ),
        *((Pass("without scipy", without_scipy, "Numba knows no SciPy"),) if calls else ()),
        Pass("unroll", unroll, "points have a few coordinates"),
    )


def _fast(
    lengths: Mapping[str, int], fastmath: bool, threads: int | str | None, narrow: bool
) -> tuple[Pass, ...]:
    """Fewer loops, over storage that is reused, in an order that vectors like."""
    shared: tuple[Pass, ...] = ()
    why = "threads share the turns"
    if threads == "auto":  # of the program's own loops, not of those of helpers
        shared = (Pass("parallel", lambda f: parallel(f, None, lengths), why, whole=True),)
    elif not isinstance(threads, str) and threads != 0:
        shared = (Pass("parallel", lambda f: parallel(f, threads), why),)
    bodies = Pass("thread bodies", thread_bodies, "a thread's loops are compiled as any")
    sums = Pass("sums in memory", sums_in_memory, "a number is added to faster than an element")
    running = Pass("running powers", running_powers, "a power is one product more than the last")
    parts = Pass("split nests", split_nests, "stencils write one place in a loop")
    slices = Pass("slices", gathered_slices, "what several loops add to is passed over once")
    fuse = Pass(
        "fuse nests",
        (lambda f: _fused(f, lengths)) if fastmath else fuse_nests,
        "what is made in a turn is used in it",
    )
    rows = Pass("shrink buffers", shrink_buffers, "each turn has a row of its own")
    lane_pass = Pass("lanes", lambda f: lanes(f, lengths), "turns that wait for none are vectors")
    blocks = Pass(
        "row blocks", lambda f: row_blocks(f, lengths), "what rows need stays in the cache"
    )
    gathered = Pass("gathered sums", lambda f: gathered_sums(f, lengths), "BLAS adds up faster")
    at_hand = (
        Pass("forward stores", forward_stores, "what was cleared in front of a sum is stored"),
        Pass("overwritten", drop_overwritten, "it need not be cleared then"),
    )
    return (
        Pass("single axes", single_axes, "loops over scalars broadcast nothing"),
        *_joined(fuse, (running,) if fastmath else ()),
        *((gathered, Pass("dead code", dce, "their loops")) if fastmath and narrow else ()),
        Pass("tables", tables, "what is the same in all turns is computed once"),
        *((rows,) if fastmath or shared else ()),
        *shared,
        *((blocks, lane_pass) if fastmath else ()),
        Pass("axis order", axis_order, "innermost loops go through memory in its order"),
        Pass("split loops", split_loops, "elementary functions are fast in innermost loops"),
        *((sums,) if fastmath else ()),
        Pass("shared rows", lambda f: shared_rows(f, lengths), "rows are loaded for several turns"),
        Pass("jam", lambda f: jam(f, lengths), "rows are passed over once for several turns"),
        Pass("hoist", hoist, "what does not change in a loop"),
        *(at_hand if fastmath else ()),
        rows,
        Pass("reuse buffers", reuse_buffers, "what is not needed any more is written over"),
        *((parts,) if fastmath else ()),
        Pass("hoist buffers", hoist_buffers, "a loop takes its storage once"),
        *((slices,) if fastmath else ()),
        Pass("settled tests", settled_tests, "what is known is not asked"),
        Pass("plain powers", plain_powers, "compiled code multiplies for integer exponents"),
        Pass("narrow numbers", narrow_numbers, "numbers of loops stand for NumPy's"),
        Pass("truth numbers", truth_numbers, "compiled code converts none"),
        Pass("wrapped integers", wrapped_integers, "compiled code computes with 64 bits"),
        Pass("countdown", countdown, "compiled code counts down"),
        Pass("dead code", dce, "what is left over"),
        Pass("typed lists", typed_lists, "compiled code has no lists of nothing"),
        *((bodies,) if shared else ()),
        Pass(
            "compiled",
            lambda f: _compiled(f, fastmath),
            "helpers are printed and compiled as loops, too",
            whole=True,
        ),
    )


def _inlined(fn: Function) -> Function:
    return bind_lengths(inline_calls(fn))  # of what a helper's parameters showed


def _fused(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with neighbouring loops fused; the more of them where turns are side by side then."""
    new, mixed = mixed_nests(fn)
    if not mixed:
        return new
    found = side_by_side(shrink_buffers(dce(drop_unread(forward_stores(new)))), lengths)
    return new if all(found & around for around in mixed) else fuse_nests(fn, found)


def _common(fn: Function) -> Function:
    return cse(fn, in_user_lines=True)


def _entered(fn: Function) -> Function:
    return with_entry_checks(fn, compiled=True)


def _all_inlined(fn: Function) -> Function:
    return bind_lengths(inline_calls(fn, most=sys.maxsize))


def _joined(fuse: Pass, running: tuple[Pass, ...] = ()) -> tuple[Pass, ...]:
    """Loops over one range are one, and what crosses between them is not stored."""
    return (
        Pass("common", _common, "elements that several loops ask for"),
        Pass("hoist checks", hoist_checks, "indices are checked once for all turns"),
        *running,
        fuse,
        Pass("forward stores", forward_stores, "what was stored is at hand"),
        Pass("overwritten", drop_overwritten, "it need not be stored where it is stored anew"),
        Pass("unread", drop_unread, "storage between loops that are one now"),
        Pass("common", _common, "fused bodies repeat themselves"),
        Pass("dead code", dce, "what is left over"),
    )


def _compiled(fn: Function, fastmath: bool) -> Function:
    is_free = fastmath and not compares_results(fn)
    return each_function(fn, lambda f: _noted(f, is_free))


def _noted(fn: Function, fastmath: bool) -> Function:
    return replace(fn, notes={**fn.notes, "loops": fastmath})


def _scalarised(fn: Function, lengths: Mapping[str, int], calls: bool, fastmath: bool) -> Function:
    fn = bind_lengths(scalarise(fn, lengths, calls, fastmath))
    if lacking(fn):
        raise NoLoopForm("a length that only arrays show which loops do without")
    return fn
