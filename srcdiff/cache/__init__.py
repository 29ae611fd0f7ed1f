"""The cache: generated programs and compiled code in files.

In: a function, options and types; out: a record of the program, or its machine code. Start with `stored`; `fingerprint`
computes the keys.
"""
