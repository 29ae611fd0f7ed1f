"""The state of a reversal: the adjoints collected so far, in each region of the backward part.

In: values, and contributions to their adjoints; out: adjoints, where they are complete.
Start with `accumulate`, then `reverse_state`.
"""
