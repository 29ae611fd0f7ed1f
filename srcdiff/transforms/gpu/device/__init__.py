"""Device functions: a program for one thread, or one block, of a kernel.

In: a loop form; out: one without allocation, exceptions and recursion.
Start with `legality` and `preallocate`.
"""
