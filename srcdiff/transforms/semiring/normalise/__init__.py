"""Normal forms of `log_Z` programs before a semiring is put in.

In: a program as users write it; out: one without shifts and idioms.
Start with `cancel_normalisers`.
"""
