"""Semiring transformations: a log-partition function computes in another semiring (maxima, samples, counts, k best).

In: a program of `log_Z`; out: a program of the best path, of draws, of weights.
Start with `log_semiring`.
"""
