"""What works inside of Numba: calls of derivatives from compiled code, types, attributes.

In: Numba's types of a call; out: the compiled derivative.
Start with `calls`. Imported with Numba only.
"""
