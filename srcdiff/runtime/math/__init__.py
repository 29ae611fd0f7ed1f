"""Elementary functions for compiled loops, which LLVM vectorises.

In and out: numbers; the docstring of each function states its largest error.
Start with `llvm_primitives`, then `exponential`.
"""
