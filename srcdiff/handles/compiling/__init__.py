"""Which form a call runs, and when the loop form is compiled.

In: a specialisation and the values of a call; out: a function for it, in NumPy or compiled.
Start with `tiers`.
"""
