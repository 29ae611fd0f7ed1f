"""Evaluation of kernels: the threads of a block run one after another, each as far as the next barrier.

Each thread is a Python thread, and one runs at a time. Threads share arguments and shared arrays as objects. A barrier
or a shuffle lasts until every other thread of the block has reached one, too, or has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.reference.interpreter import Evaluator, poison
from srcdiff.ir.reference.value_conformance import Scope
from srcdiff.ir.types import Array, shape_of
from srcdiff.ops.control.cuda_kernel import atomic_add, atomic_max, shuffles

Places = tuple[int, int, int]  # along x, y and z

WARP = 32
_PLACES = ("grid", "gridsize", "thread_position")
_SHUFFLES = {decl.name: kind for kind, decl in shuffles.items()}


def is_kernel(fn: Function) -> bool:
    """Whether a function reads its thread index."""
    return any(op.decl.name in _PLACES for op in _ops(fn))


def _ops(fn: Function) -> Iterator[Op]:
    for f in callees_first(fn):
        yield from (s for s in walk(f.body) if isinstance(s, Op))


def _launch(fn: Function) -> tuple[Places, Places]:
    """A small launch: a few threads and blocks along each axis that the kernel reads."""
    ops = [*_ops(fn)]
    if any(op.decl.name in _SHUFFLES for op in ops):
        return (WARP, 1, 1), (1, 1, 1)
    axes = max((op.attrs.get("axes", 1) for op in ops), default=1)
    named = {str(op.attrs.get("of", ""))[-2:] for op in ops}
    if axes == 3 or ".z" in named:
        return (2, 2, 2), (1, 1, 1)
    shape = (2, 2, 1) if axes == 2 or ".y" in named else (2, 1, 1)
    return shape, shape


def launch_lengths(fn: Function) -> dict[str, int]:
    """One length for all axes: kernels take arrays of one length, or have a thread for each element."""
    shape, grid = _launch(fn)
    dims = (d for p in fn.params if isinstance(p.type, Array) for d in p.type.shape)
    return {symbol: shape[0] * grid[0] for d in dims for symbol in d.symbols()}


def run_threads(
    fn: Function, args: Sequence[object], make: Callable[[Function], Evaluator]
) -> list[object]:
    """Run all threads of a small launch, and return the arguments afterwards; `make` makes the evaluator of a thread.

    Raises
    ------
    Exception
        The exception of the first thread that fails.
    """
    shape, grid = _launch(fn)
    for x, y, z in product(*map(range, grid)):
        _Block(shape, grid, (x, y, z)).run(fn, args, make)
    return list(args)


class _Stopped(BaseException):
    """Ends a thread after another one has failed."""


@dataclass(eq=False)
class _Thread:
    """One thread: its place in the launch, and whether it may run."""

    block: _Block
    place: Places
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_done: bool = False
    error: BaseException | None = None
    given: Any = None  # the value that other threads read in a shuffle

    @property
    def lane(self) -> int:
        x, y, z = self.place
        return (x + self.block.shape[0] * (y + self.block.shape[1] * z)) % WARP

    def join(self) -> None:
        """Let the other threads run until all wait."""
        self.block.back.release()
        self.go.acquire()
        if self.block.failed:
            raise _Stopped


class _Block:
    """The threads of one block, and the arrays that they share."""

    def __init__(self, shape: Places, grid: Places, block: Places) -> None:
        self.shape, self.grid, self.block = shape, grid, block
        self.shared: dict[object, object] = {}
        self.back = threading.Semaphore(0)
        self.failed: BaseException | None = None
        places = product(*(range(n) for n in reversed(shape)))
        self.threads = [_Thread(self, (x, y, z)) for z, y, x in places]

    def run(
        self, fn: Function, args: Sequence[object], make: Callable[[Function], Evaluator]
    ) -> None:
        for thread in self.threads:
            threading.Thread(target=self._one, args=(thread, fn, args, make), daemon=True).start()
        while any(not t.is_done for t in self.threads):
            for thread in self.threads:
                if not thread.is_done:
                    thread.go.release()
                    self.back.acquire()
                    self.failed = self.failed or thread.error
        if self.failed is not None:
            raise self.failed

    def _one(
        self,
        thread: _Thread,
        fn: Function,
        args: Sequence[object],
        make: Callable[[Function], Evaluator],
    ) -> None:
        thread.go.acquire()
        try:
            if not self.failed:
                with np.errstate(all="ignore"):  # each thread of Python has its own
                    _placed(make(fn), thread).call(args)
        except _Stopped:
            pass
        except Exception as error:
            thread.error = error
        thread.is_done = True
        self.back.release()


def _placed(evaluator: Evaluator, thread: _Thread) -> Evaluator:
    """An evaluator with the indices of a thread, also for callees."""
    plain, inner = evaluator.compute, evaluator.inner

    def compute(op: Op, operands: list[Any], scope: Scope) -> Any:
        special = _SPECIAL.get("shuffle" if op.decl.name in _SHUFFLES else op.decl.name)
        return special(thread, op, operands, scope) if special else plain(op, operands, scope)

    evaluator.compute = compute  # type: ignore[method-assign]
    evaluator.inner = lambda fn: _placed(inner(fn), thread)  # type: ignore[method-assign]
    return evaluator


# ---- operations ----------------------------------------------------------------------------------------------------


def _position(t: _Thread, op: Op, operands: Sequence[object], scope: Scope) -> int:
    of, _, axis = op.attrs["of"].partition(".")
    if of in ("laneid", "warpsize"):
        return t.lane if of == "laneid" else WARP
    table = {
        "threadIdx": t.place, "blockIdx": t.block.block, "blockDim": t.block.shape, "gridDim": t.block.grid,
    }  # fmt: skip
    return table[of]["xyz".index(axis)]


def _grid(t: _Thread, op: Op, operands: Sequence[object], scope: Scope) -> tuple[int, ...] | int:
    b = t.block
    found = tuple(i * n + k for i, n, k in zip(b.block, b.shape, t.place, strict=True))
    axes = op.attrs["axes"]
    return found[:axes] if axes > 1 else found[0]


def _gridsize(
    t: _Thread, op: Op, operands: Sequence[object], scope: Scope
) -> tuple[int, ...] | int:
    found = tuple(n * m for n, m in zip(t.block.shape, t.block.grid, strict=True))
    axes = op.attrs["axes"]
    return found[:axes] if axes > 1 else found[0]


def _local(t: _Thread, op: Op, operands: Sequence[object], scope: Scope) -> object:
    type_ = op.result.type
    shape = tuple(scope.number(d) for d in shape_of(type_))
    return poison(np.empty(shape, getattr(type_, "dtype", "float64")))


def _shared(t: _Thread, op: Op, operands: Sequence[object], scope: Scope) -> object:
    if op.result not in t.block.shared:
        t.block.shared[op.result] = _local(t, op, operands, scope)
    return t.block.shared[op.result]


def _barrier(t: _Thread, op: Op, operands: Sequence[object], scope: Scope) -> None:
    t.join()


def _place_of(operands: Sequence[object]) -> object:
    return tuple(operands[2:]) if len(operands) > 3 else operands[2]


def _atomic_add(t: _Thread, op: Op, operands: list[Any], scope: Scope) -> None:
    operands[0][_place_of(operands)] += operands[1]


def _atomic_max(t: _Thread, op: Op, operands: list[Any], scope: Scope) -> None:
    array, place = operands[0], _place_of(operands)
    array[place] = max(array[place], operands[1])


def _shuffle(t: _Thread, op: Op, operands: list[Any], scope: Scope) -> object:
    """The value of another thread of the warp; the thread's own value where there is no such thread."""
    t.given, by = operands[0], operands[1]
    t.join()
    kind = _SHUFFLES[op.decl.name]
    lane = {"xor": t.lane ^ by, "up": t.lane - by, "down": t.lane + by, "": by % WARP}[kind]
    found = next((o.given for o in t.block.threads if o.lane == lane), t.given)
    t.join()
    return found


_SPECIAL: Mapping[str, Callable[[_Thread, Op, list[object], Scope], object]] = {
    "thread_position": _position,
    "grid": _grid,
    "gridsize": _gridsize,
    "shared_array": _shared,
    "local_array": _local,
    "syncthreads": _barrier,
    "barrier": _barrier,
    atomic_add.name: _atomic_add,
    atomic_max.name: _atomic_max,
    "shuffle": _shuffle,
}
