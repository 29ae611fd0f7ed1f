"""Operations that are not functions of arrays: control, random draws, solvers, CUDA, semirings.

In: the callables and the compiler's own operations; out: their declarations in the registry.
Start with `control`.
"""
