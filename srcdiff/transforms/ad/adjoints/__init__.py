"""The state of a reversal: what is known of each value's adjoint, in each region of the backward part.

In: values, and contributions to their adjoints; out: adjoints, where they are complete.
Start with `accumulate`, then `reverse_state`.
"""
