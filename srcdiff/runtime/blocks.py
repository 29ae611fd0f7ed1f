"""Sums and extremes over the threads of a block: every thread gets the result, always of the same order of additions.

    from srcdiff.runtime.blocks import block_sum      # of float64
    from srcdiff.runtime.blocks import block_sumf     # of float32

All threads of the block have to call them; each call is a barrier. Blocks have a power of two of threads, up to 1024.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.runtime.cuda.numba_cuda_api import cuda

_WIDTH = 256  # numbers that are put together in shared memory; more threads take turns
_SUM, _MAX, _MIN = range(3)
_inline = cuda.jit(device=True)


@_inline
def _reduced(parts: Any, value: Any, kind: Any) -> Any:
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    if thread < _WIDTH:
        parts[thread] = value
    cuda.syncthreads()
    for first in range(_WIDTH, threads, _WIDTH):
        if first <= thread < first + _WIDTH:
            parts[thread - first] = _combined(parts[thread - first], value, kind)
        cuda.syncthreads()
    half = (threads if threads < _WIDTH else _WIDTH) // 2  # Numba's own target has no min
    while half > 0:
        if thread < half:
            parts[thread] = _combined(parts[thread], parts[thread + half], kind)
        cuda.syncthreads()
        half //= 2
    found = parts[0]
    cuda.syncthreads()
    return found


@_inline
def _combined(one: Any, other: Any, kind: Any) -> Any:
    if kind == _SUM:
        return one + other
    is_other = other != other or (other > one if kind == _MAX else other < one)
    return other if is_other else one


@_inline
def _handed_on(part: Any, value: Any) -> Any:
    if cuda.threadIdx.x == 0:
        part[0] = value
    cuda.syncthreads()
    first = part[0]
    cuda.syncthreads()
    return first


# Each type has a line of its own, by which the simulator tells pieces of shared memory apart.


@_inline
def _reduced_double(value: Any, kind: Any) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.float64), value, kind)


@_inline
def _reduced_single(value: Any, kind: Any) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.float32), value, kind)


@_inline
def _reduced_whole(value: Any, kind: Any) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.int64), value, kind)


@_inline
def block_first(value: Any) -> Any:
    """The number that the first thread has."""
    return _handed_on(cuda.shared.array(1, np.float64), value)


@_inline
def block_firstf(value: Any) -> Any:
    """The number that the first thread has."""
    return _handed_on(cuda.shared.array(1, np.float32), value)


@_inline
def block_firsti(value: Any) -> Any:
    """The number that the first thread has."""
    return _handed_on(cuda.shared.array(1, np.int64), value)


@_inline
def block_firstb(value: Any) -> Any:
    """What the first thread has."""
    return _handed_on(cuda.shared.array(1, np.bool_), value)


def _functions(reduced: Any) -> tuple[Any, ...]:
    """The functions for one type of numbers."""

    @_inline
    def block_sum(value):
        """The sum, added up in pairs."""
        return reduced(value, _SUM)

    @_inline
    def block_max(value):
        """The largest number; NaN where there is one."""
        return reduced(value, _MAX)

    @_inline
    def block_min(value):
        """The smallest number; NaN where there is one."""
        return reduced(value, _MIN)

    return block_sum, block_max, block_min


block_sum, block_max, block_min = _functions(_reduced_double)
block_sumf, block_maxf, block_minf = _functions(_reduced_single)
block_sumi, block_maxi, block_mini = _functions(_reduced_whole)
