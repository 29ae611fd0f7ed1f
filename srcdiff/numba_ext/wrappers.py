"""Wrappers of generated functions for compiled callers: they make arrays contiguous, convert tangents to the form of
their arguments, and make the checks that a call from Python makes before the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numba
import numpy as np
from numba.core import types

from srcdiff.cache.machine_code import load_compiled
from srcdiff.compile.loop_program import LoopProgram
from srcdiff.errors import UnsupportedError
from srcdiff.handles.generated import Generated
from srcdiff.ir.types import Array, Static, Struct, Type
from srcdiff.numba_ext.types import arrays_in, parts_of


class CallText:
    """The text of a call of a loop form with values of some Numba types.

    Attributes
    ----------
    bindings : dict
        The objects that the text refers to.
    types : tuple
        The Numba types for which the loop form is compiled.
    """

    def __init__(
        self,
        handle: Generated,
        program: LoopProgram,
        names: tuple[str, ...],
        given: tuple[types.Type, ...],
    ) -> None:
        self.signature = handle.signature
        self.program = program
        self.names = names
        self.given = given
        self.bindings: dict[str, object] = {
            "compiled": load_compiled(program.source, program.name, program.bindings)
        }
        self.checks: list[str] = []
        values = [*map(self._own, range(len(self.signature.names))), *self._tangents()]
        self.types = tuple(type_ for _, type_ in values)
        self.texts = [text for text, _ in values]

    def lines(self) -> list[str]:
        call = f"return compiled({', '.join(self.texts)})"
        return [*self._overlaps(), *self.checks, call]

    def arrays(self) -> list[tuple[str, Any]]:
        """The arrays with axes among the function's own arguments."""
        named = zip(self.names, self.given[: len(self.signature.names)], strict=False)
        return [a for name, type_ in named for a in arrays_in(name, type_)]

    # ---- the function's own arguments --------------------------------------------------------------

    def _own(self, k: int) -> tuple[str, Any]:
        is_float = k in self.signature.wrt
        return self._taken(self.names[k], self.given[k], self.program.types[k], is_float)

    def _taken(
        self, text: str, given: Any, wanted: Type, is_float: bool = False
    ) -> tuple[str, object]:
        """A value in the form that the generated function takes, and its Numba type; `is_float`: an integer becomes a
        float.
        """
        if isinstance(wanted, Static):
            if isinstance(wanted.value, bool | int | str):
                return repr(wanted.value), types.literal(wanted.value)
            is_number = isinstance(wanted.value, float)
            return (repr(wanted.value), types.float64) if is_number else ("None", types.none)
        if isinstance(given, types.Array):
            if not given.ndim:
                return f"{text}[()]", given.dtype
            return _contiguous(text, given)
        if isinstance(given, types.Integer) and is_float:
            return f"float({text})", types.float64
        if isinstance(
            given, types.IntegerLiteral
        ):  # a separate type, which would be compiled separately
            return f"np.int64({text})", types.int64
        if not isinstance(wanted, Struct):
            return text, given
        pairs = enumerate(zip(given, wanted.parts, strict=True))
        return self._gathered([self._taken(f"{text}[{k}]", t, w) for k, (t, w) in pairs], wanted)

    def _gathered(self, parts: Sequence[tuple[str, object]], wanted: Struct) -> tuple[str, object]:
        """A tuple of parts."""
        inner = "".join(f"{text}, " for text, _ in parts)
        inner_types = [type_ for _, type_ in parts]
        if wanted.cls is None:
            return f"({inner})", types.BaseTuple.from_types(inner_types)
        name = f"{wanted.cls.__name__}_{id(wanted.cls)}"  # two classes may have one name
        self.bindings[name] = wanted.cls
        return f"{name}({inner})", types.BaseTuple.from_types(inner_types, wanted.cls)

    def _overlaps(self) -> list[str]:
        """Checks that no other array overlaps an array that the function writes."""
        arrays = [text for text, _ in self.arrays()]
        written = {self._text_of(name, keys) for name, keys in self.program.written}
        lines: list[str] = []
        for one in sorted(written & {*arrays}):
            for other in arrays:
                if other != one:
                    message = (
                        f"the arguments {one!r} and {other!r} of {self.signature.name} overlap in memory, and it "
                        f"writes into {one!r}: pass a copy of one of them"
                    )
                    lines += [f"if overlap({one}, {other}):", f"    raise ValueError({message!r})"]
        return lines

    def _text_of(self, name: str, keys: Sequence[object]) -> str:
        """A part of an argument, by its positions."""
        k = self.signature.names.index(name)
        text, type_ = self.names[k], self.program.types[k]
        for key in keys:
            assert isinstance(type_, Struct)
            position = type_.keys.index(key)
            text, type_ = f"{text}[{position}]", type_.parts[position]
        return text

    # ---- tangents -------------------------------------------------------------------------------------

    def _tangents(self) -> list[tuple[str, object]]:
        s = self.signature
        own = len(s.names)
        wanted = self.program.types[own:]
        further = list(zip(self.names[own:], self.given[own:], strict=True))
        if s.spread:
            ((name, type_),) = further
            parts = parts_of(type_)
            if parts is None or len(parts) != len(s.wrt):
                raise UnsupportedError(
                    f"{name} has to be a tuple of {len(s.wrt)}: a part for each of argnums",
                    f"Pass ({name}, ...).",
                )
            further = [(f"{name}[{k}]", t) for k, t in enumerate(parts)]
        rows = zip(further, s.wrt, wanted, strict=True) if further else ()
        return [
            self._fitted(text, given, w, self.names[k], self.given[k])
            for (text, given), k, w in rows
        ]

    def _fitted(
        self, text: str, given: Any, wanted: Type, primal: str, primal_type: Any
    ) -> tuple[str, object]:
        """A tangent in the form of its argument; None stands for zero."""
        if isinstance(wanted, Static):
            return "None", types.none
        if isinstance(wanted, Struct):
            return self._fitted_tuple(text, given, wanted, primal, primal_type)
        is_array = isinstance(wanted, Array)
        dtype = getattr(types, wanted.dtype)  # type: ignore[union-attr]
        if isinstance(given, types.NoneType):
            zeros = f"np.zeros({primal}.shape, np.{dtype})"
            return (
                (zeros, types.Array(dtype, primal_type.ndim, "C")) if is_array else ("0.0", dtype)
            )
        numbers = types.Float | types.Integer
        is_one = isinstance(given, types.Array) and given.ndim > 0
        of = given.dtype if is_one else given
        if is_array != is_one or not isinstance(of, numbers):
            _refuse_tangent(text, given, primal, primal_type)
        if not is_array:
            return f"np.{dtype}({text})", dtype
        if given.ndim != primal_type.ndim:
            _refuse_tangent(text, given, primal, primal_type)
        message = f"{text} has another shape than {primal}, which it belongs to"
        self.checks += [f"if {text}.shape != {primal}.shape:", f"    raise ValueError({message!r})"]
        text, type_ = _contiguous(text, given)
        if of == dtype:
            return text, type_
        return f"{text}.astype(np.{dtype})", types.Array(dtype, given.ndim, "C")

    def _fitted_tuple(
        self, text: str, given: Any, wanted: Struct, primal: str, primal_type: Any
    ) -> tuple[str, object]:
        is_none = isinstance(given, types.NoneType)
        parts = [types.none] * len(wanted.parts) if is_none else parts_of(given)
        if parts is None or len(parts) != len(wanted.parts):
            _refuse_tangent(text, given, primal, primal_type)
        rows = enumerate(zip(parts, wanted.parts, primal_type, strict=True))
        fitted = [self._fitted(f"{text}[{k}]", t, w, f"{primal}[{k}]", p) for k, (t, w, p) in rows]
        return self._gathered(fitted, wanted)


def _contiguous(text: str, given: types.Array) -> tuple[str, object]:
    if given.layout == "C":
        return text, given
    context = numba.core.registry.cpu_target.typing_context
    made = context.resolve_function_type(np.ascontiguousarray, (given,), {})
    return f"np.ascontiguousarray({text})", made.return_type


def _refuse_tangent(text: str, given: object, primal: str, primal_type: object) -> NoReturn:
    raise UnsupportedError(
        f"{text} has Numba's type {given}, and {primal}, which it belongs to, {primal_type}",
        "Pass floats of the same structure; None stands for zero.",
    )
