"""Declarations of the passes that stand in several lists. A list gives its own reason for a pass with `at`."""

from __future__ import annotations

from srcdiff.transforms.ad.fuse_mirror_loops import fuse_loops
from srcdiff.transforms.ad.tape.decide import residuals
from srcdiff.transforms.buffers.array_contraction import shrink_buffers
from srcdiff.transforms.buffers.dead_store_elimination import dead_stores
from srcdiff.transforms.buffers.hoist_allocations import hoist_buffers
from srcdiff.transforms.buffers.in_place import reuse_buffers
from srcdiff.transforms.buffers.scalar_promotion import sums_in_memory
from srcdiff.transforms.buffers.store_forwarding import forward_stores
from srcdiff.transforms.legalize.bool_casts import truth_numbers
from srcdiff.transforms.legalize.integer_width import wrapped_integers
from srcdiff.transforms.legalize.negative_steps import countdown
from srcdiff.transforms.legalize.single_precision import single
from srcdiff.transforms.lower.broadcasts import materialise
from srcdiff.transforms.lower.materialise_dims import bind_lengths
from srcdiff.transforms.passes import Form, Pass
from srcdiff.transforms.schedule.fusion import fuse_nests
from srcdiff.transforms.simplify.calls.inline import inline_calls
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.fold import fold
from srcdiff.transforms.simplify.licm import hoist

_LOADS, _DERIVED, _SCALAR = (Form.LOADS,), (Form.DERIVED,), (Form.SCALAR,)

FOLD = Pass(
    "constant folding",
    fold,
    "generated operations on constants, zeros and ones are computed",
    "",
    _LOADS,
)
CSE = Pass(
    "common subexpression elimination", cse, "what still holds is not computed again", "", _LOADS
)
DSE = Pass(
    "dead store elimination",
    dead_stores,
    "a pass stores nothing that no statement reads",
    "",
    _LOADS,
)
DCE = Pass("dead code elimination", dce, "each statement has an effect or a use", "", _LOADS)
INLINE = Pass(
    "inlining", inline_calls, "small helpers, and helpers with one call, are part of their callers"
)
LICM = Pass(
    "loop-invariant code motion", hoist, "generated array operations that no iteration changes precede the loop", "",
    _LOADS,
)  # fmt: skip
DIMS = Pass(
    "dimension materialisation",
    bind_lengths,
    "each length has an operand that shows it",
    "",
    _LOADS,
)
BROADCASTS = Pass(
    "broadcast materialisation",
    materialise,
    "an adjoint of full size is allocated and filled",
    "",
    _LOADS,
)
FUSE_MIRRORS = Pass(
    "mirror loop fusion", fuse_loops, "a forward loop and its mirror are one loop, if the iterations commute", "",
    _DERIVED,
)  # fmt: skip
RESIDUALS = Pass(
    "residuals", residuals, "a minimum cut decides which values are stored and which are computed again", "",
    _DERIVED, (Form.RESIDUALS,),
)  # fmt: skip
FORWARD_STORES = Pass(
    "store-to-load forwarding", forward_stores, "no element is loaded whose stored value is known", "", _LOADS
)  # fmt: skip
FUSE_NESTS = Pass(
    "loop fusion", fuse_nests, "neighbouring loops over one range are one loop, if dependences allow it", "", _SCALAR
)  # fmt: skip
PROMOTE = Pass(
    "scalar promotion",
    sums_in_memory,
    "a loop that adds to one element adds to a number",
    "",
    _SCALAR,
)
CONTRACT = Pass(
    "array contraction", shrink_buffers, "an array of which an iteration uses one row is a row", "", _SCALAR
)  # fmt: skip
IN_PLACE = Pass(
    "in-place operations", reuse_buffers, "an elementwise result is written over an operand that is dead", "", _SCALAR
)  # fmt: skip
ALLOCATIONS = Pass(
    "allocation hoisting", hoist_buffers, "a loop allocates its storage once", "", _SCALAR
)
DTYPES = Pass(
    "dtype legalisation", lambda fn: wrapped_integers(truth_numbers(fn)),
    "numbers have the dtypes of compiled code: booleans choose numbers, narrow integers wrap around", "", _LOADS,
)  # fmt: skip
COUNTDOWN = Pass(
    "negative loop steps", countdown, "no loop is reversed: it counts down", "", _LOADS
)
SINGLE = Pass(
    "single precision", single, "no number of the program is in double precision", "", _LOADS,
    changes="it computes in single precision",
)  # fmt: skip
