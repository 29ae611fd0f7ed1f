"""The stages after the frontend, for programs that take derivatives themselves.

The frontend reads `grad(f)(x)` inside a function as a call of the derivative's program. Later stages generate that
program: `srcdiff.compile` implements `Services`, and registers its object once, when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, ClassVar, Protocol

from srcdiff.ir.core import Function, OpDecl
from srcdiff.ir.types import Type


class Handle(Protocol):
    """A generated function (`handles/generated.py`), as far as the frontend looks at it."""

    __name__: str
    derived: Any
    signature: Any


class Kind(Protocol):
    """A kind of derivative (`compile/derivations/kinds.py`), which is the mark of the function that makes it."""

    name: ClassVar[str]
    by_position: ClassVar[tuple[str, ...]]
    is_along: ClassVar[bool]
    is_at_point: ClassVar[bool]

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]: ...


class Services(Protocol):
    def derive(
        self,
        handle: Handle,
        types: Mapping[str, Type],
        lengths: Mapping[str, int],
        any_lengths: bool,
    ) -> Function:
        """The program of a generated function, for arguments of these types."""

    def make(
        self, kind: Kind, function: Callable[..., object], options: dict[str, object]
    ) -> Handle:
        """`grad(function, **options)`, or another `kind` of derivative."""

    def value_of(self, function: FunctionType) -> Handle:
        """The function itself as a generated function: a solver calls it."""

    def solver(
        self,
        solver: object,
        function: FunctionType,
        names: tuple[str, ...],
        axes: tuple[int, ...],
        options: Sequence[tuple[str, str]],
    ) -> OpDecl:
        """The operation of a call of one of SciPy's solvers."""

    def derived_kernels(self, kernel: object) -> tuple[object, object]:
        """The adjoint and the tangent of a kernel that a program launches."""


_registered: list[Services] = []  # at most one


def register(implementation: Services) -> None:
    _registered[:] = [implementation]


def services() -> Services:
    assert _registered, "srcdiff.compile is not imported"
    return _registered[0]
