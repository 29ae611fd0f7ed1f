"""The interface to numba.cuda and to device arrays of other libraries.

In: arrays on a device; out: Numba's view of them.
Start with `numba_cuda_api`.
"""
