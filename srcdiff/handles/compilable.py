"""The form that calls of a generated function run: NumPy, or the loop form, compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.extensions import extensions
from srcdiff.compile.loop_program import LoopProgram
from srcdiff.errors import DifferentiationError
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.compiling.tiers import Tier
from srcdiff.handles.fast_call import direct_call
from srcdiff.handles.locks import COMPILING
from srcdiff.handles.pickle_refs import is_lost
from srcdiff.handles.reports import warn_numpy
from srcdiff.handles.source_view import Readable
from srcdiff.handles.specialisations import Specialisation, Specialisations, lost
from srcdiff.waits import shown


class Compilable(Readable):
    """An object whose specialisations are compiled; `Generated` binds the arguments of its calls."""

    is_quiet: bool
    _cache: Specialisations

    def _specialised(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[Specialisation, Arguments]:
        raise NotImplementedError

    def _values(self, specialisation: Specialisation, arguments: Arguments) -> Sequence[object]:
        raise NotImplementedError

    def _chosen(
        self, specialisation: Specialisation, values: Sequence[object], lengths: Mapping[str, int]
    ) -> Callable[..., object]:
        """The function that this call runs: the loop form, compiled for values like these, or the NumPy function."""
        if not self.compiles or specialisation.program.dynamic or not self._answers_first:
            return self._settled(specialisation, values)
        if specialisation.tier is None:
            specialisation.tier = Tier(
                specialisation,
                lambda: self._loops(specialisation),
                lambda given: self._settled(specialisation, given),
            )
        tier = specialisation.tier
        return tier.form(values, lengths) or self._settled(specialisation, values, tier.run)

    def _settled(
        self,
        specialisation: Specialisation,
        values: Sequence[object],
        run: Callable[..., object] | None = None,
    ) -> Callable[..., Any]:
        """The function that later calls run, too; where it is not given, it is compiled now."""
        with COMPILING, shown("compiling", self.__name__):
            run = run or self._compiled(specialisation, values) or specialisation.function
            if specialisation.program.dynamic:
                run = extensions().with_user_lines(run, specialisation.program.origin)
            if specialisation.arguments is not None:
                specialisation.direct = direct_call(
                    specialisation.program, self.signature, specialisation.arguments, run
                )
            specialisation.run = run
        return run

    def _compiled(
        self, specialisation: Specialisation, values: Sequence[object]
    ) -> Compiled | None:
        """The loop form, compiled; None where the NumPy function has to run."""
        if not self.compiles or specialisation.program.dynamic:
            return None
        try:
            found = self._loops(specialisation)
            found.compile_for(values)
        except DifferentiationError as error:
            if self.derived.options.jit is True:
                raise
            specialisation.refused = error.message
            if not self.is_quiet:
                warn_numpy(error)
            return None
        return found

    @property
    def compiles(self) -> bool:
        """Whether calls are compiled where possible."""
        jit = self.derived.options.jit
        return jit is True or (jit == "auto" and os.environ.get("SRCDIFF_JIT") != "0")

    def compile_times(self) -> list[tuple[str, float]]:
        """The compiled programs of this function, with the seconds that compiling took."""
        found = [made.compiled for entries in self._cache.entries.values() for made in entries]
        return [(c.program.name, c.seconds) for c in found if c is not None and c.function]

    @property
    def _answers_first(self) -> bool:
        """Whether calls may run NumPy until there is compiled code."""
        return self.derived.options.jit == "auto" and os.environ.get("SRCDIFF_JIT") != "wait"

    def compile(self, *args: object, **kwargs: object) -> None:
        """Compile for arguments of these types now, unless `jit` is False; the derivative does not run.

        Raises
        ------
        UnsupportedError
            With `jit=True`, where it cannot be compiled.
        """
        specialisation, arguments = self._specialised(args, kwargs)
        if not isinstance(specialisation.run, Compiled):
            self._settled(specialisation, self._values(specialisation, arguments))

    def _loops(self, specialisation: Specialisation) -> Compiled:
        with COMPILING:
            if specialisation.compiled is None:
                specialisation.compiled = Compiled(self._loop_program(specialisation))
                specialisation.shared = {}
            return specialisation.compiled

    def loop_form(self, specialisation: Specialisation) -> LoopProgram | None:
        """The loop form that the first call of a specialisation compiles; None where calls run NumPy."""
        if not self.compiles or specialisation.program.dynamic:
            return None
        try:
            program = self._loops(specialisation).program
        except DifferentiationError:
            return None
        return None if program.refused else program

    def _loop_program(self, specialisation: Specialisation, bound: bool = False) -> LoopProgram:
        if is_lost(self.derived) or specialisation.arguments is None:
            raise lost(self.__name__)
        from srcdiff.cache.stored import build_loops  # takes a while to import

        with COMPILING:
            return build_loops(self.derived, specialisation.arguments, bound, specialisation.shared)
