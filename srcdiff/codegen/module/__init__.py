"""A generated module: its text, its file, its import.

In: functions as text; out: a module that was loaded.
Start with `module` and `load`.
"""
