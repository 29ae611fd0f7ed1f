"""Compiled calls: the loop form of a program is compiled by Numba, and its arguments and results are converted.

Compiled code takes tuples where the user has dicts, dataclasses, or lists of parts of different types.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.compile.arguments.pytree import children
from srcdiff.compile.loop_program import LoopProgram
from srcdiff.errors import UnsupportedError
from srcdiff.handles.locks import COMPILING
from srcdiff.ir.core import Tree
from srcdiff.ir.structs import COMPILED_KINDS, build_struct
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, Type

if TYPE_CHECKING:  # slow to import
    from srcdiff.cache.compile_worker import Worker

# the largest block, in bytes, by which GNU's C library decides how much free memory it keeps
_LARGEST = 2**25 - 2**13
# a list of at most so many arrays is passed as a tuple, without a copy, but with a type for each length
_FEW = 8
_STATIC = bool | int | float | str  # types that Numba knows, beside generators of random numbers


class Compiled:
    """A loop program, compiled for the types that it is written for."""

    def __init__(self, program: LoopProgram) -> None:
        self.program = program
        self.function: Callable[..., object] | None = None
        self.seconds = 0.0  # the compile time
        self.gives_plain = _is_plain_tree(program.output, program.results)

    def __call__(self, *values: object) -> Any:
        assert self.function is not None
        found = self.function(*self.machine(values))
        return found if self.gives_plain else self.restored(found)

    def restored(self, found: object) -> object:
        """The user's containers from those of compiled code."""
        return _restored(found, self.program.output, self.program.results)

    def machine(self, values: Sequence[object]) -> list[object]:
        """The values that the compiled function is called with: arguments, then global arrays."""
        given = list(map(plain, values, self.program.types))
        return [*given, *map(_machine_array, self.program.outside)]

    def compile_by(self, worker: Worker, values: Sequence[object]) -> bool:
        """Have a worker compile into the cache; whether the code is there now, for `compile_for`.

        Raises
        ------
        UnsupportedError
            For a program that has no loop form.
        """
        from srcdiff.cache.compile_worker import Unavailable  # slow to import

        p = self.program
        function, types = self._prepared(values)
        kept = getattr(function._cache, "is_kept", None)
        if kept is None:  # the program depends on an object that has no fingerprint
            return False
        if not kept(types, function.targetctx):
            try:
                worker.compile(p.source, p.name, p.bindings, types)
            except Unavailable:
                return False
        return bool(kept(types, function.targetctx))

    def _prepared(self, values: Sequence[object]) -> tuple[Any, tuple[Any, ...]]:
        """The function that Numba compiles, and Numba's types of the values."""
        if self.program.refused:
            raise self._refused(self.program.refused)
        _keep_freed_memory()
        import numba  # takes half a second to import

        from srcdiff.cache.machine_code import load_compiled  # of use behind Numba only

        p = self.program
        with COMPILING:
            function = load_compiled(p.source, p.name, p.bindings)
        return function, tuple(numba.typeof(v) for v in self.machine(values))  # type: ignore[no-untyped-call]

    def compile_for(self, values: Sequence[object]) -> None:
        """Compile without running; later calls run the compiled code.

        Raises
        ------
        UnsupportedError
            For a program that has no loop form, or that Numba refuses; the message has the reason.
        """
        started = time.perf_counter()
        try:
            function, types = self._prepared(values)
            import numba  # it is there now

            with warnings.catch_warnings():  # about the layout of arrays that are not the user's
                warnings.simplefilter("ignore", numba.core.errors.NumbaPerformanceWarning)
                function.compile(types)
        except UnsupportedError:
            raise
        except Exception as error:  # Numba raises errors of many classes
            raise self._refused(first_lines(error)) from error
        self.seconds = time.perf_counter() - started
        self.function = function

    def _refused(self, reason: str) -> UnsupportedError:
        return UnsupportedError(
            f"{self.program.name} cannot be compiled: {reason}",
            "Leave jit=True out: then it runs as NumPy.",
            self.program.location,
        )


@cache
def _keep_freed_memory() -> None:
    """Make the C library keep memory that calls free: in the next call, new pages may cost more than the loops.

    GNU's library returns free memory at the end of its heap beyond twice the largest block that was freed so far, at
    most 32 MB (mallopt(3), `M_MMAP_THRESHOLD`). So this block is as large. It is never written, so it costs no memory.
    """
    with contextlib.suppress(MemoryError):
        np.empty(_LARGEST, np.uint8)


def first_lines(error: Exception) -> str:
    """Numba's message, without its own locations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Failed in", "During", "-", "File"))]
    return " ".join(kept[:2]) or f"Numba gives up with {type(error).__name__}"


def plain(value: Any, type_: Type, inside: bool = False) -> Any:
    """A value as compiled code takes it: tuples, numbers, and arrays in the layout that it is compiled for.

    `inside`: the value is in a list, whose items have one type.
    """
    if isinstance(value, np.ndarray):
        return _machine_array(value)
    match type_:
        case Static():
            known = value if type(value) is tuple else (value,)
            is_known = all(isinstance(v, _STATIC) for v in known)
            return value if is_known or _is_generator(value) else None
        case Struct() if _is_generator(value):  # an object without numbers
            return value
        case Struct():
            given = zip(children(value) or (), type_.parts, strict=True)
            parts = [plain(v, t, inside) for v, t in given]
            return type(value)(*parts) if type_.kind == "namedtuple" else tuple(parts)
        case List(Scalar(dtype)):
            return np.array(value, dtype)
        case List(Array(dtype, shape)) if shape and (inside or not 0 < len(value) <= _FEW):
            from srcdiff.numba_ext.array_lists import ArrayList  # of use behind Numba only

            return ArrayList(value, dtype, len(shape))
        case List():
            return tuple(plain(v, type_.element, inside=True) for v in value)
        case Scalar("float64") if type(value) is int:  # beside floats in a list
            return float(value)
    return value


def _is_generator(value: object) -> bool:
    """Whether a value is a NumPy generator; `np.random.Generator` would import `numpy.random`, which takes a while."""
    return type(value).__name__ == "Generator" and isinstance(value, np.random.Generator)


def _machine_array(array: np.ndarray) -> np.ndarray:
    """The array in the layout that compiled code expects: contiguous, aligned, of native byte order, writeable.

    Compiled programs write into no argument, so a read-only array is passed as a writeable one.
    """
    if type(array) is np.ndarray and array.flags.carray and array.dtype.isnative:
        return array
    same = np.require(array, array.dtype.newbyteorder("="), ["C", "A", "E"])
    return same if same.flags.writeable else np.asarray(_Writeable(same))


class _Writeable:
    """The memory of a read-only array as writeable memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # kept alive by arrays over this memory
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def _is_plain_tree(tree: Tree, results: Sequence[Type]) -> bool:
    if isinstance(tree, int):
        return not _is_changed(results[tree])
    return tree.kind in COMPILED_KINDS and all(_is_plain_tree(c, results) for c in tree.children)


def _is_changed(type_: Type) -> bool:
    """Whether compiled code uses another container for values of a type."""
    if isinstance(type_, List):
        return _is_changed(type_.element)
    if isinstance(type_, Struct):
        return type_.kind not in COMPILED_KINDS or any(map(_is_changed, type_.parts))
    return False


def _restored(value: Any, tree: Tree, results: Sequence[Type]) -> object:
    if isinstance(tree, int):
        return _as_user_has_it(value, results[tree])
    parts = [_restored(v, t, results) for v, t in zip(value, tree.children, strict=True)]
    return build_struct(tree.kind, tree.keys, parts, tree.cls)


def _as_user_has_it(value: Any, type_: Type) -> Any:
    if not _is_changed(type_):
        return value
    if isinstance(type_, List):
        return [_as_user_has_it(v, type_.element) for v in value]
    assert isinstance(type_, Struct)
    parts = [_as_user_has_it(v, t) for v, t in zip(value, type_.parts, strict=True)]
    return build_struct(type_.kind, type_.keys, parts, type_.cls)
