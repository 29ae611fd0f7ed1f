"""Values that are exponentials, kept as their logarithms.

In: `log` of sums and products of exponentials; out: the same in log space.
Start with `factored_form` and `logarithm`.
"""
