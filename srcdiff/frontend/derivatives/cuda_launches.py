"""Kernels that host code launches: `scale[blocks, threads](x, y)` in a function that is differentiated.

The kernel is read for the types of its arguments, to see which arrays it writes.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import gast

from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import FrontValue, Known, Parts
from srcdiff.frontend.derivatives.services import services
from srcdiff.frontend.source.argument_types import with_symbols
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.ir.alias import reads_of, storage_roots, written_roots
from srcdiff.ir.core import Function
from srcdiff.ir.types import Array, Dim, Scalar, Static, Type
from srcdiff.ir.values import Atom, Const
from srcdiff.ops.control.cuda_launch import launch_of


class Configured:
    """A kernel with a grid and a block, to be called."""

    def __init__(self, kernel: object, grid: FrontValue, block: FrontValue) -> None:
        self.kernel, self.grid, self.block = kernel, grid, block


def is_kernel(value: object) -> bool:
    return type(value).__name__ in ("CUDADispatcher", "FakeCUDAKernel")


def configured(fr: Frame, node: gast.AST, kernel: object, key: FrontValue) -> FrontValue:
    """`kernel[grid, block]`."""
    if not isinstance(key, Parts) or len(key.values) != 2:
        fr.fail(
            node,
            "a kernel is launched with a grid and a block here",
            "Launch it as kernel[grid, block](...); streams and dynamic shared memory have no derivative.",
        )
    return Known(Configured(kernel, *key.values))


def launch(
    fr: Frame,
    node: gast.AST,
    launched: Configured,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, object],
) -> FrontValue:
    """A launch as an operation that writes arrays."""
    kernel = launched.kernel
    plain = function_of(kernel)
    names = tuple(inspect.signature(plain).parameters)
    if kwargs or len(args) != len(names):
        fr.fail(node, f"the kernel {plain.__name__} takes {', '.join(names)}, by position")
    given = [fr.as_atom(a, node) for a in args]
    read_as = fr.read_kernel(plain, names, _types(fr, node, names, given))
    reads, writes = _touched(read_as)
    grid, block = (_extents(fr, node, e) for e in (launched.grid, launched.block))
    at = len(grid) + len(block)
    decl = launch_of(kernel, plain.__name__, len(given), tuple(at + k for k in writes))
    fr.ops(
        node,
        decl,
        *grid,
        *block,
        *given,
        grid=len(grid) if isinstance(launched.grid, Parts) else 0,
        block=len(block) if isinstance(launched.block, Parts) else 0,
        count=len(given),
        reads=tuple(reads),
        derived=services().derived_kernels(kernel),
    )
    return Const(None, Static(None))


def _types(
    fr: Frame, node: gast.AST, names: Sequence[str], given: Sequence[Atom]
) -> tuple[Type, ...]:
    taken: set[str] = set()
    found: list[Type] = []
    for name, a in zip(names, given, strict=True):
        if isinstance(a.type, Array):
            type_: Type = Array(a.type.dtype, (Dim(0),) * a.type.ndim)
        elif isinstance(a.type, Scalar):
            type_ = Scalar(a.type.dtype, a.type.weak)
        else:
            fr.fail(node, f"a kernel takes numbers and arrays, not {describe(a)}")
        found.append(with_symbols(type_, name, taken))
    return tuple(found)


def _touched(fn: Function) -> tuple[list[int], list[int]]:
    """The positions of the arrays that a kernel reads, and writes."""
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    read = {r for s in fn.body.body for r in reads_of(s, roots)}
    arrays = [k for k, p in enumerate(fn.params) if isinstance(p.type, Array)]
    return (
        [k for k in arrays if fn.params[k] in read],
        [k for k in arrays if fn.params[k] in written],
    )


def _extents(fr: Frame, node: gast.AST, extents: FrontValue) -> list[Atom]:
    parts = extents.values if isinstance(extents, Parts) else (extents,)
    found = [fr.as_atom(p, node) for p in parts]
    if not 1 <= len(found) <= 3 or not all(
        isinstance(a.type, Scalar) and a.type.dtype.startswith("int") for a in found
    ):
        fr.fail(node, "a grid or block is an integer, or a tuple of 1 to 3")
    return found
