"""What generated code imports. These modules keep their paths: saved files name them.

In: numbers and arrays; out: numbers and arrays, compiled by Numba.
Start with `vmath`; `math` has the elementary functions, `cuda` all that is asked of numba.cuda.
"""
