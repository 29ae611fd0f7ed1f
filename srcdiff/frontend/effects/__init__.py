"""Effect handlers, random draws and enumeration of discrete choices.

In: calls of effects and draws; out: the handler's lines in their place.
Start with `effects`.
"""
