"""Checks that a derivative makes of its arguments, and Python's own errors.

In: what a specialisation assumed; out: guards at the entry, errors in their place.
Start with `entry_guards`.
"""
