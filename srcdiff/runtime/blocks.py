"""Block-wide reductions: sums and extremes over the threads of a block, always with the same order of additions.

    from srcdiff.runtime.blocks import block_sum      # for float64
    from srcdiff.runtime.blocks import block_sumf     # for float32

Every thread gets the result. All threads of the block must call the function; each call is a barrier. The number of
threads is a power of two, up to 1024.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.runtime.cuda.numba_cuda_api import cuda

# numbers that are combined in shared memory at once; larger blocks need several rounds
_WIDTH = 256
_SUM, _MAX, _MIN = range(3)
_inline = cuda.jit(device=True)


@_inline
def _reduced(parts: object, value: object, kind: object) -> Any:
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    if thread < _WIDTH:
        parts[thread] = value
    cuda.syncthreads()
    for first in range(_WIDTH, threads, _WIDTH):
        if first <= thread < first + _WIDTH:
            parts[thread - first] = _combined(parts[thread - first], value, kind)
        cuda.syncthreads()
    half = (threads if threads < _WIDTH else _WIDTH) // 2  # Numba has no `min` for this target
    while half > 0:
        if thread < half:
            parts[thread] = _combined(parts[thread], parts[thread + half], kind)
        cuda.syncthreads()
        half //= 2
    found = parts[0]
    cuda.syncthreads()
    return found


@_inline
def _combined(one: object, other: object, kind: object) -> Any:
    if kind == _SUM:
        return one + other
    is_other = other != other or (other > one if kind == _MAX else other < one)
    return other if is_other else one


@_inline
def _passed(part: object, value: object) -> Any:
    if cuda.threadIdx.x == 0:
        part[0] = value
    cuda.syncthreads()
    first = part[0]
    cuda.syncthreads()
    return first


# Each type has a line of its own, because the simulator distinguishes shared arrays by their lines.


@_inline
def _reduced_double(value: object, kind: object) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.float64), value, kind)


@_inline
def _reduced_single(value: object, kind: object) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.float32), value, kind)


@_inline
def _reduced_whole(value: object, kind: object) -> Any:
    return _reduced(cuda.shared.array(_WIDTH, np.int64), value, kind)


@_inline
def block_first(value: object) -> Any:
    """The number of the first thread."""
    return _passed(cuda.shared.array(1, np.float64), value)


@_inline
def block_firstf(value: object) -> Any:
    """The number of the first thread."""
    return _passed(cuda.shared.array(1, np.float32), value)


@_inline
def block_firsti(value: object) -> Any:
    """The number of the first thread."""
    return _passed(cuda.shared.array(1, np.int64), value)


@_inline
def block_firstb(value: object) -> Any:
    """The truth value of the first thread."""
    return _passed(cuda.shared.array(1, np.bool_), value)


def _functions(reduced: object) -> tuple[Any, ...]:
    @_inline
    def block_sum(value):
        """The sum over the threads, added in pairs."""
        return reduced(value, _SUM)

    @_inline
    def block_max(value):
        """The largest number, or NaN if there is one."""
        return reduced(value, _MAX)

    @_inline
    def block_min(value):
        """The smallest number, or NaN if there is one."""
        return reduced(value, _MIN)

    return block_sum, block_max, block_min


block_sum, block_max, block_min = _functions(_reduced_double)
block_sumf, block_maxf, block_minf = _functions(_reduced_single)
block_sumi, block_maxi, block_mini = _functions(_reduced_whole)
