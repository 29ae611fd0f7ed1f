"""Elementary functions for compiled loops, which LLVM vectorises.

In and out: numbers; the error of each function is stated beside it.
Start with `llvm_primitives`, then `exponential`.
"""
