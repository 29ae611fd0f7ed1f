"""Places of threads: an adjoint adds without atomics only where each thread has an element of its own."""

import numpy as np
import pytest
from fuzz.compare import function_of

import srcdiff
from srcdiff.runtime.cuda.numba_cuda_api import cuda

KERNEL = """from numba import cuda


def f(x, y):
    t, b, n = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockDim.x
    i = cuda.grid(1)
    y[i] = {value}
"""
OWN = {
    "x[i]": True,
    "x[t + b * n]": True,
    "x[n * b + t]": True,
    "x[t + (b + n)]": False,
    "x[t + b * b]": False,
    "x[t]": False,
    "x[2 * i] * x[2 * i + 1]": True,
    "x[2 * i] * x[i]": False,
    "x[2 * i] * x[2 * i + 2]": False,
    "x[i] * x[i + 1]": False,
    "x[-i] * x[i]": False,
}


@pytest.mark.parametrize("value", OWN)
def test_only_elements_of_one_thread_are_added_to_without_atomics(value):
    kernel = cuda.jit(function_of(KERNEL.format(value=value), "f"))
    text = srcdiff.cuda.adjoint(kernel).source_for(np.ones(8), np.ones(4))
    assert ("cuda.atomic.add(d_x" not in text) == OWN[value]
