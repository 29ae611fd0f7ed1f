"""Log-partition functions in other semirings: maxima, samples, counts, k best.

In: a program of `log_Z`; out: one of the best path, of draws, of weights.
Start with `log_semiring`.
"""
