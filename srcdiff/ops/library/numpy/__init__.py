"""Functions of NumPy, written as Python over other operations.

In: a callable of NumPy; out: a composite, which the frontend reads in the place of the call.
Start with `differences`, a short one; `library/compile_time` has what runs while compiling.
"""
