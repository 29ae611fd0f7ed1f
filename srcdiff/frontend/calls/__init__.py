"""Calls: which callee a call means, and whether it is inlined or outlined.

In: a call node and its callee; out: operations, inlined statements, or a `Call`.
Start with `dispatch`, which has the order of the cases.
"""
