"""What a callee means: builtins, methods of containers, classes, and whether a call is operations or is read in place.

In: a callee with the values of its arguments; out: the value of the call.
Start with `dispatch`, which has the order of the cases.
"""
