"""Argument checks: conditions on the arguments of each call of a generated function, beyond their types.

The arguments are checked as they are given. The program gets them contiguous, and numbers for arrays without axes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import leaves, part_of, part_text
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.program import Program
from srcdiff.errors import UnsupportedError

_LIBRARIES = ("cupy", "numba", "numba_cuda", "torch")


def check_arguments(program: Program, arguments: Arguments, name: str) -> None:
    """Refuse arguments for which the program would be wrong; `name` is the function's name.

    Raises
    ------
    UnsupportedError
        For arrays that overlap with a written array, that are not contiguous where results depend on it, or that have
        no axes where they would be changed in place.
    """
    if program.numbers:
        _check_numbers(program, arguments)
    if program.written:
        _check_overlap(program, arguments, name)
    if program.contiguous:
        _check_contiguous(program, arguments, name)


def device_array(args: Sequence[object], kwargs: Mapping[str, object]) -> Any:
    """An array on a CUDA device among the arguments of a call; None if there is none."""
    for leaf in (leaf for a in (*args, *kwargs.values()) for leaf in leaves(a)):
        cls = type(leaf)
        is_of_library = cls.__module__.partition(".")[0] in _LIBRARIES
        is_foreign = hasattr(cls, "__dlpack_device__") and cls is not np.ndarray
        if is_of_library or is_foreign or hasattr(cls, "__cuda_array_interface__"):
            from srcdiff.handles.host_staging import is_on_device  # imports numba.cuda

            if is_on_device(leaf):
                return leaf
    return None


def _check_overlap(program: Program, arguments: Arguments, name: str) -> None:
    overlap = arguments.overlap(program.written, program.arrays)
    if overlap is not None:
        written, other = overlap
        both = f"the arguments {written!r} and {other!r}"
        if other in program.arrays:
            both = f"the argument {written!r} and the array {other!r} from outside"
        raise UnsupportedError(
            f"{both} of {name} overlap in memory, and it writes into {written!r}",
            "Pass a copy of one of them.",
            program.location,
        )


def _check_contiguous(program: Program, arguments: Arguments, name: str) -> None:
    for parameter, own in zip(arguments.names, arguments.own, strict=True):
        if parameter in program.contiguous and not all(map(_is_contiguous, leaves(own))):
            raise UnsupportedError(
                f"the argument {parameter!r} of {name} is not contiguous in C order, and NumPy "
                "would make copies where it makes views of contiguous arrays",
                f"Pass np.ascontiguousarray({parameter}), or reshape a copy of the array in {name}.",
                program.location,
            )


def _check_numbers(program: Program, arguments: Arguments) -> None:
    """Refuse an array without axes where it would be changed in place and read under another name."""
    for name, keys, where in program.numbers:
        own, text = arguments.own[arguments.names.index(name)], name
        for key in keys:
            own, text = part_of(own, key), part_text(own, key, text)
        if any(isinstance(leaf, np.ndarray) and leaf.ndim == 0 for leaf in leaves(own)):
            raise UnsupportedError(
                f"this changes an array without axes, `{text}`, that is read under another name later",
                "Pass a number, or write `s = s + v`, which makes a new one.",
                where,
            )


def _is_contiguous(leaf: object) -> bool:
    return not isinstance(leaf, np.ndarray) or leaf.flags.c_contiguous


def copies_of(args: tuple[object, ...]) -> tuple[object, ...] | None:
    """Copies for a function that may write into its arguments; None where an object cannot be copied."""
    try:
        return copy.deepcopy(args)
    except (TypeError, copy.Error):  # locks, files
        return None
