"""The pass lists of the loop form: from a finished derivative to loops over numbers, which Numba compiles."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.core import Function
from srcdiff.ir.verify import verify
from srcdiff.transforms.ad.destination_passing import with_destinations
from srcdiff.transforms.buffers.array_contraction import shrink_buffers
from srcdiff.transforms.buffers.array_layout import axis_order, single_axes
from srcdiff.transforms.buffers.privatise import clear_in_iterations
from srcdiff.transforms.buffers.store_forwarding import (
    drop_overwritten,
    drop_unread,
    forward_stores,
)
from srcdiff.transforms.common_passes import (
    ALLOCATIONS,
    CONTRACT,
    COUNTDOWN,
    CSE,
    DCE,
    DTYPES,
    FORWARD_STORES,
    FUSE_NESTS,
    IN_PLACE,
    INLINE,
    LICM,
    PROMOTE,
)
from srcdiff.transforms.guards.python_errors import python_errors
from srcdiff.transforms.guards.shape_checks import length_checks
from srcdiff.transforms.guards.specialise_axes import assuming, records
from srcdiff.transforms.guards.unbound_checks import bound_names
from srcdiff.transforms.legalize.bool_casts import truth_numbers
from srcdiff.transforms.legalize.contiguity import contiguous
from srcdiff.transforms.legalize.float32 import narrow_numbers
from srcdiff.transforms.legalize.integer_width import wrapped_integers
from srcdiff.transforms.legalize.numba_legality import only_inside, without_scipy
from srcdiff.transforms.legalize.numba_spellings import numba_spellings, typed_lists
from srcdiff.transforms.legalize.powers import plain_powers
from srcdiff.transforms.legalize.strict_fp import compares_results
from srcdiff.transforms.legalize.tuples import plain_tuples
from srcdiff.transforms.lower.decompose import Expansions, expand
from srcdiff.transforms.lower.hoist_checks import hoist_checks
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking
from srcdiff.transforms.lower.scalarise import scalarise
from srcdiff.transforms.passes import Form, Pass, Recorder, each_function
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
from srcdiff.transforms.simplify.calls.inline import inline_calls
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.licm import hoist_all
from srcdiff.transforms.simplify.redundant_checks import remove_redundant_checks
from srcdiff.transforms.simplify.unify_dims import unify_dims

_LOADS, _CORE, _SCALAR = (Form.LOADS,), (Form.CORE,), (Form.SCALAR,)

PARALLEL = Pass(
    "loop parallelisation", parallel, "independent iterations are shared out to threads", "", _SCALAR
)  # fmt: skip
OVERWRITTEN = Pass(
    "overwritten store elimination", drop_overwritten, "no element is stored twice without a load between", "", _SCALAR
)  # fmt: skip


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

    Without `fastmath`, sums are added up in the written order. `threads` is the number of threads of a parallel loop;
    None: as many as Numba has, 0: none, "auto": as many as Numba has where there is enough work. `narrow`: rows of
    arguments and small axes have the given lengths, where that unrolls loops; `lengths.specialised` lists them.

    Raises
    ------
    NoLoopForm
        For an operation that has neither a loop form nor a compiled function.
    """
    small, narrow = small_axes_of(fn, lengths, narrow)
    in_loops = into_loops(lengths, expansions, calls=True, fastmath=fastmath, narrow=narrow)
    new = recorder.run(small, in_loops)
    if small is not fn and not new.target.is_unrolled:
        new = recorder.run(fn, in_loops)
    return recorder.run(new, fast(lengths, fastmath, threads, narrow))


def small_axes_of(fn: Function, lengths: Mapping[str, int], narrow: bool) -> tuple[Function, bool]:
    """`fn` with the given lengths for small axes, and whether there are any: other lengths need another program."""
    small = assuming(fn, small_axes(fn, lengths) if narrow else {})
    if small is not fn and verify(unify_dims(small)):
        return fn, False
    return small, narrow


def into_loops(
    lengths: Mapping[str, int], expansions: Expansions, calls: bool, fastmath: bool, narrow: bool
) -> tuple[Pass, ...]:
    """Scalarise array operations into one loop each; with `calls`, operations that NumPy does faster stay calls."""
    return (
        *_decomposed(lengths, expansions, calls, fastmath, narrow),
        *_checked(lengths, calls, fastmath),
    )


def _decomposed(
    lengths: Mapping[str, int], expansions: Expansions, calls: bool, fastmath: bool, narrow: bool
) -> tuple[Pass, ...]:
    """Operations that have a loop form, in functions that fuse with their callers."""
    return (
        Pass(
            "outside object check", only_inside, "the program uses no object outside of it",
            "a refusal should cost nothing",
        ),
        Pass("tuple legalisation", plain_tuples, "containers are lists and tuples", "Numba has no others", whole=True),
        Pass(
            "operation decomposition", lambda f: bind_lengths(expand(f, expansions, calls)),
            "each operation has a loop form", "all later passes know fewer operations", _LOADS, (Form.CORE,),
        ),
        INLINE.at("loops of helpers fuse with loops of their callers", _inlined if calls else _all_inlined),
        *Pass(
            "destination passing", with_destinations, "a helper adds its adjoint to its caller's array",
            "only helpers that stay calls need it", _CORE, whole=True,
        ).when(calls),
        *Pass(
            "row length specialisation", lambda f: records(f, lengths), "short rows have a constant length",
            "loops over known lengths are unrolled", _CORE, whole=True,
        ).when(narrow),
        DTYPES.at("operations still distinguish Python's numbers from NumPy's", narrow_numbers),
        Pass(
            "dimension unification", unify_dims, "equal lengths have one name",
            "loops over one range are recognised by it", _CORE,
        ),
        *Pass(
            "GEMV to GEMM", lambda f: gathered_products(f, lengths),
            "products with one row per iteration are one product",
            "products are still operations, and dimensions are unified", _CORE,
        ).when(fastmath and calls),
        LICM.at("expansions compute the same in all iterations", hoist_all),
        CSE.at("expansions have parts in common", _common),
        DCE.at("expansions leave unused parts"),
    )  # fmt: skip


def _checked(lengths: Mapping[str, int], calls: bool, fastmath: bool) -> tuple[Pass, ...]:
    """Python's exceptions as checks, and then loops."""
    return (
        Pass(
            "Python exception checks", python_errors, "a division by zero raises where Python raises",
            "divisions are final", _CORE,
        ),
        Pass(
            "Numba spellings", numba_spellings, "Numba knows the names of functions, and messages are constants",
            "expansions and checks are in place", _CORE,
        ),
        Pass(
            "contiguous reshapes", contiguous, "what is reshaped is contiguous", "reshapes become loops next", _CORE
        ),
        Pass(
            "unbound variable checks", bound_names, "an unbound variable raises", "loops lose the names next", _CORE
        ),
        Pass(
            "shape checks", length_checks, "shapes that disagree raise", "loops compare no shapes", _CORE
        ),
        Pass(
            "iteration-private zeroing", clear_in_iterations, "an iteration zeroes storage that all iterations share",
            "allocations may then be hoisted", _CORE,
        ),
        Pass(
            "scalarisation", lambda f: _scalarised(f, lengths, calls, fastmath), "array operations are loops",
            "everything before works on whole arrays", _CORE, (Form.SCALAR,),
        ),
        Pass(
            "loop unrolling", unroll, "loops over few coordinates are written out",
            "loops over points fuse once inner loops are gone", _SCALAR,
        ),
    )  # fmt: skip


def fast(
    lengths: Mapping[str, int], fastmath: bool, threads: int | str | None, narrow: bool
) -> tuple[Pass, ...]:
    """Optimise loops: fusion, reuse of storage, an order that vectorises."""
    shared = _in_threads(lengths, threads)
    return (
        *_restructured(lengths, fastmath, narrow, shared),
        *_tiled(lengths, fastmath),
        *_legal(fastmath, bool(shared)),
    )


def _in_threads(lengths: Mapping[str, int], threads: int | str | None) -> tuple[Pass, ...]:
    why = "fusion is done, and vectors are made of each thread's part"
    if threads == "auto":  # the program's own loops, not the loops of helpers
        return (replace(PARALLEL.at(why, lambda f: parallel(f, None, lengths)), whole=True),)
    if isinstance(threads, str) or threads == 0:
        return ()
    return (PARALLEL.at(why, lambda f: parallel(f, threads)),)


def _restructured(
    lengths: Mapping[str, int], fastmath: bool, narrow: bool, shared: tuple[Pass, ...]
) -> tuple[Pass, ...]:
    """Fused loops, in threads and vectors."""
    fuse = FUSE_NESTS.at(
        "expansions make one loop each", (lambda f: _fused(f, lengths)) if fastmath else fuse_nests
    )
    running = Pass(
        "strength reduction", running_powers, "a power of the loop index is a running product",
        "fused loops share the product", _SCALAR,
    ).when(fastmath)  # fmt: skip
    return (
        Pass("unit axis removal", single_axes, "no array has an axis of length 1", "loops broadcast nothing", _SCALAR),
        *joined(fuse, running),
        *Pass(
            "outer products to GEMM", lambda f: gathered_sums(f, lengths),
            "sums of outer products are one matrix product", "fusion has put the factors into one loop", _SCALAR,
        ).when(fastmath and narrow),
        *DCE.at("summing loops are replaced").when(fastmath and narrow),
        Pass(
            "invariant tables", tables, "what inner loops compute again for each outer iteration is in a table",
            "loops are fused, so that no table hinders fusion", _SCALAR,
        ),
        *CONTRACT.at("threads and vectors copy less").when(fastmath or shared),
        *shared,
        *Pass(
            "row tiling", lambda f: row_blocks(f, lengths),
            "matrix products run in blocks of rows that stay in the cache", "vectors are made within a block", _SCALAR,
        ).when(fastmath),
        *Pass(
            "outer-loop vectorisation", lambda f: lanes(f, lengths), "iterations of an outer loop run in vectors",
            "the loops of each thread are known", _SCALAR,
        ).when(fastmath),
    )  # fmt: skip


def _tiled(lengths: Mapping[str, int], fastmath: bool) -> tuple[Pass, ...]:
    """Innermost loops that LLVM vectorises, and storage that iterations share."""
    return (
        Pass(
            "array layout", axis_order, "innermost loops follow the memory of our own arrays",
            "the order of loops is final", _SCALAR,
        ),
        Pass(
            "loop fission", split_loops, "an innermost loop has elementary functions, or a recurrence, not both",
            "what is left in one loop was not vectorised", _SCALAR,
        ),
        *PROMOTE.at("vectorised loops add to elements").when(fastmath),
        Pass(
            "unroll-and-jam", lambda f: jam(shared_rows(f, lengths), lengths),
            "four iterations run in one pass over a row, or share the rows that they load",
            "sums are in numbers", _SCALAR,
        ),
        LICM.at("tiled loops have parts in common"),
        *FORWARD_STORES.at("scalar promotion stores sums at once").when(fastmath),
        *OVERWRITTEN.at("a sum that is stored at once needs no zero").when(fastmath),
        CONTRACT.at("loops are final"),
        IN_PLACE.at("contracted arrays are not reused"),
        *Pass(
            "loop fission by store", split_nests, "a loop writes each array at one place",
            "scatter to gather and vectors need it", _SCALAR,
        ).when(fastmath),
        ALLOCATIONS.at("buffers are final"),
        *Pass(
            "scatter to gather", gathered_slices, "loops that add to shifted slices are one loop",
            "loop fission leaves one slice to each loop", _SCALAR,
        ).when(fastmath),
    )  # fmt: skip


def _legal(fastmath: bool, has_threads: bool) -> tuple[Pass, ...]:
    """Loops that Numba compiles, with NumPy's results."""
    return (
        Pass(
            "redundant check elimination", remove_redundant_checks, "no check is left whose outcome is known",
            "lengths of storage are known", _SCALAR,
        ),
        Pass(
            "integer powers", plain_powers, "powers with integer exponents are as in NumPy",
            "strength reduction has taken the others", _SCALAR,
        ),
        DTYPES.at(
            "no later pass makes a conversion or computes with integers",
            lambda f: wrapped_integers(truth_numbers(narrow_numbers(f))),
        ),
        COUNTDOWN.at("Numba has no `reversed`"),
        DCE.at("legalisation leaves unused operands"),
        Pass("typed empty lists", typed_lists, "an empty list has a type", "Numba needs the type", _SCALAR),
        *Pass(
            "thread body outlining", thread_bodies, "what a thread runs is a function", "bodies are final", _SCALAR,
        ).when(has_threads),
        Pass(
            "compilation marks", lambda f: _compiled(f, fastmath), "functions are marked as compiled",
            "codegen prints marked functions as loops", _SCALAR, whole=True,
        ),
    )  # fmt: skip


def joined(fuse: Pass, running: tuple[Pass, ...] = ()) -> tuple[Pass, ...]:
    """Fuse loops over one range; values that pass between them are not stored."""
    return (
        CSE.at("loops load the same elements", _common),
        Pass(
            "bounds check hoisting", hoist_checks, "indices are checked once for all iterations",
            "checks keep loops from fusing", _SCALAR,
        ),
        *running,
        fuse,
        FORWARD_STORES.at("fused loops load what they have stored"),
        OVERWRITTEN.at("loads between the stores are gone"),
        Pass(
            "unread buffer elimination", drop_unread, "no buffer is written and never read",
            "forwarding has removed the loads", _SCALAR,
        ),
        CSE.at("fused bodies have parts in common", _common),
        DCE.at("removed stores leave unused values"),
    )  # fmt: skip


def _inlined(fn: Function) -> Function:
    return bind_lengths(inline_calls(fn))  # the lengths that a helper's parameters showed


def _fused(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with neighbouring loops fused; more of them where the iterations then run in parallel."""
    new, mixed = mixed_nests(fn)
    if not mixed:
        return new
    found = side_by_side(shrink_buffers(dce(drop_unread(forward_stores(new)))), lengths)
    return new if all(found & around for around in mixed) else fuse_nests(fn, found)


def _common(fn: Function) -> Function:
    return cse(fn, in_user_lines=True)


def _all_inlined(fn: Function) -> Function:
    return bind_lengths(inline_calls(fn, most=sys.maxsize))


def _compiled(fn: Function, fastmath: bool) -> Function:
    is_free = fastmath and not compares_results(fn)
    return each_function(fn, lambda f: marked_as_loops(f, is_free))


def marked_as_loops(fn: Function, fastmath: bool = False) -> Function:
    """`fn`, to be printed as loops; `fastmath`: compiled with permission to reorder sums."""
    return replace(fn, target=replace(fn.target, is_compiled=True, fastmath=fastmath))


def _scalarised(fn: Function, lengths: Mapping[str, int], calls: bool, fastmath: bool) -> Function:
    fn = bind_lengths(scalarise(fn, lengths, calls, fastmath))
    if lacking(fn):
        raise NoLoopForm("a length that only an array shows which the loop form does not have")
    return without_scipy(fn) if calls else fn
