"""Guards: checks of a specialisation's assumptions, and Python's own errors.

In: what a specialisation assumed; out: guards at the entry, errors in their place.
Start with `entry_guards`.
"""
