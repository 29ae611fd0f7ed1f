"""Extension points: a protocol for services of packages above: dynamic programs, calls from Numba, and devices.

The packages above import `compile` and `handles`, so they cannot be imported here. `srcdiff/assembly.py` implements
`Extensions` with all of them, and installs its object when srcdiff is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # for annotations only
    from srcdiff.compile.arguments.signature import Arguments
    from srcdiff.compile.program import Derived, Program
    from srcdiff.errors import UntypedError


class OnDevice(Protocol):
    """A generated function that runs on a device."""

    def __call__(self, *args: Any) -> Any: ...
    @property
    def source(self) -> str: ...
    def source_for(self, *args: object) -> str: ...


class Extensions(Protocol):
    def dynamic_program(
        self, derived: Derived, arguments: Arguments, reason: UntypedError
    ) -> Program | None:
        """The program of a derivative that has no types, for `reason`; None for derivations that need them."""

    def with_user_lines(self, run: Callable[..., object], origin: object) -> Callable[..., object]:
        """`run` of such a program; its errors name the lines of the user's function, which is in `origin`."""

    def numba_type(self, callable_: object) -> Any:
        """Numba's type of a generated or decorated function, where compiled code calls it."""

    def one_item(self, handle: Any) -> OnDevice:
        """A generated function for single calls on a device."""

    def device_function(self, handle: Any) -> Any:
        """A generated function that the user's own kernels call."""


_installed: list[Extensions] = []  # one, from the import of srcdiff on


def install(implementation: Extensions) -> None:
    assert not _installed, "the packages are assembled once"
    _installed.append(implementation)


def extensions() -> Extensions:
    return _installed[0]
