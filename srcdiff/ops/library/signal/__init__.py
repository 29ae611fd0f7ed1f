"""Fourier variants, convolution modes, interpolation and integration over samples.

In: callables of NumPy and SciPy; out: composites.
Start with `interpolate`.
"""
