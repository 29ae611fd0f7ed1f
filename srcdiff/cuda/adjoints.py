"""Adjoint and tangent kernels: `adjoint(kernel)` and `tangent(kernel)` differentiate kernels that users write with
`@cuda.jit`.

    @cuda.jit
    def scale(x, k, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            y[i] = k[0] * x[i]

    srcdiff.cuda.adjoint(scale)[blocks, threads](x, k, y, d_x, d_k, d_y)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.cuda.device import Scratch, type_of
from srcdiff.cuda.kernel_code import load_kernel
from srcdiff.cuda.kernel_launches import Compiled, Given, Launch, check_shadows, extents, scratch_of
from srcdiff.cuda.kernel_program import KernelProgram, Kind, build_kernel
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.locations import place_of
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.handles.locks import COMPILING
from srcdiff.ir.types import Array, Scalar, Static, Type
from srcdiff.numba_ext.types import plain_type, type_in_ir
from srcdiff.runtime.cuda import device_arrays as device
from srcdiff.runtime.cuda.numba_cuda_api import cuda


def adjoint(kernel: object) -> DerivedKernel | NestedKernel:
    """The adjoint kernel of a kernel: reverse mode.

    The adjoint kernel takes the kernel's arguments, with the contents that they had *before* the kernel ran. After
    these it takes one array for each array of floats, of the same shape and dtype. Such a shadow array holds the
    derivative with respect to the array's contents after the kernel; the launch replaces it by the derivative with
    respect to the contents before the kernel. So the launch adds to the adjoints of arrays that the kernel reads, and
    clears the adjoints of elements that the kernel stores.

    Parameters
    ----------
    kernel
        A function under `@cuda.jit`, or an adjoint or tangent kernel, for second derivatives.

    Returns
    -------
    DerivedKernel
        It is launched as the kernel is: `adjoint(kernel)[grid, block](*args, *shadows)`. The adjoint kernel repeats
        those stores of the kernel that it needs, so it may write the kernel's arrays, wholly or in part.

    Raises
    ------
    UnsupportedError
        On launch, at the line of the kernel, if the kernel cannot be reversed.

    Notes
    -----
    The result is right for kernels without races. Where several threads read one element, their contributions are added
    atomically; the order of these additions, and so their rounding, is not fixed. Numbers among the arguments have no
    derivative: pass arrays of one element.
    """
    return _derived(kernel, "adjoint")


def tangent(kernel: object) -> DerivedKernel | NestedKernel:
    """The tangent kernel of a kernel: forward mode. It runs the kernel and updates the arrays' tangents beside it.

    It takes the kernel's arguments, and for each array of floats an array of the same shape and dtype, which holds the
    array's tangent. It is launched as the kernel is: `tangent(kernel)[grid, block](*args, *tangents)`.
    """
    return _derived(kernel, "tangent")


def _derived(kernel: object, kind: Kind) -> DerivedKernel | NestedKernel:
    if isinstance(kernel, DerivedKernel | NestedKernel):
        return NestedKernel(kernel, kind)
    return DerivedKernel(kernel, kind)


class _Launchable:
    """An object that is launched as kernels are: `kernel[grid, block](*args)`."""

    __name__: str

    def __getitem__(self, configuration: object) -> Launch:
        parts = configuration if isinstance(configuration, tuple) else (configuration,)
        if not 2 <= len(parts) <= 4:
            raise ValueError(f"{self.__name__}[grid, block] takes a grid and a block")
        return Launch(self, extents(parts[0]), extents(parts[1]), tuple(parts[2:]))  # type: ignore[arg-type]

    @functools.cached_property
    def derived(self) -> tuple[NestedKernel, NestedKernel]:
        """The adjoint or tangent kernel of this one: second derivatives."""
        return NestedKernel(self, "adjoint"), NestedKernel(self, "tangent")  # type: ignore[arg-type]


class DerivedKernel(_Launchable):
    """The adjoint or tangent kernel of a user's kernel, with one specialisation for each choice of argument types."""

    def __init__(self, kernel: object, kind: Kind) -> None:
        plain = function_of(kernel)
        if plain is kernel or not inspect.isfunction(plain):
            raise TypeError(f"{kind}() takes a kernel, a function under @cuda.jit, not {kernel!r}")
        self.kernel, self.kind, self.plain = kernel, kind, plain
        self.names = tuple(inspect.signature(plain).parameters)
        self.known: dict[tuple[object, ...], Compiled] = {}
        self.latest: Compiled | None = None
        self.__name__ = f"{plain.__name__}_{kind}"

    def __repr__(self) -> str:
        return f"<srcdiff {self.kind} kernel of {self.plain.__name__}>"

    def count(self, args: Sequence[object]) -> int:
        """The number of leading arguments that are arguments of the kernel or shadow arrays."""
        own = args[: len(self.names)]
        return len(self.names) + len(self.compiled(own).program.of)

    def given(self, launch: Launch, args: Sequence[Any]) -> tuple[Compiled, list[Given]]:
        """The specialisation for a launch, and all arguments that its kernel takes."""
        own = args[: len(self.names)]
        found = self.compiled(own)
        count = len(own) + len(found.program.of)
        shadows, rest = args[len(own) : count], args[count:]
        check_shadows(found.program, own, shadows)
        kept = launch.kept(found, own, rest)
        given = [Given(a) for a in (*own, *shadows)]
        return found, [*given, *(Given(a, is_own=not rest) for a in kept)]

    # ---- the generated text ----

    @property
    def source(self) -> str:
        """The text of the latest specialisation."""
        if self.latest is None:
            raise ValueError(
                f"{self.__name__} has not been launched: launch it, or ask source_for(*args)"
            )
        return self.latest.program.source

    def source_for(self, *args: object) -> str:
        """The text for a launch of the kernel with these arguments; no device is needed."""
        return self.program_for(*args).source

    def program_for(self, *args: object) -> KernelProgram:
        return self.compiled(args).program

    def stages(self, *args: object) -> dict[str, str]:
        """The text of the program after each pass, by the name of the pass."""
        types = self.types_of(args)
        return dict(build_kernel(self.plain, self.kind, self.names, types, True).stages)

    def scratch(self, grid: object, block: object, *args: object) -> tuple[Scratch, ...]:
        """The arrays in which a launch saves values of iterations; the last axis has one place for each thread.

        A launch allocates these arrays itself, unless they are passed after the shadow arrays. Where their lengths are
        known only during the run, a counting kernel is launched to find them.
        """
        found = self.compiled(args)
        return scratch_of(found, args, extents(grid), extents(block), ())

    # ---- specialisations ----

    def compiled(self, args: Sequence[object]) -> Compiled:
        """The loaded specialisation for these arguments."""
        if len(args) != len(self.names):
            listed = ", ".join(self.names)
            raise TypeError(f"{self.plain.__name__}({listed}) was given {len(args)} arguments")
        types = self.types_of(args)
        with COMPILING:
            found = self.known.get(types)
            if found is None:
                program = build_kernel(self.plain, self.kind, self.names, types)
                counting = program.counting
                found = self.known[types] = Compiled(
                    program,
                    load_kernel(program.source, program.name, program.bindings),
                    None
                    if counting is None
                    else load_kernel(counting.source, counting.name, counting.bindings),
                )
            self.latest = found
        return found

    def types_of(self, args: Sequence[object]) -> tuple[Type, ...]:
        found = []
        for name, value in zip(self.names, args, strict=True):
            if getattr(getattr(value, "dtype", None), "fields", None):
                raise UnsupportedError(
                    f"the argument `{name}` is an array of records, which has no derivative",
                    f"Pass its fields as arrays of their own, such as np.ascontiguousarray({name}[field]).",
                    place_of(self.plain),
                )
            type_ = type_in_ir(plain_type(type_of(value)), name)
            if not isinstance(type_, Array | Scalar | Static):
                raise UnsupportedError(
                    f"the argument `{name}` is a container, which an adjoint kernel does not take",
                    "Pass its arrays one by one.",
                    place_of(self.plain),
                )
            found.append(type_)
        return tuple(found)


class NestedKernel(_Launchable):
    """The adjoint or tangent kernel of a generated kernel.

    It takes the arguments of the generated kernel, and a shadow array for each array of floats among them. Each launch
    allocates the arrays in which iterations save values.
    """

    def __init__(self, inner: DerivedKernel | NestedKernel, kind: Kind) -> None:
        self.inner, self.kind = inner, kind
        self.__name__ = f"{inner.__name__}_{kind}"
        self.known: dict[
            object, DerivedKernel
        ] = {}  # for the kernel of each specialisation of `inner`

    def __repr__(self) -> str:
        return f"<srcdiff {self.kind} kernel of {self.inner.__name__}>"

    def source_for(self, *args: object) -> str:
        """The text for a launch of `inner` with these arguments and shadow arrays; no device is needed."""
        return self.program_for(*args).source

    def program_for(self, *args: object) -> KernelProgram:
        found, own = self.inner.given(_OfTypes(), args)  # type: ignore[arg-type]
        return self.of(found).compiled([g.value for g in own]).program

    def of(self, found: Compiled) -> DerivedKernel:
        """The derivative of one specialisation of `inner`."""
        kernel = found.kernel
        if kernel not in self.known:
            self.known[kernel] = DerivedKernel(kernel, self.kind)
        return self.known[kernel]

    def count(self, args: Sequence[object]) -> int:
        """The number of leading arguments that are arguments of `inner` or shadow arrays of them."""
        count = self.inner.count(args)
        return count + sum(map(_is_of_floats, args[:count]))

    def given(self, launch: Launch, args: Sequence[Any]) -> tuple[Compiled, list[Given]]:
        """The specialisation for a launch, and all arguments that its kernel takes."""
        count = self.inner.count(args)
        inner, own = self.inner.given(launch, args[:count])
        derived = self.of(inner)
        values = [g.value for g in own]
        found = derived.compiled(values)
        program = found.program
        if len(args) != self.count(args):
            names = [n for n, g in zip(program.names, own, strict=True) if not g.is_own]
            pairs = zip(program.of, program.shadows, strict=True)
            wanted = ", ".join((*names, *(d for k, d in pairs if not own[k].is_own)))
            raise TypeError(f"{self.__name__}({wanted}) was given {len(args)} arguments")
        rest = iter(args[count:])
        shadows = [
            Given(_cleared(values[k]), True) if own[k].is_own else Given(next(rest))
            for k in program.of
        ]
        check_shadows(program, values, [d.value for d in shadows])
        kept = launch.kept(found, values, ())
        return found, [*own, *shadows, *(Given(a, True) for a in kept)]


class _OfTypes:
    """A substitute for a launch that provides arrays of the right types only."""

    def kept(
        self, found: Compiled, args: Sequence[object], given: Sequence[Any]
    ) -> tuple[Any, ...]:
        return tuple(
            np.empty((1,) * (len(k.shape) + 1), k.dtype) for k in found.program.thread_storage
        )


def _is_of_floats(value: Any) -> bool:
    return hasattr(value, "dtype") and bool(value.shape) and np.dtype(value.dtype).kind == "f"


def _cleared(value: Any) -> object:
    """Zeros: the adjoint of the arrays that a launch keeps, both before and after it."""
    zeros = np.zeros(value.shape, value.dtype)
    return cuda.to_device(zeros) if device.is_device_array(value) else zeros
