"""Assembles the packages: implements what lower ones need of higher ones, and installs it when srcdiff is imported.

Nearly all of these packages take a while to import, and few programs need them: each method imports its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from srcdiff.api import made_inside
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.extensions import OnDevice, install
from srcdiff.compile.program import Derived, Program
from srcdiff.errors import UntypedError
from srcdiff.frontend.derivatives.services import Kind, register
from srcdiff.handles.differentiable import Differentiable, Pushforward
from srcdiff.handles.generated import Generated
from srcdiff.ir.core import Function, OpDecl
from srcdiff.ir.types import Type


class _Extensions:
    """What `compile` and `handles` need: see `srcdiff.compile.extensions`."""

    def dynamic_program(
        self, derived: Derived, arguments: Arguments, reason: UntypedError
    ) -> Program | None:
        from srcdiff.eager.program import DERIVATIONS, dynamic_program  # few programs need it

        if not isinstance(derived.derivation, DERIVATIONS):
            return None
        return dynamic_program(derived, arguments, reason)

    def with_user_lines(self, run: Callable[..., Any], origin: Any) -> Callable[..., object]:
        from srcdiff.eager.rewrite.error_traces import with_locations  # few programs need it

        return with_locations(run, origin)

    def numba_type(self, callable_: Any) -> Any:
        # imports Numba, which is there when it asks
        from srcdiff.numba_ext import attributes, calls

        if isinstance(callable_, Differentiable):
            return attributes.type_of_decorated(callable_)
        if isinstance(callable_, Pushforward):
            return attributes.type_of_jvp(callable_)
        return calls.type_of(callable_)

    def one_item(self, handle: Generated) -> OnDevice:
        from srcdiff.cuda.batches import one_item  # imports numba.cuda

        return one_item(handle)

    def device_function(self, handle: Generated) -> Any:
        from srcdiff.cuda.device import device_function  # imports numba.cuda

        return device_function(handle)


class _Services:
    """What the frontend needs: see `srcdiff.frontend.derivatives.services`."""

    def __init__(self) -> None:
        self._kernels: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    def derive(
        self, handle: Any, types: Mapping[str, Type], lengths: Mapping[str, int], any_lengths: bool
    ) -> Function:
        from srcdiff.compile.derive import derive_for_call  # the stages take a while to import

        return derive_for_call(handle, types, lengths, any_lengths)

    def make(self, kind: Kind, function: Callable[..., Any], options: dict[str, Any]) -> Generated:
        return made_inside(kind.name, function, options)

    def value_of(self, function: FunctionType) -> Generated:
        from srcdiff.rules.solvers import value_of  # few programs need it

        return value_of(function)

    def solver(
        self,
        solver: Any,
        function: FunctionType,
        names: tuple[str, ...],
        axes: tuple[int, ...],
        options: Sequence[tuple[str, str]],
    ) -> OpDecl:
        from srcdiff.rules.solvers import declaration  # few programs need it

        return declaration(solver, function, names, axes, tuple(options))

    def derived_kernels(self, kernel: Any) -> tuple[Any, Any]:
        from srcdiff.cuda.adjoints import adjoint, tangent  # imports numba.cuda

        if kernel not in self._kernels:
            self._kernels[kernel] = adjoint(kernel), tangent(kernel)
        return self._kernels[kernel]


install(_Extensions())
register(_Services())
