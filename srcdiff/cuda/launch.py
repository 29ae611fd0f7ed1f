"""One call of a batched kernel: allocates storage for its threads, launches it, and returns results in the user's
structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import leaves
from srcdiff.cuda.batch_axes import Items
from srcdiff.cuda.batch_memory import BLOCK, Needs, Split, places, split
from srcdiff.cuda.device_program import DeviceProgram
from srcdiff.cuda.kernel_code import keep_kernels
from srcdiff.cuda.kernels import leaf_types
from srcdiff.errors import UnsupportedError
from srcdiff.handles.compiling.jit import plain
from srcdiff.ir.core import Tree
from srcdiff.ir.structs import build_struct
from srcdiff.ir.types import Array, Scalar, Static, Type
from srcdiff.runtime.cuda import device_arrays as device
from srcdiff.transforms.gpu.device.lists_to_stacks import NO_ROOM

keep_kernels(device)

_ROOM = 32  # the initial capacity of a stack


def is_summed(items: Items, reduce: str | None, name: str, is_number: bool) -> bool:
    """Whether a leaf of the result is added up over the items: a gradient (called "d_...") if all items share its
    argument, a value if it is a number.
    """
    if reduce is None:
        return False
    return items.is_shared(name) if name.startswith("d_") else is_number


def item_bytes(program: DeviceProgram, items: Items) -> int:
    """The bytes of storage of an item, and of its own part of the arguments."""
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
    """A call of a batched kernel.

    Attributes
    ----------
    kernel : callable
        Numba's kernel, from `kernel_text`.
    memory_limit : int
        Bytes of all that the call allocates on the device: items are computed in several launches if need be.
    is_halved : bool
        Where memory is short, the numbers of items and of threads are halved until they fit, rather than as large as
        possible: similar amounts of memory give the same sums.
    is_single : bool
        Results are those of the one item, without an axis of items.
    block : int or None
        The number of threads that take an item together; None: each thread takes its own.
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
        self.split = self._split()

    def run(self) -> Any:
        """The result, after the kernel has ended. A kernel may report a stack that was too small; the stack is enlarged
        and the kernel runs again.
        """
        shared = [*self._inputs()]
        outside = [*map(self._sent, self.program.outside)]
        kept: dict[int, Any] = {}
        start = 0
        while start == 0 or start < self.items.count:
            stop = min(start + self.split.items, self.items.count)
            code, found = self._launched(
                [*self._items(shared, start, stop), *outside], stop - start
            )
            if code:
                self._enlarge(code)
                continue
            for k in [*found]:
                self._keep(kept, k, found.pop(k), start, stop)
            start = max(stop, 1)
        finished = {k: self._finished(k, a) for k, a in kept.items()}
        return self._restored(self.program.output, finished)

    def _enlarge(self, code: int) -> None:
        """Enlarge the stack that was too small; raise any other error."""
        error, message = self.program.failures[code - 1]
        if not message.endswith(NO_ROOM):
            raise error(message)
        name = message.removesuffix(NO_ROOM)
        room = next(_room(s.type) for s in self.program.storage if s.name == name)
        self.lengths[room] *= 4
        self.split = self._split()

    def _launched(self, inputs: Sequence[object], count: int) -> tuple[int, dict[int, Any]]:
        """The failure that the kernel reports, and its numbers and arrays, for some of the items."""
        numbers = {
            k: device.zeros((count,), t.dtype, self.stream)
            for k, t in enumerate(self.program.results)
            if isinstance(t, Scalar)
        }
        workers = max(1, min(self.split.workers, count))
        storage = [*self._storage(count, workers)]
        failed = self._sent(np.zeros(1, np.int32))
        if count:
            block = min(BLOCK, workers) if self.block is None else self.block
            blocks = -(-workers // block) if self.block is None else workers
            launch = self.kernel[blocks, block, self.stream]
            launch(count, *inputs, *numbers.values(), *storage, failed)
        found = numbers | dict(zip(self.program.arrays, storage, strict=False))
        return int(device.to_host(failed, self.stream)[0]), found

    def is_summed(self, k: int) -> bool:
        is_number = isinstance(self.program.results[k], Scalar)
        return is_summed(self.items, self.reduce, self.program.called[k], is_number)

    # ---- storage ----

    def _shapes(self) -> Iterator[tuple[tuple[int, ...], np.dtype[Any], bool]]:
        """For each array that the device function takes: its shape for one item, and whether each item has its own."""
        results = iter(self.program.arrays)
        for s in self.program.storage:
            shape = tuple(d.evaluate(self.lengths) for d in s.type.shape)
            is_own = s.role == "result" and not self.is_summed(next(results))
            yield shape, np.dtype(s.type.dtype), is_own

    def _split(self) -> Split:
        """The number of items of a launch, and the number of threads or blocks.

        Raises
        ------
        MemoryError
            There is not enough memory for one item.
        """
        needs, is_block = self._needs(), self.block is not None
        found = split(needs, self.items.count, self.memory_limit, is_block, self.is_halved)
        if found is None:
            total = needs.fixed + needs.item + needs.worker
            raise MemoryError(
                f"{self.program.name} needs {total} bytes on the device for one item: {needs.worker} of storage, "
                f"{needs.item} for its arguments and results, and {needs.fixed} for what items share and for results "
                f"of all; {self.memory_limit} are available (memory_limit)"
            )
        return found

    def _needs(self) -> Needs:
        """The bytes of all arrays that the call allocates."""
        fixed = (
            sum(np.asarray(a).nbytes for a in self.program.outside) + np.dtype(np.int32).itemsize
        )
        item = worker = 0
        for value, axis, _ in self._values():
            if not device.is_device_array(value) and np.ndim(value):
                if axis is None:
                    fixed += np.asarray(value).nbytes
                else:
                    item += np.asarray(value).nbytes // max(self.items.count, 1)
        stays = self.items.library is not None
        largest = 0  # the largest array that is transposed before it is returned; arrays are transposed one by one
        for k, type_ in enumerate(self.program.results):
            if not isinstance(type_, Scalar):
                continue
            size = np.dtype(type_.dtype).itemsize
            item += size
            if self.is_summed(k):
                fixed += 2 * size
            else:
                largest = max(largest, size)
                fixed += stays * self.items.count * size
        roles = (s.role for s in self.program.storage)
        for role, (shape, dtype, is_own) in zip(roles, self._shapes(), strict=True):
            size = max(1, int(np.prod(shape, dtype=int))) * dtype.itemsize
            if is_own:
                item += size
                largest = max(largest, size)
                fixed += stays * self.items.count * size
            else:
                worker += size
                if role == "result":  # a worker's part of a sum; blocks store it transposed
                    worker += size if self.block is not None else 0
                    fixed += 2 * size
        return Needs(fixed, item + largest, worker)

    def _storage(self, count: int, workers: int) -> Iterator[Any]:
        parts = places(workers, self.block is not None)
        for (shape, dtype, is_own), s in zip(self._shapes(), self.program.storage, strict=True):
            n = count if is_own else parts
            full = (*shape, n) if self.block is None else (n, *shape)
            if s.role == "result":
                yield device.zeros(full, dtype, self.stream)
            else:
                yield device.empty(full, dtype, self.stream)

    # ---- arguments ----

    def _values(self) -> Iterator[tuple[Any, int | None, Type]]:
        """The leaves of the arguments, with their axes of items and types."""
        program, items = self.program, self.items
        if len(items.args) != len(program.types):
            raise UnsupportedError(
                f"{program.name} takes {len(program.types)} arguments on a device, {len(items.args)} were given",
                "Weights of results that are not floats cannot be passed there: leave them out of the function.",
                program.location,
            )
        pairs = zip(items.args, program.types, strict=True)
        values = [v for a, t in pairs for v in leaves(_plain(a, t))]
        for value, axis, type_ in zip(values, items.axes, leaf_types(program.types), strict=True):
            is_array = isinstance(type_, Array) or axis is not None
            if is_array and not device.is_device_array(value):
                value = np.asarray(value, getattr(type_, "dtype", None))
            yield value, axis, type_

    def _inputs(self) -> Iterator[Any]:
        """The arguments that all launches share, on the device; also the items' own arguments if these lie on the
        device.
        """
        for value, axis, type_ in self._values():
            if device.is_device_array(value):
                yield device.as_device_array(value)
            elif isinstance(type_, Array) or axis is not None:
                yield value if axis is not None else self._sent(value)
            elif isinstance(type_, Scalar):
                yield np.dtype(type_.dtype).type(value)
            else:
                yield value if isinstance(value, bool | int | float) else 0

    def _items(self, inputs: Sequence[Any], start: int, stop: int) -> Iterator[Any]:
        """The arguments of a launch for some of the items: their part of the host's arrays is copied."""
        last = -1 if self.block is None else 0
        is_whole = stop - start == self.items.count
        for value, axis in zip(inputs, self.items.axes, strict=True):
            if axis is None:
                yield value
                continue
            part = value if is_whole else value[(slice(None),) * axis + (slice(start, stop),)]
            yield (
                part
                if not isinstance(part, np.ndarray)
                else self._sent(np.moveaxis(part, axis, last))
            )

    def _sent(self, array: np.ndarray) -> Any:
        return device.to_device(array, self.stream)

    # ---- results ----

    def _keep(self, kept: dict[int, Any], k: int, found: Any, start: int, stop: int) -> None:
        """Collect a leaf of a launch's result: sums are added up; items come first."""
        count = self.items.count
        share = 1.0 / max(count, 1) if self.reduce == "mean" else 1.0
        # in arrays that blocks fill the items are the first axis already
        is_first = self.block is not None and k in self.program.arrays
        if self.is_summed(k):
            part = device.sums(found, share, self.stream, is_first)
            kept[k] = device.added(kept[k], part, self.stream) if k in kept else part
            return
        scale = share if self.program.called[k].startswith("d_") else 1.0
        if self.items.library is not None and stop - start < count:
            if k not in kept:
                shape = tuple(found.shape)[1:] if is_first else tuple(found.shape)[:-1]
                kept[k] = device.empty((count, *shape), found.dtype, self.stream)
            device.items_first(found, scale, self.stream, is_first, kept[k][start:stop])
            return
        part = device.items_first(found, scale, self.stream, is_first)
        if self.items.library is not None:
            kept[k] = part
            return
        host = device.to_host(part, self.stream)
        if k not in kept:
            kept[k] = host if len(host) == count else np.empty((count, *host.shape[1:]), host.dtype)
        if kept[k] is not host:
            kept[k][start:stop] = host

    def _finished(self, k: int, found: Any) -> Any:
        """A leaf of the result in the user's structure."""
        if self.is_single:
            found = found.reshape(tuple(found.shape)[1:]) if found.ndim > 1 else found
        library = self.items.library
        if library is not None:
            return device.like(library, found)
        host = found if isinstance(found, np.ndarray) else device.to_host(found, self.stream)
        if self.is_single and isinstance(self.program.results[k], Scalar):
            host = host[0]
        return host if host.ndim else host[()]

    def _restored(self, tree: Tree, found: Mapping[int, object]) -> Any:
        if not isinstance(tree, int):
            parts = [self._restored(t, found) for t in tree.children]
            return build_struct(tree.kind, tree.keys, parts, tree.cls)
        type_ = self.program.results[tree]
        return type_.value if isinstance(type_, Static) else found[tree]


def _room(type_: Type) -> str:
    """The symbol of a stack's capacity."""
    assert isinstance(type_, Array)
    symbol = type_.shape[0].symbol
    assert symbol is not None
    return symbol


def _plain(value: object, type_: Type) -> Any:
    """Containers as kernels take them; device arrays stay as they are."""
    if device.is_device_array(value) or isinstance(type_, Array | Scalar):
        return value
    return plain(value, type_)
