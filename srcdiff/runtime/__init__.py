"""The runtime of generated code. These modules keep their paths, because saved files import them.

In: numbers and arrays; out: numbers and arrays, compiled by Numba.
Start with `vmath`; `math` has the elementary functions, `cuda` the interface to numba.cuda.
"""
