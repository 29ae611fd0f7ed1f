"""The Numba extension: calls of derivatives from compiled code, types and attributes.

In: Numba's types of a call; out: the compiled derivative. Start with `calls`. The package is imported with Numba only.
"""
