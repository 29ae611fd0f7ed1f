"""One call of a batched kernel: storage for its threads, the launch, and results as the user has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.compiling import plain
from srcdiff.cuda.items import Items
from srcdiff.cuda.kernel_code import keep_kernels
from srcdiff.cuda.kernels import leaf_types
from srcdiff.device_programs import DeviceProgram
from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import Tree
from srcdiff.ir.structs import build_struct
from srcdiff.ir.types import Array, Scalar, Static, Type
from srcdiff.runtime import cuda_arrays as device
from srcdiff.transforms.stacks import NO_ROOM
from srcdiff.trees import leaves

__all__ = ["Launch", "is_summed", "item_bytes"]

keep_kernels(device)

_BLOCK = 128  # threads of a block
_ROOM = 32  # of a stack, at first
_MOST = 1 << 18  # threads: more than that no device has at a time
_MOST_BLOCKS = 1 << 14


def is_summed(items: Items, reduce: str | None, name: str, is_number: bool) -> bool:
    """Whether a leaf of the result is added up over the items."""
    return reduce is not None and (is_number if name == "result" else items.is_shared(name))


def item_bytes(program: DeviceProgram, items: Items) -> int:
    """The storage that an item is given, and its own part of the arguments, in bytes."""
    lengths = items.largest()
    for s in program.storage:
        if s.role == "stack":
            lengths[_room(s.type)] = _ROOM
    given = sum(_bytes(s.type, lengths) for s in program.storage)
    pairs = zip(items.leaves, items.axes, strict=True)
    own = (a for a, axis in pairs if axis is not None)
    for a in own:
        each = int(np.prod(a.shape, dtype=int)) // max(items.count, 1)
        given += each * device.dtype_of(a).itemsize
    return given


def _bytes(type_: Array, lengths: dict[str, int]) -> int:
    shape = [d.evaluate(lengths) for d in type_.shape]
    return int(np.prod(shape, dtype=int)) * np.dtype(type_.dtype).itemsize


@dataclass
class Launch:
    """A call.

    Attributes
    ----------
    kernel : callable
        Numba's, of `kernel_text`.
    memory_limit : int
        Bytes for the storage of all threads.
    is_halved : bool
        Where memory is short, the number of threads is halved, and not as large as it may be: about as much memory
        gives the same sums.
    is_single : bool
        Results are those of the one item, without an axis of items.
    block : int or None
        How many threads take an item together; None: each takes its own.
    """

    program: DeviceProgram
    kernel: Any
    items: Items
    reduce: str | None
    memory_limit: int
    is_halved: bool = False
    is_single: bool = False
    stream: Any = 0
    block: int | None = None

    def __post_init__(self) -> None:
        self.lengths = self.items.largest()
        for s in self.program.storage:
            if s.role == "stack":
                self.lengths[_room(s.type)] = _ROOM
        self.workers = self._workers()

    def run(self) -> Any:
        """The result; waits for the kernel, which may say that it failed. Stacks that were too small are made larger,
        and the kernel is run again.
        """
        while True:
            code, found = self._launched()
            if not code:
                found = {k: self._finished(k, a) for k, a in found.items()}
                return self._restored(self.program.output, found)
            error, message = self.program.failures[code - 1]
            if not message.endswith(NO_ROOM):
                raise error(message)
            name = message.removesuffix(NO_ROOM)
            room = next(_room(s.type) for s in self.program.storage if s.name == name)
            self.lengths[room] *= 4
            self.workers = self._workers()

    def _launched(self) -> tuple[int, dict[int, Any]]:
        """What the kernel says of errors, and what it has left in numbers and arrays."""
        count = self.items.count
        inputs = [*self._inputs(), *map(self._sent, self.program.outside)]
        numbers = {
            k: device.zeros((count,), t.dtype, self.stream)
            for k, t in enumerate(self.program.results)
            if isinstance(t, Scalar)
        }
        storage = [*self._storage()]
        failed = self._sent(np.zeros(1, np.int32))
        if count:
            block = min(_BLOCK, self.workers) if self.block is None else self.block
            blocks = -(-self.workers // block) if self.block is None else self.workers
            launch = self.kernel[blocks, block, self.stream]
            launch(count, *inputs, *numbers.values(), *storage, failed)
        found = numbers | dict(zip(self.program.arrays, storage, strict=False))
        return int(failed.copy_to_host()[0]), found

    def is_summed(self, k: int) -> bool:
        is_number = isinstance(self.program.results[k], Scalar)
        return is_summed(self.items, self.reduce, self.program.called[k], is_number)

    # ---- storage ----

    def _shapes(self) -> Iterator[tuple[tuple[int, ...], np.dtype[Any], bool]]:
        """Of each array that the device function takes: its shape for one item, and whether each item has one."""
        results = iter(self.program.arrays)
        for s in self.program.storage:
            shape = tuple(d.evaluate(self.lengths) for d in s.type.shape)
            is_own = s.role == "result" and not self.is_summed(next(results))
            yield shape, np.dtype(s.type.dtype), is_own

    def _workers(self) -> int:
        """As many threads, or blocks, as items, unless their storage needs more memory than there is."""
        shapes = self._shapes()
        each = sum(int(np.prod(n, dtype=int)) * t.itemsize for n, t, is_own in shapes if not is_own)
        if each > self.memory_limit:
            raise MemoryError(
                f"{self.program.name} needs {each} bytes of storage for an item, and {self.memory_limit} are to be had"
            )
        workers = max(1, min(self.items.count, _MOST if self.block is None else _MOST_BLOCKS))
        fitting = self.memory_limit // each if each else workers
        if workers <= fitting:
            return workers
        if self.is_halved:
            while workers > fitting:
                workers = -(-workers // 2)
            return workers
        return fitting if self.block is not None else fitting // _BLOCK * _BLOCK or fitting

    def _storage(self) -> Iterator[Any]:
        workers = self.workers
        if self.block is None and workers > _BLOCK:
            workers = -(-workers // _BLOCK) * _BLOCK
        for (shape, dtype, is_own), s in zip(self._shapes(), self.program.storage, strict=True):
            places = self.items.count if is_own else workers
            full = (*shape, places) if self.block is None else (places, *shape)
            if s.role == "result":
                yield device.zeros(full, dtype, self.stream)
            else:
                yield device.empty(full, dtype, self.stream)

    # ---- what goes in ----

    def _inputs(self) -> Iterator[Any]:
        program, items = self.program, self.items
        if len(items.args) != len(program.types):
            raise UnsupportedError(
                f"{program.name} takes {len(program.types)} arguments on a device, {len(items.args)} were given",
                "Weights of results that are no floats cannot be passed there: leave them out of the function.",
                program.location,
            )
        pairs = zip(items.args, program.types, strict=True)
        values = [v for a, t in pairs for v in leaves(_plain(a, t))]
        types = leaf_types(program.types)
        for value, axis, type_ in zip(values, items.axes, types, strict=True):
            if device.is_device_array(value):
                yield device.as_device_array(value)
            elif isinstance(type_, Array) or axis is not None:
                dtype = type_.dtype if isinstance(type_, Array | Scalar) else None
                host = np.asarray(value, dtype)
                last = -1 if self.block is None else 0
                yield self._sent(host if axis is None else np.moveaxis(host, axis, last))
            elif isinstance(type_, Scalar):
                yield np.dtype(type_.dtype).type(value)
            else:
                yield value if isinstance(value, bool | int | float) else 0

    def _sent(self, array: Any) -> Any:
        return device.to_device(array, self.stream)

    # ---- what comes out ----

    def _finished(self, k: int, found: Any) -> Any:
        """A leaf of the result: reduced, or with the items in front."""
        count = max(self.items.count, 1)
        is_mean = self.reduce == "mean" and self.program.called[k] != "result"
        # arrays that blocks fill have the items in front already
        is_first = self.block is not None and k in self.program.arrays
        if self.is_summed(k):
            scale = 1.0 / count if self.reduce == "mean" else 1.0
            found = device.sums(found, scale, self.stream, is_first)
        else:
            found = device.items_first(
                found, 1.0 / count if is_mean else 1.0, self.stream, is_first
            )
        if self.is_single:
            found = found.reshape(tuple(found.shape)[1:]) if found.ndim > 1 else found
        library = self.items.library
        if library is not None:
            return device.like(library, found)
        host = found.copy_to_host()
        if self.is_single and isinstance(self.program.results[k], Scalar):
            host = host[0]
        return host if host.ndim else host[()]

    def _restored(self, tree: Tree, found: dict[int, Any]) -> Any:
        if not isinstance(tree, int):
            parts = [self._restored(t, found) for t in tree.children]
            return build_struct(tree.kind, tree.keys, parts, tree.cls)
        type_ = self.program.results[tree]
        return type_.value if isinstance(type_, Static) else found[tree]


def _room(type_: Type) -> str:
    """The symbol of a stack's room."""
    assert isinstance(type_, Array)
    symbol = type_.shape[0].symbol
    assert symbol is not None
    return symbol


def _plain(value: Any, type_: Type) -> Any:
    """Containers as kernels have them; arrays on a device as they are."""
    if device.is_device_array(value) or isinstance(type_, Array | Scalar):
        return value
    return plain(value, type_)
