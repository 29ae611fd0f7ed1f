"""What a `for` loop goes through: iterables, iterators, generators, comprehensions, itertools.

In: an iterable value; out: items by position for a loop, or known items one by one.
Start with `iterables`; `prelude` has builtins that are written in Python.
"""
