"""Storage in log space: variables, arrays, lists and results of branches that hold logarithms of their values.

In: a value that is stored as an exponential and used by logarithms; out: the same with the exponent stored.
Start with `flow` (which values qualify), then `carries`.
"""
