"""Calls of derivatives in the user's own compiled code: the Numba type of a generated function.

Numba reads the `_numba_type_` of a global, captured variable or argument. The type of a generated function determines,
from the types of a call's arguments, the function that is called. For `log_p_grad(x, k)` and types float64[::1] and
int64:

    def log_p_grad(x, k):
        if x.shape[0] == 1:
            with numba.objmode(result=float64[::1]):
                result = run((x, k))
            return result
        return compiled(x, k)

Lengths are known only when the program runs. The loop form is generated for axes whose length is not 1, and compares on
entry the lengths that must be equal. An axis of length 1 may be broadcast, so such a call goes through Python and has a
program of its own.
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.errors import NumbaError, TypingError
from numba.core.typing.context import Context
from numba.core.typing.templates import fold_arguments
from numba.extending import NativeValue, models, register_model, unbox

from srcdiff.compile.arguments.pytree import children
from srcdiff.compile.loop_program import LoopProgram
from srcdiff.errors import DifferentiationError, UnsupportedError
from srcdiff.handles.compiling.jit import first_lines
from srcdiff.handles.generated import Generated
from srcdiff.handles.locks import COMPILING
from srcdiff.numba_ext.types import arguments_of, arrays_in, parts_of, plain_type
from srcdiff.numba_ext.wrappers import CallText

_NUMBERS = itertools.count()


class CallableType(types.Callable, types.Dummy):
    """The type of an object that compiled code calls; `calls` resolves its calls."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        super().__init__(f"srcdiff({calls.name}, {id(calls)})")

    def get_call_type(
        self, context: Context, args: tuple[types.Type, ...], kws: Mapping[str, object]
    ) -> Any:
        pysig = self.calls.pysig
        folded = fold_arguments(
            pysig,
            args,
            kws,
            lambda index, param, type_: type_,
            lambda index, param, default: types.Omitted(default),
            lambda index, param, all_: types.StarArgTuple(all_),
        )
        try:
            signature = self.calls.signature_for(folded)
        except DifferentiationError as error:  # Numba's own error class adds the place of the call
            raise TypingError(f"\n{error}\n") from error
        return signature.replace(pysig=pysig)

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        return [f.overloads[args].signature for args, f in self.calls.compiled.items()], True

    def get_impl_key(self, sig: Any) -> Any:
        return self.calls.compiled[sig.args].overloads[sig.args].entry_point


register_model(CallableType)(models.OpaqueModel)


@unbox(CallableType)
def _unbox(_: object, __: object, c: Any) -> NativeValue:
    """An argument of this type has no data: the type determines all."""
    return NativeValue(c.context.get_dummy_value())


class Calls:
    """Calls of one function from compiled code: their implementations, by the types of the arguments.

    Attributes
    ----------
    compiled : dict
        Numba's dispatchers by the types for which each is compiled.
    """

    def __init__(self, name: str, names: Sequence[str], defaults: Mapping[str, object]) -> None:
        self.name = name
        self.names = tuple(names)
        self.pysig = Signature(
            [
                Parameter(
                    n, Parameter.POSITIONAL_OR_KEYWORD, default=defaults.get(n, Parameter.empty)
                )
                for n in names
            ]
        )
        self.compiled: dict[tuple[Any, ...], Any] = {}

    def signature_for(self, given: tuple[types.Type, ...]) -> Any:
        """Numba's signature for arguments of these types. Values that are known in the caller are used only if there is
        no program without them.
        """
        plain = tuple(map(plain_type, given))
        try:
            return self._compiled(plain)
        except DifferentiationError as error:
            if plain != given:
                return self._compiled(given)
            if "must be known when compiling" not in error.message:
                raise
            advice = "In compiled code, write its value into the call."
            raise UnsupportedError(error.message, advice, error.location) from None

    def _compiled(self, given: tuple[types.Type, ...]) -> Any:
        if given not in self.compiled:
            function = numba.njit(self.implementation(given))
            try:
                function.compile(given)
            except NumbaError as error:
                raise UnsupportedError(
                    f"{self.name} cannot be compiled: {first_lines(error)}", "Call it from Python."
                ) from error
            self.compiled[given] = function
        return self.compiled[given].overloads[given].signature

    def implementation(self, given: tuple[Any, ...]) -> Callable[..., object]:
        """The function that is compiled for arguments of these types."""
        raise NotImplementedError


def type_of(handle: Generated) -> CallableType:
    """The Numba type of a generated function, one for each handle."""
    known = handle.__dict__.get("_numba")
    if known is None:
        known = handle.__dict__["_numba"] = CallableType(_GeneratedCalls(handle))
    return known


def make_function(
    text: str, name: str, module: str | None = __name__, **bindings: object
) -> Callable[..., object]:
    """A function from its text, which is registered so that Numba's messages show its lines.

    Without a `module`, Numba looks in the function itself for the Python functions that it calls.
    """
    file = f"<srcdiff {name} {next(_NUMBERS)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {**bindings, "np": np, "__name__": __name__}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    namespace[name].__module__ = module
    made: Callable[..., object] = namespace[name]
    return made


_OWN = ("compiled", "float", "np", "numba", "overlap", "result", "result_type", "run")


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names made unique (a vector may have the name of one of the function's parameters), and different from
    reserved ones.
    """
    out: list[str] = []
    for name in names:
        out.append(f"{name}_{len(out)}" if name in (*out, *_OWN) else name)
    return tuple(out)


class _GeneratedCalls(Calls):
    def __init__(self, handle: Generated) -> None:
        s = handle.signature
        self.handle = handle
        self.programs: dict[object, LoopProgram] = {}
        # parameters after those with defaults have no default: all arguments are required
        names = _distinct((*s.names, *s.further)) if s.further else s.names
        super().__init__(handle.__name__, names, {} if s.further else s.defaults)
        self.names = _distinct(names)

    def implementation(self, given: tuple[Any, ...]) -> Callable[..., object]:
        program = self._program(given)
        self._refuse_layouts(program, given)
        text = CallText(self.handle, program, self.names, given)
        listed = ", ".join(self.names)
        lines = text.lines()
        bindings = {**text.bindings, "overlap": _overlap}
        arrays = text.arrays()
        if arrays:
            one = " or ".join(f"{a}.shape[{k}] == 1" for a, t in arrays for k in range(t.ndim))
            lines = [
                f"if {one}:",
                "    with numba.objmode(result=result_type):",
                f"        result = run(({listed},))",
                "    return result",
                *lines,
            ]
            result = self._result_type(bindings["compiled"], text)
            bindings |= {"numba": numba, "result_type": result}
            bindings["run"] = _ByPython(self.handle, result)
        body = "".join(f"    {line}\n" for line in lines)
        return make_function(f"def {self.name}({listed}):\n{body}", self.name, None, **bindings)

    def _result_type(self, compiled: Any, text: CallText) -> Any:
        compiled.compile(text.types)
        return compiled.overloads[text.types].signature.return_type

    def _program(self, given: tuple[types.Type, ...]) -> LoopProgram:
        """The loop form for these types."""
        signature = self.handle.signature
        own = given[: len(signature.names)]
        arguments = arguments_of(signature, own, self.handle.place)
        key = (arguments.types, tuple(arguments.lengths.items()))
        known = self.programs.get(key)
        if known is None:
            with COMPILING:
                from srcdiff.cache.stored import build_loops  # slow to import

                known = build_loops(self.handle.derived, arguments, bound=True)
            if known.refused:
                raise UnsupportedError(
                    f"{known.name} cannot be called from compiled code: {known.refused}",
                    "Call it from Python, or write that part of the function with arrays or numbers.",
                    known.location,
                )
            self.handle.warn_independent(known)
            self.programs[key] = known
        return known

    def _refuse_layouts(self, program: LoopProgram, given: tuple[types.Type, ...]) -> None:
        s = self.handle.signature
        boxed = {name for name, _, _ in program.numbers}
        for name, type_ in zip(s.names, given, strict=False):
            strided = [t for _, t in arrays_in(name, type_) if t.layout != "C"]
            if name in program.contiguous and strided:
                raise UnsupportedError(
                    f"the argument {name!r} of {s.name} may not be contiguous in C order, and NumPy "
                    "would make copies where it makes views of contiguous arrays",
                    f"Pass np.ascontiguousarray({name}).",
                    program.location,
                )
            if name in boxed and _has_box(type_):
                raise UnsupportedError(
                    f"{s.name} changes an array without axes in place, the argument {name!r}",
                    "Pass a number.",
                    program.location,
                )


def _has_box(type_: types.Type) -> bool:
    """Whether a value is an array without axes, or contains one."""
    if isinstance(type_, types.Array):
        return type_.ndim == 0
    return any(map(_has_box, parts_of(type_) or ()))


# ---- helpers of compiled calls at run time -------------------------------------------------------------


@numba.njit
def _span(a: Any) -> Any:
    """The first and the last byte of an array's elements."""
    low = high = a.ctypes.data
    for k in range(a.ndim):
        if a.shape[k] == 0:
            return low, low
        reach = (a.shape[k] - 1) * a.strides[k]
        if reach > 0:
            high += reach
        else:
            low += reach
    return low, high + a.itemsize


@numba.njit
def _overlap(a: object, b: object) -> Any:
    (a_low, a_high), (b_low, b_high) = _span(a), _span(b)
    return a_low < b_high and b_low < a_high


class _ByPython:
    """A call through Python, whose result has the type that compiled code expects."""

    def __init__(self, handle: Generated, result: types.Type) -> None:
        self.handle = handle
        self.result = result

    def __call__(self, args: tuple[Any, ...]) -> Any:
        return _as_type(self.handle(*args), self.result)

    def __reduce__(self) -> Any:  # Numba pickles functions that run in Python, for its cache
        return _ByPython, (Generated(self.handle.derived, self.handle.signature), self.result)


def _as_type(value: np.ndarray, type_: types.Type) -> Any:
    """A result as values that a Numba type can box; other values would be misread without an error."""
    if isinstance(type_, types.Array):
        return np.ascontiguousarray(value, dtype=type_.dtype.name)
    wanted = parts_of(type_)
    if wanted is not None:
        parts = [_as_type(v, t) for v, t in zip(children(value) or (), wanted, strict=True)]
        return getattr(type_, "instance_class", lambda *all_: all_)(*parts)
    if isinstance(type_, types.Float):
        return float(value)
    return value
