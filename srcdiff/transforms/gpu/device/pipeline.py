"""The passes from a finished derivative to a CUDA device function, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from srcdiff.ir.core import Function
from srcdiff.transforms.common_passes import (
    ALLOCATIONS,
    CONTRACT,
    COUNTDOWN,
    DCE,
    DTYPES,
    FOLD,
    FUSE_NESTS,
    IN_PLACE,
    LICM,
    PROMOTE,
    SINGLE,
)
from srcdiff.transforms.gpu.device.cooperative_loops import block_loops, mark_block_loops
from srcdiff.transforms.gpu.device.copy_carries import own_carries
from srcdiff.transforms.gpu.device.counter_rng import device_random
from srcdiff.transforms.gpu.device.deferred_errors import device_errors
from srcdiff.transforms.gpu.device.hoist_branch_allocations import branch_storage
from srcdiff.transforms.gpu.device.legality import device_checks, device_values
from srcdiff.transforms.gpu.device.lists_to_stacks import stacks
from srcdiff.transforms.gpu.device.out_params import given_results
from srcdiff.transforms.gpu.device.preallocate import device_storage, local_lengths
from srcdiff.transforms.gpu.device.storage_dims import device_lengths
from srcdiff.transforms.guards.entry_guards import with_entry_checks
from srcdiff.transforms.guards.specialise_axes import assuming
from srcdiff.transforms.loop_pipeline import into_loops, joined, marked_as_loops, small_axes_of
from srcdiff.transforms.lower.decompose import Expansions
from srcdiff.transforms.passes import Form, Pass, Recorder

_LOADS, _SCALAR = (Form.LOADS,), (Form.SCALAR,)

STACKS = Pass("lists to stacks", stacks, "lists are arrays with a count", "", _LOADS, whole=True)
DEVICE_VALUES = Pass(
    "device value check", device_values, "no list and no recursion is left", "", _LOADS, whole=True
)
DEVICE_CHECKS = Pass(
    "device legality check", device_checks, "each operation can run on a device", "", _LOADS
)
_DOWN = COUNTDOWN.at("Numba has no `reversed`")
Block = Literal["atomic", "ordered"]  # how the threads of a block add to shared storage


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
    """A derivative ready to be printed as a CUDA device function: loops that neither allocate nor call NumPy.

    names : the names of the further parameters to which arrays of the result are added (see `given_results`).
    raises : if false, a last parameter records the error (see `device_errors`), and callers check arguments.
    narrow : small axes have the given lengths as constants, and arrays that are small then are local to a thread.
    block : for all threads of a block together (see `block_loops`); "ordered" without atomic additions.

    Raises
    ------
    NoLoopForm
        If the derivative has no such form.
    """
    small, narrow = small_axes_of(fn, lengths, narrow)
    in_loops = into_loops(lengths, expansions, calls=False, fastmath=True, narrow=narrow)
    passes = (*in_loops, *for_device(names, raises, block))
    new = recorder.run(small, passes)
    own = local_lengths(new, fn.params, lengths) if narrow else {}
    return recorder.run(assuming(small, own), passes) if own else new


def for_device(names: Sequence[str], raises: bool, block: Block | None) -> tuple[Pass, ...]:
    """The passes after the loop form: fewer loops, less storage, and storage as parameters."""
    atomics = block != "ordered"
    return (
        Pass(
            "counter-based random numbers", device_random, "a generator is a key and a count",
            "lists and storage of generators are gone", _SCALAR,
        ),
        STACKS.at("storage is taken next"),
        DEVICE_VALUES.at("a refusal should come before the expensive passes"),
        SINGLE.at("storage takes its dtype"),
        Pass(
            "device dimensions", device_lengths, "lengths come from arguments only",
            "storage becomes a parameter", _SCALAR,
        ),
        FOLD.at("lengths of small axes are constants"),
        *Pass(
            "entry guards", lambda f: with_entry_checks(f, compiled=True), "arguments of other lengths raise",
            "lengths of small axes are constants", _SCALAR,
        ).when(raises),
        Pass(
            "output parameters", lambda f: given_results(f, names), "arrays of the result are parameters",
            "loops fuse with the sums", _SCALAR,
        ),
        *joined(FUSE_NESTS.at("fewer loops need less storage")),
        PROMOTE.at("loops are fused"),
        LICM.at("sums are promoted"),
        CONTRACT.at("loops are final"),
        Pass(
            "branch allocation hoisting", branch_storage, "no branch allocates what it passes on",
            "allocations leave loops next", _SCALAR,
        ),
        IN_PLACE.at("contracted arrays are not reused"),
        *Pass(
            "cooperative loop marking", lambda f: mark_block_loops(f, atomics),
            "loops that threads may share are marked", "their iterations need storage of their own", _SCALAR,
        ).when(block),
        ALLOCATIONS.at("buffers are final"),
        *_on_device(raises, block, atomics),
    )  # fmt: skip


def _on_device(raises: bool, block: Block | None, atomics: bool) -> tuple[Pass, ...]:
    """Code that a device compiles, and storage as parameters."""
    return (
        DTYPES.at("no later pass makes a conversion or computes with integers"),
        *_DOWN.when(not block),
        DCE.at("legalisation leaves unused operands"),
        Pass("device marks", marked_as_loops, "the function is marked as compiled", "codegen prints loops", _SCALAR),
        Pass(
            "carried array copies", own_carries, "iterations pass arrays on in shared storage",
            "allocation hoisting found no second buffer", _SCALAR,
        ),
        DEVICE_CHECKS.at("only storage changes after this"),
        Pass(
            "preallocation", lambda f: device_storage(f, bool(block)), "storage is a parameter",
            "allocations are final", _SCALAR,
        ),
        FUSE_NESTS.at("storage is cleared where it is filled"),
        DCE.at("lengths that only storage needed are dead"),
        *Pass(
            "cooperative loops", lambda f: block_loops(f, atomics), "the threads of a block share marked loops",
            "storage and barriers are final", _SCALAR,
        ).when(block),
        *_DOWN.when(block),
        SINGLE.at("later passes write constants in double precision"),
        *Pass(
            "error codes", device_errors, "an exception is a number in an array", "all checks are in place", _SCALAR,
        ).when(not raises),
    )  # fmt: skip
