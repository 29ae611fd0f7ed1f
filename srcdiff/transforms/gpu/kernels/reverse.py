"""Reverse mode of kernels: each thread reverses its own computation; adjoints of arrays are further parameters.

    def f(x, y):                                def f_adjoint(x, y, d_x, d_y):
        i = cuda.grid(1)                            i = cuda.grid(1)
        if i < len(x):                becomes       if i < len(x):
            y[i] = x[i] * x[i]                          d_x[i] += 2.0 * x[i] * d_y[i]
                                                        d_y[i] = 0.0

This is correct for all threads together. Between two barriers, no other thread accesses an element that a thread
stores, or the kernel has a race. The adjoint of the element therefore belongs to this thread alone between the mirrored
barriers. Elements that several threads read have adjoints to which these threads add; the additions are atomic
(`atomics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Function, Node, Op, Region, walk
from srcdiff.ir.types import INT, Array, Dim, is_float, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import barrier_of, position, shared_array
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal, Rules
from srcdiff.transforms.ad.directives.kernel_recompute import runs_again
from srcdiff.transforms.ad.reverse.reverse import begin, finish_reversed, walk_back


def float_arrays(fn: Function) -> list[int]:
    """The positions of the parameters that have adjoints."""
    return [k for k, p in enumerate(fn.params) if isinstance(p.type, Array) and is_float(p.type)]


def shadow_names(fn: Function, form: str) -> list[str]:
    """The names of the adjoints or tangents of the arrays, which `form` makes from the arrays' names."""
    taken = {p.name for p in fn.params}
    names: list[str] = []
    for k in float_arrays(fn):
        name = form.format(fn.params[k].name)
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return names


def kernel_adjoint(fn: Function, rules: Rules) -> Function:
    """The adjoint of a kernel with loads inserted."""
    targets = [fn.params[k] for k in float_arrays(fn)]
    r, scope = begin(fn, targets, targets, rules)
    r.runs_again = runs_again
    r.buffers |= frozenset(v for v in storage_roots(fn) if isinstance(v.type, Array))
    shadows = [
        Value(p.type, name) for p, name in zip(targets, shadow_names(fn, "d_{}"), strict=True)
    ]
    scope.buffers.update(zip(targets, shadows, strict=True))
    _open_shared(r, fn, scope)
    walk_back(r, fn, scope)
    body = finish_reversed(r, fn, scope, (*fn.params, *shadows), ())
    return replace(
        body,
        name=f"{fn.name}_adjoint",
        output=Node("tuple", (), ()),
        target=replace(
            body.target, is_kernel=True, unobserved=frozenset(p.name for p in fn.params)
        ),
    )


def _open_shared(r: Reversal, fn: Function, scope: Scope) -> None:
    """Append the adjoints of shared memory: arrays of the same shape, cleared by all threads of the block."""
    opened: list[Value] = []
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl is shared_array and r.is_active(s.result):
            name = f"d_{s.result.name}" if s.result.name else "d_shared"
            made = scope.b.op(shared_array, name=name, type=s.result.type)
            scope.buffers[s.result] = made
            clear_together(scope.b, made)
            opened.append(made)
    if opened:
        scope.b.ops(barrier_of(len(opened)), *opened, kind="syncthreads")


def clear_together(b: Builder, array: Value) -> None:
    """Append the loops by which the threads of a block, of any shape, clear an array of shared memory."""
    _clear(b, array, shape_of(array.type), (), "xyz"[: len(shape_of(array.type))])


def _clear(b: Builder, array: Value, shape: Sequence[Dim], at: tuple[Atom, ...], axes: str) -> None:
    if not shape:
        where = ", ".join("i" * len(at))
        b.ops(memory.store, array, const(0.0), *at, where=where)
        return
    start: Atom = const(0)
    step: Atom = const(1)
    if len(shape) <= len(axes):
        axis = axes[len(shape) - 1]
        start = b.op(position, of=f"threadIdx.{axis}")
        step = b.op(position, of=f"blockDim.{axis}")
    index = Value(INT, "k")
    inner = b.inner()
    _clear(inner, array, shape[1:], (*at, index), axes)
    body = Region((index,), tuple(inner.body), ())
    stop = const(shape[0].const)
    b.append(For(start, stop, step, (), body, (), location=b.location, origin="adjoint"))
