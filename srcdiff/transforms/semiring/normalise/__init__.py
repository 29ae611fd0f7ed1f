"""Normal forms of `log_Z` programs, before they compute in another semiring.

In: a program as users write it; out: one without shifts and idioms.
Start with `cancel_normalisers`.
"""
