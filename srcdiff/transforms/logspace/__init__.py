"""Log-space representation: values that are exponentials are computed and stored as their logarithms.

In: `log` of sums and products of exponentials; out: the same in log space.
Start with `factored_form` and `logarithm`.
"""
