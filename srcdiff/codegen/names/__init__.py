"""Names of variables in generated text.

In: a plan; out: a name for each value, with as few variables as a person would use.
Start with `assign`; `heuristics` makes up names.
"""
