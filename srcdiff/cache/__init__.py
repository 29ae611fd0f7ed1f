"""What was generated and compiled before, found again in files.

In: a function, options and types; out: a record of the program, or its machine code.
Start with `stored`; `fingerprint` is the key.
"""
