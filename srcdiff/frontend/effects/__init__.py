"""Effects, random draws, and sums over the values of discrete draws.

In: calls of effects and draws; out: the lines of the handler in their place.
Start with `handlers`, then `enumerate`; `effects` has the functions that handlers call.
"""
