"""Clocks for compiled code: Python reads them."""

import time

from numba import njit, objmode


@njit
def read_time():
    with objmode(now="float64"):
        now = time.time()
    return now


@njit
def read_perf_counter():
    with objmode(now="float64"):
        now = time.perf_counter()
    return now


@njit
def read_process_time():
    with objmode(now="float64"):
        now = time.process_time()
    return now


@njit
def read_monotonic():
    with objmode(now="float64"):
        now = time.monotonic()
    return now
