"""Operations on signals: Fourier transforms, convolutions, filters.

In: the callables of `numpy.fft` and `scipy.signal`; out: their declarations in the registry.
Start with `fft`.
"""
