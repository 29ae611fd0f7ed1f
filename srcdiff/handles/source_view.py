"""The source of generated functions: to read, and to save as a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from srcdiff.compile.arguments.signature import Arguments, Signature
from srcdiff.compile.extensions import OnDevice
from srcdiff.compile.loop_program import LoopProgram
from srcdiff.compile.program import Derived
from srcdiff.errors import INCOMPLETE, INCOMPLETE_IN_FILES, DifferentiationError, UnsupportedError
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.locks import COMPILING
from srcdiff.handles.specialisations import Specialisation


class Readable:
    """An object with a source for each specialisation; `Generated` makes the specialisations."""

    __name__: str
    derived: Derived
    signature: Signature
    _latest: Specialisation | None

    def specialise(self, *args: object, **kwargs: object) -> Specialisation:
        """The program for arguments of these types, generated if need be; nothing is run."""
        raise NotImplementedError

    def arguments_of(self, args: Sequence[Any], kwargs: dict[str, object]) -> Arguments:
        raise NotImplementedError

    def _loops(self, specialisation: Specialisation) -> Compiled:
        raise NotImplementedError

    def _loop_program(self, specialisation: Specialisation, bound: bool = False) -> LoopProgram:
        raise NotImplementedError

    def _for_one_item(self) -> OnDevice:
        raise NotImplementedError

    @property
    def source(self) -> str:
        """The source of the latest specialisation.

        Raises
        ------
        DifferentiationError
            Before the first call.
        """
        return self._last("source_for").program.source

    def _last(self, otherwise: str) -> Specialisation:
        if self._latest is None:
            raise DifferentiationError(
                f"{self.__name__} has no source yet: it is generated for the types of the arguments",
                f"Call it first, or use {otherwise}(*args), which generates without running.",
            )
        return self._latest

    def source_for(self, *args: object, **kwargs: object) -> str:
        """The source for arguments of these types, without running it."""
        return self.specialise(*args, **kwargs).program.source

    @property
    def loop_source(self) -> str:
        """The loop form of the latest specialisation: the text that is compiled with `jit=True`, or for a device.

        Raises
        ------
        DifferentiationError
            Before the first call.
        UnsupportedError
            For a program that has no loop form.
        """
        if self.derived.options.target == "cuda":
            return self._for_one_item().source
        return self._loop_text(self._last("loop_source_for"))

    def loop_source_for(self, *args: object, **kwargs: object) -> str:
        """The loop form for arguments of these types, without running or compiling it."""
        if self.derived.options.target == "cuda":
            return self._for_one_item().source_for(*args)
        return self._loop_text(self.specialise(*args, **kwargs))

    def _loop_text(self, specialisation: Specialisation) -> str:
        program = self._loops(specialisation).program
        if program.refused:
            raise UnsupportedError(
                f"{self.__name__} has no loop form: {program.refused}",
                "Its source in NumPy runs as it is.",
                program.location,
            )
        return program.source

    def stages(self, *args: object, **kwargs: object) -> dict[str, str]:
        """The program after each pass, as text: pass name to text, in order."""
        arguments = self.arguments_of(args, kwargs)
        with COMPILING:
            from srcdiff.compile.build import build  # the stages take a while to import

            return build(self.derived, arguments, keep_text=True).stages

    def save(
        self,
        path: str | Path,
        *args: object,
        form: str = "array",
        allow_srcdiff: bool = False,
        **kwargs: object,
    ) -> Path:
        """Write a module that holds the generated function and needs NumPy (and SciPy, if used), never srcdiff.

        Parameters
        ----------
        path
            The file, written whole or not at all.
        *args
            Arguments whose types it is generated for; without any, the latest specialisation is written.
        form
            "array": the readable form; "numpy": the readable form with NumPy alone, where its functions of SciPy have
            short definitions (`logsumexp`, ...); "loops": the compiled form, which needs Numba.
        allow_srcdiff
            Whether the module may import srcdiff, as modules of dynamic programs do.

        Raises
        ------
        DifferentiationError
            If the program refers to objects that a file cannot hold.
        """
        if form not in ("array", "loops", "numpy"):
            raise ValueError(f'form={form!r}: expected "array", "numpy" or "loops"')
        if self._latest is None and not (args or kwargs) and self.signature.needed:
            raise DifferentiationError(
                f"{self.__name__} was not called yet, so there is nothing to save",
                "Call it first, or give arguments of the types that it is for: save(path, *args).",
            )
        if args or kwargs or self._latest is None:
            chosen = self.specialise(*args, **kwargs)
        else:
            chosen = self._latest
        program = chosen.program
        if program.dynamic and not allow_srcdiff:
            raise DifferentiationError(
                f"{self.__name__} is dynamic, and needs srcdiff where it runs: {program.dynamic[0]}",
                "Pass allow_srcdiff=True, and the file imports srcdiff.",
                program.location,
            )
        if form == "loops":
            self._loop_text(chosen)  # an error where there is none
            loops = self._loop_program(chosen, bound=True)
            source = loops.source.replace(INCOMPLETE, INCOMPLETE_IN_FILES)
            program = replace(program, source=source, saved="", bindings=loops.bindings)
        target = Path(path)
        program.write(target, numpy_only=form == "numpy")
        return target

    def show(self, *args: object, **kwargs: object) -> None:
        """Print the source, highlighted; of the latest specialisation, or for the arguments given."""
        from rich.console import Console  # rich takes a while to import
        from rich.syntax import Syntax

        text = self.source_for(*args, **kwargs) if args or kwargs else self.source
        Console().print(
            Syntax(text.rstrip("\n"), "python", theme="ansi_dark", background_color="default")
        )

    def _repr_markdown_(self) -> str:
        """The source in a notebook."""
        return f"```python\n{self.source}```" if self._latest else f"`{self!r}`"
