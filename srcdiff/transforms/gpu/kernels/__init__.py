"""Differentiation of the user's own CUDA kernels.

In: a kernel; out: its adjoint or tangent kernel, or the reason why there is none.
Start with `pipeline`, then `races`.
"""
