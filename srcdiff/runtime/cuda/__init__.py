"""All that is asked of numba.cuda and of other libraries' device arrays.

In: arrays on a device; out: Numba's view of them.
Start with `numba_cuda_api`.
"""
