"""Compiler passes over Numba's IR and LLVM's, for the loop form.

In and out: a function inside Numba's compiler, with the same results. Start with `fast_pipeline`.
"""
