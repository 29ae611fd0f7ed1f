"""Shadow values: the adjoint or tangent of each float of a running program.

A number is identified by its identity as an object. An array has shadow memory of the same layout. The
shadow of a view is the same view of the base's shadow, so it does not matter through which name the program writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf
from srcdiff.compile.arguments.strides import extent, owner, placed
from srcdiff.eager.structures import leaves_of
from srcdiff.errors import UnsupportedError


class Tracked:
    """The values that depend on the arguments in `wrt`."""

    def __init__(self) -> None:
        self._kept: dict[int, object] = {}  # kept alive, so that ids stay unique

    def add(self, value: object) -> None:
        kept = owner(value) if isinstance(value, np.ndarray) else value
        self._kept[id(kept)] = kept

    def has(self, value: object) -> bool:
        kept = owner(value) if isinstance(value, np.ndarray) else value
        return id(kept) in self._kept

    def has_part(self, value: object) -> bool:
        """Whether a structure has a tracked float."""
        return any(is_float_leaf(leaf) and self.has(leaf) for leaf in leaves_of(value))


class Shadows:
    """The shadows of a program's values; 0 where nothing was added."""

    def __init__(self) -> None:
        self._numbers: dict[int, object] = {}
        self._memory: dict[int, tuple[int, bytearray, np.ndarray]] = {}

    def view(self, array: np.ndarray) -> np.ndarray[Any, Any]:
        if not array.size:
            return np.zeros(array.shape, array.dtype)
        base = owner(array)
        if id(base) not in self._memory:
            low, high = extent(base)
            self._memory[id(base)] = low, bytearray(high - low), base
        low, memory, base = self._memory[id(base)]
        if array.dtype != base.dtype:
            raise UnsupportedError(
                f"an array of {base.dtype} is written, and a part of it is an array of {array.dtype}",
                "Copy the part, as in z.real.copy(), or convert with astype.",
            )
        return placed(array, memory, low)

    def get(self, value: Any) -> Any:
        """The shadow of a number, or a copy of an array's shadow."""
        if isinstance(value, np.ndarray):
            return self.view(value).copy()
        return self._numbers.get(id(value), type(value)(0.0))

    def add(self, value: Any, number: Any) -> None:
        """Add to a shadow; of what is added to a real value's shadow, the real part counts."""
        is_real = np.isrealobj(value)
        number = number.real if is_real and np.iscomplexobj(number) else number
        if isinstance(value, np.ndarray):
            view = self.view(value)
            view += number
        else:
            found = self._numbers.get(id(value))
            number = type(value)(number)
            self._numbers[id(value)] = number if found is None else type(value)(found + number)

    def take(self, value: object) -> Any:
        """The shadow of a value that the program makes here; None where nothing was added."""
        if not isinstance(value, np.ndarray):
            return self._numbers.pop(id(value), None)
        base = id(owner(value))
        if base not in self._memory:
            return None
        found = self.view(value)
        del self._memory[base]
        return found
