"""The threads of a block as threads of Python, with every access to what they share noted: races are found for certain.

Two threads race where both touch an element between the same two barriers, one of them to write it, and not both
atomically. Threads that wait at different barriers, or end before others, are an error, too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from srcdiff.cuda.device_program import DeviceProgram
from srcdiff.handles.compiling.jit import plain
from srcdiff.ir.types import Array, Scalar, Struct, Type

BARRIER = "syncthreads"  # what is taken for a barrier
READ, WRITE, ATOMIC = "reads", "writes", "adds atomically to"


@dataclass
class Block:
    """`count` threads; `races` says what they did to one another."""

    count: int
    races: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.local = threading.local()
        self.barrier = threading.Barrier(self.count, timeout=20.0)
        self.lock = threading.Lock()
        self.touched: dict[tuple[int, int, int], dict[tuple[int, str], None]] = {}
        self.arrays: dict[str, Any] = {}
        self.parts: list[Any] = [None] * self.count

    # ---- what kernels say ----

    @property
    def cuda(self) -> Any:
        local = self.local

        named = {"syncthreads": lambda: None, BARRIER: self.wait}

        class Positions:
            @property
            def x(self) -> int:
                return local.thread

        return SimpleNamespace(
            threadIdx=Positions(),
            blockDim=SimpleNamespace(x=self.count),
            **named,
            shared=SimpleNamespace(array=self.shared),
            local=SimpleNamespace(array=lambda shape, dtype: np.full(shape, 7, dtype)),
            atomic=SimpleNamespace(add=self.add),
            jit=lambda *args, **options: args[0] if args else lambda f: f,
        )

    def wait(self) -> None:
        self.barrier.wait()
        self.local.epoch += 1

    def shared(self, shape: Any, dtype: Any) -> Any:
        # each thread comes to these in the same order
        key = f"shared {self.local.made}"
        self.local.made += 1
        with self.lock:
            if key not in self.arrays:
                self.arrays[key] = Watched(self, key, np.full(shape, 7, dtype))
            return self.arrays[key]

    def add(self, array: Watched, place: Any, value: Any) -> None:
        with self.lock:
            array.note(place, ATOMIC)
            array.data[place] += value

    def together(self, put: Any) -> Any:
        """`block_sum` and its like."""

        def of_block(value: Any) -> Any:
            self.parts[self.local.thread] = value
            self.wait()
            found = put(self.parts)
            self.wait()
            return found

        return of_block

    def note(self, array: Watched, element: int, kind: str) -> None:
        thread, epoch = self.local.thread, self.local.epoch
        seen = self.touched.setdefault((id(array.base), element, epoch), {})
        for other, how in [*seen]:
            if other != thread and {how, kind} not in ({READ}, {ATOMIC}):
                self.races.append(f"{array.name}[{element}]: one {how}, another {kind} it")
        seen[thread, kind] = None

    # ---- running it ----

    def run(self, program: DeviceProgram, args: Sequence[Any]) -> Any:
        """What all threads return: they have to return the same."""
        text = re.sub(
            r"^(from numba import cuda|from srcdiff.runtime.blocks .*)$",
            "",
            program.source,
            flags=re.M,
        )
        suffixes = ("", "f", "i", "b")
        puts = {"sum": sum, "max": max, "min": min, "first": lambda parts: parts[0]}
        namespace = {
            **program.bindings,
            "cuda": self.cuda,
            **{f"block_{n}{s}": self.together(put) for n, put in puts.items() for s in suffixes},
        }
        exec(compile(text, f"<{program.name}>", "exec"), namespace)
        results: list[Any] = [None] * self.count
        errors: list[BaseException] = []

        def thread(k: int) -> None:
            self.local.thread, self.local.epoch, self.local.made = k, 0, 0
            try:
                results[k] = (namespace[program.name](*args), self.local.epoch)
            except BaseException as error:
                errors.append(error)
                self.barrier.abort()

        threads = [threading.Thread(target=thread, args=(k,)) for k in range(self.count)]
        with np.errstate(all="ignore"):
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        if errors:
            raise errors[0]
        assert len({epochs for _, epochs in results}) == 1, (
            "threads passed different numbers of barriers"
        )
        for found, _ in results:
            np.testing.assert_array_equal(found, results[0][0])
        return results[0][0]


class Watched:
    """An array whose elements know who touches them."""

    def __init__(
        self, block: Block, name: str, data: Any, base: Any = None, ids: Any = None
    ) -> None:
        self.block, self.name, self.data = block, name, data
        self.base = self if base is None else base
        self.ids = np.arange(data.size).reshape(data.shape) if ids is None else ids
        self.shape, self.ndim, self.size, self.dtype = data.shape, data.ndim, data.size, data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def note(self, place: Any, kind: str) -> None:
        self.block.note(self, int(self.ids[place]), kind)

    def __getitem__(self, place: Any) -> Any:
        with self.block.lock:
            ids = self.ids[place]
            if np.ndim(ids):
                return Watched(self.block, self.name, self.data[place], self.base, ids)
            self.note(place, READ)
            return self.data[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        with self.block.lock:
            self.note(place, WRITE)
            self.data[place] = value


def watched_run(
    program: DeviceProgram, args: Sequence[Any], count: int
) -> tuple[list[Any], list[str], int]:
    """The leaves of an item's result by `count` threads, their races, and what `failed` says."""
    block = Block(count)
    lengths: dict[str, int] = {}

    def watched(name: str, type_: Type, value: Any) -> Any:
        if isinstance(type_, Struct):
            value = plain(value, type_)
            parts = [watched(name, t, v) for t, v in zip(type_.parts, value, strict=True)]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(type_, Array):
            value = np.array(value, type_.dtype)
            pairs = zip(type_.shape, value.shape, strict=True)
            lengths.update({d.symbol: n for d, n in pairs if d.symbol is not None})
            return Watched(block, name, value)
        if isinstance(type_, Scalar) and type_.expr is not None and type_.expr.symbol is not None:
            lengths[type_.expr.symbol] = int(value)
        return value

    named = zip(program.names, program.types, args, strict=True)
    given = [watched(n, t, v) for n, t, v in named]
    given += [Watched(block, f"outside {k}", np.array(v)) for k, v in enumerate(program.outside)]
    for s in program.storage:
        if s.role == "stack":
            lengths.setdefault(str(s.type.shape[0].symbol), 64)

    storage = []
    for s in program.storage:
        shape = tuple(
            max(d.evaluate(lengths), 1) if s.role != "result" else d.evaluate(lengths)
            for d in s.type.shape
        )
        filled = np.zeros if s.role == "result" else lambda n, t: np.full(n, 7, t)
        storage.append(Watched(block, s.name, filled(shape, np.dtype(s.type.dtype))))
    failed = np.zeros(1, np.int32)
    numbers = block.run(program, [*given, *storage, failed])
    left = iter(numbers if isinstance(numbers, tuple) else (numbers,))
    arrays = dict(zip(program.arrays, storage, strict=False))
    found = [
        arrays[k].data if k in arrays else next(left) if isinstance(t, Scalar) else None
        for k, t in enumerate(program.results)
    ]
    return found, block.races, int(failed[0])
