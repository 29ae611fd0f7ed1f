"""Vectorised mapping on a device: `srcdiff.cuda.batched` runs a generated function for many items at once, one thread
for each item.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from srcdiff.compile.arguments.pytree import leaves, map_leaves
from srcdiff.cuda.batch_axes import Axes, Items
from srcdiff.cuda.device_program import DeviceProgram, build_device
from srcdiff.cuda.kernel_code import load_kernel
from srcdiff.cuda.kernels import Batch, classes_in, kernel_text
from srcdiff.cuda.launch import Launch, is_summed, item_bytes
from srcdiff.errors import CompileWarning, DifferentiationError, UnsupportedError
from srcdiff.handles.generated import Generated
from srcdiff.handles.locks import COMPILING
from srcdiff.runtime.cuda import device_arrays as device
from srcdiff.runtime.cuda.numba_cuda_api import device_problem
from srcdiff.runtime.source import standalone
from srcdiff.transforms.gpu.device.pipeline import Block

LARGE_ITEM = 1 << 14  # bytes of an item that a block takes: a guess, not measured on a device


def batched(
    g: object,
    in_axes: Axes = 0,
    reduce: str | None = None,
    *,
    deterministic: bool = False,
    memory_limit: int | None = None,
    fallback: str | None = None,
    threads_per_item: int | Literal["auto"] = "auto",
    large_item: int = LARGE_ITEM,
) -> Batched:
    """A generated function over a batch of items on a CUDA device.

    Parameters
    ----------
    g
        The function that is computed for each item: `f.grad`, `f.value_and_grad`, `f.hvp`, ...
    in_axes
        For each argument the axis of its items, or None if all items share the argument; an int applies to all
        arguments. An argument that is a container may have a container of axes, as in `jax.vmap`.
    reduce
        None: each result has the items' results along a new first axis. "sum", "mean": results are those of the sum, or
        mean, over the items. Values are added up, and so are gradients with respect to arguments that the items share;
        a gradient with respect to an argument that each item has for itself keeps its axis of items.
    deterministic
        Sums are equal, to the bit, for similar amounts of free memory: where memory is short, the numbers of items and
        of threads are halved until they fit. For a given `memory_limit` sums are always equal. Threads that share an
        item then add nothing atomically.
    memory_limit
        Bytes for all that a call allocates on the device: storage of threads, copies of NumPy arrays, results. The
        default is three quarters of the free memory. If the limit is too small for all items at once, fewer threads
        take several items each, and items are copied and computed in parts. Arrays that are on the device before the
        call do not count.
    fallback
        "cpu": where there is no device, or the program cannot be a kernel, run the items one after the other on the
        CPU, and warn once.
    threads_per_item
        1: one thread takes an item. More, a power of two up to 1024: the threads of a block take one item together, and
        share the iterations of its loops. "auto": 1, or 32 to 256 for a large item: about as many as its longest loop
        has iterations that can be shared.
    large_item
        The number of bytes of storage and of arrays of its own from which "auto" takes an item as large. The default of
        16 KiB is a guess that was not measured on a device: where it matters, time `threads_per_item=1` and
        `threads_per_item=128`.

    Returns
    -------
    Batched
        Called with NumPy arrays it returns NumPy arrays; called with arrays on the device (CuPy, PyTorch, Numba) it
        returns arrays of that library. `stream=` is a stream of Numba's.

    Raises
    ------
    UnsupportedError
        On a call: there is no device, or the program cannot be a kernel.
    ValueError
        For other values of the options; on a call, for axes that do not exist or have unequal lengths.
    MemoryError
        On a call: there is not enough memory for one item.
    """
    if reduce not in (None, "sum", "mean"):
        raise ValueError(f'reduce={reduce!r}: expected None, "sum" or "mean"')
    if fallback not in (None, "cpu"):
        raise ValueError(f'fallback={fallback!r}: expected None or "cpu"')
    if memory_limit is not None and memory_limit < 1:
        raise ValueError(f"memory_limit={memory_limit!r}: expected a number of bytes")
    if threads_per_item != "auto" and threads_per_item not in _BLOCKS:
        raise ValueError(
            f'threads_per_item={threads_per_item!r}: expected "auto" or a power of two up to 1024'
        )
    if isinstance(large_item, bool) or not isinstance(large_item, int) or large_item < 0:
        raise ValueError(f"large_item={large_item!r}: expected a number of bytes")
    if not isinstance(g, Generated):
        raise TypeError(f"batched takes a derivative such as f.value_and_grad, not {g!r}")
    return Batched(
        g,
        in_axes,
        reduce,
        deterministic,
        memory_limit,
        fallback,
        threads_per_item=threads_per_item,
        large_item=large_item,
    )


def one_item(handle: Generated) -> Batched:
    """The batched function behind `target="cuda"`: one item, computed by one thread. Each handle has one."""
    known = handle.__dict__.get("_one_item")
    if known is None:
        known = handle.__dict__["_one_item"] = Batched(
            handle, None, None, False, None, None, is_single=True, threads_per_item=1
        )
    assert isinstance(known, Batched)
    return known


_LEAST, _USUAL, _MOST = 32, 128, 256  # numbers of threads of a block that takes an item
_BLOCKS = tuple(1 << k for k in range(11))


@dataclass
class _Kernel:
    program: DeviceProgram
    source: str
    function: Any
    block: int | None  # the number of threads that take an item together
    alone: DeviceProgram | None  # for one thread, if the size of items decides
    large: int  # bytes: larger items are for blocks

    def fits(self, items: Items) -> bool:
        """Whether the same program would be generated for other items of the same types."""
        if not self.program.fits(items.arguments.lengths):
            return False
        if self.alone is None:
            return True
        return (item_bytes(self.alone, items) > self.large) == (self.block is not None)


def threads_for(program: DeviceProgram, items: Items) -> int:
    """A number of threads of a block that matches the iterations of the longest loop."""
    lengths = items.largest()
    known = [d for d in program.iterations if d is not None and d.symbols() <= lengths.keys()]
    if not known:
        return _USUAL
    longest = max(d.evaluate(lengths) for d in known)
    return min(max(1 << max(longest - 1, 0).bit_length(), _LEAST), _MOST)


class Batched:
    """A generated function for many items at once; see `batched`."""

    def __init__(
        self,
        handle: Generated,
        in_axes: Axes,
        reduce: str | None,
        deterministic: bool,
        memory_limit: int | None,
        fallback: str | None,
        is_single: bool = False,
        threads_per_item: int | Literal["auto"] = "auto",
        large_item: int = LARGE_ITEM,
    ) -> None:
        self.large_item = large_item
        self.is_single = is_single
        self.threads_per_item = threads_per_item
        self.handle = handle
        self.in_axes = in_axes
        self.reduce = reduce
        self.deterministic = deterministic
        self.memory_limit = memory_limit
        self.fallback = fallback
        self.kernels: dict[object, list[_Kernel]] = {}
        self.latest: _Kernel | None = None
        self._reported = False

    def __repr__(self) -> str:
        return f"<srcdiff {self.handle.__name__}, batched>"

    @property
    def source(self) -> str:
        """The text of the latest call's kernel, with the device function that it calls.

        Raises
        ------
        DifferentiationError
            Before the first call.
        """
        if self.latest is None:
            raise DifferentiationError(
                f"{self.handle.__name__} has no kernel yet: it is generated for the types of the arguments",
                "Call it first, or use source_for(*args), which generates without running.",
            )
        return self.latest.source

    def source_for(self, *args: object) -> str:
        """The text of the kernel for these arguments: nothing is compiled, and no device is needed."""
        return self._kernel(Items(self.handle, args, self.in_axes, self.is_single)).source

    def module_text(self, *args: object) -> str:
        """The text of the kernel as a module of its own: the functions of srcdiff's runtime that it calls are written
        out.
        """
        of = f"a kernel of `{self.handle.__name__}`"
        doc = f'"""Generated by srcdiff: {of}. It needs NumPy and Numba and nothing else."""'
        return f"{doc}\n\n{standalone(self.source_for(*args))}"

    def __call__(self, *args: object, stream: object = 0) -> object:
        items = Items(self.handle, args, self.in_axes, self.is_single)
        problem = device_problem()
        try:
            if problem is not None:
                raise UnsupportedError(*problem)
            kernel = self._kernel(items)
        except UnsupportedError as error:
            if self.fallback != "cpu":
                raise
            return self._on_cpu(items, error)
        self.latest = kernel
        return self._launch(kernel, items, stream).run()

    def _launch(self, kernel: _Kernel, items: Items, stream: object = 0) -> Launch:
        limit = device.free_memory() // 4 * 3 if self.memory_limit is None else self.memory_limit
        return Launch(
            kernel.program,
            kernel.function,
            items,
            self.reduce,
            limit,
            self.deterministic,
            self.is_single,
            stream,
            kernel.block,
        )

    def rooms(self, *args: object) -> dict[str, int]:
        """The room that stacks need for these arguments, by the symbols of their lengths; a run on the device finds it.

        Raises
        ------
        UnsupportedError
            There is no device.
        """
        problem = device_problem()
        if problem is not None:
            raise UnsupportedError(*problem)
        items = Items(self.handle, args, self.in_axes, self.is_single)
        launch = self._launch(self._kernel(items), items)
        launch.run()
        return launch.lengths

    def _kernel(self, items: Items) -> _Kernel:
        """The kernel for these arguments; it is generated if there is none yet."""
        arguments = items.arguments
        key = (arguments.types, items.kernel_axes(False))
        with COMPILING:
            for known in self.kernels.get(key, ()):
                if known.fits(items):
                    return known
            program, block, alone = self._program(items)
            axes = items.kernel_axes(block is not None)
            called = [program.called[k] for k in program.arrays]
            own = tuple(not is_summed(items, self.reduce, n, is_number=False) for n in called)
            text, name = kernel_text(program, Batch(axes, own), block is not None)
            bindings = {**program.bindings, **classes_in(program.types)}
            new = _Kernel(
                program, text, load_kernel(text, name, bindings), block, alone, self.large_item
            )
            self.handle.warn_independent(program)
            self.kernels.setdefault(key, []).insert(0, new)
            return new

    def _program(self, items: Items) -> tuple[DeviceProgram, int | None, DeviceProgram | None]:
        """The device function for an item, the number of threads that run it together, and, if the size of items
        decided this number, the device function for a single thread.
        """
        derived, arguments = self.handle.derived, items.arguments
        alone: DeviceProgram | None = None
        wanted = self.threads_per_item
        if wanted == "auto":
            alone = build_device(derived, arguments, raises=False)
            if item_bytes(alone, items) <= self.large_item:
                return alone, None, alone
        if wanted == 1:
            return build_device(derived, arguments, raises=False), None, None
        order: Block = "ordered" if self.deterministic else "atomic"
        together = build_device(derived, arguments, raises=False, block=order)
        if alone is not None and not together.iterations:
            return alone, None, None
        if wanted == "auto":
            wanted = threads_for(together, items)
        return together, wanted, alone

    def _on_cpu(self, items: Items, error: UnsupportedError) -> object:
        """Item after item, without a kernel."""
        if items.library is not None:
            raise UnsupportedError(
                f"{error.message}, and the arguments are on a device",
                "Pass NumPy arrays.",
                error.location,
            )
        if not items.count:
            raise ValueError("a batch without items has no results on the CPU")
        if not self._reported:
            self._reported = True
            warning = CompileWarning(
                f"{error.message}, so items run on the CPU, one after the other",
                "Leave fallback out to have an error instead.",
                error.location,
            )
            warnings.warn(warning, stacklevel=3)
        results = [self.handle(*items.item(i)) for i in range(items.count)]
        stacked = map_leaves(lambda *each: np.stack(each), results[0], *results[1:])
        names = iter(items.results(len([*leaves(stacked)])))
        return map_leaves(lambda leaf: self._reduced(leaf, next(names), items), stacked)

    def _reduced(self, leaf: np.ndarray, name: str, items: Items) -> object:
        if is_summed(items, self.reduce, name, is_number=np.ndim(leaf) == 1):
            return np.mean(leaf, axis=0) if self.reduce == "mean" else np.sum(leaf, axis=0)
        return leaf / items.count if self.reduce == "mean" and name != "result" else leaf
