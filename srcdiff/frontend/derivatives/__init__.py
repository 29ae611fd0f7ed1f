"""Derivatives, solvers, adjoint hooks and CUDA inside of programs.

In: `grad(f)(x)`, `srcdiff.adjoint`, SciPy's solvers, kernel launches; out: operations.
Start with `derivative_calls`; `services` is what later stages do for it.
"""
