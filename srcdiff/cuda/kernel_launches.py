"""Launches of generated kernels: the checks before a launch, and the arrays that a launch allocates for values that
iterations save.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from srcdiff.cuda.device import Scratch
from srcdiff.cuda.kernel_program import KernelProgram
from srcdiff.errors import UnsupportedError
from srcdiff.ir.types import Array, Scalar
from srcdiff.runtime.cuda import device_arrays as device
from srcdiff.runtime.cuda.numba_cuda_api import cuda


@dataclass
class Compiled:
    program: KernelProgram
    kernel: Any
    counting: Any  # the kernel that counts the values to be saved


class Given(NamedTuple):
    """An argument of a launch; `is_own`: the launch has allocated it for values that iterations save."""

    value: Any
    is_own: bool = False


class Launched(Protocol):
    """A protocol: the kernels that a `Launch` launches."""

    def given(self, launch: Launch, args: Sequence[Any]) -> tuple[Compiled, list[Given]]:
        """The specialisation for a launch, and all arguments that its kernel takes."""
        ...


@dataclass(frozen=True)
class Launch:
    """A generated kernel with its grid and block, to be called."""

    derived: Launched
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    further: tuple[Any, ...]  # stream, shared memory

    def __call__(self, *args: object) -> None:
        """Launch the kernel with its arguments, the shadow arrays, and optionally the arrays from `scratch`."""
        found, given = self.derived.given(self, args)
        numbers = _numbers(found.program, [g.value for g in given])
        found.kernel[(self.grid, self.block, *self.further)](*numbers)

    def kept(
        self, found: Compiled, args: Sequence[Any], given: Sequence[object]
    ) -> tuple[Any, ...]:
        """The arrays in which this launch saves values of iterations: the arrays `given`, or new ones."""
        program = found.program
        if given and len(given) != len(program.thread_storage):
            wanted = ", ".join(
                (*program.names, *program.shadows, *(k.name for k in program.thread_storage))
            )
            count = len(args) + len(program.of) + len(given)
            raise TypeError(f"{program.name}({wanted}) was given {count} arguments")
        self.check_axes(program)
        self.check_alone(program)
        if given:
            return tuple(given)
        return tuple(
            cuda.device_array(s.shape, s.dtype)
            for s in scratch_of(found, args, self.grid, self.block, self.further)
        )

    def check_axes(self, program: KernelProgram) -> None:
        """Refuse a launch with more axes than the kernel indexes: elements that were taken as private to a thread would
        be shared.
        """
        axes = program.only_axes
        if axes is None:
            return
        for k, axis in enumerate("xyz"):
            if axis not in axes and self.grid[k] * self.block[k] > 1:
                used = ", ".join(axes)
                raise ValueError(
                    f"{program.name} is launched with {self.grid[k] * self.block[k]} threads along {axis}, which the "
                    "kernel does not use: they would all do the same. "
                    + (f"Launch it along {used} only." if used else "Launch one thread.")
                )

    def check_alone(self, program: KernelProgram) -> None:
        """Refuse a launch with several threads along a dimension whose threads all store to the same place: these
        stores race.
        """
        for one in program.single_writers:
            name, _, axis = one.dimension.partition(".")
            count = (self.grid if name == "blockIdx" else self.block)["xyz".index(axis)]
            if count == 1 or not (program.is_adjoint or one.adds):
                continue
            who = "blocks" if name == "blockIdx" else "threads of a block"
            verb = "add to" if one.adds else "store into"
            advice = "Use cuda.atomic.add, or have" if one.adds else "Have"
            raise UnsupportedError(
                f"{program.name} is launched with {count} {who} along {axis}, which all {verb} the same elements of "
                f"`{one.array}`",
                f"{advice} one of them do it (`if cuda.{one.dimension} == 0:`), or launch one.",
                one.location,
            )


def extents(given: object) -> tuple[int, int, int]:
    """The extents of a grid or block along x, y and z."""
    try:
        listed = given if isinstance(given, tuple | list) else (given,)
        parts = tuple(map(operator.index, listed))
    except TypeError:
        raise TypeError(
            f"a grid or block is an integer, or up to 3 of them, not {given!r}"
        ) from None
    if not 1 <= len(parts) <= 3 or min(parts) < 1:
        raise ValueError(f"a grid or block has 1 to 3 extents of at least 1, not {given!r}")
    x, y, z = (*parts, 1, 1)[:3]
    return x, y, z


def check_shadows(program: KernelProgram, args: Sequence[Any], shadows: Sequence[Any]) -> None:
    """Refuse, before the launch, shadow arrays whose shape or dtype differs from those of their arrays."""
    if len(shadows) != len(program.of):
        wanted = ", ".join((*program.names, *program.shadows))
        raise TypeError(f"{program.name}({wanted}) was given {len(args) + len(shadows)} arguments")
    everything = [*args, *shadows]
    for k, name, shadow in zip(program.of, program.shadows, shadows, strict=True):
        array = args[k]
        own = f"`{name}`, for `{program.names[k]}`"
        if not hasattr(shadow, "shape") or not hasattr(shadow, "dtype"):
            raise TypeError(f"{own}, is no array: {shadow!r}")
        if tuple(shadow.shape) != tuple(array.shape):
            raise ValueError(f"{own}, has shape {tuple(shadow.shape)}, not {tuple(array.shape)}")
        if device.dtype_of(shadow) != device.dtype_of(array):
            raise ValueError(f"{own}, has dtype {shadow.dtype}, not {array.dtype}")
        if device.is_device_array(shadow) != device.is_device_array(array):
            raise ValueError(f"{own}, is not where the array is: one of them is on the device")
        if device.is_device_array(array) and device.device_of(shadow) != device.device_of(array):
            places = f"{device.device_of(shadow)}, not {device.device_of(array)}"
            raise ValueError(f"{own}, is on device {places}")
        if isinstance(shadow, np.ndarray) and not shadow.flags.writeable:
            raise ValueError(f"{own}, is read-only")
        if isinstance(shadow, np.ndarray) and not _is_contiguous(shadow):
            raise ValueError(
                f"{own}, is not contiguous, and cannot be copied to the device and back"
            )
        others = [other for other in everything if other is not shadow]
        is_twice = len(others) < len(everything) - 1 or any(_overlap(shadow, o) for o in others)
        if program.is_adjoint and is_twice:
            raise ValueError(f"{own}, shares memory with another argument")


def _is_contiguous(array: np.ndarray) -> bool:
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def _overlap(one: Any, other: Any) -> bool:
    places = [device.memory_of(a) for a in (one, other)]
    if any(p is None for p in places) or device.is_device_array(one) != device.is_device_array(
        other
    ):
        return False
    return bool(np.shares_memory(*places))


def _numbers(program: KernelProgram, args: Sequence[object]) -> list[Any]:
    """Python's floats in the precision that the kernel computes in."""
    if not program.single:
        return list(args)
    return [np.float32(a) if isinstance(a, float) else a for a in args]


def scratch_of(
    found: Compiled,
    args: Sequence[Any],
    grid: Sequence[int],
    block: Sequence[int],
    further: Sequence[Any],
) -> tuple[Scratch, ...]:
    program = found.program
    if not program.thread_storage:
        return ()
    lengths = _lengths(program, args)
    threads = int(np.prod(grid)) * int(np.prod(block))
    symbols = {s for k in program.thread_storage for d in k.shape for s in d.symbols()}
    if symbols <= lengths.keys():
        shapes = [tuple(d.evaluate(lengths) for d in k.shape) for k in program.thread_storage]
    else:
        shapes = _counted(found, args, grid, block, further)
    return tuple(
        Scratch(k.name, (*shape, threads), np.dtype(k.dtype))
        for k, shape in zip(program.thread_storage, shapes, strict=True)
    )


def _counted(
    found: Compiled,
    args: Sequence[np.ndarray],
    grid: Sequence[int],
    block: Sequence[int],
    further: Sequence[object],
) -> list[tuple[int, ...]]:
    """The largest lengths that a thread needs; a counting kernel finds them."""
    program = found.program
    needed = cuda.to_device(np.zeros(sum(len(k.shape) for k in program.thread_storage), np.int64))
    copies = [_copied(a) for a in args]
    shadows = [copies[k] for k in program.of]  # placeholders: the kernel does not touch them
    found.counting[(tuple(grid), tuple(block), *further)](
        *_numbers(program, copies), *shadows, needed
    )
    lengths = [max(int(n), 0) for n in needed.copy_to_host()]
    out: list[tuple[int, ...]] = []
    for k in program.thread_storage:
        out.append(tuple(lengths[: len(k.shape)]))
        lengths = lengths[len(k.shape) :]
    return out


def _copied(value: np.ndarray) -> Any:
    """A copy, because a counting kernel may run stores of the kernel that decide the count."""
    if device.is_device_array(value):
        return cuda.to_device(device.as_device_array(value).copy_to_host())
    return value.copy() if isinstance(value, np.ndarray) else value


def _lengths(program: KernelProgram, args: Sequence[Any]) -> dict[str, int]:
    """The values of the symbols in the types of these arguments."""
    out: dict[str, int] = {}
    for type_, value in zip(program.types, args, strict=True):
        if isinstance(type_, Array):
            pairs = zip(type_.shape, value.shape, strict=True)
            out |= {d.symbol: int(n) for d, n in pairs if d.symbol is not None}
        elif isinstance(type_, Scalar) and type_.expr is not None and type_.expr.symbol is not None:
            out[type_.expr.symbol] = int(value)
    return out
