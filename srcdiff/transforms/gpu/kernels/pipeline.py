"""The passes from a user's kernel to its adjoint kernel and its tangent kernel, in their order.

The tangent kernel computes tangents beside the values of each thread:

    def f(x, y):                                def f_tangent(x, y, x_dot, y_dot):
        i = cuda.grid(1)                            i = cuda.grid(1)
        if i < len(x):                becomes       if i < len(x):
            y[i] = x[i] * x[i]                          y[i] = x[i] * x[i]
                                                        y_dot[i] = 2.0 * x[i] * x_dot[i]

The tangents of the arrays are further parameters.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from srcdiff.ir.core import Function, Node, Op, walk
from srcdiff.transforms.ad.adjoints.reverse_state import Rules
from srcdiff.transforms.ad.directives.kernel_recompute import one_of_twins
from srcdiff.transforms.ad.forward import forward
from srcdiff.transforms.ad.tangents import ForwardRules
from srcdiff.transforms.ad.tape.decide import residuals
from srcdiff.transforms.buffers.store_forwarding import own_elements
from srcdiff.transforms.common_passes import (
    COUNTDOWN,
    CSE,
    DCE,
    DIMS,
    DTYPES,
    INLINE,
    RESIDUALS,
    SINGLE,
)
from srcdiff.transforms.gpu.device.pipeline import DEVICE_CHECKS, DEVICE_VALUES, STACKS
from srcdiff.transforms.gpu.kernels.atomics import atomic_sums, note_axes
from srcdiff.transforms.gpu.kernels.barriers import (
    needed_barriers,
    plain_barriers,
    storage_barriers,
)
from srcdiff.transforms.gpu.kernels.canonical_loops import counted_loops, grid_places
from srcdiff.transforms.gpu.kernels.races import check_races, find_single_writers
from srcdiff.transforms.gpu.kernels.reverse import float_arrays, kernel_adjoint, shadow_names
from srcdiff.transforms.gpu.kernels.tape import counts_of_storage, inner_lists, thread_storage
from srcdiff.transforms.legalize.single_precision import single
from srcdiff.transforms.lower.materialise_dims import bind_lengths
from srcdiff.transforms.passes import Form, Pass, Recorder
from srcdiff.transforms.pipeline import (
    FINISH,
    FORWARD,
    FUSE_ITERATIONS,
    PLAIN,
    SAVED_DIMS,
    SIMPLIFY,
)
from srcdiff.transforms.preparation import preparing
from srcdiff.transforms.simplify.calls.inline import inline_calls
from srcdiff.transforms.simplify.compose_subscripts import compose_subscripts


def kernel_tangent(fn: Function, rules: Rules, forward_rules: ForwardRules) -> Function:
    """The tangent kernel of a kernel with loads inserted."""
    wrt = float_arrays(fn)
    names = shadow_names(fn, "{}_dot")
    yields = tuple(fn.params[k] for k in wrt)
    output = Node("tuple", tuple(range(len(wrt))), tuple(range(len(wrt))))
    whole = replace(fn, body=replace(fn.body, yields=yields), output=output)
    new = forward(whole, wrt, rules, forward_rules, value=False, names=names)
    return replace(
        new,
        name=f"{fn.name}_tangent",
        body=replace(new.body, yields=()),
        output=Node("tuple", (), ()),
        target=replace(new.target, is_kernel=True),
    )


_LOADS, _FINAL = (Form.LOADS,), (Form.RESIDUALS,)
_HOST = ("argument copies", "explicit reshape copies")  # kernels write their arguments

PREPARE = (
    INLINE.at(
        "device functions are part of the kernel",
        lambda f: bind_lengths(inline_calls(f, most=sys.maxsize, reads=False)),
    ),
    Pass("subscript composition", compose_subscripts, "an element has one subscript", "subscripts are compared"),
    Pass(
        "grid index canonicalisation", grid_places, "the index of a thread has one spelling",
        "races are found by the indices of threads",
    ),
    Pass(
        "counted loop recognition", counted_loops, "a `while` that counts is a `for`", "a `for` has a known index"
    ),
    Pass(
        "storage barriers", storage_barriers, "shared memory is allocated first, and a barrier names what it orders",
        "reverse mode mirrors barriers like writes",
    ),
    Pass("launch axes", note_axes, "the axes that the kernel uses are known", "races along other axes are refused"),
    Pass("race check", check_races, "no two threads write one element", "a race has no derivative"),
    Pass(
        "single writer analysis", find_single_writers, "writes that need one thread along an axis are marked",
        "the race check allows them, and each launch is checked", (), (Form.OWNED,),
    ),
    *(step for step in preparing(frozenset()) if step.name not in _HOST),
)  # fmt: skip

_TOGETHER = (
    Pass(
        "shared memory merging", one_of_twins, "iterations that run again load the same shared tiles",
        "recomputation has copied the loads", _FINAL,
    ),
    Pass(
        "barrier elimination", needed_barriers, "each barrier orders a write", "dead writes need no order", _FINAL
    ),
)  # fmt: skip

_ELEMENTS = (
    Pass(
        "thread element forwarding", own_elements, "a thread stores each of its elements once",
        "no other thread sees the element in between", _FINAL,
    ),
    *FINISH,
)  # fmt: skip

_LISTS = (
    Pass("list sinking", inner_lists, "a list is made in the branch that uses it", "its room is smaller", _FINAL),
    STACKS.at("storage is taken next"),
    DCE.at("what lists needed is dead"),
)  # fmt: skip

PRINTED = (
    DEVICE_VALUES.at("a refusal names the value"),
    Pass(
        "atomic accumulation", atomic_sums, "sums into elements that several threads use are atomic",
        "adjoints of loads are final", _LOADS,
    ),
    Pass(
        "thread storage", thread_storage, "storage is local, or a parameter", "allocations are final", _LOADS
    ),
    DIMS.at("storage needs lengths"),
    CSE.at("storage and sums compute the index of the thread"),
    SINGLE.at("storage takes its dtype", lambda f: f if _has_wide_storage(f) else single(f)),
    DTYPES.at("no later pass makes a conversion or computes with integers"),
    COUNTDOWN.at("Numba has no `reversed`"),
    Pass(
        "barrier legalisation", plain_barriers, "a barrier has no operands", "no later pass moves statements", _LOADS
    ),
    FINISH[-1],
    DEVICE_CHECKS.at("the operations are final"),
    Pass("kernel marks", lambda f: _noted(f), "the function is marked as a kernel", "codegen prints a kernel", _LOADS),
)  # fmt: skip

COUNTS = Pass(
    "storage counting", counts_of_storage, "the kernel counts the storage that the adjoint kernel needs",
    "the adjoint kernel has no storage yet", _FINAL,
)  # fmt: skip


def deciding() -> tuple[Pass, ...]:
    """The passes after reverse mode."""
    store = RESIDUALS.at("simplification is done", lambda f: residuals(f, "kernel"))
    return (
        PLAIN, *SIMPLIFY, FUSE_ITERATIONS, *SIMPLIFY, *FORWARD, *SAVED_DIMS, store, *FORWARD, *FINISH, *_TOGETHER,
        *FINISH, *_ELEMENTS, *_LISTS,
    )  # fmt: skip


def adjoint_kernel(fn: Function, rules: Rules, recorder: Recorder) -> tuple[Function, Function]:
    """The adjoint kernel of a kernel from the frontend, ready to be printed, and its form before storage is decided."""
    fn = recorder.run(fn, PREPARE)
    if recorder.validator is not None:
        recorder.validator.scratch = frozenset(p.name for p in fn.params)
    fn = bind_lengths(kernel_adjoint(fn, rules), may_save=True)
    recorder.note("reverse", fn, 0.0)
    fn = recorder.run(fn, deciding())
    return recorder.run(fn, PRINTED), fn


def tangent_kernel(
    fn: Function, rules: Rules, forward_rules: ForwardRules, recorder: Recorder
) -> Function:
    """The tangent kernel of a kernel from the frontend, ready to be printed."""
    fn = recorder.run(fn, PREPARE)
    fn = bind_lengths(kernel_tangent(fn, rules, forward_rules))
    recorder.note("forward", fn, 0.0)
    return recorder.run(fn, (PLAIN, *SIMPLIFY, *FINISH, *PRINTED))


def storage_kernel(fn: Function, recorder: Recorder) -> Function:
    """The kernel that computes how much storage an adjoint kernel needs; see `counts_of_storage`."""
    return recorder.run(fn, (COUNTS, *PRINTED))


def _has_wide_storage(fn: Function) -> bool:
    """Whether a kernel declares storage in double precision itself."""
    return any(
        isinstance(s, Op)
        and s.origin == "user"
        and s.decl.name in ("shared_array", "local_array")
        and s.attrs["type"].dtype == "float64"
        for s in walk(fn.body)
    )


def _noted(fn: Function) -> Function:
    target = replace(fn.target, is_device=True, is_kernel=True, is_compiled=True, fastmath=False)
    return replace(fn, target=target)
