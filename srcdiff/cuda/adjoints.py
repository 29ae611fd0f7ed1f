"""`adjoint(kernel)` and `tangent(kernel)`: derivatives of kernels that users write with `@cuda.jit`.

@cuda.jit
def scale(x, k, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = k[0] * x[i]

srcdiff.cuda.adjoint(scale)[blocks, threads](x, k, y, d_x, d_k, d_y)
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.cuda.device import Scratch, type_of
from srcdiff.cuda.kernel_code import load_kernel
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.places import place_of
from srcdiff.frontend.source import function_of
from srcdiff.ir.types import Array, Scalar, Static, Type
from srcdiff.kernel_programs import KernelProgram, Kind, build_kernel
from srcdiff.locks import COMPILING
from srcdiff.njit.types import plain_type, type_in_ir
from srcdiff.runtime import cuda_arrays as device
from srcdiff.runtime.cuda import cuda

__all__ = ["DerivedKernel", "adjoint", "tangent"]


def adjoint(kernel: Any) -> DerivedKernel:
    """The adjoint kernel of a kernel.

    It takes the kernel's arguments, which hold what they held *before* the kernel ran; then, for each array of floats,
    an array of its shape and dtype: the derivative by what the array holds afterwards goes in, that by what it held
    before comes out. So it adds to the adjoints of arrays that are read, and clears those of elements that are
    stored.

    Parameters
    ----------
    kernel
        A function under `@cuda.jit`.

    Returns
    -------
    DerivedKernel
        Launched as the kernel is: `adjoint(kernel)[grid, block](*args, *shadows)`. What of the kernel's own stores it
        needs, it does again: such arrays are left as the kernel leaves them, or in part.

    Raises
    ------
    UnsupportedError
        When it is launched, for what cannot be reversed, at the line of the kernel.

    Notes
    -----
    It is right for kernels without races. Reads of what other threads read, too, become atomic additions; sums of
    these are rounded in no fixed order. Numbers among the arguments have no derivative: pass arrays of one element.
    """
    return DerivedKernel(kernel, "adjoint")


def tangent(kernel: Any) -> DerivedKernel:
    """The tangent kernel of a kernel: it runs the kernel, and changes the arrays' tangents along.

    It takes the kernel's arguments, and for each array of floats an array of its shape and dtype: how the array
    changes. Launched as the kernel is: `tangent(kernel)[grid, block](*args, *tangents)`.
    """
    return DerivedKernel(kernel, "tangent")


@dataclass
class _Compiled:
    program: KernelProgram
    kernel: Any
    counting: Any  # the kernel that counts what is kept


class DerivedKernel:
    """A generated kernel, for whatever types it is launched with."""

    def __init__(self, kernel: Any, kind: Kind) -> None:
        plain = function_of(kernel)
        if plain is kernel or not inspect.isfunction(plain):
            raise TypeError(f"{kind}() takes a kernel, a function under @cuda.jit, not {kernel!r}")
        self.kernel, self.kind, self.plain = kernel, kind, plain
        self.names = tuple(inspect.signature(plain).parameters)
        self.known: dict[tuple[Any, ...], _Compiled] = {}
        self.latest: _Compiled | None = None
        self.__name__ = f"{plain.__name__}_{kind}"

    def __repr__(self) -> str:
        return f"<srcdiff {self.kind} kernel of {self.plain.__name__}>"

    def __getitem__(self, configuration: Any) -> Launch:
        parts = configuration if isinstance(configuration, tuple) else (configuration,)
        if not 2 <= len(parts) <= 4:
            raise ValueError(f"{self.__name__}[grid, block] takes a grid and a block")
        return Launch(self, extents(parts[0]), extents(parts[1]), tuple(parts[2:]))

    # ---- what it is ----

    @property
    def source(self) -> str:
        """The text of what was generated last."""
        if self.latest is None:
            raise ValueError(
                f"{self.__name__} has not been launched: launch it, or ask source_for(*args)"
            )
        return self.latest.program.source

    def source_for(self, *args: Any) -> str:
        """The text for a launch of the kernel with such arguments; no device is needed."""
        return self.program_for(*args).source

    def program_for(self, *args: Any) -> KernelProgram:
        """The program for the kernel's own arguments."""
        return self.compiled(args).program

    def stages(self, *args: Any) -> dict[str, str]:
        """The text of the program after each pass, by the name of the pass."""
        types = self.types_of(args)
        return dict(build_kernel(self.plain, self.kind, self.names, types, True).stages)

    def scratch(self, grid: Any, block: Any, *args: Any) -> tuple[Scratch, ...]:
        """The arrays that a launch keeps values of turns in, a thread for each place on the last axis.

        A launch makes them itself; given behind the shadows, those are taken. Where only the run knows how much it is,
        a kernel is launched that counts.
        """
        found = self.compiled(args)
        return _scratch(found, args, extents(grid), extents(block), ())

    # ---- specialisations ----

    def compiled(self, args: Sequence[Any]) -> _Compiled:
        """What stands for a launch with such arguments."""
        if len(args) != len(self.names):
            listed = ", ".join(self.names)
            raise TypeError(f"{self.plain.__name__}({listed}) was given {len(args)} arguments")
        types = self.types_of(args)
        with COMPILING:
            found = self.known.get(types)
            if found is None:
                program = build_kernel(self.plain, self.kind, self.names, types)
                counting = program.counting
                found = self.known[types] = _Compiled(
                    program,
                    load_kernel(program.source, program.name, program.bindings),
                    None
                    if counting is None
                    else load_kernel(counting.source, counting.name, counting.bindings),
                )
            self.latest = found
        return found

    def types_of(self, args: Sequence[Any]) -> tuple[Type, ...]:
        found = []
        for name, value in zip(self.names, args, strict=True):
            type_ = type_in_ir(plain_type(type_of(value)), name)
            if not isinstance(type_, Array | Scalar | Static):
                raise UnsupportedError(
                    f"the argument `{name}` is a container, which an adjoint kernel does not take",
                    "Pass its arrays one by one.",
                    place_of(self.plain),
                )
            found.append(type_)
        return tuple(found)


@dataclass(frozen=True)
class Launch:
    """A generated kernel with its grid and block, to be called."""

    derived: DerivedKernel
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    further: tuple[Any, ...]  # stream, shared memory

    def __call__(self, *args: Any) -> None:
        """Launch it: the kernel's arguments, then the shadow arrays, and what `scratch` says, or nothing for it."""
        count = len(self.derived.names)
        if len(args) < count:
            self.derived.compiled(args)  # says so
        own = args[:count]
        found = self.derived.compiled(own)
        program = found.program
        shadows = args[count : count + len(program.of)]
        kept = args[count + len(program.of) :]
        check_shadows(program, own, shadows)
        if kept and len(kept) != len(program.kept):
            wanted = ", ".join((*program.names, *program.shadows, *(k.name for k in program.kept)))
            raise TypeError(f"{program.name}({wanted}) was given {len(args)} arguments")
        self.check_axes(program)
        if not kept:
            wanted_arrays = _scratch(found, own, self.grid, self.block, self.further)
            kept = tuple(cuda.device_array(s.shape, s.dtype) for s in wanted_arrays)
        given = [*_numbers(program, own), *shadows, *kept]
        found.kernel[(self.grid, self.block, *self.further)](*given)

    def check_axes(self, program: KernelProgram) -> None:
        """What was taken to be a thread's own is not where there are more axes than the kernel asks for."""
        axes = program.axes
        if axes is None:
            return
        for k, axis in enumerate("xyz"):
            if axis not in axes and self.grid[k] * self.block[k] > 1:
                asked = ", ".join(axes)
                raise ValueError(
                    f"{program.name} is launched with {self.grid[k] * self.block[k]} threads along {axis}, which the "
                    "kernel does not ask for: they would all do the same. "
                    + (f"Launch it along {asked} only." if asked else "Launch one thread.")
                )


def extents(given: Any) -> tuple[int, int, int]:
    """The extents of a grid or block along x, y and z."""
    parts = tuple(map(int, given)) if isinstance(given, tuple | list) else (int(given),)
    if not 1 <= len(parts) <= 3 or min(parts) < 1:
        raise ValueError(f"a grid or block has 1 to 3 extents of at least 1, not {given!r}")
    return (*parts, 1, 1)[:3]  # type: ignore[return-value]


def check_shadows(program: KernelProgram, args: Sequence[Any], shadows: Sequence[Any]) -> None:
    """Refuse shadow arrays that are not like their arrays, before anything is launched."""
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
        others = [other for other in everything if other is not shadow]
        is_twice = len(others) < len(everything) - 1 or any(_overlap(shadow, o) for o in others)
        if program.is_adjoint and is_twice:
            raise ValueError(f"{own}, shares memory with another argument")


def _overlap(one: Any, other: Any) -> bool:
    places = [device.memory_of(a) for a in (one, other)]
    if any(p is None for p in places) or device.is_device_array(one) != device.is_device_array(
        other
    ):
        return False
    return bool(np.shares_memory(*places))


def _numbers(program: KernelProgram, args: Sequence[Any]) -> list[Any]:
    """Python's floats in the precision that the kernel computes in."""
    if not program.single:
        return list(args)
    return [np.float32(a) if isinstance(a, float) else a for a in args]


def _scratch(
    found: _Compiled,
    args: Sequence[Any],
    grid: Sequence[int],
    block: Sequence[int],
    further: Sequence[Any],
) -> tuple[Scratch, ...]:
    program = found.program
    if not program.kept:
        return ()
    lengths = _lengths(program, args)
    threads = int(np.prod(grid)) * int(np.prod(block))
    symbols = {s for k in program.kept for d in k.shape for s in d.symbols()}
    if symbols <= lengths.keys():
        shapes = [tuple(d.evaluate(lengths) for d in k.shape) for k in program.kept]
    else:
        shapes = _counted(found, args, grid, block, further)
    return tuple(
        Scratch(k.name, (*shape, threads), np.dtype(k.dtype))
        for k, shape in zip(program.kept, shapes, strict=True)
    )


def _counted(
    found: _Compiled,
    args: Sequence[Any],
    grid: Sequence[int],
    block: Sequence[int],
    further: Sequence[Any],
) -> list[tuple[int, ...]]:
    """The largest lengths that a thread needs: a kernel finds them."""
    program = found.program
    needed = cuda.to_device(np.zeros(sum(len(k.shape) for k in program.kept), np.int64))
    copies = [_copied(a) for a in args]
    shadows = [copies[k] for k in program.of]  # in their places: it does not touch them
    found.counting[(tuple(grid), tuple(block), *further)](
        *_numbers(program, copies), *shadows, needed
    )
    lengths = [max(int(n), 0) for n in needed.copy_to_host()]
    out: list[tuple[int, ...]] = []
    for k in program.kept:
        out.append(tuple(lengths[: len(k.shape)]))
        lengths = lengths[len(k.shape) :]
    return out


def _copied(value: Any) -> Any:
    """An array of its own, since a kernel that counts may run stores of the kernel that decide how much it is."""
    if device.is_device_array(value):
        return cuda.to_device(device.as_device_array(value).copy_to_host())
    return value.copy() if isinstance(value, np.ndarray) else value


def _lengths(program: KernelProgram, args: Sequence[Any]) -> dict[str, int]:
    """What the symbols in the types of arguments are for these."""
    out: dict[str, int] = {}
    for type_, value in zip(program.types, args, strict=True):
        if isinstance(type_, Array):
            pairs = zip(type_.shape, value.shape, strict=True)
            out |= {d.symbol: int(n) for d, n in pairs if d.symbol is not None}
        elif isinstance(type_, Scalar) and type_.expr is not None and type_.expr.symbol is not None:
            out[type_.expr.symbol] = int(value)
    return out
