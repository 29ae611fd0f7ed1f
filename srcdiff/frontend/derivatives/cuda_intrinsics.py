"""Calls of `numba.cuda`: grid and thread indices, shared and local arrays, barriers, atomics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.subscripts import place_of
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    is_static,
    sequence,
    static,
)
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays.memory import add_into, copy, empty
from srcdiff.ops.control.cuda_kernel import (
    Named,
    grid,
    gridsize,
    shared_array,
    shuffle_name,
    shuffles,
    syncthreads,
)
from srcdiff.ops.elementwise.arithmetic import add, divide, multiply, negative

_ADVICE = "docs/cuda.md lists what an adjoint kernel is made of."


def kernel_call(
    fr: Frame, node: gast.AST, function: Named, args: Args, kwargs: Kwargs
) -> FrontValue:
    read = _READ.get(function.name)
    known = _known_function(function.name)
    if read is None and known is not None:
        return fr.call(node, Known(known), args, kwargs)
    if read is None:
        fr.fail(node, f"`cuda.{function.name}` has no derivative", _advice(function.name))
    return read(fr, node, function.name, args, kwargs)


def _advice(name: str) -> str:
    if name.startswith("atomic."):
        return "`cuda.atomic.add` has one. Which thread was last, or had the largest, is lost when the kernel ends."
    if name in _VOTES:
        return _SHARED
    return _ADVICE


_SHARED = "Pass the values through `cuda.shared.array`."
_VOTES = (
    "all_sync", "any_sync", "eq_sync", "ballot_sync", "match_any_sync", "match_all_sync", "activemask", "lanemask_lt",
    "syncthreads_count", "syncthreads_and", "syncthreads_or",
)  # fmt: skip


def _grid(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    axes = static(args[0]) if len(args) == 1 and not kwargs and is_static(args[0]) else None
    if axes not in (1, 2, 3):
        fr.fail(node, f"`cuda.{name}` takes 1, 2 or 3, a constant")
    found = fr.ops(node, grid if name == "grid" else gridsize, axes=axes)
    return found[0] if axes == 1 else sequence(found)


def _barrier(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    if args or kwargs:
        fr.fail(node, f"`cuda.{name}` with a mask has no derivative", "Have all threads take part.")
    fr.ops(node, syncthreads, kind=name)
    return const(None)


def _fence(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    fr.fail(
        node,
        f"`cuda.{name}` orders what other blocks see, and blocks are not reversed in any order",
        "Make two kernels of this one: launches are reversed one after the other.",
    )


def _storage(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    given = dict(zip(("shape", "dtype"), args, strict=False)) | dict(kwargs)
    if given.keys() != {"shape", "dtype"}:
        fr.fail(node, f"`cuda.{name}` takes a shape and a dtype")
    lengths = _lengths(fr, node, given["shape"], name)
    dtype = given["dtype"]
    found = fr.evaluated(node, np.dtype, dtype.value if isinstance(dtype, Known) else static(dtype))
    type_ = Array(found.name, tuple(map(Dim, lengths)))
    if name == "shared.array":
        if 0 in lengths:
            fr.fail(
                node,
                "shared memory whose size is given at the launch: its adjoint needs as much memory again",
                "Give the size in the kernel, `cuda.shared.array(256, ...)`, a constant.",
            )
        return fr.op(node, shared_array, type=type_)
    shape = [const(n) for n in lengths]
    return fr.op(node, empty, *shape, dtype=found.name)


def _lengths(fr: Frame, node: gast.AST, shape: FrontValue, name: str) -> list[int]:
    parts = shape.values if isinstance(shape, Parts) else (shape,)
    if not all(map(is_static, parts)):
        fr.fail(node, f"the shape of `cuda.{name}` is a constant")
    return [int(static(p)) for p in parts]


def _atomic(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    if len(args) != 3 or kwargs:
        fr.fail(node, f"`cuda.{name}` takes an array, an index and a value")
    array, key, value = fr.as_atom(args[0], node), args[1], fr.as_atom(args[2], node)
    if not isinstance(array, Value) or not isinstance(array.type, Array):
        fr.fail(node, f"`cuda.{name}` takes an array")
    place = place_of(fr, array, key, node)
    if len(place.operands) != array.type.ndim or not isinstance(value.type, Scalar):
        fr.fail(node, f"`cuda.{name}` adds a number to an element")
    if name == "atomic.sub":
        value = fr.op(node, negative, value)
    fr.ops(node, add_into, array, value, *place.operands, atomic=True, **place.attrs)
    return Known(_OldValue())


class _OldValue:
    """The value before an atomic addition."""

    refused = (
        "what an atomic addition gives depends on which thread came first",
        "Find the place in another way, as by where the thread is, or by counts that an earlier kernel made.",
    )


def _shuffle(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    if len(args) != 3 or kwargs or not is_static(args[0]):
        fr.fail(node, f"`cuda.{name}` takes a constant mask, a value and a lane or number of lanes")
    mask = int(static(args[0])) & 0xFFFFFFFF
    kind = _SHUFFLES[name]
    if not kind and mask != 0xFFFFFFFF:
        fr.fail(node, f"`cuda.{name}` has a derivative where all lanes take part", _SHARED)
    value, lane = (fr.as_atom(a, node) for a in args[1:])
    return fr.op(node, shuffles[kind], value, lane, mask=mask)


_SHUFFLES = {shuffle_name(kind): kind for kind in shuffles}


def _constant(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    """An array of the module in constant memory: it is that array, which Numba makes part of a kernel."""
    if len(args) != 1 or kwargs:
        fr.fail(node, f"`cuda.{name}` takes an array that is there when the kernel is compiled")
    return args[0]


def _fma(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    if len(args) != 3 or kwargs:
        fr.fail(node, f"`cuda.{name}` takes three numbers")
    a, b, c = (fr.as_atom(x, node) for x in args)
    return fr.op(node, add, fr.op(node, multiply, a, b), c)


def _rsqrt(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    root = fr.as_atom(fr.call(node, Known(math.sqrt), args, kwargs), node)
    return fr.op(node, divide, const(1.0), root)


def _known_function(name: str) -> object:
    """The function of NumPy or `math` that one of CUDA's stands for: `libdevice.fast_expf` is `exp` in less digits."""
    own = {"cbrt": np.cbrt, "selp": np.where}.get(name)
    if own is not None or not name.startswith("libdevice."):
        return own
    base = name.removeprefix("libdevice.").removeprefix("fast_")
    names = (base, base.removesuffix("f"))
    return next((found for n in names if (found := _of_libdevice(n)) is not None), None)


def _of_libdevice(name: str) -> Any:
    return np.cbrt if name == "cbrt" else getattr(math, name, None)


# ---- in host code: arrays travel with each launch --------------------------------------------------


def _sent(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    if len(args) != 1 or kwargs:
        fr.fail(node, f"`cuda.{name}` takes an array here", "Streams have no derivative.")
    return fr.op(node, copy, fr.as_atom(args[0], node))


def _device_array(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    function = np.empty if name == "device_array" else np.empty_like
    return fr.call(node, Known(function), args, kwargs)


def _synchronize(fr: Frame, node: gast.AST, name: str, args: Args, kwargs: Kwargs) -> FrontValue:
    return const(None)


_READ: dict[str, Callable[..., FrontValue]] = {
    "grid": _grid,
    "gridsize": _grid,
    "syncthreads": _barrier,
    "syncwarp": _barrier,
    "threadfence": _fence,
    "threadfence_block": _fence,
    "threadfence_system": _fence,
    "cg.this_grid": _fence,
    **dict.fromkeys(("fma", "libdevice.fma", "libdevice.fmaf"), _fma),
    **dict.fromkeys(("libdevice.rsqrt", "libdevice.rsqrtf"), _rsqrt),
    "shared.array": _storage,
    "local.array": _storage,
    "const.array_like": _constant,
    "atomic.add": _atomic,
    "atomic.sub": _atomic,
    **dict.fromkeys(_SHUFFLES, _shuffle),
    "to_device": _sent,
    "device_array": _device_array,
    "device_array_like": _device_array,
    "synchronize": _synchronize,
}
