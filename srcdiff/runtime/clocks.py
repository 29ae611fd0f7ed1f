"""Clocks for compiled code: Python reads them."""

import time as clocks
from typing import Any

from numba import njit, objmode


def _compiled(clock: Any) -> Any:
    @njit
    def read() -> Any:
        with objmode(now="float64"):
            now = clock()
        return now  # noqa: RET504  (the block has no other way out)

    return read


time = _compiled(clocks.time)
perf_counter = _compiled(clocks.perf_counter)
process_time = _compiled(clocks.process_time)
monotonic = _compiled(clocks.monotonic)
