"""Programs for CUDA.

In: kernels of the user, and loop forms; out: kernels and device functions.
Start with `kernels/pipeline`; `device` makes device functions for a thread or a block.
"""
