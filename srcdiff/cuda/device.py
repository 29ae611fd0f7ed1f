"""Device functions: `g.cuda_device` is a generated function that the user's own kernels call.

    @cuda.jit
    def step(x, d_x, value):
        i = cuda.grid(1)
        if i < len(x):
            value[i] = energy_value_and_grad(x[i], d_x[i])      # energy.value_and_grad.cuda_device

Numba's type inference asks this object for the specialisation of a call's argument types, as it does for its own device
functions. The simulator calls the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types
from numba.core.errors import TypingError

from srcdiff.codegen.module.load import load
from srcdiff.cuda.batches import one_item
from srcdiff.cuda.device_program import DeviceProgram, build_device
from srcdiff.errors import DifferentiationError, UnsupportedError
from srcdiff.handles.generated import Generated
from srcdiff.handles.locks import COMPILING
from srcdiff.ir.types import Array, Dim, Scalar, Type
from srcdiff.numba_ext.types import arguments_of, plain_type
from srcdiff.runtime.cuda.device_arrays import dtype_of
from srcdiff.runtime.cuda.numba_cuda_api import dispatcher_type


class Scratch(NamedTuple):
    """Shape and dtype of an array that a device function takes after the arrays that it adds to."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass
class _Compiled:
    program: DeviceProgram
    function: Any  # Numba's device function


class DeviceFunction:
    """A generated function for kernels, with one specialisation for each choice of argument types.

    It takes the function's arguments, then one array for each array of the result, to which it *adds* (gradients), then
    one array for each of `scratch(*args)`, which it overwrites. It returns the numbers of the result: nothing, one, or
    a tuple of them.

    Notes
    -----
    Numba drops the exceptions of a kernel unless it is compiled with `debug=True` (and `opt=False`): the thread ends
    there. An axis of length 1 is not broadcast against longer ones.
    """

    is_compiling = False  # part of Numba's dispatcher protocol; the function never calls itself

    def __init__(self, handle: Generated) -> None:
        self.handle = handle
        self.known: dict[tuple[object, ...], _Compiled] = {}
        self.chosen: dict[tuple[object, ...], _Compiled] = {}  # by the argument types of a call

    def __repr__(self) -> str:
        return f"<srcdiff device function {self.handle.__name__}>"

    def source_for(self, *args: object) -> str:
        """The text for these arguments."""
        return self.compiled(_types_of(args)).program.source

    def scratch(self, *args: object) -> tuple[Scratch, ...]:
        """The arrays that a call with these arguments needs, in the order of the parameters.

        Parameters
        ----------
        *args
            The function's arguments for one call: NumPy arrays, device arrays, or numbers. Only their shapes, dtypes
            and integers matter, unless a loop with an unknown number of iterations saves values: then the function is
            run once, in a kernel, to count them.
        """
        program = self.compiled(_types_of(args)).program
        found = {s.name: s for s in _storage(program, args, ("scratch",), {})}
        if any(s.role == "stack" for s in program.storage):
            lengths = one_item(self.handle).rooms(*args)
            found |= {s.name: s for s in _storage(program, args, ("stack",), lengths)}
        return tuple(found[s.name] for s in program.storage if s.role != "result")

    def results(self, *args: object) -> tuple[Scratch, ...]:
        """The arrays that a call with these arguments adds to, in the order of the parameters."""
        program = self.compiled(_types_of(args)).program
        return _storage(program, args, ("result",), {})

    def compiled(self, given: tuple[Any, ...]) -> _Compiled:
        """The specialisation for a call whose first arguments have these Numba types."""
        handle = self.handle
        own = tuple(map(plain_type, given[: len(handle.signature.names)]))
        with COMPILING:
            known = self.known.get(own)
            if known is None or not known.program.holds():
                arguments = arguments_of(handle.signature, own, handle.place)
                program = build_device(handle.derived, arguments, bound=True)
                function = load(program.source, program.name, program.bindings)
                self.known[own] = _Compiled(program, function)
            return self.known[own]

    # ---- the protocol of Numba's dispatchers, and of its simulator ----

    @property
    def _numba_type_(self) -> object:
        return dispatcher_type(self)

    def get_call_template(self, args: tuple[object, ...], kws: Mapping[str, object]) -> object:
        """Numba's dispatcher protocol: the signatures for these argument types."""
        if kws:
            raise TypingError(f"{self.handle.__name__} takes its arguments by position in kernels")
        try:
            found = self.compiled(args)
            self._check_count(found.program, len(args))
        except DifferentiationError as error:  # Numba's own error class adds the place of the call
            raise TypingError(f"\n{error}\n") from error
        self.chosen[tuple(args)] = found
        return found.function.get_call_template(args, {})

    def get_overload(self, sig: Any) -> object:
        """Numba's dispatcher protocol: the function that is called for a signature."""
        args = tuple(getattr(sig, "args", sig))
        return self.chosen[args].function.get_overload(sig)

    def __call__(self, *args: object) -> object:
        """A call in the simulator, from a kernel."""
        found = self.compiled(_types_of(args[: len(self.handle.signature.names)]))
        self._check_count(found.program, len(args))
        return found.function(*args)

    def _check_count(self, program: DeviceProgram, given: int) -> None:
        wanted = [*program.names, *(s.name for s in program.storage)]
        if given != len(wanted):
            raise UnsupportedError(
                f"{program.name} takes {len(wanted)} arguments in a kernel and was given {given}",
                f"Pass {', '.join(wanted)}: see `cuda_device.scratch(*args)`.",
                program.location,
            )


def device_function(handle: Generated) -> DeviceFunction:
    """`g.cuda_device`: one for each handle."""
    known = handle.__dict__.get("_device")
    if known is None:
        known = handle.__dict__["_device"] = DeviceFunction(handle)
    assert isinstance(known, DeviceFunction)
    return known


def _types_of(args: Sequence[object]) -> tuple[object, ...]:
    return tuple(map(type_of, args))


def type_of(value: object) -> Any:
    """The Numba type of a value; device arrays have one, too."""
    if isinstance(value, tuple):
        parts = list(map(type_of, value))
        return (
            types.NamedTuple(parts, type(value))
            if hasattr(value, "_fields")
            else types.Tuple(parts)
        )
    dtype, ndim = getattr(value, "dtype", None), getattr(value, "ndim", 0)
    if dtype is not None and ndim:
        return types.Array(numba.from_dtype(dtype_of(value)), ndim, "A")
    return numba.typeof(value)


def _storage(
    program: DeviceProgram, args: Sequence[object], roles: tuple[str, ...], rooms: Mapping[str, int]
) -> tuple[Scratch, ...]:
    lengths = dict(rooms)
    for type_, value in zip(program.types, args, strict=True):
        _find_lengths(type_, value, lengths)
    return tuple(
        Scratch(s.name, tuple(d.evaluate(lengths) for d in s.type.shape), np.dtype(s.type.dtype))
        for s in program.storage
        if s.role in roles
    )


def _find_lengths(type_: Type, value: Any, found: dict[str, int]) -> None:
    """Enter the values of a type's symbols, as a value of this type has them."""
    parts = getattr(type_, "parts", None)
    if parts is not None:
        for part, v in zip(parts, value, strict=True):
            _find_lengths(part, v, found)
    elif isinstance(type_, Array):
        for d, n in zip(type_.shape, value.shape, strict=True):
            _enter(d, n, found)
    elif isinstance(type_, Scalar) and type_.expr is not None:
        _enter(type_.expr, value, found)


def _enter(d: Dim, n: int, found: dict[str, int]) -> None:
    if d.symbol is not None:
        found[d.symbol] = int(n)
