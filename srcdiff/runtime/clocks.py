"""Clocks for compiled code: Python reads them."""

import time

from numba import njit, objmode


@njit
def read_time() -> float:
    with objmode(now="float64"):
        now = time.time()
    return now


@njit
def read_perf_counter() -> float:
    with objmode(now="float64"):
        now = time.perf_counter()
    return now


@njit
def read_process_time() -> float:
    with objmode(now="float64"):
        now = time.process_time()
    return now


@njit
def read_monotonic() -> float:
    with objmode(now="float64"):
        now = time.monotonic()
    return now
