"""What `for` iterates over: iterables, generators, comprehensions, itertools.

In: an iterable value; out: loops, or its items one after the other.
Start with `iterables`.
"""
