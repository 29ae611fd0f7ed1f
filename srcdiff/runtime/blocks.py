"""Sums and extremes over the threads of a block: every thread gets the result, always of the same order of additions.

    from srcdiff.runtime.blocks import block_sum      # of float64
    from srcdiff.runtime.blocks import block_sumf     # of float32

All threads of the block have to call them; each call is a barrier. Blocks have a power of two of threads, up to 1024.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.runtime.cuda import cuda

_MOST = 1024  # threads of a block
_SUM, _MAX, _MIN = range(3)


def _functions(dtype: Any) -> tuple[Any, ...]:
    """The functions for one type of numbers."""
    inline = cuda.jit(device=True)

    @inline
    def reduced(value, kind):
        # one function, so that all of them have one piece of shared memory
        parts = cuda.shared.array(_MOST, dtype)
        thread, half = cuda.threadIdx.x, cuda.blockDim.x // 2
        parts[thread] = value
        cuda.syncthreads()
        while half > 0:
            if thread < half:
                one, other = parts[thread], parts[thread + half]
                if kind == _SUM:
                    parts[thread] = one + other
                elif other != other or (other > one if kind == _MAX else other < one):
                    parts[thread] = other
            cuda.syncthreads()
            half //= 2
        found = parts[0]
        cuda.syncthreads()
        return found

    @inline
    def block_sum(value):
        """The sum, added up in pairs."""
        return reduced(value, _SUM)

    @inline
    def block_max(value):
        """The largest number; NaN where there is one."""
        return reduced(value, _MAX)

    @inline
    def block_min(value):
        """The smallest number; NaN where there is one."""
        return reduced(value, _MIN)

    @inline
    def block_first(value):
        """The number that the first thread has."""
        part = cuda.shared.array(1, dtype)
        if cuda.threadIdx.x == 0:
            part[0] = value
        cuda.syncthreads()
        first = part[0]
        cuda.syncthreads()
        return first

    return block_sum, block_max, block_min, block_first


block_sum, block_max, block_min, block_first = _functions(np.float64)
block_sumf, block_maxf, block_minf, block_firstf = _functions(np.float32)
block_sumi, block_maxi, block_mini, block_firsti = _functions(np.int64)
*_, block_firstb = _functions(np.bool_)
