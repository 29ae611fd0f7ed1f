"""Lists, tuples, dicts, objects and their identities while a program is read.

In: container displays and methods; out: known containers, or lists of the IR.
Start with `lists`; `may_alias` has containers that may be one.
"""
