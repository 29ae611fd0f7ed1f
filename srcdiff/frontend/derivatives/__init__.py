"""Derivatives, solvers, hooks and CUDA inside of programs.

In: `grad(f)(x)`, `srcdiff.adjoint`, SciPy's solvers, kernel launches; out: operations.
Start with `derivative_calls`.
"""
