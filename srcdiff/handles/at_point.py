"""Derivatives whose generated function depends on what a call gives: one handle for each choice of arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from srcdiff.compile.derivations.kinds import Derivation
from srcdiff.errors import DifferentiationError
from srcdiff.handles.generated import Generated
from srcdiff.handles.pickle_refs import reference_to, restored
from srcdiff.options import Options

Function = Callable[..., Any]


class AtPoint:
    """A derivative as generated functions: one handle for each choice of arguments, or for each number of them."""

    derivation: Derivation

    @property
    def label(self) -> str:
        """The suffix of the names of generated functions."""
        return self.derivation.name

    def __init__(self, function: Function, options: Options) -> None:
        self.function = function
        self.options = options
        self.__name__ = f"{getattr(function, '__name__', 'f')}_{self.label}"
        self._handles: dict[object, Generated] = {}
        self._latest: Generated | None = None

    def handle_for(self, argnums: object) -> Generated:
        """The generated function for a choice of arguments."""
        key = tuple(argnums) if isinstance(argnums, list) else argnums
        if key not in self._handles:
            self._handles[key] = self.made(key)
        self._latest = self._handles[key]
        return self._latest

    def made(self, key: object) -> Generated:
        raise NotImplementedError

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[Any, ...]]:
        """The handle for these arguments, and the values that it is called with."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """The source of the latest specialisation."""
        return self._last().source

    def _last(self) -> Generated:
        if self._latest is None:
            raise DifferentiationError(
                f"{self.__name__} has no source yet: it is generated for the types of the arguments",
                "Call it first, or use source_for, which generates without running.",
            )
        return self._latest

    def source_for(self, *args: object, **kwargs: object) -> str:
        """The source for arguments as in a call, without running it."""
        handle, given = self.resolve(*args, **kwargs)
        return handle.source_for(*given)

    def compile(self, *args: object, **kwargs: object) -> None:
        """Compile for arguments as in a call, now, unless `jit` is False; the derivative does not run."""
        handle, given = self.resolve(*args, **kwargs)
        handle.compile(*given)

    @property
    def loop_source(self) -> str:
        """The loop form of the latest specialisation."""
        return self._last().loop_source

    def loop_source_for(self, *args: object, **kwargs: object) -> str:
        """The loop form for arguments as in a call, without running it."""
        handle, given = self.resolve(*args, **kwargs)
        return handle.loop_source_for(*given)

    def stages(self, *args: object, **kwargs: object) -> dict[str, str]:
        """The program after each pass, as text."""
        handle, given = self.resolve(*args, **kwargs)
        return handle.stages(*given)

    def save(self, path: str | Path, *args: object, form: str = "array", **kwargs: object) -> Path:
        """Write a module with the generated function; arguments as in a call, or none for the latest specialisation."""
        if not args and not kwargs and self._latest is not None:
            return self._latest.save(path, form=form)
        if not args and not kwargs:
            raise DifferentiationError(
                f"{self.__name__} was not called yet, so there is nothing to save",
                "Call it first, or give arguments as in a call: save(path, *args).",
            )
        handle, given = self.resolve(*args, **kwargs)
        return handle.save(path, *given, form=form)

    def show(self, *args: object, **kwargs: object) -> None:
        """Print the source, highlighted."""
        if not args and not kwargs and self._latest is not None:
            self._latest.show()
            return
        handle, given = self.resolve(*args, **kwargs)
        handle.show(*given)

    def __repr__(self) -> str:
        return f"<srcdiff {self.__name__}>"

    def __reduce__(self) -> Any:
        function = reference_to(self.function) or self.function
        return restored, (type(self), function, self.options)
